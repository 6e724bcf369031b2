package main

import "hash/maphash"

// mostStates ends a search that would take more memory than a small machine has.
const mostStates = 1 << 26

// found is what the search of one world came to.
type found struct {
	states, depth int
	cut           bool     // the world is larger than mostStates
	broken        property // the first that broke, with a shortest way there
	trace         []string
}

// search goes through the states of a world in the order of their distance from the first, each once.
type search struct {
	*world
	seen    fingerprints
	parents []parent // of every state, in the order of the search
	spare   []state
	found   found
}

// parent says of which state which step made a state.
type parent struct {
	state uint32
	step  uint8
}

// explore looks at every state that w can get into, until a property breaks.
func explore(w *world) found {
	x := &search{world: w, seen: newFingerprints(), parents: make([]parent, 1)}
	first := w.initial()
	x.seen.add(&first)
	for level := []state{first}; len(level) > 0 && !x.over(); {
		level = x.expand(level)
		if len(level) > 0 {
			x.found.depth++
		}
	}
	x.found.states = len(x.parents)
	return x.found
}

func (x *search) over() bool { return x.found.broken != none || x.found.cut }

// expand gives the states that are one step further than those of level.
func (x *search) expand(level []state) []state {
	further := x.spare[:0]
	number := len(x.parents) - len(level) // of the first of level
	for i := range level {
		from := uint32(number + i)
		if x.alive {
			if rest := x.stuck(&level[i]); rest != nil {
				x.found.broken, x.found.trace = live, append(x.trace(from), rest...)
				return nil
			}
		}
		steps := x.next(&level[i])
		for j := range steps {
			to := &steps[j].to
			if to.broken == none && !x.seen.add(to) {
				continue
			}
			x.parents = append(x.parents, parent{from, uint8(j)})
			if to.broken != none {
				x.found.broken = to.broken
				x.found.trace = x.trace(uint32(len(x.parents) - 1))
				return nil
			}
			further = append(further, *to)
		}
	}
	x.found.cut = len(x.parents) > mostStates
	x.spare = level
	return further
}

// trace tells in words how the search came to a state: it makes the same steps again.
func (x *search) trace(to uint32) []string {
	var path []uint8
	for at := to; at != 0; at = x.parents[at].state {
		path = append(path, x.parents[at].step)
	}
	at := x.initial()
	var words []string
	for i := len(path) - 1; i >= 0; i-- {
		step := x.next(&at)[path[i]]
		words = append(words, step.who+": "+step.what)
		at = step.to
	}
	return words
}

// fingerprints is the set of states that were seen, as hashes of 64 bits: that two states of a run of ten million share one
// has a chance of three in a million.
type fingerprints struct {
	seed  maphash.Seed
	slots []uint64
	count int
}

func newFingerprints() fingerprints {
	return fingerprints{seed: maphash.MakeSeed(), slots: make([]uint64, 1<<16)}
}

// add tells whether s was not in the set yet.
func (f *fingerprints) add(s *state) bool {
	if 3*f.count > 2*len(f.slots) {
		f.grow()
	}
	hash := max(maphash.Comparable(f.seed, *s), 1) // 0 is an empty slot
	slot := f.slot(hash)
	if *slot == hash {
		return false
	}
	*slot = hash
	f.count++
	return true
}

// slot is where a hash is, or would be.
func (f *fingerprints) slot(hash uint64) *uint64 {
	most := uint64(len(f.slots) - 1)
	i := hash & most
	for f.slots[i] != 0 && f.slots[i] != hash {
		i = (i + 1) & most
	}
	return &f.slots[i]
}

func (f *fingerprints) grow() {
	old := f.slots
	f.slots = make([]uint64, 2*len(old))
	for _, hash := range old {
		if hash != 0 {
			*f.slot(hash) = hash
		}
	}
}
