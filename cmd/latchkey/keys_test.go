package main_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
)

// signedIn gives a home of somebody who has logged in.
func (p *process) signedIn(t *testing.T, handle, password string) string {
	t.Helper()
	dir := t.TempDir()
	runs(t, dir, password+"\n", "login", handle, "--url", p.url).want(t, "login", 0, "signed in …\n", "")
	return dir
}

// readSecret takes a secret from a file that only its owner can read.
func readSecret(t *testing.T, path, before string) latchkey.Key {
	t.Helper()
	wantMode(t, path, 0o600)
	b, err := os.ReadFile(path)
	check(t, err)
	m := regexp.MustCompile(`(?m)^` + before + `(lkpat_\w+)$`).FindSubmatch(b)
	if m == nil {
		t.Fatalf("%s holds no secret: %d bytes", path, len(b))
	}
	return latchkey.NewKey(string(m[1]))
}

// The life of a key, from the first command to the last.
func TestKeys(t *testing.T) {
	t.Parallel()
	p := serve(t, "LATCHKEY_DATA_DIR="+seeded(t))
	dir := p.signedIn(t, "grace", gracePassword)
	made := runs(t, dir, "", "keys", "create", "ci", "--expires", "90d", "-p", "*:read", "-p", "*:write", "--limit-query", "1000", "--output-file", "key")
	made.want(t, "create", 0, "secret: …in "+dir+"/key\nid: …\nname: …ci\nhint: …\nstatus: …active\n…\nmay: …*:read *:write\nqueries: …1000\n", "")
	secret := readSecret(t, filepath.Join(dir, "key"), "")
	id := regexp.MustCompile(`(?m)^id: +(\w+)$`).FindStringSubmatch(made.stdout)[1]
	p.wantWorks(secret, "grace")

	for _, tc := range []struct {
		say            string
		args           []string
		code           int
		stdout, stderr string
	}{
		{say: "list", args: []string{"list"}, stdout: "ID …NAME …HINT …STATUS …EXPIRES …LAST USED\n" + id + "  ci  …  active  20…\n"},
		{say: "list as JSON", args: []string{"list", "-o", "json"}, stdout: `{"keys":[{"createdAt":…"id":"` + id + `"…}]}` + "\n"},
		{say: "list nothing", args: []string{"list", "--status", "revoked"}, stderr: "there are none\n"},
		{say: "get", args: []string{"get", id}, stdout: "id: …" + id + "\n…\n"},
		{say: "get another", args: []string{"get", "cc5lnd2s1s4652adtu50"}, code: 6, stderr: "latchkey: …\n"},
		{say: "other limits, and the first stays", args: []string{"update", id, "--limit-credits", "5", "--name", "CI"}, stdout: "id: …\nname: …CI\n…\nqueries: …1000\ncredits: …5\n"},
		{say: "no limits", args: []string{"update", id, "--limit-credits", "none", "--limit-query", "none", "--all-permissions", "--expires", "never"},
			stdout: "…\nexpires: …never\n…\nmay: …whatever its owner may\n"},
		{say: "an old version", args: []string{"update", id, "--name", "x", "--if-version", "1"}, code: 7, stderr: "latchkey: …\n"},
		{say: "no change", args: []string{"update", id}, code: 2, stderr: "latchkey: say what to change: …\n"},
		{say: "disable", args: []string{"update", id, "--disable"}, stdout: "…\nstatus: …disabled\n…\n"},
		{say: "explain", args: []string{"explain", id, "--request", "GET /media"}, code: 1, stdout: "allowed: …no\ncode: …DISABLED\n…\n", stderr: "latchkey: the key could not do this: DISABLED\n"},
		{say: "enable", args: []string{"update", id, "--enable"}, stdout: "…\nstatus: …active\n…\n"},
		{say: "explain again", args: []string{"explain", id, "--request", "GET /media"}, stdout: "allowed: …yes\n…\n"},
		{say: "usage", args: []string{"usage", id}, stdout: "FROM …QUERIES …\n…\never …\n"},
		{say: "usage of all", args: []string{"usage"}, stdout: "queries: …0 of any number\nmutations: …\n…\nuntil: …\n"},
		{say: "everybody's", args: []string{"list", "--admin"}, code: 5, stderr: "latchkey: grace may not do this: it takes ADMINISTRATOR\n"},
		{say: "regenerate without asking", args: []string{"regenerate", id, "--output-file", "new"}, code: 2, stderr: "latchkey: this would make the old secret of " + id + " useless at once: add --yes …\n"},
		{say: "regenerate", args: []string{"regenerate", id, "--yes", "--output-file", "new", "-o", "json"}, stdout: `{"createdAt":"…"…}` + "\n"},
		{say: "regenerate with an overlap", args: []string{"regenerate", id, "--overlap", "24h", "--output-file", "newer", "-o", "json"}, stdout: `{…"previous_expires_at":"20…}` + "\n"},
		{say: "end the overlap without asking", args: []string{"end-overlap", id}, code: 2, stderr: "latchkey: this would make the old secret of " + id + " useless at once: add --yes …\n"},
		{say: "end the overlap", args: []string{"end-overlap", id, "-y"}, stdout: "ended the overlap of " + id + "\n"},
		{say: "end the overlap of no key", args: []string{"end-overlap", "00000000000000000000", "-y"}, code: 6, stderr: "latchkey: …\n"},
		{say: "revoke without asking", args: []string{"revoke", id}, code: 2, stderr: "latchkey: this would revoke " + id + " for good: add --yes where nobody can be asked\n"},
	} {
		runs(t, dir, "", append([]string{"keys"}, tc.args...)...).want(t, tc.say, tc.code, tc.stdout, tc.stderr)
	}
	p.wantDead(secret)
	p.wantDead(readSecret(t, filepath.Join(dir, "new"), ""))
	secret = readSecret(t, filepath.Join(dir, "newer"), "")
	p.wantWorks(secret, "grace")
	runs(t, dir, "", "keys", "revoke", id, "-y").want(t, "revoke", 0, "revoked "+id+"\n", "")
	p.wantDead(secret)
	runs(t, dir, "", "keys", "revoke-all").want(t, "revoke all without asking", 2, "", "latchkey: this would revoke all your keys for good: …\n")
	runs(t, dir, "", "keys", "revoke-all", "-y", "--reason", "laptop").want(t, "revoke all", 0, "revoked: 0, incident …\n", "")
	ada := p.signedIn(t, "ada", adaPassword)
	runs(t, ada, "", "keys", "list", "--admin", "--account", "grace").want(t, "everybody's", 0, "ID …OWNER\n"+id+" …revoked …grace\n", "")
	runs(t, ada, "", "keys", "list", "--admin", "--account", "nobody").want(t, "nobody's", 6, "", "latchkey: there is no account nobody: …\n")
	runs(t, ada, "", "keys", "revoke-all", "--admin", "-y", "--account", "grace").want(t, "no reason", 2, "", "latchkey: give the reason …\n")
}

// Where a secret cannot go, no key is made.
func TestSecretsWithoutAPlace(t *testing.T) {
	t.Parallel()
	p := serve(t, "LATCHKEY_DATA_DIR="+seeded(t))
	dir := p.signedIn(t, "grace", gracePassword)
	write(t, dir, "there", "mine")
	write(t, dir, ".env", "A=1\nexport KEY = x")
	write(t, dir, "open", "")
	check(t, os.Chmod(filepath.Join(dir, "open"), 0o640))
	for _, tc := range []struct {
		args   []string
		code   int
		stderr string
	}{
		{nil, 2, "the secret would be printed to what is no terminal: name a new file for it with --output-file FILE, …"},
		{[]string{"-o", "json"}, 2, "the secret would be printed to what is no terminal: …"},
		{[]string{"--output-file", "there"}, 2, dir + "/there is there already, and nothing is overwritten: …"},
		{[]string{"--output-file", "no/where"}, 1, dir + "/no/where cannot be written: no such file or directory"},
		{[]string{"--dotenv", "KEY"}, 7, ".env has a line for KEY already: …"},
		{[]string{"--dotenv", "a-b"}, 2, "--dotenv must name a variable, …"},
		{[]string{"--dotenv", "KEY", "--output-file", "open"}, 1, dir + "/open can be read by others: chmod 600 " + dir + "/open first"},
		{[]string{"--dotenv", "KEY", "--output-file", "/dev/null"}, 2, "/dev/null is no file …"},
		{[]string{"--output-file", "new", "--expires", "yesterday"}, 2, `--expires "yesterday" is no time: …`},
		{[]string{"--output-file", "new", "--expires", "2020-01-31"}, 2, "--expires 2020-01-31 has passed"},
		{[]string{"--output-file", "new", "--limit-query=-1"}, 2, `--limit-query "-1" is no limit: …`},
		{[]string{"--output-file", "new", "-p", "lkpat_"}, 1, "…"},
		{[]string{"--dotenv", "B", "--output-file", "new", "-p", "lkpat_"}, 1, "…"},
	} {
		got := runs(t, dir, "", append([]string{"keys", "create", "ci"}, tc.args...)...)
		got.stderr = strings.TrimSuffix(got.stderr, "\n")
		got.want(t, strings.Join(tc.args, " "), tc.code, "", "latchkey: "+tc.stderr)
	}
	if exists(filepath.Join(dir, "new")) {
		t.Error("a file without a secret was left")
	}
	runs(t, dir, "", "keys", "list", "-o", "json").want(t, "keys", 0, `{"keys":[]}`+"\n", "")

	runs(t, dir, "", "keys", "create", "ci", "--dotenv", "OTHER").want(t, "dotenv", 0, "secret: …in .env\n…\n", "")
	p.wantWorks(readSecret(t, filepath.Join(dir, ".env"), "OTHER="), "grace")
	if b, _ := os.ReadFile(filepath.Join(dir, ".env")); !strings.HasPrefix(string(b), "A=1\nexport KEY = x\nOTHER=lkpat_") {
		t.Error("the other lines are not what they were")
	}
	got := runs(t, dir, "", "keys", "create", "ci", "-o", "json", "--output-file", "key")
	var k latchkey.AccessKey
	if err := json.Unmarshal([]byte(got.stdout), &k); err != nil || k.Name != "ci" || strings.Contains(got.stdout, "secret") {
		t.Errorf("got %s, %v", got.stdout, err)
	}
	key := readSecret(t, filepath.Join(dir, "key"), "").Reveal()
	for _, args := range [][]string{{"keys", "get", key}, {"keys", "get", "--search=" + key}, {"serve", "--key-brand", key}} {
		got := runs(t, dir, "", args...)
		got.want(t, "a key as an argument", 2, "", "latchkey: a key must not be an argument, …\n")
		if strings.Contains(got.stderr, key) {
			t.Error("it is repeated")
		}
	}
}

// A date is the end of that day where the command is given.
func TestExpiry(t *testing.T) {
	t.Parallel()
	p := serve(t, "LATCHKEY_DATA_DIR="+seeded(t))
	dir := p.signedIn(t, "grace", gracePassword)
	for typed, want := range map[string]func() time.Time{
		"2031-01-31":                func() time.Time { return time.Date(2031, 1, 31, 23, 59, 59, 0, time.Local) },
		"2031-01-31T12:00:00+02:00": func() time.Time { return time.Date(2031, 1, 31, 10, 0, 0, 0, time.UTC) },
		"12h":                       func() time.Time { return time.Now().Add(12 * time.Hour) },
		"90d":                       func() time.Time { return time.Now().Add(90 * 24 * time.Hour) },
		"2w":                        func() time.Time { return time.Now().Add(14 * 24 * time.Hour) },
	} {
		var k latchkey.AccessKey
		got := runs(t, dir, "", "keys", "create", "ci", "--expires", typed, "-o", "json", "--output-file", strings.ReplaceAll(typed, ":", ""))
		if err := json.Unmarshal([]byte(got.stdout), &k); err != nil || k.ExpiresAt == nil || k.ExpiresAt.Sub(want()).Abs() > patience {
			t.Errorf("%s: %v, %v %s", typed, k.ExpiresAt, err, got.stderr)
		}
	}
}
