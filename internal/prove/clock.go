package prove

import (
	"sync/atomic"
	"time"
)

// clock is the one clock of a history: nanoseconds since it was made, no two readings alike, so that a call which was made
// after an answer had come has the larger number.
type clock struct {
	start time.Time
	last  atomic.Int64
}

func newClock() *clock { return &clock{start: wall()} }

func (c *clock) now() int64 {
	t := int64(wall().Sub(c.start))
	for {
		last := c.last.Load()
		t = max(t, last+1)
		if c.last.CompareAndSwap(last, t) {
			return t
		}
	}
}

// at is where a moment of the wall clock lies on this one.
func (c *clock) at(t time.Time) int64 { return int64(t.Sub(c.start)) }

// wall reads the machine's clock, with its monotonic part.
func wall() time.Time {
	return time.Now()
}
