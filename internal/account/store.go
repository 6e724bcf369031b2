package account

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/latchkey-dev/latchkey/gen/managedb"
	"github.com/latchkey-dev/latchkey/internal/changefeed"
	"github.com/latchkey-dev/latchkey/internal/problem"
)

// Config is what a Store needs.
type Config struct {
	Pool   *pgxpool.Pool
	Feed   *changefeed.Feed
	Now    func() time.Time
	Rand   io.Reader // cryptographic
	Hasher *Hasher

	PasswordMin  int           // code points
	SessionIdle  time.Duration // a session that is not used for so long has ended
	SessionLife  time.Duration // and so has one this old
	SessionsMost int           // per account; the oldest make room
	SignupOpen   bool
}

// Store keeps accounts, roles and sessions in PostgreSQL.
type Store struct {
	cfg    Config
	q      *managedb.Queries
	policy policy
	isSet  atomic.Bool // there is an account; see SetupDone
}

// NewStore makes a Store; it connects when it is first used.
func NewStore(c Config) *Store {
	return &Store{cfg: c, q: managedb.New(), policy: policy{min: c.PasswordMin}}
}

// act is a transaction under way, with its one timestamp and with what it changes for the nodes that answer from memory.
type act struct {
	pgx.Tx
	now time.Time
	*changefeed.Changes
}

// change runs one transaction. What it withdraws is withdrawn on every node when change returns.
func (s *Store) change(ctx context.Context, do func(act) error) error {
	now := s.moment()
	_, err := s.cfg.Feed.Run(ctx, func(tx pgx.Tx, changes *changefeed.Changes) error { return do(act{tx, now, changes}) })
	return err
}

// goneEverywhere holds back the answer that something is not there until no node takes it to be: it may be the caller's second
// call, after a first one that was cut off.
func (s *Store) goneEverywhere(ctx context.Context, err error) error {
	if !errors.Is(err, problem.New(problem.NotFound)) {
		return err
	}
	return cmp.Or(s.cfg.Feed.Settled(context.WithoutCancel(ctx)), err)
}

// moment is now as the database can hold it.
func (s *Store) moment() time.Time { return s.cfg.Now().UTC().Truncate(time.Microsecond) }

// administratorStays refuses a change after which nobody could administer. The caller holds AdministratorsLock.
func (s *Store) administratorStays(ctx context.Context, tx pgx.Tx) error {
	exists, err := s.q.AdministratorExists(ctx, tx)
	if err != nil {
		return fmt.Errorf("look for an administrator: %w", err)
	}
	if !exists {
		return problem.New(problem.LastAdministrator)
	}
	return nil
}

// orNotFound turns a missing row into the answer that hides whether it is missing or somebody else's.
func orNotFound(err error, verb string) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return problem.New(problem.NotFound)
	}
	return fmt.Errorf("%s: %w", verb, err)
}
