package api

import (
	"strings"
	"testing"
	"time"
)

// setupCode is what a starting instance prints.
func (h *harness) setupCode() string {
	h.t.Helper()
	code, fresh, err := h.accounts.NewSetupCode(h.t.Context())
	if err != nil || !fresh {
		h.t.Fatalf("NewSetupCode() = %t, %v", fresh, err)
	}
	return code.Reveal()
}

func setupBody(code, handle string) object {
	return object{"code": code, "identifier": handle, "token": password}
}

// ASVS 6.3.2: no default account; the first one needs what only the operator has seen.
func TestSetupComplete(t *testing.T) {
	t.Parallel()
	h := newEmptyHarness(t)
	code, unused := h.setupCode(), h.setupCode()
	nobody := h.anonymous()
	asTyped := " " + strings.ToLower(strings.ReplaceAll(code, "-", " - ")) + " "
	post := func(say string, body any, status int, problem string) sentence {
		return sentence{say: say, by: nobody, method: "POST", path: "/api/setup", body: body, status: status, code: problem}
	}
	h.hold(
		post("no code", object{"identifier": "ada", "token": password}, 400, "request_invalid"),
		post("an empty code", setupBody("", "ada"), 400, "request_invalid"),
		post("a handle with a space", setupBody(code, "ada lovelace"), 400, "request_invalid"),
		post("a name that hides", object{"code": code, "identifier": "ada", "token": password, "name": "a\u202eb"}, 400, "name_invalid"),
		post("a password that everybody knows", object{"code": code, "identifier": "ada", "token": "passwordpassword"}, 400, "password_refused"),
		post("a wrong code", setupBody("2222-2222-2222", "ada"), 403, "setup_code_invalid"),
		post("the beginning of the code", setupBody(code[:9], "ada"), 403, "setup_code_invalid"),
		sentence{say: "the code, as people type it, after all those refusals", by: nobody, method: "POST", path: "/api/setup",
			body: object{"code": asTyped, "identifier": "Ada", "name": " Ada Lovelace ", "token": password}, status: 200, then: func(got *answer) {
				if got.str("handle") != "ada" || got.str("name") != "Ada Lovelace" || got.list("roles")[0]["name"] != "Administrator" {
					t.Errorf("the first account is %s", got.body)
				}
				nobody.signedIn(got)
			}},
		post("the code a second time", setupBody(code, "eve"), 409, "setup_done"),
		post("a code that was never used", setupBody(unused, "eve"), 409, "setup_done"),
		post("a wrong code afterwards", setupBody("2222-2222-2222", "eve"), 409, "setup_done"),
		sentence{say: "the first account is signed in", by: nobody, method: "GET", path: "/api/admin/access-keys", status: 200},
	)
	if n := scalar[int](h, "SELECT count(*) FROM setup_code"); n != 0 {
		t.Errorf("%d codes are left after set-up", n)
	}
	if _, fresh, err := h.accounts.NewSetupCode(t.Context()); fresh || err != nil {
		t.Errorf("a restart prints another code: %t, %v", fresh, err)
	}
}

func TestASetupCodeLivesOneHour(t *testing.T) {
	t.Parallel()
	h := newEmptyHarness(t)
	h.clock.stop()
	code := h.setupCode()
	h.clock.advance(time.Hour)
	h.anonymous().post("/api/setup", setupBody(code, "ada")).want(403, "setup_code_invalid")
	h.clock.advance(-time.Microsecond)
	h.anonymous().post("/api/setup", setupBody(code, "ada")).want(200)
}

func TestEachInstancePrintsACodeThatWorks(t *testing.T) {
	t.Parallel()
	for _, printed := range []string{"first", "second"} {
		h := newEmptyHarness(t)
		codes := map[string]string{"first": h.setupCode(), "second": h.setupCode()}
		if codes["first"] == codes["second"] {
			t.Fatal("two starts print the same code")
		}
		h.anonymous().post("/api/setup", setupBody(codes[printed], "ada")).want(200)
	}
}

func TestSetupsAtOnceMakeOneAdministrator(t *testing.T) {
	t.Parallel()
	h := newEmptyHarness(t)
	codes := []string{h.setupCode(), h.setupCode()}
	handles := []string{"ada", "grace", "joan", "mary", "rosa", "vera"}
	counts := tally(atOnce(len(handles), func(i int) *answer {
		return h.anonymous().post("/api/setup", setupBody(codes[i%2], handles[i]))
	}))
	if counts["200"] != 1 || counts["409 setup_done"] != len(handles)-1 {
		t.Errorf("set-ups at once: %v", counts)
	}
	if n := scalar[int](h, "SELECT count(*) FROM account WHERE handle NOT LIKE 'canary-%'"); n != 1 {
		t.Errorf("%d accounts, want one", n)
	}
	if n := scalar[int](h, "SELECT count(*) FROM account_role"); n != 1 {
		t.Errorf("%d administrators, want one", n)
	}
}

// A code has 58 bits; this keeps anyone from trying many of them.
func TestSetupCodesCannotBeGuessedForLong(t *testing.T) {
	t.Parallel()
	h := newEmptyHarness(t)
	h.clock.stop()
	code := h.setupCode()
	for range 100 {
		h.anonymous().post("/api/setup", setupBody("2222-2222-2222", "ada")).want(403, "setup_code_invalid")
	}
	got := h.anonymous().post("/api/setup", setupBody(code, "ada")).want(429, "too_many_attempts")
	if after := got.header.Get("Retry-After"); after != "1" {
		t.Errorf("Retry-After is %q, want 1", after)
	}
	h.clock.advance(time.Second)
	h.anonymous().post("/api/setup", setupBody(code, "ada")).want(200)
}
