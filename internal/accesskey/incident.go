package accesskey

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rs/xid"

	"github.com/latchkey-dev/latchkey/gen/managedb"
	"github.com/latchkey-dev/latchkey/internal/audit"
	"github.com/latchkey-dev/latchkey/internal/auth"
	"github.com/latchkey-dev/latchkey/internal/changefeed"
	"github.com/latchkey-dev/latchkey/internal/name"
	"github.com/latchkey-dev/latchkey/internal/problem"
)

const (
	canary = "00000000000000000020" // whose account is nobody's business

	remarkMost = 400  // characters of a reason or a source
	nameMost   = 1000 // keys that nodes are told of one by one; of more they forget everything they remember
	// incidentPatience is how long revoking many keys may take. It goes on if whoever asked is gone: half an answer to a
	// security incident is none.
	incidentPatience = 20 * time.Second
)

// Incident is a revocation of many keys.
type Incident struct {
	ID      string // xid
	Revoked int    // keys that were not revoked before
}

// IncidentInput chooses the keys that RevokeAllAny revokes; what is not set leaves everything in.
type IncidentInput struct {
	AccountID     string
	CreatedBefore *time.Time
	Reason        string
}

// scope is how an event tells of it.
func (in IncidentInput) scope() map[string]string {
	scope := map[string]string{}
	if in.AccountID != "" {
		scope["account"] = in.AccountID
	}
	if in.CreatedBefore != nil {
		scope["created_before"] = moment(in.CreatedBefore)
	}
	return scope
}

// RevokeAll withdraws every key of caller, for good, as Revoke does. reason may be empty.
//
// Errors: problem.RequestInvalid for the reason, problem.RevocationUnconfirmed.
func (s *Store) RevokeAll(ctx context.Context, caller auth.Caller, reason string) (Incident, changefeed.Revision, error) {
	if caller.AccountID == "" { // nobody would be everybody
		return Incident{}, changefeed.Revision{}, problem.New(problem.NotFound)
	}
	return s.revokeMany(ctx, caller, IncidentInput{AccountID: caller.AccountID, Reason: reason})
}

// RevokeAllAny withdraws anybody's keys, for good, as Revoke does; but not those by which instances test themselves. The guard has
// checked that caller may.
//
// Errors: problem.RequestInvalid for the reason, problem.NotFound for an account that is not there, problem.RevocationUnconfirmed.
func (s *Store) RevokeAllAny(ctx context.Context, caller auth.Caller, in IncidentInput) (Incident, changefeed.Revision, error) {
	if in.AccountID == canary {
		return Incident{}, changefeed.Revision{}, problem.New(problem.NotFound)
	}
	if in.AccountID != "" {
		found, err := s.q.AccountsOfIDs(ctx, s.cfg.Pool, []string{in.AccountID})
		if err != nil {
			return Incident{}, changefeed.Revision{}, fmt.Errorf("read account: %w", err)
		}
		if len(found) == 0 {
			return Incident{}, changefeed.Revision{}, problem.New(problem.NotFound)
		}
	}
	return s.revokeMany(ctx, caller, in)
}

func (s *Store) revokeMany(ctx context.Context, caller auth.Caller, in IncidentInput) (Incident, changefeed.Revision, error) {
	if in.Reason != "" {
		var err error
		if in.Reason, err = name.CleanRemark(in.Reason, remarkMost, "/reason"); err != nil {
			return Incident{}, changefeed.Revision{}, err
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), incidentPatience)
	defer cancel()
	now := s.moment()
	incident := Incident{ID: xid.NewWithTime(now).String()}
	var revoked []managedb.AccessKeysRevokeRow
	revision, err := s.cfg.Feed.Run(ctx, func(tx pgx.Tx, changes *changefeed.Changes) error {
		err := patient(ctx, tx)
		if err != nil {
			return err
		}
		revoked, err = s.q.AccessKeysRevoke(ctx, tx, managedb.AccessKeysRevokeParams{AccountID: in.AccountID, CreatedBefore: in.CreatedBefore,
			Now: now, IncidentID: incident.ID})
		if err != nil {
			return fmt.Errorf("revoke access keys: %w", err)
		}
		incident.Revoked = len(revoked)
		withdraw(changes, caller, revoked)
		return s.recordIncident(ctx, tx, caller, in, incident, revoked, now)
	})
	if err != nil {
		return Incident{}, changefeed.Revision{}, err
	}
	ids, at := make([]string, len(revoked)), make([]time.Time, len(revoked))
	for i, r := range revoked {
		ids[i], at[i] = r.ID, now
	}
	s.settleMany(ctx, ids, at)
	return incident, revision, nil
}

// patient lets the statements of a transaction take as long as it takes to touch every key there is.
func patient(ctx context.Context, tx pgx.Tx) error {
	for _, setting := range []string{"SET LOCAL statement_timeout = '15s'", "SET LOCAL lock_timeout = '5s'"} {
		if _, err := tx.Exec(ctx, setting); err != nil {
			return fmt.Errorf("be patient: %w", err)
		}
	}
	return nil
}

// withdraw tells nodes of keys that were revoked. Where none was, it is the caller that they hear of: whoever repeats the call relies on
// the first one, and it comes before in the order of all changes.
func withdraw(changes *changefeed.Changes, caller auth.Caller, revoked []managedb.AccessKeysRevokeRow) {
	switch {
	case len(revoked) == 0:
		changes.Withdraw(changefeed.Account, caller.AccountID)
	case len(revoked) > nameMost:
		changes.Withdraw(changefeed.Everything, "everything")
	default:
		for _, r := range revoked {
			changes.Withdraw(changefeed.Key, r.TokenID)
		}
	}
}

// recordIncident records one event for each key, and one for all of them.
func (s *Store) recordIncident(ctx context.Context, tx pgx.Tx, caller auth.Caller, in IncidentInput, i Incident, revoked []managedb.AccessKeysRevokeRow, now time.Time) error {
	owners := make([]owned, len(revoked))
	for n, r := range revoked {
		owners[n] = owned{r.ID, r.AccountID}
	}
	each := event(audit.AccessKeyRevoked, AccessKey{}, AccessKey{RevokedAt: &now, RevokedBecause: InIncident})
	each.IncidentID = i.ID
	if err := s.recordEach(ctx, tx, caller, each, owners, now); err != nil {
		return err
	}
	all := audit.Event{Type: audit.AccessKeysRevoked, AccountID: in.AccountID, Target: audit.Target{Kind: "incident", ID: i.ID}, IncidentID: i.ID,
		New: map[string]any{"count": i.Revoked, "scope": in.scope()}}
	if in.Reason != "" {
		all.New["reason"] = in.Reason
	}
	return audit.Record(ctx, tx, caller, now, all)
}

// owned is a key and whose it is.
type owned struct{ id, accountID string }

// recordEach records the same event for each of many keys, in one statement.
func (s *Store) recordEach(ctx context.Context, tx pgx.Tx, caller auth.Caller, e audit.Event, keys []owned, now time.Time) error {
	row, err := audit.Row(caller, now, e)
	if err != nil {
		return err
	}
	p := managedb.AccessKeysRecordParams{Now: now, Type: row.Type, ActorID: row.ActorID, ActorHandle: row.ActorHandle, Credential: row.Credential,
		CredentialID: row.CredentialID, Address: row.Address, TargetKind: targetKind, New: row.New, IncidentID: row.IncidentID}
	for _, k := range keys {
		p.EventIds = append(p.EventIds, xid.NewWithTime(now).String())
		p.KeyIds, p.AccountIds = append(p.KeyIds, k.id), append(p.AccountIds, k.accountID)
	}
	return wrap(s.q.AccessKeysRecord(ctx, tx, p), "record "+row.Type)
}

// settleMany does what settle does, a bounded number at a time.
func (s *Store) settleMany(ctx context.Context, ids []string, revokedAt []time.Time) {
	for len(ids) > 0 {
		n := min(len(ids), settlePage)
		s.settle(ctx, ids[:n], revokedAt[:n])
		ids, revokedAt = ids[n:], revokedAt[n:]
	}
}
