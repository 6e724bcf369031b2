package changefeed

import (
	"errors"
	"math"
	"slices"
	"testing"
	"time"
)

func TestRevisionSurvivesItsJourney(t *testing.T) {
	t.Parallel()
	for _, r := range []Revision{{1, 0}, {7, 99}, {math.MaxInt64, math.MaxInt64}, {1 << 40, 1 << 62}} {
		s := r.String()
		if got, err := ParseRevision(s); err != nil || got != r || len(s) != 22 {
			t.Errorf("%v became %q, and that %v, %v", r, s, got, err)
		}
	}
	if s := (Revision{}).String(); s != "" {
		t.Errorf("none is %q", s)
	}
	for _, s := range []string{"", "x", "AAAAAAAAAAAAAAAAAAAAAA", Revision{V: -1}.String(), Revision{V: 1}.String() + "A", Revision{V: 1}.String()[1:], "!!!!!!!!!!!!!!!!!!!!!!",
		"AAAAAAAAAAEAAAAAAAAAAB"} {
		if r, err := ParseRevision(s); !errors.Is(err, ErrRevision) {
			t.Errorf("%q is %v, %v", s, r, err)
		}
	}
}

func FuzzParseRevision(f *testing.F) {
	f.Add(Revision{5, 6}.String())
	f.Fuzz(func(t *testing.T, s string) {
		if r, err := ParseRevision(s); err == nil && (r.String() != s || r.V < 1) {
			t.Errorf("%q became %v", s, r)
		}
	})
}

func TestChanges(t *testing.T) {
	t.Parallel()
	var c Changes
	if c.Announce(Role, "a"); c.withdraws {
		t.Error("an announcement withdraws")
	}
	if c.Withdraw(Session); c.withdraws || len(c.all) != 1 {
		t.Error("nothing was withdrawn, and yet somebody waits")
	}
	if c.Withdraw(Key, "b", "c"); !c.withdraws || !slices.Equal(c.all, []Change{{Role, "a"}, {Key, "b"}, {Key, "c"}}) {
		t.Errorf("%+v", c)
	}
}

func TestLease(t *testing.T) {
	t.Parallel()
	var none *Lease
	if none.Fresh(0) || none.Fresh(-1<<63) {
		t.Error("no lease is fresh")
	}
	l := none.renewed(10*time.Second, time.Second, 1000*time.Second, 11*time.Second)
	if !l.Fresh(11*time.Second-1) || l.Fresh(11*time.Second) {
		t.Error("the lease does not end a second after its sync began")
	}
	if late := l.renewed(9*time.Second, time.Second, 1000*time.Second, 11*time.Second); late.Since() != 10*time.Second {
		t.Errorf("a late sync lowers the base to %s", late.Since())
	}
	if next := l.renewed(12*time.Second, 2*time.Second, 1000*time.Second, 13*time.Second); next.Since() != 12*time.Second || next.Length() != 2*time.Second {
		t.Errorf("renewed is %+v", next)
	}
}

// The database's time is guessed from above: what expired there has expired here. It never goes back.
func TestTheTimeOfDayIsAnUpperBoundThatNeverFalls(t *testing.T) {
	t.Parallel()
	var l *Lease
	l = l.renewed(10*time.Second, time.Second, 1000*time.Second, 10*time.Second) // it was 1000 s at 10 s or later
	if got := l.UnixMicro(15 * time.Second); got != 1005_000_000 {
		t.Errorf("5 s later it is %d", got)
	}
	for _, db := range []time.Duration{990 * time.Second, 1005*time.Second - 1, 1005 * time.Second, 1010 * time.Second} { // set back, and forward
		next := l.renewed(15*time.Second, time.Second, db, 16*time.Second)
		last := l.UnixMicro(16 * time.Second)
		for now := 16 * time.Second; now < 40*time.Second; now += 100 * time.Millisecond {
			got := next.UnixMicro(now)
			if got < last || got < (db+now-15*time.Second).Microseconds() {
				t.Fatalf("database at %s: %d after %d", db, got, last)
			}
			last = got
		}
	}
}

func TestWaitCoversAClockThatIsSlower(t *testing.T) {
	t.Parallel()
	for _, lease := range []time.Duration{200 * time.Millisecond, time.Second, 20 * time.Second} {
		if got, least := waitFor(lease), time.Duration(float64(lease)*1.001)+2*time.Millisecond-1; got < least {
			t.Errorf("%s: %s is less than %s", lease, got, least)
		}
	}
}
