package usage

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey/internal/auth"
	"github.com/latchkey-dev/latchkey/internal/boottime"
	"github.com/latchkey-dev/latchkey/internal/changefeed"
	"github.com/latchkey-dev/latchkey/internal/page"
	"github.com/latchkey-dev/latchkey/internal/permission"
	"github.com/latchkey-dev/latchkey/internal/problem"
)

var (
	mine     = auth.Caller{AccountID: owner, Handle: "owner", Credential: auth.Session}
	stranger = auth.Caller{AccountID: "00000000000000strang", Credential: auth.Session}
)

func (w *world) store() *Store { return w.storeAt(noon) }

func (w *world) storeAt(now time.Time) *Store {
	feed := changefeed.NewFeed(changefeed.FeedConfig{Pool: w.pool, Clock: boottime.Now, Now: time.Now, Rand: rand.Reader})
	return NewStore(StoreConfig{Pool: w.pool, Feed: feed, Now: func() time.Time { return now }})
}

// give adds credits as an administrator does, and fails the test when they are refused.
func (w *world) give(s *Store, in CreditInput) (int64, Entry) {
	w.t.Helper()
	balance, e, err := s.Add(context.Background(), mine, owner, in)
	if err != nil {
		w.t.Fatal(err)
	}
	return balance, e
}

func TestCreditsAdd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.store()
	for _, tc := range []struct {
		say     string
		in      CreditInput
		account string // owner unless stated
		want    problem.Code
		pointer string
		balance int64 // after it, whether it was refused or not
	}{
		{say: "a debit of nothing", in: CreditInput{Debit, 1, "a"}, want: problem.BalanceTooLow},
		{say: "a grant", in: CreditInput{Grant, 500, "a"}, balance: 500},
		{say: "again", in: CreditInput{Grant, 500, "a"}, balance: 500},
		{say: "again with another amount", in: CreditInput{Grant, 501, "a"}, want: problem.IdempotencyConflict, balance: 500},
		{say: "again as a debit", in: CreditInput{Debit, 500, "a"}, want: problem.IdempotencyConflict, balance: 500},
		{say: "again as a refund", in: CreditInput{Refund, 500, "a"}, want: problem.IdempotencyConflict, balance: 500},
		{say: "a refund", in: CreditInput{Refund, 20, "b"}, balance: 520},
		{say: "a debit", in: CreditInput{Debit, 100, "c"}, balance: 420},
		{say: "a debit of more than there is", in: CreditInput{Debit, 421, "d"}, want: problem.BalanceTooLow, balance: 420},
		{say: "what was refused used no idempotency key", in: CreditInput{Debit, 420, "d"}, balance: 0},
		{say: "an adjustment up", in: CreditInput{Adjust, 7, "e"}, balance: 7},
		{say: "an adjustment down", in: CreditInput{Adjust, -5, "f"}, balance: 2},
		{say: "an adjustment below zero", in: CreditInput{Adjust, -3, "g"}, want: problem.BalanceTooLow, balance: 2},
		{say: "zero", in: CreditInput{Adjust, 0, "g"}, want: problem.RequestInvalid, pointer: "/amount", balance: 2},
		{say: "a negative grant", in: CreditInput{Grant, -1, "g"}, want: problem.RequestInvalid, pointer: "/amount", balance: 2},
		{say: "a negative debit", in: CreditInput{Debit, -1, "g"}, want: problem.RequestInvalid, pointer: "/amount", balance: 2},
		{say: "more than fits", in: CreditInput{Grant, math.MaxInt64, "g"}, want: problem.RequestInvalid, pointer: "/amount", balance: 2},
		{say: "less than fits", in: CreditInput{Adjust, math.MinInt64, "g"}, want: problem.RequestInvalid, pointer: "/amount", balance: 2},
		{say: "more than fits in all", in: CreditInput{Grant, balanceMost, "g"}, want: problem.RequestInvalid, pointer: "/amount", balance: 2},
		{say: "nobody's account", in: CreditInput{Grant, 1, "g"}, account: "00000000000000nobody", want: problem.NotFound, balance: 2},
		{say: "as much as fits", in: CreditInput{Grant, balanceMost - 2, "h"}, balance: balanceMost},
	} {
		account := owner
		if tc.account != "" {
			account = tc.account
		}
		balance, e, err := s.Add(t.Context(), mine, account, tc.in)
		code, pointer := codeOf(err)
		if code != tc.want || pointer != tc.pointer {
			t.Errorf("%s: %v", tc.say, err)
		}
		if err == nil && (balance != tc.balance || e.Type != tc.in.Type || e.IdempotencyKey != tc.in.IdempotencyKey) {
			t.Errorf("%s: %d, %+v", tc.say, balance, e)
		}
		if now := w.number(`SELECT coalesce(sum(balance), 0) FROM credit_balance`); now != tc.balance {
			t.Errorf("%s: the balance is %d, want %d", tc.say, now, tc.balance)
		}
		if sum := w.number(`SELECT coalesce(sum(amount), 0) FROM credit_entry`); sum != tc.balance {
			t.Errorf("%s: the ledger sums to %d, want %d", tc.say, sum, tc.balance)
		}
	}
	if n, events := w.number(`SELECT count(*) FROM credit_entry`), w.number(`SELECT count(*) FROM audit_event WHERE type = 'account_credits_added'`); n != events {
		t.Errorf("%d entries, %d audit events", n, events)
	}
}

func codeOf(err error) (problem.Code, string) {
	if p, ok := errors.AsType[*problem.Error](err); ok {
		pointer, _ := p.Fields["pointer"].(string)
		return p.Code, pointer
	}
	if err != nil {
		return problem.Internal, ""
	}
	return "", ""
}

// The same call twice at once is one change.
func TestCreditsAreAddedOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.store()
	ids := make([]string, 20)
	var all sync.WaitGroup
	for i := range ids {
		all.Go(func() {
			_, e, err := s.Add(context.Background(), mine, owner, CreditInput{Grant, 5, fmt.Sprint("call ", i/10)})
			if err != nil {
				t.Error(err)
			}
			ids[i] = e.ID
		})
	}
	all.Wait()
	slices.Sort(ids)
	if n, balance := len(slices.Compact(ids)), w.number(`SELECT balance FROM credit_balance`); n != 2 || balance != 10 {
		t.Errorf("%d entries, balance %d", n, balance)
	}
}

func TestLedger(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.meter()
	for i := range 3 {
		w.give(w.storeAt(noon.Add(time.Duration(i)*time.Second)), CreditInput{Grant, 100, fmt.Sprint("grant ", i)})
	}
	w.spend(m, Ask{Credits: 40, At: noon.Add(3 * time.Second)})
	w.spend(m, Ask{Credits: 60, At: noon.Add(4 * time.Second), Class: permission.Mutation})
	s := w.store()
	var lines []string
	after := page.Start
	for {
		l, err := s.Ledger(t.Context(), mine, after, 2)
		if err != nil {
			t.Fatal(err)
		}
		if l.Balance != 200 || l.Used != 100 {
			t.Errorf("balance %d, used %d", l.Balance, l.Used)
		}
		for _, e := range l.Entries {
			lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s %d %d %s%s", e.Type, e.Amount, e.Balance, e.IdempotencyKey, e.AccessKeyID)))
		}
		if l.Next == "" {
			break
		}
		after = page.Cursor(l.Next)
	}
	if got, want := strings.Join(lines, ", "), "charge -60 200 "+keyA+", charge -40 260 "+keyA+", grant 100 300 grant 2, grant 100 200 grant 1, grant 100 100 grant 0"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if _, err := s.Ledger(t.Context(), stranger, page.Start, 2); !errors.Is(err, problem.New(problem.NotFound)) {
		t.Errorf("the ledger of nobody: %v", err)
	}
}

func TestLimitsUpdate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.store()
	set := func(n int64) **int64 { p := &n; return &p }
	none := func() **int64 { var p *int64; return &p }
	day, life := Day, Life
	for _, tc := range []struct {
		say  string
		in   LimitsInput
		want string
	}{
		{"nothing stays as it is", LimitsInput{}, "- - month"},
		{"one", LimitsInput{Query: set(120)}, "120 - month"},
		{"the other", LimitsInput{Mutation: set(0)}, "120 0 month"},
		{"the window", LimitsInput{Window: &day}, "120 0 day"},
		{"all", LimitsInput{Query: set(1), Mutation: set(2), Window: &life}, "1 2 life"},
		{"none", LimitsInput{Query: none(), Mutation: none()}, "- - life"},
	} {
		l, err := s.LimitsUpdate(t.Context(), mine, owner, tc.in)
		if err != nil {
			t.Fatal(err)
		}
		say := func(n *int64) string {
			if n == nil {
				return "-"
			}
			return fmt.Sprint(*n)
		}
		if got := say(l.Query) + " " + say(l.Mutation) + " " + l.Window.String(); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.say, got, tc.want)
		}
	}
	if _, err := s.LimitsUpdate(t.Context(), mine, "00000000000000nobody", LimitsInput{Query: set(1)}); !errors.Is(err, problem.New(problem.NotFound)) {
		t.Errorf("limits of nobody: %v", err)
	}
	if n := w.number(`SELECT count(*) FROM audit_event WHERE type = 'account_limits_updated' AND old IS NOT NULL AND new IS NOT NULL`); n != 6 {
		t.Errorf("%d audit events of 6 changes", n)
	}
	if n := w.number(`SELECT count(*) FROM change WHERE kind = 'account' AND id = $1`, owner); n != 6 {
		t.Errorf("%d changes announced of 6", n)
	}
}

func TestKeyUsage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.meter()
	for i := range 100 {
		w.spend(m, Ask{At: noon.Add(-time.Duration(i) * 12 * time.Hour)}) // 50 days
	}
	w.flush(m)
	s := w.store()
	at := func(d time.Duration) *time.Time { u := noon.Add(d); return &u }
	const day = 24 * time.Hour
	for _, tc := range []struct {
		say      string
		from, to *time.Time
		bucket   Bucket
		want     string // beginning, end, points and requests
		refused  string // the parameter
	}{
		{say: "30 days unless stated", bucket: Daily, want: "0214T00 0316T00 30 60"},
		{say: "48 hours unless stated", bucket: Hour, want: "0313T13 0315T13 4 4"},
		{say: "from a moment", from: at(-3 * day), bucket: Daily, want: "0312T00 0316T00 4 8"},
		{say: "to a moment", to: at(-30 * day), bucket: Daily, want: "0114T00 0213T00 19 38"},
		{say: "the end does not count", from: at(-12 * time.Hour), to: at(0), bucket: Hour, want: "0315T00 0315T12 1 1"},
		{say: "the beginning does", from: at(0), to: at(time.Hour), bucket: Hour, want: "0315T12 0315T13 1 1"},
		{say: "rounded down", from: at(59 * time.Minute), to: at(119 * time.Minute), bucket: Hour, want: "0315T12 0315T13 1 1"},
		{say: "in the future", from: at(day), to: at(2 * day), bucket: Daily, want: "0316T00 0317T00 0 0"},
		{say: "as much as may be", from: at(-2400 * time.Hour), to: at(0), bucket: Hour, want: "1205T12 0315T12 99 99"},
		{say: "the wrong way round", from: at(day), to: at(0), bucket: Daily, refused: "from"},
		{say: "less than a bucket", from: at(0), to: at(time.Minute), bucket: Hour, refused: "from"},
		{say: "too much", from: at(-2401 * time.Hour), to: at(0), bucket: Hour, refused: "from"},
		{say: "all of time", from: &time.Time{}, bucket: Hour, refused: "from"},
	} {
		u, err := s.KeyUsage(t.Context(), mine, keyA, tc.from, tc.to, tc.bucket)
		if tc.refused != "" {
			if p, _ := errors.AsType[*problem.Error](err); p == nil || p.Code != problem.RequestInvalid || p.Fields["parameter"] != tc.refused {
				t.Errorf("%s: %v", tc.say, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", tc.say, err)
			continue
		}
		const layout = "0102T15"
		if got := fmt.Sprintf("%s %s %d %d", u.From.Format(layout), u.To.Format(layout), len(u.Points), u.Totals.Query); got != tc.want || u.Lifetime.Query != 100 {
			t.Errorf("%s: %s of %d, want %s of 100", tc.say, got, u.Lifetime.Query, tc.want)
		}
	}
	for say, ask := range map[string]struct {
		by  auth.Caller
		key string
	}{"a key of somebody else": {stranger, keyA}, "no such key": {mine, "00000000000000nobody"}} {
		if _, err := s.KeyUsage(t.Context(), ask.by, ask.key, nil, nil, Daily); !errors.Is(err, problem.New(problem.NotFound)) {
			t.Errorf("%s: %v", say, err)
		}
	}
	if u, err := s.KeyUsage(t.Context(), mine, keyB, nil, nil, Daily); err != nil || len(u.Points) != 0 || u.Lifetime != (Counts{}) {
		t.Errorf("a key that was never used: %+v, %v", u, err)
	}
}

// The sums of the keys are the account's, whatever became of the keys.
func TestAccountUsage(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		window Window
		start  string
		query  int64
		keys   string
	}{
		{Month, "2026-03-01", 5, "b revoked 3, a active 2"},
		{Day, "2026-03-15", 3, "b revoked 2, a active 1"},
		{Life, "2025-03-15", 7, "b revoked 4, a active 3"},
	} {
		w := newWorld(t)
		w.exec(`UPDATE account SET limit_window = $1, limit_query = 20`, tc.window.String())
		w.plan.Account.Query, w.plan.Window = 20, tc.window
		w.credit(100)
		m := w.meter()
		b := w.plan
		b.KeyID = keyB
		ask := func(p Plan, days int, class permission.Class, credits int64) {
			if r, err := m.Spend(t.Context(), p, Ask{At: noon.AddDate(0, 0, days), Class: class, Credits: credits}); err != nil || r.Outcome != Granted {
				t.Fatalf("%+v, %v", r, err)
			}
		}
		for _, days := range []int{0, -5, -20} {
			ask(w.plan, days, permission.Query, 0)
			ask(b, days, permission.Query, 5)
		}
		ask(b, 0, permission.Query, 0)
		ask(b, 0, permission.Mutation, 0)
		m.Denied(keyA, noon)
		w.flush(m)
		w.exec(`UPDATE access_key SET revoked_at = $2, revocation_effective_at = $2 WHERE id = $1`, keyB, noon)
		u, err := w.store().AccountUsage(t.Context(), mine)
		if err != nil {
			t.Fatal(err)
		}
		var keys []string
		var sum Counts
		for _, k := range u.Keys {
			keys = append(keys, fmt.Sprintf("%s %s %d", k.ID[19:], k.Status, k.Query))
			sum.add(k.Counts)
		}
		if got := strings.Join(keys, ", "); got != tc.keys {
			t.Errorf("%s: keys %s, want %s", tc.window, got, tc.keys)
		}
		if sum != u.Total || u.Query.Used != tc.query || u.Query.Remaining != 20-tc.query || u.Mutation.Used != 1 || u.Mutation.Limit != nil || u.Total.Denied.Permission != 1 {
			t.Errorf("%s: %+v, of keys %+v", tc.window, u, sum)
		}
		if u.Start.Format(time.DateOnly) != tc.start || (u.End == nil) != (tc.window == Life) || u.Balance != 85 {
			t.Errorf("%s: from %s to %v, balance %d", tc.window, u.Start, u.End, u.Balance)
		}
		of, err := w.store().Windows(t.Context(), mine, []string{keyA, keyB, "unknown"})
		if err != nil || len(of) != 2 || of[keyA].Query+of[keyB].Query != tc.query || of[keyB].Mutation != 1 || of[keyB].Credits != u.Total.Credits {
			t.Errorf("%s: %v, %v", tc.window, of, err)
		}
	}
	if _, err := newWorld(t).store().AccountUsageAny(t.Context(), mine, "00000000000000nobody"); !errors.Is(err, problem.New(problem.NotFound)) {
		t.Errorf("of nobody: %v", err)
	}
}

func TestPurge(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.limit(1_000_000)
	m := w.meter()
	for _, window := range []Window{Month, Day, Life} {
		w.plan.Window = window
		for days := range 100 {
			w.spend(m, Ask{At: noon.AddDate(0, 0, -10*days)})
		}
	}
	w.flush(m)
	s := w.store()
	for n := int64(1); n > 0; {
		var err error
		if n, err = s.Purge(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for what, want := range map[string]int64{
		`SELECT count(*) FROM usage_hour`:                            10,
		`SELECT count(*) FROM usage_day`:                             80,
		`SELECT query FROM usage_total`:                              300,
		`SELECT taken FROM quota WHERE start < '0002-01-01'`:         100,
		`SELECT count(*) FROM quota WHERE start < '2026-01-12'`:      1,
		`SELECT count(*) FROM usage_hour WHERE start < '2025-12-16'`: 1,
	} {
		if n := w.number(what); n != want {
			t.Errorf("%s: %d, want %d", what, n, want)
		}
	}
}

// A page of a key that was used ten million times: what an issue asks for is less than 50 ms.
func BenchmarkUsagePage(b *testing.B) {
	w := newWorld(b)
	w.fillHours()
	s := w.store()
	from := noon.Add(-2160 * time.Hour)
	b.ResetTimer()
	for b.Loop() {
		u, err := s.KeyUsage(context.Background(), mine, keyA, &from, nil, Hour)
		if err != nil || len(u.Points) != 2160 || u.Totals.Query < 9_000_000 {
			b.Fatalf("%d points, %d requests, %v", len(u.Points), u.Totals.Query, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/op")
}

// fillHours counts ten million requests of keyA over 90 days, and as many hours of a hundred other keys around them.
func (w *world) fillHours() {
	w.exec(`INSERT INTO usage_hour SELECT k, $1::timestamptz - h * interval '1 hour', 4630, 0, 0, 0, 0, 0
		FROM generate_series(0, 2159) h, unnest($2::text[] || ARRAY(SELECT 'key-' || n FROM generate_series(1, 20) n)) k`, noon, []string{keyA})
	w.exec(`INSERT INTO usage_total VALUES ($1, 10000000, 0, 0, 0, 0, 0)`, keyA)
	w.exec(`ANALYZE usage_hour`)
}

// The counts of a key are found by the primary key, however many other keys there are.
func TestCountsAreFoundByTheirKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fillHours()
	var plan string
	err := w.pool.QueryRow(t.Context(), `EXPLAIN (FORMAT json) SELECT * FROM usage_hour WHERE access_key_id = $1 AND start >= $2 AND start < $3 ORDER BY start`,
		keyA, noon.AddDate(0, 0, -2), noon).Scan(&plan)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(plan, "usage_hour_pkey") {
		t.Errorf("the plan: %s", plan)
	}
}
