package main_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// ran is what became of a command.
type ran struct {
	stdout, stderr string
	code           int
}

// runs runs the program in a folder with something on its standard input, which is no terminal.
func runs(t *testing.T, dir, stdin string, args ...string) ran {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, args...)
	var stdout, stderr bytes.Buffer
	cmd.Dir, cmd.Stdin, cmd.Stdout, cmd.Stderr = dir, strings.NewReader(stdin), &stdout, &stderr
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatalf("%v: %v, %v", args, err, exit)
	}
	return ran{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	check(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
}

const aCatalogue = `resources:
  - name: media
    paths: [/media]
    access: [read, write]
routes:
  - method: POST
    path: /media/search
    access: read
`

// A catalogue from a file, its changes, and all that can be wrong on the way.
func TestCatalogueCommands(t *testing.T) {
	t.Parallel()
	p := serve(t, "LATCHKEY_DATA_DIR="+seeded(t))
	dir, ada := t.TempDir(), p.ada()
	before, err := ada.SessionList(t.Context())
	check(t, err)
	write(t, dir, "api.yaml", aCatalogue)
	write(t, dir, "more.json", `{"resources": [{"name": "media", "title": "Media", "paths": ["/media"], "access": ["read", "write"]}], "flat": ["CREATE_POST"]}`)
	write(t, dir, "long.yaml", "resources:\n  - name: a\n    title: "+strings.Repeat("a", 101)+"\n    access: [read]\n")
	write(t, dir, "bad.yaml", "resources:\n  - name: Media\n    paths: [/media]\n    access: []\n  - name: b\n    paths:\n      - /media\n    access: [read]\n")
	as := func(handle string, args ...string) []string {
		return append(append([]string{"catalogue"}, args...), "--as", handle, "--url", p.url)
	}
	for _, tc := range []struct {
		say            string
		stdin          string
		args           []string
		code           int
		stdout, stderr string // exactly; … stands for anything in a line
	}{
		{say: "the first", stdin: adaPassword + "\n", args: as("ada", "apply", "api.yaml"),
			stdout: "version 2: resources: 1, routes: 1, flat names: 0\n+ resource media\n+ route POST /media/search\n"},
		{say: "the same again", stdin: adaPassword, args: as("ada", "apply", "api.yaml"), stdout: "version 3: resources: 1, routes: 1, flat names: 0\n"},
		{say: "another, as JSON", stdin: adaPassword + "\r\nignored", args: as("ada", "apply", "more.json"),
			stdout: "version 4: resources: 1, routes: 0, flat names: 1\n+ flat name CREATE_POST\n~ resource media\n- route POST /media/search\n"},
		{say: "what there is", stdin: gracePassword + "\n", args: as("grace", "show"),
			stdout: "# version 4, of … UTC\nresources:\n  - name: media\n    title: Media\n    paths:\n      - /media\n    access: [read, write]\nflat:\n  - CREATE_POST\n"},
		{say: "a version that is no more", stdin: adaPassword + "\n", args: as("ada", "apply", "api.yaml", "--if-version", "3"), code: 7,
			stderr: "latchkey: the catalogue is version 4 by now, not 3: look at it with latchkey catalogue show, and apply yours again if it still fits\n"},
		{say: "the version that there is", stdin: adaPassword + "\n", args: as("ada", "apply", "more.json", "--if-version", "4"), stdout: "version 5: …\n"},
		{say: "only checked", args: []string{"catalogue", "apply", "--dry-run", "api.yaml"}, stdout: "api.yaml is a catalogue of resources: 1, routes: 1, flat names: 0\n"},
		{say: "faults", args: as("ada", "apply", "bad.yaml"), code: 1, stderr: "bad.yaml:2: /resources/0/name must be …\nbad.yaml:4: /resources/0/access must have at least one of read, write and delete\n" +
			"bad.yaml:7: /resources/1/paths/0 overlaps line 3: both fit the same requests\nlatchkey: bad.yaml has faults: 3. Nothing was changed\n"},
		{say: "a fault that only the service knows", stdin: adaPassword + "\n", args: as("ada", "apply", "long.yaml"), code: 1, stderr: "latchkey: … at /resources/0/title: …\n"},
		{say: "a wrong password", stdin: "not the one\n", args: as("ada", "apply", "api.yaml"), code: 4,
			stderr: "latchkey: The handle or the password is wrong: Check both; …\n"},
		{say: "no password", args: as("ada", "apply", "api.yaml"), code: 2, stderr: "latchkey: no password on standard input: send it as a line\n"},
		{say: "nobody", args: []string{"catalogue", "apply", "api.yaml"}, code: 4,
			stderr: "latchkey: you are not signed in at http://localhost:8080: do so with latchkey login, or name an account with --as HANDLE\n"},
		{say: "somebody who may not", stdin: gracePassword + "\n", args: as("grace", "apply", "api.yaml"), code: 5, stderr: "latchkey: grace may not do this: it takes ADMINISTRATOR\n"},
		{say: "no instance", stdin: "x\n", args: []string{"catalogue", "show", "--as", "ada", "--url", "http://127.0.0.1:1"}, code: 8,
			stderr: "latchkey: no instance answers at http://127.0.0.1:1: …\n"},
		{say: "no address", stdin: "x\n", args: []string{"catalogue", "show", "--as", "ada", "--url", "localhost"}, code: 2, stderr: "latchkey: --url must be …\n"},
		{say: "no file", args: as("ada", "apply", "none.yaml"), code: 1, stderr: "latchkey: none.yaml cannot be read: no such file or directory\n"},
	} {
		got := runs(t, dir, tc.stdin, tc.args...)
		if got.code != tc.code || !pattern(tc.stdout).MatchString(got.stdout) || !pattern(tc.stderr).MatchString(got.stderr) {
			t.Errorf("%s: exit code %d\nstdout:\n%s\nwant:\n%s\nstderr:\n%s\nwant:\n%s", tc.say, got.code, got.stdout, tc.stdout, got.stderr, tc.stderr)
		}
	}
	c, err := ada.PermissionCatalogueGet(t.Context())
	if err != nil || c.Version != 5 || len(c.Resources) != 1 || len(c.Routes) != 0 {
		t.Errorf("at the end there is %+v, %v", c, err)
	}
	if after, err := ada.SessionList(t.Context()); err != nil || len(after) != len(before) {
		t.Errorf("the commands have left sessions: %d, %v", len(after)-len(before), err)
	}
}

// The story of the guide is true, letter by letter.
func TestPermissionsPage(t *testing.T) {
	t.Parallel()
	runTranscript(t, "../../docs/permissions.md", serve(t))
}

// What the file cannot say, and where.
func TestCatalogueFilesThatAreNone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for text, want := range map[string]string{
		"":                          "f:1: is empty: write {} for a catalogue without entries",
		"# nothing\n":               "f:1: is empty: …",
		"null":                      "f:1: is empty: …",
		"a: [\n":                    "f:1: …",
		"flat: []\n---\nflat: []\n": "f:1: has more than one document",
		"flat: []\nresource: []\n":  "f:2: there is no member resource here, only resources, routes and flat",
		"resources:\n- name: a\n  level: [read]\n":           "f:3: there is no member level here, only name, title, paths and access",
		"routes:\n- method: GET\n  path: /a\n  credits: x\n": "f:4: cannot take the text `x` into a whole number",
		"flat: CREATE_POST\n":                                "f:1: cannot take the text `CREATE_...` into a list of texts",
		"flat: []\nflat: []\n":                               "f:2: …already defined at line 1",
		"- a\n":                                              "f:1: cannot take a list into a catalogue",
		`{"flat": ["A",` + "\n" + `"a"]}`:                    "f:2: /flat/1 must be …",
	} {
		write(t, dir, "f", text)
		got := runs(t, dir, "", "catalogue", "apply", "--dry-run", "f")
		if got.code != 1 || !pattern(want+"\nlatchkey: f has faults: 1. Nothing was changed\n").MatchString(got.stderr) || got.stdout != "" {
			t.Errorf("%q: exit code %d\n%s%s\nwant:\n%s", text, got.code, got.stdout, got.stderr, want)
		}
	}
}

func TestCatalogueImport(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	here, err := filepath.Abs("testdata/petstore.yaml")
	check(t, err)
	want, err := os.ReadFile("testdata/petstore.catalogue.yaml")
	check(t, err)
	got := runs(t, dir, "", "catalogue", "import", here)
	if got.code != 0 || got.stdout != string(want) {
		t.Errorf("exit code %d, %s\n%s\nwant:\n%s", got.code, got.stderr, got.stdout, want)
	}
	own, err := filepath.Abs("../../openapi.yaml")
	check(t, err)
	for _, file := range []string{here, own} {
		write(t, dir, "proposed.yaml", runs(t, dir, "", "catalogue", "import", file).stdout)
		if got := runs(t, dir, "", "catalogue", "apply", "--dry-run", "proposed.yaml"); got.code != 0 {
			t.Errorf("what is proposed for %s is no catalogue: %s", file, got.stderr)
		}
	}
	write(t, dir, "x.yaml", "a: 1\n")
	for _, file := range []string{"x.yaml", "none.yaml"} {
		if got := runs(t, dir, "", "catalogue", "import", file); got.code != 1 || strings.Count(got.stderr, "\n") != 1 || !strings.HasPrefix(got.stderr, "latchkey: "+file+" is no OpenAPI 3 document") {
			t.Errorf("%s: exit code %d, %q", file, got.code, got.stderr)
		}
	}
}
