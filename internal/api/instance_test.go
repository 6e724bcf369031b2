package api

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-dev/latchkey/internal/accesskey"
)

const instancePath, healthPath = "/api/instance", "/api/admin/health"

func TestInstanceGet(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		say, want string
		change    func(*settings)
	}{
		{"as it is at first", `{"setup_done":true,"signup":"closed","password_min":12,"access_keys":{"most":100,"expiry_required":false}}`, func(*settings) {}},
		{"open", `{"setup_done":true,"signup":"open","password_min":12,"access_keys":{"most":100,"expiry_required":false}}`, openSignup},
		{"every key expires", `{"setup_done":true,"signup":"closed","password_min":12,"access_keys":{"most":7,"expiry_required":true}}`,
			func(s *settings) { s.keysMost, s.policy = 7, accesskey.Policy{ExpiryRequired: true} }},
		{"and soon", `{"setup_done":true,"signup":"closed","password_min":12,"access_keys":{"most":7,"expiry_required":true,"life_most_seconds":7776000}}`,
			func(s *settings) { s.keysMost, s.policy = 7, accesskey.Policy{LifeMost: 90 * 24 * time.Hour} }},
	} {
		h := newHarness(t, tc.change)
		_, program := h.root.postKey(tc.say)
		same := func(got *answer) {
			var a, b any
			_, _ = json.Unmarshal(got.body, &a), json.Unmarshal([]byte(tc.want), &b)
			if !cmp.Equal(a, b) {
				t.Errorf("%s: %s", tc.say, got.body)
			}
		}
		h.hold(
			sentence{say: tc.say + ", nobody", by: h.anonymous(), method: "GET", path: instancePath, status: 200, then: same},
			sentence{say: tc.say + ", a session", by: h.root, method: "GET", path: instancePath, status: 200, then: same},
			sentence{say: tc.say + ", a key", by: program, method: "GET", path: instancePath, status: 200, then: same},
			sentence{say: "a parameter", by: h.root, method: "GET", path: instancePath + "?a=b", status: 400, code: "request_invalid"},
			sentence{say: "something to write", by: h.root, method: "POST", path: instancePath, status: 405, code: "method_not_allowed"},
		)
	}
}

// postKey is newKey where keys must expire.
func (c *client) postKey(name string) (string, *client) {
	c.h.t.Helper()
	got := c.post(ownKeys, object{"name": name, "expires_at": c.h.clock.Now().Add(time.Hour)}).want(200)
	return got.str("id"), c.withKey(got.str("secret"))
}

// Once there is an account there is one for good, so nobody asks the database again.
func TestInstanceGetRemembersThatItIsSetUp(t *testing.T) {
	t.Parallel()
	h := newEmptyHarness(t)
	done := func(want bool) {
		t.Helper()
		if got := h.anonymous().get(instancePath).want(200).json()["setup_done"]; got != want {
			t.Errorf("setup_done is %v, want %t", got, want)
		}
	}
	done(false)
	code := h.setupCode()
	done(false)
	h.anonymous().post("/api/setup", setupBody("WRONG", "ada")).want(403, "setup_code_invalid")
	done(false)
	h.anonymous().post("/api/setup", setupBody(code, "ada")).want(200)
	other := h.instance()
	done(true)
	h.exec("ALTER TABLE account RENAME TO out_of_order")
	done(true)
	h.anonymous().at(other).get(instancePath).want(500, "internal") // has not seen it
	h.exec("ALTER TABLE out_of_order RENAME TO account")
	release := h.hogAll(h.pool)
	done(true)
	h.anonymous().at(other).get(instancePath).away("all connections in use")
	release()
	h.anonymous().at(other).get(instancePath).want(200)
}

// node is one of the nodes of an answer: id, changes behind, and how long ago it was seen, if it was.
func (a *answer) node(id string) (int, object) {
	a.t.Helper()
	nodes := a.list("nodes")
	i := slices.IndexFunc(nodes, func(n object) bool { return n["id"] == id })
	if i < 0 {
		return i, nil
	}
	return i, nodes[i]
}

func TestInstanceHealthGet(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	there := h.instance()
	_, program := h.root.newKey("monitor")
	clerk := h.member("clerk", "MANAGE_ACCOUNTS", "VIEW_AUDIT_LOG", "USE_PERSONAL_ACCESS_KEYS")
	_, clerks := clerk.newKey("bot")
	whole := func(got *answer) {
		o := got.json()
		lease, database, revocations := o["lease"].(object), o["database"].(object), o["revocations"].(object)
		if o["node"] != h.node.ID() || o["version"] != "1.2.3" || lease["length_ms"] != 1000.0 || lease["age_ms"].(float64) > 1000 ||
			database["version"] == "" || len(got.list("nodes")) != 2 || revocations["pending"] != 0.0 {
			t.Errorf("%s", got.body)
		}
		if i, self := got.node(h.node.ID()); i != 0 || self["renewed_ms"] != lease["age_ms"] {
			t.Errorf("it is not the first, or does not know its own lease: %s", got.body)
		}
	}
	get := func(say string, by *client, query string, status int, problem string, then func(*answer)) sentence {
		return sentence{say: say, by: by, method: "GET", path: healthPath + query, status: status, code: problem, then: then}
	}
	h.hold(
		get("nobody", h.anonymous(), "", 401, "credential_required", nil),
		get("somebody who is no administrator", clerk, "", 403, "permission_denied", nil),
		get("their key", clerks, "", 403, "permission_denied", nil),
		get("a parameter", h.root, "?a=b", 400, "request_invalid", nil),
		get("a session", h.root, "", 200, "", whole),
		get("a key", program, "", 200, "", whole),
	)
	other := h.root.at(there).get(healthPath).want(200)
	self := other.str("node")
	if i, _ := other.node(self); i != 0 || self == h.node.ID() {
		t.Errorf("seen from the other one: %s", other.body)
	}
	if _, first := other.node(h.node.ID()); first["renewed_ms"] != nil {
		t.Errorf("it was looked at once, and yet: %s", other.body)
	}
	for late := time.Now().Add(10 * time.Second); ; { // it syncs five times a second
		if _, n := h.root.at(there).get(healthPath).want(200).node(h.node.ID()); n["renewed_ms"] != nil {
			break
		}
		if time.Now().After(late) {
			t.Fatal("nobody sees the other one sync")
		}
	}
	release := h.hogAll(h.pool)
	h.root.get(healthPath).away("all connections in use")
	release()
	h.noAlarm()
}

func TestInstanceHealthShowsWhoRevocationsWaitFor(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.straggler()
	id, _ := h.root.newKey("bot")
	h.root.delete(ownKeys + "/" + id).want(204)
	got := h.root.get(healthPath).want(200)
	behind := 0.0
	for _, n := range got.list("nodes") {
		if n["id"] != h.node.ID() {
			behind = n["behind"].(float64)
		}
	}
	if v := scalar[int64](h, "SELECT v FROM cluster"); behind < 1 || behind > float64(v) || len(got.list("nodes")) != 2 {
		t.Errorf("%d changes, and: %s", v, got.body)
	}
	recent := got.json()["revocations"].(object)["recent"].([]any)
	if len(recent) != 1 || recent[0].(object)["wait_ms"].(float64) < 200 { // the lease
		t.Errorf("%s", got.body)
	}
}

func TestInstanceHealthShowsHowLongRevocationsTook(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	grace := h.member("grace", "USE_PERSONAL_ACCESS_KEYS")
	show := func() (float64, []object) {
		t.Helper()
		r := h.root.get(healthPath).want(200).json()["revocations"].(object)
		var recent []object
		for _, w := range r["recent"].([]any) {
			recent = append(recent, w.(object))
		}
		return r["pending"].(float64), recent
	}
	if pending, recent := show(); pending != 0 || len(recent) != 0 {
		t.Errorf("nothing was revoked: %v, %v", pending, recent)
	}
	id, _ := grace.newKey("bot")
	grace.delete(ownKeys + "/" + id).want(204)
	at := grace.get(ownKeys + "/" + id).want(200).str("deletedAt")
	if pending, recent := show(); pending != 0 || len(recent) != 1 || recent[0]["at"] != at || recent[0]["wait_ms"].(float64) <= 0 {
		t.Errorf("%v, %v; revoked at %s", pending, recent, at)
	}
	h.plant(grace.id, "p", 3, "revoked_at = now()")
	h.plant(grace.id, "q", 205, "revoked_at = now() - make_interval(hours => 300 - right(id, 3)::int), "+
		"revocation_effective_at = now() - make_interval(hours => 300 - right(id, 3)::int) + interval '7.25 ms'")
	h.plant(grace.id, "r", 1, "revoked_at = now() + interval '1 hour', revocation_effective_at = now()") // another instance's clock
	h.plant("00000000000000000020", "c", 4, "revoked_at = now(), revocation_effective_at = now()")       // the canary's
	pending, recent := show()
	if pending != 3 || len(recent) != 200 {
		t.Fatalf("%v pending, %d recent", pending, len(recent))
	}
	if recent[0]["wait_ms"] != 0.0 || recent[1]["at"] != at || recent[2]["wait_ms"] != 7.25 {
		t.Errorf("%v", recent[:3])
	}
	for i, w := range recent[1:] {
		if w["at"].(string) > recent[i]["at"].(string) {
			t.Errorf("%v comes after %v", w, recent[i])
		}
	}
}

// It is what people look at when something is wrong: it knows its caller by the database then, and by nothing else.
func TestInstanceHealthWithoutALease(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	_, program := h.root.newKey("monitor")
	id, revoked := h.root.newKey("revoked")
	ended, clerk := h.administrator("ended"), h.member("clerk", "MANAGE_ACCOUNTS")
	for _, c := range []*client{h.root, program, revoked, ended} {
		c.get(healthPath).want(200) // and remembered
	}
	h.exec("UPDATE cluster SET protocol = 2") // no sync succeeds from here on
	h.leases.end()
	h.root.get("/api/accounts").unproved("anything else")
	h.exec("UPDATE access_key SET revoked_at = now() WHERE id = $1", id)
	h.exec("DELETE FROM session WHERE account_id = $1", ended.id)
	lapsed := func(got *answer) {
		lease := got.json()["lease"].(object)
		_, self := got.node(h.node.ID())
		if lease["age_ms"].(float64) <= lease["length_ms"].(float64) || self["renewed_ms"] != lease["age_ms"] {
			t.Errorf("%s", got.body)
		}
	}
	get := func(say string, by *client, status int, problem string, then func(*answer)) sentence {
		return sentence{say: say, by: by, method: "GET", path: healthPath, status: status, code: problem, then: then}
	}
	h.hold(
		get("a session", h.root, 200, "", lapsed),
		get("a key", program, 200, "", lapsed),
		get("nobody", h.anonymous(), 401, "credential_required", nil),
		get("no key", h.anonymous().withKey("lkpat_nonsense"), 401, "credential_invalid", nil),
		get("a key that was revoked meanwhile", revoked, 401, "credential_invalid", nil),
		get("a session that ended meanwhile", ended, 401, "credential_invalid", nil),
		get("not an administrator", clerk, 403, "permission_denied", nil),
	)
	h.exec("ALTER TABLE cache_node ADD CHECK (applied_v < 0) NOT VALID") // nobody may register
	h.exec("UPDATE cluster SET protocol = 1, epoch = epoch + 1")         // and everybody must
	for late := time.Now().Add(10 * time.Second); ; {
		got := h.root.get(healthPath).want(200)
		if _, leased := got.json()["lease"]; !leased {
			if i, self := got.node(h.node.ID()); i != 0 || self["renewed_ms"] != nil {
				t.Errorf("%s", got.body)
			}
			break
		}
		if time.Now().After(late) {
			t.Fatalf("it still has a lease: %s", got.body)
		}
	}
	h.root.at(h.url).get("/api/accounts").unproved("anything else")
	if lines := strings.Join(h.requests("InstanceHealthGet"), ""); !strings.Contains(lines, fmt.Sprint("account_id=", h.root.id)) {
		t.Errorf("who asked is not logged: %s", lines)
	}
	h.noAlarm()
}
