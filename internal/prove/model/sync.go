package main

// syncing is how far a sync got.
type syncing uint8

const (
	syncIdle   syncing = iota
	syncBegun          // the begin of the next lease is taken; nothing was sent
	syncRead           // the changes are here
	syncDrops          // the floor is raised; entries are being dropped
	syncHalf           // an entry is dropped and its generation not counted up (mutant dropFirst)
	syncDone           // all are dropped and the cursor is raised
	syncProven         // the database committed what was applied; the node may not know yet
)

// sync is one exchange that renews the lease.
type sync struct {
	stage   syncing
	began   ticks
	page    revision // the newest change that it read
	applied uint8    // how far it got with dropping
	lease   ticks    // as the database says
	onOld   bool     // it talks to the old primary
	prior   bool     // it began before the strict verification under test
}

// sync lists what a sync of a node does next.
func (w *world) sync(s *state, n, i int) {
	servers := primaryOnly
	if s.node[n].sync[i].stage == syncBegun {
		servers = w.servers(s)
	}
	for _, where := range servers {
		w.try(s, nodeName[n], func(next *state) string { return w.advanceSync(next, n, i, where) })
	}
	if w.fullPage && s.node[n].sync[i].stage == syncBegun {
		w.try(s, nodeName[n], func(next *state) string {
			next.node[n].sync[i] = sync{}
			w.unregister(next, n)
			return "sync: finds more changes than it reads at once; must register anew"
		})
	}
	if w.failures && s.node[n].sync[i].stage != syncIdle {
		w.failSync(s, n, i)
	}
}

// failSync lists how a sync comes to nothing: it is given up, and its transaction with it, perhaps.
func (w *world) failSync(s *state, n, i int) {
	w.try(s, nodeName[n], func(next *state) string {
		next.node[n].sync[i] = sync{}
		return "sync: it fails, or the answer to COMMIT is lost"
	})
	y := s.node[n].sync[i]
	if !w.abandon || y.stage != syncDone || y.onOld || s.node[n].abandoned {
		return
	}
	w.try(s, nodeName[n], func(next *state) string {
		nd := &next.node[n]
		nd.abandoned, nd.abandonedPage, nd.sync[i] = true, y.page.v, sync{}
		return "sync: is given up while the server works on its COMMIT"
	})
}

// abandonedCommit lists the commit that nobody waits for any more.
func (w *world) abandonedCommit(s *state, n int) {
	if !s.node[n].abandoned {
		return
	}
	w.try(s, nodeName[n], func(next *state) string {
		nd, row := &next.node[n], w.rowOf(n)
		if next.primary.node[row].present {
			next.commit(false, func(db *database) { db.node[row].applied = nd.abandonedPage })
			next.rise(row)
		}
		nd.abandoned, nd.abandonedPage = false, 0
		return "sync: the COMMIT that was given up happens after all"
	})
}

// advanceSync does the next thing of a sync, if there is one; where is the server that it reads.
func (w *world) advanceSync(s *state, n, i int, where server) string {
	nd := &s.node[n]
	y := &nd.sync[i]
	switch y.stage {
	case syncIdle:
		if nd.registering != registered || i > 0 && nd.sync[i-1].stage == syncIdle {
			return ""
		}
		y.stage = syncBegun
		return "sync: takes the begin of the next lease"
	case syncBegun:
		return w.readPage(s, n, y, where)
	case syncRead:
		if y.page.v > nd.floor.v && w.mutant != floorLate {
			nd.floor = y.page
		}
		y.stage = syncDrops
		if w.mutant == commitFirst {
			y.stage = syncDone
		}
		return "sync: raises the floor"
	case syncDrops, syncHalf:
		return w.dropNext(s, n, y)
	case syncDone:
		return w.commitApplied(s, n, y)
	default:
		return w.publish(s, n, y)
	}
}

// readPage reads the changes after the cursor, with the cluster's lease, in one statement.
func (w *world) readPage(s *state, n int, y *sync, where server) string {
	nd, db := &s.node[n], s.at(where)
	if why := w.mustRegister(s, nd, where); why != "" {
		*y = sync{}
		w.unregister(s, n)
		return why
	}
	y.stage, y.page, y.applied, y.lease = syncRead, db.head(), nd.cursor.v, db.lease
	y.onOld = where == onOther && s.failedOver()
	switch w.mutant {
	case longerLease:
		y.lease++
	case publishFirst:
		nd.base, nd.length = min(nd.base, y.began), y.lease
	case cursorFirst:
		nd.cursor = y.page
	}
	if y.page.v <= y.applied {
		y.stage = syncDone
	}
	return "sync: reads the changes" + y.place()
}

func (y *sync) place() string {
	if y.onOld {
		return " on the old primary"
	}
	return ""
}

// mustRegister tells why a node cannot go on from its cursor, or nothing.
func (w *world) mustRegister(s *state, nd *node, where server) string {
	db := s.at(where)
	if where == onOther && !s.failedOver() && w.mutant != replicaSync {
		return "sync: that is a replica; must register anew"
	}
	if !w.contains(db, nd.cursor) || !w.timeless && nd.timeline != db.timeline {
		return "sync: this is another history; must register anew"
	}
	for v := nd.cursor.v + 1; v <= db.v; v++ {
		if db.change[v].kind == ofNews && w.mutant != ignoreKind {
			return "sync: a change of a kind that it does not know; must register anew"
		}
	}
	return ""
}

// dropNext drops what the next change names, under the lock that a fill's check and insert hold.
func (w *world) dropNext(s *state, n int, y *sync) string {
	nd := &s.node[n]
	from := onPrimary
	if y.onOld {
		from = onOther
	}
	of := s.at(from).change[y.applied+1].kind
	if y.stage == syncDrops {
		nd.drop(of)
		if w.mutant == dropFirst {
			y.stage = syncHalf
			return "sync: drops an entry, and has not counted up the generation"
		}
	}
	s.bump(n, of)
	y.applied++
	y.stage = syncDrops
	if y.applied == y.page.v {
		w.pageDone(nd, y)
	}
	return "sync: counts up a generation and drops the entry"
}

func (w *world) pageDone(nd *node, y *sync) {
	y.stage = syncDone
	if y.page.v > nd.cursor.v {
		nd.cursor = y.page
	}
	if w.mutant == commitFirst {
		y.stage = syncProven
	}
}

// commitApplied says in the node's row what it applied, and commits: that proves that this is the primary.
func (w *world) commitApplied(s *state, n int, y *sync) string {
	row := w.rowOf(n)
	switch {
	case y.onOld && w.mutant == unprovenSync:
		y.stage = syncProven
		return "sync: commits nothing"
	case y.onOld:
		*y = sync{}
		return "sync: COMMIT comes with a WARNING or not at all, on the old primary"
	case !s.primary.node[row].present && w.mutant != ignoreNoRow:
		*y = sync{}
		w.unregister(s, n)
		return "sync: its row is gone; must register anew"
	case s.primary.node[row].present:
		s.commit(false, func(db *database) { db.node[row].applied = w.claim(db, y) })
		s.rise(row)
	}
	switch w.mutant {
	case leaseReadLast:
		y.lease = s.primary.lease
	case floorLate:
		s.node[n].floor = s.node[n].cursor
	}
	y.stage = syncProven
	if y.applied < y.page.v {
		y.stage = syncDrops
	}
	return "sync: its row says what it applied; COMMIT"
}

// claim is what a sync says that it applied.
func (w *world) claim(db *database, y *sync) uint8 {
	if w.mutant == claimHead {
		return db.v
	}
	return y.page.v
}

// publish renews the lease, last of all.
func (w *world) publish(s *state, n int, y *sync) string {
	nd := &s.node[n]
	was := nd.base
	if y.began < nd.base || w.mutant == baseLowered {
		nd.base, nd.length = y.began, y.lease
	}
	switch w.mutant {
	case leaseFromEnd:
		nd.base = 0
	case lengthAlone:
		nd.length = y.lease
	}
	if nd.base > was {
		s.broken = kept
	}
	w.wake(s, n, y)
	*y = sync{}
	return "sync: publishes the lease"
}
