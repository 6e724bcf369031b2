package main_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
)

// The sample API in Go, as its own process.
func TestGoExample(t *testing.T) {
	t.Parallel()
	p := serve(t, "LATCHKEY_DATA_DIR="+seeded(t))
	ada, grace := p.ada(), p.grace()
	text, err := os.ReadFile("../../examples/go/catalogue.json")
	check(t, err)
	var catalogue latchkey.PermissionCatalogueInput
	check(t, json.Unmarshal(text, &catalogue))
	check(t, second(ada.PermissionCatalogueUpdate(t.Context(), 0, catalogue)))

	program := filepath.Join(t.TempDir(), "notes")
	if out, err := exec.Command("go", "build", "-o", program, "../../examples/go").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	notes := &process{t: t, cmd: exec.Command(program), exited: make(chan struct{})}
	notes.cmd.Env = []string{"LISTEN=127.0.0.1:0", "LATCHKEY_URL=" + p.url, "LATCHKEY_KEY=" + p.newKey(ada).Secret.Reveal()}
	notes.cmd.Stdout, notes.cmd.Stderr, notes.cmd.WaitDelay = &notes.stdout, &notes.stderr, patience
	check(t, notes.cmd.Start())
	go func() { _ = notes.cmd.Wait(); close(notes.exited) }()
	t.Cleanup(notes.kill)
	notes.url = notes.await(&notes.stdout, regexp.MustCompile(`notes at (http://127\.0\.0\.1:[0-9]+)\n`))

	client := newClient(t)
	whole := p.newKey(grace)
	reader, err := grace.AccessKeyCreate(t.Context(), latchkey.AccessKeyInput{Name: "reader", Permissions: latchkey.Only("notes:read")})
	check(t, err)
	want := func(k latchkey.AccessKeyIssued, method, body string, status int, part string) {
		t.Helper()
		if a := ask(t, client, method, notes.url+"/notes", k.Secret.Reveal(), nil, strings.NewReader(body)); a.status != status || !strings.Contains(a.body, part) {
			t.Errorf("%s: %d %s, want %d %s", method, a.status, a.body, status, part)
		}
	}
	want(whole, "POST", "remember the milk", 201, "")
	want(whole, "POST", strings.Repeat("a", 5000), 413, "4096")
	want(reader, "GET", "", 200, `{"notes":["remember the milk"],"owner":"grace"}`)
	want(reader, "POST", "a", 403, `"permission":"notes:write"`)
	check(t, second(grace.AccessKeyDelete(t.Context(), whole.ID)))
	want(whole, "GET", "", 401, "credential_invalid")
	p.stop()
	want(reader, "GET", "", 503, "verification_unavailable")
	notes.signal(syscall.SIGTERM)
	notes.wantExit(0) // and so has said all that it had to
	if said := notes.stderr.String(); strings.Contains(said, "lkpat_") || !strings.Contains(said, "no verdict") {
		t.Errorf("it logged %s", said)
	}
}
