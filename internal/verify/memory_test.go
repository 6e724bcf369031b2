package verify

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/latchkey-dev/latchkey/internal/changefeed"
	"github.com/latchkey-dev/latchkey/internal/token"
)

func (b *bench) held() *Key { return b.memory.keys.get(tokenIDOf(string(b.parsed.ID))) }

func TestOnlyWhatWasProvedIsRemembered(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for range 3 {
		if got := b.check(b.secretOf(t), Ask{}); got != string(NotFound) {
			t.Errorf("never issued: %s", got)
		}
	}
	other := b.sameIDOtherSecret()
	if got := b.check(other, Ask{}); got != string(NotFound) {
		t.Errorf("another secret: %s", got)
	}
	if n := b.memory.keys.len(); n != 0 {
		t.Errorf("%d keys are remembered", n)
	}
	b.expect(Valid)
	if b.held() == nil {
		t.Error("a key whose secret was seen is not remembered")
	}
	if got := b.check(other, Ask{}); got != string(NotFound) {
		t.Errorf("another secret, by memory: %s", got)
	}
	b.expect(Valid)
	if _, err := b.Session(t.Context(), "another cookie"); err == nil || b.memory.sessions.len() != 0 {
		t.Errorf("an unknown session: %v, %d are remembered", err, b.memory.sessions.len())
	}
}

// sameIDOtherSecret is a key with the id of the bench's: the bench's is stored with that one's id instead.
func (b *bench) sameIDOtherSecret() string {
	b.t.Helper()
	other, parsed, err := token.Mint(rand.Reader, "lk")
	if err != nil {
		b.t.Fatal(err)
	}
	secret, mine, err := token.Mint(fixedID{parsed}, "lk")
	if err != nil {
		b.t.Fatal(err)
	}
	digest, version := b.cfg.Digester.Digest(mine)
	b.exec("UPDATE access_key SET token_id = $1, digest = $2, digest_version = $3", string(mine.ID), digest[:], version)
	b.secret, b.parsed = secret.Reveal(), mine
	return other.Reveal()
}

// fixedID is chance that gives the id of a key again, with another secret.
type fixedID struct{ of token.Parsed }

func (f fixedID) Read(p []byte) (int, error) {
	if _, err := rand.Read(p); err != nil {
		return 0, err
	}
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	for i, c := range []byte(f.of.ID) {
		p[32+i] = byte(bytes.IndexByte([]byte(alphabet), c))
	}
	return len(p), nil
}

// The database keeps HMACs; memory keeps the digest that takes one block to compute, and that no pepper can change.
func TestAPepperedKeyIsRememberedPlain(t *testing.T) {
	t.Parallel()
	old := digesterOf(t, map[int16][]byte{3: bytes.Repeat([]byte{3}, 32)})
	b := newBenchWith(t, old)
	b.expect(Valid)
	want, _ := plainly(t).Digest(b.parsed)
	k := b.held()
	if k == nil || k.digest != want || k.pepper != 0 {
		t.Fatalf("remembered is %+v", k)
	}
	if k.ID != keyID || k.Name != "bot" || k.createdAt != noon.UnixMicro() || k.account != xidOf(graceID) {
		t.Errorf("remembered is %+v", k)
	}
	b.exec("UPDATE access_key SET digest = decode(repeat('00', 32), 'hex')") // a hit does not look there
	b.expect(Valid)
	if got := b.check(b.secretOf(t), Ask{}); got != string(NotFound) {
		t.Errorf("unknown: %s", got)
	}
	if n := b.memory.keys.len(); n != 1 {
		t.Errorf("%d keys are remembered", n)
	}
}

// What a change is about is forgotten, and nothing else is.
func TestDrop(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.expect(Valid)
	if _, err := b.Session(t.Context(), cookie); err != nil {
		t.Fatal(err)
	}
	count := func() string {
		return fmt.Sprint(b.memory.keys.len(), b.memory.sessions.len(), b.memory.accounts.len(), b.memory.roles.len())
	}
	for _, tc := range []struct {
		kind  changefeed.Kind
		id    string
		left  string
		known bool
	}{
		{changefeed.Key, "nothing", "1 1 1 1", true},
		{changefeed.Session, "no hex", "1 1 1 1", true},
		{changefeed.Session, "", "1 1 1 1", true},
		{changefeed.Account, "a text that is longer than any id", "1 1 1 1", true},
		{changefeed.Catalogue, "", "1 1 1 1", true},
		{"weather", "", "1 1 1 1", false},
		{changefeed.Key, string(b.parsed.ID), "0 1 1 1", true},
		{changefeed.Session, cookieID(cookie), "0 0 1 1", true},
		{changefeed.Account, graceID, "0 0 0 1", true},
		{changefeed.Role, roleID, "0 0 0 0", true},
	} {
		if known := b.memory.Drop(changefeed.Change{Kind: tc.kind, ID: tc.id}); known != tc.known || count() != tc.left {
			t.Errorf("%s %s: %t, left are %s, want %s", tc.kind, tc.id, known, count(), tc.left)
		}
	}
	b.expect(Valid)
	if b.memory.Drop(changefeed.Change{Kind: changefeed.Everything}); count() != "0 0 0 0" {
		t.Errorf("left are %s", count())
	}
	b.expect(Valid)
	if b.memory.Flush(); count() != "0 0 0 0" {
		t.Errorf("after a flush: %s", count())
	}
}

// One node's work is every node's answer by the time that Run returns, whatever was changed.
func TestAWithdrawalHoldsWhenItReturns(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	memory := NewMemory(100)
	cfg := b.cfg
	cfg.Memory, cfg.Node = memory, b.join(memory)
	other := *b
	other.Verifier = New(cfg)
	for _, tc := range []struct {
		say, sql, back string
		kind           changefeed.Kind
		id             func(b *bench) string
		code           Code
	}{
		{"revoked", "UPDATE access_key SET revoked_at = now()", "UPDATE access_key SET revoked_at = NULL", changefeed.Key, func(b *bench) string { return string(b.parsed.ID) }, Revoked},
		{"disabled", "UPDATE access_key SET disabled_at = now()", "UPDATE access_key SET disabled_at = NULL", changefeed.Key, func(b *bench) string { return string(b.parsed.ID) }, Disabled},
		{"suspended", suspended, "UPDATE account SET suspended_at = NULL", changefeed.Account, func(*bench) string { return graceID }, AccountSuspended},
		{"a role narrowed", "UPDATE role SET permissions = '{MANAGE_ROLES}' WHERE NOT built_in", "UPDATE role SET permissions = '{USE_PERSONAL_ACCESS_KEYS}' WHERE NOT built_in",
			changefeed.Role, func(*bench) string { return roleID }, KeyUseNotPermitted},
		{"a role taken", noRoles, "INSERT INTO account_role VALUES ('" + graceID + "', '" + roleID + "', now())", changefeed.Account, func(*bench) string { return graceID }, KeyUseNotPermitted},
		{"a role deleted", "DELETE FROM account_role; DELETE FROM role WHERE NOT built_in", "INSERT INTO role VALUES ('" + roleID + "', 'Again', 'teal', '{USE_PERSONAL_ACCESS_KEYS}', false, now(), now()); " +
			"INSERT INTO account_role VALUES ('" + graceID + "', '" + roleID + "', now())", changefeed.Account, func(*bench) string { return graceID }, KeyUseNotPermitted},
	} {
		t.Run(tc.say, func(t *testing.T) {
			all := []*bench{b, &other}
			for range 3 {
				for _, v := range all {
					v.t = t
					v.expect(Valid)
				}
				b.change(tc.kind, tc.id(b), tc.sql, true)
				for _, v := range all {
					v.expect(tc.code)
				}
				b.change(tc.kind, tc.id(b), tc.back, true) // waiting, to see it at once
			}
		})
	}
}

func (b *bench) change(kind changefeed.Kind, id, sql string, withdraw bool) changefeed.Revision {
	b.t.Helper()
	r, err := b.feed.Run(b.t.Context(), func(tx pgx.Tx, c *changefeed.Changes) error {
		if withdraw {
			c.Withdraw(kind, id)
		} else {
			c.Announce(kind, id)
		}
		_, err := tx.Exec(context.Background(), sql)
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// Other nodes note uses of a session, too, and nobody is told: before it counts as idle here, its row is read again.
func TestAnIdleSessionIsReadAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	now := noon
	b.cfg.Now = func() time.Time { return now }
	if _, err := b.Session(t.Context(), cookie); err != nil {
		t.Fatal(err)
	}
	now = noon.Add(50 * time.Minute)
	b.exec("UPDATE session SET last_seen_at = $1", now) // by another node
	now = noon.Add(100 * time.Minute)
	h, err := b.Session(t.Context(), cookie)
	if err != nil || now.Sub(h.LastSeen) != 50*time.Minute {
		t.Errorf("%v, %v", h.LastSeen, err)
	}
	if h, err = b.Session(t.Context(), cookie); err != nil || now.Sub(h.LastSeen) != 0 {
		t.Errorf("asked to note it twice: %v, %v", h.LastSeen, err)
	}
	now = now.Add(time.Hour)
	if _, err := b.Session(t.Context(), cookie); err == nil {
		t.Error("idle everywhere, and yet it opens")
	}
}

// A request touches a session once a minute, however many there are.
func TestOneRequestAMinuteNotesTheUseOfASession(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	now := noon.Add(5 * time.Minute)
	b.cfg.Now = func() time.Time { return now }
	var mu sync.Mutex
	notes := 0
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			h, err := b.Session(context.Background(), cookie)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			} else if now.Sub(h.LastSeen) >= seenEvery {
				notes++
			}
		})
	}
	all.Wait()
	if notes < 1 || notes > 20 {
		t.Errorf("%d notes", notes)
	}
	if h, err := b.Session(t.Context(), cookie); err != nil || now.Sub(h.LastSeen) >= seenEvery {
		t.Errorf("once more: %v, %v", h.LastSeen, err)
	}
}
