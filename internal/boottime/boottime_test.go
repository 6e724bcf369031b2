package boottime

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestNowGoesForward(t *testing.T) {
	t.Parallel()
	last := Now()
	for range 1000 {
		now := Now()
		if now < last {
			t.Fatalf("%v after %v", now, last)
		}
		last = now
	}
	if last <= 0 {
		t.Fatalf("the clock stands at %v", last)
	}
}

// /proc/uptime counts suspended time as well.
func TestNowIsTheTimeSinceTheStartOfTheMachine(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("/proc/uptime")
	if os.IsNotExist(err) {
		return // not Linux
	}
	if err != nil {
		t.Fatal(err)
	}
	seconds, err := strconv.ParseFloat(strings.Fields(string(raw))[0], 64)
	if err != nil {
		t.Fatal(err)
	}
	if apart := Now() - time.Duration(seconds*float64(time.Second)); apart < -time.Minute || apart > time.Minute {
		t.Errorf("%v apart", apart)
	}
}

func BenchmarkNow(b *testing.B) {
	for range b.N {
		Now()
	}
}
