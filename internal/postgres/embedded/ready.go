package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// codeNotYet is cannot_connect_now.
const codeNotYet = "57P03"

// ready returns when the database can be used. The server's own note is watched rather than knocking at the door: each
// knock during a long recovery would be a line in the log.
func (s *Server) ready(ctx context.Context, pidFile string) error {
	for {
		if f := readPidFile(pidFile); f.pid == s.cmd.Process.Pid && f.status == "ready" {
			// The note may be an old one that happens to bear our id.
			if err := s.open(ctx); !notYet(err) {
				s.up.Store(err == nil)
				return err
			}
		}
		select {
		case <-s.done:
			return fmt.Errorf("start postgres: %w", s.err)
		default:
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("wait for postgres: %w", err)
		}
	}
}

// notYet recognises what a server answers, or fails to, while it is starting.
func notYet(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == codeNotYet
	}
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ECONNRESET)
}

// open makes the database if it is missing: a kill can come between making data and database.
func (s *Server) open(ctx context.Context) error {
	conn, err := s.connect(ctx, "postgres")
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	var there bool
	err = conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", role).Scan(&there)
	if err == nil && !there {
		_, err = conn.Exec(ctx, "CREATE DATABASE "+role)
	}
	if err != nil {
		return fmt.Errorf("make database: %w", err)
	}
	return nil
}

func (s *Server) connect(ctx context.Context, database string) (*pgx.Conn, error) {
	conn, err := pgx.Connect(ctx, s.url(database))
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		err = pg // what pgx says around it takes several lines
	}
	if err != nil {
		return nil, fmt.Errorf("connect to own postgres: %w", err)
	}
	return conn, nil
}
