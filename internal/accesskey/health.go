package accesskey

import (
	"context"
	"fmt"
	"time"

	"github.com/latchkey-dev/latchkey/internal/auth"
)

// Revocations is how revocations fare.
type Revocations struct {
	Pending int64  // keys of which it is not known that every node refuses them
	Recent  []Wait // of the last 200 others, newest first
}

// Wait is how long a revocation took to hold on every node.
type Wait struct {
	At   time.Time // of the revocation
	Took time.Duration
}

const waitsShown = 200

// Revocations tells how revocations fare, but for the canary's. The guard has checked that caller may know.
func (s *Store) Revocations(ctx context.Context, _ auth.Caller) (Revocations, error) {
	pending, err := s.q.RevocationsPending(ctx, s.cfg.Pool)
	if err != nil {
		return Revocations{}, fmt.Errorf("count revocations under way: %w", err)
	}
	rows, err := s.q.RevocationWaits(ctx, s.cfg.Pool, waitsShown)
	if err != nil {
		return Revocations{}, fmt.Errorf("read waits of revocations: %w", err)
	}
	r := Revocations{Pending: pending, Recent: make([]Wait, len(rows))}
	for i, row := range rows {
		took := row.RevocationEffectiveAt.Sub(*row.RevokedAt)
		r.Recent[i] = Wait{At: *row.RevokedAt, Took: max(0, took)} // two instances may have noted the two, with clocks that differ
	}
	return r, nil
}
