package main_test

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
	"github.com/latchkey-dev/latchkey/sdk/go/api"
)

// Before a contract test begins, everything that stands against it is told on one line.
func TestContractTestThatCannotBegin(t *testing.T) {
	t.Parallel()
	p := serve(t, "LATCHKEY_DATA_DIR="+seeded(t))
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>hush</html>") }))
	defer page.Close()
	dir := t.TempDir()
	check(t, os.Mkdir(filepath.Join(dir, "none"), 0o700))
	check(t, os.Mkdir(filepath.Join(dir, "mine"), 0o700))
	write(t, dir, "mine/a.yaml", "- name: mine\n  steps:\n    - {as: nobody, operaton: Livez}\n")
	check(t, os.Mkdir(filepath.Join(dir, "other"), 0o700))
	write(t, dir, "other/a.yaml", "- name: mine\n  steps:\n    - {as: nobody, operation: Nothing, want: {status: 200}}\n")
	for _, tc := range []struct {
		say, stdin, args string
		code             int
		line             string
	}{
		{"nobody there", adaPassword, "--base-url http://127.0.0.1:1 --as ada", 8, "no instance answers at http://127.0.0.1:1: …"},
		{"nobody there, new", "x", "--base-url http://127.0.0.1:1 --setup-code -", 8, "no instance answers at http://127.0.0.1:1: …"},
		{"not Latchkey", adaPassword, "--base-url " + page.URL + " --as ada", 8, "what answers at " + page.URL + " is not Latchkey: it says 200"},
		{"a wrong password", "wrong", "--base-url " + p.url + " --as ada", 4, "The handle or the password is wrong: …"},
		{"no administrator", gracePassword, "--base-url " + p.url + " --as grace", 5, "grace is no administrator, and a contract test takes one"},
		{"not signed in", "", "--base-url " + p.url, 4, "you are not signed in at …"},
		{"a code as an argument", "", "--base-url " + p.url + " --setup-code ABCD-EFGH-JKLM", 2, "say --setup-code - and send the code on standard input, …"},
		{"set up already", "ABCD", "--base-url " + p.url + " --setup-code -", 7, p.url + " is set up: name an administrator with --as HANDLE"},
		{"no expression", "", "--only (", 2, "--only is no regular expression: …"},
		{"no cases", "", "--cases none", 2, "--cases …/none: there are no *.yaml files in it"},
		{"a mistake in a case", "", "--cases mine", 2, "--cases …/mine: a.yaml: yaml: unmarshal errors:…line 3: field operaton not found in type conformance.Step"},
		{"an operation that there is not", "", "--cases other", 2, `--cases …/other: a.yaml: case "mine": the contract has no such operation: Nothing`},
	} {
		got := runs(t, dir, tc.stdin, append([]string{"contract-test"}, strings.Fields(tc.args)...)...)
		got.stderr = strings.ReplaceAll(got.stderr, "\nlatchkey:   ", " ") // of a parser that says it in two lines
		got.want(t, tc.say, tc.code, "", "latchkey: "+tc.line+"\n")
	}
	wantNothingLeft(t, p)
}

// The page about it is true, letter by letter.
func TestContractTestPage(t *testing.T) {
	t.Parallel()
	runTranscript(t, "../../docs/contract-tests.md", serve(t))
}

// A new server is tested with its set-up code alone, and JUnit's form is one that can be read back.
func TestContractTestOfANewServer(t *testing.T) {
	t.Parallel()
	p := serve(t)
	dir := t.TempDir()
	got := runs(t, dir, "0000-0000-0000", "contract-test", "--base-url", p.url, "--setup-code", "-")
	got.want(t, "a wrong code", 1, "FAILED SetupComplete: the first administrator is made with the code, and signed in\n  wrong:    the status is 403, want 200\n…",
		"SetupComplete: 0 passed, 1 failed\nlatchkey: the test has not ended as it should: no administrator could be made with the set-up code\n")
	got = runs(t, dir, p.setupCode(), "contract-test", "--base-url", p.url, "--setup-code", "-", "--only", "^(Livez|RoleList) ", "--junit", "report.xml", "--table")
	got.want(t, "a new server", 0, "OPERATION …\n…\nSetupComplete …ok …\n…\n…cases: …passed, 0 failed, …not run\n…\n", "SetupComplete: 1 passed, 0 failed\n…\n")
	read := junitOf(t, filepath.Join(dir, "report.xml"))
	if read.Failures != 0 || read.Tests < 800 || read.Tests-read.Skipped < 15 {
		t.Errorf("JUnit: %d tests, %d failures, %d skipped", read.Tests, read.Failures, read.Skipped)
	}
}

// What failed is told with the request, without a secret, and in every form.
func TestContractTestThatFails(t *testing.T) {
	t.Parallel()
	p := serve(t, "LATCHKEY_DATA_DIR="+seeded(t))
	url := before(t, p.url, []breach{{at: `^POST /api/auth/access-keys$`, answer: without("Cache-Control")}})
	args := []string{"contract-test", "--base-url", url, "--as", "ada", "--only", "^AccessKeyCreate (200|401): (a name is trimmed|without a credential)", "--junit", "report.xml"}
	dir := t.TempDir()
	got := runs(t, dir, adaPassword, args...)
	got.want(t, "text", 1, `FAILED AccessKeyCreate: without a credential
  wrong:    Cache-Control is "", want no-store
  sent:     POST /api/auth/access-keys
…
  wanted:   status: 401
            error: credential_required
…
  came:     401
…
  contract: openapi.yaml, POST /api/auth/access-keys (AccessKeyCreate), response 401

FAILED AccessKeyCreate: a name is trimmed
…
            Cookie: [session]
…
not run, …: left out by --only
…
…2 failed, …not run
…
`, "…\nlatchkey: "+url+" does not keep the contract: 2 cases failed\n")
	if leaked := regexp.MustCompile(`pat_[0-9A-Za-z]{16}_|latchkey-session=`).FindString(got.stdout + got.stderr); leaked != "" {
		t.Errorf("it prints a secret: %s…", leaked)
	}
	read := junitOf(t, filepath.Join(dir, "report.xml"))
	if read.Failures != 2 {
		t.Errorf("JUnit: %d failures", read.Failures)
	}
	got = runs(t, dir, adaPassword, append(args, "--output", "json")...)
	var report struct {
		Failed int
		Cases  []struct{ Outcome, Contract string }
		Table  []struct {
			Operation string
			Status    int
			Outcome   string
		}
	}
	if err := json.Unmarshal([]byte(got.stdout), &report); err != nil || got.code != 1 || report.Failed != 2 || len(report.Cases) < 800 {
		t.Errorf("JSON: %v, exit code %d, %d failed of %d", err, got.code, report.Failed, len(report.Cases))
	}
	for _, s := range report.Table {
		if broken := s.Operation == "AccessKeyCreate" && (s.Status == 200 || s.Status == 401); broken != (s.Outcome == "failed") {
			t.Errorf("the table says that %s %d %s", s.Operation, s.Status, s.Outcome)
		}
	}
	wantNothingLeft(t, p)
}

// A catalogue that was replaced is given back as it was.
func TestContractTestGivesTheCatalogueBack(t *testing.T) {
	t.Parallel()
	p := serve(t, "LATCHKEY_DATA_DIR="+seeded(t))
	ada := p.ada()
	was, err := ada.PermissionCatalogueUpdate(t.Context(), 0, latchkey.PermissionCatalogueInput{Flat: []string{"MINE"},
		Resources: []api.CatalogueResource{{Name: "x", Title: new("X"), Paths: []string{"/x"}, Access: []api.AccessLevel{"read"}}},
		Routes:    []api.CatalogueRoute{{Method: "POST", Path: "/x", Credits: new(int64(3))}}})
	check(t, err)
	got := runs(t, t.TempDir(), adaPassword, "contract-test", "--base-url", p.url, "--as", "ada", "--change-catalogue", "--only", "^PermissionCatalogueUpdate 200: a route")
	got.want(t, "a route", 0, "…\n…1 passed, 0 failed, …not run\n…\n", "…\n")
	is, err := ada.PermissionCatalogueGet(t.Context())
	check(t, err)
	if is.Version < was.Version+2 {
		t.Errorf("it was not replaced: version %d after %d", is.Version, was.Version)
	}
	was.Version, was.UpdatedAt = is.Version, is.UpdatedAt
	if diff := cmp.Diff(was, is); diff != "" {
		t.Error(diff)
	}
}

// Whoever interrupts a test leaves nothing behind either.
func TestInterruptedContractTest(t *testing.T) {
	t.Parallel()
	p := serve(t, "LATCHKEY_DATA_DIR="+seeded(t))
	read, typed, err := os.Pipe()
	check(t, err)
	fmt.Fprintln(typed, adaPassword)
	run := launchFrom(t, t.TempDir(), read, "contract-test --base-url "+p.url+" --as ada")
	run.await(&run.stderr, regexp.MustCompile(`(AccessKeyGet): `))
	run.signal(syscall.SIGINT)
	run.wantExit(130)
	if !strings.HasSuffix(run.stderr.String(), "latchkey: interrupted: what the run had made was taken away again\n") ||
		!regexp.MustCompile(`not run, [0-9]+: the run was interrupted\n`).MatchString(run.stdout.String()) {
		t.Errorf("it says %s%s", run.stdout.String(), run.stderr.String())
	}
	wantNothingLeft(t, p)
}

// wantNothingLeft says that no account, key or role of a contract test can still do anything.
func wantNothingLeft(t *testing.T, p *process) {
	t.Helper()
	ctx, ada := t.Context(), p.ada()
	for a, err := range ada.AccountList(ctx, "ct-") {
		check(t, err)
		if a.Suspended == nil || len(a.Roles) > 1 || len(a.Roles) == 1 && !a.Roles[0].Default {
			t.Errorf("%s is suspended: %v, with %v", a.Handle, a.Suspended, a.Roles)
		}
	}
	for k, err := range ada.AdminAccessKeyList(ctx, latchkey.AccessKeyFilter{Search: "ct-"}) {
		check(t, err)
		if k.Status != "revoked" {
			t.Errorf("the key %s of %s is %s", k.Name, k.CreatedBy.Handle, k.Status)
		}
	}
	roles, err := ada.RoleList(ctx)
	check(t, err)
	for _, r := range roles {
		if strings.HasPrefix(r.Name, "ct-") {
			t.Errorf("the role %s is left", r.Name)
		}
	}
	catalogue, err := ada.PermissionCatalogueGet(ctx)
	check(t, err)
	if len(catalogue.Resources) != 0 || len(catalogue.Routes) != 0 || len(catalogue.Flat) != 0 {
		t.Errorf("the catalogue is %v", catalogue)
	}
}

// junit is a report as those who read it know it.
type junit struct {
	XMLName  xml.Name `xml:"testsuites"`
	Tests    int      `xml:"tests,attr"`
	Failures int      `xml:"failures,attr"`
	Skipped  int      `xml:"skipped,attr"`
	Suites   []struct {
		Name  string `xml:"name,attr"`
		Tests int    `xml:"tests,attr"`
		Cases []struct {
			Name    string `xml:"name,attr"`
			Class   string `xml:"classname,attr"`
			Failure *struct {
				Text string `xml:",chardata"`
			} `xml:"failure"`
			Skipped *struct {
				Message string `xml:"message,attr"`
			} `xml:"skipped"`
		} `xml:"testcase"`
	} `xml:"testsuite"`
}

// junitOf reads a report, and sees that its sums are those of its cases.
func junitOf(t *testing.T, path string) junit {
	t.Helper()
	b, err := os.ReadFile(path)
	check(t, err)
	var read, counted junit
	check(t, xml.Unmarshal(b, &read))
	for _, s := range read.Suites {
		if len(s.Cases) != s.Tests {
			t.Errorf("%s has %d cases, and says %d", s.Name, len(s.Cases), s.Tests)
		}
		for _, c := range s.Cases {
			counted.Tests++
			if c.Failure != nil {
				counted.Failures++
			}
			if c.Skipped != nil {
				counted.Skipped++
			}
			if c.Class != s.Name || c.Name == "" || c.Skipped != nil && c.Skipped.Message == "" {
				t.Errorf("%s: %q of %s", s.Name, c.Name, c.Class)
			}
		}
	}
	if counted.Tests != read.Tests || counted.Failures != read.Failures || counted.Skipped != read.Skipped {
		t.Errorf("it says %d, %d, %d, and has %d, %d, %d", read.Tests, read.Failures, read.Skipped, counted.Tests, counted.Failures, counted.Skipped)
	}
	return read
}
