package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

const administratorRole = "00000000000000000010"

// role makes a role of these permissions and gives its id.
func (h *harness) role(name string, permissions ...string) string {
	h.t.Helper()
	return h.root.post("/api/roles", object{"name": name, "permissions": append([]string{}, permissions...)}).want(200).str("id")
}

func TestRoleCreate(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	rolf := h.member("rolf", "MANAGE_ROLES", "USE_PERSONAL_ACCESS_KEYS")
	_, program := rolf.newKey("bot")
	clerk := h.member("clerk", "MANAGE_ACCOUNTS")
	post := func(say string, by *client, body any, status int, problem string) sentence {
		return sentence{say: say, by: by, method: "POST", path: "/api/roles", body: body, status: status, code: problem}
	}
	none := []string{}
	full := post("all members, the permissions in any order and twice", rolf,
		object{"name": " Integrator ", "colour": "rgb(0, 0, 255)", "permissions": []string{"USE_PERSONAL_ACCESS_KEYS", "MANAGE_ROLES", "USE_PERSONAL_ACCESS_KEYS"}}, 200, "")
	full.then = func(got *answer) {
		if got.str("name") != "Integrator" || got.str("colour") != "rgb(0, 0, 255)" || got.json()["default"] != false ||
			!slices.Equal(got.json()["permissions"].([]any), []any{"MANAGE_ROLES", "USE_PERSONAL_ACCESS_KEYS"}) {
			t.Errorf("created %s", got.body)
		}
	}
	bare := post("a key creates one without permissions and colour", program, object{"name": "Guest", "permissions": none}, 200, "")
	bare.then = func(got *answer) {
		if got.str("colour") != "#475569" || !strings.Contains(string(got.body), `"permissions":[]`) {
			t.Errorf("created %s", got.body)
		}
	}
	greedy := post("a permission that the caller does not hold", rolf, object{"name": "x", "permissions": []string{"MANAGE_ROLES", "VIEW_AUDIT_LOG"}}, 403, "privilege_exceeded")
	h.hold(
		post("nobody", h.anonymous(), object{"name": "x", "permissions": none}, 401, "credential_required"),
		post("a member without the permission", clerk, object{"name": "x", "permissions": none}, 403, "permission_denied"),
		post("no permissions", rolf, object{"name": "x"}, 400, "request_invalid"),
		post("permissions null", rolf, object{"name": "x", "permissions": nil}, 400, "request_invalid"),
		post("no name", rolf, object{"permissions": none}, 400, "request_invalid"),
		post("a name that hides", rolf, object{"name": "a\u200bb", "permissions": none}, 400, "name_invalid"),
		post("a colour that is code", rolf, object{"name": "x", "colour": "red;background:url(x)", "permissions": none}, 400, "request_invalid"),
		post("a permission in lower case", rolf, object{"name": "x", "permissions": []string{"manage_roles"}}, 400, "request_invalid"),
		post("a permission that there is not", rolf, object{"name": "x", "permissions": []string{"MANAGE_ROLES", "FLY"}}, 400, "permission_unknown"),
		greedy,
		post("ADMINISTRATOR", rolf, object{"name": "x", "permissions": []string{"ADMINISTRATOR"}}, 403, "privilege_exceeded"),
		full, bare,
		post("a name that is taken", rolf, object{"name": "Integrator", "permissions": none}, 409, "role_name_taken"),
		post("whatever the case", rolf, object{"name": "iNTEGRATOR", "permissions": none}, 409, "role_name_taken"),
		post("the name of the built-in role", h.root, object{"name": "administrator", "permissions": none}, 409, "role_name_taken"),
		post("an administrator gives anything", h.root, object{"name": "x", "permissions": []string{"ADMINISTRATOR", "VIEW_AUDIT_LOG"}}, 200, ""),
	)
	got := rolf.post("/api/roles", greedy.body).want(403)
	if named := got.json()["metadata"].(object)["permissions"]; fmt.Sprint(named) != "[VIEW_AUDIT_LOG]" {
		t.Errorf("the refusal names %v", named)
	}
}

func TestRoleListAndGet(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	rolf := h.member("rolf", "MANAGE_ROLES")
	plain := h.member("plain", "USE_PERSONAL_ACCESS_KEYS")
	_, program := plain.newKey("bot")
	zebra, ant := h.role("zebra"), h.role("Ant")
	sorted := func(got *answer) {
		if names := got.column("roles", "name"); !slices.Equal(names, []string{"Administrator", "Ant", "role of plain", "role of rolf", "zebra"}) {
			t.Errorf("the list is %v", names)
		}
	}
	get := func(say string, by *client, id string, status int, problem string) sentence {
		return sentence{say: say, by: by, method: "GET", path: "/api/roles/" + id, status: status, code: problem}
	}
	h.hold(
		sentence{say: "nobody lists", by: h.anonymous(), method: "GET", path: "/api/roles", status: 401, code: "credential_required"},
		sentence{say: "any account lists", by: plain, method: "GET", path: "/api/roles", status: 200, then: sorted},
		sentence{say: "and its key", by: program, method: "GET", path: "/api/roles", status: 200, then: sorted},
		get("nobody", h.anonymous(), zebra, 401, "credential_required"),
		get("a member without the permission", plain, zebra, 403, "permission_denied"),
		get("an unknown role", rolf, unknownID, 404, "not_found"),
		get("a role", rolf, ant, 200, ""),
		get("the built-in one", rolf, administratorRole, 200, ""),
	)
}

func TestRoleUpdate(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	rolf := h.member("rolf", "MANAGE_ROLES", "USE_PERSONAL_ACCESS_KEYS")
	_, program := rolf.newKey("bot")
	plain := h.member("plain")
	id, strong := h.role("Integrator", "USE_PERSONAL_ACCESS_KEYS"), h.role("Auditor", "VIEW_AUDIT_LOG")
	patch := func(say string, by *client, id string, body any, status int, problem string) sentence {
		return sentence{say: say, by: by, method: "PATCH", path: "/api/roles/" + id, body: body, status: status, code: problem}
	}
	rename := patch("a name alone leaves the rest", rolf, id, object{"name": " Builder "}, 200, "")
	rename.then = func(got *answer) {
		if got.str("name") != "Builder" || got.str("colour") != "#475569" || fmt.Sprint(got.json()["permissions"]) != "[USE_PERSONAL_ACCESS_KEYS]" {
			t.Errorf("renamed %s", got.body)
		}
	}
	repaint := patch("a key changes colour and permissions", program, id, object{"colour": "teal", "permissions": []string{}}, 200, "")
	repaint.then = func(got *answer) {
		if got.str("name") != "Builder" || got.str("colour") != "teal" || fmt.Sprint(got.json()["permissions"]) != "[]" {
			t.Errorf("repainted %s", got.body)
		}
	}
	h.hold(
		patch("nobody", h.anonymous(), id, object{"name": "x"}, 401, "credential_required"),
		patch("a member without the permission", plain, id, object{"name": "x"}, 403, "permission_denied"),
		patch("nothing", rolf, id, object{}, 400, "request_invalid"),
		patch("a null", rolf, id, object{"name": nil}, 400, "request_invalid"),
		patch("a name of spaces", rolf, id, object{"name": " "}, 400, "name_invalid"),
		patch("a permission that there is not", rolf, id, object{"permissions": []string{"FLY"}}, 400, "permission_unknown"),
		patch("an unknown role", rolf, unknownID, object{"name": "x"}, 404, "not_found"),
		patch("the built-in role, by an administrator", h.root, administratorRole, object{"name": "x"}, 409, "role_built_in"),
		patch("the built-in role, by somebody else", rolf, administratorRole, object{"name": "x"}, 409, "role_built_in"),
		patch("a permission that the caller does not hold", rolf, id, object{"permissions": []string{"VIEW_AUDIT_LOG"}}, 403, "privilege_exceeded"),
		patch("a role that gives more than the caller holds, even its name", rolf, strong, object{"name": "x"}, 403, "privilege_exceeded"),
		patch("or to take from it", rolf, strong, object{"permissions": []string{}}, 403, "privilege_exceeded"),
		patch("a name that is taken", rolf, id, object{"name": "AUDITOR"}, 409, "role_name_taken"),
		rename,
		patch("its own name in capitals is not taken", rolf, id, object{"name": "BUILDER"}, 200, ""),
		patch("back", rolf, id, object{"name": "Builder"}, 200, ""),
		repaint,
	)
}

func TestRoleDelete(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	rolf := h.member("rolf", "MANAGE_ROLES", "USE_PERSONAL_ACCESS_KEYS")
	_, program := rolf.newKey("bot")
	grace := h.member("grace")
	first, second, strong := h.role("first"), h.role("second", "USE_PERSONAL_ACCESS_KEYS"), h.role("strong", "VIEW_AUDIT_LOG")
	h.root.do("PUT", "/api/accounts/grace/roles/"+second, nil).want(200)
	drop := func(say string, by *client, id string, status int, problem string) sentence {
		return sentence{say: say, by: by, method: "DELETE", path: "/api/roles/" + id, status: status, code: problem}
	}
	h.hold(
		drop("nobody", h.anonymous(), first, 401, "credential_required"),
		drop("a member without the permission", grace, first, 403, "permission_denied"),
		drop("an unknown role", rolf, unknownID, 404, "not_found"),
		drop("the built-in role", h.root, administratorRole, 409, "role_built_in"),
		drop("a role that gives more than the caller holds", rolf, strong, 403, "privilege_exceeded"),
		sentence{say: "grace lists her keys", by: grace, method: "GET", path: "/api/auth/access-keys", status: 200},
		drop("a role that somebody holds", rolf, second, 204, ""),
		sentence{say: "which takes it from her at once", by: grace, method: "GET", path: "/api/auth/access-keys", status: 403, code: "permission_denied"},
		drop("it again", rolf, second, 404, "not_found"),
		drop("by a key", program, first, 204, ""),
	)
}

// ASVS 8.2.3: nobody gives or takes what they do not hold.
func TestAccountAddAndRemoveRole(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	rolf := h.member("rolf", "MANAGE_ROLES", "USE_PERSONAL_ACCESS_KEYS")
	_, program := rolf.newKey("bot")
	grace := h.member("grace")
	weak, strong := h.role("weak", "USE_PERSONAL_ACCESS_KEYS"), h.role("strong", "VIEW_AUDIT_LOG")
	give := func(say string, by *client, handle, role string, status int, problem string) sentence {
		return sentence{say: say, by: by, method: "PUT", path: "/api/accounts/" + handle + "/roles/" + role, status: status, code: problem}
	}
	take := func(say string, by *client, handle, role string, status int, problem string) sentence {
		return sentence{say: say, by: by, method: "DELETE", path: "/api/accounts/" + handle + "/roles/" + role, status: status, code: problem}
	}
	holds := func(s sentence, roles ...string) sentence {
		s.then = func(got *answer) {
			if names := got.column("roles", "name"); !slices.Equal(names, roles) {
				t.Errorf("%s: holds %v, want %v", s.say, names, roles)
			}
		}
		return s
	}
	h.hold(
		give("nobody", h.anonymous(), "grace", weak, 401, "credential_required"),
		give("a member without the permission", grace, "grace", weak, 403, "permission_denied"),
		take("a member without the permission", grace, "grace", weak, 403, "permission_denied"),
		sentence{say: "a body", by: rolf, method: "PUT", path: "/api/accounts/grace/roles/" + weak, body: object{}, status: 400, code: "request_invalid"},
		give("an unknown account", rolf, "nobody", weak, 404, "not_found"),
		give("an unknown role", rolf, "grace", unknownID, 404, "not_found"),
		take("an unknown account", rolf, "nobody", weak, 404, "not_found"),
		take("an unknown role", rolf, "grace", unknownID, 404, "not_found"),
		give("a role that gives more than the caller holds", rolf, "grace", strong, 403, "privilege_exceeded"),
		give("the built-in role", rolf, "rolf", administratorRole, 403, "privilege_exceeded"),
		holds(give("a role, whatever the case of the handle", rolf, "Grace", weak, 200, ""), "weak"),
		holds(give("it again, by a key", program, "grace", weak, 200, ""), "weak"),
		holds(give("an administrator gives any role", h.root, "grace", strong, 200, ""), "strong", "weak"),
		take("a role that gives more than the caller holds", rolf, "grace", strong, 403, "privilege_exceeded"),
		take("the role of the administrator", rolf, "root", administratorRole, 403, "privilege_exceeded"),
		holds(take("a role", rolf, "GRACE", weak, 200, ""), "strong"),
		holds(take("it again, by a key", program, "grace", weak, 200, ""), "strong"),
		take("the last administrator's", h.root, "root", administratorRole, 409, "last_administrator"),
		take("a role that the last administrator does not hold", h.root, "root", weak, 200, ""),
	)
}

// The rule is about ADMINISTRATOR, not about the built-in role.
func TestTheLastAdministratorStaysWhateverTheRole(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	ada := h.member("ada", "ADMINISTRATOR")
	own := ada.get("/api/accounts").want(200).list("roles")[0]["id"].(string)
	h.hold(
		sentence{say: "root steps down", by: h.root, method: "DELETE", path: "/api/accounts/root/roles/" + administratorRole, status: 200},
		sentence{say: "and may not give it back to themselves", by: h.root, method: "PUT", path: "/api/accounts/root/roles/" + administratorRole, status: 403, code: "permission_denied"},
		sentence{say: "ada's role is not emptied", by: ada, method: "PATCH", path: "/api/roles/" + own, body: object{"permissions": []string{}}, status: 409, code: "last_administrator"},
		sentence{say: "nor deleted", by: ada, method: "DELETE", path: "/api/roles/" + own, status: 409, code: "last_administrator"},
		sentence{say: "nor taken away", by: ada, method: "DELETE", path: "/api/accounts/ada/roles/" + own, status: 409, code: "last_administrator"},
		sentence{say: "but renamed", by: ada, method: "PATCH", path: "/api/roles/" + own, body: object{"name": "Owner"}, status: 200},
		sentence{say: "she still administers", by: ada, method: "GET", path: "/api/admin/access-keys", status: 200},
	)
}

// ASVS 8.3.2: a right that is taken away is gone with the next request, from the session and from the key.
func TestADemotionCountsAtOnce(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	grace := h.member("grace", "USE_PERSONAL_ACCESS_KEYS")
	_, program := grace.newKey("bot")
	auditor := h.role("auditor", "VIEW_AUDIT_LOG")
	keys := grace.get("/api/accounts").want(200).list("roles")[0]["id"].(string)
	sees := func(say string, status int) []sentence {
		code := map[int]string{403: "permission_denied"}[status]
		return []sentence{
			{say: say + ": the session", by: grace, method: "GET", path: "/api/admin/audit-events", status: status, code: code},
			{say: say + ": the key", by: program, method: "GET", path: "/api/admin/audit-events", status: status, code: code},
		}
	}
	h.hold(sees("before", 403)...)
	h.root.do("PUT", "/api/accounts/grace/roles/"+auditor, nil).want(200)
	h.hold(sees("with the role", 200)...)
	h.root.patch("/api/roles/"+auditor, object{"permissions": []string{}}).want(200)
	h.hold(sees("with the role emptied", 403)...)
	h.root.patch("/api/roles/"+auditor, object{"permissions": []string{"VIEW_AUDIT_LOG"}}).want(200)
	h.hold(sees("with the role filled again", 200)...)
	h.root.delete("/api/accounts/grace/roles/" + auditor).want(200)
	h.hold(sees("without the role", 403)...)

	h.root.delete("/api/accounts/grace/roles/" + keys).want(200)
	for _, path := range []string{"/api/accounts", "/api/access-keys/self", "/api/auth/access-keys"} {
		got := program.get(path).want(403, "permission_denied")
		if challenge := got.header.Get("WWW-Authenticate"); !strings.Contains(challenge, `scope="USE_PERSONAL_ACCESS_KEYS"`) {
			t.Errorf("%s: WWW-Authenticate is %q", path, challenge)
		}
	}
	grace.get("/api/accounts").want(200)
	grace.get("/api/auth/access-keys").want(403, "permission_denied")
	h.root.do("PUT", "/api/accounts/grace/roles/"+keys, nil).want(200)
	program.get("/api/accounts").want(200)
}
