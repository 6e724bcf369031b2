package account

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/latchkey-dev/latchkey/internal/auth"
	"github.com/latchkey-dev/latchkey/internal/boottime"
	"github.com/latchkey-dev/latchkey/internal/changefeed"
	"github.com/latchkey-dev/latchkey/internal/problem"
	"github.com/latchkey-dev/latchkey/internal/testdb"
)

func TestMain(m *testing.M) { testdb.Main(m) }

const password = "correct horse battery staple"

var cheap = Cost{MemoryKiB: 64, Passes: 1, Lanes: 1}

// bench is a store on a database of its own, with a clock that stands until the test moves it.
type bench struct {
	*Store
	t     *testing.T
	pool  *pgxpool.Pool
	clock *clock
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newBench(t *testing.T, change ...func(*Config)) *bench {
	t.Helper()
	b := &bench{t: t, pool: testdb.Pool(t), clock: &clock{now: time.Date(2026, 11, 22, 3, 4, 5, 0, time.UTC)}}
	c := Config{Pool: b.pool, Feed: changefeed.NewFeed(changefeed.FeedConfig{Pool: b.pool, Clock: boottime.Now, Now: time.Now, Rand: rand.Reader}),
		Now: b.clock.Now, Rand: rand.Reader, Hasher: NewHasher(cheap, rand.Reader),
		PasswordMin: 12, SessionIdle: time.Hour, SessionLife: 24 * time.Hour, SessionsMost: 20, SignupOpen: true}
	for _, f := range change {
		f(&c)
	}
	b.Store = NewStore(c)
	return b
}

// again is a second store on the same database, as another instance has it.
func (b *bench) again(change func(*Config)) *Store {
	c := b.cfg
	change(&c)
	return NewStore(c)
}

var someone = auth.Anonymous("192.0.2.1", "test")

// signUp adds an account and gives it as a caller.
func (b *bench) signUp(handle string) auth.Caller {
	b.t.Helper()
	session, _, err := b.SignUp(b.t.Context(), someone, NewAccount{Handle: handle, Password: password})
	if err != nil {
		b.t.Fatal(err)
	}
	caller := someone.As(session.AccountID, handle)
	caller.Credential, caller.CredentialID = auth.Session, session.ID
	return caller
}

func (b *bench) exec(sql string, args ...any) {
	b.t.Helper()
	if _, err := b.pool.Exec(b.t.Context(), sql, args...); err != nil {
		b.t.Fatalf("%s: %v", sql, err)
	}
}

func scalar[T any](b *bench, sql string, args ...any) T {
	b.t.Helper()
	var v T
	if err := b.pool.QueryRow(context.Background(), sql, args...).Scan(&v); err != nil {
		b.t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// hog takes every place that a hasher has, so that whoever would hash is told that it is overloaded.
func hog(h *Hasher) {
	for range cap(h.queue) {
		h.queue <- struct{}{}
	}
}

func (h *Hasher) release() {
	for range cap(h.queue) {
		<-h.queue
	}
}

func is(err error, code problem.Code) bool { return errors.Is(err, problem.New(code)) }
