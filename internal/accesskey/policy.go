package accesskey

import (
	"errors"
	"time"

	"github.com/latchkey-dev/latchkey/internal/problem"
)

// Policy is what an instance asks of the life of keys. The zero Policy asks nothing.
type Policy struct {
	LifeMost       time.Duration // longest, from the moment that the secret was made; 0: any
	ExpiryRequired bool
}

// MustExpire tells whether every new key has an expiry.
func (p Policy) MustExpire() bool { return p.ExpiryRequired || p.LifeMost > 0 }

// Rules is what an instance asks of keys.
type Rules struct {
	Most int // live keys of an account
	Policy
}

// Rules tells what this instance asks of keys.
func (s *Store) Rules() Rules { return Rules{Most: s.cfg.Most, Policy: s.cfg.Policy} }

// check refuses an expiry that does not fit, for a secret that was made at a moment.
//
// Errors: problem.ExpiryInvalid, with the latest moment that would do.
func (p Policy) check(at *time.Time, made time.Time) error {
	latest := made.Add(p.LifeMost)
	var wrong *problem.Error
	switch {
	case at == nil && p.MustExpire():
		wrong = expiryInvalid("This instance has no keys without an expiry: set one.")
	case at != nil && p.LifeMost > 0 && at.After(latest):
		wrong = expiryInvalid("The expiry is later than this instance allows.")
	default:
		return nil
	}
	if p.LifeMost > 0 {
		return wrong.WithField("latest", moment(&latest))
	}
	return wrong
}

// checkAgain refuses to give a key a new secret while its expiry does not fit one that is made now.
//
// Errors: problem.ExpiryInvalid.
func (p Policy) checkAgain(at *time.Time, now time.Time) error {
	err := p.check(at, now)
	var wrong *problem.Error
	if errors.As(err, &wrong) {
		return wrong.WithDetail("This instance asks for another expiry of a new secret: change the key's expiry first, then give it one.")
	}
	return err
}

// checkExpiry gives the moment as it is stored: UTC, microseconds.
func checkExpiry(at *time.Time, now time.Time) (*time.Time, error) {
	if at == nil {
		return nil, nil
	}
	t := at.UTC().Truncate(time.Microsecond)
	if !t.After(now) {
		return nil, expiryInvalid("The expiry is not in the future.")
	}
	if t.Year() > 9999 {
		return nil, expiryInvalid("The expiry is past the year 9999.")
	}
	return &t, nil
}

func expiryInvalid(detail string) *problem.Error {
	return problem.New(problem.ExpiryInvalid).WithDetail(detail).WithField("pointer", "/expires_at")
}
