package verify

import (
	"math/rand/v2"
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

// Whoever reads a row before a drop must not find it in the table after: versions only go up.
func TestATableNeverGoesBack(t *testing.T) {
	t.Parallel()
	const keys, rounds = 4, 20_000
	tab := newTable[int, int](100)
	var mu sync.Mutex
	var truth [keys]int
	read := func(key int) *int {
		mu.Lock()
		defer mu.Unlock()
		v := truth[key]
		return &v
	}
	var wrong atomic.Bool
	end := time.Now().Add(2 * time.Second) // enough for a machine that is slow
	goOn := func(i int) bool { return i < rounds && !wrong.Load() && time.Now().Before(end) }
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			for i := 0; goOn(i); i++ {
				key := rand.IntN(keys)
				if tab.get(key) == nil {
					since := tab.generation(key)
					tab.insert(key, read(key), since)
				}
			}
		})
	}
	all.Go(func() {
		for i := 0; goOn(i); i++ {
			key := rand.IntN(keys)
			mu.Lock()
			truth[key]++
			want := truth[key]
			mu.Unlock()
			if i%100 == 99 {
				tab.flush()
			} else {
				tab.drop(key)
			}
			if e := tab.get(key); e != nil && *e < want {
				t.Errorf("%d after %d was withdrawn", *e, want)
				wrong.Store(true)
			}
		}
	})
	all.Wait()
}
