package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// evictions are the signals sent to a server left behind, and how long each may take. The first two are the same since
// a server in its first moments cannot be recognised yet.
var evictions = []struct {
	signal   syscall.Signal
	patience time.Duration
}{
	{syscall.SIGINT, time.Second},
	{syscall.SIGINT, 20 * time.Second},
	{syscall.SIGQUIT, 10 * time.Second},
}

// evict takes the family lock, which every program that we start inherits and passes on to its children: while it is
// held, something of an earlier start is alive, and once we have it, nothing is. A server that outlived its Latchkey is
// stopped. Our own lock must be held, so that no living Latchkey is robbed of its server.
func (in *instance) evict(ctx context.Context) (*os.File, error) {
	f, err := acquire(ctx, in.familyLock(), 0)
	for _, e := range evictions {
		if !errors.Is(err, ErrInUse) {
			return f, err
		}
		in.signalServer(e.signal)
		f, err = acquire(ctx, in.familyLock(), e.patience)
	}
	if errors.Is(err, ErrInUse) {
		return nil, fmt.Errorf("%w by a PostgreSQL of an earlier start that does not stop: end the processes working in %s",
			err, in.data())
	}
	return f, err
}

// signalServer signals the process of postmaster.pid if it really is the server of our data.
func (in *instance) signalServer(sig syscall.Signal) {
	pid := readPidFile(in.pidFile()).pid
	p, err := os.FindProcess(pid)
	if err != nil {
		return
	}
	// In this order: where the system allows, the id cannot pass to another process once it has been found.
	if serves(pid, in.data()) {
		_ = p.Signal(sig)
	}
	_ = p.Release()
}

// leftover returns the process id in a postmaster.pid that was left behind, 0 if there is none. The family lock must be
// held. ErrInUse means that a server which we did not start is running on the data.
func (in *instance) leftover() (int, error) {
	b, err := os.ReadFile(in.pidFile())
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read leftover process id: %w", err)
	}
	if len(b) == 0 { // what a power cut leaves of it, and PostgreSQL would not start on
		return 0, os.Remove(in.pidFile())
	}
	pid := parsePidFile(b).pid
	if serves(pid, in.data()) {
		return 0, fmt.Errorf("%w by a PostgreSQL that Latchkey did not start, process %d: stop it, then start again",
			ErrInUse, pid)
	}
	return pid, nil
}

// pidFile is what we read of postmaster.pid.
type pidFile struct {
	pid    int // 1 stands for none: no server has it
	status string
}

func readPidFile(path string) pidFile {
	b, _ := os.ReadFile(path) // unreadable and absent are the same here: nothing is known
	return parsePidFile(b)
}

func parsePidFile(b []byte) pidFile {
	lines := strings.Split(string(b), "\n")
	pid, _ := strconv.Atoi(lines[0])
	f := pidFile{pid: max(pid, -pid, 1)} // negative: a server in single-user mode
	if len(lines) > 7 {
		f.status = strings.TrimSpace(lines[7])
	}
	return f
}
