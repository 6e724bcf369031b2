package prove

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// settling is how long all must have been well before anything is demanded of availability.
const settling = 3 * time.Second

// What came of asking: a verdict or the lack of one.
const (
	saidValid       = "valid"
	saidInvalid     = "invalid"
	saidUnavailable = "503"
	saidNothing     = "no answer"
)

type asked struct {
	door   Door
	answer string
}

type attempted struct {
	what    string
	outcome Outcome
}

// span is a fault that was at work, for people who look at a history.
type span struct {
	Fault string `json:"fault"`
	From  int64  `json:"from"`
	To    int64  `json:"to"`
}

// journal counts what happens, remembers what was wrong, and knows whether all is well.
type journal struct {
	clock  *clock
	bounds Bounds
	busy   bool            // it is never well
	wait   time.Duration   // longest that a withdrawal may take while all is well
	stop   context.Context // ends with the first violation
	halt   context.CancelFunc

	mu         sync.Mutex
	calmSince  int64 // 0: it is not calm
	asks       map[asked]int
	calmAsks   int
	calmMisses []string // questions of those that got no verdict
	writes     map[attempted]int
	grants     map[attempted]int
	refusals   map[string]map[string]int // what was refused -> answer
	waits      map[bool][]time.Duration  // by whether all was well
	faults     map[Kind]int
	spans      []span
	surprises  map[string]int
	violations []Violation
	histories  []*History // of the violations
	keys       int        // how many credentials were given to Porcupine
	metrics    int        // how often latchkey_revocation_violation_total was read
}

func newJournal(clock *clock, bounds Bounds, wait time.Duration, busy bool) *journal {
	j := &journal{clock: clock, bounds: bounds, wait: wait, busy: busy, asks: map[asked]int{}, writes: map[attempted]int{}, grants: map[attempted]int{}, refusals: map[string]map[string]int{},
		waits: map[bool][]time.Duration{}, faults: map[Kind]int{}, surprises: map[string]int{}}
	j.stop, j.halt = context.WithCancel(context.Background())
	return j
}

// calm says that no fault is at work and that all nodes are ready.
func (j *journal) calm() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.calmSince = j.clock.now()
}

// storm says that a fault is about to begin.
func (j *journal) storm() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.calmSince = 0
}

// wasWell tells whether all has been well since long before call, until now. mu must be held.
func (j *journal) wasWell(call int64) bool {
	return !j.busy && j.calmSince > 0 && call > j.calmSince+int64(settling)
}

// ask counts what came of a question, to which node n gave answer a.
func (j *journal) ask(door Door, said string, n int, a answer) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.asks[asked{door, said}]++
	if !j.wasWell(a.call) {
		return
	}
	j.calmAsks++
	if said == saidUnavailable || said == saidNothing {
		j.calmMisses = append(j.calmMisses, fmt.Sprintf("%s on node %d, called at %s, after %s: %s", door, n, seconds(a.call), time.Duration(a.back-a.call), a))
	}
}

// wrote counts a withdrawal or a grant that has returned.
func (j *journal) wrote(w *Write) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if w.Outcome == Refused {
		if j.refusals[w.What] == nil {
			j.refusals[w.What] = map[string]int{}
		}
		j.refusals[w.What][w.Answer]++
	}
	if w.Grant {
		j.grants[attempted{w.What, w.Outcome}]++
		return
	}
	j.writes[attempted{w.What, w.Outcome}]++
	took, well := time.Duration(w.Return-w.Call), j.wasWell(w.Call)
	if w.Outcome == Done {
		j.waits[well] = append(j.waits[well], took)
	}
	if well && (w.Outcome == Unknown || took > j.wait) {
		j.add(Violation{Rule: "a withdrawal took too long or failed while all was well", At: w.Return,
			Detail: fmt.Sprintf("%s on node %d called at %s: %s after %s (%s)", w.What, w.Node, seconds(w.Call), w.Outcome, took, w.Answer)}, nil)
	}
}

// fault notes one that is mended.
func (j *journal) fault(f Fault, from, to int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.faults[f.Kind]++
	j.spans = append(j.spans, span{f.String(), from, to})
}

// ordering counts a credential that Porcupine is to judge; false: enough of them are wrong, and each takes its time.
func (j *journal) ordering() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	wrong := 0
	for _, v := range j.violations {
		if v.Rule == ruleRegister {
			wrong++
		}
	}
	if wrong >= mostPictures {
		return false
	}
	j.keys++
	return true
}

// scraped counts readings of the metric.
func (j *journal) scraped() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.metrics++
}

// surprise is an answer that the contract does not have there.
func (j *journal) surprise(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	text := fmt.Sprintf(format, args...)
	if j.surprises[text]++; j.surprises[text] == 1 {
		j.add(Violation{Rule: "an answer that nobody expects", At: j.clock.now(), Detail: text}, nil)
	}
}

// broken notes a violation, with the history that shows it.
func (j *journal) broken(v Violation, h *History) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.add(v, h)
}

// add needs mu.
func (j *journal) add(v Violation, h *History) {
	j.violations = append(j.violations, v)
	if h != nil && (len(j.histories) == 0 || j.histories[len(j.histories)-1] != h) {
		j.histories = append(j.histories, h)
	}
	j.halt()
}

func (j *journal) failed() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.violations) > 0
}

// totals are the verdicts that were given, and the withdrawals that answered success.
func (j *journal) totals() (int, int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	verdicts, withdrawals := 0, 0
	for a, n := range j.asks {
		if a.answer == saidValid || a.answer == saidInvalid {
			verdicts += n
		}
	}
	for a, n := range j.writes {
		if a.outcome == Done {
			withdrawals += n
		}
	}
	return verdicts, withdrawals
}

// Ten minutes must bring so many, or they prove little. They are asked for in proportion.
const (
	leastVerdicts    = 100_000
	leastWithdrawals = 1000
)

// allWithdrawals are the kinds that a run of a minute must have seen succeed.
var allWithdrawals = []string{"revoke own", "revoke admin", "revoke self", "revoke twice", "regenerate", "disable", "expire", "suspend", "narrow role",
	"narrow role a little", "take role", "delete role", "sign out", "end session", "change password"}

// demand looks at what can only be judged at the end.
func (j *journal) demand(c Config) {
	verdicts, withdrawals := j.totals()
	j.mu.Lock()
	defer j.mu.Unlock()
	if c.Busy {
		j.atLeast(verdicts, 300, "verdicts")
		j.atLeast(withdrawals, 10, "withdrawals")
		return
	}
	if misses := len(j.calmMisses); float64(misses) > c.Refusals*float64(j.calmAsks) {
		j.add(Violation{Rule: "no verdicts while all was well", Detail: fmt.Sprintf("%d of %d questions got none", misses, j.calmAsks)}, nil)
	}
	if c.Verifications > 0 && verdicts >= c.Verifications || c.Withdrawals > 0 && withdrawals >= c.Withdrawals || len(j.violations) > 0 {
		return // it was ended early
	}
	share := c.Time.Seconds() / 600
	j.atLeast(verdicts, min(share, 1)*leastVerdicts, "verdicts")
	j.atLeast(withdrawals, min(share, 1)*leastWithdrawals, "withdrawals")
	for _, door := range c.Doors {
		j.atLeast(j.asks[asked{door, saidValid}], 1, "valid by "+string(door))
		j.atLeast(j.asks[asked{door, saidInvalid}], 1, "invalid by "+string(door))
	}
	for _, what := range allWithdrawals {
		j.atLeast(j.writes[attempted{what, Done}], min(10*share, 1), what)
	}
	for _, kind := range c.Pace.Kinds {
		j.atLeast(j.faults[kind], min(2*share, 1), string(kind))
	}
}

// atLeast needs mu.
func (j *journal) atLeast(got int, want float64, what string) {
	if got < int(want) {
		j.add(Violation{Rule: "too little was tried", Detail: fmt.Sprintf("%s: %d, want %d", what, got, int(want))}, nil)
	}
}
