package main_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// whoHas gives a home of somebody who is signed in at an address, whatever answers there.
func whoHas(t *testing.T, url string) string {
	t.Helper()
	dir := t.TempDir()
	check(t, os.MkdirAll(filepath.Join(dir, ".config/latchkey"), 0o700))
	write(t, filepath.Join(dir, ".config/latchkey"), "session.json", fmt.Sprintf(`{"url": %q, "handle": "ada", "cookie": "latchkey", "value": "hush"}`, url))
	return dir
}

// What may answer instead of Latchkey, and each time one line that says what to do.
func TestWrongServers(t *testing.T) {
	t.Parallel()
	page := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(status)
			fmt.Fprint(w, "<html>hush</html>")
		}
	}
	problem := func(status int, code string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(status)
			fmt.Fprintf(w, `{"error": %q, "status": %d, "detail": "It is so.", "suggested": "Do this.", "title": "", "type": "", "trace_id": "", "message": ""}`, code, status)
		}
	}
	for name, tc := range map[string]struct {
		answer http.HandlerFunc
		code   int
		line   string // after "latchkey: ", with the address for %s
	}{
		"a page":            {page(200), 8, "what answers at %s is not Latchkey: it says 200"},
		"a proxy":           {page(502), 8, "what answers at %s is not Latchkey: it says 502"},
		"a page for no":     {page(401), 8, "what answers at %s is not Latchkey: it says 401"},
		"not now":           {problem(503, "database_unavailable"), 8, "It is so: Do this."},
		"a code from ahead": {problem(418, "teapot"), 1, "It is so: Do this."},
		"too often":         {problem(429, "too_many_attempts"), 4, "It is so: Do this."},
		"elsewhere": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://x.example/", http.StatusMovedPermanently)
		}, 8, "what answers at %s is not Latchkey: it says 301"},
		"half an answer": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, `{"id": "`)
		}, 8, "the answer of %s has broken off: what was under way may have been done, …"},
		"no answer": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 8, "no instance answers at %s: …"},
	} {
		s := httptest.NewServer(tc.answer)
		defer s.Close()
		dir, line := whoHas(t, s.URL), strings.ReplaceAll(tc.line, "%s", s.URL)
		runs(t, dir, "", "keys", "create", "ci", "--output-file", "key").want(t, name, tc.code, "", "latchkey: "+line+"\n")
		if exists(filepath.Join(dir, "key")) {
			t.Errorf("%s: a file without a secret was left", name)
		}
	}
	s := httptest.NewTLSServer(page(200))
	defer s.Close()
	runs(t, whoHas(t, s.URL), "", "whoami").want(t, "an unknown certificate", 8, "", "latchkey: the certificate of "+s.URL+" is not one that this machine trusts: is the address right?\n")
	runs(t, whoHas(t, "http://"+s.Listener.Addr().String()), "", "whoami").want(t, "https without its s", 8, "", "latchkey: what answers at … is not Latchkey: it says 400\n")
}

// Who interrupts a call is told that it may have been done, and finds no half of a file.
func TestInterruptedCall(t *testing.T) {
	t.Parallel()
	for command, line := range map[string]string{"whoami": "interrupted", "keys create ci --output-file key": "interrupted: what was under way may have been done, so look before you do it again",
		"login ada": "interrupted"} {
		asked := make(chan struct{})
		s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // or the server would not see that the client has gone
			close(asked)
			<-r.Context().Done()
		}))
		defer s.Close()
		dir := whoHas(t, s.URL)
		read, typed, err := os.Pipe()
		check(t, err)
		fmt.Fprintln(typed, adaPassword)
		p := launchFrom(t, dir, read, command)
		<-asked
		p.signal(syscall.SIGINT)
		p.wantExit(130)
		if p.stderr.String() != "latchkey: "+line+"\n" || p.stdout.String() != "" {
			t.Errorf("%s: %s%s", command, p.stdout.String(), p.stderr.String())
		}
		if left, _ := os.ReadDir(dir); len(left) != 1 {
			t.Errorf("%s: left %v", command, left)
		}
		if left, _ := os.ReadDir(filepath.Join(dir, ".config/latchkey")); len(left) != 1 {
			t.Errorf("%s: left %v", command, left)
		}
	}
}

// launchFrom starts a command in a folder that is its home, with a standard input, which is closed here.
func launchFrom(t *testing.T, dir string, in *os.File, command string) *process {
	t.Helper()
	p := &process{t: t, exited: make(chan struct{}), cmd: exec.Command(binary, strings.Fields(command)...)}
	p.cmd.Dir, p.cmd.Env = dir, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = in, &p.stdout, &p.stderr
	check(t, p.cmd.Start())
	check(t, in.Close())
	go func() {
		_ = p.cmd.Wait()
		close(p.exited)
	}()
	t.Cleanup(p.kill)
	return p
}

// A login that reads from somewhere that says nothing can be interrupted, too.
func TestInterruptedWhileReading(t *testing.T) {
	t.Parallel()
	read, silent, err := os.Pipe()
	check(t, err)
	defer silent.Close()
	dir := t.TempDir()
	p := launchFrom(t, dir, read, "login ada --url http://127.0.0.1:1")
	until(t, "it has looked for a folder", func() bool { return exists(filepath.Join(dir, ".config/latchkey")) })
	p.signal(syscall.SIGINT)
	p.wantExit(130)
	if p.stderr.String() != "latchkey: interrupted\n" {
		t.Errorf("got %s", p.stderr.String())
	}
}

// Where the address comes from, and what is nobody's home.
func TestWhereTheInstanceIs(t *testing.T) {
	t.Parallel()
	p := launch(t, []string{"LATCHKEY_URL=http://127.0.0.1:1"}, "whoami")
	p.wantExit(4)
	p.wantComplaint("you are not signed in at http://127.0.0.1:1: ")
	p = launch(t, []string{"LATCHKEY_URL=http://127.0.0.1:1"}, "whoami", "--url", "http://127.0.0.1:2/")
	p.wantExit(4)
	p.wantComplaint("you are not signed in at http://127.0.0.1:2: ")
	p = launch(t, []string{"HOME="}, "login", "ada")
	p.wantExit(1)
	p.wantComplaint("there is no folder to keep the session in: set HOME or XDG_CONFIG_HOME, or use --as HANDLE")
}
