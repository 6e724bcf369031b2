package testdb

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
)

// sweeper removes the folder $1 once its input ends, which it does when we close it or die. A server that dies with us
// may still write for a moment.
const sweeper = `read -r _; for try in 1 2 3 4 5 6 7 8 9 10; do rm -rf "$1" && exit; sleep 0.3; done; exit 1`

// folder is a temporary folder that goes when it is removed or this process ends, even by a panic, Ctrl-C or SIGKILL.
type folder struct {
	path    string
	sweeper *exec.Cmd
	alive   io.Closer
}

// scratch is where the folder is made: in memory if there is room, since each database is three hundred files. Empty stands for
// the usual place, and so it is where TMPDIR names one.
func scratch() string {
	const memory = "/dev/shm"
	var fs syscall.Statfs_t
	if os.Getenv("TMPDIR") != "" || syscall.Statfs(memory, &fs) != nil || uint64(fs.Bavail)*uint64(fs.Bsize) < 4<<30 {
		return ""
	}
	return memory
}

func newFolder() (*folder, error) {
	path, err := os.MkdirTemp(scratch(), "latchkey-test-")
	if err != nil {
		return nil, err
	}
	f := &folder{path: path, sweeper: exec.Command("sh", "-c", sweeper, "sh", path)} //nolint:noctx // it must outlive all
	f.sweeper.SysProcAttr = &syscall.SysProcAttr{Setsid: true}                       // Ctrl-C is not for it
	if f.alive, err = f.sweeper.StdinPipe(); err == nil {
		err = f.sweeper.Start()
	}
	if err == nil && os.Geteuid() == 0 { // the server runs as somebody else, who has to pass through
		err = os.Chmod(path, 0o711) //nolint:gosec // what lies in it is private
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(path))
	}
	return f, nil
}

// remove returns when the folder is gone.
func (f *folder) remove() error {
	if err := errors.Join(f.alive.Close(), f.sweeper.Wait()); err != nil {
		return fmt.Errorf("remove %s: %w", f.path, err)
	}
	return nil
}
