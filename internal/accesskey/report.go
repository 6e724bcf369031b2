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
	"github.com/latchkey-dev/latchkey/internal/name"
	"github.com/latchkey-dev/latchkey/internal/token"
)

// Report withdraws the keys among raw that are good, for good, as Revoke does. It tells nothing of what it found, takes the same
// steps whatever that is, and waits for every node in any case. source may be empty.
//
// Errors: problem.RequestInvalid for the source, problem.RevocationUnconfirmed.
func (s *Store) Report(ctx context.Context, caller auth.Caller, raw []string, source string) error {
	if source != "" {
		var err error
		if source, err = name.CleanRemark(source, remarkMost, "/source"); err != nil {
			return err
		}
	}
	_, decoy, err := token.Mint(s.cfg.Rand, s.cfg.Brand)
	if err != nil {
		return err
	}
	sent := parse(raw, decoy)
	now := s.moment()
	var ids []string
	var at []time.Time
	_, err = s.cfg.Feed.Run(ctx, func(tx pgx.Tx, changes *changefeed.Changes) error {
		found, err := s.compare(ctx, tx, caller, sent, now)
		if err != nil {
			return err
		}
		changes.Withdraw(changefeed.Key, string(decoy.ID)) // so that there is something to wait for
		ids, at = nil, nil
		var fresh []owned
		for _, r := range found {
			changes.Withdraw(changefeed.Key, r.TokenID) // of a dead key too: whoever repeats the call relies on it as well
			if r.RevokedAt == nil {
				fresh = append(fresh, owned{r.ID, r.AccountID})
				ids, at = append(ids, r.ID), append(at, now)
			}
		}
		if err := s.q.AccessKeysRevokeReported(ctx, tx, managedb.AccessKeysRevokeReportedParams{Ids: ids, Now: now}); err != nil {
			return fmt.Errorf("revoke reported access keys: %w", err)
		}
		each := event(audit.AccessKeyRevoked, AccessKey{}, AccessKey{RevokedAt: &now, RevokedBecause: Reported})
		if source != "" {
			each.New["source"] = source
		}
		return s.recordEach(ctx, tx, caller, each, fresh, now)
	})
	if err != nil {
		return err
	}
	s.settle(context.WithoutCancel(ctx), ids, at)
	return nil
}

// parse gives those that can be keys, by the public ids of their tokens, and one that nobody has.
func parse(raw []string, decoy token.Parsed) map[token.ID][]token.Parsed {
	sent := map[token.ID][]token.Parsed{decoy.ID: {decoy}}
	for _, r := range raw {
		if p, err := token.Parse(r); err == nil {
			sent[p.ID] = append(sent[p.ID], p)
		}
	}
	return sent
}

// compare locks the keys of which a secret was sent that works, or would if the key did. A secret from before is noted as used.
func (s *Store) compare(ctx context.Context, tx pgx.Tx, caller auth.Caller, sent map[token.ID][]token.Parsed, now time.Time) ([]managedb.AccessKey, error) {
	ids := make([]string, 0, len(sent))
	for id := range sent {
		ids = append(ids, string(id))
	}
	rows, err := s.q.AccessKeysLockByToken(ctx, tx, ids)
	if err != nil {
		return nil, fmt.Errorf("lock reported access keys: %w", err)
	}
	retired, err := s.q.RetiredSecretsOf(ctx, tx, ids)
	if err != nil {
		return nil, fmt.Errorf("read retired secrets: %w", err)
	}
	before := map[string][]managedb.RetiredSecret{}
	for _, r := range retired {
		before[r.TokenID] = append(before[r.TokenID], r)
	}
	var good []managedb.AccessKey
	for _, row := range rows {
		switch matches := sent[token.ID(row.TokenID)]; {
		case s.works(row, matches, now):
			good = append(good, row)
		case s.worked(before[row.TokenID], matches):
			s.cfg.Retired.Note(row.ID, caller.Address)
		}
	}
	return good, nil
}

// works tells whether one of sent is the key's newest secret, or the one before within its overlap.
func (s *Store) works(row managedb.AccessKey, sent []token.Parsed, now time.Time) bool {
	for _, p := range sent {
		if s.cfg.Digester.Matches(p, row.Digest, row.DigestVersion) {
			return true
		}
		if row.PreviousDigest != nil && now.Before(*row.PreviousExpiresAt) && s.cfg.Digester.Matches(p, row.PreviousDigest, *row.PreviousVersion) {
			return true
		}
	}
	return false
}

// worked tells whether one of sent is a secret that the key had before.
func (s *Store) worked(retired []managedb.RetiredSecret, sent []token.Parsed) bool {
	for _, r := range retired {
		for _, p := range sent {
			if s.cfg.Digester.Matches(p, r.Digest, r.DigestVersion) {
				return true
			}
		}
	}
	return false
}
