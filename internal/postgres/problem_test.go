package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/latchkey-dev/latchkey/internal/postgres"
	"github.com/latchkey-dev/latchkey/internal/problem"
	"github.com/latchkey-dev/latchkey/internal/testdb"
)

const none = problem.Code("")

// expect also holds what is common to all: a sender is told to wait exactly while the database is away.
func expect(t *testing.T, err error, want problem.Code) {
	t.Helper()
	p := postgres.Problem(err)
	if want == none {
		if p != nil {
			t.Errorf("Problem(%v) = %v, want nil", err, p)
		}
		return
	}
	if p == nil || p.Code != want {
		t.Fatalf("Problem(%v) = %v, want %s", err, p, want)
	}
	wait := time.Duration(0)
	if want == problem.DatabaseUnavailable {
		wait = time.Second
	}
	if p.RetryAfter != wait {
		t.Errorf("RetryAfter = %s, want %s", p.RetryAfter, wait)
	}
	if p.Detail != problem.Lookup(want).Title || p.Fields != nil {
		t.Errorf("the sender is told more than the title: %q %v", p.Detail, p.Fields)
	}
}

func TestProblem(t *testing.T) {
	t.Parallel()
	state := func(code string) error { return &pgconn.PgError{Code: code} }
	unique := func(name string) error { return &pgconn.PgError{Code: "23505", ConstraintName: name} }
	for _, tc := range []struct {
		name string
		err  error
		want problem.Code
	}{
		{"no error", nil, none},
		{"a mistake of ours", errors.New("what"), none},
		{"no rows", pgx.ErrNoRows, none},
		{"a cancelled request", fmt.Errorf("query: %w", context.Canceled), none},
		{"a taken handle", unique("account_handle_key"), problem.HandleTaken},
		{"a taken role name", fmt.Errorf("insert role: %w", unique("role_name_key")), problem.RoleNameTaken},
		{"another unique constraint", unique("session_digest_key"), none},
		{"another violation of a constraint of that name", &pgconn.PgError{Code: "23514", ConstraintName: "role_name_key"}, none},
		{"a syntax error", state("42601"), none},
		{"a failed transaction", state("25P02"), none},
		{"an internal error", state("XX000"), none},
		{"an error without a state", state(""), none},
		{"connection exception", state("08006"), problem.DatabaseUnavailable},
		{"connection refused by a pooler", state("08P01"), problem.DatabaseUnavailable},
		{"disk full", state("53100"), problem.DatabaseUnavailable},
		{"out of memory", state("53200"), problem.DatabaseUnavailable},
		{"too many connections", state("53300"), problem.DatabaseUnavailable},
		{"read-only", state("25006"), problem.DatabaseUnavailable},
		{"idle for too long", state("25P03"), problem.DatabaseUnavailable},
		{"shutdown", state("57P01"), problem.DatabaseUnavailable},
		{"crash", state("57P02"), problem.DatabaseUnavailable},
		{"starting", state("57P03"), problem.DatabaseUnavailable},
		{"statement time-out", state("57014"), problem.DatabaseUnavailable},
		{"lock time-out", state("55P03"), problem.DatabaseUnavailable},
		{"serialization failure", state("40001"), problem.DatabaseUnavailable},
		{"deadlock", state("40P01"), problem.DatabaseUnavailable},
		{"input/output error", state("58030"), problem.DatabaseUnavailable},
		{"out of time", fmt.Errorf("query: %w", context.DeadlineExceeded), problem.DatabaseUnavailable},
		{"refused", &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, problem.DatabaseUnavailable},
		{"reset", os.NewSyscallError("read", syscall.ECONNRESET), problem.DatabaseUnavailable},
		{"broken pipe", os.NewSyscallError("write", syscall.EPIPE), problem.DatabaseUnavailable},
		{"end of file", fmt.Errorf("receive: %w", io.ErrUnexpectedEOF), problem.DatabaseUnavailable},
		{"closed by us", net.ErrClosed, problem.DatabaseUnavailable},
		{"unknown host", &net.DNSError{Err: "no such host"}, problem.DatabaseUnavailable},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			expect(t, tc.err, tc.want)
		})
	}
}

func pool(t *testing.T, u string, conns int32) *pgxpool.Pool {
	t.Helper()
	p, err := postgres.Open(u, postgres.PoolOptions{MaxConns: conns, Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// role makes a role that may do nothing, and returns the URL with it.
func role(t *testing.T, u, options string) string {
	t.Helper()
	c := connect(t, u)
	name := "role_" + database(u)
	exec1(t, c, "CREATE ROLE "+name+" LOGIN PASSWORD 'p' "+options)
	t.Cleanup(func() {
		if _, err := c.Exec(context.Background(), "DROP OWNED BY "+name+"; DROP ROLE "+name); err != nil {
			t.Error(err)
		}
	})
	return as(u, name, "p")
}

func TestProblemOfUniqueViolations(t *testing.T) {
	t.Parallel()
	p := testdb.Pool(t)
	for _, tc := range []struct {
		insert string
		want   problem.Code
	}{
		{`INSERT INTO account (id, handle, name, password_hash, created_at, updated_at)
			VALUES ('0000000000000000000' || $1, 'ada', 'Ada', '', now(), now())`, problem.HandleTaken},
		{`INSERT INTO role (id, name, colour, permissions, created_at, updated_at)
			VALUES ('0000000000000000000' || $1, 'Editor', '', '{}', now(), now())`, problem.RoleNameTaken},
	} {
		if _, err := p.Exec(t.Context(), tc.insert, "1"); err != nil {
			t.Fatal(err)
		}
		_, err := p.Exec(t.Context(), tc.insert, "2")
		expect(t, err, tc.want)
	}
}

func TestProblemOfARealServer(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		fault func(t *testing.T, u string) error
	}{
		{"too many connections of a role", func(t *testing.T, u string) error {
			u = role(t, u, "CONNECTION LIMIT 1")
			connect(t, u)
			_, err := pool(t, u, 1).Exec(t.Context(), "SELECT")
			return sqlState(t, err, "53300")
		}},
		{"read-only", func(t *testing.T, u string) error {
			_, err := pool(t, with(u, "default_transaction_read_only", "on"), 1).Exec(t.Context(), "DELETE FROM account")
			return sqlState(t, err, "25006")
		}},
		{"slow statement", func(t *testing.T, u string) error {
			_, err := pool(t, with(u, "statement_timeout", "20ms"), 1).Exec(t.Context(), "SELECT pg_sleep(60)")
			return sqlState(t, err, "57014")
		}},
		{"locked row", func(t *testing.T, u string) error {
			exec1(t, connect(t, u), "BEGIN; LOCK TABLE account")
			_, err := pool(t, with(u, "lock_timeout", "20ms"), 1).Exec(t.Context(), "DELETE FROM account")
			return sqlState(t, err, "55P03")
		}},
		{"terminated while it works", func(t *testing.T, u string) error {
			_, err := pool(t, u, 1).Exec(t.Context(), "SELECT pg_terminate_backend(pg_backend_pid())")
			return sqlState(t, err, "57P01")
		}},
		{"terminated while it is idle", func(t *testing.T, u string) error {
			c := acquire(t, pool(t, u, 1))
			exec1(t, connect(t, u), "SELECT pg_terminate_backend($1, 10000)", c.Conn().PgConn().PID())
			_, err := c.Exec(t.Context(), "SELECT")
			return err
		}},
		{"used after it broke", func(t *testing.T, u string) error {
			c := acquire(t, pool(t, u, 1))
			_, _ = c.Exec(t.Context(), "SELECT pg_terminate_backend(pg_backend_pid())")
			_, err := c.Exec(t.Context(), "SELECT")
			return err
		}},
		{"commit after it broke", func(t *testing.T, u string) error {
			return pgx.BeginFunc(t.Context(), pool(t, u, 1), func(tx pgx.Tx) error {
				_, _ = tx.Exec(t.Context(), "SELECT pg_terminate_backend(pg_backend_pid())")
				return nil
			})
		}},
		{"idle in a transaction", func(t *testing.T, u string) error {
			return pgx.BeginFunc(t.Context(), pool(t, with(u, "idle_in_transaction_session_timeout", "20ms"), 1), func(tx pgx.Tx) error {
				waitUntilGone(t, connect(t, u), int(tx.Conn().PgConn().PID()))
				_, err := tx.Exec(t.Context(), "SELECT")
				return err
			})
		}},
		{"no connection left in the pool", func(t *testing.T, u string) error {
			p := pool(t, u, 1)
			acquire(t, p)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			_, err := p.Exec(ctx, "SELECT")
			return err
		}},
		{"out of time", func(t *testing.T, u string) error {
			p := pool(t, u, 1)
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			_, err := p.Exec(ctx, "SELECT pg_sleep(60)")
			return err
		}},
		{"closed pool", func(t *testing.T, u string) error {
			p := pool(t, u, 1)
			p.Close()
			_, err := p.Exec(t.Context(), "SELECT")
			return err
		}},
		{"wrong password", func(t *testing.T, u string) error {
			_, err := pool(t, as(u, "nobody_here", "p"), 1).Exec(t.Context(), "SELECT")
			return sqlState(t, err, "28P01")
		}},
		{"dropped database", func(t *testing.T, u string) error {
			u = strings.Replace(u, database(u), "gone", 1)
			_, err := pool(t, u, 1).Exec(t.Context(), "SELECT")
			return sqlState(t, err, "3D000")
		}},
		{"nobody there", func(t *testing.T, _ string) error {
			_, err := pool(t, "postgres://u:p@127.0.0.1:1/d", 1).Exec(t.Context(), "SELECT")
			return err
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			err := tc.fault(t, testdb.New(t))
			if err == nil {
				t.Fatal("the fault did not happen")
			}
			expect(t, err, problem.DatabaseUnavailable)
		})
	}
}

func TestProblemOfACancelledRequest(t *testing.T) {
	t.Parallel()
	p := testdb.Pool(t)
	ctx, cancel := context.WithCancel(t.Context())
	c := acquire(t, p)
	go func() {
		defer cancel()
		for running := false; !running; {
			err := p.QueryRow(ctx, "SELECT state = 'active' FROM pg_stat_activity WHERE pid = $1", c.Conn().PgConn().PID()).Scan(&running)
			if err != nil {
				return
			}
		}
	}()
	_, err := c.Exec(ctx, "SELECT pg_sleep(60)")
	if err == nil {
		t.Fatal("the query was not cancelled")
	}
	expect(t, err, none)
}

func TestProblemOfARequestThatIsCancelledWhileItConnects(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := pgx.Connect(ctx, deaf(t))
	if _, ok := errors.AsType[*pgconn.ConnectError](err); !ok {
		t.Fatalf("%v, want an error of the connection", err)
	}
	expect(t, err, none)
}

func acquire(t *testing.T, p *pgxpool.Pool) *pgxpool.Conn {
	t.Helper()
	c, err := p.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Release)
	return c
}

// sqlState sees to it that a test has met the fault that it is about.
func sqlState(t *testing.T, err error, want string) error {
	t.Helper()
	pg, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || pg.Code != want {
		t.Fatalf("%v, want SQLSTATE %s", err, want)
	}
	return err
}
