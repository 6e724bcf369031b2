package api

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAccountGet(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	grace := h.member("grace", "USE_PERSONAL_ACCESS_KEYS", "VIEW_AUDIT_LOG")
	_, program := grace.newKey("bot")
	own := func(got *answer) {
		want := []any{"USE_PERSONAL_ACCESS_KEYS", "VIEW_AUDIT_LOG"}
		if got.str("id") != grace.id || got.str("handle") != "grace" || !slices.Equal(got.json()["permissions"].([]any), want) {
			t.Errorf("the own account is %s", got.body)
		}
		if _, there := got.json()["suspended"]; there {
			t.Errorf("an account that is not suspended says when: %s", got.body)
		}
	}
	h.hold(
		sentence{say: "nobody", by: h.anonymous(), method: "GET", path: "/api/accounts", status: 401, code: "credential_required"},
		sentence{say: "something that is no key", by: grace.withKey("lkpat_no_key"), method: "GET", path: "/api/accounts", status: 401, code: "credential_invalid"},
		sentence{say: "the session's", by: grace, method: "GET", path: "/api/accounts", status: 200, then: own},
		sentence{say: "the key's owner", by: program, method: "GET", path: "/api/accounts", status: 200, then: own},
	)
}

func TestAccountCreate(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	clerk := h.member("clerk", "MANAGE_ACCOUNTS", "USE_PERSONAL_ACCESS_KEYS")
	_, program := clerk.newKey("bot")
	rolf := h.member("rolf", "MANAGE_ROLES")
	post := func(say string, by *client, body any, status int, problem string) sentence {
		return sentence{say: say, by: by, method: "POST", path: "/api/admin/accounts", body: body, status: status, code: problem}
	}
	named := func(handle, name string) func(*answer) {
		return func(got *answer) {
			if got.str("handle") != handle || got.str("name") != name || len(got.list("roles")) != 0 || got.str("joined") != got.str("createdAt") {
				t.Errorf("created %s", got.body)
			}
		}
	}
	h.hold(
		post("nobody", h.anonymous(), pair("grace", password), 401, "credential_required"),
		post("a member without the permission", rolf, pair("grace", password), 403, "permission_denied"),
		post("no password", clerk, object{"identifier": "grace"}, 400, "request_invalid"),
		post("a handle that begins with a dash", clerk, pair("-grace", password), 400, "request_invalid"),
		post("a name of spaces", clerk, object{"identifier": "grace", "token": password, "name": "  "}, 400, "name_invalid"),
		post("a weak password", clerk, pair("grace", "gracegracegrace"), 400, "password_refused"),
		post("a role, which is not given here", clerk, object{"identifier": "grace", "token": password, "roles": []string{"x"}}, 400, "request_invalid"),
		sentence{say: "a session", by: clerk, method: "POST", path: "/api/admin/accounts", body: pair("Grace", password), status: 200, then: named("grace", "grace")},
		sentence{say: "a key", by: program, method: "POST", path: "/api/admin/accounts", status: 200,
			body: object{"identifier": "joan", "name": "\tJoan Clarke ", "token": password}, then: named("joan", "Joan Clarke")},
		post("the handle again", clerk, pair("grace", password), 409, "handle_taken"),
		post("the handle in capitals", clerk, pair("GRACE", password), 409, "handle_taken"),
		sentence{say: "the new account signs in", by: h.anonymous(), method: "POST", path: "/api/auth/password/signin", body: pair("grace", password), status: 200},
	)
	counts := tally(atOnce(4, func(int) *answer { return clerk.post("/api/admin/accounts", pair("mary", password)) }))
	if counts["200"] != 1 || counts["409 handle_taken"] != 3 {
		t.Errorf("one handle four times at once: %v", counts)
	}
}

func TestAccountList(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	clerk := h.member("clerk", "MANAGE_ACCOUNTS", "USE_PERSONAL_ACCESS_KEYS")
	_, program := clerk.newKey("bot")
	handles := []string{"clerk", "root"}
	for i := range 5 {
		handle := fmt.Sprintf("m%d", i)
		h.root.post("/api/admin/accounts", pair(handle, password)).want(200)
		handles = slices.Insert(handles, 0, handle)
	}
	newestFirst := func(got *answer) {
		if column := got.column("accounts", "handle"); !slices.Equal(column, handles) {
			t.Errorf("the list is %v, want %v", column, handles)
		}
	}
	h.hold(
		sentence{say: "nobody", by: h.anonymous(), method: "GET", path: "/api/admin/accounts", status: 401, code: "credential_required"},
		sentence{say: "a member without the permission", by: h.signIn("m0", password), method: "GET", path: "/api/admin/accounts", status: 403, code: "permission_denied"},
		sentence{say: "a limit of nothing", by: clerk, method: "GET", path: "/api/admin/accounts?limit=0", status: 400, code: "request_invalid"},
		sentence{say: "a cursor of somebody's making", by: clerk, method: "GET", path: "/api/admin/accounts?cursor=abc", status: 400, code: "request_invalid"},
		sentence{say: "a session", by: clerk, method: "GET", path: "/api/admin/accounts", status: 200, then: newestFirst},
		sentence{say: "a key", by: program, method: "GET", path: "/api/admin/accounts", status: 200, then: newestFirst},
	)
	if whole, paged := clerk.walk("/api/admin/accounts", "accounts"), clerk.walk("/api/admin/accounts?limit=2", "accounts"); !slices.Equal(whole, paged) {
		t.Errorf("page by page the list is %v, want %v", paged, whole)
	}
}

func TestAccountSearch(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	clerk := h.member("clerk", "MANAGE_ACCOUNTS")
	for handle, name := range map[string]string{"ada": "Ada Lovelace", "grace": "Grace Hopper", "emile": "ÉMILE 100%"} {
		h.root.post("/api/admin/accounts", object{"identifier": handle, "name": name, "token": password}).want(200)
	}
	list := func(say, typed string, want ...string) sentence {
		return sentence{say: say, by: clerk, method: "GET", path: "/api/admin/accounts?search=" + url.QueryEscape(typed), status: 200, then: func(got *answer) {
			handles := got.column("accounts", "handle")
			slices.Sort(handles)
			if !slices.Equal(handles, want) {
				t.Errorf("%s: %q, want %q", say, handles, want)
			}
		}}
	}
	refuse := func(say string, by *client, query string, status int, problem string) sentence {
		return sentence{say: say, by: by, method: "GET", path: "/api/admin/accounts?" + query, status: status, code: problem}
	}
	h.hold(
		list("a handle", "CLERK", "clerk"),
		list("a name", "love", "ada"),
		list("both", "A", "ada", "grace"),
		list("accents", "émile", "emile"),
		list("a wildcard is none", "a%a"),
		list("a per cent sign", "%", "emile"),
		list("nobody", "nobody of that name"),
		refuse("nothing to search for", clerk, "search=", 400, "request_invalid"),
		refuse("more than may be", clerk, "search="+strings.Repeat("a", 101), 400, "request_invalid"),
		refuse("a zero byte", clerk, "search=%00", 400, "request_invalid"),
		refuse("no credential", h.anonymous(), "search=a", 401, "credential_required"),
		refuse("a member without the permission", h.signIn("ada", password), "search=a", 403, "permission_denied"),
	)
	if whole, paged := clerk.walk("/api/admin/accounts?search=a", "accounts"), clerk.walk("/api/admin/accounts?search=a&limit=1", "accounts"); !slices.Equal(whole, paged) || len(paged) != 2 {
		t.Errorf("one by one: %v, want %v", paged, whole)
	}
}

func TestAdminAccountGet(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	clerk := h.member("clerk", "MANAGE_ACCOUNTS", "USE_PERSONAL_ACCESS_KEYS")
	_, program := clerk.newKey("bot")
	grace := h.member("grace", "MANAGE_ROLES")
	path := "/api/admin/accounts/" + grace.id
	get := func(say string, by *client, path string, status int, problem string) sentence {
		return sentence{say: say, by: by, method: "GET", path: path, status: status, code: problem}
	}
	same := func(say string, by *client) sentence {
		s := get(say, by, path, 200, "")
		s.then = func(got *answer) {
			for _, a := range clerk.get("/api/admin/accounts").want(200).list("accounts") {
				if a["id"] == grace.id && !cmp.Equal(a, got.json()) {
					t.Errorf("%s: %s", say, cmp.Diff(a, got.json()))
				}
			}
			if got.str("handle") != "grace" || len(got.list("roles")) != 1 {
				t.Errorf("%s: %s", say, got.body)
			}
		}
		return s
	}
	h.hold(
		get("nobody", h.anonymous(), path, 401, "credential_required"),
		get("a member without the permission", grace, path, 403, "permission_denied"),
		get("an unknown account", clerk, "/api/admin/accounts/"+unknownID, 404, "not_found"),
		get("what is no id", clerk, "/api/admin/accounts/grace", 404, "not_found"),
		get("a parameter", clerk, path+"?a=b", 400, "request_invalid"),
		same("a session", clerk), same("a key", program),
	)
	h.root.post(path+"/suspend", nil).want(200)
	if got := clerk.get(path).want(200); got.str("suspended") == "" {
		t.Errorf("a suspended account: %s", got.body)
	}
}

// Rows that are added while somebody turns pages are neither skipped nor repeated: they come before the first page.
func TestAccountsAddedMeanwhileDoNotDisturbThePages(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for i := range 6 {
		h.root.post("/api/admin/accounts", pair(fmt.Sprintf("m%d", i), password)).want(200)
	}
	want := h.root.walk("/api/admin/accounts", "accounts")
	var got []string
	for next, i := "", 0; ; i++ {
		path := "/api/admin/accounts?limit=2"
		if next != "" {
			path += "&cursor=" + next
		}
		page := h.root.get(path).want(200)
		got = append(got, page.column("accounts", "id")...)
		if next = page.str("next_cursor"); next == "" {
			break
		}
		h.root.post("/api/admin/accounts", pair(fmt.Sprintf("late%d", i), password)).want(200)
	}
	if !slices.Equal(got, want) {
		t.Errorf("turning pages gave %v, want %v", got, want)
	}
}

// ASVS 7.4.2 and 8.3.2: a suspension counts at once, for sessions and keys.
func TestAccountSuspendAndRestore(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	clerk := h.member("clerk", "MANAGE_ACCOUNTS", "USE_PERSONAL_ACCESS_KEYS")
	grace := h.member("grace", "USE_PERSONAL_ACCESS_KEYS")
	_, program := grace.newKey("bot")
	_, clerksProgram := clerk.newKey("bot")
	suspend := func(say string, by *client, id string, status int, problem string) sentence {
		return sentence{say: say, by: by, method: "POST", path: "/api/admin/accounts/" + id + "/suspend", status: status, code: problem}
	}
	restore := func(say string, by *client, id string, status int, problem string) sentence {
		return sentence{say: say, by: by, method: "POST", path: "/api/admin/accounts/" + id + "/restore", status: status, code: problem}
	}
	uses := func(say string, by *client, status int, problem string) sentence {
		return sentence{say: say, by: by, method: "GET", path: "/api/accounts", status: status, code: problem}
	}
	var since string
	first := suspend("a session suspends", clerk, grace.id, 200, "")
	first.then = func(got *answer) {
		if since = got.str("suspended"); since == "" {
			t.Errorf("suspended: %s", got.body)
		}
	}
	again := suspend("a key suspends again", clerksProgram, grace.id, 200, "")
	again.then = func(got *answer) {
		if got.str("suspended") != since || got.str("updatedAt") != since {
			t.Errorf("suspended again: %s", got.body)
		}
	}
	back := restore("a session restores", clerk, grace.id, 200, "")
	back.then = func(got *answer) {
		if _, there := got.json()["suspended"]; there {
			t.Errorf("restored: %s", got.body)
		}
	}
	h.hold(
		suspend("nobody", h.anonymous(), grace.id, 401, "credential_required"),
		suspend("a member without the permission", grace, clerk.id, 403, "permission_denied"),
		restore("a member without the permission", grace, clerk.id, 403, "permission_denied"),
		suspend("an unknown account", clerk, unknownID, 404, "not_found"),
		restore("an unknown account", clerk, unknownID, 404, "not_found"),
		suspend("something that is no id", clerk, "x", 404, "not_found"),
		first, again,
		uses("the session is over", grace, 401, "credential_invalid"),
		uses("the key is dead", program, 401, "credential_invalid"),
		sentence{say: "the key does not even see itself", by: program, method: "GET", path: "/api/access-keys/self", status: 401, code: "credential_invalid"},
		back,
		restore("a key restores again", clerksProgram, grace.id, 200, ""),
		uses("the key lives again", program, 200, ""),
		uses("the session does not", grace, 401, "credential_invalid"),
		sentence{say: "a new one does", by: h.anonymous(), method: "POST", path: "/api/auth/password/signin", body: pair("grace", password), status: 200},
	)
}

// Who has lost their password gets a new one from an administrator, who need not know the old one. Their keys go on.
func TestAccountPasswordReset(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	clerk := h.member("clerk", "MANAGE_ACCOUNTS", "USE_PERSONAL_ACCESS_KEYS")
	_, clerksProgram := clerk.newKey("bot")
	grace := h.member("grace", "USE_PERSONAL_ACCESS_KEYS")
	_, program := grace.newKey("bot")
	const second = "a second pass phrase to change"
	reset := func(say string, by *client, id string, body object, status int, problem string) sentence {
		return sentence{say: say, by: by, method: "PUT", path: "/api/admin/accounts/" + id + "/password", body: body, status: status, code: problem}
	}
	signIn := func(say, with string, status int, problem string) sentence {
		return sentence{say: say, by: h.anonymous(), method: "POST", path: "/api/auth/password/signin", body: pair("grace", with), status: status, code: problem}
	}
	h.hold(
		reset("nobody", h.anonymous(), grace.id, object{"token": second}, 401, "credential_required"),
		reset("a member without the permission", grace, clerk.id, object{"token": second}, 403, "permission_denied"),
		reset("a key", clerksProgram, grace.id, object{"token": second}, 403, "credential_not_allowed"),
		reset("of somebody who holds more", clerk, h.root.id, object{"token": second}, 403, "privilege_exceeded"),
		reset("an unknown account", clerk, unknownID, object{"token": second}, 404, "not_found"),
		reset("the own password", clerk, clerk.id, object{"token": second}, 400, "request_invalid"),
		reset("without one", clerk, grace.id, object{}, 400, "request_invalid"),
		reset("one that anybody would guess", clerk, grace.id, object{"token": "grace grace grace"}, 400, "password_refused"),
		signIn("the old one is good still", password, 200, ""),
	)
	for range 10 {
		h.anonymous().post("/api/auth/password/signin", pair("grace", "a guess")).want(401)
	}
	h.hold(
		signIn("now the right one waits, too", password, 429, "too_many_attempts"),
		reset("a good one", clerk, grace.id, object{"token": second}, 200, ""),
		sentence{say: "the session is over", by: grace, method: "GET", path: "/api/accounts", status: 401, code: "credential_invalid"},
		sentence{say: "the key is not", by: program, method: "GET", path: "/api/accounts", status: 200},
		signIn("the old one is wrong now", password, 401, "sign_in_failed"),
		signIn("the new one is right", second, 200, ""),
		sentence{say: "the clerk is still signed in", by: clerk, method: "GET", path: "/api/accounts", status: 200},
	)
	if strings.Contains(h.log.String(), second) {
		t.Error("the password is in the log")
	}
}

// Nobody overrules somebody who holds more, and nobody leaves the instance without an administrator.
func TestWhoMaySuspendWhom(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	clerk := h.member("clerk", "MANAGE_ACCOUNTS")
	boss := h.member("boss", "MANAGE_ACCOUNTS", "VIEW_AUDIT_LOG")
	plain := h.member("plain")
	does := func(say string, by *client, what string, of *client, status int, problem string) sentence {
		return sentence{say: say, by: by, method: "POST", path: "/api/admin/accounts/" + of.id + "/" + what, status: status, code: problem}
	}
	h.hold(
		does("a clerk, somebody who holds more", clerk, "suspend", boss, 403, "privilege_exceeded"),
		does("a clerk, an administrator", clerk, "suspend", h.root, 403, "privilege_exceeded"),
		does("somebody who holds more, a clerk", boss, "suspend", clerk, 200, ""),
		does("and back", boss, "restore", clerk, 200, ""),
		does("an administrator, anybody", h.root, "suspend", boss, 200, ""),
		sentence{say: "the clerk is out since the suspension", by: clerk, method: "GET", path: "/api/accounts", status: 401},
	)
	clerk = h.signIn("clerk", password)
	h.hold(
		does("a clerk, restoring somebody who holds more", clerk, "restore", boss, 403, "privilege_exceeded"),
		does("a clerk, an equal: themselves", clerk, "suspend", clerk, 200, ""),
		does("the last administrator, themselves", h.root, "suspend", h.root, 409, "last_administrator"),
		sentence{say: "who is still signed in", by: h.root, method: "GET", path: "/api/accounts", status: 200},
		does("which an account without roles does not change", h.root, "suspend", plain, 200, ""),
	)
	ada := h.administrator("ada")
	h.hold(
		does("one of two administrators, themselves", h.root, "suspend", h.root, 200, ""),
		does("the one that is left", ada, "suspend", ada, 409, "last_administrator"),
		does("who restores the other", ada, "restore", h.root, 200, ""),
	)
}

// administrator makes an account with the built-in role.
func (h *harness) administrator(handle string) *client {
	h.t.Helper()
	h.root.post("/api/admin/accounts", pair(handle, password)).want(200)
	h.root.do("PUT", "/api/accounts/"+handle+"/roles/"+administratorRole, nil).want(200)
	return h.signIn(handle, password)
}

func TestAdministratorsAtOnceCannotUnmakeEachOther(t *testing.T) {
	t.Parallel()
	for say, unmake := range map[string]func(by, of *client, handle string) *answer{
		"suspend": func(by, of *client, _ string) *answer {
			return by.post("/api/admin/accounts/"+of.id+"/suspend", nil)
		},
		"demote": func(by, _ *client, handle string) *answer {
			return by.delete("/api/accounts/" + handle + "/roles/" + administratorRole)
		},
	} {
		h := newHarness(t)
		ada := h.administrator("ada")
		answers := atOnce(2, func(i int) *answer {
			if i == 0 {
				return unmake(h.root, ada, "ada")
			}
			return unmake(ada, h.root, "root")
		})
		counts := tally(answers)
		refused := counts["409 last_administrator"] + counts["403 permission_denied"] + counts["403 privilege_exceeded"] + counts["401 credential_invalid"]
		if counts["200"] != 1 || refused != 1 {
			t.Errorf("%s: %v", say, counts)
		}
		left := scalar[int](h, `SELECT count(*) FROM account a JOIN account_role r ON r.account_id = a.id
			WHERE a.suspended_at IS NULL AND r.role_id = '00000000000000000010'`)
		if left != 1 {
			t.Errorf("%s: %d administrators are left", say, left)
		}
		if strings.Contains(h.log.String(), "level=ERROR") {
			t.Errorf("%s: %s", say, h.log.String())
		}
	}
}
