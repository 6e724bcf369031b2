package accesskey

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/xid"

	"github.com/latchkey-dev/latchkey/gen/managedb"
	"github.com/latchkey-dev/latchkey/internal/audit"
	"github.com/latchkey-dev/latchkey/internal/auth"
	"github.com/latchkey-dev/latchkey/internal/page"
	"github.com/latchkey-dev/latchkey/internal/problem"
	"github.com/latchkey-dev/latchkey/internal/token"
)

// Config is what a Store needs.
type Config struct {
	Pool     *pgxpool.Pool
	Now      func() time.Time
	Rand     io.Reader // cryptographic
	Digester token.Digester
	Brand    string
	Most     int // live keys an account may have
}

// Store keeps keys in PostgreSQL.
type Store struct {
	cfg Config
	q   *managedb.Queries
}

// NewStore makes a Store; it connects when it is first used.
func NewStore(c Config) *Store { return &Store{cfg: c, q: managedb.New()} }

// Create mints a key for caller and returns it with its secret, which exists nowhere else from here on.
//
// Errors: problem.NameInvalid, problem.ExpiryInvalid, problem.AccessKeyLimit.
func (s *Store) Create(ctx context.Context, caller auth.Caller, in CreateInput) (AccessKey, token.Secret, error) {
	now := s.moment()
	in, err := in.check(now)
	if err != nil {
		return AccessKey{}, token.Secret{}, err
	}
	secret, parsed, err := token.Mint(s.cfg.Rand, s.cfg.Brand)
	if err != nil {
		return AccessKey{}, token.Secret{}, err
	}
	row, err := s.row(caller, in, parsed, now)
	if err != nil {
		return AccessKey{}, token.Secret{}, err
	}
	issued, err := s.q.AccessKeyIssue(ctx, s.cfg.Pool, row)
	if errors.Is(err, pgx.ErrNoRows) {
		issued, err = s.issueCounted(ctx, row)
	}
	if err != nil {
		return AccessKey{}, token.Secret{}, fmt.Errorf("issue access key: %w", err)
	}
	return fromRow(managedb.AccessKey(issued)), secret, nil
}

// row is a new key and the record of it.
func (s *Store) row(caller auth.Caller, in CreateInput, parsed token.Parsed, now time.Time) (managedb.AccessKeyIssueParams, error) {
	key := AccessKey{ID: xid.NewWithTime(now).String(), AccountID: caller.AccountID, Name: in.Name, Hint: parsed.Prefix(), ExpiresAt: in.ExpiresAt}
	e, err := audit.Row(caller, now, event(audit.AccessKeyCreated, AccessKey{}, key))
	if err != nil {
		return managedb.AccessKeyIssueParams{}, err
	}
	digest, version := s.cfg.Digester.Digest(parsed)
	return managedb.AccessKeyIssueParams{ID: key.ID, AccountID: key.AccountID, Brand: parsed.Brand, TokenID: string(parsed.ID),
		Digest: digest[:], DigestVersion: version, Name: key.Name, Now: now, ExpiresAt: key.ExpiresAt, Most: int32(s.cfg.Most),
		EventID: e.ID, EventType: e.Type, ActorHandle: e.ActorHandle, Credential: e.Credential, CredentialID: e.CredentialID, Address: e.Address,
		TargetKind: e.TargetKind, New: e.New}, nil
}

// issueCounted issues a key to an owner who seems to have too many, once they are counted anew.
func (s *Store) issueCounted(ctx context.Context, row managedb.AccessKeyIssueParams) (managedb.AccessKeyIssueRow, error) {
	var issued managedb.AccessKeyIssueRow
	err := pgx.BeginFunc(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		err := s.recount(ctx, tx, row.AccountID, row.Now)
		if err != nil {
			return err
		}
		issued, err = s.q.AccessKeyIssue(ctx, tx, row)
		if errors.Is(err, pgx.ErrNoRows) {
			return s.tooMany()
		}
		return err
	})
	return issued, err
}

// recount locks an account and counts its live keys.
func (s *Store) recount(ctx context.Context, tx pgx.Tx, accountID string, now time.Time) error {
	if _, err := s.q.AccountLock(ctx, tx, accountID); err != nil {
		return fmt.Errorf("lock account: %w", err)
	}
	err := s.q.AccessKeyRecount(ctx, tx, managedb.AccessKeyRecountParams{AccountID: accountID, Now: now})
	return wrap(err, "count live access keys")
}

func (s *Store) tooMany() error {
	return problem.New(problem.AccessKeyLimit).WithField("limit", s.cfg.Most)
}

// Get reads a key of caller.
//
// Errors: problem.NotFound, also for a key of somebody else.
func (s *Store) Get(ctx context.Context, caller auth.Caller, id string) (AccessKey, error) {
	row, err := s.q.AccessKeyGet(ctx, s.cfg.Pool, managedb.AccessKeyGetParams{ID: id, AccountID: caller.AccountID})
	if err != nil {
		return AccessKey{}, orNotFound(err, "read access key")
	}
	return fromRow(row), nil
}

// List gives a page of the keys of caller, newest first, with the cursor of the next page. An empty status means all.
func (s *Store) List(ctx context.Context, caller auth.Caller, status Status, after page.Cursor, limit int) ([]AccessKey, string, error) {
	rows, err := s.q.AccessKeyPage(ctx, s.cfg.Pool, managedb.AccessKeyPageParams{AccountID: caller.AccountID, Before: string(after),
		Status: string(status), Now: s.moment(), Page: int32(limit + 1)})
	if err != nil {
		return nil, "", fmt.Errorf("list access keys: %w", err)
	}
	rows, next := page.Cut(rows, limit, idOf)
	return fromRows(rows), next, nil
}

// ListAny gives a page of everybody's keys. The guard has checked that caller may see them.
func (s *Store) ListAny(ctx context.Context, _ auth.Caller, status Status, after page.Cursor, limit int) ([]AccessKey, string, error) {
	rows, err := s.q.AccessKeyPageAny(ctx, s.cfg.Pool, managedb.AccessKeyPageAnyParams{Before: string(after),
		Status: string(status), Now: s.moment(), Page: int32(limit + 1)})
	if err != nil {
		return nil, "", fmt.Errorf("list all access keys: %w", err)
	}
	rows, next := page.Cut(rows, limit, idOf)
	return fromRows(rows), next, nil
}

// Update changes a key of caller.
//
// Errors: problem.NotFound, problem.AccessKeyRevoked, problem.VersionMismatch, problem.NameInvalid, problem.ExpiryInvalid;
// problem.AccessKeyLimit when an expired key is to live again.
func (s *Store) Update(ctx context.Context, caller auth.Caller, id string, in UpdateInput) (AccessKey, error) {
	now := s.moment()
	var after AccessKey
	err := pgx.BeginFunc(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		row, err := s.q.AccessKeyLock(ctx, tx, managedb.AccessKeyLockParams{ID: id, AccountID: caller.AccountID})
		if err != nil {
			return orNotFound(err, "lock access key")
		}
		before := fromRow(row)
		if in.IfVersion != nil && *in.IfVersion != before.Version {
			return problem.New(problem.VersionMismatch).WithField("version", before.Version)
		}
		if before.RevokedAt != nil {
			return problem.New(problem.AccessKeyRevoked)
		}
		wanted, err := in.applyTo(before, now)
		if err != nil {
			return err
		}
		if wanted.isLive(now) && !before.isLive(now) {
			if err := s.takeRoom(ctx, tx, caller, now); err != nil {
				return err
			}
		}
		row, err = s.q.AccessKeyUpdate(ctx, tx, managedb.AccessKeyUpdateParams{ID: id, Name: wanted.Name, ExpiresAt: wanted.ExpiresAt, DisabledAt: wanted.DisabledAt, Now: now})
		if err != nil {
			return fmt.Errorf("update access key: %w", err)
		}
		after = fromRow(row)
		return audit.Record(ctx, tx, caller, now, event(audit.AccessKeyUpdated, before, after))
	})
	return after, err
}

// takeRoom counts one more live key of caller, unless they have as many as they may.
func (s *Store) takeRoom(ctx context.Context, tx pgx.Tx, caller auth.Caller, now time.Time) error {
	if err := s.recount(ctx, tx, caller.AccountID, now); err != nil {
		return err
	}
	n, err := s.q.AccessKeyTakeRoom(ctx, tx, managedb.AccessKeyTakeRoomParams{AccountID: caller.AccountID, Most: int32(s.cfg.Most)})
	if err == nil && n == 0 {
		return s.tooMany()
	}
	return wrap(err, "count access key")
}

// Revoke withdraws a key of caller, for good. Revoking it again is fine.
//
// Errors: problem.NotFound, also for a key of somebody else.
func (s *Store) Revoke(ctx context.Context, caller auth.Caller, id string) error {
	return s.revoke(ctx, caller, func(tx pgx.Tx) (managedb.AccessKey, error) {
		return s.q.AccessKeyLock(ctx, tx, managedb.AccessKeyLockParams{ID: id, AccountID: caller.AccountID})
	})
}

// RevokeAny withdraws anybody's key, for good. The guard has checked that caller may.
//
// Errors: problem.NotFound.
func (s *Store) RevokeAny(ctx context.Context, caller auth.Caller, id string) error {
	return s.revoke(ctx, caller, func(tx pgx.Tx) (managedb.AccessKey, error) { return s.q.AccessKeyLockAny(ctx, tx, id) })
}

func (s *Store) revoke(ctx context.Context, caller auth.Caller, lock func(pgx.Tx) (managedb.AccessKey, error)) error {
	now := s.moment()
	return pgx.BeginFunc(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		row, err := lock(tx)
		if err != nil {
			return orNotFound(err, "lock access key")
		}
		before := fromRow(row)
		row, err = s.q.AccessKeyRevoke(ctx, tx, managedb.AccessKeyRevokeParams{ID: before.ID, Now: now})
		if err != nil {
			return fmt.Errorf("revoke access key: %w", err)
		}
		if before.RevokedAt != nil {
			return nil // recorded when it happened
		}
		return audit.Record(ctx, tx, caller, now, event(audit.AccessKeyRevoked, before, fromRow(row)))
	})
}

func (s *Store) moment() time.Time { return s.cfg.Now().UTC().Truncate(time.Microsecond) }

func idOf(r managedb.AccessKey) string { return r.ID }

func orNotFound(err error, verb string) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return problem.New(problem.NotFound)
	}
	return fmt.Errorf("%s: %w", verb, err)
}

func wrap(err error, verb string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", verb, err)
}
