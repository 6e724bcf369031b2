package main

import (
	"strings"
	"testing"
	"time"
)

// say runs the program and gives what it printed.
func say(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var b strings.Builder
	err := run(args, &b, time.Now)
	return b.String(), err
}

func TestRunsHold(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"smallest", "secondTry"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			said, err := say(t, "-run", name)
			if err != nil || !strings.Contains(said, "HOLDS") {
				t.Errorf("%v\n%s", err, said)
			}
		})
	}
}

func TestMutantsAreCaughtAndTheWayThereIsTold(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ mutant, verdict, end string }{
		{"leaseFromEnd", "VIOLATION of P1", valid},
		{"negativeUnleased", "VIOLATION of SECRET", mistaken},
		{"enableUntold", "VIOLATION of LIVE", refused},
	} {
		t.Run(tc.mutant, func(t *testing.T) {
			t.Parallel()
			said, err := say(t, "-mutant", tc.mutant)
			if err != nil || !strings.Contains(said, tc.verdict) || !strings.Contains(said, tc.end) {
				t.Errorf("%v, want %s at the end of a trace\n%s", err, tc.verdict, said)
			}
		})
	}
}

func TestARunThatMissesItsMutantFails(t *testing.T) {
	t.Parallel()
	said, err := say(t, "-mutant", "noFloor", "-run", "smallest") // where there is no server but the primary
	if err == nil || !strings.Contains(said, "WRONG") {
		t.Errorf("%v\n%s", err, said)
	}
}

func TestUnknownNamesFail(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"-run", "nothing"}, {"-mutant", "nothing"}, {"-mutant", "noFloor", "-run", "nothing"}} {
		if said, err := say(t, args...); err == nil {
			t.Errorf("%q: no error\n%s", args, said)
		}
	}
}

func TestEveryMutantIsInTheTableOnceWithARunThatExists(t *testing.T) {
	t.Parallel()
	names := make(map[string]bool)
	for _, r := range runs {
		if names[r.name] {
			t.Errorf("two runs are called %s", r.name)
		}
		names[r.name] = true
	}
	for i, m := range mistakes {
		if m.mutant != mutant(i+1) || names["mutant "+m.name] || !names[m.run] || m.breaks == none {
			t.Errorf("entry %d (%s) is out of order, double, or has no run or property", i, m.name)
		}
		names["mutant "+m.name] = true
	}
	if len(mistakes) != int(lengthAlone) {
		t.Errorf("%d entries for %d mutants", len(mistakes), lengthAlone)
	}
}
