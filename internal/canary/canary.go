// Package canary makes a running service test its own promise: every minute it makes a key, sees that it is known, revokes it
// and sees that it is refused.
//
// It stands apart because it goes the way of a real key, through the feed and the memory of a real node, and nothing else may
// know of it. What always holds: the owner of its keys has no role, so they never open anything; they are gone after each
// round, and those of a process that died within ten minutes.
package canary

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/xid"

	"github.com/latchkey-dev/latchkey/gen/managedb"
	"github.com/latchkey-dev/latchkey/internal/changefeed"
	"github.com/latchkey-dev/latchkey/internal/problem"
	"github.com/latchkey-dev/latchkey/internal/token"
	"github.com/latchkey-dev/latchkey/internal/verify"
)

// leftBehind is how old the key of a round that did not end must be to be removed by another one.
const leftBehind = 10 * time.Minute

// Config is what a Canary needs.
type Config struct {
	Pool     *pgxpool.Pool
	Feed     *changefeed.Feed
	Verifier *verify.Verifier
	Now      func() time.Time
	Rand     io.Reader // cryptographic
	Digester token.Digester
	Brand    string
	Log      *slog.Logger
	Metrics  prometheus.Registerer
}

// Canary does the rounds.
type Canary struct {
	cfg        Config
	q          *managedb.Queries
	rounds     prometheus.Counter
	violations prometheus.Counter
}

// New makes a Canary.
func New(c Config) *Canary {
	k := &Canary{cfg: c, q: managedb.New(),
		rounds: prometheus.NewCounter(prometheus.CounterOpts{Name: "latchkey_revocation_canary_total",
			Help: "Rounds in which a key was made, revoked and found to be refused."}),
		violations: prometheus.NewCounter(prometheus.CounterOpts{Name: "latchkey_revocation_violation_total",
			Help: "Revoked keys that were not refused after their revocation had been answered. Anything but 0 is a fault of Latchkey."})}
	c.Metrics.MustRegister(k.rounds, k.violations)
	return k
}

// errViolation means that the promise does not hold.
var errViolation = errors.New("a revoked key was not refused")

// Round does one round, for upkeep: there is never more to do at once.
//
// Errors: whatever kept it from being done. A violation is an error, is counted, and is logged as one.
func (k *Canary) Round(ctx context.Context) (int64, error) {
	err := k.round(ctx)
	switch {
	case errors.Is(err, errViolation):
		k.violations.Inc()
		k.cfg.Log.Error("the promise of revocation does not hold; please report this", "error", err)
	case err == nil:
		k.rounds.Inc()
	}
	return 0, err
}

func (k *Canary) round(ctx context.Context) error {
	now := k.cfg.Now().UTC().Truncate(time.Microsecond)
	secret, parsed, err := token.Mint(k.cfg.Rand, k.cfg.Brand)
	if err != nil {
		return err
	}
	id := xid.NewWithTime(now).String()
	digest, version := k.cfg.Digester.Digest(parsed)
	err = k.q.CanaryKeyInsert(ctx, k.cfg.Pool, managedb.CanaryKeyInsertParams{ID: id, Brand: parsed.Brand, TokenID: string(parsed.ID),
		Digest: digest[:], DigestVersion: version, Now: now})
	if err != nil {
		return fmt.Errorf("make the canary's key: %w", err)
	}
	defer k.remove(context.WithoutCancel(ctx), id, now)
	if err := k.expect(ctx, secret, verify.KeyUseNotPermitted, errUnknown); err != nil {
		return err
	}
	_, err = k.cfg.Feed.Run(ctx, func(tx pgx.Tx, changes *changefeed.Changes) error {
		_, err := k.q.CanaryKeyRevoke(ctx, tx, managedb.CanaryKeyRevokeParams{ID: id, Now: &now})
		changes.Withdraw(changefeed.Key, string(parsed.ID))
		return err
	})
	if err != nil {
		return fmt.Errorf("revoke the canary's key: %w", err)
	}
	return k.expect(ctx, secret, verify.Revoked, errViolation)
}

// errUnknown means that a key which was just made is not known: no promise is broken, and yet something is wrong.
var errUnknown = errors.New("a new key was not known")

// expect asks for a verdict. That none can be given now is no violation.
func (k *Canary) expect(ctx context.Context, secret token.Secret, want verify.Code, otherwise error) error {
	got, err := k.cfg.Verifier.Check(ctx, secret.Reveal(), verify.Ask{})
	if errors.Is(err, problem.New(problem.VerificationUnavailable)) {
		return fmt.Errorf("ask about the canary's key: %w", err)
	}
	if err == nil && got.Code != want {
		return fmt.Errorf("%w: %s", otherwise, got.Code)
	}
	return err
}

func (k *Canary) remove(ctx context.Context, id string, now time.Time) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_ = k.q.CanaryKeysRemove(ctx, k.cfg.Pool, managedb.CanaryKeysRemoveParams{ID: id, Before: now.Add(-leftBehind)}) // a later round will
}
