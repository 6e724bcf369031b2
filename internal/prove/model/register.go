package main

// registering is how far a node's registration got.
type registering uint8

const (
	unregistered registering = iota
	flushed
	headRead
	rowCommitted // the node does not know it yet
	registered   // fills are allowed
)

// register lists what a node does to register.
func (w *world) register(s *state, n int) {
	w.try(s, nodeName[n], func(next *state) string { return w.advanceRegistration(next, n) })
	if stage := s.node[n].registering; w.failures && (stage == headRead || stage == rowCommitted) {
		w.try(s, nodeName[n], func(next *state) string {
			w.unregister(next, n)
			return "registration: it fails, or the answer to COMMIT is lost"
		})
	}
}

// advanceRegistration does the next thing of a registration, if there is one.
func (w *world) advanceRegistration(s *state, n int) string {
	nd := &s.node[n]
	switch nd.registering {
	case unregistered:
		w.flush(s, n)
		nd.registering = flushed
		return "registration: forgets all, and counts up every generation"
	case flushed:
		nd.registering, nd.head, nd.headTimeline = headRead, s.primary.head(), s.primary.timeline
		return "registration: reads the head of the changes"
	case headRead:
		if nd.headTimeline != s.primary.timeline { // its transaction was on the old primary
			w.unregister(s, n)
			return "registration: the connection is gone"
		}
		row := w.rowOf(n)
		s.commit(false, func(db *database) { db.node[row] = nodeRow{true, nd.head.v} })
		s.rise(row)
		nd.registering = rowCommitted
		return "registration: its row says that it applied the head; COMMIT"
	case rowCommitted:
		nd.cursor, nd.floor, nd.timeline = nd.head, nd.head, nd.headTimeline
		nd.registering, nd.head, nd.headTimeline = registered, revision{}, 0
		return "registration: knows that it committed; fills are allowed"
	}
	return ""
}

// flush forgets everything.
func (w *world) flush(s *state, n int) {
	if w.mutant == noFlush {
		return
	}
	s.node[n].key, s.node[n].account = absent, absent
	if w.mutant != flushKeepsGeneration {
		s.bump(n, ofKey)
		s.bump(n, ofAccount)
	}
}

// unregister sends the node back to where a registration begins. Its lease ends, and its syncs with it: the row that comes
// next says that everything up to the head is applied, and until the node knows that row, it has not the floor to go with it.
func (w *world) unregister(s *state, n int) {
	nd := &s.node[n]
	nd.registering, nd.head, nd.headTimeline = unregistered, revision{}, 0
	if w.mutant != leaseSurvives {
		nd.base, nd.length = w.horizon, 0
	}
	if w.mutant != syncSurvives {
		nd.sync = [maxSyncs]sync{}
	}
}

// rowOf is the row of cache_node that a process calls its own.
func (w *world) rowOf(n int) int {
	if w.mutant == sharedID {
		return 0
	}
	return n
}
