// Package testdb gives each test a real PostgreSQL database of its own, cloned from a migrated template.
//
// It stands apart because it turns durability off: only tests may import it.
//
// What always holds: there is one server for each test binary, started by the first test that asks for a database, and
// nothing of it is left when the binary ends. No test sees another one's data.
package testdb

import (
	"context"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/latchkey-dev/latchkey/internal/postgres"
)

// patience bounds each step that a test waits for, on a machine that has much else to do.
const patience = time.Minute

var (
	inMain  atomic.Bool
	started atomic.Pointer[Server]
	server  = sync.OnceValues(func() (*Server, error) {
		s, err := Start()
		started.Store(s)
		return s, err
	})
)

// Main runs the tests, stops the server if one was started, and ends the process with the tests' exit code. Call it
// from TestMain of each package that uses New, Empty or Pool.
func Main(m *testing.M) {
	inMain.Store(true)
	code := m.Run()
	if s := started.Load(); s != nil {
		if err := s.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "testdb:", err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}

// New returns the URL of a fresh database with the newest schema. It is dropped when the test ends, whoever is
// connected.
func New(t testing.TB) string {
	t.Helper()
	return fresh(t, (*Server).Migrated)
}

// Empty returns the URL of a fresh database without a schema, dropped like that of New.
func Empty(t testing.TB) string {
	t.Helper()
	return fresh(t, (*Server).Empty)
}

// Pool returns a pool on New, closed when the test ends.
func Pool(t testing.TB) *pgxpool.Pool {
	t.Helper()
	pool, err := postgres.Open(New(t), postgres.PoolOptions{MaxConns: 8, Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func fresh(t testing.TB, create func(*Server, context.Context) (string, error)) string {
	t.Helper()
	if !inMain.Load() {
		t.Fatal("testdb: call testdb.Main from TestMain, or the server would be left behind")
	}
	s, err := server()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	url, err := create(s, ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience) // t.Context has ended by now
		defer cancel()
		if err := s.Drop(ctx, url); err != nil {
			t.Error(err)
		}
	})
	return url
}
