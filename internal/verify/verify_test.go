package verify

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-dev/latchkey/internal/boottime"
	"github.com/latchkey-dev/latchkey/internal/changefeed"
	"github.com/latchkey-dev/latchkey/internal/permission"
	"github.com/latchkey-dev/latchkey/internal/postgres"
	"github.com/latchkey-dev/latchkey/internal/problem"
	"github.com/latchkey-dev/latchkey/internal/token"
)

const (
	denied    = "denied"
	noSecret  = "UPDATE access_key SET digest = decode(repeat('00', 32), 'hex')"
	noRoles   = "DELETE FROM account_role"
	suspended = "UPDATE account SET suspended_at = now()"
)

// Whatever is wrong with a key, its holder is told the same; the log, and whoever may verify, are told what.
func TestKey(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	stranger := b.secretOf(t)
	for _, tc := range []struct {
		say  string
		sql  string // before the key is used
		key  string // empty: the right one
		code Code
	}{
		{say: "as it was made", code: Valid},
		{say: "expires in a microsecond", sql: "UPDATE access_key SET expires_at = '2026-11-22T12:00:00.000001Z'", code: Valid},
		{say: "expires now", sql: "UPDATE access_key SET expires_at = '2026-11-22T12:00:00Z'", code: Expired},
		{say: "disabled", sql: "UPDATE access_key SET disabled_at = now()", code: Disabled},
		{say: "revoked", sql: "UPDATE access_key SET revoked_at = now()", code: Revoked},
		{say: "revoked at some later time, which counts all the same", sql: "UPDATE access_key SET revoked_at = '2031-01-01'", code: Revoked},
		{say: "revoked, disabled, expired and of a suspended owner", sql: "UPDATE access_key SET revoked_at = now(), disabled_at = now(), expires_at = '2001-01-01'; " + suspended, code: Revoked},
		{say: "disabled and expired", sql: "UPDATE access_key SET disabled_at = now(), expires_at = '2001-01-01'", code: Disabled},
		{say: "of a suspended owner", sql: suspended, code: AccountSuspended},
		{say: "of a suspended owner without roles", sql: suspended + "; " + noRoles, code: AccountSuspended},
		{say: "of an owner without roles", sql: noRoles, code: KeyUseNotPermitted},
		{say: "of an owner without the permission", sql: "UPDATE role SET permissions = '{MANAGE_ROLES}' WHERE NOT built_in", code: KeyUseNotPermitted},
		{say: "of an owner without any permission", sql: "UPDATE role SET permissions = '{}' WHERE NOT built_in", code: KeyUseNotPermitted},
		{say: "of an administrator", sql: "UPDATE account_role SET role_id = '00000000000000000010'", code: Valid},
		{say: "expired and of an owner without the permission", sql: "UPDATE access_key SET expires_at = '2001-01-01'; " + noRoles, code: Expired},
		{say: "expired and of a suspended owner", sql: "UPDATE access_key SET expires_at = '2001-01-01'; " + suspended, code: Expired},
		{say: "another digest under the same id", sql: noSecret, code: NotFound},
		{say: "another digest, and revoked", sql: noSecret + "; UPDATE access_key SET revoked_at = now()", code: NotFound},
		{say: "a digest of a version that is gone", sql: "UPDATE access_key SET digest_version = 7", code: NotFound},
		{say: "never made", key: stranger, code: NotFound},
		{say: "of another brand", sql: "UPDATE access_key SET brand = 'other'", code: NotFound},
		{say: "no key at all", key: "lkpat_", code: Malformed},
		{say: "with a wrong end", key: stranger[:71] + "!", code: Malformed},
	} {
		t.Run(tc.say, func(t *testing.T) {
			b.anew()
			if tc.sql != "" {
				b.exec(tc.sql)
			}
			if tc.key == "" {
				tc.key = b.secret
			}
			for _, from := range []string{"the database", "memory"} {
				if got := b.check(tc.key, Ask{}); got != string(tc.code) {
					t.Errorf("from %s: %s, want %s", from, got, tc.code)
				}
			}
			h, err := b.Key(t.Context(), tc.key)
			expectHolder(t, h, err, tc.code)
			if err != nil && strings.Contains(err.Error(), tc.key) {
				t.Errorf("the error holds the key: %v", err)
			}
		})
	}
}

func expectHolder(t *testing.T, h Holder, err error, code Code) {
	t.Helper()
	switch code {
	case Valid:
		if err != nil || h.AccountID != graceID || h.CredentialID != keyID || h.Handle != "grace" || h.Key == nil || h.Key.Name != "bot" {
			t.Errorf("%+v, %v", h, err)
		}
	case KeyUseNotPermitted:
		if !errors.Is(err, problem.New(problem.PermissionDenied)) || h.AccountID != "" {
			t.Errorf("%+v, %v", h, err)
		}
	default:
		expectUnusable(t, h, err, string(code))
	}
}

func expectUnusable(t *testing.T, h Holder, err error, reason string) {
	t.Helper()
	told, ok := errors.AsType[*problem.Error](err)
	if !ok || !cmp.Equal(told, problem.New(problem.CredentialInvalid)) || !strings.HasPrefix(err.Error(), reason+":") || h.AccountID != "" || h.Key != nil {
		t.Errorf("%+v, %v; want %q for the log", h, err, reason)
	}
}

func TestTheVerdictHasWhatItIsAbout(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	expires := noon.Add(time.Hour)
	b.exec("UPDATE access_key SET expires_at = $1", expires)
	for _, tc := range []struct {
		ask  Ask
		code Code
	}{
		{Ask{}, Valid},
		{Ask{Permission: permission.ManageRoles}, Valid},
		{Ask{Permission: permission.ViewAuditLog}, InsufficientPermissions},
	} {
		d, err := b.Check(t.Context(), b.secret, tc.ask)
		if err != nil || d.Code != tc.code {
			t.Errorf("%+v: %s, %v; want %s", tc.ask, d.Code, err, tc.code)
			continue
		}
		if d.Key.ID != keyID || d.Key.Name != "bot" || !d.Key.CreatedAt().Equal(noon) || !d.Key.ExpiresAt().Equal(expires) {
			t.Errorf("the key is %+v", d.Key)
		}
		if d.Account.ID != graceID || d.Account.Handle != "grace" || d.Permissions.String() != "MANAGE_ROLES USE_PERSONAL_ACCESS_KEYS" {
			t.Errorf("the owner is %+v, with %s", d.Account, d.Permissions)
		}
	}
}

func TestSession(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, tc := range []struct {
		say, sql, cookie string
		reason           string // empty: it opens
	}{
		{say: "as it began"},
		{say: "of somebody without roles", sql: noRoles},
		{say: "seen just in time", sql: "UPDATE session SET last_seen_at = '2026-11-22T11:00:00.000001Z'"},
		{say: "idle for an hour", sql: "UPDATE session SET last_seen_at = '2026-11-22T11:00:00Z'", reason: "session ended"},
		{say: "a microsecond before its end", sql: "UPDATE session SET expires_at = '2026-11-22T12:00:00.000001Z'"},
		{say: "at its end", sql: "UPDATE session SET expires_at = '2026-11-22T12:00:00Z'", reason: "session ended"},
		{say: "of a suspended account", sql: suspended, reason: "unknown session"},
		{say: "signed out", sql: "DELETE FROM session", reason: "unknown session"},
		{say: "another value", cookie: cookie + " ", reason: "unknown session"},
		{say: "no value", cookie: "\x00", reason: "unknown session"},
	} {
		t.Run(tc.say, func(t *testing.T) {
			b.anew()
			if tc.sql != "" {
				b.exec(tc.sql)
			}
			if tc.cookie == "" {
				tc.cookie = cookie
			}
			for range 2 { // from the database, and then from memory
				h, err := b.Session(t.Context(), tc.cookie)
				if tc.reason != "" {
					expectUnusable(t, h, err, tc.reason)
				} else if err != nil || h.AccountID != graceID || h.CredentialID != sessionOf || h.LastSeen.IsZero() {
					t.Errorf("%+v, %v", h, err)
				}
			}
		})
	}
}

func TestAHolderHasTheRolesInOrderAndWhatTheyGive(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.exec("INSERT INTO role VALUES ('role0000000000000001', 'auditor', 'red', '{VIEW_AUDIT_LOG,MANAGE_ROLES}', false, now(), now())")
	b.exec("INSERT INTO account_role SELECT $1, id, now() FROM role ON CONFLICT DO NOTHING", graceID)
	byKey, err1 := b.Key(t.Context(), b.secret)
	bySession, err2 := b.Session(t.Context(), cookie)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	for _, h := range []Holder{byKey, bySession} {
		var names []string
		for _, r := range h.Roles {
			names = append(names, r.Name)
		}
		if !slices.Equal(names, []string{"Administrator", "auditor", "Integrator"}) {
			t.Errorf("roles are %v", names)
		}
		if got := h.Permissions.String(); got != "ADMINISTRATOR MANAGE_ROLES USE_PERSONAL_ACCESS_KEYS VIEW_AUDIT_LOG" {
			t.Errorf("permissions are %s", got)
		}
		if h.Name != "Grace" || !h.CreatedAt.Equal(noon) || !h.UpdatedAt.Equal(noon) {
			t.Errorf("the account is %+v", h)
		}
	}
}

// A database that is away says nothing about a key: that is not a no. What is in memory needs none.
func TestAnAbsentDatabaseIsNotARefusal(t *testing.T) {
	t.Parallel()
	for _, known := range []bool{false, true} {
		b := newBench(t)
		if known {
			b.expect(Valid)
			if _, err := b.Session(t.Context(), cookie); err != nil {
				t.Error(err)
			}
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		b.pool.Close()
		for say, ask := range map[string]func(context.Context) error{
			"a key":     func(ctx context.Context) error { _, err := b.Key(ctx, b.secret); return err },
			"a session": func(ctx context.Context) error { _, err := b.Session(ctx, cookie); return err },
		} {
			for _, ctx := range []context.Context{t.Context(), gone} {
				if err := ask(ctx); known && err != nil || !known && !errors.Is(err, problem.New(problem.VerificationUnavailable)) {
					t.Errorf("%s, in memory: %t, %v: %v", say, known, ctx.Err(), err)
				}
			}
		}
		if _, err := b.Key(t.Context(), "not a key"); !errors.Is(err, problem.New(problem.CredentialInvalid)) {
			t.Errorf("what is no key needs no database: %v", err)
		}
	}
}

// A row is believed on any connection that can prove itself, and a standby cannot. (One that is real: internal/changefeed.)
func TestWhatIsReadNeedsNoRightToWrite(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	readOnly, err := postgres.Open(b.pool.Config().ConnString()+"&default_transaction_read_only=on", postgres.PoolOptions{MaxConns: 1, Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer readOnly.Close()
	if _, err := readOnly.Exec(t.Context(), "DELETE FROM session"); err == nil {
		t.Fatal("the connection can write")
	}
	cfg := b.cfg
	cfg.Pool = readOnly
	v := New(cfg)
	if _, err := v.Key(t.Context(), b.secret); err != nil {
		t.Error(err)
	}
	if _, err := v.Session(t.Context(), cookie); err != nil {
		t.Error(err)
	}
}

func TestALookUpHasADeadline(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for range b.pool.Config().MaxConns {
		conn, err := b.pool.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Release()
	}
	began := time.Now()
	if _, err := b.Key(t.Context(), b.secret); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, problem.New(problem.VerificationUnavailable)) {
		t.Errorf("with no connection free: %v", err)
	}
	if took := time.Since(began); took < deadline {
		t.Errorf("gave up after %s", took)
	}
}

// Strict sees what the database has, though nobody told the feed; the lease is 20 seconds, so that nothing else would.
func TestStrictWaitsForASyncOfItsOwn(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.expect(Valid)
	b.append(changefeed.Key, string(b.parsed.ID), "UPDATE access_key SET revoked_at = now()")
	if got := b.check(b.secret, Ask{Strict: true}); got != string(Revoked) {
		t.Errorf("strict: %s", got)
	}
}

// append makes a change of which no node is told.
func (b *bench) append(kind changefeed.Kind, id, sql string) changefeed.Revision {
	b.t.Helper()
	b.exec("WITH tick AS (UPDATE cluster SET v = v + 1 RETURNING v) INSERT INTO change SELECT v, $1, $2, v * 7, now() FROM tick", string(kind), id)
	b.exec(sql)
	var r changefeed.Revision
	if err := b.pool.QueryRow(context.Background(), "SELECT v, nonce FROM change ORDER BY v DESC LIMIT 1").Scan(&r.V, &r.Nonce); err != nil {
		b.t.Fatal(err)
	}
	return r
}

func TestAtLeast(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.expect(Valid)
	r := b.append(changefeed.Account, graceID, suspended)
	if got := b.check(b.secret, Ask{AtLeast: r}); got != string(AccountSuspended) {
		t.Errorf("%s", got)
	}
	soon, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	for say, never := range map[string]changefeed.Revision{"a later one": {V: r.V + 1, Nonce: 1}, "another history's": {V: r.V, Nonce: r.Nonce + 1}} {
		if _, err := b.Check(soon, b.secret, Ask{AtLeast: never}); !errors.Is(err, problem.New(problem.VerificationUnavailable)) {
			t.Errorf("%s: %v", say, err)
		}
	}
}

// An answer by memory needs a lease, whatever it is. Here it ends while the database is away.
func TestNoAnswerWithoutALease(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.expect(Valid)
	now := boottime.Now()
	v := New(b.cfg)
	v.cfg.Clock = func() time.Duration { return now + 30*time.Second }
	for _, raw := range []string{b.secret, b.secretOf(t)} {
		soon, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if d, err := v.Check(soon, raw, Ask{}); !errors.Is(err, problem.New(problem.VerificationUnavailable)) {
			t.Errorf("%s, %v", d.Code, err)
		}
		cancel()
	}
	if _, err := v.Session(t.Context(), cookie); !errors.Is(err, problem.New(problem.VerificationUnavailable)) {
		t.Errorf("a session: %v", err)
	}
	if d, err := v.Check(t.Context(), "no key", Ask{}); err != nil || d.Code != Malformed {
		t.Errorf("what is no key needs no lease: %s, %v", d.Code, err)
	}
}

// secretOf is a key that was never issued.
func (b *bench) secretOf(t *testing.T) string {
	t.Helper()
	s, _, err := token.Mint(rand.Reader, "lk")
	if err != nil {
		t.Fatal(err)
	}
	return s.Reveal()
}
