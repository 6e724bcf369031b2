package api

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
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

func TestAuditEventsOfOneTarget(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	auditor := h.member("auditor", "VIEW_AUDIT_LOG")
	grace, eve := h.member("grace", "USE_PERSONAL_ACCESS_KEYS"), h.member("eve", "USE_PERSONAL_ACCESS_KEYS")
	id, program := grace.newKey("lost")
	grace.newKey("another")
	grace.patch(ownKeys+"/"+id, object{"name": "found"}).want(200)
	h.root.delete("/api/admin/access-keys/" + id).want(204)
	evesKey, _ := eve.newKey("hers")
	list := func(say string, by *client, path string, types ...string) sentence {
		return sentence{say: say, by: by, method: "GET", path: path, status: 200, then: func(got *answer) {
			if seen := got.column("events", "type"); !slices.Equal(seen, types) {
				t.Errorf("%s: %v, want %v", say, seen, types)
			}
		}}
	}
	of := "?target="
	h.hold(
		list("her key", grace, ownEvents+of+id, "access_key_revoked", "access_key_updated", "access_key_created"),
		list("her session", grace, ownEvents+of+grace.session(), "session_started"),
		list("herself", grace, ownEvents+of+grace.id, "account_role_added", "account_created"),
		list("somebody else's key", grace, ownEvents+of+evesKey),
		list("somebody else's account", grace, ownEvents+of+eve.id),
		list("what she did not, but was done to her, is hers", h.root, ownEvents+of+id, "access_key_revoked"),
		list("nothing", grace, ownEvents+of+unknownID),
		list("anybody's", auditor, allEvents+of+id, "access_key_revoked", "access_key_updated", "access_key_created"),
		list("anybody's by type", auditor, allEvents+of+id+"&type=access_key_updated", "access_key_updated"),
		list("anybody's by account", auditor, allEvents+of+id+"&account="+eve.id),
		sentence{say: "what is no id", by: grace, method: "GET", path: ownEvents + of + "x", status: 400, code: "request_invalid"},
		sentence{say: "what is no id, anybody's", by: auditor, method: "GET", path: allEvents + of + "x", status: 400, code: "request_invalid"},
		sentence{say: "a key that is dead", by: program, method: "GET", path: ownEvents + of + id, status: 401, code: "credential_invalid"},
		sentence{say: "a member without the permission", by: grace, method: "GET", path: allEvents + of + id, status: 403, code: "permission_denied"},
	)
	for path, by := range map[string]*client{ownEvents: grace, allEvents: auditor} {
		for _, limit := range []string{"1", "2"} {
			if got := by.walk(path+of+id+"&limit="+limit, "events"); !slices.Equal(got, by.walk(path+of+id, "events")) || len(got) != 3 {
				t.Errorf("%s by pages of %s: %v", path, limit, got)
			}
		}
	}
}

func TestAuditEventsBetweenTwoMoments(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.clock.stop()
	grace := h.member("grace", "USE_PERSONAL_ACCESS_KEYS")
	var at []time.Time
	var id string
	for i := range 4 {
		h.clock.advance(map[bool]time.Duration{true: 300 * time.Millisecond, false: 20 * time.Minute}[i == 2]) // 1 and 2 are of one second
		at = append(at, h.clock.Now().UTC().Truncate(time.Microsecond))
		got := grace.post(ownKeys, object{"name": fmt.Sprint("key ", i)}).want(200)
		if i == 1 {
			id = got.str("id")
		}
	}
	h.root = h.signIn("root", password)
	list := func(say, query string, want ...int) sentence {
		return sentence{say: say, by: h.root, method: "GET", path: allEvents + "?type=access_key_created" + query, status: 200, then: func(got *answer) {
			var seen []int
			for _, e := range got.list("events") {
				var n int
				_, _ = fmt.Sscanf(e["new"].(object)["name"].(string), "key %d", &n)
				seen = append(seen, n)
			}
			if !slices.Equal(seen, want) {
				t.Errorf("%s: %v, want %v", say, seen, want)
			}
		}}
	}
	refuse := func(say, query string) sentence {
		return sentence{say: say, by: h.root, method: "GET", path: allEvents + query, status: 400, code: "request_invalid"}
	}
	moment := func(name string, at time.Time) string {
		return "&" + name + "=" + url.QueryEscape(at.Format(time.RFC3339Nano))
	}
	h.hold(
		list("all", "", 3, 2, 1, 0),
		list("from the very moment", moment("from", at[1]), 3, 2, 1),
		list("from a little later", moment("from", at[1].Add(time.Microsecond)), 3, 2),
		list("to the very moment", moment("to", at[2]), 1, 0),
		list("to a little later", moment("to", at[2].Add(time.Microsecond)), 2, 1, 0),
		list("both", moment("from", at[1])+moment("to", at[3]), 2, 1),
		list("within a second", moment("from", at[2])+moment("to", at[2].Add(time.Microsecond)), 2),
		list("of one target", moment("from", at[1])+moment("to", at[3])+"&target="+id, 1),
		list("of one target, later", moment("from", at[2])+"&target="+id),
		list("in another zone", moment("from", at[3].In(time.FixedZone("", 5*3600))), 3),
		list("from after to", moment("from", at[3])+moment("to", at[0])),
		list("long ago", moment("to", time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC))),
		list("in the far future", moment("from", time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC))),
		list("since for ever", moment("from", time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC))+moment("to", time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)), 3, 2, 1, 0),
		refuse("no date", "?from=yesterday"),
		refuse("no time", "?to=2026-01-01"),
		sentence{say: "the own have no moments", by: grace, method: "GET", path: ownEvents + "?from=2026-01-01T00:00:00Z", status: 400, code: "request_invalid"},
	)
	path := allEvents + "?account=" + grace.id + moment("from", at[0]) + moment("to", at[3])
	if got := h.root.walk(path+"&limit=1", "events"); !slices.Equal(got, h.root.walk(path, "events")) || len(got) != 3 {
		t.Errorf("one by one: %v", got)
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
