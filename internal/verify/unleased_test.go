package verify

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey/internal/permission"
	"github.com/latchkey-dev/latchkey/internal/problem"
	"github.com/latchkey-dev/latchkey/internal/testdb"
)

// now is who the session and the key stand for by the database at a moment, or why they stand for nobody.
func (b *bench) now(at time.Time) (string, string) {
	b.t.Helper()
	say := func(h Holder, err error) string {
		if err != nil {
			reason, _, _ := strings.Cut(err.Error(), ": The ")
			return reason
		}
		return h.Handle + " " + strings.Join(h.Permissions.Names(), " ")
	}
	return say(b.SessionNow(context.Background(), cookie, at)), say(b.KeyNow(context.Background(), b.secret, at))
}

func TestACallerIsKnownWithoutALease(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if err := b.node.Leave(t.Context()); err != nil { // there is no lease from here on
		t.Fatal(err)
	}
	known := "grace " + permission.ManageRoles + " " + permission.UsePersonalAccessKeys
	const invalid = ": credential_invalid"
	for _, tc := range []struct {
		say, sql     string
		at           time.Duration
		session, key string
	}{
		{say: "as they are", session: known, key: known},
		{say: "before the end", at: time.Hour - 1, session: known, key: known},
		{say: "after an hour", at: time.Hour, session: "session ended" + invalid, key: known},
		{say: "who seemed to be here lately", sql: "UPDATE session SET last_seen_at = last_seen_at + interval '23 hours'", at: 24*time.Hour - time.Minute, session: known, key: known},
		{say: "a session of yesterday", sql: "UPDATE session SET last_seen_at = last_seen_at + interval '24 hours'", at: 24 * time.Hour, session: "session ended" + invalid, key: known},
		{say: "a session that is over", sql: "DELETE FROM session", session: "unknown session" + invalid, key: known},
		{say: "a revoked key", sql: "UPDATE access_key SET revoked_at = now()", session: known, key: "REVOKED" + invalid},
		{say: "a disabled key", sql: "UPDATE access_key SET disabled_at = now()", session: known, key: "DISABLED" + invalid},
		{say: "an expired key", sql: "UPDATE access_key SET expires_at = created_at", session: known, key: "EXPIRED" + invalid},
		{say: "another secret", sql: "UPDATE access_key SET digest = decode(repeat('00', 32), 'hex')", session: known, key: "NOT_FOUND" + invalid},
		{say: "a suspended account", sql: "UPDATE account SET suspended_at = now()", session: "unknown session" + invalid, key: "ACCOUNT_SUSPENDED" + invalid},
		{say: "without the role", sql: "DELETE FROM account_role", session: "grace ", key: "permission_denied"},
		{say: "with another role", sql: "UPDATE role SET permissions = '{USE_PERSONAL_ACCESS_KEYS}' WHERE NOT built_in",
			session: "grace " + permission.UsePersonalAccessKeys, key: "grace " + permission.UsePersonalAccessKeys},
		{say: "as they were", session: known, key: known},
	} {
		b.fill(b.cfg.Digester)
		if tc.sql != "" {
			b.exec(tc.sql)
		}
		if session, key := b.now(noon.Add(tc.at)); session != tc.session || key != tc.key {
			t.Errorf("%s: session %q, key %q; want %q and %q", tc.say, session, key, tc.session, tc.key)
		}
	}
	if _, err := b.KeyNow(t.Context(), "lkpat_nonsense", noon); !errors.Is(err, problem.New(problem.CredentialInvalid)) {
		t.Errorf("malformed: %v", err)
	}
	for _, m := range []*Memory{b.memory, b.unleased.cfg.Memory} {
		if n := m.keys.len() + m.sessions.len() + m.accounts.len() + m.roles.len(); n != 0 {
			t.Errorf("%d entries are remembered", n)
		}
	}
}

// What is remembered may be out of date without a lease.
func TestWithoutALeaseNothingIsAnsweredFromMemory(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.expect(Valid)
	if _, err := b.Session(t.Context(), cookie); err != nil {
		t.Fatal(err)
	}
	b.exec("DELETE FROM session")
	b.exec("UPDATE access_key SET revoked_at = now()") // and nobody is told
	if session, key := b.now(noon); session != "unknown session: credential_invalid" || key != "REVOKED: credential_invalid" {
		t.Errorf("session %q, key %q", session, key)
	}
}

func TestWithoutALeaseAStandbyIsNotBelieved(t *testing.T) {
	t.Parallel()
	primary := testdb.NewOwn(t, nil)
	b := newBenchOn(t, poolOn(t, primary.URL()), plainly(t))
	standby := primary.Standby()
	primary.Followed(standby)
	cfg := b.cfg
	cfg.Pool = poolOn(t, standby.URL())
	v := New(cfg)
	_, err1 := v.SessionNow(t.Context(), cookie, noon)
	_, err2 := v.KeyNow(t.Context(), b.secret, noon)
	for _, err := range []error{err1, err2} {
		if !errors.Is(err, errUnproved) || !errors.Is(err, problem.New(problem.VerificationUnavailable)) {
			t.Errorf("%v", err)
		}
	}
	standby.Promote()
	b.Verifier = v
	if session, key := b.now(noon); !strings.HasPrefix(session, "grace ") || !strings.HasPrefix(key, "grace ") {
		t.Errorf("the new primary: session %q, key %q", session, key)
	}
}
