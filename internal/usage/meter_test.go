package usage

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/latchkey-dev/latchkey/internal/boottime"
	"github.com/latchkey-dev/latchkey/internal/permission"
	"github.com/latchkey-dev/latchkey/internal/problem"
	"github.com/latchkey-dev/latchkey/internal/testdb"
)

// noon is when the requests of these tests are made, unless they say otherwise.
var noon = time.Date(2026, 3, 15, 12, 0, 0, 0, time.UTC)

const (
	owner = "00000000000000accoun"
	keyA  = "000000000000000000ka"
	keyB  = "000000000000000000kb"
)

// world is a database with an account and two keys of it.
type world struct {
	t    testing.TB
	pool *pgxpool.Pool
	plan Plan // of keyA
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, pool: testdb.Pool(t), plan: Plan{KeyID: keyA, AccountID: owner, Account: NoLimits, Key: NoLimits}}
	w.exec(`INSERT INTO account (id, handle, name, password_hash, created_at, updated_at) VALUES ($1, 'owner', 'Owner', '-', $2, $2)`, owner, noon.AddDate(-1, 0, 0))
	for _, k := range []string{keyA, keyB} {
		w.exec(`INSERT INTO access_key (id, account_id, brand, token_id, digest, digest_version, name, created_at, updated_at)
			VALUES ($1, $2, 'lk', right($1, 16), sha256($1::text::bytea), 1, $1, $3, $3)`, k, owner, noon.AddDate(-1, 0, 0))
	}
	return w
}

func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	if _, err := w.pool.Exec(context.Background(), sql, args...); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) number(sql string, args ...any) int64 {
	w.t.Helper()
	var n int64
	if err := w.pool.QueryRow(context.Background(), sql, args...).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// limit sets the limit of queries of the account, in the database and in the plan of what is asked from here on.
func (w *world) limit(n int64) {
	w.t.Helper()
	w.exec(`UPDATE account SET limit_query = $2 WHERE id = $1`, owner, n)
	w.plan.Account.Query = n
}

// cap sets those of keyA.
func (w *world) cap(query, credits int64) {
	w.t.Helper()
	w.exec(`UPDATE access_key SET limit_query = nullif($2, -1), limit_credits = nullif($3, -1) WHERE id = $1`, keyA, query, credits)
	w.plan.Key.Query, w.plan.Key.Credits = query, credits
}

func (w *world) credit(n int64) {
	w.t.Helper()
	w.exec(`INSERT INTO credit_balance (account_id, balance) VALUES ($1, $2) ON CONFLICT (account_id) DO UPDATE SET balance = excluded.balance`, owner, n)
}

func (w *world) meter() *Meter {
	return NewMeter(MeterConfig{Pool: w.pool, Clock: boottime.Now})
}

// meters are instances on one database.
func (w *world) meters(n int) []*Meter {
	all := make([]*Meter, n)
	for i := range all {
		all[i] = w.meter()
	}
	return all
}

// spend makes a request and fails the test when it cannot be decided.
func (w *world) spend(m *Meter, a Ask) Receipt {
	w.t.Helper()
	if a.At.IsZero() {
		a.At = noon
	}
	r, err := m.Spend(context.Background(), w.plan, a)
	if err != nil {
		w.t.Error(err)
	}
	return r
}

// together makes n requests at once, over all meters, and tells how many were granted.
func (w *world) together(meters []*Meter, n int, a Ask) int64 {
	var granted atomic.Int64
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			if w.spend(meters[i%len(meters)], a).Outcome == Granted {
				granted.Add(1)
			}
		})
	}
	all.Wait()
	return granted.Load()
}

func (w *world) flush(meters ...*Meter) {
	w.t.Helper()
	for _, m := range meters {
		m.quotas.fills.Wait()
		if err := m.Flush(context.Background()); err != nil {
			w.t.Fatal(err)
		}
	}
}

func TestALimitIsReachedExactly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.limit(10)
	if n := w.together(w.meters(3), 100, Ask{}); n != 10 {
		t.Errorf("%d of a limit of 10 were granted", n)
	}
}

func TestABalanceIsNeverNegative(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.credit(100)
	if n := w.together(w.meters(3), 10, Ask{Credits: 30}); n != 3 {
		t.Errorf("%d requests that cost 30 were paid of 100", n)
	}
	if left := w.number(`SELECT balance FROM credit_balance`); left != 10 {
		t.Errorf("%d are left of 100", left)
	}
	if paid := w.number(`SELECT -sum(amount) FROM credit_entry WHERE type = 'charge' AND access_key_id = $1`, keyA); paid != 90 {
		t.Errorf("the ledger says %d of 90", paid)
	}
}

// A large limit is reached to the last unit by instances that hold blocks of it, once they have returned what they do not use.
func TestALargeLimitUnderLoad(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const limit = 100_000
	w.limit(limit)
	meters := w.meters(3)
	burst := func() int64 {
		var granted atomic.Int64
		var all sync.WaitGroup
		for i := range 24 {
			all.Go(func() {
				for w.spend(meters[i%3], Ask{}).Outcome == Granted {
					granted.Add(1)
				}
			})
		}
		all.Wait()
		return granted.Load()
	}
	n := burst()
	if n > limit || n < limit*99/100 {
		t.Errorf("%d of %d were granted before the first refusals", n, limit)
	}
	w.flush(meters...)
	if taken := w.number(`SELECT taken FROM quota`); taken != n {
		t.Errorf("%d are taken of which %d were used", taken, n)
	}
	for _, m := range meters {
		w.forget(m)
	}
	for more := burst(); more > 0; more = burst() {
		n += more
		w.flush(meters...)
		for _, m := range meters {
			w.forget(m)
		}
	}
	if n != limit {
		t.Errorf("%d of %d were granted in the end", n, limit)
	}
}

// forget lets a meter ask again for limits that it knows to be used up.
func (w *world) forget(m *Meter) {
	for i := range m.quotas.shards {
		s := &m.quotas.shards[i]
		s.mu.Lock()
		for _, b := range s.budgets {
			b.empty = 0
		}
		s.mu.Unlock()
	}
}

// It does not run beside others: what they allocate is counted, too.
func TestUnlimitedUseCostsNoMemoryAndNoDatabase(t *testing.T) {
	w := newWorld(t)
	m := NewMeter(MeterConfig{Clock: boottime.Now}) // without a pool
	if n := testing.AllocsPerRun(1000, func() { w.spend(m, Ask{Class: permission.Mutation, At: noon}) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestWithoutADatabaseNothingBoundedPasses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.limit(10)
	m := w.meter()
	w.pool.Close()
	for _, a := range []Ask{{At: noon}, {At: noon, Credits: 1}, {At: noon, Dry: true}} {
		r, err := m.Spend(t.Context(), w.plan, a)
		if !errors.Is(err, problem.New(problem.VerificationUnavailable)) || r != (Receipt{}) {
			t.Errorf("%+v: %+v, %v", a, r, err)
		}
	}
}

func BenchmarkSpend(b *testing.B) {
	w := newWorld(b)
	run := func(name string, plan Plan) {
		b.Run(name, func(b *testing.B) {
			m := w.meter()
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if r, err := m.Spend(context.Background(), plan, Ask{At: noon}); err != nil || r.Outcome != Granted {
						b.Errorf("%+v, %v", r, err)
					}
				}
			})
		})
	}
	run("unlimited", w.plan)
	plans := make([]Plan, 64)
	for i := range plans {
		plans[i] = w.plan
		plans[i].KeyID = fmt.Sprint("key", i)
	}
	b.Run("unlimited, many keys", func(b *testing.B) {
		m, n := w.meter(), 0
		b.ReportAllocs()
		for b.Loop() {
			n++
			_, _ = m.Spend(context.Background(), plans[n%len(plans)], Ask{At: noon})
		}
	})
	w.limit(1_000_000_000_000)
	run("with a quota", w.plan)
}
