package main

// mode is what a verification asks beyond a lease.
type mode uint8

const (
	byLease   mode = iota
	isStrict       // a sync begun after the request arrived
	isAtLeast      // what a given revision changed
)

// verifying is how far the verification under test got.
type verifying uint8

const (
	verifyIdle    verifying = iota
	verifyWaits             // for a sync
	verifyKey               // looks the key up
	verifyAccount           // looks the account up
	verifyFills             // reads what it did not find
	verifyDecides
	verifyLast // mutants baseLast, clockFirst, keepEntry: what should come earlier or later
)

// verification is the one under test. Those before it matter by what they put into memory: they are the fills of a node.
type verification struct {
	stage        verifying
	node         uint8
	told         bool  // somebody was told before it began
	again        bool  // it is the second try
	rev          uint8 // at_least
	base         ticks // age of the lease's begin, as it was read first
	length       ticks
	key, account version
	fill         fill
}

// What verifications answer.
const (
	valid      = "verification: answers VALID"
	refused    = "verification: answers that the key is withdrawn"
	mistaken   = "verification: answers that the new secret is wrong"
	unfit      = "verification: 503, no lease"
	unreadable = "verification: 503, what it read does not contain the floor"
	tired      = "verification: 503, no sync came"
)

// verifying lists what the verification under test does next, or how it begins.
func (w *world) verifying(s *state) {
	v := &s.verify
	servers := primaryOnly
	switch {
	case v.stage == verifyIdle:
		for n := range w.nodes {
			w.try(s, nodeName[n], func(next *state) string { return w.arrive(next, n) })
		}
		return
	case v.stage == verifyWaits:
		w.try(s, nodeName[v.node], func(next *state) string {
			next.verify = verification{}
			return tired
		})
		return
	case v.fill.stage == fillCaptured:
		servers = w.servers(s)
	}
	for _, where := range servers {
		w.try(s, nodeName[v.node], func(next *state) string { return w.advanceVerification(next, where) })
	}
}

// arrive begins a verification, where that can show something.
func (w *world) arrive(s *state, n int) string {
	v := verification{node: uint8(n), told: s.told}
	if c := s.withdrawal[0]; w.mode != byLease {
		v.told, v.rev = c.stage >= waiting && c.stage != lost, c.at.v
	}
	if !v.told && !w.early {
		return ""
	}
	s.verify = v
	switch w.mode {
	case isStrict:
		s.verify.stage = verifyWaits
		for i := range s.node[n].sync {
			y := &s.node[n].sync[i]
			y.prior = y.stage != syncIdle
		}
		return "verification: strict, waits for a sync that begins after it"
	case isAtLeast:
		if s.node[n].cursor.v < v.rev && w.mutant != atLeastLate {
			return ""
		}
	}
	s.takeBase()
	return "verification: arrives, reads the lease"
}

// takeBase is step 1: what is looked up later is at least as new as the lease says.
func (s *state) takeBase() {
	v := &s.verify
	nd := &s.node[v.node]
	v.stage, v.base, v.length = verifyKey, nd.base, nd.length
}

// wake lets a verification go on that waited for the sync y of its node.
func (w *world) wake(s *state, n int, y *sync) {
	v := &s.verify
	if v.stage != verifyWaits || int(v.node) != n {
		return
	}
	if w.mode == isStrict && y.prior && w.mutant != joinSync {
		return
	}
	if w.mutant == keepEntry && v.again {
		v.stage, v.base, v.length = verifyLast, s.node[n].base, s.node[n].length
		return
	}
	s.takeBase()
}

// advanceVerification does the next thing of a verification that does not wait.
func (w *world) advanceVerification(s *state, where server) string {
	v := &s.verify
	switch v.stage {
	case verifyKey:
		return w.lookUp(s, ofKey, s.node[v.node].key)
	case verifyAccount:
		return w.lookUp(s, ofAccount, s.node[v.node].account)
	case verifyFills:
		return w.readOwn(s, where)
	}
	return w.decide(s)
}

func (w *world) lookUp(s *state, of kind, row version) string {
	v := &s.verify
	if row == absent {
		v.stage, v.fill = verifyFills, w.capture(&s.node[v.node], of)
		return "verification: a miss; captures floor and generation"
	}
	w.know(v, of, row)
	return "verification: a hit"
}

// know takes note of a row, and goes on.
func (w *world) know(v *verification, of kind, row version) {
	v.stage = verifyDecides
	if of == ofAccount {
		v.account = row
		return
	}
	if v.key = row; w.accounts {
		v.stage = verifyAccount
	}
}

// readOwn goes on with the verification's own fill. What it read it may use, even if it must not be remembered.
func (w *world) readOwn(s *state, where server) string {
	v := &s.verify
	of, row := v.fill.of, v.fill.row
	what, unusable := w.advanceFill(s, int(v.node), &v.fill, where)
	if unusable {
		*v = verification{}
		return unreadable
	}
	if v.fill.stage == fillIdle {
		w.know(v, of, row)
	}
	return "verification's " + what
}

// decide answers, or tries once more from step 1.
func (w *world) decide(s *state) string {
	v := &s.verify
	fresh := w.fresh(s)
	if v.stage == verifyDecides {
		switch {
		case w.mutant == baseLast:
			v.stage, v.base, v.length = verifyLast, s.node[v.node].base, s.node[v.node].length
			return "verification: reads the lease, after the look-up"
		case w.mutant == clockFirst && fresh:
			v.stage = verifyLast
			return "verification: reads its clock, and has not decided"
		case w.mutant == atLeastLate && s.node[v.node].cursor.v < v.rev:
			*v = verification{}
			return tired
		}
	}
	if !fresh && w.secondTry && !v.again {
		again := verification{stage: verifyWaits, node: v.node, told: v.told, rev: v.rev, again: true}
		if w.mutant == keepEntry {
			again.key, again.account = v.key, v.account
		}
		*v = again
		return "verification: the lease has ended; waits for a sync"
	}
	said := w.say(s, fresh)
	*v = verification{}
	return said
}

// fresh tells whether the clock agrees, last of all. Strict and at_least ask no clock.
func (w *world) fresh(s *state) bool {
	v := &s.verify
	length := v.length
	switch {
	case w.mode != byLease, w.mutant == clockFirst && v.stage == verifyLast:
		return true
	case w.mutant == lessOrEqual:
		return v.base <= length
	case w.mutant == lengthLast:
		length = s.node[v.node].length
	}
	return v.base < length
}

// say answers, and holds the answer against what was promised.
func (w *world) say(s *state, fresh bool) string {
	v := &s.verify
	old := v.key == original && (!w.accounts || v.account == original)
	if !fresh && !(w.mutant == negativeUnleased && w.regenerate) {
		return unfit
	}
	if !old {
		return refused
	}
	said := valid
	if w.regenerate {
		said = mistaken
	}
	switch {
	case v.told && w.regenerate:
		s.broken = secret
	case v.told && w.mode != byLease:
		s.broken = strict
	case v.told:
		s.broken = p1
	case w.early && s.withdrawn > w.lease:
		s.broken = p2
	case w.early && v.base >= v.length:
		s.broken = p3
	}
	return said
}
