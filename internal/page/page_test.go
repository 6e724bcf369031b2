package page

import (
	"errors"
	"testing"
	"time"

	"github.com/rs/xid"
)

const id = "cc5lnd2s1s4652adtu50"

func TestParse(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]Cursor{"": Start, id: id} {
		if got, err := Parse(s); got != want || err != nil {
			t.Errorf("Parse(%q) = %q, %v; want %q", s, got, err, want)
		}
	}
	for _, s := range []string{"x", id + "0", "CC5LND2S1S4652ADTU50", "cc5lnd2s1s4652adtu5w", "cc5lnd2s1s4652adtu5\x00", string(Start)} {
		if _, err := Parse(s); !errors.Is(err, ErrCursor) {
			t.Errorf("Parse(%q) = %v, want ErrCursor", s, err)
		}
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	self := func(s string) string { return s }
	if items, next := Cut([]string{"c", "b"}, 2, self); len(items) != 2 || next != "" {
		t.Errorf("a last page has %d items and cursor %q", len(items), next)
	}
	if items, next := Cut([]string{"c", "b", "a"}, 2, self); len(items) != 2 || next != "b" {
		t.Errorf("a full page has %d items and cursor %q", len(items), next)
	}
}

func TestFirst(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 28, 9, 56, 30, 999, time.UTC)
	before, made := xid.NewWithTime(at.Add(-time.Second)).String(), xid.NewWithTime(at).String()
	if first := string(First(at)); before >= first || first > made || first >= xid.NewWithTime(at.Add(time.Second)).String() {
		t.Errorf("%s, %s, %s", before, first, made)
	}
	if got := First(at.Truncate(time.Second)); got != First(at) {
		t.Errorf("within the second: %s", got)
	}
	for say, tc := range map[string]struct {
		at   time.Time
		want Cursor
	}{
		"before all ids": {time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC), "00000000000000000000"},
		"after all":      {time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), "vvvvvvo0000000000000"},
	} {
		if got := First(tc.at); got != tc.want {
			t.Errorf("%s: %s", say, got)
		}
	}
}
