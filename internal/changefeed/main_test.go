package changefeed

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/latchkey-dev/latchkey/internal/boottime"
	"github.com/latchkey-dev/latchkey/internal/postgres"
	"github.com/latchkey-dev/latchkey/internal/testdb"
)

func TestMain(m *testing.M) { testdb.Main(m) }

const (
	someTime = 30 * time.Second // for what takes milliseconds on a machine that has nothing else to do
	aKey     = "AAAAAAAAAAAAAAAA"
)

// bed is a database with a feed.
type bed struct {
	*Feed
	t    testing.TB
	url  string
	pool *pgxpool.Pool
}

func newBed(tb testing.TB) *bed {
	tb.Helper()
	b := bedOn(tb, testdb.New(tb))
	b.lease(20*time.Second, 20*time.Second) // for machines that have much else to do
	return b
}

func bedOn(tb testing.TB, url string) *bed {
	tb.Helper()
	pool, err := postgres.Open(url, postgres.PoolOptions{MaxConns: 8, Name: "test"})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(pool.Close)
	return &bed{Feed: NewFeed(FeedConfig{Pool: pool, Clock: boottime.Now, Now: time.Now, Rand: rand.Reader}), t: tb, url: url, pool: pool}
}

func (b *bed) exec(sql string, args ...any) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), someTime)
	defer cancel()
	if _, err := b.pool.Exec(ctx, sql, args...); err != nil {
		b.t.Fatalf("%s: %v", sql, err)
	}
}

// one reads one value.
func one[T any](b *bed, sql string, args ...any) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), someTime)
	defer cancel()
	var v T
	if err := b.pool.QueryRow(ctx, sql, args...).Scan(&v); err != nil {
		b.t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// lease sets what every node's lease and every withdrawal's wait is.
func (b *bed) lease(lease, wait time.Duration) {
	b.t.Helper()
	b.exec("UPDATE cluster SET lease_ms = $1, wait_ms = $2", lease.Milliseconds(), wait.Milliseconds())
}

// laggard adds a node that has applied nothing and says nothing.
func (b *bed) laggard(id string) {
	b.t.Helper()
	b.exec("INSERT INTO cache_node VALUES ($1, 0, 1)", id)
}

func (b *bed) withdraw(ids ...string) (Revision, error) {
	return b.Run(context.Background(), func(_ pgx.Tx, c *Changes) error {
		c.Withdraw(Key, ids...)
		return nil
	})
}

func (b *bed) announce(ids ...string) Revision {
	b.t.Helper()
	r, err := b.Run(context.Background(), func(_ pgx.Tx, c *Changes) error {
		c.Announce(Key, ids...)
		return nil
	})
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// forgetful is a Memory that notes what it was told to forget.
type forgetful struct {
	mu      sync.Mutex
	dropped []Change
	flushes int
	during  func(Change) // called by Drop; may be nil
}

func (f *forgetful) Flush() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.flushes++
	f.dropped = nil
}

func (f *forgetful) Drop(c Change) bool {
	if f.during != nil {
		f.during(c)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dropped = append(f.dropped, c)
	return c.Kind != "new"
}

func (f *forgetful) forgot() ([]Change, int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]Change(nil), f.dropped...), f.flushes
}

// sleeper is a node that syncs when it is told to.
type sleeper struct {
	*Node
	t      testing.TB
	memory *forgetful
	db     Primary
}

func newSleeper(tb testing.TB, dial func(context.Context) (Primary, error)) *sleeper {
	tb.Helper()
	s := &sleeper{t: tb, memory: &forgetful{}}
	var err error
	s.Node, err = NewNode(NodeConfig{Dial: dial, Memory: s.memory, Clock: boottime.Now, Rand: rand.Reader, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.hangUp)
	return s
}

func (b *bed) node() *sleeper {
	b.t.Helper()
	s := newSleeper(b.t, Dial(b.url))
	s.sync()
	return s
}

func (s *sleeper) hangUp() {
	if s.db != nil {
		s.db.Close()
		s.db = nil
	}
}

// try syncs once, on a new connection if the last sync failed.
func (s *sleeper) try() error {
	ctx, cancel := context.WithTimeout(context.Background(), someTime)
	defer cancel()
	if s.db == nil {
		db, err := s.cfg.Dial(ctx)
		if err != nil {
			return err
		}
		s.db = db
	}
	err := s.step(ctx, s.db)
	if err != nil {
		s.hangUp()
	}
	return err
}

// sync syncs, and registers anew if it must.
func (s *sleeper) sync() {
	s.t.Helper()
	var err error
	for range 10 {
		if err = s.try(); err == nil {
			return
		}
	}
	s.t.Fatal(err)
}

func (s *sleeper) expectAnew(why string) {
	s.t.Helper()
	before := s.Lease()
	_, flushes := s.memory.forgot()
	if err := s.try(); !errors.Is(err, errAnew) || s.Lease() != before {
		s.t.Errorf("%s: %v", why, err)
	}
	s.sync()
	if _, n := s.memory.forgot(); n != flushes+1 {
		s.t.Errorf("%s: %d flushes", why, n-flushes)
	}
	if l := s.Lease(); l == before || !l.Fresh(boottime.Now()) {
		s.t.Errorf("%s: no lease after registering anew", why)
	}
}
