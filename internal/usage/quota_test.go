package usage

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/latchkey-dev/latchkey/internal/permission"
)

// many makes n requests one after the other, and tells how many were granted.
func (w *world) many(m *Meter, n int, a Ask) int64 { return w.together([]*Meter{m}, n, a) }

// outcome makes a request and says how it was answered and by which limit.
func (w *world) outcome(m *Meter, a Ask) string {
	w.t.Helper()
	r := w.spend(m, a)
	say := [...]string{"granted", "over quota", "over credits"}[r.Outcome]
	if q := r.Quota; q != nil {
		say += fmt.Sprintf(", %s %s %d of %d, %d left", q.Scope, q.Class, q.Used, q.Limit, q.Remaining)
	}
	if c := r.Credits; c != nil {
		say += fmt.Sprintf(", costs %d, balance %d", c.Required, c.Balance)
	}
	return say
}

func TestReceipts(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		say    string
		set    func(w *world)
		before int // requests of the same kind
		ask    Ask
		want   string
	}{
		{say: "nothing bounds it", want: "granted"},
		{say: "the first of ten", set: func(w *world) { w.limit(10) }, want: "granted, account query 1 of 10, 9 left"},
		{say: "the last of ten", set: func(w *world) { w.limit(10) }, before: 9, want: "granted, account query 10 of 10, 0 left"},
		{say: "one more than ten", set: func(w *world) { w.limit(10) }, before: 10, want: "over quota, account query 10 of 10, 0 left"},
		{say: "none at all", set: func(w *world) { w.limit(0) }, want: "over quota, account query 0 of 0, 0 left"},
		{say: "another class", set: func(w *world) { w.limit(0) }, ask: Ask{Class: permission.Mutation}, want: "granted"},
		{say: "a limit of the key", set: func(w *world) { w.cap(2, -1) }, before: 1, want: "granted, key query 2 of 2, 0 left"},
		{say: "over a limit of the key", set: func(w *world) { w.cap(2, -1) }, before: 2, want: "over quota, key query 2 of 2, 0 left"},
		{say: "the nearest is the key's", set: func(w *world) { w.limit(10); w.cap(2, -1) }, want: "granted, key query 1 of 2, 1 left"},
		{say: "the nearest is the account's", set: func(w *world) { w.limit(2); w.cap(10, -1) }, want: "granted, account query 1 of 2, 1 left"},
		{say: "credits", set: func(w *world) { w.credit(100) }, ask: Ask{Credits: 30}, want: "granted, costs 30, balance 70"},
		{say: "all the credits", set: func(w *world) { w.credit(30) }, ask: Ask{Credits: 30}, want: "granted, costs 30, balance 0"},
		{say: "too few credits", set: func(w *world) { w.credit(100) }, before: 3, ask: Ask{Credits: 30}, want: "over credits, costs 30, balance 10"},
		{say: "no credits ever", ask: Ask{Credits: 30}, want: "over credits, costs 30, balance 0"},
		{say: "the cap of the key", set: func(w *world) { w.credit(100); w.cap(-1, 60) }, before: 1, ask: Ask{Credits: 30}, want: "granted, costs 30, balance 40"},
		{say: "over the cap of the key", set: func(w *world) { w.credit(100); w.cap(-1, 70) }, before: 2, ask: Ask{Credits: 30}, want: "over credits, costs 30, balance 10"},
		{say: "no credits for the key", set: func(w *world) { w.credit(100); w.cap(-1, 0) }, ask: Ask{Credits: 30}, want: "over credits, costs 30, balance 0"},
		{say: "quota and credits", set: func(w *world) { w.limit(10); w.credit(100) }, ask: Ask{Credits: 30}, want: "granted, account query 1 of 10, 9 left, costs 30, balance 70"},
		{say: "the quota comes first", set: func(w *world) { w.limit(0) }, ask: Ask{Credits: 30}, want: "over quota, account query 0 of 0, 0 left"},
		{say: "dry", set: func(w *world) { w.limit(10); w.credit(30) }, ask: Ask{Credits: 30, Dry: true}, before: 3, want: "granted, account query 0 of 10, 10 left, costs 30, balance 30"},
		{say: "dry, over quota", set: func(w *world) { w.limit(0) }, ask: Ask{Dry: true}, want: "over quota, account query 0 of 0, 0 left"},
		{say: "dry, over credits", set: func(w *world) { w.credit(10); w.cap(-1, 5) }, ask: Ask{Credits: 10, Dry: true}, want: "over credits, costs 10, balance 5"},
	} {
		t.Run(tc.say, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if tc.set != nil {
				tc.set(w)
			}
			m := w.meter()
			for range tc.before {
				w.spend(m, tc.ask)
			}
			if got := w.outcome(m, tc.ask); got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
}

func TestARefusalConsumesNothing(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		say string
		set func(w *world)
		ask Ask
	}{
		{say: "by the limit of the key", set: func(w *world) { w.limit(10); w.cap(0, -1) }},
		{say: "by the balance", set: func(w *world) { w.limit(10); w.cap(10, -1) }, ask: Ask{Credits: 30}},
		{say: "by the cap of the key", set: func(w *world) { w.limit(10); w.cap(10, 20); w.credit(100) }, ask: Ask{Credits: 30}},
	} {
		w := newWorld(t)
		tc.set(w)
		m := w.meter()
		if n := w.many(m, 50, tc.ask); n != 0 {
			t.Errorf("%s: %d were granted", tc.say, n)
		}
		w.flush(m)
		if n := w.number(`SELECT coalesce(sum(taken), 0) FROM quota`); n != 0 {
			t.Errorf("%s: %d units are taken", tc.say, n)
		}
		if n := w.number(`SELECT count(*) FROM credit_entry`); n != 0 {
			t.Errorf("%s: %d charges", tc.say, n)
		}
		w.cap(-1, -1)
		w.credit(10_000)
		if n := w.many(m, 50, tc.ask); n != 10 {
			t.Errorf("%s: %d of 10 were granted afterwards", tc.say, n)
		}
	}
}

// ASVS 2.3.2: whatever becomes of instances, no more is granted than the limit has. Each of these dies with what it holds.
func TestInstancesThatDieNeverLeadToMore(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const limit = 10_000
	w.limit(limit)
	var granted int64
	for range 200 {
		got := w.many(w.meter(), 100, Ask{})
		granted += got
		if got == 0 {
			break
		}
	}
	if granted > limit || granted < limit*9/10 {
		t.Errorf("%d of %d were granted by instances that died", granted, limit)
	}
}

func TestLimitsThatChangeCountFromTheNextRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	meters := w.meters(2)
	for _, step := range []struct {
		say   string
		limit int64
		want  int64
	}{
		{"at first", 10, 10},
		{"raised", 25, 15},
		{"the same", 25, 0},
		{"lowered below what was used", 5, 0},
		{"raised again", 26, 1},
		{"raised by a lot", 1000, 30},
		{"lowered while blocks are held", 60, 4},
		{"to nothing", 0, 0},
	} {
		w.limit(step.limit)
		if step.limit == 60 {
			w.flush(meters...) // what is held of the old limit counts as used until it is returned, within a second
		}
		if n := w.together(meters, 30, Ask{}); n != step.want {
			t.Errorf("%s: %d were granted, want %d", step.say, n, step.want)
		}
	}
}

// A plan that is out of date does not open more than the database allows.
func TestTheLimitOfTheDatabaseCounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.limit(5)
	w.plan.Account.Query = 1000
	if n := w.together(w.meters(2), 30, Ask{}); n != 5 {
		t.Errorf("%d of 5 were granted to whoever thinks that there are 1000", n)
	}
	w.exec(`UPDATE account SET limit_query = NULL`)
	w.plan.Account.Query = 7
	m := w.meter()
	if n := w.many(m, 3, Ask{}); n != 3 {
		t.Errorf("%d of 3 were granted where the limit was removed", n)
	}
	w.flush(m)
	if n := w.number(`SELECT taken FROM quota`); n != 8 {
		t.Errorf("%d are taken, want 8", n)
	}
}

func TestWindows(t *testing.T) {
	t.Parallel()
	at := func(s string) time.Time {
		moment, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return moment
	}
	never := time.Time{}
	for _, tc := range []struct {
		window     Window
		at         string
		start, end time.Time
	}{
		{Month, "2026-03-15T12:00:00Z", at("2026-03-01T00:00:00Z"), at("2026-04-01T00:00:00Z")},
		{Month, "2026-12-31T23:59:59Z", at("2026-12-01T00:00:00Z"), at("2027-01-01T00:00:00Z")},
		{Month, "2026-03-01T00:30:00+01:00", at("2026-02-01T00:00:00Z"), at("2026-03-01T00:00:00Z")},
		{Day, "2028-02-29T00:00:00Z", at("2028-02-29T00:00:00Z"), at("2028-03-01T00:00:00Z")},
		{Day, "2026-03-15T23:30:00-01:00", at("2026-03-16T00:00:00Z"), at("2026-03-17T00:00:00Z")},
		{Life, "2026-03-15T12:00:00Z", never, never},
	} {
		end := tc.window.End(at(tc.at))
		if start := tc.window.Start(at(tc.at)); !start.Equal(tc.start) || (end == nil) != tc.end.IsZero() || end != nil && !end.Equal(tc.end) {
			t.Errorf("%s at %s: %s to %v", tc.window, tc.at, start, end)
		}
		if w, ok := ParseWindow(tc.window.String()); !ok || w != tc.window {
			t.Errorf("%s is read as %s", tc.window, w)
		}
	}
	if _, ok := ParseWindow("year"); ok {
		t.Error("a year is no window")
	}
}

func TestANewWindowStartsANewCount(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		window Window
		later  time.Time
		want   int64
	}{
		{Month, noon.AddDate(0, 0, 10), 0},
		{Month, noon.AddDate(0, 1, 0), 3},
		{Day, noon.Add(11 * time.Hour), 0},
		{Day, noon.Add(12 * time.Hour), 3},
		{Life, noon.AddDate(50, 0, 0), 0},
	} {
		w := newWorld(t)
		w.limit(3)
		w.plan.Window = tc.window
		m := w.meter()
		if n := w.many(m, 5, Ask{}); n != 3 {
			t.Errorf("%s: %d of 3 were granted", tc.window, n)
		}
		if n := w.many(m, 5, Ask{At: tc.later}); n != tc.want {
			t.Errorf("%s: %d were granted at %s, want %d", tc.window, n, tc.later, tc.want)
		}
	}
}

// Whoever stops waiting takes no unit with them.
func TestWhoeverLeavesLeavesTheirUnit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.limit(10)
	m := w.meter()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range 20 {
		if _, err := m.Spend(gone, w.plan, Ask{At: noon}); err == nil {
			continue // it was there before they left
		} else if !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		m.quotas.fills.Wait()
	}
	w.flush(m)
	used := w.number(`SELECT coalesce(sum(query), 0) FROM usage_total`)
	if n := used + w.many(m, 20, Ask{}); n != 10 {
		t.Errorf("%d of 10 were granted", n)
	}
}

// A database that stops answering in the middle of a reservation may have made it: those units are nobody's.
func TestWhatMayHaveBeenTakenIsNotTakenAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.limit(10)
	m := w.meter()
	if n := w.many(m, 4, Ask{}); n != 4 {
		t.Fatalf("%d of 4 were granted", n)
	}
	// somebody holds the row for longer than a statement may wait
	tx, err := w.pool.BeginTx(t.Context(), pgx.TxOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `SELECT 1 FROM quota FOR UPDATE`); err != nil {
		t.Fatal(err)
	}
	if _, err := m.Spend(t.Context(), w.plan, Ask{At: noon}); err == nil {
		t.Error("granted without an answer")
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := w.together([]*Meter{m, w.meter()}, 20, Ask{}); n > 6 {
		t.Errorf("%d more than 4 of 10 were granted", n)
	}
}

// What is held is given back, and never twice.
func TestUnusedUnitsGoBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.limit(10_000)
	meters := w.meters(3)
	w.together(meters, 30, Ask{})
	w.flush(meters...)
	w.flush(meters...)
	if n := w.number(`SELECT taken FROM quota`); n != 30 {
		t.Errorf("%d are taken, 30 were used", n)
	}
	w.pool.Reset()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	w.together(meters, 30, Ask{})
	for _, m := range meters {
		m.quotas.fills.Wait()
		if err := m.Flush(gone); err == nil {
			t.Error("returned without a database")
		}
	}
	w.flush(meters...)
	if n := w.number(`SELECT taken FROM quota`); n != 60 {
		t.Errorf("%d are taken, 60 were used", n)
	}
}

func TestLimitsThatNobodyAsksForAreForgotten(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.limit(10)
	m := w.meter()
	w.spend(m, Ask{})
	for range 3 {
		w.flush(m)
	}
	for i := range m.quotas.shards {
		if n := len(m.quotas.shards[i].budgets) + len(m.counts.shards[i].tallies); n != 0 {
			t.Errorf("%d are remembered", n)
		}
	}
}

// A history of random acts on several instances: requests, crashes, flushes, and limits that rise and fall. At no time is more
// granted than the highest limit of the window allowed, nor is more paid than was given.
func TestNoHistoryExceedsALimit(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			newHistory(t, seed).run()
		})
	}
}

type history struct {
	*world
	chance  *rand.Rand
	meters  []*Meter
	granted int64
	most    int64 // that any limit allowed
	given   int64
	paid    int64
	crashes int
}

func newHistory(t *testing.T, seed uint64) *history {
	w := newWorld(t)
	h := &history{world: w, chance: rand.New(rand.NewPCG(seed, 1)), meters: w.meters(3)}
	h.raise(50)
	h.add(200)
	return h
}

func (h *history) raise(n int64) {
	h.limit(n)
	h.most = max(h.most, n)
}

func (h *history) add(n int64) {
	h.exec(`INSERT INTO credit_balance (account_id, balance) VALUES ($1, $2) ON CONFLICT (account_id) DO UPDATE SET balance = credit_balance.balance + excluded.balance`, owner, n)
	h.given += n
}

func (h *history) run() {
	for range 60 {
		switch act := h.chance.IntN(10); act {
		case 0:
			h.meters[h.chance.IntN(3)] = h.meter() // crash
			h.crashes++
		case 1:
			h.raise(h.most + int64(h.chance.IntN(2000)))
		case 2:
			h.limit(h.chance.Int64N(h.most + 1))
		case 3:
			h.add(int64(h.chance.IntN(300)))
		case 4:
			h.flush(h.meters[h.chance.IntN(3)])
		default:
			h.burst(1+h.chance.IntN(60), int64(h.chance.IntN(2)*7))
		}
		h.check()
	}
	h.limit(h.most)
	h.flush(h.meters...)
	for _, m := range h.meters {
		h.forget(m)
	}
	for more := int64(1); more > 0 && h.granted < h.most; {
		more = h.together(h.meters, 100, Ask{})
		h.granted += more
	}
	h.flush(h.meters...)
	h.check()
	if h.crashes == 0 && h.granted != h.most {
		h.t.Errorf("%d of %d were granted though nobody crashed", h.granted, h.most)
	}
}

func (h *history) burst(n int, cost int64) {
	var all sync.WaitGroup
	var mu sync.Mutex
	for i := range n {
		all.Go(func() {
			if h.spend(h.meters[i%3], Ask{Credits: cost}).Outcome == Granted {
				mu.Lock()
				defer mu.Unlock()
				h.granted++
				h.paid += cost
			}
		})
	}
	all.Wait()
}

func (h *history) check() {
	h.t.Helper()
	if h.granted > h.most {
		h.t.Fatalf("%d of %d were granted", h.granted, h.most)
	}
	if left := h.number(`SELECT balance FROM credit_balance`); left != h.given-h.paid || left < 0 {
		h.t.Fatalf("%d are left of %d after %d were paid", left, h.given, h.paid)
	}
	if charged := h.number(`SELECT -coalesce(sum(amount), 0) FROM credit_entry`); charged != h.paid {
		h.t.Fatalf("the ledger says %d, %d were paid", charged, h.paid)
	}
	if taken := h.number(`SELECT coalesce(sum(taken), 0) FROM quota`); taken < h.granted {
		h.t.Fatalf("%d are taken, %d were granted", taken, h.granted)
	}
}
