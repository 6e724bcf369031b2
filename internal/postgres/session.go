package postgres

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/golang-migrate/migrate/v4"
	"github.com/golang-migrate/migrate/v4/database"
	pgxdriver "github.com/golang-migrate/migrate/v4/database/pgx/v5"
	"github.com/golang-migrate/migrate/v4/source/iofs"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/latchkey-dev/latchkey/db"
)

const (
	// lockPatience is how long we wait for an instance that is migrating.
	lockPatience = "15s"
	// tablePatience is how long a migration waits for a table: everybody else who wants it queues up behind.
	tablePatience = "2s"
	// closePatience bounds the farewell to a server that may be gone.
	closePatience = time.Second
)

// lifeSigns end a connection whose other end vanished without a word: golang-migrate waits for answers without limit.
var lifeSigns = net.Dialer{
	Timeout:         connectTimeout,
	KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 5 * time.Second, Count: 3},
}

// session is one connection that looks at the schema or changes it. golang-migrate sees it as a database/sql pool of
// one; we use the connection beneath while golang-migrate does not.
type session struct {
	pool    *sql.DB
	conn    *pgx.Conn
	unwatch func() bool     // of the context
	driver  database.Driver // after lock
}

// open connects. When ctx ends, so does whatever the session is doing, with an error.
func open(ctx context.Context, url string) (*session, error) {
	c, err := parse(url, "migrate", map[string]string{"lock_timeout": lockPatience})
	if err != nil {
		return nil, err
	}
	c.ConnConfig.DialFunc = lifeSigns.DialContext
	s := &session{}
	s.pool = stdlib.OpenDB(*c.ConnConfig, stdlib.OptionAfterConnect(func(_ context.Context, conn *pgx.Conn) error {
		s.conn = conn
		return nil
	}))
	s.pool.SetMaxOpenConns(1)
	if err := s.pool.PingContext(ctx); err != nil {
		_ = s.pool.Close()
		return nil, fmt.Errorf("connect to database: %w", err)
	}
	s.unwatch = context.AfterFunc(ctx, s.interrupt)
	return s, nil
}

// interrupt ends the statement that is running, and the connection, so that none follows.
func (s *session) interrupt() {
	ctx, cancel := context.WithTimeout(context.Background(), closePatience)
	defer cancel()
	_ = s.conn.PgConn().CancelRequest(ctx)
	_ = s.conn.PgConn().Conn().Close()
}

// close gives back the connection, and with it the lock. The driver loses a connection whose lock it did not get, so
// that its own Close is not enough.
func (s *session) close() {
	s.unwatch()
	ctx, cancel := context.WithTimeout(context.Background(), closePatience)
	defer cancel()
	_ = s.conn.Close(ctx)
	_ = s.pool.Close()
}

// lock makes this session the only one that migrates, until it is closed. The error is ErrLockHeld if another one is.
func (s *session) lock(ctx context.Context) error {
	// The operator's limit on statements is meant for requests.
	if _, err := s.conn.Exec(ctx, "SET statement_timeout = 0"); err != nil {
		return fmt.Errorf("lift statement time-out: %w", err)
	}
	driver, err := pgxdriver.WithInstance(s.pool, &pgxdriver.Config{}) // it takes the lock, too, to make its table
	if err == nil {
		s.driver = driver
		err = driver.Lock()
	}
	if err != nil {
		return fmt.Errorf("lock schema: %w", lockError(plain(err)))
	}
	_, err = s.conn.Exec(ctx,
		"SELECT set_config('lock_timeout', $1, false) WHERE current_setting('lock_timeout') = $2", tablePatience, lockPatience)
	if err != nil {
		return fmt.Errorf("shorten lock time-out: %w", err)
	}
	return nil
}

// lockError says in words that a lock time-out here is about the migration lock.
func lockError(err error) error {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == lockNotAvailable {
		return fmt.Errorf("%w: wait until it is done; if none is running, pg_locks names the session (locktype advisory)",
			ErrLockHeld)
	}
	return err
}

// heal makes golang-migrate's notebook agree with st, the truth. They differ by one step if a migration was cut off.
func (s *session) heal(st state) error {
	noted, dirty, err := s.driver.Version()
	if err != nil {
		return fmt.Errorf("read schema_migrations: %w", plain(err))
	}
	noted = max(noted, 0) // golang-migrate calls an empty database -1
	switch {
	case !dirty && noted == st.version:
		return nil
	case !dirty || noted < st.version-1 || noted > st.version+1:
		return fmt.Errorf("schema_migrations says version %d and schema_state %d: no migration leaves that behind; "+
			"is the database shared with another application, or half restored?", noted, st.version)
	}
	if err := s.driver.SetVersion(number(st.version), false); err != nil {
		return fmt.Errorf("heal schema_migrations: %w", plain(err))
	}
	return nil
}

// number is what golang-migrate calls a version of ours.
func number(version int) int {
	if version == 0 {
		return database.NilVersion
	}
	return version
}

// move runs migrations, up or down, until the schema has version to. The session must be locked and healed.
func (s *session) move(to int) error {
	files, err := iofs.New(db.Migrations(), ".")
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	d := &held{Driver: s.driver}
	m, err := migrate.NewWithInstance("embedded", files, "pgx5", d)
	if err != nil {
		return fmt.Errorf("prepare migrations: %w", err)
	}
	if to == 0 {
		err = m.Down()
	} else {
		err = m.Migrate(uint(to))
	}
	if err == nil || errors.Is(err, migrate.ErrNoChange) {
		return nil
	}
	return fmt.Errorf("migrate schema to version %d: %w", max(d.target, 0), plain(err))
}

// held is a driver whose lock is held already: one lock covers looking, healing and moving.
type held struct {
	database.Driver
	target int // the version that was on its way
}

func (h *held) Lock() error   { return nil }
func (h *held) Unlock() error { return nil }

func (h *held) SetVersion(version int, dirty bool) error {
	h.target = version
	return h.Driver.SetVersion(version, dirty)
}

// plain takes the error out of golang-migrate's, which cannot be unwrapped and prints the statement.
func plain(err error) error {
	if e, ok := errors.AsType[*database.Error](err); ok {
		return e.OrigErr
	}
	if e, ok := errors.AsType[database.Error](err); ok {
		return e.OrigErr
	}
	return err
}
