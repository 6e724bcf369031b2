package api

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
	"time"
)

func openSignup(s *settings) { s.signupOpen = true }

func pair(handle, token string) object { return object{"identifier": handle, "token": token} }

func TestSignupIsClosedUnlessTheOperatorOpensIt(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	nobody := h.anonymous()
	before := h.stored()
	h.hold(
		sentence{say: "nothing sent", by: nobody, method: "POST", path: "/api/auth/password/signup", body: object{}, status: 400, code: "request_invalid"},
		sentence{say: "a stranger", by: nobody, method: "POST", path: "/api/auth/password/signup", body: pair("grace", password), status: 403, code: "signup_closed"},
		sentence{say: "a handle that is taken, which is not told", by: nobody, method: "POST", path: "/api/auth/password/signup", body: pair("root", password), status: 403, code: "signup_closed"},
		sentence{say: "an administrator", by: h.root, method: "POST", path: "/api/auth/password/signup", body: pair("grace", password), status: 403, code: "signup_closed"},
	)
	if after := h.stored(); after != before {
		t.Errorf("a closed sign-up changed something:\n%s\n%s", before, after)
	}
}

func TestSignup(t *testing.T) {
	t.Parallel()
	h := newEmptyHarness(t, openSignup)
	nobody, first, second := h.anonymous(), h.anonymous(), h.anonymous()
	post := func(say string, body any, status int, problem string) sentence {
		return sentence{say: say, by: nobody, method: "POST", path: "/api/auth/password/signup", body: body, status: status, code: problem}
	}
	h.hold(
		post("no password", object{"identifier": "ada"}, 400, "request_invalid"),
		post("a handle with a dot", pair("ada.l", password), 400, "request_invalid"),
		post("a handle of 31 characters", pair("a234567890123456789012345678901", password), 400, "request_invalid"),
		post("a short password", pair("ada", "short"), 400, "password_refused"),
		sentence{say: "the first account, whose handle is folded", by: first, method: "POST", path: "/api/auth/password/signup", body: pair("ADA", password), status: 200, then: first.signedIn},
		sentence{say: "it is called by its handle and administers the instance", by: first, method: "GET", path: "/api/accounts", status: 200, then: func(got *answer) {
			if got.str("handle") != "ada" || got.str("name") != "ada" || fmt.Sprint(got.json()["permissions"]) != "[ADMINISTRATOR]" {
				t.Errorf("the first account is %s", got.body)
			}
		}},
		post("the same handle", pair("ada", password), 409, "handle_taken"),
		post("the same handle in capitals", pair("Ada", password), 409, "handle_taken"),
		sentence{say: "the second account", by: second, method: "POST", path: "/api/auth/password/signup", body: pair("grace", password), status: 200, then: second.signedIn},
		sentence{say: "it holds nothing", by: second, method: "GET", path: "/api/accounts", status: 200, then: func(got *answer) {
			if len(got.list("roles")) != 0 || fmt.Sprint(got.json()["permissions"]) != "[]" {
				t.Errorf("the second account is %s", got.body)
			}
		}},
	)
}

// A sign-up costs a hash and an account: one address gets no more of them than of failed sign-ins.
func TestSignupsMakeTheAddressWait(t *testing.T) {
	t.Parallel()
	h := newHarness(t, openSignup)
	h.clock.stop()
	for range 100 {
		h.anonymous().post("/api/auth/password/signup", pair("root", password)).want(409, "handle_taken")
	}
	got := h.anonymous().post("/api/auth/password/signup", pair("eve", password)).want(429, "too_many_attempts")
	if after := got.header.Get("Retry-After"); after != "1" {
		t.Errorf("Retry-After is %q, want 1", after)
	}
	h.clock.advance(time.Second)
	h.anonymous().post("/api/auth/password/signup", pair("eve", password)).want(200)
}

func TestSignupsAtOnceMakeOneAdministrator(t *testing.T) {
	t.Parallel()
	h := newEmptyHarness(t, openSignup)
	handles := []string{"ada", "grace", "joan", "mary", "rosa", "vera", "emmy", "hedy", "sofia", "lise"}
	counts := tally(atOnce(len(handles), func(i int) *answer {
		return h.anonymous().post("/api/auth/password/signup", pair(handles[i], password))
	}))
	if counts["200"] != len(handles) {
		t.Errorf("sign-ups at once: %v", counts)
	}
	if n := scalar[int](h, "SELECT count(*) FROM account_role"); n != 1 {
		t.Errorf("%d administrators, want one", n)
	}
}

func TestSignupsAtOnceWithOneHandleMakeOneAccount(t *testing.T) {
	t.Parallel()
	h := newEmptyHarness(t, openSignup)
	counts := tally(atOnce(5, func(int) *answer { return h.anonymous().post("/api/auth/password/signup", pair("ada", password)) }))
	if counts["200"] != 1 || counts["409 handle_taken"] != 4 {
		t.Errorf("sign-ups at once: %v", counts)
	}
}

func TestSignupAfterSetupMakesNoAdministrator(t *testing.T) {
	t.Parallel()
	h := newHarness(t, openSignup)
	eve := h.anonymous()
	eve.signedIn(eve.post("/api/auth/password/signup", pair("eve", password)).want(200))
	eve.get("/api/admin/accounts").want(403, "permission_denied")
}

// An existing client of Storyden's key API knows these members and no others, and reads expires_at: null as expired.
func TestAClientOfStorydenWorksUnchanged(t *testing.T) {
	t.Parallel()
	h := newEmptyHarness(t, openSignup)
	type storydenKey struct {
		ID        string     `json:"id"`
		CreatedAt time.Time  `json:"createdAt"`
		UpdatedAt time.Time  `json:"updatedAt"`
		Name      string     `json:"name"`
		Enabled   bool       `json:"enabled"`
		ExpiresAt *time.Time `json:"expires_at"`
		Secret    string     `json:"secret"`
	}
	read := func(got *answer, v any) {
		t.Helper()
		if err := json.Unmarshal(got.body, v); err != nil {
			t.Fatalf("%s: %v", got.what, err)
		}
		if bytes.Contains(got.body, []byte("null")) {
			t.Errorf("%s answers a null: %s", got.what, got.body)
		}
	}
	browser := h.anonymous()
	up := browser.post("/api/auth/password/signup", pair("odin", password)).want(200)
	in := browser.post("/api/auth/password/signin", pair("odin", password)).want(200)
	if up.str("id") == "" || up.str("id") != in.str("id") {
		t.Errorf("signing up gave %s, signing in %s", up.body, in.body)
	}
	browser.signedIn(in)

	at := time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
	for _, tc := range []struct {
		say     string
		body    object
		expires *time.Time
	}{
		{say: "a name only", body: object{"name": "bot"}},
		{say: "expires_at null", body: object{"name": "bot", "expires_at": nil}},
		{say: "a date", body: object{"name": "bot", "expires_at": at}, expires: &at},
	} {
		var k storydenKey
		read(browser.post("/api/auth/access-keys", tc.body).want(200), &k)
		if k.ID == "" || k.CreatedAt.IsZero() || k.UpdatedAt.IsZero() || k.Name != "bot" || !k.Enabled || k.Secret == "" {
			t.Errorf("%s: created %+v", tc.say, k)
		}
		if (k.ExpiresAt == nil) != (tc.expires == nil) || k.ExpiresAt != nil && !k.ExpiresAt.Equal(*tc.expires) {
			t.Errorf("%s: expires %v, want %v", tc.say, k.ExpiresAt, tc.expires)
		}
	}

	var list struct{ Keys []storydenKey }
	read(browser.get("/api/auth/access-keys").want(200), &list)
	if len(list.Keys) != 3 || list.Keys[0].ExpiresAt == nil || list.Keys[1].ExpiresAt != nil || list.Keys[0].Secret != "" {
		t.Fatalf("the list is %+v", list.Keys)
	}
	gone := list.Keys[1].ID
	if got := browser.delete("/api/auth/access-keys/" + gone).want(204); len(got.body) != 0 {
		t.Errorf("revoking answers %q", got.body)
	}
	read(browser.get("/api/auth/access-keys").want(200), &list)
	for _, k := range list.Keys {
		if k.Enabled != (k.ID != gone) {
			t.Errorf("key %s is enabled: %t", k.ID, k.Enabled)
		}
	}
}
