package main

// property is what a run may break.
type property uint8

const (
	none   property = iota
	p1              // no valid answer to who asked after somebody was told
	p2              // no valid answer from a state of the database that is as old as the lease is long
	p3              // no valid answer without a lease
	secret          // the new secret is not refused after regenerate answered
	strict          // strict and at_least: no valid answer to who asked after the commit returned
	live            // from every state, one whole sync later, a node answers what the database says
	kept            // a sync never shortens the lease
)

func (p property) String() string {
	return [...]string{"nothing", "P1", "P2", "P3", "SECRET", "STRICT", "LIVE", "KEPT"}[p]
}

// world is a run, perhaps with a mistake in it, and the steps that were found from one state.
type world struct {
	setup
	mutant  mutant
	horizon ticks // the age from which nothing gets older
	steps   []step
}

// step is one thing that may happen.
type step struct {
	who, what string
	to        state
}

var nodeName = [maxNodes]string{"node A", "node B"}

func newWorld(r setup, m mutant) *world {
	r.syncs, r.fills = max(r.syncs, 1), max(r.fills, 1)
	if r.warm {
		r.fills = 0
	}
	w := &world{setup: r, mutant: m, horizon: max(r.lease, r.change[0], r.change[1])}
	if m == noTimeline {
		w.timeless = true
	}
	if m == longerLease || m == lessOrEqual {
		w.horizon++
	}
	return w
}

func (w *world) initial() state {
	s := state{primary: database{lease: w.lease, wait: w.lease, key: original, account: original}}
	if w.replica {
		s.other = s.primary
	}
	for n := range w.nodes {
		s.node[n].base = w.horizon
		if w.warm {
			s.node[n].key, s.node[n].account, s.node[n].registering = original, original, registered
			s.primary.node[w.rowOf(n)].present = true
		}
	}
	return s
}

// next lists what may happen in s. The answer is good until the next call.
func (w *world) next(s *state) []step {
	w.steps = w.steps[:0]
	w.tick(s)
	for n := range w.nodes {
		w.register(s, n)
		for i := range w.syncs {
			w.sync(s, n, i)
		}
		w.abandonedCommit(s, n)
		for i := range w.fills {
			w.fill(s, n, i)
		}
		w.clean(s, n)
	}
	w.withdraw(s, 0)
	if w.second != noSecond {
		w.withdraw(s, 1)
	}
	w.settling(s)
	w.enableAgain(s)
	w.list(s)
	for i := range w.change {
		w.changeLease(s, i)
	}
	w.environment(s)
	w.verifying(s)
	return w.steps
}

// try adds the step that do makes of s and names, if it names one.
func (w *world) try(s *state, who string, do func(next *state) string) {
	w.steps = append(w.steps, step{who: who, to: *s})
	last := &w.steps[len(w.steps)-1]
	if last.what = do(&last.to); last.what == "" {
		w.steps = w.steps[:len(w.steps)-1]
	}
}

// servers are those that a read may meet.
func (w *world) servers(s *state) []server {
	if w.replica || s.failedOver() {
		return anyServer
	}
	return primaryOnly
}

// contains tells whether db has the change r in its history.
func (w *world) contains(db *database, r revision) bool {
	return r.v <= db.v && (w.mutant == noNonce || db.change[r.v].nonce == r.nonce)
}

// tick makes everything one tick older.
func (w *world) tick(s *state) {
	w.try(s, "clock", func(next *state) string {
		for n := range w.nodes {
			w.tickNode(next, n)
		}
		for i := range next.withdrawal {
			if next.withdrawal[i].counting(w) {
				age(&next.withdrawal[i].waited, w.horizon)
			}
		}
		if next.settler.waiting() {
			age(&next.settler.waited, w.horizon)
		}
		for i := range next.operator {
			if next.operator[i].stage == operatorWaits {
				age(&next.operator[i].waited, w.horizon)
			}
		}
		if next.verify.stage != verifyIdle {
			age(&next.verify.base, w.horizon)
		}
		if next.withdrawn > 0 {
			age(&next.withdrawn, w.horizon+1)
		}
		if *next == *s {
			return ""
		}
		return "a tick passes"
	})
}

func (w *world) tickNode(next *state, n int) {
	nd := &next.node[n]
	age(&nd.base, w.horizon)
	for i := range nd.sync {
		if nd.sync[i].stage != syncIdle {
			age(&nd.sync[i].began, w.horizon)
		}
	}
	if next.janitor[n].stage == seen {
		age(&next.janitor[n].age, w.grace())
	}
}

func age(a *ticks, most ticks) {
	if *a < most {
		*a++
	}
}
