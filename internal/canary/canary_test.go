package canary

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/latchkey-dev/latchkey/internal/boottime"
	"github.com/latchkey-dev/latchkey/internal/changefeed"
	"github.com/latchkey-dev/latchkey/internal/postgres"
	"github.com/latchkey-dev/latchkey/internal/problem"
	"github.com/latchkey-dev/latchkey/internal/testdb"
	"github.com/latchkey-dev/latchkey/internal/token"
	"github.com/latchkey-dev/latchkey/internal/verify"
)

func TestMain(m *testing.M) { testdb.Main(m) }

// bench is a canary in an instance of its own, whose node can be stopped and whose clock of leases can be halted.
type bench struct {
	*Canary
	t      *testing.T
	pool   *pgxpool.Pool
	log    strings.Builder
	halted atomic.Int64 // when the clock stands; 0: it goes
	stop   func()
}

func (b *bench) clock() time.Duration {
	if at := b.halted.Load(); at != 0 {
		return time.Duration(at)
	}
	return boottime.Now()
}

func newBench(t *testing.T) *bench {
	t.Helper()
	url := testdb.New(t)
	pool, err := postgres.Open(url, postgres.PoolOptions{MaxConns: 4, Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	digester, err := token.NewDigester(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, pool: pool}
	memory := verify.NewMemory(1000)
	node, err := changefeed.NewNode(changefeed.NodeConfig{Dial: changefeed.Dial(url), Memory: memory, Clock: b.clock, Rand: rand.Reader, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { node.Run(ctx) })
	b.stop = func() { cancel(); running.Wait() }
	t.Cleanup(b.stop)
	b.Canary = New(Config{Pool: pool, Now: time.Now, Rand: rand.Reader, Digester: digester, Brand: "lk", Metrics: prometheus.NewRegistry(),
		Log:      slog.New(slog.NewTextHandler(&b.log, nil)),
		Feed:     changefeed.NewFeed(changefeed.FeedConfig{Pool: pool, Clock: boottime.Now, Now: time.Now, Rand: rand.Reader}),
		Verifier: verify.New(verify.Config{Pool: pool, Memory: memory, Node: node, Clock: b.clock, Digester: digester, SessionIdle: time.Hour})})
	return b
}

func (b *bench) wantCounts(rounds, violations float64) {
	b.t.Helper()
	if r, v := testutil.ToFloat64(b.rounds), testutil.ToFloat64(b.violations); r != rounds || v != violations {
		b.t.Errorf("%v rounds, %v violations; want %v and %v", r, v, rounds, violations)
	}
}

func TestARoundLeavesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for range 3 {
		if n, err := b.Round(t.Context()); n != 0 || err != nil {
			t.Fatal(n, err)
		}
	}
	b.wantCounts(3, 0)
	var keys int
	if err := b.pool.QueryRow(t.Context(), "SELECT count(*) FROM access_key").Scan(&keys); err != nil || keys != 0 {
		t.Errorf("%d keys are left, %v", keys, err)
	}
}

// A node whose memory is not told, and whose clock stands so that its lease never ends, breaks the promise. It must be seen.
func TestABrokenPromiseIsSeen(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if _, err := b.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.halted.Store(int64(boottime.Now()))
	b.stop()
	if _, err := b.pool.Exec(t.Context(), "DELETE FROM cache_node"); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Round(t.Context()); !errors.Is(err, errViolation) {
		t.Errorf("%v", err)
	}
	b.wantCounts(1, 1)
	if !strings.Contains(b.log.String(), "level=ERROR") || strings.Contains(b.log.String(), "lkpat_") {
		t.Errorf("the log says %s", b.log.String())
	}
}

// That no answer can be given is a round that was not done, and no violation.
func TestALapsedLeaseIsNoViolation(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.stop()
	if _, err := b.Round(t.Context()); !errors.Is(err, problem.New(problem.VerificationUnavailable)) {
		t.Errorf("%v", err)
	}
	b.wantCounts(0, 0)
}
