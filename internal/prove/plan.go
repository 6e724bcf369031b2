package prove

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"
)

// Kind is a sort of fault.
type Kind string

// Kinds of faults. All but the last five are about one node.
const (
	LinkCut        Kind = "link cut"                   // connections end, new ones are refused
	LinkSilent     Kind = "link silent"                // nothing passes, and nobody is told
	LinkDeaf       Kind = "answers held"               // what the node says arrives, and what it is told does not
	LinkSlow       Kind = "link slow"                  // every message is late
	SomeSlow       Kind = "some answers slow"          // those on every other connection
	CommitLost     Kind = "commit answer lost"         // it happened, and the connection ends before the node is told
	NodeFrozen     Kind = "node frozen"                // SIGSTOP, later SIGCONT
	FrozenInRevoke Kind = "node frozen while revoking" // the same in the middle of a withdrawal that it was asked for
	NodeKilled     Kind = "node killed"                // kill -9, later started again
	NodeStopped    Kind = "node stopped"               // as its operator would, later started again
	DatabaseKilled Kind = "database killed"            // kill -9 of the postmaster, started again
	LongOpen       Kind = "transaction left open"      // that holds nothing
	ClusterLocked  Kind = "cluster row locked"         // by somebody else's transaction
	ConnectionsOut Kind = "no connections left"        // somebody else has them all, and the node must connect anew
	LeaseChanged   Kind = "lease changed"              // latchkey cluster set lease=...
)

// AllKinds are all of them.
var AllKinds = []Kind{LinkCut, LinkSilent, LinkDeaf, LinkSlow, SomeSlow, CommitLost, NodeFrozen, FrozenInRevoke, NodeKilled, NodeStopped,
	DatabaseKilled, LongOpen, ClusterLocked, ConnectionsOut, LeaseChanged}

// ofNode tells whether a fault is about one node.
func (k Kind) ofNode() bool {
	return !slices.Contains([]Kind{DatabaseKilled, LongOpen, ClusterLocked, LeaseChanged}, k)
}

// Fault is one thing that goes wrong, and is mended.
type Fault struct {
	Kind    Kind
	Node    int           // which, for those about one node
	After   time.Duration // since the spell began
	For     time.Duration
	Extra   time.Duration // LinkSlow, SomeSlow: how late; LeaseChanged: the lease meanwhile
	Deliver bool          // LinkSilent, LinkDeaf: what was held up arrives in the end, and is not dropped
}

func (f Fault) String() string {
	text := string(f.Kind)
	if f.Kind.ofNode() {
		text += fmt.Sprintf(" (node %d)", f.Node)
	}
	return text
}

// Spell is one or two faults and the quiet that follows them.
type Spell struct {
	Faults []Fault
	Quiet  time.Duration
}

// Pace says how a schedule moves. Unset members get defaults.
type Pace struct {
	Kinds             []Kind
	Shortest, Longest time.Duration // of a fault: 50 ms and 4 s
	Pause             time.Duration // mean quiet between two spells, 1 s
	Rest              time.Duration // the long quiet after every few spells, 6 s: what is longer than settling shows availability
	RestEvery         int           // 4
	MostLease         time.Duration // 1 s
}

func (p Pace) withDefaults() Pace {
	if p.Kinds == nil {
		p.Kinds = AllKinds
	}
	p.Shortest, p.Longest = cmp.Or(p.Shortest, 50*time.Millisecond), cmp.Or(p.Longest, 4*time.Second)
	p.Pause, p.Rest = cmp.Or(p.Pause, time.Second), cmp.Or(p.Rest, 6*time.Second)
	p.RestEvery, p.MostLease = cmp.Or(p.RestEvery, 4), cmp.Or(p.MostLease, time.Second)
	return p
}

// dice gives the chance of one stream of a run.
func dice(seed, stream uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, stream)) }

// Plan makes the schedule for a seed. It covers at least so long, if mending took no time at all.
func Plan(seed uint64, length time.Duration, nodes int, p Pace) []Spell {
	d := &planner{Rand: dice(seed, 0), pace: p, nodes: nodes}
	var plan []Spell
	for left := length; left > 0 && len(p.Kinds) > 0; {
		s := d.spell(len(plan)%p.RestEvery == p.RestEvery-1)
		plan = append(plan, s)
		left -= s.length() + s.Quiet
	}
	return plan
}

func (s Spell) length() time.Duration {
	longest := time.Duration(0)
	for _, f := range s.Faults {
		longest = max(longest, f.After+f.For)
	}
	return longest
}

type planner struct {
	*rand.Rand
	pace  Pace
	nodes int
	bag   []Kind // those that have not come since all had come
}

func (d *planner) spell(rest bool) Spell {
	s := Spell{Faults: []Fault{d.fault(d.draw(), -1)}, Quiet: d.between(d.pace.Pause/2, 3*d.pace.Pause/2)}
	if rest {
		s.Quiet = d.pace.Rest
	}
	if d.IntN(10) < 4 {
		first := s.Faults[0]
		second := d.fault(d.draw(), first.Node)
		second.After = d.between(0, first.For)
		s.Faults = append(s.Faults, second)
	}
	return s
}

// draw takes each kind once before any comes again.
func (d *planner) draw() Kind {
	if len(d.bag) == 0 {
		d.bag = slices.Clone(d.pace.Kinds)
		d.Shuffle(len(d.bag), func(i, j int) { d.bag[i], d.bag[j] = d.bag[j], d.bag[i] })
	}
	k := d.bag[0]
	d.bag = d.bag[1:]
	return k
}

// fault draws the rest of a fault; it is not about the node that another one is about.
func (d *planner) fault(k Kind, notNode int) Fault {
	f := Fault{Kind: k, Node: d.IntN(d.nodes), For: d.logBetween(d.pace.Shortest, d.pace.Longest), Deliver: d.IntN(2) == 0}
	if f.Node == notNode {
		f.Node = (f.Node + 1) % d.nodes
	}
	switch k {
	case LinkSlow:
		f.Extra = d.logBetween(2*time.Millisecond, 150*time.Millisecond)
	case SomeSlow:
		f.Extra = d.logBetween(20*time.Millisecond, 600*time.Millisecond)
	case LeaseChanged:
		f.Extra = d.between(300*time.Millisecond, d.pace.MostLease).Round(time.Millisecond)
	}
	return f
}

func (d *planner) between(a, b time.Duration) time.Duration {
	return a + time.Duration(d.Int64N(int64(max(b-a, 1))))
}

// logBetween draws short ones as often as long ones.
func (d *planner) logBetween(a, b time.Duration) time.Duration {
	return time.Duration(float64(a) * math.Pow(float64(b)/float64(a), d.Float64()))
}
