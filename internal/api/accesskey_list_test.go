package api

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// plant adds n keys to an account behind the API's back: one a minute up to now, so that the first of the list is the
// highest. set says more about them in SQL, such as "revoked_at = now()".
func (h *harness) plant(accountID, mark string, n int, set string) {
	h.t.Helper()
	const atOnce = 2000 // what a statement has the time for, on a machine with other things to do
	for from := 1; from <= n; from += atOnce {
		h.exec(`INSERT INTO access_key (id, account_id, brand, token_id, digest, digest_version, name, created_at, updated_at)
			SELECT $2 || lpad(i::text, 19, '0'), $1, 'lk', $2 || lpad(i::text, 15, '0'), decode(repeat('00', 32), 'hex'), 0, $2 || i,
			       $3::timestamptz - make_interval(mins => $4 - i), $3
			  FROM generate_series($5::int, least($4, $5 + $6 - 1)) i`, accountID, mark, h.clock.Now(), n, from, atOnce)
	}
	h.exec("UPDATE account SET live_keys = live_keys + $2 WHERE id = $1", accountID, n)
	if set != "" {
		h.exec("UPDATE access_key SET "+set+" WHERE id LIKE $1 || '%'", mark)
	}
}

func TestAccessKeyList(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	grace := h.member("grace", "USE_PERSONAL_ACCESS_KEYS")
	h.root.newKey("not grace's")
	rolf := h.member("rolf", "MANAGE_ROLES")
	empty := h.member("empty", "USE_PERSONAL_ACCESS_KEYS")
	_, program := grace.newKey("first")
	grace.newKey("second")
	list := func(say string, by *client, query string, status int, problem string) sentence {
		return sentence{say: say, by: by, method: "GET", path: ownKeys + query, status: status, code: problem}
	}
	both := func(got *answer) {
		if names := got.column("keys", "name"); !slices.Equal(names, []string{"second", "first"}) {
			t.Errorf("the list is %v", names)
		}
		if _, more := got.json()["next_cursor"]; more {
			t.Errorf("a whole list has a next page: %s", got.body)
		}
	}
	bySession, byKey, nothing := list("the own, newest first", grace, "", 200, ""), list("the same for the key", program, "?limit=2", 200, ""), list("none", empty, "", 200, "")
	bySession.then, byKey.then = both, both
	nothing.then = func(got *answer) {
		if string(got.body) != "{\"keys\":[]}\n" {
			t.Errorf("an empty list is %q", got.body)
		}
	}
	h.hold(
		list("nobody", h.anonymous(), "", 401, "credential_required"),
		list("a member without the permission", rolf, "", 403, "permission_denied"),
		list("a limit of nothing", grace, "?limit=0", 400, "request_invalid"),
		list("a limit of 101", grace, "?limit=101", 400, "request_invalid"),
		list("a limit twice", grace, "?limit=1&limit=2", 400, "request_invalid"),
		list("an unknown status", grace, "?status=dead", 400, "request_invalid"),
		list("an empty cursor", grace, "?cursor=", 400, "request_invalid"),
		list("a cursor of somebody's making", grace, "?cursor=AAAA", 400, "request_invalid"),
		list("a parameter that is not known", grace, "?order=name", 400, "request_invalid"),
		bySession, byKey, nothing,
	)
}

func TestPagesOfKeysAreWholeAndInOrder(t *testing.T) {
	t.Parallel()
	h := newHarness(t, func(s *settings) { s.keysMost = 1000 })
	h.clock.stop()
	grace := h.member("grace", "USE_PERSONAL_ACCESS_KEYS")
	h.plant(grace.id, "a", 250, "")
	h.plant(h.root.id, "b", 5, "")
	var want []string
	for i := 250; i >= 1; i-- {
		want = append(want, fmt.Sprintf("a%019d", i))
	}
	for _, limit := range []int{0, 7, 50, 100} {
		path, pages := ownKeys, 3
		if limit > 0 {
			path, pages = fmt.Sprintf("%s?limit=%d", ownKeys, limit), (250+limit-1)/limit
		}
		before := len(h.requests("AccessKeyList"))
		if got := grace.walk(path, "keys"); !slices.Equal(got, want) {
			t.Errorf("limit %d: the pages hold %d keys, out of order or not the same: %v", limit, len(got), got)
		}
		if turned := len(h.requests("AccessKeyList")) - before; turned != pages {
			t.Errorf("limit %d: %d pages, want %d", limit, turned, pages)
		}
	}
	first := grace.get(ownKeys + "?limit=100").want(200)
	grace.newKey("meanwhile")
	second := grace.get(ownKeys+"?limit=100&cursor="+first.str("next_cursor")).want(200).column("keys", "id")
	if !slices.Equal(second, want[100:200]) {
		t.Error("a key that was added meanwhile moved the second page")
	}
	// The same cursor means the same for everybody: it holds a place, not a right.
	if other := h.root.get(ownKeys+"?cursor="+first.str("next_cursor")).want(200).column("keys", "id"); len(other) != 0 && other[0][0] != 'b' {
		t.Errorf("with grace's cursor root sees %v", other)
	}
}

func TestKeysByStatus(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.clock.stop()
	grace := h.member("grace", "USE_PERSONAL_ACCESS_KEYS")
	now := h.clock.Now()
	soon, long := rfc3339(now.Add(time.Minute)), rfc3339(now.Add(24*time.Hour))
	for _, k := range []struct {
		name    string
		expires any
		then    string
	}{
		{name: "plain"}, {name: "far", expires: long}, {name: "over", expires: soon},
		{name: "off", then: "disable"}, {name: "off and over", expires: soon, then: "disable"},
		{name: "gone", then: "revoke"}, {name: "gone and over", expires: soon, then: "revoke"}, {name: "gone and off", then: "disable, revoke"},
	} {
		id := grace.post(ownKeys, object{"name": k.name, "expires_at": k.expires}).want(200).str("id")
		if k.then == "disable" || k.then == "disable, revoke" {
			grace.patch(ownKeys+"/"+id, object{"enabled": false}).want(200)
		}
		if k.then == "revoke" || k.then == "disable, revoke" {
			grace.delete(ownKeys + "/" + id).want(204)
		}
	}
	h.clock.advance(time.Minute)
	grace = h.signIn("grace", password)
	for status, want := range map[string][]string{
		"active":   {"far", "plain"},
		"expired":  {"over"},
		"disabled": {"off and over", "off"},
		"revoked":  {"gone and off", "gone and over", "gone"},
	} {
		for _, path := range []string{ownKeys + "?status=" + status, "/api/admin/access-keys?status=" + status} {
			by := grace
			if path[:10] == "/api/admin" {
				by = h.root
			}
			got := by.get(path).want(200)
			if names := got.column("keys", "name"); !slices.Equal(names, want) {
				t.Errorf("%s: %v, want %v", path, names, want)
			}
			for _, k := range got.list("keys") {
				_, deleted := k["deletedAt"]
				if k["status"] != status || deleted != (status == "revoked") || k["enabled"] != (status == "active" || status == "expired") {
					t.Errorf("%s: %v", path, k)
				}
			}
		}
		first := grace.get(ownKeys + "?limit=1&status=" + status).want(200)
		if first.str("next_cursor") != "" {
			second := grace.get(ownKeys + "?limit=1&status=" + status + "&cursor=" + first.str("next_cursor")).want(200)
			if got := second.column("keys", "name"); len(got) != 1 || got[0] != want[1] {
				t.Errorf("%s: the second page holds %v", status, got)
			}
		} else if len(want) > 1 {
			t.Errorf("%s: there is no second page", status)
		}
	}
}
