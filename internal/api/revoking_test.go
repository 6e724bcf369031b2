package api

import (
	"slices"
	"testing"
	"time"
)

// shown is a key's status as everybody who may see it does, at one instance.
func (h *harness) shown(at string, owner *client, id string) map[string]string {
	h.t.Helper()
	all := map[string]string{"get": owner.at(at).get(ownKeys + "/" + id).want(200).str("status")}
	for name, list := range map[string]*answer{"list": owner.at(at).get(ownKeys), "admin list": h.root.at(at).get("/api/admin/access-keys")} {
		for _, k := range list.want(200).list("keys") {
			if k["id"] == id {
				all[name], _ = k["status"].(string)
			}
		}
	}
	for _, status := range []string{"active", "revoking", "revoked", "disabled", "expired"} {
		for name, list := range map[string]*answer{"filter": owner.at(at).get(ownKeys + "?status=" + status), "admin filter": h.root.at(at).get("/api/admin/access-keys?status=" + status)} {
			if slices.Contains(list.want(200).column("keys", "id"), id) {
				all[name] += status
			}
		}
	}
	return all
}

func everywhere(shown map[string]string, want string) bool {
	for _, status := range shown {
		if status != want {
			return false
		}
	}
	return len(shown) == 5
}

// Until a revocation holds on every node, everybody who looks is told that it is under way.
func TestARevocationIsShownAsUnderWayUntilItHolds(t *testing.T) {
	t.Parallel()
	for say, revoke := range map[string]func(h *harness, grace *client, id string) *answer{
		"by its owner":        func(_ *harness, grace *client, id string) *answer { return grace.delete(ownKeys + "/" + id) },
		"by an administrator": func(h *harness, _ *client, id string) *answer { return h.root.delete("/api/admin/access-keys/" + id) },
	} {
		h := newHarness(t)
		there := h.instance()
		grace := h.member("grace", "USE_PERSONAL_ACCESS_KEYS")
		id, program := grace.newKey("bot")
		program.at(there).get("/api/accounts").want(200)
		if got := h.shown(there, grace, id); !everywhere(got, "active") {
			t.Errorf("%s: before: %v", say, got)
		}
		h.exec("UPDATE cluster SET wait_ms = 20000") // longer than the test needs to look
		h.exec("INSERT INTO cache_node (id, applied_v, seq) VALUES ('straggler', 0, 1)")
		done := make(chan *answer, 1)
		go func() { done <- revoke(h, grace, id) }()
		for grace.at(there).get(ownKeys+"/"+id).want(200).str("status") == "active" {
			select {
			case got := <-done:
				t.Fatalf("%s: answered before it was done: %d %s", say, got.status, got.body)
			default:
			}
		}
		for _, at := range []string{there, h.url} {
			if got := h.shown(at, grace, id); !everywhere(got, "revoking") {
				t.Errorf("%s: meanwhile: %v", say, got)
			}
		}
		key := grace.at(there).get(ownKeys + "/" + id).want(200).json()
		if key["enabled"] != false || key["deletedAt"] == nil || key["version"] != 2.0 {
			t.Errorf("%s: meanwhile: %v", say, key)
		}
		grace.at(there).patch(ownKeys+"/"+id, object{"enabled": true}).want(409, "access_key_revoked")
		select {
		case got := <-done:
			t.Fatalf("%s: answered before the leases had ended: %d %s", say, got.status, got.body)
		default:
		}
		h.exec("UPDATE cache_node SET applied_v = (SELECT v FROM cluster) WHERE id = 'straggler'") // it applied all
		(<-done).want(204)
		for _, at := range []string{there, h.url} {
			if got := h.shown(at, grace, id); !everywhere(got, "revoked") {
				t.Errorf("%s: afterwards: %v", say, got)
			}
			program.at(at).get("/api/accounts").want(401, "credential_invalid")
		}
		if h.waits("ack") == 0 || h.waits("lease") != 0 {
			t.Errorf("%s: %v waits ended by the nodes, %v by time", say, h.waits("ack"), h.waits("lease"))
		}
	}
}

// Whoever revokes a key and dies, or is cut off, leaves it as being revoked; another instance ends that.
func TestARevocationWhoseCallerDiedIsSettled(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	there := h.instance()
	grace := h.member("grace", "USE_PERSONAL_ACCESS_KEYS")
	id, program := grace.newKey("bot")
	other, _ := grace.newKey("other")
	grace.delete(ownKeys + "/" + id).want(204)
	h.exec("UPDATE access_key SET revocation_effective_at = NULL WHERE id = $1", id)
	if got := h.shown(there, grace, id); !everywhere(got, "revoking") {
		t.Errorf("left behind: %v", got)
	}
	program.at(there).get("/api/accounts").want(401, "credential_invalid")
	h.straggler()
	before := h.waits("lease")
	if n, err := h.keys.Settle(t.Context()); n != 1 || err != nil {
		t.Errorf("settled: %d, %v", n, err)
	}
	if h.waits("lease") != before+1 {
		t.Error("settled while a node that says nothing may have an older memory")
	}
	if got := h.shown(there, grace, id); !everywhere(got, "revoked") {
		t.Errorf("settled: %v", got)
	}
	if got := h.shown(there, grace, other); !everywhere(got, "active") {
		t.Errorf("the other key: %v", got)
	}
	if n, err := h.keys.Settle(t.Context()); n != 0 || err != nil {
		t.Errorf("settled again: %d, %v", n, err)
	}
	// Or whoever repeats the call does.
	h.exec("UPDATE access_key SET revocation_effective_at = NULL WHERE id = $1", id)
	grace.at(there).delete(ownKeys + "/" + id).want(204)
	if got := h.shown(h.url, grace, id); !everywhere(got, "revoked") {
		t.Errorf("repeated: %v", got)
	}
}

// Those who wait hold nobody up: they keep neither a lock nor a connection.
func TestRevocationsInParallelHoldEachOtherUpLittle(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	var ids []string
	var programs []*client
	for range 20 {
		id, program := h.root.newKey("bot")
		program.get("/api/accounts").want(200)
		ids, programs = append(ids, id), append(programs, program)
	}
	h.exec("INSERT INTO cache_node (id, applied_v, seq) VALUES ('straggler', 0, 1)")
	began := time.Now()
	for i, got := range atOnce(len(ids), func(i int) *answer { return h.root.delete(ownKeys + "/" + ids[i]) }) {
		got.want(204)
		programs[i].get("/api/accounts").want(401, "credential_invalid")
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("twenty at once took %s: one after the other", took)
	}
	if n := h.waits("lease"); n != 20 {
		t.Errorf("%v waited for the node that says nothing", n)
	}
}
