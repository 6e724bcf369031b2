package verify

import (
	"context"
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/latchkey-dev/latchkey/internal/changefeed"
	"github.com/latchkey-dev/latchkey/internal/permission"
	"github.com/latchkey-dev/latchkey/internal/token"
)

const (
	another  = "UPDATE access_key SET digest = decode(repeat('00', 32), 'hex'), digest_version = 0, rotated_at = created_at"
	previous = "UPDATE access_key SET previous_digest = digest, previous_version = digest_version, previous_expires_at = "
	retire   = "INSERT INTO retired_secret SELECT token_id, digest, digest_version, created_at FROM access_key"
)

// A secret that was replaced is good for as long as it was given, then is none, and is known for what it was.
func TestSecretsOfThePast(t *testing.T) {
	t.Parallel()
	pepper := map[int16][]byte{3: make([]byte, 32)}
	for say, digester := range map[string]token.Digester{"without a pepper": plainly(t), "with a pepper": digesterOf(t, pepper)} {
		b := newBenchWith(t, digester)
		for _, tc := range []struct {
			say     string
			sql     []string
			code    Code
			retired bool
		}{
			{say: "the only one", code: Valid},
			{say: "replaced, with a microsecond left", sql: []string{previous + "'2026-11-22T12:00:00.000001Z'", retire, another}, code: Valid},
			{say: "replaced, and over now", sql: []string{previous + "'2026-11-22T12:00:00Z'", retire, another}, code: NotFound, retired: true},
			{say: "replaced for good", sql: []string{retire, another}, code: NotFound, retired: true},
			{say: "replaced, and nobody kept it", sql: []string{another}, code: NotFound},
			{say: "replaced, of a key that is revoked", sql: []string{retire, another, "UPDATE access_key SET revoked_at = now()"}, code: NotFound, retired: true},
			{say: "in its overlap, of a key that is revoked", sql: []string{previous + "'2026-11-23'", another, "UPDATE access_key SET revoked_at = now()"}, code: Revoked},
			{say: "in its overlap, of a key that has expired", sql: []string{previous + "'2026-11-23'", another, "UPDATE access_key SET expires_at = '2026-11-22T12:00:00Z'"}, code: Expired},
		} {
			b.anew()
			b.exec("DELETE FROM retired_secret")
			for _, sql := range tc.sql {
				b.exec(sql)
			}
			for _, from := range []string{"the database", "memory"} {
				d, err := b.Check(t.Context(), b.secret, Ask{})
				if err != nil || d.Code != tc.code || (d.Retired != nil) != tc.retired {
					t.Errorf("%s, %s, from %s: %s, retired: %t, %v; want %s, %t", say, tc.say, from, d.Code, d.Retired != nil, err, tc.code, tc.retired)
				}
				if tc.retired && d.Retired.ID != keyID {
					t.Errorf("%s, %s: of %s", say, tc.say, d.Retired.ID)
				}
			}
		}
	}
}

const mediaAndPlanes = `UPDATE catalogue SET document = '{"resources":[{"name":"media","paths":["/media"],"access":["read","write","delete"]},
	{"name":"data-planes","paths":["/data-planes"],"access":["read","write"]}],"routes":[{"method":"POST","path":"/media/search","access":"read"}]}'`

// The key's permissions and its owner's decide together, for every kind of question; the rule itself is tested where it is.
func TestPermissionsOfAKey(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	get, post, drop := Ask{Method: "GET", Path: "/media/1"}, Ask{Method: "POST", Path: "/media"}, Ask{Method: "DELETE", Path: "/data-planes/1"}
	for _, tc := range []struct {
		say, key, owner string // key: empty inherits
		ask             Ask
		code            Code
		by              permission.Party
		matched         string
	}{
		{say: "nothing asked", key: "{media:read}", owner: "{media:read}", code: Valid},
		{say: "what both give", key: "{media:read}", owner: "{*:read}", ask: get, code: Valid, matched: "media:read"},
		{say: "inherited", owner: "{*:read}", ask: get, code: Valid, matched: "*:read"},
		{say: "not the key's", key: "{media:write}", owner: "{*:*}", ask: get, code: InsufficientPermissions, by: permission.ByKey},
		{say: "not the owner's", key: "{*:*}", owner: "{media:read}", ask: post, code: InsufficientPermissions, by: permission.ByOwner},
		{say: "a search that reads", key: "{media:read}", owner: "{*:*}", ask: Ask{Method: "POST", Path: "/media/search"}, code: Valid, matched: "media:read"},
		{say: "a deletion that is a write", key: "{data-planes:write}", owner: "{*:*}", ask: drop, code: Valid, matched: "data-planes:write"},
		{say: "a resource", key: "{media:delete}", owner: "{*:*}", ask: Ask{Resource: "media", Access: permission.Delete}, code: Valid, matched: "media:delete"},
		{say: "a permission of a resource", key: "{media:*}", owner: "{*:*}", ask: Ask{Permission: "media:read"}, code: Valid, matched: "media:*"},
		{say: "a flat permission", key: "{MANAGE_ROLES}", owner: "{MANAGE_ROLES}", ask: Ask{Permission: permission.ManageRoles}, code: Valid, matched: "MANAGE_ROLES"},
		{say: "a flat permission that the key lacks", key: "{media:read}", owner: "{MANAGE_ROLES}", ask: Ask{Permission: permission.ManageRoles}, code: InsufficientPermissions, by: permission.ByKey},
	} {
		b.anew()
		b.exec(mediaAndPlanes)
		if tc.key != "" {
			b.exec("UPDATE access_key SET permissions = $1::text[]", tc.key)
		}
		b.exec("UPDATE role SET permissions = $1::text[] || '{USE_PERSONAL_ACCESS_KEYS}' WHERE NOT built_in", tc.owner)
		for _, from := range []string{"the database", "memory"} {
			d, err := b.Check(t.Context(), b.secret, tc.ask)
			if err != nil || d.Code != tc.code || d.Decision.DeniedBy != tc.by || d.Decision.Matched != tc.matched {
				t.Errorf("%s, from %s: %s by %q, matched %q, %v", tc.say, from, d.Code, d.Decision.DeniedBy, d.Decision.Matched, err)
			}
			e, err := b.Explain(t.Context(), string(b.parsed.ID), tc.ask)
			if err != nil || e.Code != d.Code || e.Decision != d.Decision || e.Need != d.Need {
				t.Errorf("%s, from %s: explained as %s %+v, %v", tc.say, from, e.Code, e.Decision, err)
			}
		}
	}
}

// A question without an answer is told to who has a good key; a bad one is bad whatever is asked.
func TestSenselessQuestions(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	asks := map[error]Ask{permission.ErrPath: {Method: "GET", Path: "/a/../b"}, permission.ErrMethod: {Method: "BREW", Path: "/"}, ErrResource: {Resource: "media", Access: permission.Read}}
	for want, ask := range asks {
		if _, err := b.Check(t.Context(), b.secret, ask); !errors.Is(err, want) {
			t.Errorf("%+v: %v, want %v", ask, err, want)
		}
		if got := b.check(b.secretOf(t), ask); got != string(NotFound) {
			t.Errorf("%+v of an unknown key: %s", ask, got)
		}
	}
	b.exec("UPDATE access_key SET expires_at = $1", noon.Add(-time.Hour))
	b.memory.Flush()
	for _, ask := range asks {
		if got := b.check(b.secret, ask); got != string(Expired) {
			t.Errorf("%+v of an expired key: %s", ask, got)
		}
	}
}

// Memory of the catalogue is dropped like any other.
func TestTheCatalogueIsForgotten(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.exec("UPDATE role SET permissions = '{USE_PERSONAL_ACCESS_KEYS,media:read}' WHERE NOT built_in")
	ask := Ask{Method: "GET", Path: "/media/1"}
	if got := b.check(b.secret, ask); got != string(InsufficientPermissions) {
		t.Errorf("without a catalogue: %s", got)
	}
	b.exec(mediaAndPlanes)
	if got := b.check(b.secret, ask); got != string(InsufficientPermissions) {
		t.Errorf("from memory: %s", got)
	}
	b.change(changefeed.Catalogue, "catalogue", "SELECT 1", true)
	if got := b.check(b.secret, ask); got != string(Valid) {
		t.Errorf("after the change: %s", got)
	}
}

// What is explained is what is decided, for whatever key, owner and question.
func TestExplainEqualsVerify(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.exec(mediaAndPlanes)
	names := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"*:*", "*:read", "*:write", "*:delete", "media:*", "media:read", "media:write", "media:delete",
		"data-planes:read", "data-planes:write", "VIEW_AUDIT_LOG", "MANAGE_ROLES"}), 0, 5, rapid.ID)
	asks := rapid.OneOf(
		rapid.Custom(func(t *rapid.T) Ask {
			return Ask{Method: rapid.SampledFrom([]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "BREW"}).Draw(t, "method"),
				Path: rapid.SampledFrom([]string{"/", "/media", "/media/1", "/media/search", "/mediax", "/data-planes/7", "/x//y"}).Draw(t, "path")}
		}),
		rapid.Custom(func(t *rapid.T) Ask {
			return Ask{Resource: rapid.SampledFrom([]string{"media", "data-planes", "nothing"}).Draw(t, "resource"), Access: rapid.SampledFrom([]permission.Access{permission.Read, permission.Write, permission.Delete}).Draw(t, "access")}
		}),
		rapid.Custom(func(t *rapid.T) Ask {
			return Ask{Permission: rapid.SampledFrom([]string{"", "VIEW_AUDIT_LOG", "FLY", "media:read", "*:read", "nothing:read"}).Draw(t, "permission")}
		}))
	states := rapid.SampledFrom([]string{"", "", "", "UPDATE access_key SET revoked_at = now()", "UPDATE access_key SET disabled_at = now()", "UPDATE access_key SET expires_at = '2001-01-01'", suspended, noRoles})
	rapid.Check(t, func(r *rapid.T) {
		b.anew()
		b.exec("UPDATE role SET permissions = $1::text[] || '{USE_PERSONAL_ACCESS_KEYS}' WHERE NOT built_in", names.Draw(r, "owner"))
		if rapid.Bool().Draw(r, "restricted") {
			b.exec("UPDATE access_key SET permissions = $1", append(names.Draw(r, "key"), "CREATE_POST"))
		}
		if sql := states.Draw(r, "state"); sql != "" {
			b.exec(sql)
		}
		for _, from := range []string{"the database", "memory"} {
			ask := asks.Draw(r, "ask")
			d, err1 := b.Check(context.Background(), b.secret, ask)
			e, err2 := b.Explain(context.Background(), string(b.parsed.ID), ask)
			if d.Code != e.Code || d.Decision != e.Decision || d.Need != e.Need || !errors.Is(err1, err2) && !errors.Is(err2, err1) {
				r.Fatalf("from %s, %+v: verified %s %+v %v, explained %s %+v %v", from, ask, d.Code, d.Decision, err1, e.Code, e.Decision, err2)
			}
		}
	})
}
