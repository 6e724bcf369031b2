package accesskey

import (
	"context"
	"crypto/rand"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/latchkey-dev/latchkey/internal/auth"
	"github.com/latchkey-dev/latchkey/internal/boottime"
	"github.com/latchkey-dev/latchkey/internal/changefeed"
	"github.com/latchkey-dev/latchkey/internal/testdb"
	"github.com/latchkey-dev/latchkey/internal/token"
)

func TestMain(m *testing.M) { testdb.Main(m) }

var noon = time.Date(2026, 11, 22, 12, 0, 0, 123456000, time.UTC)

// grace and ada are accounts of every test's database.
var (
	grace = auth.Caller{AccountID: "grace000000000000000", Handle: "grace", Credential: auth.Session, CredentialID: "session0000000000000", Address: "192.0.2.1"}
	ada   = auth.Caller{AccountID: "ada00000000000000000", Handle: "ada", Credential: auth.Session, CredentialID: "session0000000000001", Address: "192.0.2.2"}
)

// newStore gives a store on a database of its own, whose clock stands at noon.
func newStore(t *testing.T, change ...func(*Config)) (*Store, *pgxpool.Pool) {
	t.Helper()
	pool := testdb.Pool(t)
	for _, a := range []auth.Caller{grace, ada} {
		exec(t, pool, "INSERT INTO account VALUES ($1, $2, $2, '', $3, $3)", a.AccountID, a.Handle, noon)
	}
	digester, err := token.NewDigester(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Pool: pool, Feed: changefeed.NewFeed(changefeed.FeedConfig{Pool: pool, Clock: boottime.Now, Now: time.Now, Rand: rand.Reader}),
		Now: func() time.Time { return noon.Add(789) }, Rand: rand.Reader, Digester: digester, Brand: "lk", Most: 100}
	for _, f := range change {
		f(&c)
	}
	return NewStore(c), pool
}

func exec(t *testing.T, pool *pgxpool.Pool, sql string, args ...any) {
	t.Helper()
	if _, err := pool.Exec(context.Background(), sql, args...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func scalar[T any](t *testing.T, pool *pgxpool.Pool, sql string, args ...any) T {
	t.Helper()
	var v T
	if err := pool.QueryRow(context.Background(), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// whole compares keys with what only this package sees of them.
var whole = cmp.AllowUnexported(AccessKey{})

func randFrom(r io.Reader) func(*Config) { return func(c *Config) { c.Rand = r } }

func at(d time.Duration) *time.Time {
	t := noon.Add(d)
	return &t
}
