package verify

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestTable(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		say   string
		since func(*table[int, string]) // between the read and the insertion
		kept  bool
	}{
		{"nothing", func(*table[int, string]) {}, true},
		{"it was dropped", func(tab *table[int, string]) { tab.drop(1) }, false},
		{"everything was forgotten", func(tab *table[int, string]) { tab.flush() }, false},
	} {
		tab := newTable[int, string](1000)
		e := "read"
		since := tab.generation(1)
		tc.since(tab)
		if tab.insert(1, &e, since) != tc.kept || (tab.get(1) == &e) != tc.kept {
			t.Errorf("after %s: %v", tc.say, tab.get(1))
		}
		if !tab.insert(1, &e, tab.generation(1)) || tab.get(1) != &e || tab.len() != 1 {
			t.Errorf("after %s: a later read is not kept", tc.say)
		}
		if tab.flush(); tab.get(1) != nil || tab.len() != 0 {
			t.Errorf("after %s: still there after a flush", tc.say)
		}
	}
}

func TestATableHoldsSoManyAtMost(t *testing.T) {
	t.Parallel()
	for _, most := range []int{0, 1, 1000, 10_000} {
		tab := newTable[int, int](most)
		for i := range 3 * shardCount * tab.most {
			if !tab.insert(i, &i, tab.generation(i)) || tab.get(i) != &i {
				t.Fatalf("%d is not there", i)
			}
		}
		if n := tab.len(); n > max(shardCount, most) || n < max(1, most/2) {
			t.Errorf("of at most %d there are %d", most, n)
		}
		again := *tab.get(3*shardCount*tab.most - 1)
		tab.insert(again, &again, tab.generation(again))
		if n := tab.len(); n > max(shardCount, most) {
			t.Errorf("replaced one, now %d", n)
		}
	}
}

// Whoever read a row before a drop must not leave it in the table after it: versions only go up.
func TestATableNeverGoesBack(t *testing.T) {
	t.Parallel()
	const keys = 2
	tab := newTable[int, int](100)
	var truth [keys]atomic.Int64
	var wrong atomic.Bool
	end := time.Now().Add(time.Second)
	goOn := func() bool { return !wrong.Load() && time.Now().Before(end) }
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for goOn() {
				key := rand.IntN(keys)
				if tab.get(key) != nil {
					continue
				}
				since := tab.generation(key)
				v := int(truth[key].Load())
				runtime.Gosched()
				tab.insert(key, &v, since)
			}
		})
	}
	all.Go(func() {
		for i := 0; goOn(); i++ {
			key := rand.IntN(keys)
			if e, now := tab.get(key), int(truth[key].Load()); e != nil && *e < now { // since the last drop
				t.Errorf("%d after %d was withdrawn", *e, now)
				wrong.Store(true)
			}
			truth[key].Add(1)
			if i%100 == 99 {
				tab.flush()
			} else {
				tab.drop(key)
			}
			runtime.Gosched()
		}
	})
	all.Wait()
}
