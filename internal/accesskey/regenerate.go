package accesskey

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/latchkey-dev/latchkey/gen/managedb"
	"github.com/latchkey-dev/latchkey/internal/audit"
	"github.com/latchkey-dev/latchkey/internal/auth"
	"github.com/latchkey-dev/latchkey/internal/changefeed"
	"github.com/latchkey-dev/latchkey/internal/problem"
	"github.com/latchkey-dev/latchkey/internal/token"
)

// retiredMost is how many secrets that a key had before are kept, to tell when one turns up.
const retiredMost = 8

// RegenerateInput says how a key is given a new secret.
type RegenerateInput struct {
	Overlap   time.Duration // how long the old one lives on
	IfVersion *int64        // refuse unless the key is at this version
}

// Regenerate gives a key of caller a new secret, which exists nowhere else from here on. Every node knows it when Regenerate
// returns, and none takes the old one any longer than the overlap and the key's own expiry allow.
//
// Errors: problem.NotFound, problem.VersionMismatch, problem.AccessKeyNotActive, problem.RevocationUnconfirmed;
// problem.ExpiryInvalid where the key's expiry is not what the instance asks of a new secret.
func (s *Store) Regenerate(ctx context.Context, caller auth.Caller, id string, in RegenerateInput) (AccessKey, token.Secret, error) {
	now := s.moment()
	var after managedb.AccessKey
	var secret token.Secret
	_, err := s.cfg.Feed.Run(ctx, func(tx pgx.Tx, changes *changefeed.Changes) error {
		row, err := s.q.AccessKeyLock(ctx, tx, managedb.AccessKeyLockParams{ID: id, AccountID: caller.AccountID})
		if err != nil {
			return orNotFound(err, "lock access key")
		}
		if err := s.mayRegenerate(fromRow(row), in, now); err != nil {
			return err
		}
		if after, secret, err = s.replaceSecret(ctx, tx, row, in.Overlap, now); err != nil {
			return err
		}
		changes.Withdraw(changefeed.Key, row.TokenID)
		return audit.Record(ctx, tx, caller, now, event(audit.AccessKeyRegenerated, fromRow(row), fromRow(after)))
	})
	if err != nil {
		return AccessKey{}, token.Secret{}, err
	}
	keys, err := s.withUses(ctx, []managedb.AccessKey{after})
	if err != nil {
		return AccessKey{}, token.Secret{}, err
	}
	return keys[0], secret, nil
}

func (s *Store) mayRegenerate(k AccessKey, in RegenerateInput, now time.Time) error {
	if in.IfVersion != nil && *in.IfVersion != k.Version {
		return problem.New(problem.VersionMismatch).WithField("version", k.Version)
	}
	if !k.isLive(now) {
		return problem.New(problem.AccessKeyNotActive).WithField("status", k.StatusAt(now))
	}
	return s.cfg.Policy.checkAgain(k.ExpiresAt, now)
}

// replaceSecret gives a locked key another secret.
func (s *Store) replaceSecret(ctx context.Context, tx pgx.Tx, row managedb.AccessKey, overlap time.Duration, now time.Time) (managedb.AccessKey, token.Secret, error) {
	secret, parsed, err := token.Remint(s.cfg.Rand, row.Brand, token.ID(row.TokenID))
	if err != nil {
		return row, token.Secret{}, err
	}
	digest, version := s.cfg.Digester.Digest(parsed)
	after, err := s.q.AccessKeyRegenerate(ctx, tx, managedb.AccessKeyRegenerateParams{ID: row.ID, Digest: digest[:], DigestVersion: version,
		PreviousExpiresAt: overlapEnd(overlap, row.ExpiresAt, now), Now: now})
	if err != nil {
		return row, token.Secret{}, fmt.Errorf("regenerate access key: %w", err)
	}
	err = s.q.RetiredSecretsPrune(ctx, tx, managedb.RetiredSecretsPruneParams{TokenID: row.TokenID, Most: retiredMost})
	return after, secret, wrap(err, "prune retired secrets")
}

// overlapEnd is until when a replaced secret lives; nil: it does not.
func overlapEnd(overlap time.Duration, expiresAt *time.Time, now time.Time) *time.Time {
	if overlap <= 0 {
		return nil
	}
	end := now.Add(overlap)
	if expiresAt != nil && expiresAt.Before(end) {
		end = *expiresAt
	}
	return &end
}

// EndPrevious ends the overlap of a key of caller: no node takes the secret before once it has returned. Where there is none it
// changes nothing, and gives the same promise.
//
// Errors: problem.NotFound, problem.RevocationUnconfirmed.
func (s *Store) EndPrevious(ctx context.Context, caller auth.Caller, id string) (changefeed.Revision, error) {
	now := s.moment()
	return s.cfg.Feed.Run(ctx, func(tx pgx.Tx, changes *changefeed.Changes) error {
		row, err := s.q.AccessKeyLock(ctx, tx, managedb.AccessKeyLockParams{ID: id, AccountID: caller.AccountID})
		if err != nil {
			return orNotFound(err, "lock access key")
		}
		changes.Withdraw(changefeed.Key, row.TokenID)
		before := fromRow(row)
		if before.PreviousUntil(now) == nil {
			return nil
		}
		row, err = s.q.AccessKeyPreviousEnd(ctx, tx, managedb.AccessKeyPreviousEndParams{ID: row.ID, Now: now})
		if err != nil {
			return fmt.Errorf("end overlap of access key: %w", err)
		}
		return audit.Record(ctx, tx, caller, now, event(audit.AccessKeyPreviousSecretEnded, before, fromRow(row)))
	})
}
