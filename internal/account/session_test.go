package account

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestUserAgentsAreCut(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ in, want string }{
		{"", ""},
		{"curl/8.5", "curl/8.5"},
		{"a\r\nb\x00c\x7fd", "a??b?c?d"},
		{"\u202e", "???"},
		{strings.Repeat("x", 201), strings.Repeat("x", 200)},
		{strings.Repeat("\u00e9", 101), strings.Repeat("?", 200)},
	} {
		if got := cut(tc.in); got != tc.want {
			t.Errorf("cut(%q) = %q, want %q", tc.in, got, tc.want)
		}
	}
}

// plant adds n sessions of an account behind the store's back.
func (b *bench) plant(accountID, mark string, n int, seen, ends time.Time) {
	b.t.Helper()
	b.exec(`INSERT INTO session SELECT $2 || lpad(i::text, 19, '0'), $1, sha256(($2 || i)::bytea), $4, $4, $5, '', '' FROM generate_series(1, $3) i`,
		accountID, mark, n, seen, ends)
}

// What the purge removes had ended before, and what had ended it removes: the same border everywhere.
func TestPurgeSessions(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	grace := b.signUp("grace")
	now := b.clock.Now()
	for _, tc := range []struct {
		say       string
		idle      time.Duration // since it was last seen
		left      time.Duration // until its absolute end
		listed    bool
		purgeable bool
	}{
		{say: "in use", idle: 0, left: time.Hour, listed: true},
		{say: "just in use", idle: time.Hour - time.Microsecond, left: time.Microsecond, listed: true},
		{say: "idle for an hour", idle: time.Hour, left: time.Hour},
		{say: "idle for longer", idle: time.Hour + time.Microsecond, left: time.Hour, purgeable: true},
		{say: "at its end", idle: 0, left: 0},
		{say: "past its end", idle: 0, left: -time.Microsecond, purgeable: true},
	} {
		b.exec("TRUNCATE session")
		b.plant(grace.AccountID, "a", 1, now.Add(-tc.idle), now.Add(tc.left))
		list, err := b.SessionList(t.Context(), grace)
		if err != nil || (len(list) == 1) != tc.listed {
			t.Errorf("%s: listed %v, %v", tc.say, list, err)
		}
		if n, err := b.PurgeSessions(t.Context()); err != nil || (n == 1) != tc.purgeable {
			t.Errorf("%s: PurgeSessions() = %d, %v", tc.say, n, err)
		}
	}
}

func TestPurgeSessionsIsBoundedAndRepeatable(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	grace := b.signUp("grace")
	now := b.clock.Now()
	b.plant(grace.AccountID, "a", 1500, now, now.Add(-time.Second))
	b.plant(grace.AccountID, "b", 700, now.Add(-2*time.Hour), now.Add(time.Hour))
	for _, want := range []int64{1000, 1000, 200, 0, 0} {
		if n, err := b.PurgeSessions(t.Context()); n != want || err != nil {
			t.Fatalf("PurgeSessions() = %d, %v; want %d", n, err, want)
		}
	}
	if n := scalar[int](b, "SELECT count(*) FROM session"); n != 1 {
		t.Errorf("%d sessions are left, want grace's", n)
	}
}

func TestPurgesOfManyInstancesAtOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	grace := b.signUp("grace")
	b.plant(grace.AccountID, "a", 3000, b.clock.Now(), b.clock.Now().Add(-time.Second))
	var all sync.WaitGroup
	var total atomic.Int64
	for range 3 {
		all.Go(func() {
			for {
				n, err := b.PurgeSessions(context.Background())
				if err != nil {
					t.Error(err)
				}
				if total.Add(n); n == 0 {
					return
				}
			}
		})
	}
	all.Wait()
	if left := scalar[int](b, "SELECT count(*) FROM session"); left != 1 || total.Load() != 3000 {
		t.Errorf("%d were purged, %d are left", total.Load(), left)
	}
}

func TestSignOutTwice(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	grace := b.signUp("grace")
	for range 2 {
		if err := b.SignOut(t.Context(), grace); err != nil {
			t.Error(err)
		}
	}
	if n := scalar[int](b, "SELECT count(*) FROM audit_event WHERE type = 'session_ended'"); n != 1 {
		t.Errorf("%d ends recorded, want one", n)
	}
}

// Most requests of a session come within a minute of the last: they must not cost a second round trip.
func TestATouchWithinTheMinuteAsksNoDatabase(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	grace := b.signUp("grace")
	b.pool.Close()
	if err := b.SessionTouch(t.Context(), grace, b.clock.Now().Add(-touchEvery+time.Microsecond)); err != nil {
		t.Errorf("within the minute: %v", err)
	}
	if err := b.SessionTouch(t.Context(), grace, b.clock.Now().Add(-touchEvery)); err == nil {
		t.Error("after a minute nothing was asked")
	}
}
