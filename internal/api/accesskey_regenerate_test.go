package api

import (
	"fmt"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey/internal/accesskey"
	"github.com/latchkey-dev/latchkey/internal/token"
)

func TestAccessKeyRegenerate(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.clock.stop()
	now := h.clock.Now()
	grace, program, path := h.graces()
	rolf := h.member("rolf", "MANAGE_ROLES")
	gone, _ := grace.newKey("gone")
	grace.delete(ownKeys + "/" + gone).want(204)
	late := grace.post(ownKeys, object{"name": "late", "expires_at": rfc3339(now.Add(time.Minute))}).want(200).str("id")
	off, _ := grace.newKey("off")
	grace.patch(ownKeys+"/"+off, object{"enabled": false}).want(200)
	post := func(say string, by *client, path string, body any, status int, code string) sentence {
		return sentence{say: say, by: by, method: "POST", path: path + "/regenerate", body: body, status: status, code: code}
	}
	renews := func(say string, by *client, path string, body any, overlap any) sentence {
		s := post(say, by, path, body, 200, "")
		s.then = func(got *answer) {
			key := got.json()
			parsed, err := token.Parse(got.str("secret"))
			if err != nil || key["hint"] != parsed.Prefix() || key["rotated_at"] != rfc3339(h.clock.Now()) || key["previous_expires_at"] != overlap {
				t.Errorf("%s: %v: %v", say, err, key)
			}
			if len(got.header.Values("ETag")) != 0 || got.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: headers %v", say, got.header)
			}
		}
		return s
	}
	tag := func(v string) *client { return grace.with("If-Match", v) }
	h.hold(
		post("nobody", h.anonymous(), path, object{}, 401, "credential_required"),
		post("the key itself", program, path, object{}, 403, "credential_not_allowed"),
		post("a member without the permission", rolf, path, object{}, 403, "permission_denied"),
		post("an administrator, whose it is not", h.root, path, object{}, 404, "not_found"),
		post("nothing of that id", grace, ownKeys+"/"+unknownID, object{}, 404, "not_found"),
		post("a negative overlap", grace, path, object{"overlap_seconds": -1}, 400, "request_invalid"),
		post("an overlap of more than a week", grace, path, object{"overlap_seconds": 604801}, 400, "request_invalid"),
		post("a member that there is not", grace, path, object{"overlap": 1}, 400, "request_invalid"),
		post("another version", tag(`"2"`), path, object{}, 412, "version_mismatch"),
		post("a revoked key", grace, ownKeys+"/"+gone, object{}, 409, "access_key_not_active"),
		renews("the version that is there", tag(`"1"`), path, object{}, nil),
		renews("with an overlap", grace, path, object{"overlap_seconds": 3600}, rfc3339(now.Add(time.Hour))),
		renews("with the longest", grace, path, object{"overlap_seconds": 604800}, rfc3339(now.Add(7*24*time.Hour))),
		renews("which a second one ends", grace, path, object{"overlap_seconds": 0}, nil),
		renews("never past the expiry", grace, ownKeys+"/"+late, object{"overlap_seconds": 3600}, rfc3339(now.Add(time.Minute))),
		renews("a disabled key", grace, ownKeys+"/"+off, object{"overlap_seconds": 60}, rfc3339(now.Add(time.Minute))),
	)
	h.clock.advance(time.Minute)
	h.hold(post("an expired key", grace, ownKeys+"/"+late, object{}, 409, "access_key_not_active"))
	if got := grace.get(ownKeys + "/" + off).want(200).json(); got["previous_expires_at"] != nil || got["status"] != "disabled" {
		t.Errorf("after the overlap: %v", got)
	}
	if n := scalar[int](h, "SELECT count(*) FROM audit_event WHERE type = 'access_key_regenerated'"); n != 6 {
		t.Errorf("%d regenerations recorded, want 6", n)
	}
}

// The key stays what it was; only its secret is another, and works at once on every node.
func TestARegeneratedKeyIsTheSameKey(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	there := h.instance()
	grace, program, path := h.graces()
	before := grace.patch(path, object{"name": "named", "limits": object{"query": 5}}).want(200).json()
	program.at(there).get("/api/accounts").want(200)
	for range 3 {
		got := grace.post(path+"/regenerate", object{}).want(200)
		for _, member := range []string{"id", "name", "hint", "createdAt", "limits", "status"} {
			if fmt.Sprint(got.json()[member]) != fmt.Sprint(before[member]) {
				t.Errorf("%s is now %v", member, got.json()[member])
			}
		}
		renewed := grace.withKey(got.str("secret"))
		for _, at := range []string{there, h.url} {
			renewed.at(at).get("/api/accounts").want(200)
			program.at(at).get("/api/accounts").want(401, "credential_invalid")
		}
		program = renewed
	}
}

func TestRegeneratingAtOnce(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	grace, program, path := h.graces()
	answers := atOnce(4, func(int) *answer { return grace.post(path+"/regenerate", object{"overlap_seconds": 60}) })
	if counts := tally(answers); counts["200"] != 4 {
		t.Fatalf("four at once: %v", counts)
	}
	current := 0
	for _, a := range answers {
		p, err := token.Parse(a.str("secret"))
		if err != nil {
			t.Fatal(err)
		}
		digest, _ := token.Digester{}.Digest(p)
		current += scalar[int](h, "SELECT count(*) FROM access_key WHERE digest = $1", digest[:])
	}
	if n := scalar[int](h, "SELECT count(*) FROM access_key WHERE previous_digest IS NOT NULL AND previous_digest <> digest"); n != 1 || current != 1 {
		t.Errorf("%d of the secrets are the newest, %d the one before", current, n)
	}
	if n := scalar[int](h, "SELECT count(*) FROM retired_secret"); n != 4 {
		t.Errorf("%d retired secrets, want 4", n)
	}
	program.get("/api/accounts").want(401)
}

// Whatever comes first, a revoked key has no secret that works.
func TestRevokingWhileRegenerating(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for range 5 {
		id, program := h.root.newKey("bot")
		path := ownKeys + "/" + id
		answers := atOnce(2, func(i int) *answer {
			if i == 0 {
				return h.root.delete(path)
			}
			return h.root.post(path+"/regenerate", object{"overlap_seconds": 60})
		})
		answers[0].want(204)
		if answers[1].status == 200 {
			h.root.withKey(answers[1].str("secret")).get("/api/accounts").want(401, "credential_invalid")
		} else {
			answers[1].want(409, "access_key_not_active")
		}
		program.get("/api/accounts").want(401, "credential_invalid")
	}
}

func TestAccessKeyPreviousSecretDelete(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	grace, _, path := h.graces()
	rolf := h.member("rolf", "MANAGE_ROLES")
	secret := grace.post(path+"/regenerate", object{"overlap_seconds": 3600}).want(200).str("secret")
	_, other := grace.newKey("other")
	remove := func(say string, by *client, path string, status int, code string) sentence {
		return sentence{say: say, by: by, method: "DELETE", path: path + "/previous-secret", status: status, code: code}
	}
	h.hold(
		remove("nobody", h.anonymous(), path, 401, "credential_required"),
		remove("a member without the permission", rolf, path, 403, "permission_denied"),
		remove("an administrator, whose it is not", h.root, path, 404, "not_found"),
		remove("nothing of that id", grace, ownKeys+"/"+unknownID, 404, "not_found"),
		sentence{say: "a body", by: grace, method: "DELETE", path: path + "/previous-secret", body: object{}, status: 400, code: "request_invalid"},
		sentence{say: "it is shown", by: grace, method: "GET", path: path, status: 200, then: func(got *answer) {
			if got.str("previous_expires_at") == "" || got.json()["version"] != 2.0 {
				t.Errorf("before: %s", got.body)
			}
		}},
		remove("another key", other, path, 204, ""),
		remove("again", grace, path, 204, ""),
		sentence{say: "it is gone", by: grace, method: "GET", path: path, status: 200, then: func(got *answer) {
			if got.json()["previous_expires_at"] != nil || got.json()["version"] != 3.0 || got.str("rotated_at") == "" {
				t.Errorf("after: %s", got.body)
			}
		}},
	)
	grace.withKey(secret).get("/api/accounts").want(200)
	if n := scalar[int](h, "SELECT count(*) FROM audit_event WHERE type = 'access_key_previous_secret_ended'"); n != 1 {
		t.Errorf("recorded %d times, want once", n)
	}
}

// What an instance asks of the life of keys, it asks of every secret that is made.
func TestPolicyOfTheLifeOfKeys(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.clock.stop()
	old, _ := h.root.newKey("from before the policy")
	h.set.policy = accesskey.Policy{LifeMost: time.Hour}
	strict := h.root.at(h.instance())
	in := func(d time.Duration) string { return rfc3339(h.clock.Now().Add(d)) }
	id := strict.post(ownKeys, object{"name": "x", "expires_at": in(time.Hour)}).want(200).str("id")
	path, oldPath := ownKeys+"/"+id, ownKeys+"/"+old
	ask := func(say, method, path string, body object, status int, latest any) sentence {
		s := sentence{say: say, by: strict, method: method, path: path, body: body, status: status, then: func(got *answer) {
			if status == 400 && (got.problem() != "expiry_invalid" || got.json()["metadata"].(object)["latest"] != latest) {
				t.Errorf("%s: %s", say, got.body)
			}
		}}
		return s
	}
	hour := in(time.Hour)
	h.hold(
		ask("without an expiry", "POST", ownKeys, object{"name": "x"}, 400, hour),
		ask("too late an expiry", "POST", ownKeys, object{"name": "x", "expires_at": in(time.Hour + time.Second)}, 400, hour),
		ask("taking the expiry away", "PATCH", path, object{"expires_at": nil}, 400, hour),
		ask("a later expiry", "PATCH", path, object{"expires_at": in(2 * time.Hour)}, 400, hour),
		ask("a name", "PATCH", oldPath, object{"name": "y"}, 200, nil),
		ask("disabling", "PATCH", oldPath, object{"enabled": false}, 200, nil),
		ask("enabling what should not live so long", "PATCH", oldPath, object{"enabled": true}, 400, hour),
		ask("regenerating what has no expiry", "POST", oldPath+"/regenerate", object{}, 400, hour),
		ask("an expiry that fits", "PATCH", oldPath, object{"enabled": true, "expires_at": in(time.Minute)}, 200, nil),
		ask("and then", "POST", oldPath+"/regenerate", object{}, 200, nil),
	)
	h.clock.advance(30 * time.Minute)
	h.hold(
		ask("a life is counted from when the secret was made", "PATCH", path, object{"expires_at": in(time.Hour)}, 400, hour),
		ask("a new secret has a new life", "POST", path+"/regenerate", object{}, 200, nil),
		ask("so that the expiry may be later", "PATCH", path, object{"expires_at": in(time.Hour)}, 200, nil),
	)
	h.set.policy = accesskey.Policy{ExpiryRequired: true}
	required := h.root.at(h.instance())
	required.post(ownKeys, object{"name": "x"}).want(400, "expiry_invalid")
	required.post(ownKeys, object{"name": "x", "expires_at": "9999-01-01T00:00:00Z"}).want(200)
}

// A replaced secret is an event at whatever door it turns up, the service's own API included.
func TestUseOfAReplacedSecretIsAnEvent(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	grace := h.member("grace", "USE_PERSONAL_ACCESS_KEYS")
	_, gate := h.root.newKey("gate")
	for door, use := range map[string]func(*client){
		"the own API":   func(old *client) { old.get("/api/accounts").want(401) },
		"verify":        func(old *client) { h.root.post("/api/access-keys/verify", object{"key": old.secret()}).want(200) },
		"a gateway":     func(old *client) { old.get(forwardAuthPath + "/x").want(401) },
		"introspection": func(old *client) { gate.introspect(old.secret()).want(200) },
	} {
		id, old := grace.newKey("bot")
		second := grace.withKey(grace.post("/api/auth/access-keys/"+id+"/regenerate", object{}).want(200).str("secret"))
		second.get("/api/accounts").want(200)
		if events := h.recorded(func() { h.flushRetired() }); len(events) != 0 {
			t.Errorf("%s, the new one: recorded %v", door, events)
		}
		use(old)
		if events := h.recorded(func() { h.flushRetired() }); len(events) != 1 || events[0]["type"] != "access_key_retired_secret_used" {
			t.Errorf("%s: recorded %v", door, events)
		}
	}
}
