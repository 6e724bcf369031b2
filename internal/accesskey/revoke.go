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
)

// Revoke withdraws a key of caller, for good: no node answers that it is valid once Revoke has returned. Revoking it again is
// fine, and gives the same promise.
//
// Errors: problem.NotFound, also for a key of somebody else; problem.RevocationUnconfirmed.
func (s *Store) Revoke(ctx context.Context, caller auth.Caller, id string) (changefeed.Revision, error) {
	because := ByOwner
	if caller.Credential == auth.AccessKey && caller.CredentialID == id {
		because = ByHolder
	}
	return s.revoke(ctx, caller, because, func(tx pgx.Tx) (managedb.AccessKey, error) {
		return s.q.AccessKeyLock(ctx, tx, managedb.AccessKeyLockParams{ID: id, AccountID: caller.AccountID})
	})
}

// RevokeAny withdraws anybody's key, for good, as Revoke does. The guard has checked that caller may.
//
// Errors: problem.NotFound, problem.RevocationUnconfirmed.
func (s *Store) RevokeAny(ctx context.Context, caller auth.Caller, id string) (changefeed.Revision, error) {
	return s.revoke(ctx, caller, ByAdministrator, func(tx pgx.Tx) (managedb.AccessKey, error) { return s.q.AccessKeyLockAny(ctx, tx, id) })
}

func (s *Store) revoke(ctx context.Context, caller auth.Caller, because Because, lock func(pgx.Tx) (managedb.AccessKey, error)) (changefeed.Revision, error) {
	now := s.moment()
	var id string
	var revokedAt time.Time
	revision, err := s.cfg.Feed.Run(ctx, func(tx pgx.Tx, changes *changefeed.Changes) error {
		row, err := lock(tx)
		if err != nil {
			return orNotFound(err, "lock access key")
		}
		id = row.ID
		before := fromRow(row)
		row, err = s.q.AccessKeyRevoke(ctx, tx, managedb.AccessKeyRevokeParams{ID: before.ID, Now: now, Because: string(because)})
		if err != nil {
			return fmt.Errorf("revoke access key: %w", err)
		}
		revokedAt = *row.RevokedAt
		changes.Withdraw(changefeed.Key, row.TokenID) // of a dead key too: whoever repeats the call relies on it as well
		if before.RevokedAt != nil {
			return nil // recorded when it happened
		}
		return audit.Record(ctx, tx, caller, now, event(audit.AccessKeyRevoked, before, fromRow(row)))
	})
	if err != nil {
		return changefeed.Revision{}, err
	}
	s.settle(context.WithoutCancel(ctx), []string{id}, []time.Time{revokedAt})
	return revision, nil
}

// settle notes that revocations hold on every node. If it cannot, Settle does it later: the keys are shown as revoking too long.
func (s *Store) settle(ctx context.Context, ids []string, revokedAt []time.Time) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	now := s.moment()
	_ = s.q.AccessKeysEffective(ctx, s.cfg.Pool, managedb.AccessKeysEffectiveParams{Ids: ids, RevokedAt: revokedAt, Now: &now})
}

// Settle withdraws once more the keys whose revokers did not live to see that it held, and notes that it does; it answers how
// many there were.
func (s *Store) Settle(ctx context.Context) (int64, error) {
	var ids []string
	var revokedAt []time.Time
	_, err := s.cfg.Feed.Run(ctx, func(tx pgx.Tx, changes *changefeed.Changes) error {
		rows, err := s.q.AccessKeysRevoking(ctx, tx, settlePage)
		if err != nil {
			return fmt.Errorf("look for revocations under way: %w", err)
		}
		ids, revokedAt = nil, nil
		for _, r := range rows {
			ids, revokedAt = append(ids, r.ID), append(revokedAt, *r.RevokedAt)
			changes.Withdraw(changefeed.Key, r.TokenID)
		}
		return nil
	})
	if err != nil || len(ids) == 0 {
		return 0, err
	}
	s.settle(ctx, ids, revokedAt)
	return int64(len(ids)), nil
}

const settlePage = 1000
