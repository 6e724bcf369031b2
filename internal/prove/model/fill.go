package main

// filling is how far a fill got.
type filling uint8

const (
	fillIdle filling = iota
	fillCaptured
	fillRead
	fillChecked // mutant checkApart
)

// fill reads a row of the database, to remember it in one map.
type fill struct {
	stage      filling
	of         kind
	guard      kind // the map whose generation was captured
	stale      bool // that generation was counted up since
	registered bool // as the node was when the generation was captured
	floor      revision
	timeline   uint8
	row        version
}

func (f *fill) bumped(of kind) {
	if f.stage != fillIdle && f.guard == of {
		f.stale = true
	}
}

// fill lists what a fill does that some earlier verification began.
func (w *world) fill(s *state, n, i int) {
	nd := &s.node[n]
	servers := primaryOnly
	switch {
	case nd.fill[i].stage == fillIdle:
		w.beginFill(s, n, i)
		return
	case nd.fill[i].stage == fillCaptured:
		servers = w.servers(s)
	}
	for _, where := range servers {
		w.try(s, nodeName[n], func(next *state) string {
			what, _ := w.advanceFill(next, n, &next.node[n].fill[i], where)
			return what
		})
	}
}

func (w *world) beginFill(s *state, n, i int) {
	if i > 0 && s.node[n].fill[i-1].stage == fillIdle {
		return
	}
	for _, of := range []kind{ofKey, ofAccount} {
		if of == ofAccount && !w.accounts {
			return
		}
		w.try(s, nodeName[n], func(next *state) string {
			f := w.capture(&next.node[n], of)
			if !f.registered && w.mutant != registeredAtInsert { // it would remember nothing
				return ""
			}
			next.node[n].fill[i] = f
			return "fill: captures floor and generation"
		})
	}
}

// capture takes what a fill must hold before its read is sent.
func (w *world) capture(nd *node, of kind) fill {
	f := fill{stage: fillCaptured, of: of, guard: of, floor: nd.floor, timeline: nd.timeline,
		registered: nd.registering == registered || w.mutant == registrationNotAsked}
	if w.mutant == keyGuardsAccount {
		f.guard = ofKey
	}
	return f
}

// advanceFill does the next thing of a fill. The second answer tells that what was read must not be used.
func (w *world) advanceFill(s *state, n int, f *fill, where server) (string, bool) {
	switch f.stage {
	case fillCaptured:
		return w.readRow(s, f, where)
	case fillRead:
		if w.mutant == checkApart && !f.stale {
			f.stage = fillChecked
			return "fill: has checked the generation, and not inserted", false
		}
	}
	w.insert(&s.node[n], f)
	*f = fill{}
	return "fill: inserts if the generation is unchanged", false
}

// readRow reads the row, and whether the server that answered has the floor and the timeline.
func (w *world) readRow(s *state, f *fill, where server) (string, bool) {
	db := s.at(where)
	if w.mutant != noFloor && !w.contains(db, f.floor) || !w.timeless && f.timeline != db.timeline {
		*f = fill{}
		return "fill: reads, and the answer does not contain the floor: refused", true
	}
	f.stage, f.row, f.floor, f.timeline = fillRead, db.key, revision{}, 0
	if f.of == ofAccount {
		f.row = db.account
	}
	if where == onOther {
		return "fill: reads the row, from a server that is behind", false
	}
	return "fill: reads the row", false
}

func (w *world) insert(nd *node, f *fill) {
	allowed := f.registered
	if w.mutant == registeredAtInsert {
		allowed = nd.registering == registered
	}
	if f.stale && f.stage != fillChecked && w.mutant != noGeneration || !allowed {
		return
	}
	if f.of == ofKey {
		nd.key = f.row
	} else {
		nd.account = f.row
	}
}
