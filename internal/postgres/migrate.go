package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/latchkey-dev/latchkey/db"
)

// SQLSTATEs
const (
	lockNotAvailable = "55P03"
	undefinedTable   = "42P01"
)

// lookPatience bounds a look at the schema; it reads two rows.
const lookPatience = 5 * time.Second

// The errors of Migrate and MigrateTo that a caller may want to tell apart. Each arrives wrapped in a line that names
// the versions and the next step.
var (
	// ErrSchemaTooNew: the schema was made for a newer Latchkey, and this one would do harm. It does not pass.
	ErrSchemaTooNew = errors.New("the schema is too new for this program")
	// ErrLockHeld: another instance is migrating and takes longer than we wait. Trying again is right.
	ErrLockHeld = errors.New("another instance holds the migration lock")
)

// errSchemaTooOld: nobody has run the migrations yet, and we were told not to.
var errSchemaTooOld = errors.New("the schema is too old for this program")

// Migrate brings the schema up to the version of this program and returns the versions before and after. It may run in
// any number of instances at once: one migrates, the others wait up to 15 s (or the URL's lock_timeout) for it.
//
// A schema that is newer stays as it is: without an error if its floor allows this program, else with ErrSchemaTooNew.
// ErrLockHeld means that the wait was too long. A migration that was killed is found and run again, or noted as done if
// its transaction had been committed. The URL must lead to the server itself or to a pooler in session mode, since the
// lock belongs to the session. When ctx ends, a running migration is rolled back.
func Migrate(ctx context.Context, url string) (int, int, error) {
	s, err := open(ctx, url)
	if err != nil {
		return 0, 0, err
	}
	defer s.close()
	from, to, err := s.migrate(ctx)
	return from, to, because(ctx, err)
}

func (s *session) migrate(ctx context.Context) (int, int, error) {
	st, err := s.look(ctx)
	if err != nil {
		return 0, 0, err
	}
	if done, err := st.settled(); done || err != nil {
		return st.version, st.version, err
	}
	if err := s.lock(ctx); err != nil {
		return 0, 0, err
	}
	if st, err = s.look(ctx); err != nil { // again: it may have taken a while
		return 0, 0, err
	}
	if done, err := st.settled(); done || err != nil {
		return st.version, st.version, err
	}
	if err := s.heal(st); err != nil {
		return st.version, st.version, err
	}
	if err := s.move(db.Newest()); err != nil {
		return st.version, st.version, err
	}
	return st.version, db.Newest(), nil
}

// MigrateTo brings the schema to a version from 0, which is empty, to db.Newest. Going down deletes what the versions
// above have added, with its data. Errors are those of Migrate, and ErrSchemaTooNew for any newer schema: only the
// program that made it knows the way back.
func MigrateTo(ctx context.Context, url string, version int) error {
	if version < 0 || version > db.Newest() {
		return fmt.Errorf("there is no version %d: this program knows 0 to %d", version, db.Newest())
	}
	s, err := open(ctx, url)
	if err != nil {
		return err
	}
	defer s.close()
	return because(ctx, s.migrateTo(ctx, version))
}

func (s *session) migrateTo(ctx context.Context, version int) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	st, err := s.look(ctx)
	if err != nil {
		return err
	}
	if st.version > db.Newest() {
		return fmt.Errorf("%w: it has version %d, this program knows %d: use the Latchkey that made it",
			ErrSchemaTooNew, st.version, db.Newest())
	}
	if err := s.heal(st); err != nil {
		return err
	}
	return s.move(version)
}

// Version returns the version of the schema (0: empty), whether a migration is under way or was cut off, and the oldest
// version that a program must know to serve it. It changes nothing and waits for nobody.
func Version(ctx context.Context, url string) (int, bool, int, error) {
	s, err := open(ctx, url)
	if err != nil {
		return 0, false, 0, err
	}
	defer s.close()
	st, err := s.look(ctx)
	return st.version, st.dirty, st.floor, because(ctx, err)
}

// check returns the version of the schema if this program can serve it as it is.
func check(ctx context.Context, url string) (int, error) {
	version, _, floor, err := Version(ctx, url)
	if err != nil {
		return 0, err
	}
	if version < db.Newest() {
		return version, fmt.Errorf("%w: it has version %d, this program needs %d", errSchemaTooOld, version, db.Newest())
	}
	_, err = state{version: version, floor: floor}.settled()
	return version, err
}

// state is what the database says of its schema; that of an empty one is zero.
type state struct {
	version int // newest migration that was committed
	floor   int // a program must know this version to serve the schema
	dirty   bool
}

// settled reports whether the schema is to be left as it is. The error is ErrSchemaTooNew.
func (st state) settled() (bool, error) {
	newest := db.Newest()
	if st.floor > newest {
		return false, fmt.Errorf("%w: it has version %d and needs one that knows %d, this one knows %d: run a newer Latchkey, "+
			"or go back with the newer one's latchkey migrate --to %d", ErrSchemaTooNew, st.version, st.floor, newest, newest)
	}
	return st.version > newest || st.version == newest && !st.dirty, nil
}

// look reads the state. A table that is missing counts as empty: it may be made, or dropped, while we look.
func (s *session) look(ctx context.Context) (state, error) {
	ctx, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	var st state
	err := s.conn.QueryRow(ctx, "SELECT version, floor FROM schema_state").Scan(&st.version, &st.floor)
	if err != nil && !missing(err) {
		return state{}, fmt.Errorf("read schema_state: %w", err)
	}
	err = s.conn.QueryRow(ctx, "SELECT dirty FROM schema_migrations").Scan(&st.dirty)
	if err != nil && !missing(err) && !errors.Is(err, pgx.ErrNoRows) {
		return state{}, fmt.Errorf("read schema_migrations: %w", err)
	}
	return st, nil
}

func missing(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.Code == undefinedTable
}

// because gives the reason for which ctx has ended in place of what that broke.
func because(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
