package api

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// sortable is a key as the database has it, and what lists are sorted by.
type sortable struct {
	ID, Name                         string
	ExpiresAt, LastUsedAt, RevokedAt *time.Time
}

func (h *harness) sortables(accountID string) []sortable {
	h.t.Helper()
	rows, err := h.pool.Query(context.Background(), `SELECT k.id, k.name, k.expires_at, u.last_used_at, k.revoked_at
		FROM access_key k LEFT JOIN access_key_use u ON u.access_key_id = k.id WHERE k.account_id = $1`, accountID)
	if err != nil {
		h.t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[sortable])
	if err != nil {
		h.t.Fatal(err)
	}
	return all
}

// sorted gives the ids in the order of the contract.
func sorted(keys []sortable, by, order string) []string {
	sign := map[string]int{"asc": 1, "desc": -1, "": -1}[order]
	moments := func(a, b *time.Time) int {
		switch {
		case a == nil && b == nil:
			return 0
		case a == nil:
			return 1 // last in both orders
		case b == nil:
			return -1
		}
		return sign * a.Compare(*b)
	}
	keys = slices.Clone(keys)
	slices.SortFunc(keys, func(a, b sortable) int {
		first := map[string]int{"name": sign * strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)),
			"expires_at": moments(a.ExpiresAt, b.ExpiresAt), "last_used_at": moments(a.LastUsedAt, b.LastUsedAt)}[by]
		return cmp.Or(first, sign*strings.Compare(a.ID, b.ID))
	})
	ids := make([]string, len(keys))
	for i, k := range keys {
		ids[i] = k.ID
	}
	return ids
}

// plantSortable gives an account keys with equal names, names that differ by case, equal moments and none at all.
func (h *harness) plantSortable(accountID, mark string, n int) {
	h.t.Helper()
	h.plant(accountID, mark, n, "name = (ARRAY['Beta', 'alpha', 'beta', 'gamma', 'Alpha', 'delta 100%'])[1 + right(id, 3)::int * 7 % 6]")
	h.exec(`UPDATE access_key SET expires_at = $1::timestamptz + make_interval(hours => right(id, 3)::int * 5 % 4)
		WHERE account_id = $2 AND right(id, 3)::int % 3 <> 0`, h.clock.Now().Add(time.Hour), accountID)
	h.exec(`INSERT INTO access_key_use SELECT id, $1::timestamptz - make_interval(mins => right(id, 3)::int * 3 % 5), '' FROM access_key
		WHERE account_id = $2 AND right(id, 3)::int % 4 <> 1`, h.clock.Now(), accountID)
	h.exec("UPDATE access_key SET revoked_at = $1, revocation_effective_at = $1 WHERE account_id = $2 AND right(id, 3)::int % 5 = 2", h.clock.Now(), accountID)
}

func TestSortedPagesAreWholeAndInOrder(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.clock.stop()
	grace := h.member("grace", "USE_PERSONAL_ACCESS_KEYS")
	h.plantSortable(grace.id, "a", 19)
	h.plantSortable(h.root.id, "b", 7)
	all := h.sortables(grace.id)
	found := slices.DeleteFunc(slices.Clone(all), func(k sortable) bool { return !strings.Contains(strings.ToLower(k.Name), "a") || k.RevokedAt != nil })
	for _, by := range []string{"", "created_at", "name", "expires_at", "last_used_at"} {
		for _, order := range []string{"", "asc", "desc"} {
			query := url.Values{"sort": {by}, "order": {order}}
			for name, values := range query {
				if values[0] == "" {
					query.Del(name)
				}
			}
			for _, limit := range []int{1, 2, 3, 100} {
				query.Set("limit", fmt.Sprint(limit))
				path := ownKeys + "?" + query.Encode()
				if got, want := grace.walk(path, "keys"), sorted(all, by, order); !slices.Equal(got, want) {
					t.Errorf("%s:\n%v, want\n%v", path, got, want)
				}
				path += "&revoked=false&search=A"
				if got, want := grace.walk(path, "keys"), sorted(found, by, order); !slices.Equal(got, want) {
					t.Errorf("%s:\n%v, want\n%v", path, got, want)
				}
			}
		}
	}
}

// The place of a cursor is where its key is when the next page is asked for.
func TestACursorOfASortedList(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.clock.stop()
	grace := h.member("grace", "USE_PERSONAL_ACCESS_KEYS")
	h.plant(grace.id, "a", 6, "") // a1 to a6
	h.plant(h.root.id, "b", 2, "")
	path := ownKeys + "?sort=name&order=asc&limit=2"
	next := grace.get(path).want(200).str("next_cursor")
	names := func(query string) []string {
		return grace.get(path+query+"&cursor="+next).want(200).column("keys", "name")
	}
	if got := names(""); !slices.Equal(got, []string{"a3", "a4"}) {
		t.Errorf("after a2: %v", got)
	}
	h.exec("UPDATE access_key SET revoked_at = $2, revocation_effective_at = $2 WHERE id = $1", next, h.clock.Now())
	if got := names("&revoked=false"); !slices.Equal(got, []string{"a3", "a4"}) {
		t.Errorf("after a2, which is left out by now: %v", got)
	}
	h.exec("UPDATE access_key SET name = 'a45' WHERE id = $1", next)
	if got := names(""); !slices.Equal(got, []string{"a5", "a6"}) {
		t.Errorf("after a45, which was a2: %v", got)
	}
	h.exec("UPDATE access_key SET name = 'z' WHERE id = $1", next)
	if got := names(""); len(got) != 0 {
		t.Errorf("after the last: %v", got)
	}
	refused := func(got *answer) {
		if named := got.json()["metadata"].(object)["parameter"]; named != "cursor" {
			t.Errorf("names %v: %s", named, got.body)
		}
	}
	for say, cursor := range map[string]string{"nobody's key": unknownID, "somebody else's key": "b0000000000000000001"} {
		for _, query := range []string{"sort=name", "sort=expires_at&order=asc", "order=asc", "search=a"} {
			h.hold(sentence{say: say + " with " + query, by: grace, method: "GET", path: ownKeys + "?" + query + "&cursor=" + cursor, status: 400,
				code: "request_invalid", then: refused})
		}
	}
	grace.get(ownKeys + "?cursor=" + unknownID).want(200) // a place among ids, whoever has it
}

func TestAccessKeySearch(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	grace, other := h.member("grace", "USE_PERSONAL_ACCESS_KEYS"), h.member("other", "USE_PERSONAL_ACCESS_KEYS")
	_, program := grace.newKey("Deploy bot")
	for _, name := range []string{"100% sure", "under_score", `back\slash`, "Rocket 🚀", "ÉCOLE normale", "grace"} {
		grace.newKey(name)
	}
	gone, _ := grace.newKey("deploy of old")
	grace.delete(ownKeys + "/" + gone).want(204)
	other.newKey("Deploy of another")
	first := grace.get(ownKeys + "?search=deploy+bot").want(200).list("keys")[0]
	hint, id := first["hint"].(string), first["id"].(string)
	list := func(say string, by *client, path string, want ...string) sentence {
		return sentence{say: say, by: by, method: "GET", path: path, status: 200, then: func(got *answer) {
			if names := got.column("keys", "name"); !slices.Equal(names, want) {
				t.Errorf("%s: %q, want %q", say, names, want)
			}
		}}
	}
	own := func(say, typed string, want ...string) sentence {
		return list(say, grace, ownKeys+"?search="+url.QueryEscape(typed), want...)
	}
	refuse := func(say, query string) sentence {
		return sentence{say: say, by: grace, method: "GET", path: ownKeys + "?" + query, status: 400, code: "request_invalid"}
	}
	const any = "/api/admin/access-keys?search="
	h.hold(
		own("small letters", "deploy", "deploy of old", "Deploy bot"),
		own("capitals", "DEPLOY B", "Deploy bot"),
		own("accents", "école", "ÉCOLE normale"),
		own("no accents", "ecole"),
		own("a per cent sign", "%", "100% sure"),
		own("a percent sign is no wildcard", "1%sure"),
		own("an underscore", "r_s", "under_score"),
		own("an underscore is no wildcard", "D_ploy"),
		own("a backslash", `\`, `back\slash`),
		own("an escaped letter", `\s`, `back\slash`),
		own("an emoji", "🚀", "Rocket 🚀"),
		own("a quote", "'"),
		own("spaces count", "t  b"),
		own("the hint", hint, "Deploy bot"),
		own("the hint in capitals", strings.ToUpper(hint), "Deploy bot"),
		own("the middle of the hint", hint[4:14], "Deploy bot"),
		own("the id", id, "Deploy bot"),
		own("the id in capitals", strings.ToUpper(id), "Deploy bot"),
		own("the own handle is of no key", "grac", "grace"),
		own("nothing", "no such key"),
		own("as long as may be", strings.Repeat("🚀", 100)),
		list("for a key", program, ownKeys+"?search=deploy&revoked=false", "Deploy bot"),
		list("with a status", grace, ownKeys+"?search=deploy&status=revoked", "deploy of old"),
		list("revoked ones are listed unless it is said", grace, ownKeys+"?revoked=true&search=deploy", "deploy of old", "Deploy bot"),
		list("a status that is left out", grace, ownKeys+"?revoked=false&status=revoked"),
		list("without a search", grace, ownKeys+"?revoked=false&limit=2", "grace", "ÉCOLE normale"),
		list("everybody's", h.root, any+"DEPLOY", "Deploy of another", "deploy of old", "Deploy bot"),
		list("everybody's that are not revoked", h.root, any+"deploy&revoked=false", "Deploy of another", "Deploy bot"),
		list("by the owner's handle", h.root, any+"OTHER", "Deploy of another"),
		list("by handle or name", h.root, any+"grace&limit=2", "deploy of old", "grace"),
		list("of one account", h.root, any+"deploy&account="+other.id, "Deploy of another"),
		list("of one account, by id", h.root, any+id+"&account="+other.id),
		list("of one account, all", h.root, "/api/admin/access-keys?account="+other.id, "Deploy of another"),
		list("of one account, those not revoked", h.root, "/api/admin/access-keys?revoked=false&limit=1&account="+grace.id, "grace"),
		list("of an account that there is not", h.root, "/api/admin/access-keys?account="+unknownID),
		refuse("nothing to search for", "search="),
		refuse("more than may be", "search="+strings.Repeat("a", 101)),
		refuse("a zero byte", "search=a%00b"),
		refuse("no UTF-8", "search=%ff"),
		refuse("twice", "search=a&search=b"),
		refuse("another sort", "sort=status"),
		refuse("another order", "order=up"),
		refuse("neither true nor false", "revoked=maybe"),
		sentence{say: "a zero byte, everybody's", by: h.root, method: "GET", path: any + "%00", status: 400, code: "request_invalid"},
		sentence{say: "everybody's have no sort", by: h.root, method: "GET", path: any + "a&sort=name", status: 400, code: "request_invalid"},
		sentence{say: "no account", by: h.root, method: "GET", path: "/api/admin/access-keys?account=grace", status: 400, code: "request_invalid"},
		sentence{say: "nobody", by: h.anonymous(), method: "GET", path: any + "a", status: 401, code: "credential_required"},
		sentence{say: "not an administrator", by: grace, method: "GET", path: any + "a", status: 403, code: "permission_denied"},
	)
	for _, path := range []string{any + "deploy", any + "grace", "/api/admin/access-keys?account=" + grace.id, "/api/admin/access-keys?revoked=false"} {
		whole := h.root.walk(path, "keys")
		for _, limit := range []string{"1", "2", "3"} {
			if got := h.root.walk(path+"&limit="+limit, "keys"); !slices.Equal(got, whole) || len(whole) == 0 {
				t.Errorf("%s by pages of %s: %v, want %v", path, limit, got, whole)
			}
		}
	}
}

// The canary's keys are nobody's business.
func TestTheCanarysKeysAreFoundByNoSearch(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	const canary = "00000000000000000020"
	h.plant(canary, "c", 3, "name = 'canary'")
	for _, query := range []string{"", "?search=canary", "?account=" + canary, "?search=c&account=" + canary} {
		if got := h.root.get("/api/admin/access-keys" + query).want(200).list("keys"); len(got) != 0 {
			t.Errorf("%s: %v", query, got)
		}
	}
	h.root.get("/api/admin/accounts/"+canary).want(404, "not_found")
	if got := h.root.get("/api/admin/accounts?search=canary").want(200).list("accounts"); len(got) != 0 {
		t.Errorf("%v", got)
	}
}
