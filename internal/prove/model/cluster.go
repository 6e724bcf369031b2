package main

// operating is how far the operator's change of the lease got.
type operating uint8

const (
	operatorIdle  operating = iota
	operatorRoom            // the wait is long enough
	operatorSet             // the lease is set; the operator does not know yet
	operatorWaits           // for the leases of the old length
	operatorDone
)

// operator is one `latchkey cluster set lease=…`. What it must keep true: the wait is never shorter than any node's lease.
type operator struct {
	stage  operating
	leaseV uint8 // the change that set the lease
	wait   ticks // as it was then
	waited ticks // since its commit returned
}

var operatorName = [2]string{"operator 1", "operator 2"}

// changeLease lists what an operator does next: make the wait long enough, set the lease, and shorten the wait when every
// longer lease has ended, unless somebody else set the lease since.
func (w *world) changeLease(s *state, i int) {
	to := w.change[i]
	if to == 0 {
		return
	}
	w.try(s, operatorName[i], func(next *state) string {
		o := &next.operator[i]
		switch o.stage {
		case operatorIdle:
			if w.setsWait(&next.primary, to) {
				o.stage = operatorRoom
				return w.setWait(next, to)
			}
			return w.setLease(next, o, to)
		case operatorRoom:
			return w.setLease(next, o, to)
		case operatorSet:
			return w.leaseIsSet(next, o, to)
		case operatorWaits:
			if o.waited < o.wait && w.mutant != lowerAtOnce && !(w.mutant == lowerByAck && w.nobodyBehind(next, o)) {
				return ""
			}
			mine := next.primary.leaseV == o.leaseV
			*o = operator{stage: operatorDone}
			if mine {
				return w.setWait(next, to)
			}
			return "leaves the wait to who set the lease since"
		}
		return ""
	})
}

// setsWait tells whether the wait is set before the lease.
func (w *world) setsWait(db *database, to ticks) bool {
	switch w.mutant {
	case raiseLeaseFirst:
		return false
	case lowerWaitFirst:
		return true
	case raiseShortens:
		return to > db.lease
	}
	return to > db.wait
}

func (w *world) setWait(s *state, to ticks) string {
	s.commit(false, func(db *database) { db.wait = to })
	return "sets the wait; COMMIT"
}

// setLease sets the lease, as far as the CHECK on the row allows.
func (w *world) setLease(s *state, o *operator, to ticks) string {
	if s.primary.wait < to && w.mutant != raiseLeaseFirst {
		o.stage = operatorIdle
		return "sets the lease; refused, the wait is shorter by now; begins again"
	}
	s.commit(false, func(db *database) {
		db.lease = to
		db.leaseV = db.append(ofElse).v
		*o = operator{stage: operatorSet, leaseV: db.leaseV, wait: db.wait}
	})
	return "sets the lease; COMMIT"
}

func (w *world) leaseIsSet(s *state, o *operator, to ticks) string {
	if o.wait <= to {
		short := o.wait < to
		*o = operator{stage: operatorDone}
		if short { // mutant raiseLeaseFirst
			return w.setWait(s, to)
		}
		return "is done"
	}
	o.stage = operatorWaits
	return "the COMMIT returned; begins to wait"
}

// nobodyBehind tells whether every node applied the change of the lease: which does not mean that it gave up the old one.
func (w *world) nobodyBehind(s *state, o *operator) bool {
	for n := range w.nodes {
		if row := s.primary.node[n]; row.present && row.applied < o.leaseV {
			return false
		}
	}
	return true
}
