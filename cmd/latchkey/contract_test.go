package main_test

import (
	"crypto/rand"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey/internal/conformance"
)

// contractOf reads what every contract test needs.
func contractOf(t *testing.T) (*conformance.Contract, []conformance.Case) {
	t.Helper()
	c, err := conformance.ReadContract()
	check(t, err)
	cases, err := conformance.ReadCases()
	check(t, err)
	return c, cases
}

// The same cases run through plain HTTP and through both clients, each against an instance of its own.
func TestContractThroughEveryDoor(t *testing.T) {
	t.Parallel()
	for name, door := range map[string]struct {
		open    func(*testing.T, *conformance.Contract, *conformance.HTTP, string) conformance.Door
		without map[string]string // operations that it cannot reach
	}{
		"HTTP": {open: func(_ *testing.T, _ *conformance.Contract, h *conformance.HTTP, _ string) conformance.Door { return h }},
		"Go": {open: func(_ *testing.T, _ *conformance.Contract, _ *conformance.HTTP, base string) conformance.Door {
			return goDoor{base}
		},
			without: goWithout},
		"TypeScript": {open: func(t *testing.T, c *conformance.Contract, _ *conformance.HTTP, base string) conformance.Door {
			return newTSDoor(t, c, base)
		},
			without: tsWithout},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := serve(t, "LATCHKEY_SIGNUP=open")
			c, cases := contractOf(t)
			h := conformance.NewHTTP(c, p.url, patience)
			report, err := conformance.Run(t.Context(), conformance.Config{Contract: c, Cases: cases, HTTP: h, Door: door.open(t, c, h, p.url),
				SetupCode: p.setupCode(), ChangeCatalogue: true, Now: time.Now, Chance: rand.Reader})
			check(t, err)
			wantGreen(t, c, report, door.without)
		})
	}
}

// wantGreen says that no case failed, that every operation was seen to succeed, and why cases were not run.
func wantGreen(t *testing.T, c *conformance.Contract, report *conformance.Report, without map[string]string) {
	t.Helper()
	var text strings.Builder
	report.Text(&text)
	t.Log(text.String())
	if report.Count()[conformance.Failed] > 0 {
		t.Error("the contract is not kept")
	}
	succeeded := map[string]bool{}
	for _, s := range report.Table() {
		if s.Status < 300 && s.Outcome == conformance.Passed {
			succeeded[s.Operation] = true
		}
	}
	for _, id := range c.Operations() {
		if succeeded[id] == (without[id] != "") {
			t.Errorf("%s succeeded: %v; %s", id, succeeded[id], without[id])
		}
	}
	reasons := map[string]bool{}
	for _, r := range report.Results {
		if r.Outcome == conformance.NotRun && !strings.HasPrefix(r.Reason, "not through this door: ") {
			reasons[r.Reason] = true
		}
	}
	if got := slices.Collect(maps.Keys(reasons)); len(got) != 1 || got[0] != "needs closed sign-up" { // this one is open
		t.Errorf("cases were not run because of %q", got)
	}
}
