package embedded

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

func TestDataSurvivesStopAndStart(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	s := start(t, Config{Dir: dir}) // as an operator would: with fsync
	execute(t, s.URL(), "create table kept as select 'here' as v")
	url := s.URL()

	stop(t, s)
	wantDone(t, s)
	if s.Err() != nil {
		t.Errorf("Err after Stop: %v", s.Err())
	}
	if n := servers(t, dir); n != 0 {
		t.Errorf("%d servers after Stop", n)
	}

	s = start(t, Config{Dir: dir})
	if s.URL() != url {
		t.Error("the password has changed")
	}
	wantValue(t, s.URL(), "select v from kept", "here")
	wantValue(t, s.URL(), "show fsync", "on")
	stop(t, s)
	stop(t, s) // again does no harm
}

func TestServerIsPrivate(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	c := quick(dir)
	c.Settings["listen_addresses"] = "*" // not to be heard
	s := start(t, c)
	for name, want := range map[string]string{
		"listen_addresses": "", "unix_socket_permissions": "0700", "data_checksums": "on", "TimeZone": "UTC",
		"jit": "off", "log_statement": "none", "log_parameter_max_length_on_error": "0", "log_parameter_max_length": "0",
		"password_encryption": "scram-sha-256", "server_encoding": "UTF8", "fsync": "off", "shared_buffers": "16MB",
	} {
		wantValue(t, s.URL(), "show "+name, want)
	}
	wantValue(t, s.URL(), "select current_database() || ' ' || current_user", "latchkey latchkey")
	wantValue(t, s.URL(), "select string_agg(distinct auth_method, ' ') from pg_hba_file_rules", "scram-sha-256")
	for name, want := range map[string]fs.FileMode{"password": 0o600, "lock": 0o600, "run": 0o700, "pgdata": 0o700} {
		if fi, err := os.Stat(filepath.Join(dir, name)); err != nil || fi.Mode().Perm() != want {
			t.Errorf("%s: got %v, %v, want %v", name, fi.Mode(), err, want)
		}
	}
	wrong := Server{run: s.run, password: "wrong"}
	if conn, err := pgx.Connect(deadline(t), wrong.URL()); err == nil {
		_ = conn.Close(context.Background())
		t.Error("any password will do")
	}
}

func TestTerminalSignalsDoNotReachServer(t *testing.T) {
	t.Parallel()
	dir := seeded(t)
	start(t, quick(dir))
	group, err := syscall.Getpgid(postmaster(dir))
	if err != nil || group == syscall.Getpgrp() {
		t.Errorf("server is in process group %d, %v, as we are", group, err)
	}
}

func TestLogHasNoValues(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	c := quick(seeded(t))
	c.Log = &log
	s := start(t, c)
	execute(t, s.URL(), "create table t (v text primary key check (v <> 'hush-2'))")
	conn := connect(t, s.URL())
	for _, v := range []string{"hush-1", "hush-1", "hush-2"} {
		_, _ = conn.Exec(deadline(t), "insert into t values ($1)", v)
	}
	_, _ = conn.Exec(deadline(t), "select 'hush-3' from nowhere")
	_ = conn.Close(deadline(t))
	stop(t, s)
	if !strings.Contains(log.String(), "duplicate key") || strings.Contains(log.String(), "hush") {
		t.Errorf("log: %s", log.String())
	}
}

func TestOwnLogIsRotated(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "postgres.log")
	if err := os.WriteFile(path, make([]byte, maxLog+1), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := openRotated(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil || fi.Size() != 0 || fi.Mode().Perm() != 0o600 || !exists(path+".1") {
		t.Errorf("new log: %v, %v", fi, err)
	}
}

func TestSecondStartIsRefused(t *testing.T) {
	t.Parallel()
	dir := seeded(t)
	s := start(t, quick(dir))
	execute(t, s.URL(), "create table kept as select 'here' as v")
	if msg := refused(t, quick(dir), ErrInUse); !strings.Contains(msg, dir) {
		t.Errorf("message does not name the folder: %s", msg)
	}
	wantValue(t, s.URL(), "select v from kept", "here")
	stop(t, s)
	start(t, quick(dir))
}

func TestStoppedBySomebodyElse(t *testing.T) {
	t.Parallel()
	dir := seeded(t)
	s := start(t, quick(dir))
	_ = syscall.Kill(postmaster(dir), syscall.SIGINT)
	wantDone(t, s)
	if s.Err() == nil {
		t.Error("Err is nil though nobody called Stop")
	}
}

func TestCancelledStartLeavesNothing(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	cause := errors.New("changed my mind")
	ctx, cancel := context.WithCancelCause(deadline(t))
	failed := make(chan error)
	go func() {
		_, err := Start(ctx, quick(dir))
		failed <- err
	}()
	until(t, "initdb is at work", func() bool { return found(dir + "/initdb-*/pgdata/base") })
	cancel(cause)
	if err := <-failed; !errors.Is(err, cause) {
		t.Errorf("got %v, want %v", err, cause)
	}
	if exists(dir + "/pgdata") {
		t.Error("data was made")
	}
	start(t, quick(dir))
}

func TestStartWithoutTime(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := folder(t)
	if _, err := Start(ctx, quick(dir)); !errors.Is(err, context.Canceled) || exists(dir) {
		t.Errorf("got %v, want %v and nothing made", err, context.Canceled)
	}
}

func found(pattern string) bool {
	m, _ := filepath.Glob(pattern)
	return len(m) > 0
}
