package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/latchkey-dev/latchkey/db"
	"github.com/latchkey-dev/latchkey/internal/postgres"
	"github.com/latchkey-dev/latchkey/internal/testdb"
)

// patient lets a migration wait for a table for longer than a test on a slow machine takes.
func patient(u string) string { return with(u, "lock_timeout", "60s") }

// cut is what happens to a process that migrates, blocked by tx, with a backend pid. tx has ended when it returns.
type cut struct {
	name      string
	settings  []string // of the process that dies
	do        func(t *testing.T, c *pgx.Conn, p *exec.Cmd, pid int, tx pgx.Tx)
	committed bool
}

var cuts = []cut{
	{
		name: "its backend is terminated",
		do: func(t *testing.T, c *pgx.Conn, p *exec.Cmd, pid int, tx pgx.Tx) {
			exec1(t, c, "SELECT pg_terminate_backend($1)", pid)
			if err := p.Wait(); err == nil {
				t.Error("the migration claims success")
			}
			release(t, tx)
		},
	},
	{
		name:     "its process is asked to stop",
		settings: []string{"client_connection_check_interval", "0"}, // so the process has to see to it
		do: func(t *testing.T, c *pgx.Conn, p *exec.Cmd, pid int, tx pgx.Tx) {
			if err := p.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			if err := p.Wait(); err == nil {
				t.Error("the migration claims success")
			}
			waitUntilGone(t, c, pid)
			release(t, tx)
		},
	},
	{
		name:     "its process is killed and the server notices",
		settings: []string{"client_connection_check_interval", "20ms"},
		do: func(t *testing.T, c *pgx.Conn, p *exec.Cmd, pid int, tx pgx.Tx) {
			kill(t, p)
			waitUntilGone(t, c, pid)
			release(t, tx)
		},
	},
	{
		name:     "its process is killed and the server commits",
		settings: []string{"client_connection_check_interval", "0"},
		do: func(t *testing.T, c *pgx.Conn, p *exec.Cmd, pid int, tx pgx.Tx) {
			kill(t, p)
			release(t, tx)
			waitUntilGone(t, c, pid)
		},
		committed: true,
	},
}

func kill(t *testing.T, p *exec.Cmd) {
	t.Helper()
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.Wait()
}

func TestMigrationThatWasCutOffHealsItself(t *testing.T) {
	t.Parallel()
	for v := 1; v <= db.Newest(); v++ {
		for _, c := range cuts {
			t.Run(fmt.Sprintf("%d/%s", v, c.name), func(t *testing.T) {
				t.Parallel()
				u := testdb.Empty(t)
				migrateTo(t, u, v-1)
				conn := connect(t, u)
				tx := hold(t, u, v)
				p := startChild(t, with(patient(u), c.settings...))
				pid := waitsForLock(t, conn)
				expectVersion(t, u, v-1, true) // nobody waits for this
				c.do(t, conn, p, pid, tx)

				left := v - 1
				if c.committed {
					left = v
				}
				expectVersion(t, u, left, true)
				migrate(t, u, left, db.Newest())
				expectSchema(t, u)
			})
		}
	}
}

func TestWayDownThatWasCutOffHealsItself(t *testing.T) {
	t.Parallel()
	for v := 1; v <= db.Newest(); v++ {
		t.Run(fmt.Sprint(v), func(t *testing.T) {
			t.Parallel()
			u := testdb.Empty(t)
			migrateTo(t, u, v)
			conn := connect(t, u)
			tx := hold(t, u, max(v, 2))
			failed := make(chan error, 1)
			go func() { failed <- postgres.MigrateTo(t.Context(), patient(u), v-1) }()
			pid := waitsForLock(t, conn)
			exec1(t, conn, "SELECT pg_terminate_backend($1)", pid)
			if err := <-failed; err == nil {
				t.Error("MigrateTo claims success")
			}
			release(t, tx)
			expectVersion(t, u, v, true)
			migrateTo(t, u, v-1)
			migrate(t, u, v-1, db.Newest())
			expectSchema(t, u)
		})
	}
}

func TestManyInstancesHealOnce(t *testing.T) {
	t.Parallel()
	u := testdb.Empty(t)
	conn := connect(t, u)
	tx := hold(t, u, 1)
	results := make(chan error)
	for range 3 {
		go func() {
			_, _, err := postgres.Migrate(t.Context(), patient(u))
			results <- err
		}()
	}
	exec1(t, conn, "SELECT pg_terminate_backend($1)", waitsForLock(t, conn))
	if err := <-results; err == nil {
		t.Error("the one that was cut off claims success")
	}
	waitsForLock(t, conn) // the next one has taken over
	release(t, tx)
	for range 2 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	expectVersion(t, u, db.Newest(), false)
	expectSchema(t, u)
}

func TestLockOfAnotherInstance(t *testing.T) {
	t.Parallel()
	u := testdb.Empty(t)
	conn := connect(t, u)
	tx := hold(t, u, 1)
	first := make(chan error, 1)
	go func() {
		_, _, err := postgres.Migrate(t.Context(), patient(u))
		first <- err
	}()
	waitsForLock(t, conn)

	hasty := with(u, "lock_timeout", "50ms")
	_, _, err := postgres.Migrate(t.Context(), hasty)
	for _, err := range []error{err, postgres.MigrateTo(t.Context(), hasty, 0)} {
		if !errors.Is(err, postgres.ErrLockHeld) || !strings.Contains(err.Error(), "another instance") {
			t.Errorf("%v, want ErrLockHeld", err)
		}
	}
	eventually(t, "wait for the end of those that gave up", func() bool {
		return query1[int](t, conn, `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND application_name = 'latchkey migrate'`) == 1
	})

	release(t, tx)
	if err := <-first; err != nil {
		t.Error(err)
	}
	migrate(t, hasty, db.Newest(), db.Newest())
}

// A migration that waits for a table makes everybody who wants that table wait behind it.
func TestMigrationDoesNotWaitLongForATable(t *testing.T) {
	t.Parallel()
	u := testdb.Empty(t)
	migrateTo(t, u, db.Newest()-1)
	tx := hold(t, u, db.Newest())
	begin := time.Now()
	_, _, err := postgres.Migrate(t.Context(), u)
	_ = sqlState(t, err, "55P03")
	if took := time.Since(begin); took < 2*time.Second || took > 12*time.Second {
		t.Errorf("gave up after %s, want 2 s", took)
	}
	if errors.Is(err, postgres.ErrLockHeld) {
		t.Error("takes the table's lock for the migration lock")
	}
	if !strings.Contains(err.Error(), fmt.Sprintf("version %d", db.Newest())) {
		t.Errorf("%q does not say which migration", err)
	}
	release(t, tx)
	migrate(t, u, db.Newest()-1, db.Newest())
}

func TestMigrationOutlastsTheStatementTimeout(t *testing.T) {
	t.Parallel()
	u := testdb.Empty(t)
	migrateTo(t, u, db.Newest()-1)
	conn := connect(t, u)
	tx := hold(t, u, db.Newest())
	done := make(chan error, 1)
	go func() {
		_, _, err := postgres.Migrate(t.Context(), with(patient(u), "statement_timeout", "50ms"))
		done <- err
	}()
	pid := waitsForLock(t, conn)
	eventually(t, "wait until the statement is older than its limit", func() bool {
		return query1[bool](t, conn, "SELECT coalesce(now() - query_start > '100ms', true) FROM pg_stat_activity WHERE pid = $1", pid)
	})
	release(t, tx)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestMigrateEndsWithItsContext(t *testing.T) {
	t.Parallel()
	u := testdb.Empty(t)
	conn := connect(t, u)
	tx := hold(t, u, 1)
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := make(chan error, 1)
	go func() {
		_, _, err := postgres.Migrate(ctx, patient(u))
		stopped <- err
	}()
	pid := waitsForLock(t, conn)
	cause := errors.New("enough")
	cancel(cause)
	if err := <-stopped; !errors.Is(err, cause) {
		t.Errorf("Migrate says %v, want %v", err, cause)
	}
	waitUntilGone(t, conn, pid) // although what it waited for is still held
	release(t, tx)
	expectVersion(t, u, 0, true)
	migrate(t, u, 0, db.Newest())
}
