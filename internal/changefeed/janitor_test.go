package changefeed

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The janitor judges by its own clock, from when it had read the sign of life.
func TestJanitorBuriesWhoStaysSilent(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.lease(200*time.Millisecond, 300*time.Millisecond)
	now := time.Hour
	j := NewJanitor(b.pool, func() time.Duration { return now }, time.Now)
	b.laggard("dead")
	b.laggard("alive")
	bury := func(want int64) {
		t.Helper()
		if n, err := j.Bury(t.Context()); err != nil || n != want {
			t.Errorf("at %s: %d buried, %v; want %d", now, n, err, want)
		}
	}
	bury(0)
	now += 3*time.Second - 1
	b.exec("UPDATE cache_node SET seq = seq + 1 WHERE id = 'alive'")
	bury(0)
	now++
	bury(1)
	if got := one[string](b, "SELECT string_agg(id, ' ') FROM cache_node"); got != "alive" {
		t.Errorf("left: %s", got)
	}
	now += 3*time.Second - 2
	bury(0) // its sign was read 3 s ago, less 1
	now += time.Second
	bury(1)
	bury(0)
}

// What counts is when the answer was there, not when it was asked for: in between, a lease may have been renewed.
func TestJanitorCountsFromTheAnswer(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.laggard("node")
	var now atomic.Int64
	j := NewJanitor(b.pool, func() time.Duration { return time.Duration(now.Load()) }, time.Now)
	tx, err := b.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), "LOCK TABLE cache_node IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		_, err := j.Bury(context.Background())
		done <- err
	}()
	for one[int64](b, "SELECT count(*) FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())") == 0 {
		continue // each look is a journey
	}
	now.Store(int64(time.Hour))
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil || j.seen["node"].since != time.Hour {
		t.Errorf("seen at %s, %v", j.seen["node"].since, err)
	}
}

// Who looks sees what the janitor saw, and the other way round.
func TestNodes(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.lease(200*time.Millisecond, 200*time.Millisecond)
	now := time.Hour
	j := NewJanitor(b.pool, func() time.Duration { return now }, time.Now)
	sees := func(say, want string) {
		t.Helper()
		nodes, err := j.Nodes(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, n := range nodes {
			renewed := "not seen"
			if n.Renewed != nil {
				renewed = n.Renewed.String()
			}
			got = append(got, fmt.Sprintf("%s %d behind, %s", n.ID, n.Behind, renewed))
		}
		if all := strings.Join(got, "; "); all != want {
			t.Errorf("%s: %s; want %s", say, all, want)
		}
	}
	sees("nobody", "")
	b.exec("UPDATE cluster SET v = 7")
	b.exec("INSERT INTO cache_node VALUES ('a-1', 7, 1), ('b-1', 4, 1), ('b-2', 5, 9), ('c', 9, 1)")
	sees("at first", "a 0 behind, not seen; b 3 behind, not seen; c 0 behind, not seen")
	now += time.Minute / 30
	b.exec("UPDATE cache_node SET seq = seq + 1 WHERE id IN ('a-1', 'b-2')")
	sees("two moved", "a 0 behind, 0s; b 3 behind, 0s; c 0 behind, not seen")
	now += time.Second / 2
	b.exec("UPDATE cache_node SET seq = seq + 1 WHERE id = 'b-1'")
	sees("one of them did not any more", "a 0 behind, 500ms; b 3 behind, 0s; c 0 behind, not seen")
	b.exec("UPDATE cache_node SET seq = seq + 1 WHERE id = 'c'")
	if n, err := j.Bury(t.Context()); err != nil || n != 0 {
		t.Fatalf("%d buried, %v", n, err)
	}
	now += 1900 * time.Millisecond
	sees("the janitor saw it", "a 0 behind, 2.4s; b 3 behind, 1.9s; c 0 behind, 1.9s")
	if n, err := j.Bury(t.Context()); err != nil || n != 2 { // ten waits are two seconds: a, and the older row of b
		t.Fatalf("%d buried, %v", n, err)
	}
	sees("what it buried is gone", "b 3 behind, 1.9s; c 0 behind, 1.9s")
	b.exec("DELETE FROM cache_node")
	b.exec("INSERT INTO cache_node VALUES ('b-1', 7, 2)")
	sees("who left but for one", "b 0 behind, 1.9s")
}

func TestLooksAtOnce(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.laggard("node")
	j := NewJanitor(b.pool, func() time.Duration { return time.Hour }, time.Now)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if n, err := j.Bury(context.Background()); err != nil || n != 0 {
				t.Errorf("%d buried, %v", n, err)
			}
			if nodes, err := j.Nodes(context.Background()); err != nil || len(nodes) != 1 {
				t.Errorf("%v, %v", nodes, err)
			}
		})
	}
	all.Wait()
}

// Between the look and the deed the node may wake.
func TestJanitorSparesWhoGaveASign(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	now := time.Hour
	b.laggard("node")
	wake := func() {}
	j := NewJanitor(b.pool, func() time.Duration { wake(); return now }, time.Now)
	if _, err := j.Bury(t.Context()); err != nil {
		t.Fatal(err)
	}
	now += time.Hour
	wake = func() { b.exec("UPDATE cache_node SET seq = seq + 1") }
	if n, err := j.Bury(t.Context()); err != nil || n != 0 {
		t.Errorf("%d buried, %v", n, err)
	}
	wake = func() {}
	if n, err := j.Bury(t.Context()); err != nil || n != 0 {
		t.Errorf("its sign is new, and yet: %d buried, %v", n, err)
	}
}

// The database's time of day plays no part.
func TestJanitorHasAClockOfItsOwn(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	now := time.Hour
	day := time.Now()
	j := NewJanitor(b.pool, func() time.Duration { return now }, func() time.Time { return day })
	b.laggard("node")
	for range 3 {
		if n, err := j.Bury(t.Context()); err != nil || n != 0 {
			t.Errorf("%d, %v", n, err)
		}
		day = day.Add(24 * time.Hour)
	}
}

func TestPrune(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.lease(200*time.Millisecond, 200*time.Millisecond)
	now := time.Now()
	j := NewJanitor(b.pool, func() time.Duration { return 0 }, func() time.Time { return now })
	prune := func(say string, want int64, least int64) {
		t.Helper()
		n, err := j.Prune(t.Context())
		if got := one[int64](b, "SELECT min(v) FROM change"); err != nil || n != want || got != least {
			t.Errorf("%s: %d removed, %v, the oldest is %d; want %d and %d", say, n, err, got, want, least)
		}
	}
	for i := range 5 {
		b.announce(fmt.Sprint(i))
	}
	b.exec("INSERT INTO cache_node VALUES ('behind', 2, 1), ('ahead', 5, 1)")
	prune("all are new", 0, 0)
	now = now.Add(keepFor + time.Minute)
	prune("a node has applied two", 2, 2) // 2 itself is where it stands
	b.exec("UPDATE cache_node SET applied_v = 5")
	prune("all have applied all", 3, 5)
	b.exec("DELETE FROM cache_node")
	prune("nobody is there", 0, 5)
	b.announce("new")
	now = now.Add(time.Hour)
	prune("another one", 1, 6)
}

func TestPruneIsBounded(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	b.exec("INSERT INTO change SELECT n, 'key', '', 0, now() - interval '1 day' FROM generate_series(1, 1500) n")
	b.exec("UPDATE cluster SET v = 1500")
	j := NewJanitor(b.pool, func() time.Duration { return 0 }, time.Now)
	for _, want := range []int64{1000, 499, 0} {
		if n, err := j.Prune(t.Context()); err != nil || n < want || n > want+1 {
			t.Errorf("%d, %v; want about %d", n, err, want)
		}
	}
}

func TestAJanitorWithoutADatabase(t *testing.T) {
	t.Parallel()
	b := newBed(t)
	j := NewJanitor(b.pool, func() time.Duration { return 0 }, time.Now)
	b.pool.Close()
	if _, err := j.Bury(t.Context()); err == nil {
		t.Error("buried")
	}
	if _, err := j.Prune(t.Context()); err == nil {
		t.Error("pruned")
	}
	if _, err := j.Nodes(t.Context()); err == nil {
		t.Error("looked")
	}
}
