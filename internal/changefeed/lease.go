package changefeed

import "time"

// Lease says until when a node may answer from memory. It does not change; a node replaces it.
type Lease struct {
	base   time.Duration // every change that was committed by then is applied; on the clock of leases
	length time.Duration
	offset time.Duration // the database's time of day, since 1970, less the clock of leases; an upper bound
	least  time.Duration // the database's time of day never reads less
}

// Ends gives the moment from which on nothing may be decided by l. Nil has ended.
func (l *Lease) ends() time.Duration {
	if l == nil {
		return -1 << 63
	}
	return l.base + l.length
}

// Fresh tells whether a decision that was made before now, from what was in memory after l was read, may be told.
func (l *Lease) Fresh(now time.Duration) bool { return now < l.ends() }

// Since is the moment of which l knows every change; Length is how long it lasts from there.
func (l *Lease) Since() time.Duration { return l.base }

// Length is how long l lasts.
func (l *Lease) Length() time.Duration { return l.length }

// UnixMicro is the database's time of day at now, in microseconds since 1970: at least what the database's own clock says,
// by at most the time that a sync takes, and never less than before.
func (l *Lease) UnixMicro(now time.Duration) int64 {
	return max(l.least, l.offset+now).Microseconds()
}

// renewed is the lease after a sync that began at s and read the database's time of day as at.
func (l *Lease) renewed(s, length, at, now time.Duration) *Lease {
	next := &Lease{base: s, length: length, offset: at - s}
	if l == nil {
		return next
	}
	next.base = max(l.base, s)
	next.least = max(l.least, l.offset+now)
	return next
}

// Floor is the last change that a node knows to have happened. Whatever is read to be believed must contain it.
type Floor struct {
	Revision
	Timeline string // of the server, as PostgreSQL numbers its histories
}
