package accesskey

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/xid"

	"github.com/latchkey-dev/latchkey/gen/managedb"
	"github.com/latchkey-dev/latchkey/internal/audit"
	"github.com/latchkey-dev/latchkey/internal/auth"
	"github.com/latchkey-dev/latchkey/internal/changefeed"
	"github.com/latchkey-dev/latchkey/internal/problem"
	"github.com/latchkey-dev/latchkey/internal/token"
)

// Config is what a Store needs.
type Config struct {
	Pool     *pgxpool.Pool
	Feed     *changefeed.Feed
	Now      func() time.Time
	Rand     io.Reader // cryptographic
	Digester token.Digester
	Brand    string
	Most     int // live keys an account may have
	Policy   Policy
	Retired  *Watch // is told of retired secrets that turn up; nil: nobody is
	Metrics  prometheus.Registerer
}

// Store keeps keys in PostgreSQL.
type Store struct {
	cfg      Config
	q        *managedb.Queries
	expiring prometheus.Gauge
}

// NewStore makes a Store; it connects when it is first used.
func NewStore(c Config) *Store {
	return &Store{cfg: c, q: managedb.New(), expiring: newExpiring(c.Metrics)}
}

// Create mints a key for caller and returns it with its secret, which exists nowhere else from here on.
//
// Errors: problem.NameInvalid, problem.ExpiryInvalid, problem.AccessKeyLimit; those of checkPermissions.
func (s *Store) Create(ctx context.Context, caller auth.Caller, in CreateInput) (AccessKey, token.Secret, error) {
	now := s.moment()
	in, err := in.check(s.cfg.Policy, now)
	if err != nil {
		return AccessKey{}, token.Secret{}, err
	}
	names, err := checkPermissions(ctx, s.cfg.Pool, caller, in.Permissions)
	if err != nil {
		return AccessKey{}, token.Secret{}, err
	}
	secret, parsed, err := token.Mint(s.cfg.Rand, s.cfg.Brand)
	if err != nil {
		return AccessKey{}, token.Secret{}, err
	}
	row, err := s.row(caller, in, names, parsed, now)
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
func (s *Store) row(caller auth.Caller, in CreateInput, permissions []string, parsed token.Parsed, now time.Time) (managedb.AccessKeyIssueParams, error) {
	key := AccessKey{ID: xid.NewWithTime(now).String(), AccountID: caller.AccountID, Name: in.Name, Hint: parsed.Prefix(), ExpiresAt: in.ExpiresAt,
		Permissions: permissions, Limits: in.Limits}
	e, err := audit.Row(caller, now, event(audit.AccessKeyCreated, AccessKey{}, key))
	if err != nil {
		return managedb.AccessKeyIssueParams{}, err
	}
	digest, version := s.cfg.Digester.Digest(parsed)
	return managedb.AccessKeyIssueParams{ID: key.ID, AccountID: key.AccountID, Brand: parsed.Brand, TokenID: string(parsed.ID),
		Digest: digest[:], DigestVersion: version, Name: key.Name, Now: now, ExpiresAt: key.ExpiresAt, Most: int32(s.cfg.Most),
		Permissions: permissions, LimitQuery: in.Limits.Query, LimitMutation: in.Limits.Mutation, LimitCredits: in.Limits.Credits,
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
	keys, err := s.withUses(ctx, []managedb.AccessKey{row})
	if err != nil {
		return AccessKey{}, err
	}
	return keys[0], nil
}

// withUses adds when each key was used last.
func (s *Store) withUses(ctx context.Context, rows []managedb.AccessKey) ([]AccessKey, error) {
	ids := make([]string, len(rows))
	for i, r := range rows {
		ids[i] = r.ID
	}
	uses, err := s.q.AccessKeyUses(ctx, s.cfg.Pool, ids)
	if err != nil {
		return nil, fmt.Errorf("read last uses: %w", err)
	}
	last := make(map[string]managedb.AccessKeyUse, len(uses))
	for _, u := range uses {
		last[u.AccessKeyID] = u
	}
	keys := make([]AccessKey, len(rows))
	for i, r := range rows {
		keys[i] = fromRow(r)
		if u, used := last[r.ID]; used {
			keys[i].LastUsedAt, keys[i].LastUsedIP = &u.LastUsedAt, u.LastUsedIp
		}
	}
	return keys, nil
}

// Update changes a key of caller. One that opens less than before has done so on every node when Update returns.
//
// Errors: problem.NotFound, problem.AccessKeyRevoked, problem.VersionMismatch, problem.NameInvalid, problem.ExpiryInvalid,
// problem.RevocationUnconfirmed; those of checkPermissions; problem.AccessKeyLimit when an expired key is to live again.
func (s *Store) Update(ctx context.Context, caller auth.Caller, id string, in UpdateInput) (AccessKey, error) {
	now := s.moment()
	var after managedb.AccessKey
	_, err := s.cfg.Feed.Run(ctx, func(tx pgx.Tx, changes *changefeed.Changes) error {
		row, err := s.q.AccessKeyLock(ctx, tx, managedb.AccessKeyLockParams{ID: id, AccountID: caller.AccountID})
		if err != nil {
			return orNotFound(err, "lock access key")
		}
		after, err = s.update(ctx, tx, caller, row, in, now)
		if err != nil {
			return err
		}
		if in.withdraws(fromRow(row), fromRow(after)) {
			changes.Withdraw(changefeed.Key, row.TokenID)
		} else {
			changes.Announce(changefeed.Key, row.TokenID)
		}
		return nil
	})
	if err != nil {
		return AccessKey{}, err
	}
	keys, err := s.withUses(ctx, []managedb.AccessKey{after})
	if err != nil {
		return AccessKey{}, err
	}
	return keys[0], nil
}

// update changes a locked key.
func (s *Store) update(ctx context.Context, tx pgx.Tx, caller auth.Caller, row managedb.AccessKey, in UpdateInput, now time.Time) (managedb.AccessKey, error) {
	before := fromRow(row)
	if in.IfVersion != nil && *in.IfVersion != before.Version {
		return row, problem.New(problem.VersionMismatch).WithField("version", before.Version)
	}
	if before.RevokedAt != nil {
		return row, problem.New(problem.AccessKeyRevoked)
	}
	wanted, err := in.applyTo(before, now)
	if err != nil {
		return row, err
	}
	if in.Permissions != nil {
		if wanted.Permissions, err = checkPermissions(ctx, tx, caller, *in.Permissions); err != nil {
			return row, err
		}
	}
	if in.ExpiresAt != nil || before.DisabledAt != nil && wanted.DisabledAt == nil {
		if err := s.cfg.Policy.check(wanted.ExpiresAt, before.secretMade()); err != nil {
			return row, err
		}
	}
	if wanted.isLive(now) && !before.isLive(now) {
		if err := s.takeRoom(ctx, tx, caller, now); err != nil {
			return row, err
		}
	}
	after, err := s.q.AccessKeyUpdate(ctx, tx, managedb.AccessKeyUpdateParams{ID: row.ID, Name: wanted.Name, ExpiresAt: wanted.ExpiresAt, DisabledAt: wanted.DisabledAt,
		Permissions: wanted.Permissions, LimitQuery: wanted.Limits.Query, LimitMutation: wanted.Limits.Mutation, LimitCredits: wanted.Limits.Credits, Now: now})
	if err != nil {
		return row, fmt.Errorf("update access key: %w", err)
	}
	return after, audit.Record(ctx, tx, caller, now, event(audit.AccessKeyUpdated, before, fromRow(after)))
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

func (s *Store) moment() time.Time { return s.cfg.Now().UTC().Truncate(time.Microsecond) }

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
