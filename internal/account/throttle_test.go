package account

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey/internal/auth"
	"github.com/latchkey-dev/latchkey/internal/problem"
)

func (b *bench) guess(handle, from string) error {
	_, _, err := b.SignIn(b.t.Context(), auth.Anonymous(from, "test"), handle, "wrong")
	return err
}

func (b *bench) failures(sub subject) int {
	b.t.Helper()
	return scalar[int](b, "SELECT coalesce(max(failures), 0) FROM sign_in_attempt WHERE subject = $1", sub.key)
}

func TestWhatCountsAsAFailure(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.signUp("grace")
	b.exec("TRUNCATE sign_in_attempt")
	account, address := accountSubject("grace"), networkSubject(someone)
	for _, tc := range []struct {
		say              string
		do               func() error
		account, address int // counted afterwards
	}{
		{"a wrong password", func() error { return b.guess("grace", someone.Address) }, 1, 1},
		{"another, from elsewhere", func() error { return b.guess("grace", "192.0.2.2") }, 2, 1},
		{"an unknown handle", func() error { return b.guess("nobody", someone.Address) }, 2, 2},
		{"the right one", func() error { return second2(b.SignIn(t.Context(), someone, "grace", password)) }, 0, 2},
		{"a refused password at sign-up", func() error {
			return second2(b.SignUp(t.Context(), someone, NewAccount{Handle: "eve", Password: "short"}))
		}, 0, 2},
		{"a sign-up, which costs as much as a failure", func() error {
			return second2(b.SignUp(t.Context(), someone, NewAccount{Handle: "eve", Password: password}))
		}, 0, 3},
	} {
		err := tc.do()
		if got, at := b.failures(account), b.failures(address); got != tc.account || at != tc.address {
			t.Errorf("%s (%v): account %d, address %d; want %d and %d", tc.say, err, got, at, tc.account, tc.address)
		}
	}
}

// Who has a network of IPv6 has addresses without end, and is counted as one.
func TestANetworkOfIPv6CountsAsOneSender(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for i := range 100 {
		if err := b.guess(fmt.Sprintf("guess-%d", i), fmt.Sprintf("2001:db8::%x", i)); !is(err, problem.SignInFailed) {
			t.Fatalf("guess %d: %v", i, err)
		}
	}
	if err := b.guess("grace", "2001:db8::ffff"); !is(err, problem.TooManyAttempts) {
		t.Errorf("the next address: %v", err)
	}
	if err := b.guess("grace", "2001:db8:0:1::1"); !is(err, problem.SignInFailed) {
		t.Errorf("another network: %v", err)
	}
}

func second2[T, U any](_ T, _ U, err error) error { return err }

// Failures that are not one series do not add up: each window of 15 minutes is its own.
func TestOldFailuresAreForgotten(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for range 4 {
		for range 9 {
			if err := b.guess("grace", someone.Address); !is(err, problem.SignInFailed) {
				t.Fatal(err)
			}
		}
		b.clock.advance(attemptWindow + time.Microsecond)
	}
}

// Whoever waits for their address does not lose tries of their account by asking.
func TestAnAddressThatWaitsCostsTheAccountNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.signUp("grace")
	for i := range 99 {
		_ = b.guess(fmt.Sprintf("guess-%d", i), someone.Address)
	}
	for range 20 {
		if err := b.guess("grace", someone.Address); !is(err, problem.TooManyAttempts) {
			t.Fatal(err)
		}
	}
	if n := b.failures(accountSubject("grace")); n != 0 {
		t.Errorf("%d failures of the account, want none", n)
	}
}

func TestAWaitIsNeverShorterThanASecond(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for range 10 {
		_ = b.guess("grace", someone.Address)
	}
	b.clock.advance(time.Second - time.Microsecond)
	var refusal *problem.Error
	if err := b.guess("grace", someone.Address); !errors.As(err, &refusal) || refusal.RetryAfter != time.Second {
		t.Errorf("a microsecond before the end: %v, %v", err, refusal)
	}
}

// The table of attempts must not become a list of who tried what from where.
func TestAttemptsAreStoredAsDigests(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	_ = b.guess("grace", someone.Address)
	all := scalar[string](b, "SELECT string_agg(a::text || encode(subject, 'escape'), ' ') FROM sign_in_attempt a")
	if strings.Contains(all, "grace") || strings.Contains(all, someone.Address) {
		t.Errorf("the table holds %s", all)
	}
	if n := scalar[int](b, "SELECT count(*) FROM sign_in_attempt WHERE length(subject) = 32"); n != 2 {
		t.Errorf("%d digests, want 2", n)
	}
}

func TestPurgeAttempts(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	now := b.clock.Now()
	for _, row := range []struct {
		say          string
		since, block time.Duration // before and after now
		stays        bool
	}{
		{say: "this window", since: time.Minute, stays: true},
		{say: "at the border", since: attemptWindow, stays: true},
		{say: "an old window", since: attemptWindow + time.Second},
		{say: "an old window with a wait", since: attemptWindow + time.Second, block: time.Second, stays: true},
	} {
		b.exec("TRUNCATE sign_in_attempt")
		b.exec("INSERT INTO sign_in_attempt VALUES ('x', 3, $1, CASE WHEN $2 THEN $3::timestamptz ELSE '-infinity' END)", now.Add(-row.since), row.block > 0, now.Add(row.block))
		n, err := b.PurgeAttempts(t.Context())
		if err != nil || (n == 0) != row.stays {
			t.Errorf("%s: PurgeAttempts() = %d, %v", row.say, n, err)
		}
	}
	b.exec("TRUNCATE sign_in_attempt")
	b.exec("INSERT INTO sign_in_attempt SELECT sha256(i::text::bytea), 1, $1, '-infinity' FROM generate_series(1, 2500) i", now.Add(-time.Hour))
	for _, want := range []int64{1000, 1000, 500, 0, 0} {
		if n, err := b.PurgeAttempts(t.Context()); n != want || err != nil {
			t.Fatalf("PurgeAttempts() = %d, %v; want %d", n, err, want)
		}
	}
}
