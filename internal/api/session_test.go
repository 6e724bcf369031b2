package api

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

const unknownID = "cc5lnd2s1s4652adtu50"

func TestSessionList(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	grace := h.member("grace", "USE_PERSONAL_ACCESS_KEYS")
	_, program := grace.newKey("bot")
	laptop := h.anonymous().with("User-Agent", "Laptop/1.0 \u00e9"+strings.Repeat("x", 300))
	laptop.signedIn(laptop.post("/api/auth/password/signin", pair("grace", password)).want(200))
	h.hold(
		sentence{say: "nobody", by: h.anonymous(), method: "GET", path: "/api/auth/sessions", status: 401, code: "credential_required"},
		sentence{say: "a key", by: program, method: "GET", path: "/api/auth/sessions", status: 403, code: "credential_not_allowed"},
		sentence{say: "newest first, and which one asks", by: laptop, method: "GET", path: "/api/auth/sessions", status: 200, then: func(got *answer) {
			list := got.list("sessions")
			if len(list) != 2 || list[0]["current"] != true || list[1]["current"] != false {
				t.Fatalf("the laptop sees %s", got.body)
			}
			agent, _ := list[0]["user_agent"].(string)
			if len(agent) != 200 || !strings.HasPrefix(agent, "Laptop/1.0 ??xxx") || list[0]["address"] != "127.0.0.1" {
				t.Errorf("the laptop's session is %v", list[0])
			}
		}},
		sentence{say: "the other one", by: grace, method: "GET", path: "/api/auth/sessions", status: 200, then: func(got *answer) {
			if list := got.list("sessions"); list[0]["current"] != false || list[1]["current"] != true {
				t.Errorf("the first browser sees %s", got.body)
			}
		}},
		sentence{say: "somebody else sees only their own", by: h.root, method: "GET", path: "/api/auth/sessions", status: 200, then: func(got *answer) {
			if n := len(got.list("sessions")); n != 1 {
				t.Errorf("root sees %d sessions", n)
			}
		}},
	)
}

func TestSessionDelete(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	grace := h.member("grace", "USE_PERSONAL_ACCESS_KEYS")
	_, program := grace.newKey("bot")
	laptop := h.signIn("grace", password)
	ids := grace.get("/api/auth/sessions").want(200).column("sessions", "id") // the laptop's first
	roots := h.root.get("/api/auth/sessions").want(200).column("sessions", "id")[0]
	end := func(say string, by *client, id string, status int, problem string) sentence {
		return sentence{say: say, by: by, method: "DELETE", path: "/api/auth/sessions/" + id, status: status, code: problem}
	}
	h.hold(
		end("nobody", h.anonymous(), ids[0], 401, "credential_required"),
		end("a key", program, ids[0], 403, "credential_not_allowed"),
		end("no such session", grace, unknownID, 404, "not_found"),
		end("somebody else's", grace, roots, 404, "not_found"),
		end("an administrator has no say in it either", h.root, ids[0], 404, "not_found"),
		end("the other one of the own", grace, ids[0], 204, ""),
		sentence{say: "which is out at once", by: laptop, method: "GET", path: "/api/accounts", status: 401, code: "credential_invalid"},
		end("it again", grace, ids[0], 404, "not_found"),
		end("the very one that asks", grace, ids[1], 204, ""),
		sentence{say: "which is out too", by: grace, method: "GET", path: "/api/accounts", status: 401, code: "credential_invalid"},
		sentence{say: "the key goes on", by: program, method: "GET", path: "/api/accounts", status: 200},
		sentence{say: "root goes on", by: h.root, method: "GET", path: "/api/accounts", status: 200},
	)
}

// ASVS 7.4.1: what was signed out cannot be replayed.
func TestLogout(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	grace := h.member("grace", "USE_PERSONAL_ACCESS_KEYS")
	_, program := grace.newKey("bot")
	laptop := h.signIn("grace", password)
	h.hold(
		sentence{say: "nobody", by: h.anonymous(), method: "POST", path: "/api/auth/logout", status: 401, code: "credential_required"},
		sentence{say: "a key", by: program, method: "POST", path: "/api/auth/logout", status: 403, code: "credential_not_allowed"},
		sentence{say: "a body", by: grace, method: "POST", path: "/api/auth/logout", body: object{}, status: 400, code: "request_invalid"},
		sentence{say: "signing out", by: grace, method: "POST", path: "/api/auth/logout", status: 204, then: func(got *answer) {
			if c := got.cookie(); c.Value != "" || c.MaxAge >= 0 || c.Name != "latchkey-session" || c.Path != "/" {
				t.Errorf("signing out sets %q", got.header["Set-Cookie"])
			}
		}},
		sentence{say: "the cookie, kept", by: grace, method: "GET", path: "/api/accounts", status: 401, code: "credential_invalid"},
		sentence{say: "signing out again", by: grace, method: "POST", path: "/api/auth/logout", status: 401, code: "credential_invalid"},
		sentence{say: "the other session", by: laptop, method: "GET", path: "/api/accounts", status: 200},
	)
}

func TestLogoutsAtOnceAreNoFault(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for range 5 {
		browser := h.signIn("root", password)
		counts := tally(atOnce(4, func(int) *answer { return browser.post("/api/auth/logout", nil) }))
		if counts["204"]+counts["401 credential_invalid"] != 4 || counts["204"] == 0 {
			t.Errorf("four at once: %v", counts)
		}
		browser.get("/api/accounts").want(401)
	}
}

// ASVS 7.2.4: every sign-in makes a new token, whatever the browser brought along.
func TestSessionsCannotBeFixed(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	planted := h.anonymous().with("Cookie", "latchkey-session=planted")
	first := planted.post("/api/auth/password/signin", pair("root", password)).want(200).cookie().Value
	second := h.anonymous().with("Cookie", "latchkey-session="+first).post("/api/auth/password/signin", pair("root", password)).want(200).cookie().Value
	if first == "planted" || first == second {
		t.Errorf("tokens are %q and %q", first, second)
	}
	if len(first) != 43 {
		t.Errorf("a token has %d characters, 32 bytes have 43", len(first))
	}
	planted.get("/api/accounts").want(401, "credential_invalid")
}

// ASVS 7.3.1 and 7.3.2: idle and absolute ends.
func TestSessionsEndByThemselves(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.clock.stop()
	for _, tc := range []struct {
		say   string
		every time.Duration // between two uses
		uses  int           // that still work
	}{
		{say: "after an hour without use", every: time.Hour, uses: 0},
		{say: "not a moment earlier, but after a day all the same", every: time.Hour - time.Microsecond, uses: 24},
		{say: "a day after it began, however busy", every: 10 * time.Minute, uses: 6*24 - 1},
	} {
		browser := h.signIn("root", password)
		for use := range tc.uses {
			h.clock.advance(tc.every)
			if got := browser.get("/api/auth/sessions"); got.status != 200 || !strings.Contains(string(got.body), `"current":true`) {
				t.Fatalf("%s: use %d: %d %s", tc.say, use, got.status, got.body)
			}
		}
		h.clock.advance(tc.every)
		if got := browser.get("/api/accounts"); got.status != 401 || got.problem() != "credential_invalid" {
			t.Errorf("%s: %d after %d uses", tc.say, got.status, tc.uses)
		}
		if n := len(h.signIn("root", password).get("/api/auth/sessions").want(200).list("sessions")); n != 1 {
			t.Errorf("%s: the list still holds it: %d", tc.say, n)
		}
		h.clock.advance(25 * time.Hour)
	}
}

func TestUseOfASessionIsNotedOnceAMinute(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.clock.stop()
	browser := h.signIn("root", password)
	seen := func() time.Time {
		return scalar[time.Time](h, "SELECT last_seen_at FROM session ORDER BY created_at DESC LIMIT 1")
	}
	version := func() string {
		return scalar[string](h, "SELECT xmin::text FROM session ORDER BY created_at DESC LIMIT 1")
	}
	signedIn, row := seen(), version()
	for _, tc := range []struct {
		after time.Duration // since the sign-in
		want  time.Duration
		wrote bool
	}{
		{after: 0}, {after: 30 * time.Second}, {after: time.Minute},
		{after: 61 * time.Second, want: 61 * time.Second, wrote: true},
		{after: 62 * time.Second, want: 61 * time.Second},
		{after: 121 * time.Second, want: 61 * time.Second},
		{after: 122 * time.Second, want: 122 * time.Second, wrote: true},
	} {
		h.clock.advance(signedIn.Add(tc.after).Sub(h.clock.Now()))
		browser.get("/api/accounts").want(200)
		if got := seen().Sub(signedIn); got != tc.want {
			t.Errorf("used after %s: last seen after %s, want %s", tc.after, got, tc.want)
		}
		if now := version(); (now != row) != tc.wrote {
			t.Errorf("used after %s: written: %t, want %t", tc.after, now != row, tc.wrote)
		} else {
			row = now
		}
	}
}

func TestAnAccountHasTwentySessions(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	browsers := []*client{h.root}
	for range 19 {
		browsers = append(browsers, h.signIn("root", password))
	}
	h.root.get("/api/accounts").want(200)
	last := h.signIn("root", password)
	h.root.get("/api/accounts").want(401, "credential_invalid")
	browsers[1].get("/api/accounts").want(200)
	if n := len(last.get("/api/auth/sessions").want(200).list("sessions")); n != 20 {
		t.Errorf("%d sessions, want 20", n)
	}
	counts := tally(atOnce(6, func(int) *answer { return h.anonymous().post("/api/auth/password/signin", pair("root", password)) }))
	if counts["200"] != 6 {
		t.Errorf("sign-ins at once: %v", counts)
	}
	if n := scalar[int](h, "SELECT count(*) FROM session"); n != 20 {
		t.Errorf("%d sessions after sign-ins at once, want 20", n)
	}
}

// ASVS 3.3.1 to 3.3.4.
func TestTheSessionCookie(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		say, name string
		https     bool
	}{
		{say: "on this machine", name: "latchkey-session"},
		{say: "on https", name: "__Host-latchkey-session", https: true},
	} {
		h := newHarness(t, func(s *settings) { s.https = tc.https })
		got := h.anonymous().post("/api/auth/password/signin", pair("root", password)).want(200)
		c := got.cookie()
		if c.Name != tc.name || c.Secure != tc.https || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.MaxAge != 24*60*60 {
			t.Errorf("%s: signing in sets %q", tc.say, got.header["Set-Cookie"])
		}
		h.anonymous().with("Cookie", c.Name+"="+c.Value).get("/api/accounts").want(200)
		gone := h.root.post("/api/auth/logout", nil).want(204).cookie()
		if gone.Name != tc.name || gone.Value != "" || gone.MaxAge >= 0 || gone.Secure != tc.https || gone.Path != "/" || gone.Domain != "" {
			t.Errorf("%s: signing out leaves %+v", tc.say, gone)
		}
	}
}

func TestOnHTTPSThePlainCookieOpensNothing(t *testing.T) {
	t.Parallel()
	h := newHarness(t, func(s *settings) { s.https = true })
	value := strings.SplitN(h.root.header.Get("Cookie"), "=", 2)[1]
	h.anonymous().with("Cookie", "latchkey-session="+value).get("/api/accounts").want(401, "credential_required")
}

// ASVS 7.2.2 and 11.4.1: whoever reads the database cannot sign in with what is there.
func TestASessionIsStoredAsADigest(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	value := strings.SplitN(h.root.header.Get("Cookie"), "=", 2)[1]
	if all := h.stored(); strings.Contains(all, value) || strings.Contains(all, hex.EncodeToString([]byte(value))) {
		t.Error("the database holds the token")
	}
	digest := sha256.Sum256([]byte(value))
	if stored := scalar[[]byte](h, "SELECT digest FROM session"); !slices.Equal(stored, digest[:]) {
		t.Error("the database does not hold its SHA-256")
	}
	if strings.Contains(h.log.String(), value) {
		t.Error("the log holds the token")
	}
}
