package account

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/latchkey-dev/latchkey/gen/managedb"
	"github.com/latchkey-dev/latchkey/internal/problem"
)

const (
	attemptWindow = 15 * time.Minute // also the longest wait
	purgePage     = 1000
)

// subject is what attempts are counted by: an account's handle, known or not, or an address.
type subject struct {
	key       []byte
	free      int32 // attempts in a window that cost no wait
	isAccount bool
}

// attempts are counted as failed from the start, so that many at once cannot slip past the limit, and taken back once they
// turn out not to be failures.
type attempts struct {
	store    *Store
	subjects []subject
}

// attempt counts one try for each subject.
//
// Errors: problem.TooManyAttempts with the time to wait.
func (s *Store) attempt(ctx context.Context, subjects ...subject) (attempts, error) {
	counted := attempts{store: s}
	for _, sub := range subjects {
		now := s.moment()
		n, err := s.q.SignInAttempt(ctx, s.cfg.Pool, managedb.SignInAttemptParams{Subject: sub.key, Now: now,
			WindowStart: now.Add(-attemptWindow), Free: sub.free, LongestSeconds: attemptWindow.Seconds()})
		if err != nil {
			return attempts{}, fmt.Errorf("count attempt: %w", err)
		}
		if n == 0 {
			return attempts{}, errors.Join(s.mustWait(ctx, sub, now), counted.forgive(ctx))
		}
		counted.subjects = append(counted.subjects, sub)
	}
	return counted, nil
}

func (s *Store) mustWait(ctx context.Context, sub subject, now time.Time) error {
	till, err := s.q.SignInBlockedTill(ctx, s.cfg.Pool, sub.key)
	if err != nil {
		till = now // purged meanwhile: the next try will pass
	}
	return problem.New(problem.TooManyAttempts).After(max(till.Sub(now), time.Second))
}

// forgive takes the tries back: they were never judged.
func (a attempts) forgive(ctx context.Context) error {
	for _, sub := range a.subjects {
		if err := a.store.q.SignInForgive(ctx, a.store.cfg.Pool, sub.key); err != nil {
			return fmt.Errorf("take attempt back: %w", err)
		}
	}
	return nil
}

// proved ends the count of an account that has given its password. An address only gets its one try back: otherwise
// someone with an account of their own could guess at others for ever.
func (a attempts) proved(ctx context.Context) error {
	for _, sub := range a.subjects {
		if !sub.isAccount {
			continue
		}
		if err := a.store.q.SignInForget(ctx, a.store.cfg.Pool, sub.key); err != nil {
			return fmt.Errorf("end count of attempts: %w", err)
		}
	}
	rest := attempts{store: a.store}
	for _, sub := range a.subjects {
		if !sub.isAccount {
			rest.subjects = append(rest.subjects, sub)
		}
	}
	return rest.forgive(ctx)
}

// PurgeAttempts removes up to 1000 counts that no longer matter; it answers how many there were.
func (s *Store) PurgeAttempts(ctx context.Context) (int64, error) {
	now := s.moment()
	return s.q.SignInPurge(ctx, s.cfg.Pool, managedb.SignInPurgeParams{WindowStart: now.Add(-attemptWindow), Now: now, Page: purgePage})
}
