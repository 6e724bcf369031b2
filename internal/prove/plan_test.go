package prove

import (
	"reflect"
	"testing"
	"time"
)

func TestPlanRepeats(t *testing.T) {
	t.Parallel()
	pace := Pace{}.withDefaults()
	a, b := Plan(7, time.Hour, 3, pace), Plan(7, time.Hour, 3, pace)
	if !reflect.DeepEqual(a, b) {
		t.Error("one seed, two schedules")
	}
	if reflect.DeepEqual(a, Plan(8, time.Hour, 3, pace)) {
		t.Error("two seeds, one schedule")
	}
}

func TestPlanHoldsToItsPace(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		pace := Pace{}.withDefaults()
		plan := Plan(seed, 10*time.Minute, 3, pace)
		kinds, pairs, rests, length := map[Kind]int{}, 0, 0, time.Duration(0)
		for _, s := range plan {
			length += s.length() + s.Quiet
			if len(s.Faults) < 1 || len(s.Faults) > 2 {
				t.Fatalf("%d faults at a time", len(s.Faults))
			}
			if len(s.Faults) == 2 {
				pairs++
				a, b := s.Faults[0], s.Faults[1]
				if a.Node == b.Node && a.Kind.ofNode() && b.Kind.ofNode() {
					t.Errorf("%s and %s at once", a, b)
				}
			}
			if s.Quiet > settling+time.Second {
				rests++
			}
			if s.Quiet < pace.Pause/2 {
				t.Errorf("a quiet of %s", s.Quiet)
			}
			for _, f := range s.Faults {
				kinds[f.Kind]++
				if f.For < pace.Shortest || f.For > pace.Longest || f.Node < 0 || f.Node > 2 {
					t.Errorf("%+v", f)
				}
				if f.Kind == LeaseChanged && (f.Extra < 200*time.Millisecond || f.Extra > pace.MostLease) {
					t.Errorf("a lease of %s", f.Extra)
				}
			}
		}
		for _, k := range AllKinds {
			if kinds[k] < 5 {
				t.Errorf("seed %d: %s comes %d times in ten minutes", seed, k, kinds[k])
			}
		}
		if length < 10*time.Minute || pairs == 0 || rests < len(plan)/pace.RestEvery {
			t.Errorf("seed %d: %s long, %d pairs, %d rests in %d spells", seed, length, pairs, rests, len(plan))
		}
	}
}
