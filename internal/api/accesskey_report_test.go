package api

import (
	"crypto/rand"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-dev/latchkey/internal/auth"
	"github.com/latchkey-dev/latchkey/internal/token"
)

const reportPath = "/api/access-keys/report"

// minted is a key that nobody has.
func minted(t *testing.T) string {
	t.Helper()
	secret, _, err := token.Mint(rand.Reader, "lk")
	if err != nil {
		t.Fatal(err)
	}
	return secret.Reveal()
}

func TestAccessKeyReport(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.clock.stop()
	grace, program, path := h.graces()
	_, kept := grace.newKey("kept")
	wrong := kept.secret()[:len("lkpat_")+16] + minted(t)[len("lkpat_")+16:] // the id of a key, the secret of none
	many := func(n int) []string { return strings.Fields(strings.Repeat("x ", n)) }
	post := func(say string, body any, status int, code string) sentence {
		return sentence{say: say, by: h.anonymous(), method: "POST", path: reportPath, body: body, status: status, code: code, then: func(*answer) {
			h.clock.advance(10 * time.Second) // fewer than ten a minute
		}}
	}
	h.hold(
		post("nothing", object{}, 400, "request_invalid"),
		post("no keys", object{"keys": []string{}}, 400, "request_invalid"),
		post("1,001 keys", object{"keys": many(1001)}, 400, "request_invalid"),
		post("a source of spaces", object{"keys": many(1), "source": " "}, 400, "request_invalid"),
		post("junk", object{"keys": []string{"", "x", "lkpat_", strings.Repeat("y", 8192)}}, 202, ""),
		post("a thousand", object{"keys": many(1000)}, 202, ""),
		post("a key of nobody", object{"keys": []string{minted(t)}}, 202, ""),
		post("the id of a key with another secret", object{"keys": []string{wrong}}, 202, ""),
	)
	kept.get("/api/accounts").want(200)
	now := rfc3339(h.clock.Now())
	events := h.recorded(func() {
		got := h.anonymous().post(reportPath, object{"keys": []string{"junk", minted(t), program.secret(), program.secret()}, "source": " a public repository "}).want(202)
		if string(got.body) != `{"status":"received"}`+"\n" {
			t.Errorf("answered %s", got.body)
		}
	})
	want := []object{{"type": "access_key_revoked", "actor": object{"credential": "none", "address": "127.0.0.1"}, "account_id": grace.id,
		"target": target("access_key", strings.TrimPrefix(path, ownKeys+"/")), "new": object{"revoked_at": now, "revoked_because": "reported", "source": "a public repository"}}}
	if diff := cmp.Diff(events, want); diff != "" {
		t.Errorf("recorded (-recorded +want):\n%s", diff)
	}
	program.get("/api/accounts").want(401, "credential_invalid")
	kept.get("/api/accounts").want(200)
	if got := grace.get(path).want(200); got.str("status") != "revoked" || got.str("revoked_because") != "reported" {
		t.Errorf("the owner sees %s", got.body)
	}
	if again := h.recorded(func() { h.anonymous().post(reportPath, object{"keys": []string{program.secret()}}).want(202) }); len(again) != 0 {
		t.Errorf("recorded again: %v", again)
	}
}

// Whoever reports learns nothing: not from the answer, and not from how long it takes.
func TestAReportTellsNothing(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.clock.stop()
	grace, program, path := h.graces()
	_, dead := grace.newKey("dead")
	dead.delete("/api/access-keys/self").want(204)
	before := grace.post(path+"/regenerate", object{}).want(200)
	h.straggler()
	var seen []string
	for say, key := range map[string]string{"junk": "junk", "nobody's": minted(t), "a good one": before.str("secret"), "a revoked one": dead.secret(), "a retired one": program.secret()} {
		waits := h.waits("lease")
		got := h.anonymous().with("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").post(reportPath, object{"keys": []string{key}}).want(202)
		got.header.Del("Date")
		seen = append(seen, fmt.Sprint(string(got.body), got.header))
		if seen[len(seen)-1] != seen[0] || h.waits("lease") != waits+1 {
			t.Errorf("%s: %s; waited: %t", say, seen[len(seen)-1], h.waits("lease") != waits)
		}
	}
}

// A secret from before revokes nothing: the leak is known already. It is an event, and so is one that works in its overlap a revocation.
func TestReportsOfReplacedSecrets(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.clock.stop()
	grace, first, path := h.graces()
	second := grace.withKey(grace.post(path+"/regenerate", object{}).want(200).str("secret"))
	report := func(c *client) {
		h.anonymous().post(reportPath, object{"keys": []string{c.secret()}}).want(202)
	}
	report(first)
	second.get("/api/accounts").want(200)
	if events := h.recorded(func() { h.flushRetired() }); len(events) != 1 || events[0]["type"] != "access_key_retired_secret_used" || events[0]["account_id"] != grace.id {
		t.Errorf("recorded %v", events)
	}
	grace.post(path+"/regenerate", object{"overlap_seconds": 60}).want(200)
	h.clock.advance(time.Minute)
	report(second) // its overlap has just ended
	if got := grace.get(path).want(200).str("status"); got != "active" {
		t.Errorf("after a report of a retired secret: %s", got)
	}
	third := grace.withKey(grace.post(path+"/regenerate", object{}).want(200).str("secret"))
	grace.post(path+"/regenerate", object{"overlap_seconds": 60}).want(200)
	report(third)
	if got := grace.get(path).want(200).str("revoked_because"); got != "reported" {
		t.Errorf("after a report of a secret in its overlap: %q", got)
	}
}

func (h *harness) flushRetired() {
	h.t.Helper()
	if err := h.retired.Flush(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

func TestReportsAreFew(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.clock.stop()
	junk := object{"keys": []string{"x"}}
	counts := tally(atOnce(13, func(int) *answer { return h.anonymous().post(reportPath, junk) }))
	if counts["202"] != 10 || counts["429 too_many_attempts"] != 3 {
		t.Errorf("thirteen at once: %v", counts)
	}
	h.clock.advance(59 * time.Second)
	if got := h.anonymous().post(reportPath, junk).want(429, "too_many_attempts"); got.header.Get("Retry-After") != "1" {
		t.Errorf("to wait %s", got.header.Get("Retry-After"))
	}
	h.clock.advance(time.Second)
	h.anonymous().post(reportPath, junk).want(202)
}

// Senders are told apart by what one of them has for itself, and there is an end to how many are.
func TestReportsAreCountedBySender(t *testing.T) {
	t.Parallel()
	r, now := newReports(), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	count := func(address string, at time.Time) error { return r.count(auth.Anonymous(address, "").Network(), at) }
	fill := func(address string) {
		for i := range reportsMost {
			if err := count(address, now); err != nil {
				t.Errorf("%s, report %d: %v", address, i, err)
			}
		}
	}
	fill("192.0.2.1")
	fill("192.0.2.2")
	fill("2001:db8::1")
	fill("2001:db8:0:1::1")
	for _, same := range []string{"192.0.2.1", "::ffff:192.0.2.2", "2001:db8::2", "2001:db8::ffff:1"} {
		if count(same, now) == nil {
			t.Errorf("%s has one more", same)
		}
	}
	for i := len(r.counts); i < reporters; i++ {
		if err := count(fmt.Sprintf("2001:db8:1:%x::", i), now); err != nil {
			t.Fatalf("sender %d: %v", i, err)
		}
	}
	if count("198.51.100.1", now) == nil {
		t.Error("there is no end to them")
	}
	if err := count("198.51.100.1", now.Add(reportsWindow)); err != nil || len(r.counts) != 1 {
		t.Errorf("a minute later: %v, %d are counted", err, len(r.counts))
	}
}
