package page

import (
	"errors"
	"testing"
	"time"
)

func TestCursorSurvivesTheRoundTrip(t *testing.T) {
	t.Parallel()
	want := Cursor{At: time.Date(2026, 11, 22, 3, 4, 5, 678901000, time.UTC), ID: "cc5lnd2s1s4652adtu50"}
	got, err := Parse(want.String())
	if err != nil || !got.At.Equal(want.At) || got.ID != want.ID {
		t.Fatalf("Parse(String()) = %v, %v; want %v", got, err, want)
	}
}

func TestParseRefusesWhatIsNotACursor(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"x", "!!!!", "AAAA", Cursor{At: time.Now(), ID: "cc5lnd2s1s4652adtu5\x00"}.String(), Cursor{At: time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC), ID: "cc5lnd2s1s4652adtu50"}.String()} {
		if _, err := Parse(s); !errors.Is(err, ErrCursor) {
			t.Errorf("Parse(%q) = %v, want ErrCursor", s, err)
		}
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	at := func(i int) Cursor { return Cursor{At: time.UnixMicro(int64(i)), ID: "cc5lnd2s1s4652adtu50"} }
	if items, next := Cut([]int{3, 2}, 2, at); len(items) != 2 || next != "" {
		t.Errorf("a last page has %d items and cursor %q", len(items), next)
	}
	if items, next := Cut([]int{3, 2, 1}, 2, at); len(items) != 2 || next != at(2).String() {
		t.Errorf("a full page has %d items and cursor %q", len(items), next)
	}
}
