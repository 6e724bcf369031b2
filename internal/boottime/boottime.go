// Package boottime reads the clock that leases are measured with.
//
// It stands apart because it is not Go's: the monotonic clock of package time stops while the machine is suspended, and a
// node that slept through its lease must know. What always holds: the clock never goes back, counts suspended time, and
// says nothing about the time of day.
package boottime

import (
	"math"
	"time"

	"golang.org/x/sys/unix"
)

// Now is the time since the machine was started, or since some other fixed moment.
func Now() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(clock, &t) != nil {
		return math.MaxInt64 // never since Linux 2.6.39 and macOS 10.12; a clock that cannot be read ends every lease
	}
	return time.Duration(t.Nano())
}
