package prove

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func newTestJournal() *journal { return newJournal(newClock(), bounds, time.Second, false) }

// later is a call that is made when it has been calm for long, in the journal's eyes.
func (j *journal) later() int64 { return j.calmSince + int64(settling) + s }

func TestAvailabilityIsDemandedWhileAllIsWell(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		want bool
		tell func(*journal)
	}{
		{"503 while all is well", true, func(j *journal) { j.ask(VerifyKey, saidUnavailable, 0, answer{call: j.later()}) }},
		{"silence while all is well", true, func(j *journal) { j.ask(VerifyKey, saidNothing, 0, answer{call: j.later()}) }},
		{"503 soon after a fault", false, func(j *journal) { j.ask(VerifyKey, saidUnavailable, 0, answer{call: j.calmSince + s}) }},
		{"503 under a fault", false, func(j *journal) {
			call := j.later()
			j.storm()
			j.ask(VerifyKey, saidUnavailable, 0, answer{call: call})
		}},
		{"503 on a busy machine", false, func(j *journal) {
			j.busy = true
			j.ask(VerifyKey, saidUnavailable, 0, answer{call: j.later()})
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			j := newTestJournal()
			j.calm()
			tc.tell(j)
			j.demand(Config{Refusals: 0.001, Verifications: 1})
			if got := slices.Contains(j.rules(), "no verdicts while all was well"); got != tc.want {
				t.Errorf("it is noted: %v, want %v", got, tc.want)
			}
		})
	}
}

func TestWithdrawalsAreTimed(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		outcome Outcome
		took    time.Duration
		calm    bool
		want    bool
	}{
		{"in time", Done, time.Second, true, false},
		{"too late", Done, 1100 * time.Millisecond, true, true},
		{"failed", Unknown, time.Millisecond, true, true},
		{"too late under a fault", Done, time.Minute, false, false},
		{"failed under a fault", Unknown, time.Minute, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			j := newTestJournal()
			j.calm()
			call := j.later()
			if !tc.calm {
				j.storm()
			}
			j.wrote(&Write{What: "revoke own", Call: call, Return: call + int64(tc.took), Outcome: tc.outcome})
			if j.failed() != tc.want {
				t.Errorf("it is noted: %v, want %v", j.violations, tc.want)
			}
		})
	}
}

func TestTooLittleIsAFailure(t *testing.T) {
	t.Parallel()
	j := newTestJournal()
	j.demand(Config{Time: 10 * time.Minute, Doors: allDoors, Pace: Pace{Kinds: AllKinds}})
	for _, what := range []string{"verdicts: 0, want 100000", "withdrawals: 0, want 1000", "valid by verify:", "invalid by introspect:", "sign out:", "link cut: 0, want 1"} {
		if !slices.ContainsFunc(j.violations, func(v Violation) bool { return strings.Contains(v.Detail, what) }) {
			t.Errorf("nothing is said of %q in %v", what, j.violations)
		}
	}
}

func TestSummaryTellsAll(t *testing.T) {
	t.Parallel()
	j := newTestJournal()
	j.ask(Introspect, saidValid, 0, answer{})
	j.fault(Fault{Kind: NodeFrozen}, 1, 2)
	for i := range int64(100) {
		j.wrote(&Write{What: "suspend", Return: i * int64(time.Millisecond), Outcome: Done})
	}
	j.surprise("%s answers %d", "suspend", 500)
	j.surprise("%s answers %d", "suspend", 500)
	var out strings.Builder
	j.report(&out, s)
	for _, part := range []string{"1 verdicts and 100 withdrawals", "introspect", "node frozen", "p50 49ms, p99 98ms, max 99ms", "violations: 1\n", "suspend answers 500"} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("the summary lacks %q: %s", part, &out)
		}
	}
}
