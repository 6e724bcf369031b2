package api

import (
	"slices"
	"strings"
	"testing"
)

func TestAuditEventList(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	grace := h.member("grace", "USE_PERSONAL_ACCESS_KEYS", "MANAGE_ROLES")
	id, _ := grace.newKey("lost")
	_, program := grace.newKey("bot")
	h.root.delete("/api/admin/access-keys/" + id).want(204)
	grace.post("/api/roles", object{"name": "hers", "permissions": []string{}}).want(200)
	eve := h.member("eve", "USE_PERSONAL_ACCESS_KEYS")
	eve.newKey("not hers")
	graces := []string{"role_created grace", "access_key_revoked root", "access_key_created grace", "access_key_created grace",
		"session_started grace", "account_role_added root", "account_created root"}
	sees := func(want ...string) func(*answer) {
		return func(got *answer) {
			var seen []string
			for _, e := range got.list("events") {
				seen = append(seen, e["type"].(string)+" "+e["actor"].(object)["handle"].(string))
			}
			if !slices.Equal(seen, want) {
				t.Errorf("sees %q, want %q", seen, want)
			}
		}
	}
	h.hold(
		sentence{say: "nobody", by: h.anonymous(), method: "GET", path: ownEvents, status: 401, code: "credential_required"},
		sentence{say: "a limit of nothing", by: grace, method: "GET", path: ownEvents + "?limit=0", status: 400, code: "request_invalid"},
		sentence{say: "a filter, which only the list of all has", by: grace, method: "GET", path: ownEvents + "?type=role_created", status: 400, code: "request_invalid"},
		sentence{say: "what she did and what was done to her", by: grace, method: "GET", path: ownEvents, status: 200, then: sees(graces...)},
		sentence{say: "the same for her key", by: program, method: "GET", path: ownEvents, status: 200, then: sees(graces...)},
		sentence{say: "somebody else sees nothing of it", by: eve, method: "GET", path: ownEvents, status: 200,
			then: sees("access_key_created eve", "session_started eve", "account_role_added root", "account_created root")},
	)
	if paged := grace.walk(ownEvents+"?limit=2", "events"); !slices.Equal(paged, grace.walk(ownEvents, "events")) || len(paged) != len(graces) {
		t.Errorf("page by page: %v", paged)
	}
}

// What one transaction records has one moment: pages must part it by id.
func TestPagesOfEventsOfOneMoment(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.clock.stop()
	grace := h.member("grace", "USE_PERSONAL_ACCESS_KEYS")
	for range 5 {
		id, _ := grace.newKey("bot")
		grace.delete(ownKeys + "/" + id).want(204)
	}
	for path, by := range map[string]*client{ownEvents: grace, allEvents: h.root} {
		whole := by.walk(path, "events")
		for _, limit := range []string{"1", "3"} {
			if paged := by.walk(path+"?limit="+limit, "events"); !slices.Equal(paged, whole) {
				t.Errorf("%s by pages of %s: %v, want %v", path, limit, paged, whole)
			}
		}
	}
}

func TestAdminAuditEventList(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	auditor := h.member("auditor", "VIEW_AUDIT_LOG", "USE_PERSONAL_ACCESS_KEYS")
	_, program := auditor.newKey("bot")
	grace := h.member("grace", "USE_PERSONAL_ACCESS_KEYS")
	id, gracesKey := grace.newKey("lost")
	h.root.delete("/api/admin/access-keys/" + id).want(204)
	list := func(say string, by *client, query string, status int, problem string, types ...string) sentence {
		s := sentence{say: say, by: by, method: "GET", path: allEvents + query, status: status, code: problem}
		if types != nil {
			s.then = func(got *answer) {
				if seen := got.column("events", "type"); !slices.Equal(seen, types) {
					t.Errorf("%s: %v, want %v", say, seen, types)
				}
			}
		}
		return s
	}
	graces := []string{"access_key_revoked", "access_key_created", "session_started", "account_role_added", "account_created"}
	h.hold(
		list("nobody", h.anonymous(), "", 401, "credential_required"),
		list("a member without the permission", grace, "", 403, "permission_denied"),
		list("a revoked key", gracesKey, "", 401, "credential_invalid"),
		list("an unknown type", auditor, "?type=key_created", 400, "request_invalid"),
		list("something that is no id", auditor, "?account=grace", 400, "request_invalid"),
		list("an account", auditor, "?account="+grace.id, 200, "", graces...),
		list("an account, by a key", program, "?account="+grace.id, 200, "", graces...),
		list("an account that there is not", auditor, "?account="+unknownID, 200, "", []string{}...),
		list("a type", auditor, "?type=account_created", 200, "", "account_created", "account_created"),
		list("both", auditor, "?type=account_role_added&account="+grace.id, 200, "", "account_role_added"),
		list("a type that did not happen", auditor, "?type=account_suspended", 200, "", []string{}...),
	)
	whole := auditor.walk(allEvents, "events")
	if n := scalar[int](h, "SELECT count(*) FROM audit_event"); len(whole) != n {
		t.Errorf("everybody's list has %d events, there are %d", len(whole), n)
	}
	for _, path := range []string{allEvents, allEvents + "?account=" + grace.id} {
		by1 := auditor.walk(strings.Replace(path+"&limit=1", "events&", "events?", 1), "events")
		if !slices.Equal(by1, auditor.walk(path, "events")) {
			t.Errorf("%s one by one: %v", path, by1)
		}
	}
}

// ASVS 16.3.4: no record, no change.
func TestWhatCannotBeRecordedDoesNotHappen(t *testing.T) {
	t.Parallel()
	h := newHarness(t, openSignup)
	h.clock.stop()
	grace := h.member("grace", "USE_PERSONAL_ACCESS_KEYS")
	id, program := grace.newKey("bot")
	role := h.role("r")
	h.root.do("PUT", "/api/accounts/grace/roles/"+role, nil).want(200)
	eve := h.member("eve")
	h.root.post("/api/admin/accounts/"+eve.id+"/suspend", nil).want(200)
	session := grace.session()
	all := []string{"account", "role", "account_role", "session", "setup_code", "access_key"}
	h.exec("ALTER TABLE audit_event RENAME TO out_of_order")
	before := h.stored(all...)
	for _, tc := range []struct {
		by           *client
		method, path string
		body         any
	}{
		{h.anonymous(), "POST", "/api/auth/password/signup", pair("new", password)},
		{h.anonymous(), "POST", "/api/auth/password/signin", pair("grace", password)},
		{grace, "PATCH", "/api/auth/password", object{"old": password, "new": otherPassword}},
		{grace, "POST", "/api/auth/logout", nil},
		{grace, "DELETE", "/api/auth/sessions/" + session, nil},
		{h.root, "POST", "/api/admin/accounts", pair("new", password)},
		{h.root, "POST", "/api/admin/accounts/" + grace.id + "/suspend", nil},
		{h.root, "POST", "/api/admin/accounts/" + eve.id + "/restore", nil},
		{h.root, "POST", "/api/roles", object{"name": "x", "permissions": []string{}}},
		{h.root, "PATCH", "/api/roles/" + role, object{"name": "x"}},
		{h.root, "DELETE", "/api/roles/" + role, nil},
		{h.root, "PUT", "/api/accounts/eve/roles/" + role, nil},
		{h.root, "DELETE", "/api/accounts/grace/roles/" + role, nil},
		{grace, "POST", ownKeys, object{"name": "x"}},
		{grace, "PATCH", ownKeys + "/" + id, object{"enabled": false}},
		{grace, "DELETE", ownKeys + "/" + id, nil},
		{h.root, "DELETE", "/api/admin/access-keys/" + id, nil},
		{program, "DELETE", "/api/access-keys/self", nil},
	} {
		got := tc.by.do(tc.method, tc.path, tc.body)
		if got.status != 500 || got.problem() != "internal" || strings.Contains(string(got.body), "audit_event") || len(got.header["Set-Cookie"]) != 0 {
			t.Errorf("%s = %d %v %s", got.what, got.status, got.header["Set-Cookie"], got.body)
		}
		if after := h.stored(all...); after != before {
			t.Fatalf("%s changed something although it could not be recorded", got.what)
		}
	}
	program.get("/api/accounts").want(200)
	h.exec("ALTER TABLE out_of_order RENAME TO audit_event")
	grace.patch("/api/auth/password", object{"old": password, "new": otherPassword}).want(200)
}

func TestASetupThatCannotBeRecordedLeavesTheCode(t *testing.T) {
	t.Parallel()
	h := newEmptyHarness(t)
	code := h.setupCode()
	h.exec("ALTER TABLE audit_event RENAME TO out_of_order")
	h.anonymous().post("/api/setup", setupBody(code, "ada")).want(500, "internal")
	h.exec("ALTER TABLE out_of_order RENAME TO audit_event")
	h.anonymous().post("/api/setup", setupBody(code, "ada")).want(200)
}
