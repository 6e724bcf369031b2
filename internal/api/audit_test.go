package api

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const allEvents, ownEvents = "/api/admin/audit-events", "/api/audit-events"

// recorded gives the events that do wrote, oldest first, without what no test can know beforehand.
func (h *harness) recorded(do func()) []object {
	h.t.Helper()
	before := scalar[int](h, "SELECT count(*) FROM audit_event")
	do()
	events := h.root.get(allEvents).want(200).list("events")
	events = events[:scalar[int](h, "SELECT count(*) FROM audit_event")-before]
	slices.Reverse(events)
	for _, e := range events {
		if e["id"] == "" || e["createdAt"] == "" {
			h.t.Errorf("an event without id or moment: %v", e)
		}
		delete(e, "id")
		delete(e, "createdAt")
	}
	return events
}

// actor is how somebody shows in an event: with the session or the key that they used, or with neither.
func actor(c *client, handle, credential, credentialID string) object {
	a := object{"account_id": c.id, "handle": handle, "credential": credential, "address": "127.0.0.1"}
	if credentialID != "" {
		a["credential_id"] = credentialID
	}
	return a
}

// session gives the id of the session that a client uses.
func (c *client) session() string {
	c.h.t.Helper()
	for _, s := range c.get("/api/auth/sessions").want(200).list("sessions") {
		if s["current"] == true {
			return s["id"].(string)
		}
	}
	c.h.t.Fatal("no session is current")
	return ""
}

func target(kind, id string) object { return object{"kind": kind, "id": id} }

// ASVS 16.3.1 to 16.3.3: each change leaves one event that says who did what, from where, and what it was before.
func TestEachChangeIsRecorded(t *testing.T) {
	t.Parallel()
	h := newHarness(t, openSignup)
	root := actor(h.root, "root", "session", h.root.session())
	rootsKey, program := h.root.newKey("root's")
	key := actor(h.root, "root", "access_key", rootsKey)
	var id string
	remember := func(got *answer) { id = got.want(200).str("id") }
	about := func(kind string) object { return target(kind, id) }
	eve := h.anonymous()
	for _, tc := range []struct {
		say  string
		do   func()
		want func() []object
	}{
		{"a sign-up", func() {
			eve.signedIn(eve.post("/api/auth/password/signup", pair("eve", password)).want(200))
			id = eve.session()
		}, func() []object {
			who := actor(eve, "eve", "none", "")
			return []object{
				{"type": "account_signed_up", "actor": who, "account_id": eve.id, "target": target("account", eve.id), "new": object{"handle": "eve", "name": "eve"}},
				{"type": "session_started", "actor": who, "account_id": eve.id, "target": about("session")}}
		}},
		{"an account", func() {
			remember(h.root.post("/api/admin/accounts", object{"identifier": "grace", "name": "Grace", "token": password}))
		}, func() []object {
			return []object{{"type": "account_created", "actor": root, "account_id": id, "target": about("account"), "new": object{"handle": "grace", "name": "Grace"}}}
		}},
		{"a new password for somebody", func() {
			h.root.do("PUT", "/api/admin/accounts/"+id+"/password", object{"token": "a second pass phrase to change"}).want(200)
		}, func() []object {
			return []object{{"type": "password_reset", "actor": root, "account_id": id, "target": about("account")}}
		}},
		{"a suspension, by a key", func() { remember(program.post("/api/admin/accounts/"+id+"/suspend", nil)) }, func() []object {
			return []object{{"type": "account_suspended", "actor": key, "account_id": id, "target": about("account")}}
		}},
		{"a restoration", func() { remember(h.root.post("/api/admin/accounts/"+id+"/restore", nil)) }, func() []object {
			return []object{{"type": "account_restored", "actor": root, "account_id": id, "target": about("account")}}
		}},
		{"a role, by a key", func() {
			remember(program.post("/api/roles", object{"name": "R", "colour": "teal", "permissions": []string{"MANAGE_ROLES"}}))
		}, func() []object {
			return []object{{"type": "role_created", "actor": key, "target": about("role"), "new": object{"name": "R", "colour": "teal", "permissions": []any{"MANAGE_ROLES"}}}}
		}},
		{"a role changed", func() {
			remember(h.root.patch("/api/roles/"+id, object{"name": "S", "permissions": []string{"USE_PERSONAL_ACCESS_KEYS"}}))
		}, func() []object {
			return []object{{"type": "role_updated", "actor": root, "target": about("role"),
				"old": object{"name": "R", "colour": "teal", "permissions": []any{"MANAGE_ROLES"}},
				"new": object{"name": "S", "colour": "teal", "permissions": []any{"USE_PERSONAL_ACCESS_KEYS"}}}}
		}},
		{"a role given", func() { h.root.do("PUT", "/api/accounts/eve/roles/"+id, nil).want(200) }, func() []object {
			return []object{{"type": "account_role_added", "actor": root, "account_id": eve.id, "target": target("account", eve.id), "new": object{"role": "S", "role_id": id}}}
		}},
		{"a role taken", func() { program.delete("/api/accounts/eve/roles/" + id).want(200) }, func() []object {
			return []object{{"type": "account_role_removed", "actor": key, "account_id": eve.id, "target": target("account", eve.id), "old": object{"role": "S", "role_id": id}}}
		}},
		{"a role deleted", func() { h.root.delete("/api/roles/" + id).want(204) }, func() []object {
			return []object{{"type": "role_deleted", "actor": root, "target": about("role"),
				"old": object{"name": "S", "colour": "teal", "permissions": []any{"USE_PERSONAL_ACCESS_KEYS"}}}}
		}},
		{"a session ended", func() { id = h.signIn("root", password).session(); h.root.delete("/api/auth/sessions/" + id).want(204) }, func() []object {
			return []object{
				{"type": "session_started", "actor": actor(h.root, "root", "none", ""), "account_id": h.root.id, "target": about("session")},
				{"type": "session_ended", "actor": root, "account_id": h.root.id, "target": about("session")}}
		}},
		{"a sign-out", func() {
			browser := h.signIn("root", password)
			id = browser.session()
			browser.post("/api/auth/logout", nil).want(204)
		}, func() []object {
			return []object{
				{"type": "session_started", "actor": actor(h.root, "root", "none", ""), "account_id": h.root.id, "target": about("session")},
				{"type": "session_ended", "actor": actor(h.root, "root", "session", id), "account_id": h.root.id, "target": about("session")}}
		}},
	} {
		if diff := cmp.Diff(h.recorded(tc.do), tc.want()); diff != "" {
			t.Errorf("%s (-recorded +want):\n%s", tc.say, diff)
		}
	}
}

func TestEachChangeOfAKeyIsRecorded(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.clock.stop()
	now := rfc3339(h.clock.Now())
	grace := h.member("grace", "USE_PERSONAL_ACCESS_KEYS")
	graces, root := actor(grace, "grace", "session", grace.session()), actor(h.root, "root", "session", h.root.session())
	var id, hint string
	var program *client
	create := func(body object) func() {
		return func() {
			got := grace.post(ownKeys, body).want(200)
			id, hint, program = got.str("id"), got.str("hint"), grace.withKey(got.str("secret"))
		}
	}
	update := func(body object) func() { return func() { grace.patch(ownKeys+"/"+id, body).want(200) } }
	far := "2031-01-01T00:00:00Z"
	revokedBy := func(who string) func() object {
		return func() object { return object{"revoked_at": now, "revoked_because": who} }
	}
	for _, tc := range []struct {
		say, what string
		do        func()
		by        func() object
		was, is   func() object
	}{
		{say: "created", what: "created", do: create(object{"name": "bot"}), is: func() object { return object{"name": "bot", "hint": hint} }},
		{say: "renamed", what: "updated", do: update(object{"name": "robot"}), was: became("name", "bot"), is: became("name", "robot")},
		{say: "dated", what: "updated", do: update(object{"expires_at": far}), is: became("expires_at", far)},
		{say: "undated", what: "updated", do: update(object{"expires_at": nil}), was: became("expires_at", far), is: became("expires_at", "")},
		{say: "disabled", what: "updated", do: update(object{"enabled": false}), is: became("disabled_at", now)},
		{say: "enabled", what: "updated", do: update(object{"enabled": true}), was: became("disabled_at", now), is: became("disabled_at", "")},
		{say: "revoked", what: "revoked", do: func() { grace.delete(ownKeys + "/" + id).want(204) }, is: revokedBy("owner")},
		{say: "created with a date", what: "created", do: create(object{"name": "bot", "expires_at": far}),
			is: func() object { return object{"name": "bot", "hint": hint, "expires_at": far} }},
		{say: "revoked by an administrator", what: "revoked", do: func() { h.root.delete("/api/admin/access-keys/" + id).want(204) },
			by: func() object { return root }, is: revokedBy("administrator")},
		{say: "created again", what: "created", do: create(object{"name": "bot"}), is: func() object { return object{"name": "bot", "hint": hint} }},
		{say: "revoked by itself", what: "revoked", do: func() { program.delete("/api/access-keys/self").want(204) },
			by: func() object { return actor(grace, "grace", "access_key", id) }, is: revokedBy("holder")},
	} {
		got := h.recorded(tc.do)
		want := object{"type": "access_key_" + tc.what, "actor": graces, "account_id": grace.id, "target": target("access_key", id), "new": tc.is()}
		if tc.by != nil {
			want["actor"] = tc.by()
		}
		if tc.was != nil {
			want["old"] = tc.was()
		}
		if diff := cmp.Diff(got, []object{want}); diff != "" {
			t.Errorf("%s (-recorded +want):\n%s", tc.say, diff)
		}
	}
}

func became(member, value string) func() object {
	return func() object { return object{member: value} }
}

func TestSetupAndPasswordChangeAreRecorded(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	first := h.root.session()
	who := actor(h.root, "root", "none", "")
	setup := []object{
		{"type": "setup_completed", "actor": who, "account_id": h.root.id, "target": target("account", h.root.id), "new": object{"handle": "root", "name": "root"}},
		{"type": "account_role_added", "actor": who, "account_id": h.root.id, "target": target("account", h.root.id), "new": object{"role": "Administrator", "role_id": administratorRole}},
		{"type": "session_started", "actor": who, "account_id": h.root.id, "target": target("session", first)},
	}
	events := h.root.get(allEvents).want(200).list("events")
	slices.Reverse(events)
	for _, e := range events {
		delete(e, "id")
		delete(e, "createdAt")
	}
	if diff := cmp.Diff(events, setup); diff != "" {
		t.Errorf("set-up (-recorded +want):\n%s", diff)
	}
	got := h.recorded(func() {
		h.root.signedIn(h.root.patch("/api/auth/password", object{"old": password, "new": otherPassword}).want(200))
	})
	who = actor(h.root, "root", "session", first)
	want := []object{
		{"type": "password_changed", "actor": who, "account_id": h.root.id, "target": target("account", h.root.id)},
		{"type": "session_started", "actor": who, "account_id": h.root.id, "target": target("session", h.root.session())},
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("password change (-recorded +want):\n%s", diff)
	}
	if all := h.stored("audit_event"); strings.Contains(all, password) || strings.Contains(all, otherPassword) || strings.Contains(all, "argon2id") {
		t.Error("an event holds a password or its hash")
	}
}

func TestWhatChangesNothingIsNotRecorded(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	grace := h.member("grace", "USE_PERSONAL_ACCESS_KEYS", "MANAGE_ROLES", "MANAGE_ACCOUNTS")
	id, program := grace.newKey("bot")
	gone, _ := grace.newKey("gone")
	grace.delete(ownKeys + "/" + gone).want(204)
	role, rolesURL := h.role("r"), "/api/accounts/grace/roles/"
	held := grace.get("/api/accounts").want(200).list("roles")[0]["id"].(string)
	eve := h.member("eve")
	h.root.post("/api/admin/accounts/"+eve.id+"/suspend", nil).want(200)
	before := h.stored("audit_event")
	row := func(say string, by *client, method, path string, body any, status int) sentence {
		return sentence{say: say, by: by, method: method, path: path, body: body, status: status}
	}
	h.hold(
		row("a refused sign-in", h.anonymous(), "POST", "/api/auth/password/signin", pair("grace", otherPassword), 401),
		row("a refused sign-up", h.anonymous(), "POST", "/api/auth/password/signup", pair("new", password), 403),
		row("a refused set-up", h.anonymous(), "POST", "/api/setup", setupBody("2222-2222-2222", "new"), 409),
		row("a refused password", grace, "PATCH", "/api/auth/password", object{"old": password, "new": "short"}, 400),
		row("a wrong old password", grace, "PATCH", "/api/auth/password", object{"old": otherPassword, "new": otherPassword}, 401),
		row("a session that is not there", grace, "DELETE", "/api/auth/sessions/"+unknownID, nil, 404),
		row("a handle that is taken", grace, "POST", "/api/admin/accounts", pair("root", password), 409),
		row("a suspension too high", grace, "POST", "/api/admin/accounts/"+h.root.id+"/suspend", nil, 403),
		row("a suspension of nobody", grace, "POST", "/api/admin/accounts/"+unknownID+"/suspend", nil, 404),
		row("the last administrator's suspension", h.root, "POST", "/api/admin/accounts/"+h.root.id+"/suspend", nil, 409),
		row("a second suspension", h.root, "POST", "/api/admin/accounts/"+eve.id+"/suspend", nil, 200),
		row("a restoration of somebody who is not suspended", h.root, "POST", "/api/admin/accounts/"+grace.id+"/restore", nil, 200),
		row("a role too high", grace, "POST", "/api/roles", object{"name": "x", "permissions": []string{"ADMINISTRATOR"}}, 403),
		row("a role's name that is taken", grace, "PATCH", "/api/roles/"+role, object{"name": "administrator"}, 409),
		row("a change of the built-in role", h.root, "DELETE", "/api/roles/"+administratorRole, nil, 409),
		row("a role given again", h.root, "PUT", rolesURL+held, nil, 200),
		row("a role taken that is not held", h.root, "DELETE", rolesURL+role, nil, 200),
		row("the last administrator's role", h.root, "DELETE", "/api/accounts/root/roles/"+administratorRole, nil, 409),
		row("a key without a name", grace, "POST", ownKeys, object{"name": " "}, 400),
		row("a key by a key", program, "POST", ownKeys, object{"name": "x"}, 403),
		row("a key of another version", grace.with("If-Match", `"7"`), "PATCH", ownKeys+"/"+id, object{"name": "x"}, 412),
		row("a change of a revoked key", grace, "PATCH", ownKeys+"/"+gone, object{"name": "x"}, 409),
		row("a change of somebody else's key", h.root, "PATCH", ownKeys+"/"+id, object{"name": "x"}, 404),
		row("a second revocation", grace, "DELETE", ownKeys+"/"+gone, nil, 204),
		row("a second revocation by an administrator", h.root, "DELETE", "/api/admin/access-keys/"+gone, nil, 204),
		row("reading", h.root, "GET", allEvents, nil, 200),
	)
	if after := h.stored("audit_event"); after != before {
		t.Errorf("recorded:\n%s", cmp.Diff(before, after))
	}
}
