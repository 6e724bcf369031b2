package main

const (
	maxNodes = 2
	maxSyncs = 2 // of one node, at once
	maxFills = 2 // of one node, at once, beside that of the verification under test
	maxV     = 3 // changes in a run
)

// state is all that decides what may happen next. It holds no pointer, so that it is copied, compared and hashed as it is.
type state struct {
	primary      database
	other        database // a replica that lags; after a failover the old primary, which is cut off and still read
	standby      database // what a failover would promote, if that is not the primary as it is
	unreplicated bool     // standby counts: the last commit on the primary came with a WARNING

	node       [maxNodes]node
	janitor    [maxNodes]observation
	withdrawal [2]withdrawal
	settler    settler
	operator   [2]operator
	verify     verification

	told      bool     // somebody was told, by an answer or by a list, that the right is withdrawn
	withdrawn ticks    // 1 + the age of the key's withdrawal, for the property P2; 0: not withdrawn
	enabled   bool     // the key was enabled again
	crashed   bool     // the database lost a commit (mutant asyncCommit)
	broken    property // what this state proves wrong
}

// ticks is an age, never a time of day: it stops at the longest one that matters, so that a run covers all of time. A node
// that is slow, stopped or cut off is one whose next step comes after more ticks.
type ticks uint8

// version is what somebody knows of a row.
type version uint8

const (
	absent   version = iota // of a memory: the row is not in it
	original                // as before the withdrawal: a good key, an active account
	changed                 // as after it
)

// kind says what a change is of.
type kind uint8

const (
	ofElse    kind = iota // of another key, or of the lease: nothing to forget
	ofKey                 // of the key that is verified
	ofAccount             // of its owner
	ofNews                // of a kind that this version of the program does not know
	ofOpen                // its transaction is still open (mutant sequenceClock)
)

type change struct {
	kind  kind
	nonce uint8
}

// revision is a place in the order of changes. Every history has its own nonces.
type revision struct{ v, nonce uint8 }

// nodeRow is a row of cache_node.
type nodeRow struct {
	present bool
	applied uint8
}

// database is what one server holds. v, lease and wait are one row of it, so that who takes a v reads wait under its lock.
type database struct {
	timeline     uint8
	v            uint8
	lease, wait  ticks
	leaseV       uint8 // the change that set the lease
	key, account version
	revoked      revision // the change that withdrew the key
	effective    bool     // revocation_effective_at is set: a list says `revoked` and no longer `revoking`
	change       [maxV + 1]change
	node         [maxNodes]nodeRow
}

// head is the newest change that can be seen.
func (db *database) head() revision {
	v := db.v
	for db.change[v].kind == ofOpen {
		v--
	}
	return revision{v, db.change[v].nonce}
}

// node is the memory of a process, and how far it got in what it is doing.
type node struct {
	base         ticks // age of the lease's begin
	length       ticks // of the lease; published together with base
	key, account version
	cursor       revision // every change up to here was dropped from memory
	floor        revision // what a read must contain to be remembered
	timeline     uint8    // of the server with which it registered

	registering   registering
	head          revision // what the registration read
	headTimeline  uint8
	abandoned     bool  // the server still works on the commit of a sync that was given up
	abandonedPage uint8 // what it will say is applied
	sync          [maxSyncs]sync
	fill          [maxFills]fill
}

// server is where a statement runs.
type server uint8

const (
	onPrimary server = iota
	onOther
)

var (
	primaryOnly = []server{onPrimary}
	anyServer   = []server{onPrimary, onOther}
)

func (s *state) at(where server) *database {
	if where == onOther {
		return &s.other
	}
	return &s.primary
}

func (s *state) failedOver() bool { return s.primary.timeline > 0 }

// commit changes the primary in one transaction. With a WARNING it is on the primary alone; without, the standby has it and
// all that came before it.
func (s *state) commit(warned bool, do func(db *database)) {
	if !warned {
		s.standby = database{}
	} else if !s.unreplicated {
		s.standby = s.primary
	}
	s.unreplicated = warned
	do(&s.primary)
}

// append adds a change to the order of changes, with a nonce that no other history has.
func (db *database) append(k kind) revision {
	db.v++
	db.change[db.v] = change{k, db.timeline}
	return revision{db.v, db.timeline}
}

// bump counts up the generation of one map: what fills captured before is stale.
func (s *state) bump(n int, of kind) {
	nd := &s.node[n]
	for i := range nd.fill {
		nd.fill[i].bumped(of)
	}
	if s.verify.stage != verifyIdle && int(s.verify.node) == n {
		s.verify.fill.bumped(of)
	}
}

func (nd *node) drop(of kind) {
	switch of {
	case ofKey:
		nd.key = absent
	case ofAccount:
		nd.account = absent
	}
}
