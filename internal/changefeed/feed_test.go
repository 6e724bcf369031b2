package changefeed

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/latchkey-dev/latchkey/internal/boottime"
	"github.com/latchkey-dev/latchkey/internal/postgres"
	"github.com/latchkey-dev/latchkey/internal/problem"
)

// took is how long a withdrawal waited, by its metric, and what ended that.
func (b *bed) took(path string) uint64 {
	b.t.Helper()
	var m dto.Metric
	if err := b.waits.WithLabelValues(path).(prometheus.Metric).Write(&m); err != nil {
		b.t.Fatal(err)
	}
	return m.GetHistogram().GetSampleCount()
}

func TestRunCommitsTheChangeWithItsPlace(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	r, err := b.Run(t.Context(), func(tx pgx.Tx, c *Changes) error {
		c.Withdraw(Key, "b", "a", "b")
		c.Announce(Role, "a")
		_, err := tx.Exec(t.Context(), "UPDATE account SET name = 'changed'")
		return err
	})
	if err != nil || r.V != 1 || r.Nonce < 0 {
		t.Fatal(r, err)
	}
	rows, _ := b.pool.Query(t.Context(), "SELECT kind || ' ' || id || ' ' || nonce FROM change WHERE v = 1 ORDER BY kind, id")
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	var want []string
	for _, s := range []string{"key a", "key b", "role a"} {
		want = append(want, fmt.Sprint(s, " ", r.Nonce))
	}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	if one[int64](b, "SELECT v FROM cluster") != 1 || one[string](b, "SELECT max(name) FROM account") != "changed" {
		t.Error("not both were committed")
	}
}

func TestRunRollsBack(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	cause := errors.New("cause")
	r, err := b.Run(t.Context(), func(tx pgx.Tx, c *Changes) error {
		c.Withdraw(Key, "a")
		if _, err := tx.Exec(t.Context(), "UPDATE account SET name = 'changed'"); err != nil {
			t.Error(err)
		}
		return cause
	})
	if !errors.Is(err, cause) || r != (Revision{}) || one[int64](b, "SELECT v FROM cluster") != 0 || one[string](b, "SELECT max(name) FROM account") == "changed" {
		t.Errorf("%v, %v", r, err)
	}
}

func TestWithoutAChangeThereIsNoPlace(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	r, err := b.Run(t.Context(), func(tx pgx.Tx, _ *Changes) error {
		_, err := tx.Exec(t.Context(), "UPDATE account SET name = 'changed'")
		return err
	})
	if err != nil || r != (Revision{}) || one[int64](b, "SELECT v FROM cluster") != 0 || one[string](b, "SELECT max(name) FROM account") != "changed" {
		t.Errorf("%v, %v", r, err)
	}
}

func TestRunIsRepeatedWhenTheDatabaseAsksForIt(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	for _, tc := range []struct{ failures, runs int }{{1, 2}, {2, 3}, {9, 3}} {
		runs := 0
		_, err := b.Run(t.Context(), func(tx pgx.Tx, c *Changes) error {
			c.Announce(Key, "a")
			if runs++; runs > tc.failures {
				return nil
			}
			_, err := tx.Exec(t.Context(), "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40001'; END $$")
			return err
		})
		if runs != tc.runs || (err != nil) != (tc.failures >= tc.runs) {
			t.Errorf("%d failures: %d runs, %v", tc.failures, runs, err)
		}
	}
}

// Whoever has seen a change will never see an older one appear.
func TestChangesAppearInTheirOrder(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	const writers, each = 6, 20
	var done atomic.Bool
	var all, watch sync.WaitGroup
	watch.Go(func() {
		for !done.Load() {
			if n := one[int64](b, "SELECT max(v) + 1 - count(DISTINCT v) FROM change"); n != 0 {
				t.Errorf("%d changes are missing below the newest", n)
				return
			}
		}
	})
	var mu sync.Mutex
	var seen []int64
	for w := range writers {
		all.Go(func() {
			for i := range each {
				r := b.announce(fmt.Sprint(w, i))
				mu.Lock()
				seen = append(seen, r.V)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	done.Store(true)
	watch.Wait()
	slices.Sort(seen)
	if len(slices.Compact(seen)) != writers*each || seen[len(seen)-1] != writers*each {
		t.Errorf("%d places up to %d", len(seen), seen[len(seen)-1])
	}
}

func TestAWithdrawalReturnsWhenEveryNodeHasAppliedIt(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.lease(20*time.Second, 20*time.Second)
	b.laggard("one")
	b.laggard("two")
	returned := make(chan Revision, 1)
	go func() {
		r, err := b.withdraw("a")
		if err != nil {
			t.Error(err)
		}
		returned <- r
	}()
	for _, id := range []string{"one", "two"} {
		select {
		case <-returned:
			t.Fatalf("it returned before %s had applied it", id)
		case <-time.After(400 * time.Millisecond):
		}
		b.exec("UPDATE cache_node SET applied_v = 1, seq = seq + 1 WHERE id = $1", id)
	}
	select {
	case r := <-returned:
		if r.V != 1 || b.took("ack") != 1 {
			t.Errorf("%v, by ack: %d", r, b.took("ack"))
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it does not return")
	}
}

// A node that is dead, stopped or cut off costs the wait: that of the cluster, which covers every lease in use.
func TestAWithdrawalReturnsWhenTheLongestLeaseHasEnded(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.lease(200*time.Millisecond, 700*time.Millisecond)
	b.laggard("dead")
	began := boottime.Now()
	if _, err := b.withdraw("a"); err != nil {
		t.Fatal(err)
	}
	if took := boottime.Now() - began; took < waitFor(700*time.Millisecond) || took > 10*time.Second || b.took("lease") != 1 {
		t.Errorf("it took %s", took)
	}
}

func TestAnAnnouncementWaitsForNobody(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.lease(20*time.Second, 20*time.Second)
	b.laggard("dead")
	began := time.Now()
	b.announce("a")
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
}

// The answer of a server that does not know the change, such as an old primary that shows no nodes, is no answer.
func TestThePollSeesItsOwnChangeAndEveryNode(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	r, err := b.withdraw("a")
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		say  string
		r    Revision
		node int64
		yes  bool
	}{
		{"its own", r, 1, true},
		{"a later one's number", Revision{r.V + 1, r.Nonce}, 2, false},
		{"another history's", Revision{r.V, r.Nonce + 1}, 1, false},
		{"one that a node has not applied", r, 0, false},
	} {
		b.exec("DELETE FROM cache_node")
		b.exec("INSERT INTO cache_node VALUES ('one', 9, 1), ('two', $1, 1)", tc.node)
		if got := b.effective(t.Context(), tc.r); got != tc.yes {
			t.Errorf("%s: %t", tc.say, got)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if b.effective(gone, r) {
		t.Error("no answer counts as yes")
	}
}

// Who repeats a withdrawal relies on it as much as the first.
func TestARepeatedWithdrawalHasAPlaceOfItsOwn(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.lease(400*time.Millisecond, 400*time.Millisecond)
	b.laggard("dead")
	var last Revision
	for range 2 {
		began := boottime.Now()
		r, err := b.withdraw("a")
		if err != nil || r.V != last.V+1 || r.Nonce == last.Nonce {
			t.Fatal(r, err)
		}
		if took := boottime.Now() - began; took < waitFor(400*time.Millisecond) {
			t.Errorf("%v took %s", r, took)
		}
		last = r
	}
}

func TestAWithdrawalGoesOnWhenItsCallerLeaves(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.lease(400*time.Millisecond, 400*time.Millisecond)
	b.laggard("dead")
	ctx, leave := context.WithCancel(t.Context())
	began := boottime.Now()
	_, err := b.Run(ctx, func(_ pgx.Tx, c *Changes) error {
		c.Withdraw(Key, "a")
		leave()
		return nil
	})
	if took := boottime.Now() - began; err != nil || took < waitFor(400*time.Millisecond) {
		t.Errorf("%s, %v", took, err)
	}
}

func TestTooLongALockIsADefiniteNo(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	tx, err := b.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "SET LOCAL idle_in_transaction_session_timeout = 0; SELECT * FROM cluster FOR UPDATE"); err != nil {
		t.Fatal(err)
	}
	_, err = b.withdraw("a")
	if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || pg.Code != "55P03" || errors.Is(err, problem.New(problem.RevocationUnconfirmed)) {
		t.Errorf("%v", err)
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r, err := b.withdraw("a"); err != nil || r.V != 1 {
		t.Errorf("afterwards: %v, %v", r, err)
	}
}

func TestWhatTheServerRefusedAndWhatNobodyKnows(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		err     error
		refused bool
	}{
		{&pgconn.PgError{Code: "23505", SeverityUnlocalized: "ERROR"}, true},
		{&pgconn.PgError{Code: "40001", SeverityUnlocalized: "ERROR"}, true},
		{&pgconn.PgError{Code: "25P03", SeverityUnlocalized: "FATAL"}, true},
		{&pgconn.PgError{Code: "57P01", SeverityUnlocalized: "FATAL"}, false},
		{&pgconn.PgError{Code: "08006", SeverityUnlocalized: "FATAL"}, false},
		{&pgconn.PgError{Code: "58030", SeverityUnlocalized: "PANIC"}, false},
		{context.DeadlineExceeded, false},
		{nil, false},
	} {
		if got := refused(tc.err); got != tc.refused {
			t.Errorf("%v: %t", tc.err, got)
		}
	}
}

// wire is a way to the database that can be cut or slowed when a commit passes.
type wire struct {
	t        testing.TB
	dir      string
	upstream string
	cut      atomic.Pointer[string] // "request": the commit does not arrive; "answer": nobody hears of it
	delay    atomic.Int64           // of the answer
}

func newWire(tb testing.TB, b *bed) (*wire, *bed) {
	tb.Helper()
	host, port := b.pool.Config().ConnConfig.Host, b.pool.Config().ConnConfig.Port
	dir, err := os.MkdirTemp("", "wire")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	name := fmt.Sprintf(".s.PGSQL.%d", port)
	w := &wire{t: tb, dir: dir, upstream: filepath.Join(host, name)}
	w.cut.Store(new(string))
	listener, err := net.Listen("unix", filepath.Join(dir, name))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go w.join(conn)
		}
	}()
	return w, bedOn(tb, b.url+"&host="+dir)
}

func (w *wire) join(client net.Conn) {
	server, err := net.Dial("unix", w.upstream)
	if err != nil {
		_ = client.Close()
		return
	}
	var ends sync.WaitGroup
	var commits atomic.Bool
	pass := func(from, to net.Conn, look func([]byte) bool) {
		defer func() { _, _ = from.Close(), to.Close() }()
		buffer := make([]byte, 1<<16)
		for {
			n, err := from.Read(buffer)
			if err != nil || !look(buffer[:n]) {
				return
			}
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
	}
	ends.Go(func() {
		pass(client, server, func(b []byte) bool {
			if isCommit(b) {
				commits.Store(true)
			}
			return !commits.Load() || *w.cut.Load() != "request"
		})
	})
	ends.Go(func() {
		pass(server, client, func([]byte) bool {
			if commits.Load() {
				time.Sleep(time.Duration(w.delay.Load()))
			}
			return !commits.Load() || *w.cut.Load() != "answer"
		})
	})
	ends.Wait()
}

// isCommit tells the batch of Feed.commit, whose statements are prepared, by the kinds that it binds.
func isCommit(b []byte) bool { return slices.Contains(splitZero(b), "wire-key") }

func splitZero(b []byte) []string {
	const mark = "wire-key"
	for i := 0; i+len(mark) <= len(b); i++ {
		if string(b[i:i+len(mark)]) == mark {
			return []string{mark}
		}
	}
	return nil
}

func TestACommitThatWasCutOffIsUnconfirmed(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		cut  string
		done int64
	}{{"request", 0}, {"answer", 1}} {
		direct := newBed(t)
		w, b := newWire(t, direct)
		b.announce("first") // the statements are prepared
		w.cut.Store(&tc.cut)
		_, err := b.withdraw("wire-key")
		if !errors.Is(err, problem.New(problem.RevocationUnconfirmed)) {
			t.Errorf("%s lost: %v", tc.cut, err)
		}
		w.cut.Store(new(string))
		for one[int64](direct, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL") > 0 {
			continue // the server has not noticed yet
		}
		if n := one[int64](direct, "SELECT v FROM cluster"); n != 1+tc.done {
			t.Errorf("%s lost: %d changes", tc.cut, n)
		}
		if r, err := b.withdraw("wire-key"); err != nil || r.V != 2+tc.done {
			t.Errorf("%s lost, repeated: %v, %v", tc.cut, r, err)
		}
		var m dto.Metric
		if err := b.unknown.Write(&m); err != nil || m.GetCounter().GetValue() != 1 {
			t.Errorf("counted %v, %v", m.GetCounter().GetValue(), err)
		}
	}
}

// A lease may begin while the commit is on its way, so the wait begins when it is known.
func TestTheWaitBeginsWhenTheCommitIsKnown(t *testing.T) {
	t.Parallel()
	w, b := newWire(t, newBed(t))
	b.lease(500*time.Millisecond, 500*time.Millisecond)
	b.laggard("dead")
	b.announce("first")
	w.delay.Store(int64(600 * time.Millisecond))
	began := boottime.Now()
	if _, err := b.withdraw("wire-key"); err != nil {
		t.Fatal(err)
	}
	if took := boottime.Now() - began; took < 600*time.Millisecond+waitFor(500*time.Millisecond) {
		t.Errorf("it took %s", took)
	}
}

func TestSettled(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.lease(200*time.Millisecond, 400*time.Millisecond)
	began := boottime.Now()
	if err := b.Settled(t.Context()); err != nil || boottime.Now()-began < waitFor(400*time.Millisecond) {
		t.Errorf("%s, %v", boottime.Now()-began, err)
	}
	gone, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := b.Settled(gone); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// At every moment the wait covers the lease, and what was the lease until that has ended.
func TestSetLease(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.lease(time.Second, time.Second)
	for _, bad := range []time.Duration{0, -time.Second, 199 * time.Millisecond, 21 * time.Second, time.Second + 1} {
		if err := b.SetLease(t.Context(), bad); !errors.Is(err, ErrLease) {
			t.Errorf("%s: %v", bad, err)
		}
	}
	type state struct {
		before, after time.Duration // it was read
		lease, wait   int
	}
	var states []state
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
			}
			s := state{before: boottime.Now()}
			if err := b.pool.QueryRow(context.Background(), "SELECT lease_ms, wait_ms FROM cluster").Scan(&s.lease, &s.wait); err != nil {
				t.Error(err)
				return
			}
			s.after = boottime.Now()
			states = append(states, s)
			time.Sleep(time.Millisecond)
		}
	}()
	last := time.Second
	for _, lease := range []time.Duration{1500 * time.Millisecond, 300 * time.Millisecond} {
		began := boottime.Now()
		if err := b.SetLease(t.Context(), lease); err != nil {
			t.Fatal(err)
		}
		if took := boottime.Now() - began; took < waitFor(last) {
			t.Errorf("from %s to %s in %s: the old leases have not ended", last, lease, took)
		}
		last = lease
		s, err := b.Settings(t.Context())
		if err != nil || s.Lease != lease || s.Wait != lease {
			t.Errorf("set to %s: %+v, %v", lease, s, err)
		}
	}
	close(stop)
	<-stopped
	longest, until := 0, time.Duration(0)
	for i, s := range states {
		if i > 0 && s.lease != states[i-1].lease { // who read the old one may rely on it for as long
			longest, until = states[i-1].lease, states[i-1].before+time.Duration(states[i-1].lease)*time.Millisecond
		}
		if s.wait < s.lease || s.wait < longest && s.after < until {
			t.Errorf("before %s the wait is %d, the lease %d, before that %d until %s", s.after, s.wait, s.lease, longest, until)
		}
	}
	if n := one[int64](b, "SELECT v FROM cluster"); n != 6 || one[int64](b, "SELECT count(*) FROM change") != n+1 {
		t.Errorf("%d changes of the cluster", n)
	}
}

func TestSetLeaseTellsOfAnother(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.lease(time.Second, time.Second)
	var first error
	done := make(chan struct{})
	go func() {
		defer close(done)
		first = b.SetLease(context.Background(), 300*time.Millisecond)
	}()
	for one[int](b, "SELECT lease_ms FROM cluster") != 300 {
		continue // each look is a journey
	}
	second := b.SetLease(t.Context(), 400*time.Millisecond)
	<-done
	if first == nil || second != nil {
		t.Errorf("%v; %v", first, second)
	}
	if s, err := b.Settings(t.Context()); err != nil || s.Lease != 400*time.Millisecond || s.Wait != s.Lease {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestTheFeedNeedsChance(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.cfg.Rand = failing{}
	if _, err := b.withdraw("a"); err == nil || one[int64](b, "SELECT v FROM cluster") != 0 {
		t.Errorf("%v", err)
	}
	if _, err := NewNode(NodeConfig{Rand: failing{}}); err == nil {
		t.Error("a node without an id")
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("no chance") }

func TestAFeedWithoutADatabase(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.pool.Close()
	if _, err := b.withdraw("a"); err == nil || errors.Is(err, problem.New(problem.RevocationUnconfirmed)) {
		t.Errorf("withdraw: %v", err)
	}
	if err := b.Settled(t.Context()); err == nil {
		t.Error("settled")
	}
	if _, err := b.Settings(t.Context()); err == nil {
		t.Error("settings")
	}
	if err := b.SetLease(t.Context(), time.Second); err == nil {
		t.Error("set")
	}
}

// Everybody who listens is kicked by a withdrawal.
func TestAWithdrawalKicksTheOthers(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	heard := make(chan struct{}, 100)
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { postgres.Listen(ctx, b.url, "latchkey_change", func() { heard <- struct{}{} }) })
	defer all.Wait()
	defer stop()
	for deadline := time.Now().Add(someTime); ; {
		if _, err := b.withdraw("a"); err != nil {
			t.Fatal(err)
		}
		select {
		case <-heard:
			return
		case <-time.After(100 * time.Millisecond):
			if time.Now().After(deadline) {
				t.Fatal("nobody heard of it")
			}
		}
	}
}
