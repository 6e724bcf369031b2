package usage

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/latchkey-dev/latchkey/gen/meterdb"
	"github.com/latchkey-dev/latchkey/internal/permission"
)

const (
	blockMost  = 256                    // units taken at a time
	blockParts = 200                    // and at most this part of what is left, so that instances that die leave most of it
	ahead      = 16                     // blocks of so many units are taken before the last one is used up
	emptyLife  = 100 * time.Millisecond // how long a limit that is used up is not asked for again
	noBound    = int64(1) << 62         // units of a limit that was removed meanwhile
)

// budgetKey names a limit in a window. A limit that changes is another one: what is held of the old one is given back, and the
// new one is asked for at once.
type budgetKey struct {
	subject string // id of an account or of a key
	class   permission.Class
	limit   int64
	start   int64 // of the window: seconds since 1970
}

func (k budgetKey) window() time.Time { return time.Unix(k.start, 0).UTC() }

// budget is what this instance holds of a limit.
type budget struct {
	held    int64         // units that are taken and not used
	taken   int64         // by everybody, when last heard of
	block   int64         // units in the last statement
	empty   time.Duration // until when it is known to be used up
	asking  bool          // a statement is under way
	waiting []*waiter     // for the next one
	idle    bool          // not asked for since the last sweep
}

type waiter struct {
	served chan verdict // has room for one
	gone   bool
}

type verdict struct {
	standing
	ok  bool
	err error
}

// standing is how a limit stands: units that are used, or held by others.
type standing struct{ used int64 }

func (b *budget) standing() standing { return standing{max(b.taken-b.held, 0)} }

// want is how many units the next statement asks for: those that are waited for, or a block that shrinks with what is left.
func (b *budget) want(limit int64) int64 {
	return max(int64(len(b.waiting)), min(blockMost, (limit-b.taken)/blockParts), 1)
}

// reserve holds units of limits. All of it is safe to lose: what is taken and never used is only missing until the window ends.
type reserve struct {
	pool    *pgxpool.Pool
	q       *meterdb.Queries
	clock   func() time.Duration
	metrics *meterMetrics
	seed    maphash.Seed
	shards  [shards]budgetShard
	fills   sync.WaitGroup
}

type budgetShard struct {
	mu      sync.Mutex
	budgets map[budgetKey]*budget
	_       [aPeriod - 16]byte
}

func newReserve(c MeterConfig, metrics *meterMetrics) *reserve {
	r := &reserve{pool: c.Pool, q: meterdb.New(), clock: c.Clock, metrics: metrics, seed: maphash.MakeSeed()}
	for i := range r.shards {
		r.shards[i].budgets = map[budgetKey]*budget{}
	}
	return r
}

func (r *reserve) shard(k budgetKey) *budgetShard {
	return &r.shards[maphash.String(r.seed, k.subject)%shards]
}

// of finds a budget, or begins it: as used up as can be, until the database says how it stands. The shard is locked.
func (s *budgetShard) of(k budgetKey) *budget {
	b, known := s.budgets[k]
	if !known {
		b = &budget{taken: k.limit}
		s.budgets[k] = b
	}
	b.idle = false
	return b
}

// take takes a unit, from what is held or from the database. False: none is left.
func (r *reserve) take(ctx context.Context, k budgetKey) (standing, bool, error) {
	s := r.shard(k)
	s.mu.Lock()
	b := s.of(k)
	if b.held > 0 {
		defer s.mu.Unlock()
		b.held--
		if b.block >= ahead && b.held < b.block/4 {
			r.ask(ctx, k, b)
		}
		return b.standing(), true, nil
	}
	if r.clock() < b.empty {
		defer s.mu.Unlock()
		return b.standing(), false, nil
	}
	w := &waiter{served: make(chan verdict, 1)}
	b.waiting = append(b.waiting, w)
	r.ask(ctx, k, b)
	s.mu.Unlock()
	select {
	case v := <-w.served:
		return v.standing, v.ok, v.err
	case <-ctx.Done():
		r.leave(k, w)
		return standing{}, false, ctx.Err()
	}
}

// leave stops waiting. A unit that has come meanwhile stays here.
func (r *reserve) leave(k budgetKey, w *waiter) {
	s := r.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case v := <-w.served:
		if v.ok {
			s.of(k).held++
		}
	default:
		w.gone = true
	}
}

// release puts a unit back that was taken and not used.
func (r *reserve) release(k budgetKey) {
	s := r.shard(k)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of(k).held++
}

// peek tells whether take would take a unit.
func (r *reserve) peek(ctx context.Context, k budgetKey) (standing, bool, error) {
	s := r.shard(k)
	s.mu.Lock()
	b := s.of(k)
	held, now := b.held, b.standing()
	s.mu.Unlock()
	if held > 0 {
		return now, true, nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	row, err := r.q.QuotaPeek(ctx, r.pool, meterdb.QuotaPeekParams{Subject: k.subject, Class: k.class.String(), Start: k.window(), Unlimited: noBound})
	if err != nil {
		return standing{}, false, fmt.Errorf("read quota: %w", err)
	}
	return standing{row.Taken}, row.Taken < row.Most, nil
}

// ask begins to ask the database, unless that is under way. The shard is locked.
func (r *reserve) ask(ctx context.Context, k budgetKey, b *budget) {
	if b.asking {
		return
	}
	b.asking = true
	ctx = context.WithoutCancel(ctx) // whoever asked first may leave; the others wait
	r.fills.Go(func() { r.fill(ctx, k, b) })
}

// fill asks the database, once for all who wait, until nobody does.
func (r *reserve) fill(ctx context.Context, k budgetKey, b *budget) {
	s := r.shard(k)
	for more := true; more; {
		s.mu.Lock()
		waiting, n := b.waiting, b.want(k.limit)
		b.waiting, b.block = nil, n
		s.mu.Unlock()
		row, err := r.reserve(ctx, k, n)
		s.mu.Lock()
		if err == nil {
			b.held += row.Granted
			b.taken = row.Taken
			if row.Granted < n {
				b.empty = r.clock() + emptyLife
			}
		}
		b.serve(waiting, err)
		more = len(b.waiting) > 0
		b.asking = more
		s.mu.Unlock()
	}
}

// serve gives what is held to those who waited, in their order.
func (b *budget) serve(waiting []*waiter, err error) {
	for _, w := range waiting {
		if w.gone {
			continue
		}
		v := verdict{err: err}
		if err == nil && b.held > 0 {
			b.held--
			v.ok = true
		}
		v.standing = b.standing()
		w.served <- v
	}
}

// reserve takes up to n units in the database. After an error nobody knows whether they were taken: then they are lost until
// the window ends, and never given to anybody.
func (r *reserve) reserve(ctx context.Context, k budgetKey, n int64) (meterdb.QuotaTakeRow, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	ask := meterdb.QuotaTakeParams{Subject: k.subject, Class: k.class.String(), Start: k.window(), N: n, Unlimited: noBound}
	row, err := r.q.QuotaTake(ctx, r.pool, ask)
	if err == nil && row.Taken < 0 {
		if err = r.q.QuotaOpen(ctx, r.pool, meterdb.QuotaOpenParams{Subject: ask.Subject, Class: ask.Class, Start: ask.Start}); err == nil {
			row, err = r.q.QuotaTake(ctx, r.pool, ask)
		}
	}
	if err == nil && row.Taken < 0 {
		err = errors.New("the window has no row")
	}
	r.metrics.reserved(err)
	if err != nil {
		return meterdb.QuotaTakeRow{}, fmt.Errorf("reserve quota: %w", err)
	}
	return row, nil
}

// unused is a number of units of a limit.
type unused struct {
	budgetKey
	units int64
}

// sweep takes out what is held, and forgets the limits that nobody asked for since the last time.
func (r *reserve) sweep() []unused {
	var all []unused
	for i := range r.shards {
		s := &r.shards[i]
		s.mu.Lock()
		for k, b := range s.budgets {
			switch {
			case b.held > 0:
				all = append(all, unused{k, b.held})
				b.taken, b.held, b.empty = b.taken-b.held, 0, 0
			case b.idle && !b.asking && len(b.waiting) == 0:
				delete(s.budgets, k)
			}
			b.idle = true
		}
		s.mu.Unlock()
	}
	return all
}

// giveBack returns to the database what is held and was not used. What it cannot return for sure, it tries again; what may have
// been returned is not returned twice.
func (r *reserve) giveBack(ctx context.Context) error {
	all := r.sweep()
	for page := range slices.Chunk(all, pageMost) {
		err := r.giveBackPage(ctx, page)
		if err != nil && !undone(err) {
			all = all[len(page):]
		}
		if err != nil {
			r.keep(all)
			return err
		}
		all = all[len(page):]
	}
	return nil
}

func (r *reserve) keep(all []unused) {
	for _, u := range all {
		s := r.shard(u.budgetKey)
		s.mu.Lock()
		b := s.of(u.budgetKey)
		b.held += u.units
		b.taken = min(b.taken+u.units, max(b.taken, u.limit))
		s.mu.Unlock()
	}
}

// giveBackPage returns units in one statement. Limits of one window that differ only in their value have one row.
func (r *reserve) giveBackPage(ctx context.Context, page []unused) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	sums := map[budgetKey]int64{}
	var units int64
	for _, u := range page {
		k := u.budgetKey
		k.limit = 0
		sums[k] += u.units
		units += u.units
	}
	var rows meterdb.QuotaReturnParams
	for _, k := range slices.SortedFunc(maps.Keys(sums), compareBudgets) {
		rows.Subjects, rows.Classes = append(rows.Subjects, k.subject), append(rows.Classes, k.class.String())
		rows.Starts, rows.Units = append(rows.Starts, k.window()), append(rows.Units, sums[k])
	}
	conn, err := r.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("return quota: %w: %w", errUnsent, err)
	}
	defer conn.Release()
	if err := r.q.QuotaReturn(ctx, conn, rows); err != nil {
		return fmt.Errorf("return quota: %w", err)
	}
	r.metrics.returned.Add(float64(units))
	return nil
}

func compareBudgets(a, b budgetKey) int {
	return cmp.Or(cmp.Compare(a.subject, b.subject), cmp.Compare(a.class, b.class), cmp.Compare(a.start, b.start))
}

// errUnsent says that it did not come to a statement.
var errUnsent = errors.New("not sent")

// undone tells whether a statement that failed has certainly done nothing: it was not sent, or the server itself refused it.
func undone(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code == "57014" || len(pg.Code) == 5 && pg.Code[:2] != "57" && pg.Code[:2] != "08"
	}
	return errors.Is(err, errUnsent) || pgconn.SafeToRetry(err)
}
