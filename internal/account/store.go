package account

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/latchkey-dev/latchkey/gen/managedb"
	"github.com/latchkey-dev/latchkey/internal/problem"
)

// Config is what a Store needs.
type Config struct {
	Pool   *pgxpool.Pool
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
}

// NewStore makes a Store; it connects when it is first used.
func NewStore(c Config) *Store {
	return &Store{cfg: c, q: managedb.New(), policy: policy{min: c.PasswordMin}}
}

// change runs one transaction with one timestamp.
func (s *Store) change(ctx context.Context, do func(tx pgx.Tx, now time.Time) error) error {
	now := s.moment()
	return pgx.BeginFunc(ctx, s.cfg.Pool, func(tx pgx.Tx) error { return do(tx, now) })
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
