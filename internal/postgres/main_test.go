package postgres_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/latchkey-dev/latchkey/internal/postgres"
	"github.com/latchkey-dev/latchkey/internal/testdb"
)

// childURL, in the environment, makes this program an instance that migrates, until SIGTERM, and does nothing else.
const childURL = "LATCHKEY_TEST_CHILD_URL"

func TestMain(m *testing.M) {
	if u := os.Getenv(childURL); u != "" {
		os.Exit(child(u))
	}
	testdb.Main(m)
}

func child(u string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if _, _, err := postgres.Migrate(ctx, u); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// startChild starts another process that migrates the database. It is killed and awaited at the end at the latest.
func startChild(t *testing.T, u string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childURL+"="+u)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd
}

// with adds settings to a URL: name, value, name, value.
func with(u string, settings ...string) string {
	parsed, err := url.Parse(u)
	if err != nil {
		panic(err)
	}
	q := parsed.Query()
	for i := 0; i < len(settings); i += 2 {
		q.Set(settings[i], settings[i+1])
	}
	parsed.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20") // pgx, like libpq, takes a plus for a plus
	return parsed.String()
}

// as puts another role into a URL.
func as(u, role, password string) string {
	parsed, err := url.Parse(u)
	if err != nil {
		panic(err)
	}
	parsed.User = url.UserPassword(role, password)
	return parsed.String()
}

func database(u string) string {
	parsed, err := url.Parse(u)
	if err != nil {
		panic(err)
	}
	return strings.TrimPrefix(parsed.Path, "/")
}

// host is the folder of the server's socket.
func host(u string) string {
	parsed, err := url.Parse(u)
	if err != nil {
		panic(err)
	}
	return parsed.Query().Get("host")
}

func connect(t *testing.T, u string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), u)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

func exec1(t *testing.T, c *pgx.Conn, sql string, args ...any) {
	t.Helper()
	if _, err := c.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func query1[T any](t *testing.T, c *pgx.Conn, sql string, args ...any) T {
	t.Helper()
	var v T
	if err := c.QueryRow(t.Context(), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// eventually asks until the answer is yes, and fails the test after a minute.
func eventually(t *testing.T, what string, yes func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for !yes() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("in vain: " + what)
		}
	}
}

// waitsForLock returns the process id of the backend of the migration that is blocked by somebody else's lock.
func waitsForLock(t *testing.T, c *pgx.Conn) int {
	t.Helper()
	pid := 0
	eventually(t, "wait for a blocked migration", func() bool {
		pid = query1[int](t, c, `SELECT coalesce(max(pid), 0) FROM pg_stat_activity
			WHERE datname = current_database() AND application_name = 'latchkey migrate' AND wait_event_type = 'Lock'
			AND query !~ 'pg_advisory_lock'`)
		return pid != 0
	})
	return pid
}

func waitUntilGone(t *testing.T, c *pgx.Conn, pid int) {
	t.Helper()
	eventually(t, "wait for the end of the backend", func() bool {
		return !query1[bool](t, c, "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)", pid)
	})
}
