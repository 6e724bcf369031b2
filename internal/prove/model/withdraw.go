package main

// calling is how far a call that withdraws something got.
type calling uint8

const (
	notCalled calling = iota
	prepared          // mutants that read something before they commit
	committed         // in the database; the caller does not know yet
	waiting
	effective // the list may say `revoked`
	answered
	lost // nobody knows what became of it: 503 revocation_unconfirmed
)

// withdrawal is one call.
type withdrawal struct {
	stage  calling
	at     revision // its change
	wait   ticks    // as read under the lock of the clock
	waited ticks    // since the commit returned
}

var callName = [2]string{"call 1", "call 2"}

// withdraw lists what a call does next.
func (w *world) withdraw(s *state, i int) {
	c := &s.withdrawal[i]
	switch c.stage {
	case notCalled:
		w.call(s, i)
	case prepared:
		w.try(s, callName[i], func(next *state) string { return w.commitPrepared(next, i) })
	case committed:
		w.returns(s, i)
	case waiting:
		w.await(s, i)
	case effective:
		w.try(s, callName[i], func(next *state) string { return w.answer(next, i) })
	}
}

// kindOf is what a call withdraws.
func (w *world) kindOf(i int) kind {
	switch {
	case i == 1 && w.second == anAccount:
		return ofAccount
	case i == 1 && w.second == anotherKeys:
		return ofElse
	}
	return ofKey
}

// call lists the commits of a call: the row, the clock and the change, in one.
func (w *world) call(s *state, i int) {
	if i == 1 && w.second == aRetry && s.withdrawal[0].stage == notCalled && w.mutant != headBeforeRow {
		return
	}
	if w.prepares(i) {
		w.try(s, callName[i], func(next *state) string { return w.prepare(next, i) })
		return
	}
	w.try(s, callName[i], func(next *state) string {
		w.commitCall(next, i, false)
		return "withdraw: the row, v + 1, the change; COMMIT"
	})
	if w.warnings && !s.failedOver() {
		w.try(s, callName[i], func(next *state) string {
			w.commitCall(next, i, true)
			if w.mutant != warningIgnored {
				next.withdrawal[i] = withdrawal{stage: lost}
			}
			return "withdraw: the same; COMMIT with a WARNING, it is not replicated"
		})
	}
}

func (w *world) commitCall(s *state, i int, warned bool) {
	c := &s.withdrawal[i]
	s.commit(warned, func(db *database) {
		w.changeRow(s, db, i)
		c.at = db.append(w.announced(i))
		if w.kindOf(i) == ofKey && db.revoked == (revision{}) {
			db.revoked = c.at
		}
		c.stage, c.wait = committed, db.wait
	})
}

// changeRow withdraws the right in its own row.
func (w *world) changeRow(s *state, db *database, i int) {
	switch w.kindOf(i) {
	case ofKey:
		if db.key == original && w.early {
			s.withdrawn = 1
		}
		db.key = changed
		db.effective = db.effective || w.mutant == listAtOnce
	case ofAccount:
		db.account = changed
	}
}

// announced is the kind that a call's change says.
func (w *world) announced(i int) kind {
	of := w.kindOf(i)
	switch {
	case of == ofKey && w.unknown:
		return ofNews
	case of == ofAccount && w.mutant == suspensionUntold:
		return ofElse
	}
	return of
}

// returns lists how the answer to COMMIT comes, or not.
func (w *world) returns(s *state, i int) {
	w.try(s, callName[i], func(next *state) string {
		c := &next.withdrawal[i]
		if w.mutant == retryAtOnce && i == 1 {
			w.takeEffect(next, i)
			return "withdraw: was withdrawn already, waits for nothing"
		}
		c.stage = waiting
		return "withdraw: COMMIT returned; it begins to wait"
	})
	if i == 0 && (w.failures || w.second == aRetry || w.settle) {
		w.try(s, callName[i], func(next *state) string {
			next.withdrawal[i] = withdrawal{stage: lost}
			return "withdraw: the process dies, nobody hears of the COMMIT"
		})
	}
}

// await lists how a wait ends: every node said so, or time did.
func (w *world) await(s *state, i int) {
	for _, where := range w.servers(s) {
		if w.acknowledged(s, i, where) {
			w.try(s, callName[i], func(next *state) string {
				w.takeEffect(next, i)
				return "withdraw: no node is behind; revocation_effective_at is set"
			})
		}
	}
	if c := &s.withdrawal[i]; c.waited >= c.wait {
		w.try(s, callName[i], func(next *state) string {
			w.takeEffect(next, i)
			return "withdraw: every older lease has ended; revocation_effective_at is set"
		})
	}
}

// acknowledged tells what one statement sees: the own change, and no node that is behind it.
func (w *world) acknowledged(s *state, i int, where server) bool {
	db, at := s.at(where), s.withdrawal[i].at
	switch w.mutant {
	case blindPoll:
	case pollByNumber:
		if at.v > db.v {
			return false
		}
	default:
		if at.v > db.v || db.change[at.v].nonce != at.nonce {
			return false
		}
	}
	behind, heard := 0, 0
	for n := range w.nodes {
		if row := db.node[n]; row.present && row.applied < at.v {
			behind++
		} else if row.present {
			heard++
		}
	}
	return behind == 0 || w.mutant == anyAck && heard > 0
}

func (w *world) takeEffect(s *state, i int) {
	c := &s.withdrawal[i]
	*c = withdrawal{stage: effective, at: c.at}
	if w.kindOf(i) == ofKey && s.primary.key == changed {
		s.primary.effective = true // it may come with a WARNING: what it tells of is replicated
	}
}

func (w *world) answer(s *state, i int) string {
	s.withdrawal[i].stage = answered
	s.told = s.told || w.kindOf(i) == ofAccount || w.kindOf(i) == ofKey && !s.enabled
	return "withdraw: answers"
}

// list lists that somebody reads of the key that it is `revoked`. Once it is enabled again, or that was tried and nobody
// knows what became of it, a list says nothing that is to be relied on.
func (w *world) list(s *state) {
	for _, where := range w.servers(s) {
		w.try(s, "list", func(next *state) string {
			if next.told || next.enabled || !next.at(where).effective {
				return ""
			}
			next.told = true
			return "shows the key as `revoked`"
		})
	}
}
