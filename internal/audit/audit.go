// Package audit records who did what, in the transaction that did it: no record, no change.
//
// Records are only ever added. They name the actor, its credential and its address, the target, and the values before and
// after; never a secret.
package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/xid"

	"github.com/latchkey-dev/latchkey/gen/managedb"
	"github.com/latchkey-dev/latchkey/internal/auth"
	"github.com/latchkey-dev/latchkey/internal/page"
)

// Type says what happened; the names are those of AuditEventType in openapi.yaml.
type Type string

// What can happen.
const (
	SetupCompleted     Type = "setup_completed"
	AccountCreated     Type = "account_created"
	AccountSignedUp    Type = "account_signed_up"
	AccountSuspended   Type = "account_suspended"
	AccountRestored    Type = "account_restored"
	AccountRoleAdded   Type = "account_role_added"
	AccountRoleRemoved Type = "account_role_removed"
	PasswordChanged    Type = "password_changed"
	PasswordReset      Type = "password_reset" // by an administrator
	SessionStarted     Type = "session_started"
	SessionEnded       Type = "session_ended"
	RoleCreated        Type = "role_created"
	RoleUpdated        Type = "role_updated"
	RoleDeleted        Type = "role_deleted"
	AccessKeyCreated   Type = "access_key_created"
	AccessKeyUpdated   Type = "access_key_updated"
	AccessKeyRevoked   Type = "access_key_revoked"

	AccessKeyRegenerated         Type = "access_key_regenerated"
	AccessKeyPreviousSecretEnded Type = "access_key_previous_secret_ended"
	AccessKeyRetiredSecretUsed   Type = "access_key_retired_secret_used"
	AccessKeyExpiring            Type = "access_key_expiring"
	AccessKeysRevoked            Type = "access_keys_revoked"
	AccountLimitsUpdated         Type = "account_limits_updated"
	AccountCreditsAdded          Type = "account_credits_added"
	CatalogueUpdated             Type = "catalogue_updated"
)

// Target is the thing that an event happened to.
type Target struct {
	Kind string // account, role, session, access_key, catalogue or incident
	ID   string // xid
}

// Event is one act. Old and New hold only what changed.
type Event struct {
	ID        string
	At        time.Time
	Type      Type
	Actor     auth.Caller // without permissions when read back
	AccountID string      // the account it is about; empty for a role
	Target    Target
	Old, New  map[string]any

	IncidentID string // of a revocation of many keys; empty: none
}

// Record adds an event in tx, as an act of caller at now.
func Record(ctx context.Context, tx pgx.Tx, caller auth.Caller, now time.Time, e Event) error {
	row, err := Row(caller, now, e)
	if err != nil {
		return err
	}
	if err := managedb.New().AuditEventInsert(ctx, tx, row); err != nil {
		return fmt.Errorf("record %s: %w", e.Type, err)
	}
	return nil
}

// Row is what Record adds, for a statement that adds it together with what it records.
func Row(caller auth.Caller, now time.Time, e Event) (managedb.AuditEventInsertParams, error) {
	before, err := encode(e.Old)
	if err != nil {
		return managedb.AuditEventInsertParams{}, err
	}
	after, err := encode(e.New)
	if err != nil {
		return managedb.AuditEventInsertParams{}, err
	}
	return managedb.AuditEventInsertParams{
		ID: xid.NewWithTime(now).String(), Now: now, Type: string(e.Type),
		ActorID: optional(caller.AccountID), ActorHandle: optional(caller.Handle),
		Credential: string(caller.Credential), CredentialID: optional(caller.CredentialID), Address: caller.Address,
		AccountID: optional(e.AccountID), TargetKind: e.Target.Kind, TargetID: e.Target.ID, Old: before, New: after,
		IncidentID: optional(e.IncidentID),
	}, nil
}

func encode(values map[string]any) (json.RawMessage, error) {
	if len(values) == 0 {
		return nil, nil
	}
	b, err := json.Marshal(values)
	if err != nil {
		return nil, fmt.Errorf("encode audit values: %w", err)
	}
	return b, nil
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// Log reads events back.
type Log struct {
	pool *pgxpool.Pool
	q    *managedb.Queries
}

// NewLog reads from pool.
func NewLog(pool *pgxpool.Pool) *Log { return &Log{pool: pool, q: managedb.New()} }

// Filter narrows a list; the zero Filter leaves everything in.
type Filter struct {
	AccountID  string
	TargetID   string
	Type       Type
	IncidentID string
	From       *time.Time // the first moment that counts
	To         *time.Time // the first that does not
}

// ListOwn gives a page of what caller did and of what was done to it, newest first, with the cursor of the next page; only what is about one
// target, unless that is empty.
func (l *Log) ListOwn(ctx context.Context, caller auth.Caller, targetID string, after page.Cursor, limit int) ([]Event, string, error) {
	rows, err := l.pageOwn(ctx, managedb.AuditEventPageOwnTargetParams{TargetID: targetID, AccountID: &caller.AccountID, Before: string(after), Page: int32(limit + 1)})
	if err != nil {
		return nil, "", fmt.Errorf("list own audit events: %w", err)
	}
	return events(rows, limit)
}

// ListAny gives a page of what anyone did. The guard has checked that caller may see it.
func (l *Log) ListAny(ctx context.Context, _ auth.Caller, f Filter, after page.Cursor, limit int) ([]Event, string, error) {
	p := managedb.AuditEventPageTargetParams{TargetID: f.TargetID, Before: string(after), FromTime: f.From, ToTime: f.To,
		AccountID: f.AccountID, Type: string(f.Type), IncidentID: f.IncidentID, Page: int32(limit + 1)}
	if f.From != nil {
		p.Since = string(page.First(*f.From))
	}
	if f.To != nil {
		p.Before = min(p.Before, string(page.First(f.To.Add(time.Second)))) // ids know whole seconds
	}
	rows, err := l.pageAny(ctx, p)
	if err != nil {
		return nil, "", fmt.Errorf("list audit events: %w", err)
	}
	return events(rows, limit)
}

func (l *Log) pageOwn(ctx context.Context, p managedb.AuditEventPageOwnTargetParams) ([]managedb.AuditEvent, error) {
	if p.TargetID != "" {
		return l.q.AuditEventPageOwnTarget(ctx, l.pool, p)
	}
	return l.q.AuditEventPageOwn(ctx, l.pool, managedb.AuditEventPageOwnParams{AccountID: p.AccountID, Before: p.Before, Page: p.Page})
}

func (l *Log) pageAny(ctx context.Context, p managedb.AuditEventPageTargetParams) ([]managedb.AuditEvent, error) {
	if p.TargetID != "" {
		return l.q.AuditEventPageTarget(ctx, l.pool, p)
	}
	return l.q.AuditEventPageAny(ctx, l.pool, managedb.AuditEventPageAnyParams{Before: p.Before, Since: p.Since, FromTime: p.FromTime, ToTime: p.ToTime,
		AccountID: p.AccountID, Type: p.Type, IncidentID: p.IncidentID, Page: p.Page})
}

func events(rows []managedb.AuditEvent, limit int) ([]Event, string, error) {
	rows, next := page.Cut(rows, limit, func(r managedb.AuditEvent) string { return r.ID })
	list := make([]Event, 0, len(rows))
	for _, r := range rows {
		e, err := fromRow(r)
		if err != nil {
			return nil, "", err
		}
		list = append(list, e)
	}
	return list, next, nil
}

func fromRow(r managedb.AuditEvent) (Event, error) {
	e := Event{
		ID: r.ID, At: r.CreatedAt, Type: Type(r.Type), AccountID: value(r.AccountID),
		Actor: auth.Caller{AccountID: value(r.ActorID), Handle: value(r.ActorHandle),
			Credential: auth.Kind(r.Credential), CredentialID: value(r.CredentialID), Address: r.Address},
		Target: Target{Kind: r.TargetKind, ID: r.TargetID}, IncidentID: value(r.IncidentID),
	}
	for _, part := range []struct {
		raw json.RawMessage
		to  *map[string]any
	}{{r.Old, &e.Old}, {r.New, &e.New}} {
		if part.raw == nil {
			continue
		}
		if err := json.Unmarshal(part.raw, part.to); err != nil {
			return Event{}, fmt.Errorf("decode audit event %s: %w", r.ID, err)
		}
	}
	return e, nil
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
