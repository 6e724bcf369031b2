package main_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSession(t *testing.T) {
	t.Parallel()
	p := serve(t, "LATCHKEY_DATA_DIR="+seeded(t))
	dir := t.TempDir()
	kept := filepath.Join(dir, ".config/latchkey/session.json")
	for _, tc := range []struct {
		say, stdin     string
		args           []string
		code           int
		stdout, stderr string
	}{
		{say: "nobody", args: []string{"whoami", "--url", p.url}, code: 4, stderr: "latchkey: you are not signed in at " + p.url + ": do so with latchkey login, …\n"},
		{say: "no handle", args: []string{"login", "--url", p.url}, code: 2, stderr: "latchkey: name the account: latchkey login HANDLE\n"},
		{say: "no password", args: []string{"login", "ada", "--url", p.url}, code: 2, stderr: "latchkey: no password on standard input: send it as a line\n"},
		{say: "a wrong password", stdin: "wrong\n", args: []string{"login", "ada", "--url", p.url}, code: 4, stderr: "latchkey: The handle or the password is wrong: …\n"},
		{say: "a password as an argument", args: []string{"login", "ada", "--password", "hush", "--url", p.url}, code: 2, stderr: "latchkey: a password must not be an argument, …\n"},
		{say: "no instance", stdin: "x\n", args: []string{"login", "ada", "--url", "http://127.0.0.1:1"}, code: 8, stderr: "latchkey: no instance answers at http://127.0.0.1:1: …\n"},
		{say: "no address", stdin: "x\n", args: []string{"login", "ada", "--url", "localhost:1"}, code: 2, stderr: "latchkey: --url must be a scheme and a host, …\n"},
		{say: "sign in", stdin: adaPassword + "\n", args: []string{"login", "ada", "--url", p.url + "/"}, stdout: "signed in at " + p.url + " as ada\n"},
		{say: "who", args: []string{"whoami"}, stdout: "id: …\nhandle: …ada\nname: …ada\n…\ninstance: …" + p.url + "\n"},
		{say: "as JSON", args: []string{"whoami", "--output", "json"}, stdout: `{"createdAt":"…","handle":"ada",…}` + "\n"},
		{say: "elsewhere", args: []string{"whoami", "--url", "http://127.0.0.1:1"}, code: 4, stderr: "latchkey: you are not signed in at http://127.0.0.1:1: …\n"},
		{say: "somebody else, once", stdin: gracePassword + "\n", args: []string{"whoami", "-o", "json", "--as", "grace"}, stdout: `{…"handle":"grace",…}` + "\n"},
		{say: "an existing command", args: []string{"catalogue", "show"}, stdout: "# version 1, of … UTC\n{}\n"},
		{say: "sign out", args: []string{"logout"}, stdout: "signed out at " + p.url + "\n"},
		{say: "again", args: []string{"logout"}, code: 4, stderr: "latchkey: you are not signed in\n"},
		{say: "nobody any more", args: []string{"whoami"}, code: 4, stderr: "latchkey: you are not signed in at " + p.url + ": …\n"},
		{say: "back", stdin: adaPassword, args: []string{"login", "ada"}, stdout: "signed in at " + p.url + " as ada\n"},
	} {
		got := runs(t, dir, tc.stdin, tc.args...)
		got.want(t, tc.say, tc.code, tc.stdout, tc.stderr)
		if got.code != 0 && strings.HasPrefix(tc.say, "no ") && exists(kept) {
			t.Errorf("%s: there is a session", tc.say)
		}
	}
	wantMode(t, kept, 0o600)
	wantMode(t, filepath.Dir(kept), fs.ModeDir|0o700)
	if left, err := os.ReadDir(filepath.Dir(kept)); err != nil || len(left) != 1 {
		t.Errorf("beside the session there is %v, %v", left, err)
	}

	sessions, err := p.ada().SessionList(t.Context())
	check(t, err)
	for _, s := range sessions {
		check(t, p.ada().SessionDelete(t.Context(), s.ID))
	}
	runs(t, dir, "", "whoami").want(t, "ended", 4, "", "latchkey: the session of ada at "+p.url+" has ended: log in again with latchkey login ada\n")
	check(t, os.Chmod(kept, 0o644))
	runs(t, dir, "", "whoami").want(t, "open to others", 4, "", "latchkey: "+kept+" can be read by others: log in again …\n")
	write(t, filepath.Dir(kept), "session.json", `{"url": "http`)
	check(t, os.Chmod(kept, 0o600))
	runs(t, dir, "", "whoami").want(t, "broken", 4, "", "latchkey: "+kept+" is broken: log in again with latchkey login\n")
	runs(t, dir, adaPassword, "login", "ada", "--url", p.url).want(t, "mended", 0, "signed in …\n", "")
}

// A folder that cannot be written is told before a password is read.
func TestLoginWithoutFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, ".config", "")
	runs(t, dir, "", "login", "ada", "--url", "http://127.0.0.1:1").want(t, "no folder", 1, "",
		"latchkey: the session cannot be kept in "+dir+"/.config/latchkey/session.json: not a directory; make the folder writable, …\n")
}

// want compares with what a command should print, where … stands for anything in a line.
func (r ran) want(t *testing.T, say string, code int, stdout, stderr string) {
	t.Helper()
	if r.code != code || !pattern(stdout).MatchString(r.stdout) || !pattern(stderr).MatchString(r.stderr) {
		t.Errorf("%s: exit code %d, want %d\nstdout:\n%s\nwant:\n%s\nstderr:\n%s\nwant:\n%s", say, r.code, code, r.stdout, stdout, r.stderr, stderr)
	}
}

func wantMode(t *testing.T, path string, mode fs.FileMode) {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != mode {
		t.Errorf("%s: %v, %v; want %v", path, info.Mode(), err, mode)
	}
}

// The story of the page is true, letter by letter.
func TestCommandLinePage(t *testing.T) {
	t.Parallel()
	runTranscript(t, "../../docs/cli.md", serve(t))
}
