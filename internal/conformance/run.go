package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
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
const patienceForTidying = 30 * time.Second

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
	world *world
	begun int // cases
}

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
		case result.Outcome == Failed:
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
			faults = []string{"there is no answer: " + err.Error()}
		} else {
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

// request fills in a step, but for who makes it.
func (r *runner) request(s Step, known variables) (Request, error) {
	in := Request{Operation: s.Operation, Raw: s.Raw, Media: s.Media}
	now := r.Now()
	var err error
	if in.Body, err = known.value(&s.Body, now); err != nil {
		return in, err
	}
	if in.Path, err = known.texts(s.Path, now); err != nil {
		return in, err
	}
	if in.Query, err = known.texts(s.Query, now); err != nil {
		return in, err
	}
	in.Header, err = known.texts(s.Headers, now)
	return in, err
}

func (r *runner) credential(as string, known variables, sessions map[string]Credential, now time.Time) (Credential, error) {
	if c, ok := sessions[as]; ok {
		return c, nil
	}
	if c, ok := r.world.actors[as]; ok {
		return c, nil
	}
	filled, err := known.text(as, now)
	if err != nil {
		return Credential{}, err
	}
	part := strings.Fields(filled)
	switch {
	case len(part) == 2 && part[0] == "key":
		return Credential{Key: part[1]}, nil
	case len(part) == 3 && part[0] == "basic":
		return Credential{User: part[1], Key: part[2]}, nil
	}
	return Credential{}, fmt.Errorf("nobody is called %q", as)
}

// judge says everything that is wrong with an answer.
func (r *runner) judge(op *operation, s Step, a Answer, known variables) []string {
	var faults []string
	switch {
	case a.Status == 0 && (s.Want.Status < 200 || s.Want.Status > 299):
		faults = append(faults, fmt.Sprintf("it succeeds, want %d", s.Want.Status))
	case a.Status != 0 && a.Status != s.Want.Status:
		faults = append(faults, fmt.Sprintf("the status is %d, want %d", a.Status, s.Want.Status))
	}
	if a.Wire {
		faults = append(faults, r.Contract.held(op, a)...)
	}
	faults = append(faults, r.leaks(s.Operation, a)...)
	var body any
	if a.Body != nil && json.Unmarshal(a.Body, &body) != nil && !a.Wire {
		faults = append(faults, "the client gives no JSON")
	}
	if code, _ := at(body, "error"); s.Want.Error != "" && code != s.Want.Error {
		faults = append(faults, fmt.Sprintf("error is %s, want %q", brief(code), s.Want.Error))
	}
	if s.Want.Body.Kind != 0 && (a.Wire || a.Body != nil) {
		if fault := known.fits(lessened(&s.Want.Body, a.Lacks), body, body != nil, r.Now()); fault != "" {
			faults = append(faults, "the body: "+fault)
		}
	}
	if a.Wire {
		faults = append(faults, r.headers(s, a, known)...)
	}
	return faults
}

func (r *runner) headers(s Step, a Answer, known variables) []string {
	var faults []string
	for name, want := range s.Want.Headers {
		values := a.Header.Values(name)
		var got any
		if len(values) > 0 {
			got = values[0]
		}
		if fault := known.fits(&want, got, len(values) > 0, r.Now()); fault != "" {
			faults = append(faults, name+" "+fault)
		}
	}
	slices.Sort(faults)
	return faults
}

// lessened is a want without the members that a client keeps to itself.
func lessened(want *yaml.Node, lacks []string) *yaml.Node {
	less := want
	for _, name := range lacks {
		less = without(*less, name)
	}
	return less
}

// leaks finds secrets in an answer that is none of the two that issue one. A session is issued in a cookie.
func (r *runner) leaks(operation string, a Answer) []string {
	body := string(a.Body)
	if operation == "AccessKeyCreate" || operation == "AccessKeyRegenerate" {
		var issued struct{ Secret string }
		if json.Unmarshal(a.Body, &issued) == nil && issued.Secret != "" {
			body = strings.Replace(body, issued.Secret, "", 1)
		}
	}
	for _, secret := range r.world.secrets {
		if strings.Contains(body, secret) {
			return []string{"the body holds a secret that was given out before"}
		}
		for name, values := range a.Header {
			if name != "Set-Cookie" && strings.Contains(strings.Join(values, "\n"), secret) {
				return []string{"the header " + name + " holds a secret"}
			}
		}
	}
	return nil
}

func remember(s Step, a Answer, known variables, sessions map[string]Credential) error {
	if s.Session != "" {
		if a.Session == "" {
			return errors.New("it begins no session")
		}
		sessions[s.Session] = Credential{Session: a.Session}
	}
	var body any
	_ = json.Unmarshal(a.Body, &body) // where it is none, there is nothing to find
	for name, from := range s.Save {
		if header, ok := strings.CutPrefix(from, "header "); ok {
			known[name] = a.Header.Get(http.CanonicalHeaderKey(header))
			continue
		}
		value, ok := at(body, from)
		if !ok {
			return fmt.Errorf("%s is missing, and a later step needs it", from)
		}
		known[name] = value
	}
	return nil
}
