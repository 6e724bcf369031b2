package prove

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

// maxOperations is how long the history of one credential may be for Porcupine.
const maxOperations = 450

// registerPatience bounds the check of one credential. Histories here take milliseconds; one that does not end is a failure.
const registerPatience = 20 * time.Second

// Register holds the history of one credential against the model of a regular register, by Porcupine. It is a second opinion:
// it searches for an order of all operations in which each verdict is right, where Direct looks at pairs.
func (h *History) Register(subject string, b Bounds) (porcupine.CheckResult, porcupine.LinearizationInfo) {
	return porcupine.CheckOperationsVerbose(model, h.operations(subject, b, maxOperations), registerPatience)
}

// A write is not one operation but up to three moments: from begin on either answer is right; from commit on strict verdicts
// follow it; from end on all do. One whose fate is unknown is lost: either answer is right for ever.
type moment uint8

const (
	begin moment = iota
	commit
	end
	lost
)

func (m moment) String() string { return [...]string{"begin", "commit", "end", "lost"}[m] }

// step is a moment of a write to one right, and ask what a verdict says of it.
type step struct {
	facet  Facet
	moment moment
	grant  bool
	what   string
}

type ask struct {
	facet  Facet
	strict bool
	text   string
}

// state is what verdicts may say of one right.
type state uint8

const (
	mayOn state = 1 << iota
	mayOff
	strictOn
	strictOff
	lostGrant // sticky, as is the next
	lostWithdrawal
)

var model = porcupine.Model{
	Partition: byFacet,
	Init:      func() any { return mayOn | strictOn },
	Step: func(s, in, out any) (bool, any) {
		if a, ok := in.(ask); ok {
			return allows(s.(state), a.strict, out.(bool)), s
		}
		return true, advance(s.(state), in.(step))
	},
	DescribeOperation: func(in, out any) string {
		if a, ok := in.(ask); ok {
			return fmt.Sprintf("%s: %s, %s", a.facet, a.text, verdict(out.(bool)))
		}
		p := in.(step)
		return fmt.Sprintf("%s: %s %s", p.facet, p.moment, p.what)
	},
	DescribeState: func(s any) string {
		return map[state]string{mayOn: "granted", mayOff: "withdrawn", mayOn | mayOff: "either"}[s.(state)&(mayOn|mayOff)]
	},
}

func byFacet(all []porcupine.Operation) [][]porcupine.Operation {
	parts := make([][]porcupine.Operation, facets+1)
	for _, o := range all {
		f := Facet(0)
		switch in := o.Input.(type) {
		case ask:
			f = in.facet
		case step:
			f = in.facet
		}
		parts[f] = append(parts[f], o)
	}
	return slices.DeleteFunc(parts, func(p []porcupine.Operation) bool { return len(p) == 0 })
}

func allows(s state, strict, valid bool) bool {
	switch {
	case strict && valid:
		return s&strictOn != 0
	case strict:
		return s&strictOff != 0
	case valid:
		return s&mayOn != 0
	}
	return s&mayOff != 0
}

func advance(s state, p step) state {
	switch {
	case p.moment == begin && p.grant:
		s |= mayOn | strictOn
	case p.moment == begin:
		s |= mayOff | strictOff
	case p.moment == lost && p.grant:
		s |= mayOn | strictOn | lostGrant
	case p.moment == lost:
		s |= mayOff | strictOff | lostWithdrawal
	case p.grant && s&lostWithdrawal == 0:
		s &^= strictOff
		if p.moment == end {
			s &^= mayOff
		}
	case !p.grant && s&lostGrant == 0:
		s &^= strictOn
		if p.moment == end {
			s &^= mayOn
		}
	}
	return s
}

// point is a step and when it happens.
type point struct {
	at   int64
	step step
}

// operations gives the history of one credential to Porcupine: the moments of all writes, and of the verdicts those nearest to
// them if there are more than fit. To leave verdicts out can hide a fault, and cannot make one up.
//
// Each right is a register of its own. A verdict reads them one after the other, so that valid says of each that it was granted
// at some moment of the call, not all at the same moment: it is an operation on each right that is ever written. Invalid is one
// on the right that it names; where it may be about several, Porcupine cannot tell and Direct must.
func (h *History) operations(subject string, b Bounds, most int) []porcupine.Operation {
	points := h.points(subject, b)
	var ops []porcupine.Operation
	var written Mask
	for _, p := range points {
		written |= maskOf(p.step.facet)
		t := 4*p.at + 1 // of events at one time, calls come first and answers last, so that doubt is for the service
		ops = append(ops, porcupine.Operation{Input: p.step, Call: t, Return: t})
	}
	room := max(most-len(points), 50) / max(len(written.list()), 1)
	for _, r := range nearest(h.readsOf(subject), points, room) {
		for _, f := range r.readsRights(written) {
			ops = append(ops, porcupine.Operation{Input: ask{facet: f, strict: r.strict(), text: fmt.Sprintf("node %d, %s %s", r.Node, r.Door, r.Code)},
				Output: r.Valid, Call: 4 * r.Call, Return: 4*r.Return + 2})
		}
	}
	spread(ops)
	return ops
}

// readsRights are the rights that a verdict is an operation on, of those that are ever written.
func (r *Read) readsRights(written Mask) []Facet {
	if r.Valid {
		return (r.Needs & written).list()
	}
	switch about := (r.blame() & written).list(); len(about) {
	case 0:
		return []Facet{facets} // a register that nobody writes, since it cannot be right
	case 1:
		return about
	}
	return nil
}

func (h *History) readsOf(subject string) []*Read {
	var rs []*Read
	for i := range h.reads {
		if h.reads[i].Subject == subject {
			rs = append(rs, &h.reads[i])
		}
	}
	return rs
}

// points are the moments of all writes that concern a credential.
func (h *History) points(subject string, b Bounds) []point {
	var all []point
	for i := range h.writes {
		w := &h.writes[i]
		for _, right := range w.Rights {
			if w.Outcome == Refused || right.Of != "" && right.Of != subject {
				continue
			}
			for _, p := range moments(w, right.Facet, b) {
				if p.step.moment == begin || p.step.moment == lost || !h.overtaken(w, right, p.at) {
					all = append(all, p)
				}
			}
		}
	}
	for _, l := range h.listings {
		if l.Subject == subject && l.Status == "revoked" {
			all = append(all, point{l.Return, step{moment: begin, facet: Unrevoked, what: "listed as revoked"}},
				point{l.Return, step{moment: end, facet: Unrevoked, what: "listed as revoked"}})
		}
	}
	slices.SortStableFunc(all, func(a, b point) int { return cmp.Compare(a.at, b.at) })
	return all
}

// overtaken tells whether the opposite was begun between a write and one of its later moments, which then says nothing.
func (h *History) overtaken(w *Write, right Right, at int64) bool {
	for i := range h.writes {
		o := &h.writes[i]
		if o.Grant != w.Grant && o.Outcome != Refused && w.Call < o.Call && o.Call < at && slices.Contains(o.Rights, right) {
			return true
		}
	}
	return false
}

func moments(w *Write, f Facet, b Bounds) []point {
	at := func(t int64, m moment) point {
		return point{t, step{facet: f, moment: m, grant: w.Grant, what: w.What}}
	}
	first := at(w.Call, begin)
	if w.Zombie {
		first = at(w.Call, lost)
	}
	if w.Grant {
		if w.Zombie {
			return []point{first}
		}
		return []point{first, at(w.settled(), commit), at(w.settled()+int64(b.Stale), end)}
	}
	all := []point{first}
	if seen := w.Seen; seen > 0 {
		all = append(all, at(max(seen, w.Moment), commit), at(max(seen, w.Moment)+int64(b.Stale), end))
	}
	if w.Outcome == Done {
		all = append(all, at(max(w.Return, w.Moment), end))
	}
	return all
}

// nearest picks the verdicts that were given closest to a point.
func nearest(rs []*Read, points []point, most int) []*Read {
	if len(rs) <= most {
		return rs
	}
	distance := func(r *Read) int64 {
		i, _ := slices.BinarySearchFunc(points, r.Call, func(p point, t int64) int { return cmp.Compare(p.at, t) })
		d := int64(1) << 62
		if i < len(points) {
			d = max(points[i].at-r.Return, 0)
		}
		if i > 0 {
			d = min(d, r.Call-points[i-1].at)
		}
		return d
	}
	rs = slices.Clone(rs)
	slices.SortFunc(rs, func(a, b *Read) int {
		return cmp.Or(cmp.Compare(distance(a), distance(b)), cmp.Compare(a.Call, b.Call))
	})
	return rs[:most]
}

// spread puts operations that overlap into different rows of the picture.
func spread(ops []porcupine.Operation) {
	slices.SortStableFunc(ops, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
	var free []int64 // row -> when it is free
	for i := range ops {
		row := slices.IndexFunc(free, func(t int64) bool { return t < ops[i].Call })
		if row < 0 {
			row = len(free)
			free = append(free, 0)
		}
		ops[i].ClientId, free[row] = row, ops[i].Return
	}
}
