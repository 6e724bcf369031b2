package api

import (
	"bytes"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"
)

const otherPassword = "seven bright lanterns swing"

func TestAuthPasswordSignin(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	grace := h.member("grace")
	suspended := h.member("eve")
	h.root.post("/api/admin/accounts/"+suspended.id+"/suspend", nil).want(200)
	nobody := h.anonymous()
	post := func(say string, body any, status int, problem string) sentence {
		return sentence{say: say, by: nobody, method: "POST", path: "/api/auth/password/signin", body: body, status: status, code: problem}
	}
	h.hold(
		post("nothing", object{}, 400, "request_invalid"),
		post("an empty handle", pair("", password), 400, "request_invalid"),
		post("no password", object{"identifier": "grace"}, 400, "request_invalid"),
		post("a password of more characters than any can have", pair("grace", strings.Repeat("x", 1025)), 400, "request_invalid"),
		post("a password of more bytes than any can have is just wrong", pair("grace", strings.Repeat("\u00e9", 1024)), 401, "sign_in_failed"),
		post("a wrong password", pair("grace", otherPassword), 401, "sign_in_failed"),
		post("the password in capitals", pair("grace", strings.ToUpper(password)), 401, "sign_in_failed"),
		post("the password and a space", pair("grace", password+" "), 401, "sign_in_failed"),
		post("an unknown handle", pair("nobody", password), 401, "sign_in_failed"),
		post("a suspended account", pair("eve", password), 401, "sign_in_failed"),
		sentence{say: "the right pair, whatever the case of the handle", by: nobody, method: "POST", path: "/api/auth/password/signin",
			body: pair("GRACE", password), status: 200, then: func(got *answer) {
				if got.str("id") != grace.id {
					t.Errorf("signing in gave %s, want the id %s", got.body, grace.id)
				}
			}},
	)
}

// ASVS 6.3.8: nobody learns from a refusal which accounts there are.
func TestEveryRefusedSigninLooksTheSame(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.member("grace")
	h.root.post("/api/admin/accounts/"+h.member("eve").id+"/suspend", nil).want(200)
	traced := h.anonymous().with("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	wrong := traced.post("/api/auth/password/signin", pair("grace", otherPassword)).want(401)
	for say, body := range map[string]object{"unknown": pair("nobody", otherPassword), "suspended, wrong": pair("eve", otherPassword), "suspended, right": pair("eve", password)} {
		got := traced.post("/api/auth/password/signin", body).want(401)
		got.header.Del("Date")
		wrong.header.Del("Date")
		if !bytes.Equal(got.body, wrong.body) || fmt.Sprint(got.header) != fmt.Sprint(wrong.header) {
			t.Errorf("%s: %v %s\nwrong: %v %s", say, got.header, got.body, wrong.header, wrong.body)
		}
	}
}

func TestAuthPasswordUpdate(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	grace := h.member("grace", "USE_PERSONAL_ACCESS_KEYS")
	_, program := grace.newKey("bot")
	laptop := h.signIn("grace", password)
	change := func(say string, by *client, from, to string, status int, problem string) sentence {
		return sentence{say: say, by: by, method: "PATCH", path: "/api/auth/password", body: object{"old": from, "new": to}, status: status, code: problem}
	}
	h.hold(
		change("nobody", h.anonymous(), password, otherPassword, 401, "credential_required"),
		change("a key", program, password, otherPassword, 403, "credential_not_allowed"),
		change("a wrong old one", grace, otherPassword, otherPassword, 401, "sign_in_failed"),
		change("a new one that is too short", grace, password, "eleven char", 400, "password_refused"),
		change("a new one made of the handle", grace, password, "gracegracegrace", 400, "password_refused"),
		sentence{say: "no new one", by: grace, method: "PATCH", path: "/api/auth/password", body: object{"old": password}, status: 400, code: "request_invalid"},
		sentence{say: "after all those refusals the sessions are there", by: laptop, method: "GET", path: "/api/accounts", status: 200},
	)
	before := *grace
	before.header = grace.header.Clone()
	got := grace.patch("/api/auth/password", object{"old": password, "new": otherPassword}).want(200)
	if got.str("id") != grace.id {
		t.Errorf("the change answers %s", got.body)
	}
	grace.signedIn(got)
	h.hold(
		sentence{say: "the session that changed it", by: &before, method: "GET", path: "/api/accounts", status: 401, code: "credential_invalid"},
		sentence{say: "the other session", by: laptop, method: "GET", path: "/api/accounts", status: 401, code: "credential_invalid"},
		sentence{say: "the new session", by: grace, method: "GET", path: "/api/accounts", status: 200},
		sentence{say: "the key", by: program, method: "GET", path: "/api/accounts", status: 200},
		sentence{say: "the old password", by: h.anonymous(), method: "POST", path: "/api/auth/password/signin", body: pair("grace", password), status: 401, code: "sign_in_failed"},
		sentence{say: "the new password", by: h.anonymous(), method: "POST", path: "/api/auth/password/signin", body: pair("grace", otherPassword), status: 200},
	)
}

func TestPasswordChangesAtOnce(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	wanted := []string{otherPassword, "nine copper kettles whistle"}
	counts := map[string]int{}
	changes := atOnce(2, func(i int) *answer {
		return h.root.patch("/api/auth/password", object{"old": password, "new": wanted[i]})
	})
	for i, got := range changes {
		counts[got.problem()]++
		status := h.anonymous().post("/api/auth/password/signin", pair("root", wanted[i])).status
		if (got.status == 200) != (status == 200) {
			t.Errorf("the change answered %d; signing in with it answers %d", got.status, status)
		}
	}
	// The loser is told so, or came after the winner had ended its session.
	if counts[""] != 1 || counts["password_changed_meanwhile"]+counts["credential_invalid"]+counts["sign_in_failed"] != 1 {
		t.Errorf("two changes at once: %v", counts)
	}
	if n := scalar[int](h, "SELECT count(*) FROM audit_event WHERE type = 'password_changed'"); n != 1 {
		t.Errorf("%d changes recorded, want one", n)
	}
}

func TestPasswordsAreStoredAsArgon2id(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.member("grace")
	if stored := scalar[string](h, "SELECT password_hash FROM account WHERE handle = 'grace'"); !strings.HasPrefix(stored, "$argon2id$v=19$m=64,t=1,p=1$") {
		t.Errorf("stored as %q", stored)
	}
	if scalar[int](h, "SELECT count(DISTINCT password_hash) FROM account WHERE handle IN ('root', 'grace')") != 2 {
		t.Error("two accounts with one password have one hash: no salt")
	}
	if strings.Contains(h.stored(), password) || strings.Contains(h.log.String(), password) {
		t.Error("a password is in the database or the log")
	}
}

// fail tries a wrong password and gives Retry-After, 0 where the try was judged.
func (c *client) fail(handle string) int {
	c.h.t.Helper()
	got := c.post("/api/auth/password/signin", pair(handle, otherPassword))
	if got.status == 401 {
		return 0
	}
	got.want(429, "too_many_attempts")
	after, err := strconv.Atoi(got.header.Get("Retry-After"))
	if err != nil || after < 1 {
		c.h.t.Fatalf("Retry-After is %q", got.header.Get("Retry-After"))
	}
	return after
}

// ASVS 6.3.1.
func TestFailedSigninsMakeTheAccountWait(t *testing.T) {
	t.Parallel()
	for _, handle := range []string{"root", "nobody"} { // an unknown handle waits like a known one
		h := newHarness(t)
		h.clock.stop()
		nobody := h.anonymous()
		for try := range 10 {
			if wait := nobody.fail([]string{handle, strings.ToUpper(handle)}[try%2]); wait != 0 {
				t.Fatalf("%s: try %d must wait %d s", handle, try+1, wait)
			}
		}
		for _, want := range []int{1, 2, 4, 8, 16, 32, 64, 128, 256} {
			if got := nobody.fail(handle); got != want {
				t.Fatalf("%s: must wait %d s, want %d", handle, got, want)
			}
			h.clock.advance(time.Duration(want)*time.Second - time.Microsecond)
			if got := nobody.fail(handle); got != 1 { // tries in between cost nothing
				t.Fatalf("%s: just before the end must wait %d s, want 1", handle, got)
			}
			h.clock.advance(time.Microsecond)
			if got := nobody.fail(handle); got != 0 {
				t.Fatalf("%s: after the wait must wait %d s more", handle, got)
			}
		}
		// Never for good: at the end of the longest wait the window is over too.
		last := nobody.fail(handle)
		if last > 15*60 {
			t.Errorf("%s: a wait of %d s", handle, last)
		}
		h.clock.advance(time.Duration(last) * time.Second)
		for try := range 10 {
			if wait := nobody.fail(handle); wait != 0 {
				t.Fatalf("%s: in a new window, try %d must wait %d s", handle, try+1, wait)
			}
		}
	}
}

func TestTheRightPasswordEndsTheCount(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.clock.stop()
	nobody := h.anonymous()
	for range 10 {
		nobody.fail("root")
	}
	nobody.post("/api/auth/password/signin", pair("root", password)).want(429, "too_many_attempts")
	h.root.patch("/api/auth/password", object{"old": password, "new": otherPassword}).want(429, "too_many_attempts")
	h.clock.advance(time.Second)
	nobody.post("/api/auth/password/signin", pair("root", password)).want(200)
	for try := range 10 {
		if wait := nobody.fail("root"); wait != 0 {
			t.Fatalf("try %d after a success must wait %d s", try+1, wait)
		}
	}
	if wait := nobody.fail("root"); wait != 1 {
		t.Errorf("the eleventh must wait %d s, want 1", wait)
	}
}

func TestAFailedPasswordChangeCountsLikeAFailedSignin(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.clock.stop()
	for range 10 {
		h.root.patch("/api/auth/password", object{"old": otherPassword, "new": otherPassword}).want(401, "sign_in_failed")
	}
	h.root.patch("/api/auth/password", object{"old": password, "new": otherPassword}).want(429, "too_many_attempts")
	h.anonymous().post("/api/auth/password/signin", pair("root", password)).want(429, "too_many_attempts")
}

// from is a client behind a proxy that tells its address.
func (c *client) from(address string) *client { return c.with("X-Forwarded-For", address) }

func TestFailedSigninsMakeTheAddressWait(t *testing.T) {
	t.Parallel()
	h := newHarness(t, func(s *settings) {
		s.api = func(c *Config) { c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} }
	})
	h.clock.stop()
	here, there := h.anonymous().from("192.0.2.1"), h.anonymous().from("192.0.2.2")
	for try := range 100 {
		if wait := here.fail(fmt.Sprintf("guess-%d", try)); wait != 0 {
			t.Fatalf("try %d must wait %d s", try+1, wait)
		}
		// Whoever has an account cannot begin anew with it.
		if try == 50 {
			here.post("/api/auth/password/signin", pair("root", password)).want(200)
		}
	}
	for _, want := range []int{1, 2, 4} {
		if got := here.fail("one-more"); got != want {
			t.Errorf("the address must wait %d s, want %d", got, want)
		}
		here.post("/api/auth/password/signin", pair("root", password)).want(429, "too_many_attempts")
		there.post("/api/auth/password/signin", pair("root", password)).want(200)
		h.clock.advance(time.Duration(want) * time.Second)
		here.fail("one-more")
	}
}

func TestParallelGuessesCannotPassTheLimit(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.clock.stop()
	counts := tally(atOnce(30, func(int) *answer {
		return h.anonymous().post("/api/auth/password/signin", pair("root", otherPassword))
	}))
	judged := counts["401 sign_in_failed"]
	if judged < 1 || judged > 10 || judged+counts["429 too_many_attempts"] != 30 {
		t.Errorf("thirty guesses at once: %v", counts)
	}
}
