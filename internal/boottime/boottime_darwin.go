package boottime

import "golang.org/x/sys/unix"

// On macOS this one goes on while the machine sleeps (clock_gettime(3)).
const clock = unix.CLOCK_MONOTONIC
