package conformance

import (
	"testing"
)

// all gives every case that there is.
func all(t *testing.T) (*Contract, []Case) {
	t.Helper()
	c, err := ReadContract()
	if err != nil {
		t.Fatal(err)
	}
	derived, err := Derive(c)
	if err != nil {
		t.Fatal(err)
	}
	written, err := ReadCases()
	if err != nil {
		t.Fatal(err)
	}
	return c, append(derived, written...)
}

// An operation that is added, or a status, has a case or a reason on the day it is added.
func TestEveryStatusHasACaseOrAReason(t *testing.T) {
	t.Parallel()
	c, cases := all(t)
	reasons, err := ReadUnprovoked(c)
	if err != nil {
		t.Fatal(err)
	}
	shown := map[Cell]bool{}
	for _, k := range cases {
		for _, cell := range k.Cells() {
			shown[cell] = true
		}
	}
	for _, cell := range c.Cells() {
		switch reason := reasons[cell]; {
		case shown[cell] && reason != "":
			t.Errorf("%s %d has a case and a reason not to have one", cell.Operation, cell.Status)
		case !shown[cell] && reason == "":
			t.Errorf("%s %d has neither a case nor a reason", cell.Operation, cell.Status)
		}
		delete(shown, cell)
	}
	for cell := range shown {
		t.Errorf("%s %d has a case, and the contract does not know it", cell.Operation, cell.Status)
	}
}
