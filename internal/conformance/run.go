package conformance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Config is a run.
type Config struct {
	Contract *Contract
	Cases    []Case // beside those that are derived
	HTTP     *HTTP  // makes the world
	Door     Door   // makes the requests of the cases
	Keeper   Credential
	// SetupCode makes the first administrator of a new instance, who is then the keeper.
	SetupCode string
	// ChangeCatalogue allows to replace the catalogue for a while.
	ChangeCatalogue bool
	Only, Skip      *regexp.Regexp // of "operation status: name", for any step; nil: all, none
	Now             func() time.Time
	Chance          io.Reader
	Progress        func(Result) // may be nil
}

// Outcome of a case.
type Outcome string

// Outcomes.
const (
	Passed Outcome = "passed"
	Failed Outcome = "failed"
	NotRun Outcome = "not run"
)

// Result is what came of a case.
type Result struct {
	Name      string  `json:"name"`
	Operation string  `json:"operation"`
	Cells     []Cell  `json:"shows"`
	Outcome   Outcome `json:"outcome"`
	Reason    string  `json:"reason,omitempty"` // why it was not run
	// Of a failure:
	Step   int      `json:"step,omitempty"` // from 1
	Sent   string   `json:"sent,omitempty"`
	Wanted string   `json:"wanted,omitempty"`
	Came   string   `json:"came,omitempty"`
	Faults []string `json:"faults,omitempty"`
	Place  string   `json:"contract,omitempty"`

	Took time.Duration `json:"-"`

	reached []Cell // whose steps were made, the failed one last
}

// patienceForTidying bounds what is done after the run was told to stop.
const patienceForTidying = 2 * time.Minute

// Run runs all cases, one after the other. The error is about the world: it could not be made, or not taken away again; it may come
// with a report. When ctx ends, the rest is not run, and the world is taken away all the same.
func Run(ctx context.Context, c Config) (*Report, error) {
	derived, err := Derive(c.Contract)
	if err != nil {
		return nil, err
	}
	reasons, err := ReadUnprovoked(c.Contract)
	if err != nil {
		return nil, err
	}
	w, err := newWorld(c.HTTP, c.Keeper, c.Chance, c.Now)
	if err != nil {
		return nil, err
	}
	w.known["setup_code"] = c.SetupCode
	w.secret(c.SetupCode)
	r := &runner{Config: c, world: w}
	report := &Report{contract: c.Contract, Unprovoked: reasons}
	first, rest := inOrder(slices.Concat(derived, c.Cases))
	if report.Results = r.all(ctx, first); c.SetupCode != "" && w.keeper == (Credential{}) {
		return report, errors.New("no administrator could be made with the set-up code")
	}
	if err = w.make(ctx); err == nil {
		report.Results = append(report.Results, r.all(ctx, rest)...)
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), patienceForTidying)
	defer cancel()
	return report, errors.Join(err, w.end(last))
}

// inOrder puts the cases of one operation together, and those last that change what everybody sees. Those come apart that make the first
// administrator, without whom there is nobody for the others.
func inOrder(cases []Case) ([]Case, []Case) {
	var first, rest, last []Case
	for _, c := range cases {
		switch {
		case slices.Contains(c.Needs, needsSetupCode):
			first = append(first, c)
		case slices.Contains(c.Needs, needsCatalogue):
			last = append(last, c)
		default:
			rest = append(rest, c)
		}
	}
	slices.SortStableFunc(rest, func(a, b Case) int { return strings.Compare(a.About, b.About) })
	return first, append(rest, last...)
}

type runner struct {
	Config
	world      *world
	begun      int // cases
	unanswered int // requests, the last ones in a row
}

const unansweredMost = 3 // then nobody is there any more

func (r *runner) all(ctx context.Context, cases []Case) []Result {
	var all []Result
	for _, c := range cases {
		started := r.Now()
		result := Result{Name: c.Name, Operation: c.About, Cells: c.Cells(), Outcome: NotRun, Reason: r.whyNot(ctx, c)}
		if result.Reason == "" {
			r.one(ctx, c, &result)
		}
		switch {
		case ctx.Err() != nil && result.Outcome != Passed:
			result.Outcome, result.Reason = NotRun, interrupted
		case result.Outcome == Failed && r.unanswered == 0:
			r.world.mend(ctx)
		}
		result.Took = r.Now().Sub(started)
		all = append(all, result)
		if r.Progress != nil {
			r.Progress(result)
		}
	}
	return all
}

const interrupted = "the run was interrupted"

// whyNot says why a case is not run here; empty: it is.
func (r *runner) whyNot(ctx context.Context, c Case) string {
	missing := map[string]bool{
		needsSignup:    r.world.instance.Signup != "open",
		needsNoSignup:  r.world.instance.Signup == "open",
		needsSetupCode: r.SetupCode == "",
		needsCatalogue: !r.ChangeCatalogue,
		needsForever:   r.world.instance.AccessKeys.ExpiryRequired,
		needsFewKeys:   r.world.instance.AccessKeys.Most > 100,
	}
	for _, need := range c.Needs {
		if missing[need] {
			return "needs " + need
		}
	}
	switch {
	case ctx.Err() != nil:
		return interrupted
	case r.unanswered >= unansweredMost:
		return "the server does not answer any more"
	case slices.Contains(c.Needs, needsSetupCode): // or there would be nobody for the others
	case r.Only != nil && !c.called(r.Only):
		return "left out by --only"
	case r.Skip != nil && c.called(r.Skip):
		return "left out by --skip"
	}
	known := maps.Clone(r.world.known)
	known[later] = nil
	for _, s := range c.Steps {
		in, err := r.request(s, known)
		if err != nil {
			continue // to be told as a failure
		}
		if in.As = r.world.actors[s.As]; strings.HasPrefix(s.As, "basic ") {
			in.As.User = s.As
		}
		if why := r.Door.Cannot(in); why != "" {
			return "not through this door: " + why
		}
	}
	return ""
}

// called tells whether a pattern fits what the case shows, as "RoleGet 404: about an id of nothing".
func (c Case) called(pattern *regexp.Regexp) bool {
	return slices.ContainsFunc(c.Cells(), func(cell Cell) bool {
		return pattern.MatchString(fmt.Sprintf("%s %d: %s", cell.Operation, cell.Status, c.Name))
	})
}

// one runs the steps of a case, and takes away what they have made.
func (r *runner) one(ctx context.Context, c Case, result *Result) {
	r.begun++
	known, sessions := maps.Clone(r.world.known), map[string]Credential{}
	known["case"] = r.begun
	result.Outcome = Passed
	for n, s := range c.Steps {
		times, err := known.times(s.Times, r.Now())
		if err != nil {
			result.Outcome, result.Faults = Failed, []string{err.Error()}
		}
		for range times {
			if r.step(ctx, s, known, sessions, result); result.Outcome != Passed {
				result.Step = n + 1
				break
			}
		}
		if result.Outcome != Passed {
			break
		}
	}
	if keeper, ok := sessions["keeper"]; ok && r.world.keeper == (Credential{}) {
		r.world.keeper = keeper
		return
	}
	tidying, cancel := context.WithTimeout(context.WithoutCancel(ctx), patienceForTidying)
	defer cancel()
	if err := r.world.tidy(tidying); err != nil && result.Outcome == Passed {
		result.Outcome, result.Faults = Failed, []string{"what the case has made could not be taken away: " + err.Error()}
	}
}

// step makes one request, again and again where its answer may take a while.
func (r *runner) step(ctx context.Context, s Step, known variables, sessions map[string]Credential, result *Result) {
	op, err := r.Contract.operation(s.Operation)
	if err != nil {
		result.Outcome, result.Faults = Failed, []string{err.Error()}
		return
	}
	result.reached = append(result.reached, Cell{s.Operation, s.Want.Status})
	end := r.Now().Add(s.Within)
	for {
		in, err := r.request(s, known)
		if err == nil {
			in.As, err = r.credential(s.As, known, sessions, r.Now())
		}
		if err != nil {
			result.Outcome, result.Faults = Failed, []string{err.Error()}
			return
		}
		a, err := r.Door.Do(ctx, in)
		var faults []string
		if err != nil {
			r.unanswered++
			faults = []string{"there is no answer: " + err.Error()}
		} else {
			r.unanswered = 0
			r.world.note(s.Operation, in.As, a)
			faults = r.judge(op, s, a, known)
		}
		if len(faults) == 0 {
			if err := remember(s, a, known, sessions); err != nil {
				faults = []string{err.Error()}
			}
		}
		if len(faults) == 0 {
			return
		}
		if !r.Now().Before(end) || ctx.Err() != nil {
			result.Outcome, result.Faults, result.Place = Failed, r.masked(faults), op.place(s.Want.Status)
			result.Sent, result.Wanted, result.Came = r.mask(op.shown(in)), r.mask(s.Want.shown()), r.mask(a.shown())
			return
		}
		pause(ctx)
	}
}

// pause is between two looks at what takes a while to happen.
func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(50 * time.Millisecond):
	}
}
