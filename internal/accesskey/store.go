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
	digest, version := s.cfg.Digester.Digest(parsed)
	var key AccessKey
	err = pgx.BeginFunc(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		if _, err := s.q.AccountLock(ctx, tx, caller.AccountID); err != nil {
			return fmt.Errorf("lock account: %w", err)
		}
		row, err := s.q.AccessKeyInsert(ctx, tx, managedb.AccessKeyInsertParams{ID: xid.NewWithTime(now).String(), AccountID: caller.AccountID,
			Brand: parsed.Brand, TokenID: string(parsed.ID), Digest: digest[:], DigestVersion: version,
			Name: in.Name, Now: now, ExpiresAt: in.ExpiresAt, Most: int32(s.cfg.Most)})
		if errors.Is(err, pgx.ErrNoRows) {
			return problem.New(problem.AccessKeyLimit).WithField("limit", s.cfg.Most)
		}
		if err != nil {
			return fmt.Errorf("insert access key: %w", err)
		}
		key = fromRow(row)
		return audit.Record(ctx, tx, caller, now, event(audit.AccessKeyCreated, AccessKey{}, key))
	})
	if err != nil {
		return AccessKey{}, token.Secret{}, err
	}
	return key, secret, nil
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
	rows, err := s.q.AccessKeyPage(ctx, s.cfg.Pool, managedb.AccessKeyPageParams{AccountID: caller.AccountID, Before: after.At, BeforeID: after.ID,
		Status: string(status), Now: s.moment(), Page: int32(limit + 1)})
	if err != nil {
		return nil, "", fmt.Errorf("list access keys: %w", err)
	}
	rows, next := page.Cut(rows, limit, cursorOf)
	return fromRows(rows), next, nil
}

// ListAny gives a page of everybody's keys. The guard has checked that caller may see them.
func (s *Store) ListAny(ctx context.Context, _ auth.Caller, status Status, after page.Cursor, limit int) ([]AccessKey, string, error) {
	rows, err := s.q.AccessKeyPageAny(ctx, s.cfg.Pool, managedb.AccessKeyPageAnyParams{Before: after.At, BeforeID: after.ID,
		Status: string(status), Now: s.moment(), Page: int32(limit + 1)})
	if err != nil {
		return nil, "", fmt.Errorf("list all access keys: %w", err)
	}
	rows, next := page.Cut(rows, limit, cursorOf)
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
			if err := s.hasRoom(ctx, tx, caller, now); err != nil {
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

// hasRoom locks the account of caller and refuses one more live key than it may have.
func (s *Store) hasRoom(ctx context.Context, tx pgx.Tx, caller auth.Caller, now time.Time) error {
	if _, err := s.q.AccountLock(ctx, tx, caller.AccountID); err != nil {
		return fmt.Errorf("lock account: %w", err)
	}
	live, err := s.q.AccessKeyCountLive(ctx, tx, managedb.AccessKeyCountLiveParams{AccountID: caller.AccountID, Now: now})
	if err != nil {
		return fmt.Errorf("count live access keys: %w", err)
	}
	if live >= int64(s.cfg.Most) {
		return problem.New(problem.AccessKeyLimit).WithField("limit", s.cfg.Most)
	}
	return nil
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

func cursorOf(r managedb.AccessKey) page.Cursor { return page.Cursor{At: r.CreatedAt, ID: r.ID} }

func orNotFound(err error, verb string) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return problem.New(problem.NotFound)
	}
	return fmt.Errorf("%s: %w", verb, err)
}
