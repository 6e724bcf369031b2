package api

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	ownRevoke = ownKeys + "/revoke-all"
	allRevoke = "/api/admin/access-keys/revoke-all"
)

func TestAccessKeyRevokeAll(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.clock.stop()
	grace := h.member("grace", "USE_PERSONAL_ACCESS_KEYS")
	rolf := h.member("rolf", "MANAGE_ROLES")
	first, program := grace.newKey("first")
	second, _ := grace.newKey("second")
	gone, _ := grace.newKey("gone")
	grace.delete(ownKeys + "/" + gone).want(204)
	_, roots := h.root.newKey("root's")
	post := func(say string, by *client, body any, status int, code string) sentence {
		return sentence{say: say, by: by, method: "POST", path: ownRevoke, body: body, status: status, code: code}
	}
	h.hold(
		post("nobody", h.anonymous(), object{}, 401, "credential_required"),
		post("a key", program, object{}, 403, "credential_not_allowed"),
		post("a member without the permission", rolf, object{}, 403, "permission_denied"),
		post("an empty reason", grace, object{"reason": ""}, 400, "request_invalid"),
		post("a reason of spaces", grace, object{"reason": "  "}, 400, "request_invalid"),
		post("a reason that turns around", grace, object{"reason": "a\u202eb"}, 400, "request_invalid"),
		post("too long a reason", grace, object{"reason": strings.Repeat("x", 401)}, 400, "request_invalid"),
		post("somebody else's", grace, object{"account": h.root.id}, 400, "request_invalid"),
	)
	program.get("/api/accounts").want(200)
	var incident string
	events := h.recorded(func() {
		got := grace.post(ownRevoke, object{"reason": " Laptop stolen "}).want(200)
		incident = got.str("incident_id")
		if got.json()["revoked"] != 2.0 || got.header.Get("Latchkey-Revision") == "" {
			t.Errorf("revoked: %s", got.body)
		}
	})
	program.get("/api/accounts").want(401, "credential_invalid")
	roots.get("/api/accounts").want(200)
	by := actor(grace, "grace", "session", grace.session())
	now := rfc3339(h.clock.Now())
	each := func(id string) object {
		return object{"type": "access_key_revoked", "actor": by, "account_id": grace.id, "target": target("access_key", id), "incident_id": incident,
			"new": object{"revoked_at": now, "revoked_because": "incident"}}
	}
	want := []object{each(first), each(second), {"type": "access_keys_revoked", "actor": by, "account_id": grace.id, "target": target("incident", incident),
		"incident_id": incident, "new": object{"count": 2.0, "reason": "Laptop stolen", "scope": object{"account": grace.id}}}}
	if diff := cmp.Diff(events, want); diff != "" && cmp.Diff(events, []object{want[1], want[0], want[2]}) != "" {
		t.Errorf("recorded (-recorded +want):\n%s", diff)
	}
	for _, k := range grace.get(ownKeys).want(200).list("keys") {
		because, id := "incident", any(incident)
		if k["id"] == gone {
			because, id = "owner", nil
		}
		if k["status"] != "revoked" || k["revoked_because"] != because || k["incident_id"] != id {
			t.Errorf("now: %v", k)
		}
	}
	if got := grace.post(ownRevoke, object{}).want(200); got.json()["revoked"] != 0.0 || got.str("incident_id") == incident {
		t.Errorf("again: %s", got.body)
	}
	if tied := h.root.get(allEvents + "?incident=" + incident).want(200).list("events"); len(tied) != 3 {
		t.Errorf("%d events of the incident, want 3", len(tied))
	}
	h.root.get(allEvents+"?incident=x").want(400, "request_invalid")
}

func TestAdminAccessKeyRevokeAll(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.clock.stop()
	grace := h.member("grace", "USE_PERSONAL_ACCESS_KEYS")
	almost := h.member("almost", "MANAGE_ACCOUNTS", "USE_PERSONAL_ACCESS_KEYS")
	_, old := grace.newKey("old")
	_, rootsOld := h.root.newKey("root's old")
	h.clock.advance(time.Minute)
	moment := h.clock.Now()
	_, young := grace.newKey("young")
	_, rootsYoung := h.root.newKey("root's young")
	_, almosts := almost.newKey("almost's")
	post := func(say string, by *client, body any, status int, code string) sentence {
		return sentence{say: say, by: by, method: "POST", path: allRevoke, body: body, status: status, code: code}
	}
	revokes := func(say string, body object, n float64, alive ...*client) sentence {
		s := post(say, h.root, body, 200, "")
		s.then = func(got *answer) {
			if got.json()["revoked"] != n {
				t.Errorf("%s: %s, want %v", say, got.body, n)
			}
			for i, program := range []*client{old, rootsOld, young, rootsYoung, almosts} {
				lives := fmt.Sprint(alive) != "" && containsClient(alive, program)
				if is := program.get("/api/accounts").status == 200; is != lives {
					t.Errorf("%s: key %d lives: %t", say, i, is)
				}
			}
		}
		return s
	}
	why := "x"
	h.hold(
		post("nobody", h.anonymous(), object{"reason": why}, 401, "credential_required"),
		post("an administrator's key", rootsOld, object{"reason": why}, 403, "credential_not_allowed"),
		post("a member who is none", almost, object{"reason": why}, 403, "permission_denied"),
		post("no reason", h.root, object{}, 400, "request_invalid"),
		post("a reason of nothing that shows", h.root, object{"reason": "\u200b"}, 400, "request_invalid"),
		post("no account", h.root, object{"reason": why, "account": unknownID}, 404, "not_found"),
		post("an account of our own", h.root, object{"reason": why, "account": "00000000000000000020"}, 404, "not_found"),
		post("a moment that is none", h.root, object{"reason": why, "created_before": "yesterday"}, 400, "request_invalid"),
		revokes("one account's, made before", object{"reason": why, "account": grace.id, "created_before": rfc3339(moment)}, 1, rootsOld, young, rootsYoung, almosts),
		revokes("one account's", object{"reason": why, "account": almost.id}, 1, rootsOld, young, rootsYoung),
		revokes("made before", object{"reason": why, "created_before": rfc3339(moment)}, 1, young, rootsYoung),
		revokes("all", object{"reason": why}, 2),
		revokes("all, again", object{"reason": why}, 0),
	)
	scopes := map[string]bool{}
	for _, e := range h.root.get(allEvents + "?type=access_keys_revoked").want(200).list("events") {
		scopes[fmt.Sprint(e["new"].(object)["scope"])] = true
	}
	if len(scopes) != 4 {
		t.Errorf("scopes recorded: %v", scopes)
	}
}

func containsClient(list []*client, c *client) bool {
	for _, other := range list {
		if other == c {
			return true
		}
	}
	return false
}

// The keys of a large instance are gone in seconds, each of them recorded.
func TestRevokingTwentyThousandKeys(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	_, program := h.root.newKey("one that works")
	h.plant(h.root.id, "x", 20_000, "")
	began := time.Now()
	got := h.root.post(allRevoke, object{"reason": "Database lost"}).want(200)
	if took := time.Since(began); got.json()["revoked"] != 20_001.0 || took > 15*time.Second {
		t.Errorf("%s after %s", got.body, took)
	}
	program.get("/api/accounts").want(401, "credential_invalid")
	if n := scalar[int](h, "SELECT count(*) FROM audit_event WHERE incident_id = $1", got.str("incident_id")); n != 20_002 {
		t.Errorf("%d events", n)
	}
	if n := scalar[int](h, "SELECT count(*) FROM access_key WHERE revocation_effective_at IS NULL"); n != 0 {
		t.Errorf("%d keys are shown as being revoked", n)
	}
	if kinds := scalar[string](h, "SELECT string_agg(kind, ' ') FROM change WHERE v = (SELECT v FROM cluster)"); kinds != "everything" {
		t.Errorf("nodes are told of %s", kinds)
	}
	h.noAlarm()
}
