package changefeed

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/latchkey-dev/latchkey/internal/boottime"
)

func (b *bed) rows() []string {
	b.t.Helper()
	rows, _ := b.pool.Query(context.Background(), "SELECT id || ' ' || applied_v || ' ' || seq FROM cache_node ORDER BY id")
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		b.t.Fatal(err)
	}
	return list
}

func (b *bed) expectRows(want ...string) {
	b.t.Helper()
	if got := b.rows(); !slices.Equal(got, want) {
		b.t.Errorf("the nodes are %q, want %q", got, want)
	}
}

func TestANodesLife(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.announce("before")
	s := newSleeper(t, Dial(b.url))
	if s.Lease() != nil || s.Floor() != nil {
		t.Error("something is known before the first sync")
	}
	before := boottime.Now()
	s.sync()
	if l := s.Lease(); l.Since() < before || l.Since() > boottime.Now() || l.Length() != 20*time.Second || !l.Fresh(l.Since()+20*time.Second-1) {
		t.Errorf("the lease is %+v", l)
	}
	b.expectRows(s.rows[0] + " 1 2")
	if f := s.Floor(); f.V != 1 || f.Timeline != "00000001" || f.Nonce != one[int64](b, "SELECT nonce FROM change WHERE v = 1") {
		t.Errorf("the floor is %+v", f)
	}
	r, err := b.Run(t.Context(), func(_ pgx.Tx, c *Changes) error {
		c.Announce(Key, "k")
		c.Announce(Session, "s")
		c.Announce(Account, "a")
		c.Announce(Role, "r")
		c.Announce(cluster, "")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	last := b.announce("later")
	s.sync()
	dropped, flushes := s.memory.forgot()
	if want := []Change{{Account, "a"}, {Key, "k"}, {Role, "r"}, {Session, "s"}, {Key, "later"}}; flushes != 1 || !sameChanges(dropped, want) {
		t.Errorf("after %v: %d flushes, dropped %v", r, flushes, dropped)
	}
	b.expectRows(s.rows[0] + " 3 3")
	if s.Floor().Revision != last || !s.AwaitRevision(t.Context(), last) || !s.AwaitRevision(t.Context(), r) {
		t.Errorf("the floor is %+v, want %+v", s.Floor(), last)
	}
	s.sync()
	b.expectRows(s.rows[0] + " 3 4")
	if err := s.Leave(t.Context()); err != nil || s.Lease() != nil {
		t.Errorf("%v, %v", s.Lease(), err)
	}
	b.expectRows()
	if err := s.try(); !errors.Is(err, errAnew) || s.Lease() != nil {
		t.Errorf("after it left: %v, %v", err, s.Lease())
	}
}

func TestANodeIDIsNeverUsedAgain(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 100 {
		id := newSleeper(t, nil).ID()
		if len(id) < 16 || seen[id] {
			t.Fatalf("%q", id)
		}
		seen[id] = true
	}
}

// A sync that ends when the node has left gives no lease: nobody waits for this node any more.
func TestNoLeaseAfterLeaving(t *testing.T) {
	t.Parallel()
	db := &script{head: Head{Revision{5, 55}, 1, "1"}, look: func(string) {}, page: Page{Epoch: 1, Protocol: protocol, Timeline: "1", Lease: time.Second, HasCursor: true}}
	s := newSleeper(t, func(context.Context) (Primary, error) { return db, nil })
	s.sync()
	db.look = func(step string) {
		if strings.HasPrefix(step, "commit") {
			if err := s.Leave(t.Context()); err != nil {
				t.Error(err)
			}
		}
	}
	if err := s.try(); err != nil || s.Lease() != nil {
		t.Errorf("%v, %v", s.Lease(), err)
	}
}

// sameChanges compares up to the order within one place.
func sameChanges(a, b []Change) bool {
	by := func(x, y Change) int { return strings.Compare(string(x.Kind)+x.ID, string(y.Kind)+y.ID) }
	x, y := slices.Clone(a), slices.Clone(b)
	slices.SortFunc(x, by)
	slices.SortFunc(y, by)
	return slices.Equal(x, y)
}

func TestTheLeaseIsTheClusters(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.lease(345*time.Millisecond, time.Second)
	s := b.node()
	if got := s.Lease().Length(); got != 345*time.Millisecond {
		t.Errorf("%s", got)
	}
	b.lease(2*time.Second, 2*time.Second)
	s.sync()
	if got := s.Lease().Length(); got != 2*time.Second {
		t.Errorf("%s", got)
	}
}

func TestWhatMakesANodeRegisterAnew(t *testing.T) {
	t.Parallel()
	for say, do := range map[string]func(*bed, *sleeper){
		"its row is gone":    func(b *bed, _ *sleeper) { b.exec("DELETE FROM cache_node") },
		"another epoch":      func(b *bed, _ *sleeper) { b.exec("UPDATE cluster SET epoch = epoch + 1") },
		"another nonce":      func(b *bed, _ *sleeper) { b.exec("UPDATE change SET nonce = nonce + 1") },
		"history is shorter": func(b *bed, _ *sleeper) { b.exec("DELETE FROM change WHERE v = 1; UPDATE cluster SET v = 0") },
		"a kind from the future": func(b *bed, _ *sleeper) {
			b.exec("UPDATE cluster SET v = 2; INSERT INTO change VALUES (2, 'new', '', 1, now())")
		},
		"a full page": func(b *bed, _ *sleeper) {
			b.exec("INSERT INTO change SELECT 2, 'key', n::text, 5, now() FROM generate_series(1, $1) n", pageMost)
			b.exec("UPDATE cluster SET v = 2")
		},
	} {
		t.Run(say, func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			b.announce("first")
			s := b.node()
			row := s.rows[0]
			do(b, s)
			s.expectAnew(say)
			if got := b.rows(); len(got) != 1 || s.rows[0] == row || !strings.HasPrefix(got[0], s.rows[0]+" ") || !strings.HasPrefix(got[0], s.ID()+"-") {
				t.Errorf("the nodes are %q", got)
			}
		})
	}
}

func TestAPageThatIsNotFullIsApplied(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	s := b.node()
	b.exec("INSERT INTO change SELECT 1, 'key', n::text, 5, now() FROM generate_series(1, $1) n", pageMost-1)
	b.exec("UPDATE cluster SET v = 1")
	if err := s.try(); err != nil {
		t.Fatal(err)
	}
	if dropped, _ := s.memory.forgot(); len(dropped) != pageMost-1 || s.cursor.Load().V != 1 {
		t.Errorf("%d were dropped, the cursor is %v", len(dropped), s.cursor.Load())
	}
}

func TestAnotherProtocolMeansNoAnswer(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	s := b.node()
	lease := s.Lease()
	b.exec("UPDATE cluster SET protocol = 2")
	if err := s.try(); err == nil || s.Lease() != lease {
		t.Errorf("it synced: %v", err)
	}
	other := newSleeper(t, Dial(b.url))
	if err := other.try(); err == nil || other.Lease() != nil || other.Floor() != nil {
		t.Errorf("it registered: %v", err)
	}
	if n := len(b.rows()); n != 1 {
		t.Errorf("%d nodes", n)
	}
}

// What a node has said it applied, it has.
func TestANodeNeverVouchesForTheHead(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	s := b.node()
	b.announce("one")
	s.memory.during = func(Change) {
		s.memory.during = nil
		b.announce("two") // after the page was read
	}
	s.sync()
	b.expectRows(s.rows[0] + " 1 3")
	s.sync()
	b.expectRows(s.rows[0] + " 2 4")
}

// A registration that was given up may still be carried out, and must not speak for the node that lives.
func TestALateRegistrationSpeaksForNobody(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.announce("one")
	s := b.node()
	b.announce("two")
	b.announce("three") // not applied by s
	ctx, cancel := context.WithTimeout(t.Context(), someTime)
	defer cancel()
	db, err := Dial(b.url)(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s.registered = false
	lost := &losing{Primary: db}
	if err := s.step(ctx, lost); err == nil {
		t.Fatal("registered")
	}
	s.hangUp()
	s.sync() // with the next row
	r := b.announce("four")
	if _, err := db.Register(ctx, lost.row, lost.instead); err != nil { // at last
		t.Fatal(err)
	}
	if n := one[int64](b, "SELECT applied_v FROM cache_node WHERE id = $1", s.rows[0]); n != 3 || len(b.rows()) != 2 {
		t.Errorf("the nodes are %q", b.rows())
	}
	if b.effective(ctx, r) {
		t.Error("it counts as applied, and the node has not")
	}
	if _, err := db.Register(ctx, s.rows[0], nil); err == nil {
		t.Error("a row was taken over")
	}
	if err := s.Leave(ctx); err != nil {
		t.Error(err)
	}
}

// losing loses the first registration on its way.
type losing struct {
	Primary
	row     string
	instead []string
}

func (l *losing) Register(_ context.Context, row string, instead []string) (Head, error) {
	l.row, l.instead = row, slices.Clone(instead)
	return Head{}, errors.New("lost on its way")
}

// A registration whose answer was lost has left a row, which the next one replaces.
func TestARegistrationWithoutAnAnswerIsReplaced(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	s := newSleeper(t, func(ctx context.Context) (Primary, error) {
		db, err := Dial(b.url)(ctx)
		return &deaf{db}, err
	})
	for range 3 {
		if err := s.try(); err == nil || s.Floor() != nil {
			t.Fatal("registered")
		}
	}
	if n := len(b.rows()); n > 1 {
		t.Errorf("the nodes are %q", b.rows())
	}
	s.cfg.Dial = Dial(b.url)
	s.sync()
	b.expectRows(s.rows[0] + " 0 2")
}

type deaf struct{ Primary }

func (d deaf) Register(ctx context.Context, row string, instead []string) (Head, error) {
	_, err := d.Primary.Register(ctx, row, instead)
	return Head{}, errors.Join(err, errors.New("the answer was lost"))
}

func TestTheTimeOfDayIsTheDatabases(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	s := b.node()
	for range 5 {
		day := one[time.Time](b, "SELECT clock_timestamp()").UnixMicro()
		ours := s.Lease().UnixMicro(boottime.Now())
		later := one[time.Time](b, "SELECT clock_timestamp()").UnixMicro()
		if ours < day-1 || ours > later+time.Second.Microseconds() {
			t.Errorf("%d µs before, %d µs after", ours-day, ours-later)
		}
		s.sync()
	}
}

// script is a database in memory, which looks at the node at every step of a sync.
type script struct {
	page   Page
	head   Head
	heads  int
	look   func(step string)
	gone   bool
	broken error
}

func (s *script) Register(context.Context, string, []string) (Head, error) {
	s.look("register")
	s.heads++
	return s.head, s.broken
}

func (s *script) Read(_ context.Context, cursor Revision) (Page, error) {
	s.look(fmt.Sprint("read after ", cursor.V))
	return s.page, s.broken
}

func (s *script) Commit(_ context.Context, _ string, applied int64) (bool, error) {
	s.look(fmt.Sprint("commit ", applied))
	return !s.gone, s.broken
}

func (s *script) Leave(context.Context, []string) error { s.look("leave"); return nil }
func (s *script) Close()                                {}

// The order of a sync, which everything depends on.
func TestASyncStepByStep(t *testing.T) {
	t.Parallel()
	var clock atomic.Int64
	clock.Store(int64(time.Hour))
	db := &script{head: Head{Revision: Revision{5, 55}, Epoch: 1, Timeline: "1"}}
	memory := &forgetful{}
	node, err := NewNode(NodeConfig{Memory: memory, Clock: func() time.Duration { return time.Duration(clock.Add(1000)) }, Rand: rand.Reader, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	var steps []string
	note := func(step string) {
		clock.Add(int64(time.Millisecond))
		at := func(r *Revision) int64 {
			if r == nil {
				return -1
			}
			return r.V
		}
		floor := int64(-1)
		if f := node.Floor(); f != nil {
			floor = f.V
		}
		base := time.Duration(-1)
		if l := node.Lease(); l != nil {
			base = (l.Since() - time.Hour).Truncate(time.Millisecond)
		}
		steps = append(steps, fmt.Sprintf("%s: floor %d cursor %d base %s", step, floor, at(node.cursor.Load()), base))
	}
	db.look = note
	memory.during = func(c Change) { note("drop " + c.ID) }
	page := Page{Epoch: 1, Protocol: protocol, Timeline: "1", Lease: time.Second, Time: time.Hour, HasCursor: true}
	db.page = page
	if err := node.step(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	db.page.Changes, db.page.Last = []Change{{Key, "a"}, {Key, "b"}}, Revision{8, 88}
	if err := node.step(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	note("end")
	want := []string{
		"register: floor -1 cursor -1 base -1ns",
		"read after 5: floor 5 cursor 5 base -1ns",
		"commit 5: floor 5 cursor 5 base -1ns",
		"read after 5: floor 5 cursor 5 base 1ms", // after the registration, before the read
		"drop a: floor 8 cursor 5 base 1ms",
		"drop b: floor 8 cursor 5 base 1ms",
		"commit 8: floor 8 cursor 8 base 1ms",
		"end: floor 8 cursor 8 base 3ms",
	}
	if !slices.Equal(steps, want) {
		t.Errorf("%q\nwant\n%q", steps, want)
	}
	steps = nil
	db.page = page
	db.gone = true
	for range 2 {
		_ = node.step(t.Context(), db)
	}
	want = []string{
		"read after 8: floor 8 cursor 8 base 3ms",
		"commit 8: floor 8 cursor 8 base 3ms",
		"register: floor -1 cursor 8 base -1ns", // nothing may be read before the answer
		"read after 5: floor 5 cursor 5 base -1ns",
		"commit 5: floor 5 cursor 5 base -1ns",
	}
	if _, flushes := memory.forgot(); !slices.Equal(steps, want) || flushes != 2 {
		t.Errorf("%d flushes, %q\nwant\n%q", flushes, steps, want)
	}
}

func TestAFailedSyncRenewsNothing(t *testing.T) {
	t.Parallel()
	db := &script{head: Head{Revision: Revision{5, 55}, Epoch: 1, Timeline: "1"}, look: func(string) {},
		page: Page{Epoch: 1, Protocol: protocol, Timeline: "1", Lease: time.Second, HasCursor: true}}
	s := newSleeper(t, func(context.Context) (Primary, error) { return db, nil })
	s.sync()
	lease := s.Lease()
	for _, at := range []string{"read", "commit"} {
		db.look = func(step string) {
			if step[:4] == at[:4] {
				db.broken = errors.New("broken")
			}
		}
		if err := s.try(); err == nil || errors.Is(err, errAnew) || s.Lease() != lease {
			t.Errorf("%s: %v", at, err)
		}
		db.broken = nil
	}
	db.look = func(string) {}
	if s.sync(); s.Lease() == lease || db.heads != 1 {
		t.Errorf("%d registrations", db.heads)
	}
}

// A sync is abandoned before it could cost the lease, and the node goes on with a new connection.
func TestRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var hang atomic.Bool
		var dials, syncs atomic.Int64
		page := Page{Epoch: 1, Protocol: protocol, Timeline: "1", Lease: time.Second, HasCursor: true}
		node, err := NewNode(NodeConfig{Memory: &forgetful{}, Clock: func() time.Duration { return time.Since(start) }, Rand: rand.Reader, Log: slog.New(slog.DiscardHandler),
			Dial: func(context.Context) (Primary, error) {
				dials.Add(1)
				return &script{head: Head{Revision{5, 55}, 1, "1"}, page: page, look: func(string) { syncs.Add(1) }}, nil
			}})
		if err != nil {
			t.Fatal(err)
		}
		dial := node.cfg.Dial
		node.cfg.Dial = func(ctx context.Context) (Primary, error) {
			if hang.Load() {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return dial(ctx)
		}
		ctx, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() { node.Run(ctx) })
		for range 100 {
			time.Sleep(100 * time.Millisecond)
			if !node.Lease().Fresh(time.Since(start)) {
				t.Fatalf("no lease at %s", time.Since(start))
			}
		}
		if n := syncs.Load(); dials.Load() != 1 || n < 80 || n > 140 {
			t.Errorf("%d connections, %d statements in 10 s", dials.Load(), n)
		}
		before := syncs.Load()
		for range 50 {
			node.Kick()
			time.Sleep(calm)
			synctest.Wait()
		}
		if n := syncs.Load() - before; n < 90 {
			t.Errorf("50 kicks made %d statements", n)
		}
		before = syncs.Load()
		for range 50 {
			node.Kick()
			synctest.Wait()
		}
		if n := syncs.Load() - before; n > 4 {
			t.Errorf("50 kicks at once made %d statements", n)
		}
		stop()
		all.Wait()
	})
}

// hanging is a server that says no more at some step.
type hanging struct {
	script
	at string
}

func (h *hanging) Read(ctx context.Context, c Revision) (Page, error) {
	if h.at == "read" {
		<-ctx.Done()
		return Page{}, ctx.Err()
	}
	return h.script.Read(ctx, c)
}

func (h *hanging) Commit(ctx context.Context, row string, v int64) (bool, error) {
	if h.at == "commit" {
		<-ctx.Done()
		return false, ctx.Err()
	}
	return h.script.Commit(ctx, row, v)
}

func TestASilentServerCostsAConnectionAndNotTheLease(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"read", "commit"} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			var dials int
			node, err := NewNode(NodeConfig{Memory: &forgetful{}, Clock: func() time.Duration { return time.Since(start) }, Rand: rand.Reader, Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				t.Fatal(err)
			}
			node.cfg.Dial = func(context.Context) (Primary, error) {
				dials++
				h := &hanging{script: script{head: Head{Revision{5, 55}, 1, "1"}, page: Page{Epoch: 1, Protocol: protocol, Timeline: "1", Lease: time.Second, HasCursor: true}}}
				h.look = func(step string) { // the second sync of each connection is not answered
					if strings.HasPrefix(step, "commit") {
						h.at = at
					}
				}
				return h, nil
			}
			ctx, stop := context.WithCancel(t.Context())
			var all sync.WaitGroup
			all.Go(func() { node.Run(ctx) })
			synctest.Wait()
			for range 100 {
				time.Sleep(100 * time.Millisecond)
				if !node.Lease().Fresh(time.Since(start)) {
					t.Fatalf("%s: the lease ended at %s", at, time.Since(start))
				}
			}
			stop()
			all.Wait()
			if dials < 5 {
				t.Errorf("%s: %d connections in 10 s", at, dials)
			}
		})
	}
}

func TestAwait(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	s := newSleeper(t, Dial(b.url))
	soon, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if l := s.AwaitSince(soon, 0); l != nil {
		t.Errorf("a lease out of nowhere: %+v", l)
	}
	if s.AwaitRevision(soon, Revision{}) {
		t.Error("applied before the first sync")
	}
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { s.Run(ctx) })
	defer all.Wait()
	defer stop()
	moment := boottime.Now()
	if l := s.AwaitSince(ctx, moment); l == nil || l.Since() < moment {
		t.Errorf("%+v", l)
	}
	r := b.announce("a")
	if !s.AwaitRevision(ctx, r) || s.cursor.Load().V < r.V {
		t.Errorf("the cursor is %v", s.cursor.Load())
	}
	late, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	for say, never := range map[string]Revision{"a later one": {r.V + 1, 1}, "another history's": {r.V, r.Nonce + 1}} {
		if s.AwaitRevision(late, never) {
			t.Errorf("%s is applied", say)
		}
	}
	moment = boottime.Now()
	if l := s.AwaitSince(late, moment+time.Hour); l == nil || l.Since() > boottime.Now() {
		t.Errorf("the lease that holds is not given: %+v", l)
	}
}

// The feed's own node has applied an announcement when Run returns: whoever made it finds it made.
func TestAnAnnouncementIsAppliedHereWhenRunReturns(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.lease(20*time.Second, 20*time.Second)
	s := newSleeper(t, Dial(b.url))
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { s.Run(ctx) })
	defer all.Wait()
	defer stop()
	s.AwaitSince(ctx, 0)
	b.cfg.Node = s.Node
	late := 0
	for i := range 5 {
		if r := b.announce(fmt.Sprint(i)); s.cursor.Load().V < r.V {
			late++
		}
	}
	if late > 3 { // it is a kindness, and bounded
		t.Errorf("%d of 5 were not applied", late)
	}
}

func TestNodeMetrics(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	s := newSleeper(t, Dial(b.url))
	registry := prometheus.NewRegistry()
	s.Register(registry)
	value := func(name string) float64 {
		t.Helper()
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(families, func(f *dto.MetricFamily) bool { return f.GetName() == name })
		if i < 0 {
			t.Fatalf("no %s", name)
		}
		m := families[i].GetMetric()[0]
		return m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
	}
	if v := value("latchkey_lease_age_seconds"); v != -1 {
		t.Errorf("the lease that is not there is %v old", v)
	}
	s.sync()
	s.FillDiscarded()
	b.exec("DELETE FROM cache_node")
	_ = s.try()
	clock := s.cfg.Clock
	s.cfg.Clock = func() time.Duration { return clock() + time.Hour }
	s.sync()
	for name, want := range map[string]float64{"latchkey_sync_duration_seconds": 2, "latchkey_lease_lapses_total": 1, "latchkey_history_diverged_total": 1, "latchkey_fills_discarded_total": 1} {
		if got := value(name); got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if v := value("latchkey_lease_age_seconds"); v < 0 || v > 60 {
		t.Errorf("the lease is %v old", v)
	}
}

func TestANodeWithoutADatabase(t *testing.T) {
	t.Parallel()
	gone := "postgres://u:p@127.0.0.1:1/d"
	s := newSleeper(t, Dial(gone))
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	s.Run(ctx)
	if s.Lease() != nil {
		t.Error("a lease")
	}
	if err := s.Leave(t.Context()); err == nil {
		t.Error("left")
	}
}
