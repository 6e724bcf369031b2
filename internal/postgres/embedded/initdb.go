package embedded

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// ensureData makes the data if there is none, and returns the password that goes with it. The family lock must be held.
func (in *instance) ensureData(ctx context.Context, family *os.File) (string, error) {
	if err := in.sweep(); err != nil {
		return "", err
	}
	major, err := dataMajor(in.data())
	if err != nil {
		return "", err
	}
	if major != 0 && major != in.programs.major { // it was made since we looked
		return "", missing("", major, in.programs.major)
	}
	password, err := in.password(major == 0)
	if err != nil || major != 0 {
		return password, err
	}
	if err := in.initdb(ctx, family, password); err != nil {
		return "", fmt.Errorf("make new data: %w", err)
	}
	return password, nil
}

// sweep removes what a killed start has left half-made.
func (in *instance) sweep() error {
	left, err := filepath.Glob(filepath.Join(globQuote(in.dir), "initdb-*"))
	for _, dir := range left {
		err = errors.Join(err, os.RemoveAll(dir))
	}
	if err != nil {
		return fmt.Errorf("remove half-made data: %w", err)
	}
	return nil
}

var globQuote = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace

// password returns the kept password. It is made once, before there is any data, and never again: so there is no moment
// at which a kill could leave data that asks for another one.
func (in *instance) password(mayMake bool) (string, error) {
	b, err := os.ReadFile(in.passwordFile())
	if err == nil {
		return strings.TrimSpace(string(b)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read password: %w", err)
	}
	if !mayMake {
		return "", fmt.Errorf("%s is missing and the data asks for it: restore it from a backup", in.passwordFile())
	}
	password := rand.Text()
	if err := writeDurably(in.passwordFile(), password+"\n"); err != nil {
		return "", fmt.Errorf("keep password: %w", err)
	}
	return password, nil
}

// initdb makes the data in a folder beside and moves it into place when it is complete and on disk.
func (in *instance) initdb(ctx context.Context, family *os.File, password string) error {
	tmp, err := os.MkdirTemp(in.dir, "initdb-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(tmp) }() // if this fails, the next start does it
	if err := in.handOver(tmp, password); err != nil {
		return err
	}
	if err := in.runInitdb(ctx, family, tmp); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(tmp, "pgdata"), in.data()); err != nil {
		return err
	}
	return syncDir(in.dir)
}

// handOver gives tmp to the server's user, with a copy of the password in it: the kept one is not that user's to read.
func (in *instance) handOver(tmp, password string) error {
	file := filepath.Join(tmp, "password")
	if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
		return err
	}
	if err := in.give(file); err != nil {
		return err
	}
	return in.give(tmp)
}

func (in *instance) runInitdb(ctx context.Context, family *os.File, tmp string) error {
	runtime.LockOSThread() // see childAttr
	defer runtime.UnlockOSThread()
	args := []string{
		"--pgdata", filepath.Join(tmp, "pgdata"), "--pwfile", filepath.Join(tmp, "password"), "--username", role,
		"--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--data-checksums", "--no-instructions",
	}
	if in.settings["fsync"] == "off" {
		args = append(args, "--no-sync")
	}
	cmd := in.command(ctx, family, syscall.SIGKILL, "initdb", args...)
	// It works through children, which would go on by themselves.
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return fmt.Errorf("run initdb: %w", context.Cause(ctx))
	}
	if err != nil {
		return fmt.Errorf("run initdb: %w: %s", err, complaint(string(out)))
	}
	return nil
}

// complaint is the one line of a program's output that says what went wrong.
func complaint(out string) string {
	last := ""
	for line := range strings.Lines(out) {
		if strings.Contains(line, "error:") {
			return strings.TrimSpace(line)
		}
		if s := strings.TrimSpace(line); s != "" {
			last = s
		}
	}
	return last
}
