// These tests run the real program as its operators do: as a process, on free ports, with a database of its own, and talk to
// it through the SDK.
package main_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey/internal/testdb"
	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
)

// patience bounds every wait, and is long because the machine may be busy.
const patience = time.Minute

// binary is the program, built once.
var binary string

func TestMain(m *testing.M) { os.Exit(testAll(m)) }

func testAll(m *testing.M) int {
	dir, err := os.MkdirTemp(scratch(), "lk")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "latchkey")
	// As make build does, so that the compiled packages are shared.
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build: %v\n%s", err, out)
		return 1
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		panic(err)
	}
	defer stopExternal()
	code := m.Run()
	if left := unread(); code == 0 && left != nil {
		fmt.Fprintln(os.Stderr, "no test has run what these say that one does:", left)
		return 1
	}
	return code
}

// scratch is where tests put their data: in memory if there is room, since a server is a thousand files. It is not
// TMPDIR, which on macOS is too long for a socket.
func scratch() string {
	var fs syscall.Statfs_t
	if err := syscall.Statfs("/dev/shm", &fs); err == nil && uint64(fs.Bavail)*uint64(fs.Bsize) > 2<<30 {
		return "/dev/shm"
	}
	return "/tmp"
}

// folder returns a path that does not exist yet, in a folder that everybody can enter, as the server's user must.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(scratch(), "lk")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // a server whose service was killed may still be writing
		until(t, "remove "+dir, func() bool { return os.RemoveAll(dir) == nil })
	})
	return filepath.Join(dir, "data")
}

// Accounts of a seeded instance: ada is its administrator, grace may have keys, and bob may nothing.
const (
	adaPassword   = "correct horse battery staple"
	gracePassword = "a first pass phrase to change"
	bobPassword   = "nobody gave me any roles yet"
)

var template struct {
	once sync.Once
	dir  string
}

// seeded returns a data folder of an instance with ada, grace and bob, for tests that are not about making one.
func seeded(t *testing.T) string {
	t.Helper()
	template.once.Do(func() {
		dir := filepath.Join(filepath.Dir(binary), "template")
		p := serve(t, "LATCHKEY_DATA_DIR="+dir)
		p.setUp(adaPassword)
		p.seed()
		p.stop()
		template.dir = dir
	})
	if template.dir == "" {
		t.Fatal("the first test that needed a template could not make it")
	}
	dir := folder(t)
	if out, err := exec.Command("cp", "-a", template.dir, dir).CombinedOutput(); err != nil {
		t.Fatalf("copy template: %v: %s", err, out)
	}
	return dir
}

// output collects what a process writes.
type output struct {
	mu  sync.Mutex
	all []byte
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all = append(o.all, b...)
	return len(b), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.all)
}

// until polls, since what is waited for sends no signal.
func until(t *testing.T, what string, yes func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience) // not the test's: clean-up waits too
	defer cancel()
	for !yes() {
		select {
		case <-ctx.Done():
			t.Fatal("in vain: " + what)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantRefusal says that an error is a refusal of the service, with this status and code.
func wantRefusal(t *testing.T, err error, status int, code latchkey.ErrorCode) {
	t.Helper()
	e, ok := errors.AsType[*latchkey.Error](err)
	if !ok || e.Status != status || e.Code != code {
		t.Errorf("got %v, want %d %s", err, status, code)
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// external is a PostgreSQL server that belongs to somebody else, shared by all tests.
var external struct {
	once   sync.Once
	server *testdb.Server
	err    error
}

func stopExternal() {
	if external.server != nil {
		if err := external.server.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "external server:", err)
		}
	}
}
