package prove

import "fmt"

// Violation is a promise that was broken.
type Violation struct {
	Rule    string // which one
	Account string
	Subject string
	At      int64 // when the verdict came
	Detail  string
}

// Direct holds every verdict of a history against every write, one pair at a time. It looks for valid verdicts after a
// withdrawal, for refusals of what was good, and for lists that spoke too early.
func (h *History) Direct(b Bounds) []Violation {
	d := newDirect(h, b)
	var found []Violation
	for i := range h.reads {
		r := &h.reads[i]
		if rule, detail := d.judge(r); rule != "" {
			found = append(found, Violation{Rule: rule, Account: h.Account, Subject: r.Subject, At: r.Return,
				Detail: fmt.Sprintf("node %d answered %s %q by %s, called at %s: %s", r.Node, verdict(r.Valid), r.Code, r.Door, seconds(r.Call), detail)})
		}
	}
	for i := range h.listings {
		l := &h.listings[i]
		if rule, detail := d.judgeListing(l); rule != "" {
			found = append(found, Violation{Rule: rule, Account: h.Account, Subject: l.Subject, At: l.Return, Detail: detail})
		}
	}
	return found
}

// The rules, by the names that a summary shows.
const (
	ruleP1       = "valid after a withdrawal had answered"
	ruleStale    = "valid on a state older than L"
	ruleStrict   = "valid by strict after the commit"
	ruleAtLeast  = "valid by at_least a state in which it was withdrawn"
	ruleListed   = "valid after a list had shown it revoked"
	ruleRefusal  = "a good credential was refused"
	rulePhantom  = "listed as revoked without a revocation"
	ruleForgot   = "listed as active after its revocation had answered"
	ruleRegister = "not a regular register (Porcupine)"
)

func verdict(valid bool) string {
	if valid {
		return "valid"
	}
	return "invalid"
}

func seconds(t int64) string { return fmt.Sprintf("%.6fs", float64(t)/1e9) }

// direct is a history by right.
type direct struct {
	stale                int64
	withdrawals, grants  map[Right][]*Write
	byID                 map[int]*Write
	revokedShown         map[string]int64 // subject -> when a list first had shown it
	revocationsOf, dones map[string]int64 // subject -> first call, first successful answer
}

func newDirect(h *History, b Bounds) *direct {
	d := &direct{stale: int64(b.Stale), withdrawals: map[Right][]*Write{}, grants: map[Right][]*Write{}, byID: map[int]*Write{},
		revokedShown: map[string]int64{}, revocationsOf: map[string]int64{}, dones: map[string]int64{}}
	for i := range h.writes {
		w := &h.writes[i]
		d.byID[w.ID] = w
		if w.Outcome != Refused {
			d.file(w)
		}
	}
	for _, l := range h.listings {
		if l.Status == "revoked" {
			earliest(d.revokedShown, l.Subject, l.Return)
		}
	}
	return d
}

func (d *direct) file(w *Write) {
	for _, right := range w.Rights {
		if w.Grant {
			d.grants[right] = append(d.grants[right], w)
			continue
		}
		d.withdrawals[right] = append(d.withdrawals[right], w)
		if right.Facet == Unrevoked {
			earliest(d.revocationsOf, right.Of, w.Call)
			if w.Outcome == Done {
				earliest(d.dones, right.Of, w.Return)
			}
		}
	}
}

func earliest(m map[string]int64, key string, t int64) {
	if old, ok := m[key]; !ok || t < old {
		m[key] = t
	}
}

func (d *direct) judge(r *Read) (string, string) {
	if !r.Valid {
		return d.judgeRefusal(r)
	}
	for _, f := range r.Needs.list() {
		right := rightOf(f, r.Subject)
		for _, w := range d.withdrawals[right] {
			if rule := d.binds(w, r); rule != "" && !d.excused(right, w, r) {
				return rule, fmt.Sprintf("%s (write %d) was called at %s, seen at %s, answered at %s", w.What, w.ID, seconds(w.Call), seconds(w.Seen), seconds(w.Return))
			}
		}
	}
	if shown, ok := d.revokedShown[r.Subject]; ok && shown < r.Call {
		return ruleListed, "it was shown at " + seconds(shown)
	}
	return "", ""
}

// binds tells by which rule a verdict must respect a withdrawal, if nothing was granted since.
func (d *direct) binds(w *Write, r *Read) string {
	answered := w.Outcome == Done && max(w.Return, w.Moment) < r.Call
	committed := (answered || w.Seen > 0 && w.Seen < r.Call) && w.Moment < r.Call
	switch {
	case answered && r.After == w.ID:
		return ruleAtLeast
	case answered:
		return ruleP1
	case w.Seen > 0 && max(w.Seen, w.Moment)+d.stale < r.Call:
		return ruleStale
	case committed && r.strict():
		return ruleStrict
	case r.After > 0 && w.Moment < r.Call && d.knownBefore(w, d.byID[r.After]):
		return ruleAtLeast
	}
	return ""
}

// knownBefore tells whether w was in the database before a later write was sent, so that the later one's revision contains it.
func (d *direct) knownBefore(w, later *Write) bool {
	if later == nil {
		return false
	}
	return w.Seen > 0 && w.Seen < later.Call || w.Outcome == Done && w.Return < later.Call
}

// excused tells whether a grant may have come after a withdrawal and before the end of a verdict.
func (d *direct) excused(right Right, w *Write, r *Read) bool {
	for _, g := range d.grants[right] {
		if g.Call < r.Return && (g.Zombie || g.Call > w.Call || g.settled() > w.Call) {
			return true
		}
	}
	return false
}

func (d *direct) judgeRefusal(r *Read) (string, string) {
	for _, f := range r.blame().list() {
		right := rightOf(f, r.Subject)
		for _, w := range d.withdrawals[right] {
			if w.Call < r.Return && !d.lifted(right, w, r) {
				return "", ""
			}
		}
		if shown, ok := d.revokedShown[r.Subject]; ok && f == Unrevoked && shown < r.Return {
			return "", "" // the list itself is at fault, and is told so
		}
	}
	return ruleRefusal, "nothing that this may be about was withdrawn"
}

// lifted tells whether a withdrawal was undone for good before a verdict was asked for. A grant has L to get around.
func (d *direct) lifted(right Right, w *Write, r *Read) bool {
	if w.Zombie {
		return false
	}
	around := d.stale
	if r.strict() {
		around = 0
	}
	for _, g := range d.grants[right] {
		if !g.Zombie && g.Call > w.settled() && g.settled()+around < r.Call {
			return true
		}
	}
	return false
}

func (d *direct) judgeListing(l *Listing) (string, string) {
	called, revoked := d.revocationsOf[l.Subject]
	done, answered := d.dones[l.Subject]
	switch {
	case l.Status == "revoked" && (!revoked || called > l.Return):
		return rulePhantom, fmt.Sprintf("node %d listed it at %s", l.Node, seconds(l.Return))
	case l.Status == "active" && answered && done < l.Call:
		return ruleForgot, fmt.Sprintf("node %d was asked at %s, the revocation had answered at %s", l.Node, seconds(l.Call), seconds(done))
	}
	return "", ""
}
