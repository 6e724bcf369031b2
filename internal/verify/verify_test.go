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

	"github.com/latchkey-dev/latchkey/internal/permission"
	"github.com/latchkey-dev/latchkey/internal/postgres"
	"github.com/latchkey-dev/latchkey/internal/problem"
	"github.com/latchkey-dev/latchkey/internal/token"
)

// Whatever is wrong with a key, its holder is told the same; the log is told what.
func TestKey(t *testing.T) {
	t.Parallel()
	stranger, _, err := token.Mint(rand.Reader, "lk")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		say    string
		sql    string // before the key is used
		key    string // empty: the right one
		reason string // empty: it opens
		denied bool   // the owner may not use keys
	}{
		{say: "as it was made"},
		{say: "expires in a microsecond", sql: "UPDATE access_key SET expires_at = '2026-11-22T12:00:00.000001Z'"},
		{say: "expires now", sql: "UPDATE access_key SET expires_at = '2026-11-22T12:00:00Z'", reason: "expired"},
		{say: "disabled", sql: "UPDATE access_key SET disabled_at = now()", reason: "disabled"},
		{say: "revoked", sql: "UPDATE access_key SET revoked_at = now()", reason: "revoked"},
		{say: "revoked at some later time, which counts all the same", sql: "UPDATE access_key SET revoked_at = '2031-01-01'", reason: "revoked"},
		{say: "of a suspended owner", sql: "UPDATE account SET suspended_at = now()", reason: "owner suspended"},
		{say: "of an owner without roles", sql: "DELETE FROM account_role", denied: true},
		{say: "of an owner without the permission", sql: "UPDATE role SET permissions = '{MANAGE_ROLES}'", denied: true},
		{say: "of an owner without any permission", sql: "UPDATE role SET permissions = '{}'", denied: true},
		{say: "of an administrator", sql: "UPDATE account_role SET role_id = '00000000000000000010'"},
		{say: "expired and of an owner without the permission", sql: "UPDATE access_key SET expires_at = '2001-01-01'; DELETE FROM account_role", reason: "expired"},
		{say: "another digest under the same id", sql: "UPDATE access_key SET digest = decode(repeat('00', 32), 'hex')", reason: "wrong secret"},
		{say: "a digest of a version that is gone", sql: "UPDATE access_key SET digest_version = 7", reason: "wrong secret"},
		{say: "never made", key: stranger.Reveal(), reason: "unknown"},
		{say: "no key at all", key: "lkpat_", reason: "malformed"},
		{say: "with a wrong end", key: stranger.Reveal()[:71] + "!", reason: "malformed"},
	} {
		b := newBench(t)
		if tc.sql != "" {
			b.exec(tc.sql)
		}
		if tc.key == "" {
			tc.key = b.secret
		}
		h, err := b.Key(t.Context(), tc.key)
		switch {
		case tc.denied:
			if !errors.Is(err, problem.New(problem.PermissionDenied)) || !cmp.Equal(h, Holder{}, unexported) {
				t.Errorf("%s: %+v, %v", tc.say, h, err)
			}
		case tc.reason != "":
			var told *problem.Error
			if !errors.As(err, &told) || !cmp.Equal(told, problem.New(problem.CredentialInvalid)) || !strings.HasPrefix(err.Error(), tc.reason+":") || !cmp.Equal(h, Holder{}, unexported) {
				t.Errorf("%s: %+v, %v; want %q for the log", tc.say, h, err, tc.reason)
			}
		case err != nil || h.AccountID != graceID || h.CredentialID != keyID || h.Handle != "grace":
			t.Errorf("%s: %+v, %v", tc.say, h, err)
		}
		if err != nil && strings.Contains(err.Error(), tc.key) {
			t.Errorf("%s: the error holds the key: %v", tc.say, err)
		}
	}
}

var unexported = cmp.AllowUnexported(permission.Set{})

func TestSession(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		say, sql, cookie string
		reason           string // empty: it opens
	}{
		{say: "as it began"},
		{say: "of somebody without roles", sql: "DELETE FROM account_role"},
		{say: "seen just in time", sql: "UPDATE session SET last_seen_at = '2026-11-22T11:00:00.000001Z'"},
		{say: "idle for an hour", sql: "UPDATE session SET last_seen_at = '2026-11-22T11:00:00Z'", reason: "session ended"},
		{say: "a microsecond before its end", sql: "UPDATE session SET expires_at = '2026-11-22T12:00:00.000001Z'"},
		{say: "at its end", sql: "UPDATE session SET expires_at = '2026-11-22T12:00:00Z'", reason: "session ended"},
		{say: "of a suspended account", sql: "UPDATE account SET suspended_at = now()", reason: "session ended"},
		{say: "signed out", sql: "DELETE FROM session", reason: "unknown session"},
		{say: "another value", cookie: cookie + " ", reason: "unknown session"},
		{say: "no value", cookie: "\x00", reason: "unknown session"},
	} {
		b := newBench(t)
		if tc.sql != "" {
			b.exec(tc.sql)
		}
		if tc.cookie == "" {
			tc.cookie = cookie
		}
		h, err := b.Session(t.Context(), tc.cookie)
		if tc.reason == "" {
			if err != nil || h.AccountID != graceID || h.CredentialID != "session0000000000000" || h.LastSeen.IsZero() {
				t.Errorf("%s: %+v, %v", tc.say, h, err)
			}
			continue
		}
		var told *problem.Error
		if !errors.As(err, &told) || !cmp.Equal(told, problem.New(problem.CredentialInvalid)) || !strings.HasPrefix(err.Error(), tc.reason+":") || !cmp.Equal(h, Holder{}, unexported) {
			t.Errorf("%s: %+v, %v; want %q for the log", tc.say, h, err, tc.reason)
		}
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

// A database that is away says nothing about a key: that is not a no.
func TestAnAbsentDatabaseIsNotARefusal(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for say, ask := range map[string]func() error{
		"a key, by somebody who left":     func() error { _, err := b.Key(gone, b.secret); return err },
		"a session, by somebody who left": func() error { _, err := b.Session(gone, cookie); return err },
		"a key, with the pool closed":     func() error { b.pool.Close(); _, err := b.Key(t.Context(), b.secret); return err },
		"a session, with the pool closed": func() error { b.pool.Close(); _, err := b.Session(t.Context(), cookie); return err },
	} {
		if err := ask(); err == nil || errors.Is(err, problem.New(problem.CredentialInvalid)) {
			t.Errorf("%s: %v", say, err)
		}
	}
	if _, err := b.Key(t.Context(), "not a key"); !errors.Is(err, problem.New(problem.CredentialInvalid)) {
		t.Errorf("what is no key needs no database: %v", err)
	}
}

func TestAStandbyIsEnough(t *testing.T) {
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
	b.cfg.Pool = readOnly
	if _, err := b.Key(t.Context(), b.secret); err != nil {
		t.Error(err)
	}
	if _, err := b.Session(t.Context(), cookie); err != nil {
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
	if _, err := b.Key(t.Context(), b.secret); !errors.Is(err, context.DeadlineExceeded) || postgres.Problem(err) == nil {
		t.Errorf("with no connection free: %v", err)
	}
	if took := time.Since(began); took < deadline {
		t.Errorf("gave up after %s", took)
	}
}
