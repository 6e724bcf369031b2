package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestAccessKeyDelete(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	grace := h.member("grace", "USE_PERSONAL_ACCESS_KEYS")
	bySession, used := grace.newKey("by session")
	byKey, _ := grace.newKey("by another key")
	itself, program := grace.newKey("by itself")
	roots, _ := h.root.newKey("root's")
	rolf := h.member("rolf", "MANAGE_ROLES")
	revoke := func(say string, by *client, id string, status int, problem string) sentence {
		return sentence{say: say, by: by, method: "DELETE", path: ownKeys + "/" + id, status: status, code: problem}
	}
	h.hold(
		revoke("nobody", h.anonymous(), bySession, 401, "credential_required"),
		revoke("a member without the permission", rolf, bySession, 403, "permission_denied"),
		revoke("an administrator, whose it is not", h.root, bySession, 404, "not_found"),
		revoke("somebody else's", grace, roots, 404, "not_found"),
		revoke("nothing of that id", grace, unknownID, 404, "not_found"),
		sentence{say: "a body", by: grace, method: "DELETE", path: ownKeys + "/" + bySession, body: object{}, status: 400, code: "request_invalid"},
		sentence{say: "the key opens", by: used, method: "GET", path: "/api/accounts", status: 200},
		revoke("a session", grace, bySession, 204, ""),
		sentence{say: "the key opens nothing", by: used, method: "GET", path: "/api/accounts", status: 401, code: "credential_invalid"},
		revoke("a session, again", grace, bySession, 204, ""),
		revoke("another key", program, byKey, 204, ""),
		revoke("the key itself", program, itself, 204, ""),
		revoke("the key itself, again", program, itself, 401, "credential_invalid"),
		sentence{say: "revoked keys stay in the list", by: grace, method: "GET", path: ownKeys, status: 200, then: func(got *answer) {
			for _, k := range got.list("keys") {
				if k["status"] != "revoked" || k["enabled"] != false || k["deletedAt"] == nil || k["deletedAt"] != k["updatedAt"] || k["version"] != 2.0 {
					t.Errorf("listed: %v", k)
				}
			}
			if n := len(got.list("keys")); n != 3 {
				t.Errorf("%d keys are listed, want 3", n)
			}
		}},
	)
}

func TestAdminAccessKeyList(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	grace := h.member("grace", "USE_PERSONAL_ACCESS_KEYS", "VIEW_AUDIT_LOG")
	id, program := grace.newKey("grace's")
	_, byKey := h.root.newKey("root's")
	almost := h.member("almost", "MANAGE_ACCOUNTS", "MANAGE_ROLES", "USE_PERSONAL_ACCESS_KEYS", "VIEW_AUDIT_LOG")
	list := func(say string, by *client, status int, problem string) sentence {
		return sentence{say: say, by: by, method: "GET", path: "/api/admin/access-keys", status: status, code: problem}
	}
	everybodys := func(got *answer) {
		keys := got.list("keys")
		if len(keys) != 2 || keys[0]["name"] != "root's" || keys[1]["id"] != id {
			t.Fatalf("the list is %s", got.body)
		}
		owner := keys[1]["created_by"].(object)
		role := owner["roles"].([]any)[0].(object)
		if owner["id"] != grace.id || owner["handle"] != "grace" || owner["name"] != "grace" || owner["joined"] == nil || owner["suspended"] != nil ||
			role["name"] != "role of grace" || role["badge"] != false || role["default"] != false || role["colour"] != "#475569" {
			t.Errorf("made by %v", owner)
		}
		if fmt.Sprint(keys[1]["effective_permissions"]) != "[USE_PERSONAL_ACCESS_KEYS VIEW_AUDIT_LOG]" || fmt.Sprint(keys[0]["effective_permissions"]) != "[ADMINISTRATOR]" {
			t.Errorf("the keys may %v and %v", keys[1]["effective_permissions"], keys[0]["effective_permissions"])
		}
		if strings.Contains(string(got.body), "null") || strings.Contains(string(got.body), "secret") {
			t.Errorf("the list is %s", got.body)
		}
	}
	bySession, administratorsKey := list("an administrator", h.root, 200, ""), list("an administrator's key", byKey, 200, "")
	bySession.then, administratorsKey.then = everybodys, everybodys
	h.hold(
		list("nobody", h.anonymous(), 401, "credential_required"),
		list("everything but ADMINISTRATOR", almost, 403, "permission_denied"),
		list("a member's key", program, 403, "permission_denied"),
		sentence{say: "an unknown status", by: h.root, method: "GET", path: "/api/admin/access-keys?status=x", status: 400, code: "request_invalid"},
		bySession, administratorsKey,
	)
	h.root.post("/api/admin/accounts/"+grace.id+"/suspend", nil).want(200)
	if owner := h.root.get("/api/admin/access-keys").want(200).list("keys")[1]["created_by"].(object); owner["suspended"] == nil {
		t.Errorf("a suspended owner is %v", owner)
	}
	h.plant(grace.id, "a", 120, "")
	h.plant(h.root.id, "b", 120, "")
	whole := h.root.walk("/api/admin/access-keys", "keys")
	if paged := h.root.walk("/api/admin/access-keys?limit=17", "keys"); len(whole) != 242 || !slices.Equal(paged, whole) {
		t.Errorf("%d keys at once, %d by pages of 17", len(whole), len(paged))
	}
}

func TestAdminAccessKeyDelete(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	grace := h.member("grace", "USE_PERSONAL_ACCESS_KEYS")
	first, program := grace.newKey("first")
	second, other := grace.newKey("second")
	_, byKey := h.root.newKey("root's")
	almost := h.member("almost", "MANAGE_ACCOUNTS", "MANAGE_ROLES", "USE_PERSONAL_ACCESS_KEYS", "VIEW_AUDIT_LOG")
	revoke := func(say string, by *client, id string, status int, problem string) sentence {
		return sentence{say: say, by: by, method: "DELETE", path: "/api/admin/access-keys/" + id, status: status, code: problem}
	}
	h.hold(
		revoke("nobody", h.anonymous(), first, 401, "credential_required"),
		revoke("everything but ADMINISTRATOR", almost, first, 403, "permission_denied"),
		revoke("the owner, by this door", grace, first, 403, "permission_denied"),
		revoke("nothing of that id", h.root, unknownID, 404, "not_found"),
		revoke("something that is no id", h.root, "x", 404, "not_found"),
		revoke("an administrator", h.root, first, 204, ""),
		sentence{say: "the key opens nothing", by: program, method: "GET", path: "/api/accounts", status: 401, code: "credential_invalid"},
		revoke("an administrator, again", h.root, first, 204, ""),
		sentence{say: "the owner sees it revoked", by: grace, method: "GET", path: ownKeys + "/" + first, status: 200, then: func(got *answer) {
			if got.str("status") != "revoked" || got.str("deletedAt") == "" || got.json()["version"] != 2.0 {
				t.Errorf("revoked: %s", got.body)
			}
		}},
		sentence{say: "and cannot undo it", by: grace, method: "PATCH", path: ownKeys + "/" + first, body: object{"enabled": true}, status: 409, code: "access_key_revoked"},
		revoke("an administrator's key", byKey, second, 204, ""),
		sentence{say: "that key opens nothing either", by: other, method: "GET", path: "/api/accounts", status: 401, code: "credential_invalid"},
	)
}

func TestAccessKeySelf(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	grace := h.member("grace", "USE_PERSONAL_ACCESS_KEYS")
	id, program := grace.newKey("bot")
	_, other := grace.newKey("other")
	do := func(say string, by *client, method string, status int, problem string) sentence {
		return sentence{say: say, by: by, method: method, path: "/api/access-keys/self", status: status, code: problem}
	}
	sees := do("the key", program, "GET", 200, "")
	sees.then = func(got *answer) {
		if got.str("id") != id || got.header.Get("ETag") != `"1"` || got.str("secret") != "" {
			t.Errorf("the key sees %s", got.body)
		}
		if own := grace.get(ownKeys + "/" + id).want(200); string(own.body) != string(got.body) {
			t.Errorf("the key sees %s, its owner %s", got.body, own.body)
		}
	}
	h.hold(
		do("nobody", h.anonymous(), "GET", 401, "credential_required"),
		do("a session", grace, "GET", 403, "credential_not_allowed"),
		do("a session", grace, "DELETE", 403, "credential_not_allowed"),
		sees,
		do("the finder of a lost key ends it", program, "DELETE", 204, ""),
		do("once", program, "DELETE", 401, "credential_invalid"),
		do("and sees nothing any more", program, "GET", 401, "credential_invalid"),
		do("another key goes on", other, "GET", 200, ""),
	)
}

// No key changes keys, passwords or sessions, not even an administrator's.
func TestWhatNoKeyMayDo(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	id, program := h.root.newKey("root's")
	session := h.root.get("/api/auth/sessions").want(200).column("sessions", "id")[0]
	before := h.stored()
	for _, tc := range []struct {
		method, path string
		body         any
	}{
		{"POST", ownKeys, object{"name": "x"}},
		{"PATCH", ownKeys + "/" + id, object{"name": "x"}},
		{"PATCH", "/api/auth/password", object{"old": password, "new": otherPassword}},
		{"POST", "/api/auth/logout", nil},
		{"GET", "/api/auth/sessions", nil},
		{"DELETE", "/api/auth/sessions/" + session, nil},
	} {
		got := program.do(tc.method, tc.path, tc.body).want(403, "credential_not_allowed")
		if named := got.json()["metadata"].(object)["credential"]; named != "session" {
			t.Errorf("%s %s names %v as the credential that would do", tc.method, tc.path, named)
		}
	}
	if after := h.stored(); after != before {
		t.Error("a refused request changed something")
	}
}
