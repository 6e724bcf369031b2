package main_test

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/creack/pty"
)

// terminal is a run of the program by somebody who sits before it.
type terminal struct {
	*process
	keyboard io.Writer
}

// sits starts the program on a terminal.
func sits(t *testing.T, dir string, args ...string) terminal {
	t.Helper()
	p := &process{t: t, exited: make(chan struct{}), cmd: exec.Command(binary, args...)}
	p.cmd.Dir, p.cmd.Env = dir, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
	screen, err := pty.Start(p.cmd)
	check(t, err)
	go func() {
		_, _ = io.Copy(&p.stdout, screen) // ends with an error on Linux
		_ = p.cmd.Wait()
		close(p.exited)
	}()
	t.Cleanup(func() {
		p.kill()
		screen.Close()
	})
	return terminal{process: p, keyboard: screen}
}

// asks waits for a question and answers it.
func (s terminal) asks(question, answer string) {
	s.t.Helper()
	s.await(&s.stdout, regexp.MustCompile("("+regexp.QuoteMeta(question)+")"))
	_, err := io.WriteString(s.keyboard, answer)
	check(s.t, err)
}

func (s terminal) wants(code int, parts ...string) {
	s.t.Helper()
	if got := s.wait(); got != code {
		s.t.Errorf("exit code %d, want %d", got, code)
	}
	for _, part := range parts {
		if !strings.Contains(s.stdout.String(), part) {
			s.t.Errorf("the screen lacks %q:\n%s", part, s.stdout.String())
		}
	}
}

// Somebody types, thinks better of it, and sees a secret; no password comes back from the screen.
func TestTerminal(t *testing.T) {
	t.Parallel()
	p := serve(t, "LATCHKEY_DATA_DIR="+seeded(t))
	dir := t.TempDir()
	kept := filepath.Join(dir, ".config/latchkey/session.json")

	for _, question := range []string{"Handle: ", "Password of ada: "} {
		s := sits(t, dir, "login", "--url", p.url)
		if question != "Handle: " {
			s.asks("Handle: ", "ada\n")
		}
		s.asks(question, "\x03")
		s.wants(130, "latchkey: interrupted")
		if exists(kept) {
			t.Fatal("there is a session of an interrupted login")
		}
	}
	s := sits(t, dir, "login", "--url", p.url)
	s.asks("Handle: ", "ada\n")
	s.asks("Password of ada: ", adaPassword+"\n")
	s.wants(0, "signed in at "+p.url+" as ada")
	if strings.Contains(s.stdout.String(), adaPassword) {
		t.Error("the password is on the screen")
	}

	s = sits(t, dir, "keys", "create", "ci")
	s.wants(0, "secret:", "lkpat_", "The secret is not shown again.")
	id := s.await(&s.stdout, regexp.MustCompile(`(?m)^id: +([0-9a-v]{20})`))
	s = sits(t, dir, "keys", "revoke", id)
	s.asks("revoke "+id+" for good. Go on? [y/N] ", "n\n")
	s.wants(1, "latchkey: nothing was changed")
	s = sits(t, dir, "keys", "revoke", id)
	s.asks("[y/N] ", "\x03")
	s.wants(130)
	runs(t, dir, "", "keys", "get", id).want(t, "not revoked", 0, "…\nstatus: …active\n…\n", "")
	s = sits(t, dir, "keys", "revoke", id)
	s.asks("[y/N] ", "y\n")
	s.wants(0, "revoked "+id)
}
