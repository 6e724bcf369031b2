package postgres_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/latchkey-dev/latchkey/internal/postgres"
	"github.com/latchkey-dev/latchkey/internal/testdb"
)

func TestOpenSetsWhatTheURLDoesNot(t *testing.T) {
	t.Parallel()
	u := testdb.Empty(t)
	for _, tc := range []struct {
		name, url string
		setting   string
		want      string
	}{
		{"names the pool", u, "application_name", "latchkey verify"},
		{"limits statements", u, "statement_timeout", "2s"},
		{"keeps plans for full tables", u, "enable_seqscan", "off"},
		{"limits waits for locks", u, "lock_timeout", "1s"},
		{"limits idle transactions", u, "idle_in_transaction_session_timeout", "2s"},
		{"speaks UTC", u, "TimeZone", "UTC"},
		{"leaves a name", with(u, "application_name", "mine"), "application_name", "mine"},
		{"leaves a limit", with(u, "statement_timeout", "7s"), "statement_timeout", "7s"},
		{"leaves a limit among the options", with(u, "options", "-c lock_timeout=3s -cstatement_timeout=7s"), "lock_timeout", "3s"},
		{"reads options without a space", with(u, "options", "-c lock_timeout=3s -cstatement_timeout=7s"), "statement_timeout", "7s"},
		{"does not mistake a longer name", with(u, "options", "-c deadlock_timeout=3s"), "lock_timeout", "1s"},
		{"knows names in any case", with(u, "TIMEZONE", "Asia/Tokyo"), "TimeZone", "Asia/Tokyo"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			pool, err := postgres.Open(tc.url, postgres.PoolOptions{MaxConns: 1, Name: "verify"})
			if err != nil {
				t.Fatal(err)
			}
			defer pool.Close()
			var got string
			if err := pool.QueryRow(t.Context(), "SELECT current_setting($1)", tc.setting).Scan(&got); err != nil {
				t.Fatal(err)
			}
			if got != tc.want {
				t.Errorf("%s = %q, want %q", tc.setting, got, tc.want)
			}
		})
	}
}

func TestOpenLimitsConnections(t *testing.T) {
	t.Parallel()
	const u = "postgres://u:p@127.0.0.1:1/d"
	for _, tc := range []struct {
		name, url string
		max, want int32
	}{
		{"by the option", u, 3, 3},
		{"by the option, whatever the URL says", u + "?pool_max_conns=5", 3, 3},
		{"by the URL if there is no option", u + "?pool_max_conns=5", 0, 5},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			pool, err := postgres.Open(tc.url, postgres.PoolOptions{MaxConns: tc.max})
			if err != nil {
				t.Fatal(err)
			}
			defer pool.Close()
			if got := pool.Config().MaxConns; got != tc.want {
				t.Errorf("MaxConns = %d, want %d", got, tc.want)
			}
		})
	}
}

func TestOpenDoesNotConnect(t *testing.T) {
	t.Parallel()
	pool, err := postgres.Open("postgres://u:p@127.0.0.1:1/d", postgres.PoolOptions{})
	if err != nil {
		t.Fatalf("nobody listens, and that is no reason to fail: %v", err)
	}
	defer pool.Close()
	if err := pool.Ping(t.Context()); err == nil {
		t.Error("Ping reached a server on port 1")
	}
}

// ASVS 16.2.5: credentials are not logged.
func TestErrorsDoNotShowThePassword(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	for _, u := range []string{
		"",
		secret,
		"postgres://u:hunter2@[::1/d",
		"postgres://u:hunter2/@host/d",
		"postgres://u:%hunter2@host/d",
		"postgres://u:p@host:hunter2/d",
		"postgres://u:hunter2@host/d?sslmode=maybe",
		"postgres://u:hunter2@host/d?connect_timeout=soon",
		"postgres://u:hunter2@host/d?pool_max_conns=-1",
		"host=h user=u password=hunter2 sslmode=maybe",
		"user=u password='hunter2",
		"u:hunter2@host",
	} {
		_, open := postgres.Open(u, postgres.PoolOptions{})
		_, _, migrate := postgres.Migrate(t.Context(), u)
		_, _, _, version := postgres.Version(t.Context(), u)
		to := postgres.MigrateTo(t.Context(), u, 1)
		for _, err := range []error{open, migrate, version, to} {
			if !errors.Is(err, postgres.ErrURL) {
				t.Errorf("%q: %v, want ErrURL", u, err)
			}
			if s := fmt.Sprintf("%+v %#v", err, err); strings.Contains(s, secret) {
				t.Errorf("%q is in the error: %s", u, s)
			}
		}
	}
	_, _, err := postgres.Migrate(t.Context(), "postgres://u:hunter2@127.0.0.1:1/d")
	if err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("a refused connection says %v", err)
	}
}
