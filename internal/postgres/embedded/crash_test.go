package embedded

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

const keep = "create table kept as select 'here' as v"

// wantRecovered starts on what a crash has left and finds the data, and one server.
func wantRecovered(t *testing.T, dir string) {
	t.Helper()
	s := start(t, quick(dir))
	wantValue(t, s.URL(), "select v from kept", "here")
	if n := servers(t, dir); n != 1 {
		t.Errorf("%d servers are alive", n)
	}
}

func TestServiceKilled(t *testing.T) {
	t.Parallel()
	dir := seeded(t)
	child := spawn(t, quick(dir), nil)
	child.awaitReady(t)
	execute(t, urlOf(t, dir), keep)
	child.kill()
	wantRecovered(t, dir)
}

func TestServerKilled(t *testing.T) {
	t.Parallel()
	dir := seeded(t)
	s := start(t, quick(dir))
	execute(t, s.URL(), keep)
	_ = syscall.Kill(postmaster(dir), syscall.SIGKILL)
	wantDone(t, s)
	if s.Err() == nil || !strings.Contains(s.Err().Error(), "killed") {
		t.Errorf("Err: %v", s.Err())
	}
	wantRecovered(t, dir)
}

// A query that computes does not notice that its server is gone, and still works on the data.
func TestServerKilledDuringQuery(t *testing.T) {
	t.Parallel()
	dir := seeded(t)
	s := start(t, quick(dir))
	execute(t, s.URL(), keep)
	conn := connect(t, s.URL())
	wire, ended := conn.PgConn().Conn(), make(chan error)
	go func() {
		_, err := conn.Exec(context.Background(), "do 'begin loop end loop; end'")
		ended <- err
	}()
	until(t, "the query runs", func() bool {
		return value(t, s.URL(), "select count(*)::text from pg_stat_activity where query like 'do %'") == "1"
	})
	_ = syscall.Kill(postmaster(dir), syscall.SIGKILL)
	wantDone(t, s)
	_ = wire.Close() // the client goes, as it would with the service
	if err := <-ended; err == nil {
		t.Error("the query came to an end")
	}
	wantRecovered(t, dir)
}

func TestServiceAndServerKilled(t *testing.T) {
	t.Parallel()
	dir := seeded(t)
	child := spawn(t, quick(dir), nil)
	child.awaitReady(t)
	execute(t, urlOf(t, dir), keep)
	_ = syscall.Kill(postmaster(dir), syscall.SIGKILL)
	child.kill()
	wantRecovered(t, dir)
}

func TestKilledWhileDataIsMade(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	for _, sign := range []string{
		"lock", "password", "initdb-*", "initdb-*/pgdata/base", "initdb-*/pgdata/base/1/PG_VERSION", "initdb-*/pgdata/base/5",
		"pgdata", "pgdata/postmaster.pid", "pgdata/base/16*",
	} {
		child := spawn(t, quick(dir), nil)
		until(t, sign, func() bool {
			return found(filepath.Join(dir, sign)) || strings.HasPrefix(sign, "initdb") && exists(dir+"/pgdata")
		})
		child.kill()
	}
	s := start(t, quick(dir))
	execute(t, s.URL(), keep)
	if found(dir + "/initdb-*") {
		t.Error("half-made data is still there")
	}
	stop(t, s)
	wantRecovered(t, dir)
}

// orphan runs a server on dir that nothing ends with its starter.
func orphan(t *testing.T, dir string, family *os.File) *exec.Cmd {
	t.Helper()
	in, err := inspect(t.Context(), quick(dir))
	if err != nil {
		t.Fatal(err)
	}
	cmd := in.command(t.Context(), family, 0, "postgres", in.arguments()...)
	if family == nil {
		cmd.ExtraFiles = nil
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "the orphan is ready", func() bool {
		f := readPidFile(in.pidFile())
		return f.pid == cmd.Process.Pid && f.status == "ready"
	})
	return cmd
}

func TestOrphanIsStopped(t *testing.T) {
	t.Parallel()
	dir := seeded(t)
	s := start(t, quick(dir))
	execute(t, s.URL(), keep)
	stop(t, s)
	family, err := acquire(t.Context(), layout{dir}.familyLock(), 0)
	if err != nil {
		t.Fatal(err)
	}
	cmd := orphan(t, dir, family)
	_ = family.Close()
	left := make(chan error)
	go func() { left <- cmd.Wait() }()
	wantRecovered(t, dir)
	if err := <-left; err != nil {
		t.Errorf("orphan did not shut down in order: %v", err)
	}
}

func TestForeignServerOnOurDataIsLeftAlone(t *testing.T) {
	t.Parallel()
	dir := seeded(t)
	s := start(t, quick(dir))
	execute(t, s.URL(), keep)
	stop(t, s)
	cmd := orphan(t, dir, nil)
	if msg := refused(t, quick(dir), ErrInUse); !strings.Contains(msg, strconv.Itoa(cmd.Process.Pid)) {
		t.Errorf("message does not name the process: %s", msg)
	}
	wantValue(t, urlOf(t, dir), "select v from kept", "here")
	_ = cmd.Process.Signal(syscall.SIGINT)
	_ = cmd.Wait()
	wantRecovered(t, dir)
}

// Strangers have taken over the process ids that a killed server left behind, and even run as the server's user.
func TestStrangersWithOldProcessIDs(t *testing.T) {
	t.Parallel()
	dir := seeded(t)
	s := start(t, quick(dir))
	execute(t, s.URL(), keep)
	old := strconv.Itoa(postmaster(dir))
	_ = s.cmd.Process.Kill()
	wantDone(t, s)
	leave := []func(){stranger(t, dir+"/pgdata/postmaster.pid", old), stranger(t, dir+"/run/"+socketName+".lock", old)}
	wantRecovered(t, dir)
	for _, f := range leave {
		f()
	}
}

// stranger runs a process that has nothing to do with us and puts its id in the first line of a file, in place of old.
// The returned function ends it, and fails the test if something else did before.
func stranger(t *testing.T, file, old string) func() {
	t.Helper()
	as, err := credential("")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("cat")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	replace(t, file, old, strconv.Itoa(cmd.Process.Pid))
	return func() {
		_ = in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("the stranger of %s was harmed: %v", file, err)
		}
	}
}

func TestEmptyProcessIDFile(t *testing.T) {
	t.Parallel()
	dir := seeded(t)
	s := start(t, quick(dir))
	execute(t, s.URL(), keep)
	_ = s.cmd.Process.Kill()
	wantDone(t, s)
	if err := os.Truncate(layout{dir}.pidFile(), 0); err != nil {
		t.Fatal(err)
	}
	wantRecovered(t, dir)
}

// replace changes the first line of a file from one to another.
func replace(t *testing.T, path, from, to string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rest, ok := strings.CutPrefix(string(b), from+"\n")
	if !ok {
		t.Fatalf("%s holds %q", path, b)
	}
	if err := os.WriteFile(path, []byte(to+"\n"+rest), 0o600); err != nil {
		t.Fatal(err)
	}
}
