package main

// environment lists what nobody asked for.
func (w *world) environment(s *state) {
	if w.replica && !s.failedOver() {
		w.try(s, "replica", func(next *state) string {
			if next.other == next.primary {
				return ""
			}
			next.other = next.primary
			return "catches up"
		})
	}
	if w.failover && !s.failedOver() {
		w.try(s, "database", w.promote)
	}
	if w.mutant == asyncCommit && !s.crashed && s.withdrawal[0].stage == answered {
		w.try(s, "database", func(next *state) string {
			next.crashed = true
			db := &next.primary
			db.key, db.revoked, db.effective = original, revision{}, false
			db.change[db.v] = change{}
			db.v--
			return "crashes and loses the commit (synchronous_commit=off)"
		})
	}
}

// promote makes the standby the primary. The old primary goes on answering reads, and commits nothing any more.
func (w *world) promote(s *state) string {
	s.other = s.primary
	if s.unreplicated {
		s.primary = s.standby
		if s.primary.key == original {
			s.withdrawn = 0
		}
	}
	s.standby, s.unreplicated = database{}, false
	s.primary.timeline++
	for n := range w.nodes {
		nd := &s.node[n]
		nd.abandoned, nd.abandonedPage = false, 0
		for i := range nd.sync {
			if stage := nd.sync[i].stage; stage > syncBegun && stage < syncProven {
				nd.sync[i].onOld = true
			}
		}
	}
	return "fails over; the old primary is cut off and still read"
}

// enableAgain lists that the withdrawn key is enabled: a change that nobody waits for.
func (w *world) enableAgain(s *state) {
	if !w.enable || s.enabled || s.withdrawal[0].stage < waiting {
		return
	}
	for _, warned := range []bool{false, true} {
		if warned && (!w.warnings || s.failedOver() || s.unreplicated) {
			return
		}
		w.try(s, "call 3", func(next *state) string {
			next.commit(warned, func(db *database) {
				db.key, db.revoked, db.effective = original, revision{}, false
				of := ofKey
				if w.mutant == enableUntold {
					of = ofElse
				}
				db.append(of)
			})
			next.enabled, next.told, next.verify.told = true, false, false
			if warned {
				return "enable: the row, v + 1, the change; COMMIT with a WARNING"
			}
			return "enable: the row, v + 1, the change; COMMIT"
		})
	}
}

// observation is what the janitor knows of a node's row.
type observation struct {
	stage seeing
	age   ticks // since the read of seq returned
}

type seeing uint8

const (
	notSeen seeing = iota // or no longer as it is now
	seen
	condemned // mutant deleteBlindly
)

// grace is how long a row must stand still before its node is dead.
func (w *world) grace() ticks {
	if w.mutant == hastyJanitor {
		return w.horizon - 1
	}
	return w.horizon
}

// rise counts up the seq of a row.
func (s *state) rise(row int) {
	if s.janitor[row].stage == seen {
		s.janitor[row] = observation{}
	}
}

// clean lists what the janitor does with the row of a node.
func (w *world) clean(s *state, n int) {
	o := s.janitor[n]
	if !w.janitor || !s.primary.node[n].present {
		return
	}
	if o.stage == notSeen {
		w.try(s, "janitor", func(next *state) string {
			next.janitor[n] = observation{stage: seen}
			return "reads seq of " + nodeName[n]
		})
	}
	still := o.stage == seen && o.age >= w.grace()
	if still && w.mutant == deleteBlindly {
		w.try(s, "janitor", func(next *state) string {
			next.janitor[n].stage = condemned
			return "holds the node for dead"
		})
	} else if still || o.stage == condemned || w.mutant == wallClock {
		w.try(s, "janitor", func(next *state) string {
			next.janitor[n] = observation{}
			next.commit(false, func(db *database) { db.node[n] = nodeRow{} })
			return "deletes the row of a node"
		})
	}
}
