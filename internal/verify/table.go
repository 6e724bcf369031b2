package verify

import (
	"hash/maphash"
	"sync"
)

const shardCount = 256

// table is a part of the memory: entries by id, each of them whole and never changed in place. What is read from the
// database may go in only if nothing was dropped from its shard since the read began: insert checks the generation under
// the lock that drop raises it under.
type table[K comparable, E any] struct {
	seed   maphash.Seed
	most   int // entries of a shard; another one makes room by chance; 0: nothing is remembered
	shards [shardCount]shard[K, E]
}

type shard[K comparable, E any] struct {
	mu         sync.RWMutex
	generation uint64
	entries    map[K]*E
	_          [64]byte // a cache line between neighbours
}

// newTable holds about so many entries at most.
func newTable[K comparable, E any](most int) *table[K, E] {
	t := &table[K, E]{seed: maphash.MakeSeed(), most: max(1, most/shardCount)}
	for i := range t.shards {
		t.shards[i].entries = map[K]*E{}
	}
	return t
}

func (t *table[K, E]) shard(key K) *shard[K, E] {
	return &t.shards[maphash.Comparable(t.seed, key)%shardCount]
}

// get gives an entry, or nil.
func (t *table[K, E]) get(key K) *E {
	s := t.shard(key)
	s.mu.RLock()
	e := s.entries[key]
	s.mu.RUnlock()
	return e
}

// generation is to be taken before a read begins whose result is to be inserted.
func (t *table[K, E]) generation(key K) uint64 {
	s := t.shard(key)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.generation
}

// insert adds what was read since a generation, unless something was dropped meanwhile.
func (t *table[K, E]) insert(key K, e *E, since uint64) bool {
	if t.most == 0 {
		return true
	}
	s := t.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.generation != since {
		return false
	}
	if _, known := s.entries[key]; !known && len(s.entries) >= t.most {
		s.forgetOne()
	}
	s.entries[key] = e
	return true
}

// forgetOne makes room: iteration begins anywhere.
func (s *shard[K, E]) forgetOne() {
	for key := range s.entries {
		delete(s.entries, key)
		return
	}
}

// drop forgets an entry, and whatever is being read of its shard.
func (t *table[K, E]) drop(key K) {
	s := t.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.generation++
	delete(s.entries, key)
}

// flush forgets everything, and whatever is being read.
func (t *table[K, E]) flush() {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		s.generation++
		clear(s.entries)
		s.mu.Unlock()
	}
}

// len counts the entries.
func (t *table[K, E]) len() int {
	n := 0
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.RLock()
		n += len(s.entries)
		s.mu.RUnlock()
	}
	return n
}
