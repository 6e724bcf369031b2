package main_test

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
)

// process is one run of the program.
type process struct {
	t              *testing.T
	cmd            *exec.Cmd
	stdout, stderr output
	exited         chan struct{}
	dir            string // LATCHKEY_DATA_DIR
	url            string // after awaitReady
}

// launch starts the program and does not wait. It sees nothing of our environment but what is needed, and env.
func launch(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	p := &process{t: t, exited: make(chan struct{})}
	p.cmd = exec.Command(binary, args...)
	p.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(binary)}, env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	p.cmd.WaitDelay = patience // for a grandchild that keeps our pipes
	p.dir = p.env("LATCHKEY_DATA_DIR")
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.exited)
	}()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			t.Logf("process %d said on stdout:\n%sand on stderr:\n%s", p.cmd.Process.Pid, p.stdout.String(), p.stderr.String())
		}
	})
	return p
}

// env gives the value of a variable that was set for the process.
func (p *process) env(name string) string {
	for _, e := range slices.Backward(p.cmd.Env) {
		if value, ok := strings.CutPrefix(e, name+"="); ok {
			return value
		}
	}
	return ""
}

// start launches the service on free ports, with a data folder of its own unless env names one or a database. Hashing is
// as cheap as it may be.
func start(t *testing.T, env ...string) *process {
	t.Helper()
	all := []string{"LATCHKEY_LISTEN=127.0.0.1:0", "LATCHKEY_METRICS_LISTEN=127.0.0.1:0", "LATCHKEY_PASSWORD_MEMORY=19", "LATCHKEY_PASSWORD_PASSES=1"}
	if !slices.ContainsFunc(env, func(e string) bool {
		return strings.HasPrefix(e, "LATCHKEY_DATA_DIR=") || strings.HasPrefix(e, "LATCHKEY_DATABASE_URL=")
	}) {
		all = append(all, "LATCHKEY_DATA_DIR="+folder(t))
	}
	return launch(t, append(all, env...), "serve")
}

// serve is start, and waits until the service is ready.
func serve(t *testing.T, env ...string) *process {
	t.Helper()
	p := start(t, env...)
	p.awaitReady()
	return p
}

var (
	readyLine   = regexp.MustCompile(`(?m)^latchkey \S+ is ready at (http://localhost:[1-9][0-9]*) \(.+\)$`)
	setupLine   = regexp.MustCompile(`\nset-up code: ([2-9A-Z]{4}-[2-9A-Z]{4}-[2-9A-Z]{4})\n$`)
	listenLine  = regexp.MustCompile(`"msg":"listening","address":"([^"]+)"`)
	metricsLine = regexp.MustCompile(`"msg":"metrics","address":"([^"]+)"`)
)

func (p *process) awaitReady() {
	p.t.Helper()
	p.url = p.await(&p.stdout, readyLine)
}

// await returns what the first group of a pattern matches in an output, once it does.
func (p *process) await(o *output, pattern *regexp.Regexp) string {
	p.t.Helper()
	var found []string
	until(p.t, "output of process: "+pattern.String(), func() bool {
		ended := p.hasExited() // looked at before the output, which is complete then
		if found = pattern.FindStringSubmatch(o.String()); found == nil && ended {
			p.t.Fatalf("process %d exited with %d before it said %s", p.cmd.Process.Pid, p.cmd.ProcessState.ExitCode(), pattern)
		}
		return found != nil
	})
	return found[1]
}

func (p *process) hasExited() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

func (p *process) signal(s os.Signal) { _ = p.cmd.Process.Signal(s) }

// wait returns the exit code.
func (p *process) wait() int {
	p.t.Helper()
	select {
	case <-p.exited:
	case <-time.After(patience):
		p.t.Fatal("the process does not end")
	}
	return p.cmd.ProcessState.ExitCode()
}

func (p *process) wantExit(code int) {
	p.t.Helper()
	if got := p.wait(); got != code {
		p.t.Fatalf("exit code %d, want %d", got, code)
	}
}

// stop ends the service as its operator would.
func (p *process) stop() {
	p.t.Helper()
	p.signal(syscall.SIGTERM)
	p.wantExit(0)
}

// kill ends the process, and nothing else, at once.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.exited
}

// complaints are the lines in which the program itself says why it ends.
func (p *process) complaints() []string {
	var lines []string
	for line := range strings.Lines(p.stderr.String()) {
		if text, ok := strings.CutPrefix(line, "latchkey: "); ok {
			lines = append(lines, strings.TrimSuffix(text, "\n"))
		}
	}
	return lines
}

// wantComplaint says that the one line in which the program gives up contains each part.
func (p *process) wantComplaint(parts ...string) {
	p.t.Helper()
	lines := p.complaints()
	if len(lines) != 1 {
		p.t.Fatalf("%d lines, want one: %q", len(lines), lines)
	}
	for _, part := range parts {
		if !strings.Contains(lines[0], part) {
			p.t.Errorf("the line lacks %q: %s", part, lines[0])
		}
	}
	if out := p.stderr.String(); strings.Contains(out, "panic") || strings.Contains(out, "goroutine") {
		p.t.Errorf("a stack trace: %s", out)
	}
}

// setupCode waits for the code, which is the last thing that a new instance prints.
func (p *process) setupCode() string {
	p.t.Helper()
	return p.await(&p.stdout, setupLine)
}

// setUp makes ada the first administrator.
func (p *process) setUp(password string) *latchkey.Client {
	p.t.Helper()
	c := p.anonymous()
	_, err := c.SetupComplete(p.t.Context(), latchkey.SetupInput{Code: p.setupCode(), Identifier: "ada", Token: password})
	check(p.t, err)
	return c
}

// seed makes grace and bob. Everything in it is made by ada.
func (p *process) seed() {
	p.t.Helper()
	ctx, ada := p.t.Context(), p.ada()
	_, err := ada.AccountCreate(ctx, latchkey.AccountInput{Identifier: "bob", Token: bobPassword})
	check(p.t, err)
	_, err = ada.AccountCreate(ctx, latchkey.AccountInput{Identifier: "grace", Token: gracePassword})
	check(p.t, err)
	role, err := ada.RoleCreate(ctx, latchkey.RoleInput{Name: "Integrator", Permissions: []string{"USE_PERSONAL_ACCESS_KEYS", "*:*"}})
	check(p.t, err)
	_, err = ada.AccountAddRole(ctx, "grace", role.ID)
	check(p.t, err)
}

func (p *process) anonymous() *latchkey.Client { return p.client(latchkey.Config{}) }

func (p *process) withKey(k latchkey.Key) *latchkey.Client { return p.client(latchkey.Config{Key: k}) }

func (p *process) client(c latchkey.Config) *latchkey.Client {
	p.t.Helper()
	c.BaseURL, c.Attempts = p.url, 1 // tests count what the service says
	if c.HTTPClient == nil {
		c.HTTPClient = &http.Client{Timeout: patience}
	}
	client, err := latchkey.New(c)
	check(p.t, err)
	return client
}

func (p *process) signIn(handle, password string) *latchkey.Client {
	p.t.Helper()
	c := p.anonymous()
	_, err := c.AuthPasswordSignin(p.t.Context(), handle, password)
	check(p.t, err)
	return c
}

func (p *process) ada() *latchkey.Client   { p.t.Helper(); return p.signIn("ada", adaPassword) }
func (p *process) grace() *latchkey.Client { p.t.Helper(); return p.signIn("grace", gracePassword) }

// newKey gives a client that holds a new key of an account.
func (p *process) newKey(owner *latchkey.Client) latchkey.AccessKeyIssued {
	p.t.Helper()
	k, err := owner.AccessKeyCreate(p.t.Context(), latchkey.AccessKeyInput{Name: "ci"})
	check(p.t, err)
	return k
}

// wantWorks says that a key answers for its owner.
func (p *process) wantWorks(k latchkey.Key, owner string) {
	p.t.Helper()
	a, err := p.withKey(k).AccountGet(p.t.Context())
	if err != nil || a.Handle != owner {
		p.t.Errorf("the key answers for %q, %v; want %s", a.Handle, err, owner)
	}
}

// wantDead says that a key opens nothing.
func (p *process) wantDead(k latchkey.Key) {
	p.t.Helper()
	_, err := p.withKey(k).AccountGet(p.t.Context())
	wantRefusal(p.t, err, 401, "credential_invalid")
}

// postmaster is the process id of the embedded server.
func postmaster(t *testing.T, dir string) int {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "postgres/pgdata/postmaster.pid"))
	var pid int
	if err == nil {
		_, err = fmt.Sscan(string(b), &pid)
	}
	if err != nil || pid <= 1 {
		t.Fatalf("postmaster.pid: %d, %v", pid, err)
	}
	return pid
}

// servers counts the living server processes of a data folder. What a server has just forked looks like it for a moment.
func servers(t *testing.T, dir string) int {
	t.Helper()
	out, err := exec.Command("ps", "-axww", "-o", "pid=,ppid=,stat=,args=").Output()
	check(t, err)
	parents := map[string]string{} // of those that look like servers, by their own number
	for line := range strings.Lines(string(out)) {
		field := strings.Fields(line)
		if strings.Contains(line, "postgres -D "+dir+"/postgres/pgdata ") && !strings.HasPrefix(field[2], "Z") {
			parents[field[0]] = field[1]
		}
	}
	n := 0
	for _, parent := range parents {
		if _, forked := parents[parent]; !forked {
			n++
		}
	}
	return n
}
