package api

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestCreatesAtOnceStopAtTheLimit(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.plant(h.root.id, "a", 95, "")
	h.plant(h.root.id, "b", 50, "revoked_at = now()")
	h.plant(h.root.id, "c", 50, "expires_at = now() - interval '1 second'")
	grace := h.member("grace", "USE_PERSONAL_ACCESS_KEYS")
	counts := tally(atOnce(20, func(i int) *answer { return h.root.post(ownKeys, object{"name": fmt.Sprint("new ", i)}) }))
	if counts["200"] != 5 || counts["409 access_key_limit"] != 15 {
		t.Errorf("twenty at once at 95 of 100: %v", counts)
	}
	if n := scalar[int](h, "SELECT count(*) FROM audit_event WHERE type = 'access_key_created'"); n != 5 {
		t.Errorf("%d creations recorded, want 5", n)
	}
	grace.newKey("somebody else's limit is their own")
}

func TestTheLimitCountsLiveKeys(t *testing.T) {
	t.Parallel()
	h := newHarness(t, func(s *settings) { s.keysMost = 2 })
	h.clock.stop()
	dated := h.root.post(ownKeys, object{"name": "dated", "expires_at": rfc3339(h.clock.Now().Add(time.Minute))}).want(200).str("id")
	first, _ := h.root.newKey("first")
	full := func(say string) {
		t.Helper()
		got := h.root.post(ownKeys, object{"name": "one more"})
		if got.status != 409 || got.problem() != "access_key_limit" || got.json()["metadata"].(object)["limit"] != 2.0 {
			t.Errorf("%s: %d %s", say, got.status, got.body)
		}
	}
	full("two live keys")
	h.root.patch(ownKeys+"/"+first, object{"enabled": false}).want(200)
	full("a disabled key can be enabled again, so it counts")
	h.root.patch(ownKeys+"/"+first, object{"enabled": true}).want(200)
	h.clock.advance(time.Minute)
	second, _ := h.root.newKey("in the place of the expired one")
	full("again two")
	h.root.patch(ownKeys+"/"+dated, object{"name": "a name is not a life"}).want(200)
	for _, expiry := range []any{nil, rfc3339(h.clock.Now().Add(time.Hour))} {
		h.root.patch(ownKeys+"/"+dated, object{"expires_at": expiry}).want(409, "access_key_limit")
	}
	h.root.delete(ownKeys + "/" + second).want(204)
	h.root.patch(ownKeys+"/"+dated, object{"expires_at": nil}).want(200)
	full("with the expired one alive again")
	h.root.patch(ownKeys+"/"+dated, object{"expires_at": rfc3339(h.clock.Now().Add(time.Hour))}).want(200)
	h.root.delete(ownKeys + "/" + first).want(204)
	h.root.newKey("in the place of the revoked one")
}

func TestRevivalsAtOnceStopAtTheLimit(t *testing.T) {
	t.Parallel()
	h := newHarness(t, func(s *settings) { s.keysMost = 3 })
	h.plant(h.root.id, "a", 6, "expires_at = now() - interval '1 second'")
	counts := tally(atOnce(6, func(i int) *answer {
		return h.root.patch(fmt.Sprintf("%s/a%019d", ownKeys, i+1), object{"expires_at": nil})
	}))
	if counts["200"] != 3 || counts["409 access_key_limit"] != 3 {
		t.Errorf("six revivals at once with room for three: %v", counts)
	}
}

// When the call has returned, the key opens nothing any more; before that, either answer is right.
func TestRevokeWhileTheKeyIsInUse(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	admin := h.administrator("ada")
	for say, revoke := range map[string]func(id string, program *client) *answer{
		"owner":         func(id string, _ *client) *answer { return h.root.delete(ownKeys + "/" + id) },
		"administrator": func(id string, _ *client) *answer { return admin.delete("/api/admin/access-keys/" + id) },
		"key":           func(_ string, program *client) *answer { return program.delete("/api/access-keys/self") },
	} {
		id, program := h.root.newKey("bot")
		var revoked atomic.Bool
		var using, users sync.WaitGroup
		using.Add(4)
		for range 4 {
			users.Go(func() {
				warm := sync.OnceFunc(using.Done)
				defer warm()
				for after := 0; after < 3; {
					done := revoked.Load()
					got := program.get("/api/accounts")
					if got.status != 401 && (got.status != 200 || done) {
						t.Errorf("revoked by the %s: used, it answers %d; revoked before: %t", say, got.status, done)
					}
					if done {
						after++
					}
					warm()
				}
			})
		}
		using.Wait()
		if got := revoke(id, program); got.status != 204 {
			t.Errorf("revoked by the %s: %d %s", say, got.status, got.body)
		}
		revoked.Store(true)
		users.Wait()
	}
}

func TestRevokesAtOnceAreOneRevocation(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	id, program := h.root.newKey("bot")
	counts := tally(atOnce(9, func(i int) *answer {
		switch i % 3 {
		case 0:
			return h.root.delete(ownKeys + "/" + id)
		case 1:
			return h.root.delete("/api/admin/access-keys/" + id)
		}
		return program.delete("/api/access-keys/self")
	}))
	if counts["204"]+counts["401 credential_invalid"] != 9 || counts["204"] < 6 {
		t.Errorf("nine revocations at once: %v", counts)
	}
	if n := scalar[int](h, "SELECT count(*) FROM audit_event WHERE type = 'access_key_revoked'"); n != 1 {
		t.Errorf("%d revocations recorded, want one", n)
	}
	if v := scalar[int](h, "SELECT version FROM access_key"); v != 2 {
		t.Errorf("the key is at version %d, want 2", v)
	}
}
