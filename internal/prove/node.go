package prove

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// node is one real process of latchkey, again and again on the same port.
type node struct {
	number  int
	binary  string
	env     []string
	address string // of the API
	metrics string
	log     string // path; every run adds to it
	link    *link

	mu     sync.Mutex
	cmd    *exec.Cmd
	exited chan struct{} // closed when cmd has ended
	said   output        // stdout of all runs
	ambush chan<- struct{}
}

const (
	stopPatience  = 30 * time.Second // the service gives its requests 20 s
	startPatience = 30 * time.Second
)

// newNode prepares a node on free ports below those that connections are made from, so that its port stays free while it is
// down.
func newNode(number int, binary, dir string, l *link, databaseURL string, from *int) (*node, error) {
	n := &node{number: number, binary: binary, link: l, log: filepath.Join(dir, fmt.Sprintf("node%d.log", number))}
	for _, address := range []*string{&n.address, &n.metrics} {
		port, err := freePort(from)
		if err != nil {
			return nil, err
		}
		*address = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	}
	n.env = []string{"HOME=" + dir, "LATCHKEY_DATABASE_URL=" + databaseURL, "LATCHKEY_LISTEN=" + n.address, "LATCHKEY_METRICS_LISTEN=" + n.metrics,
		"LATCHKEY_DATABASE_CONNECTIONS=12", "LATCHKEY_PASSWORD_MEMORY=19", "LATCHKEY_PASSWORD_PASSES=1", "LATCHKEY_LOG_FORMAT=json",
		"LATCHKEY_TRUSTED_PROXIES=127.0.0.1/32"}
	return n, nil
}

func freePort(from *int) (int, error) {
	for ; *from < 32000; *from++ {
		l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(*from)))
		if err == nil {
			*from++
			return *from - 1, l.Close()
		}
	}
	return 0, errors.New("no free port below 32000")
}

// start runs the program and does not wait until it is ready.
func (n *node) start() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	log, err := os.OpenFile(n.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	cmd := exec.Command(n.binary, "serve")
	cmd.Env, cmd.Stdout, cmd.Stderr = n.env, &n.said, log
	cmd.SysProcAttr = childAttr()
	started, exited := make(chan error), make(chan struct{})
	go func() { // the kernel ends the child with the thread that has started it
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
		_ = log.Close()
		close(exited)
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start node %d: %w", n.number, err)
	}
	n.cmd, n.exited = cmd, exited
	return nil
}

// awaitReady waits until the node says that it can serve.
func (n *node) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startPatience, fmt.Errorf("node %d was not ready in %s", n.number, startPatience))
	defer cancel()
	for !n.ready(ctx) {
		n.mu.Lock()
		exited := n.exited
		n.mu.Unlock()
		select {
		case <-exited:
			return fmt.Errorf("node %d ended by itself; see its log", n.number)
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nil
}

func (n *node) ready(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	status, _, err := fetch(ctx, "http://"+n.address+"/readyz")
	return err == nil && status == http.StatusOK
}

// fetch gets a page.
func fetch(ctx context.Context, url string) (int, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, "", err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	return resp.StatusCode, string(body), err
}

// signal reaches the process if it is running.
func (n *node) signal(s syscall.Signal) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd != nil {
		_ = n.cmd.Process.Signal(s) // fails if it has ended
	}
}

func (n *node) freeze() { n.signal(syscall.SIGSTOP) }
func (n *node) thaw()   { n.signal(syscall.SIGCONT) }

// kill ends the process at once, even a frozen one.
func (n *node) kill() {
	n.signal(syscall.SIGKILL)
	n.mu.Lock()
	exited := n.exited
	n.mu.Unlock()
	if exited != nil {
		<-exited
	}
}

// stop ends the process as its operator would.
func (n *node) stop() error {
	n.mu.Lock()
	cmd, exited := n.cmd, n.exited
	n.mu.Unlock()
	if cmd == nil {
		return nil
	}
	n.signal(syscall.SIGTERM)
	select {
	case <-exited:
	case <-time.After(stopPatience):
		n.kill()
		return fmt.Errorf("node %d does not stop", n.number)
	}
	if code := cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("node %d ended with %d when it was asked to stop", n.number, code)
	}
	return nil
}

var setupLine = regexp.MustCompile(`\nset-up code: ([2-9A-Z]{4}-[2-9A-Z]{4}-[2-9A-Z]{4})\n`)

// setupCode waits for the code that a new instance prints.
func (n *node) setupCode(ctx context.Context) (string, error) {
	for {
		if found := setupLine.FindStringSubmatch(n.said.String()); found != nil {
			return found[1], nil
		}
		select {
		case <-ctx.Done():
			return "", context.Cause(ctx)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// lieInWait gives a channel that is written to when the next withdrawal is sent to this node.
func (n *node) lieInWait() <-chan struct{} {
	c := make(chan struct{}, 1)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ambush = c
	return c
}

// withdrawing is called when a withdrawal is about to be sent to this node.
func (n *node) withdrawing() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ambush != nil {
		n.ambush <- struct{}{}
		n.ambush = nil
	}
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
