package embedded

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// pendingQuit reports whether SIGQUIT waits to be delivered.
func pendingQuit(t *testing.T, pid int) bool {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "\nShdPnd:")
	field, _, _ := strings.Cut(rest, "\n")
	set, err := strconv.ParseUint(strings.TrimSpace(field), 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return set&(1<<(syscall.SIGQUIT-1)) != 0
}

func TestStopAtOnceLosesNothing(t *testing.T) {
	t.Parallel()
	dir := seeded(t)
	s := start(t, quick(dir))
	execute(t, s.URL(), "create table kept as select 'here' as v")
	// Held back, the server cannot stop in time: like one with much to write.
	server, err := os.FindProcess(postmaster(dir))
	if err != nil {
		t.Fatal(err)
	}
	_ = server.Signal(syscall.SIGSTOP)
	stopped := make(chan error)
	go func() { stopped <- s.Stop(time.Millisecond) }()
	until(t, "SIGQUIT is sent", func() bool { return pendingQuit(t, server.Pid) })
	_ = server.Signal(syscall.SIGCONT)
	if err := <-stopped; err == nil || !strings.Contains(err.Error(), "1ms") {
		t.Errorf("Stop: %v", err)
	}
	wantValue(t, start(t, quick(dir)).URL(), "select v from kept", "here")
}

// Linux tells a child of its starter's death when the starting thread ends: that must not be the thread of whoever
// calls Start.
func TestServerOutlivesThread(t *testing.T) {
	t.Parallel()
	dir := seeded(t)
	var s *Server
	var err error
	thread := inDyingThread(func() { s, err = Start(deadline(t), quick(dir)) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop(patience) })
	until(t, "the thread ends", func() bool { return !exists(fmt.Sprintf("/proc/self/task/%d", thread)) })
	execute(t, s.URL(), keep)
	wantValue(t, s.URL(), "select v from kept", "here")
}

// inDyingThread calls f in a thread that ends after it, and returns the thread's id.
func inDyingThread(f func()) int {
	id := make(chan int)
	go func() {
		runtime.LockOSThread() // a thread ends with the goroutine that has locked it
		if syscall.Gettid() == os.Getpid() {
			id <- inDyingThread(f) // the main thread never ends; as long as it is locked, another one is taken
			runtime.UnlockOSThread()
			return
		}
		f()
		id <- syscall.Gettid()
	}()
	return <-id
}

// The database does not stay behind by itself, even if nobody ever starts it again.
func TestServerEndsWithService(t *testing.T) {
	t.Parallel()
	dir := seeded(t)
	child := spawn(t, quick(dir), nil)
	child.awaitReady(t)
	child.kill()
	until(t, "the server ends", func() bool { return servers(t, dir) == 0 })
	if exists(layout{dir}.pidFile()) {
		t.Error("it did not shut down in order")
	}
}
