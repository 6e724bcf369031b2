package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// quitPatience is longer than the 5 s after which the server kills what does not quit.
	quitPatience = 8 * time.Second
	// pipePatience is how long the log of a dead server is read on, since its children may hold it open.
	pipePatience = 100 * time.Millisecond
	forever      = time.Duration(1<<63 - 1)
)

// Server is a running PostgreSQL. Its methods may be called from any goroutine.
type Server struct {
	cmd      *exec.Cmd
	run      string // folder of the socket
	password string
	fatal    *fatalLine
	up       atomic.Bool // it has been ready
	stopping atomic.Bool
	done     chan struct{}
	err      error // valid after done
}

// URL returns the connection string of the database latchkey, for pgx and anything built on it. It holds the password.
func (s *Server) URL() string { return s.url(role) }

func (s *Server) url(database string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(role, s.password), Path: "/" + database}
	query := url.Values{"host": {s.run}, "port": {port}, "sslmode": {"disable"}}.Encode()
	u.RawQuery = strings.ReplaceAll(query, "+", "%20") // pgx, like libpq, reads a plus as a plus
	return u.String()
}

// Done is closed when the server has exited, for whatever reason.
func (s *Server) Done() <-chan struct{} { return s.done }

// Err says why the server exited, and is nil if Stop stopped it in time. It may be called after Done is closed.
func (s *Server) Err() error { return s.err }

// Stop ends all connections, writes everything to its place and stops; if that takes longer than grace, it stops at
// once and returns an error, and the next start recovers. Nothing committed is lost either way. It returns when the
// server has exited; if that had happened before, with the reason.
func (s *Server) Stop(grace time.Duration) error {
	s.stopping.Store(true)
	if s.signal(syscall.SIGINT, grace) {
		return s.err
	}
	if !s.signal(syscall.SIGQUIT, quitPatience) {
		s.signal(syscall.SIGKILL, forever)
	}
	return fmt.Errorf("postgres did not stop within %s and was cut off: the next start recovers", grace)
}

// signal reports whether the server exits within patience.
func (s *Server) signal(sig syscall.Signal, patience time.Duration) bool {
	_ = s.cmd.Process.Signal(sig) // fails if it has exited, which done will tell
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case <-s.done:
		return true
	case <-t.C:
		return false
	}
}

// launch starts the server with the family lock, and gives lock back when it has ended.
func (in *instance) launch(family, lock *os.File, password string) (*Server, error) {
	pid, err := in.leftover()
	if err != nil {
		return nil, err
	}
	if err := in.freshRun(); err != nil {
		return nil, fmt.Errorf("make socket folder: %w", err)
	}
	log, logCloser, err := in.openLog()
	if err != nil {
		return nil, err
	}
	s := &Server{run: in.run(), password: password, fatal: &fatalLine{to: log}, done: make(chan struct{})}
	s.cmd = in.command(context.Background(), family, syscall.SIGINT, "postgres", in.arguments()...)
	s.cmd.Stdout, s.cmd.Stderr, s.cmd.WaitDelay = s.fatal, s.fatal, pipePatience
	// By now the id left behind belongs to nobody or to a stranger. The server takes a living process of its own user
	// for a rival, except for its starter's starter, which this declares the stranger to be.
	s.cmd.Env = append(s.cmd.Env, "PG_GRANDPARENT_PID="+strconv.Itoa(pid))
	started := make(chan error)
	go s.accompany(started, logCloser, lock)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("run postgres: %w", err)
	}
	return s, nil
}

// accompany starts the server and stays with it until it ends, in one thread: see childAttr.
func (s *Server) accompany(started chan<- error, log, lock io.Closer) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := s.cmd.Start()
	started <- err
	if err != nil {
		_ = log.Close()
		return
	}
	s.err = s.reason(s.cmd.Wait())
	_ = log.Close()
	_ = lock.Close()
	close(s.done)
}

// reason puts the end of the process into words.
func (s *Server) reason(err error) error {
	if errors.Is(err, exec.ErrWaitDelay) { // it ended well, and a stranger holds its log open
		err = nil
	}
	switch {
	case err == nil && s.stopping.Load():
		return nil
	case err == nil:
		return errors.New("postgres was stopped by somebody else")
	case s.fatal.text != "" && !s.up.Load(): // later, these lines are mostly about clients
		return fmt.Errorf("postgres exited: %w: %s", err, s.fatal.text)
	}
	return fmt.Errorf("postgres exited: %w", err)
}

// freshRun makes the socket's folder anew, without the socket and the lock that a killed server leaves in it.
func (in *instance) freshRun() error {
	if err := os.RemoveAll(in.run()); err != nil {
		return err
	}
	if err := os.Mkdir(in.run(), 0o700); err != nil {
		return err
	}
	return in.give(in.run())
}

// command prepares a server program that holds the family lock and gets death when this thread ends. It sees nothing of
// our environment, where secrets may be.
func (in *instance) command(ctx context.Context, family *os.File, death syscall.Signal, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, in.programs.path(name), args...)
	cmd.Dir = in.dir
	cmd.Env = []string{"LC_ALL=C", "TZ=UTC", "PATH=" + os.Getenv("PATH")}
	cmd.ExtraFiles = []*os.File{family}
	cmd.SysProcAttr = childAttr(in.as, death)
	return cmd
}
