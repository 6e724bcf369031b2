package prove

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/latchkey-dev/latchkey/internal/postgres/embedded"
)

const (
	databasePatience = time.Minute // to start, after a crash too
	databaseGrace    = 10 * time.Second
	mostConnections  = 70 // the server's; three nodes and we take less than 50
)

// database is the PostgreSQL that all nodes share. It is as durable as an operator's, or a commit that was answered could be
// lost when the postmaster is killed.
type database struct {
	config embedded.Config
	log    *os.File
	pool   *pgxpool.Pool // our own way to it, past all links

	mu     sync.Mutex
	server *embedded.Server
}

func startDatabase(ctx context.Context, dir string) (*database, error) {
	log, err := os.OpenFile(filepath.Join(dir, "postgres.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	d := &database{log: log, config: embedded.Config{Dir: filepath.Join(dir, "pg"), Log: log,
		Settings: map[string]string{"max_connections": fmt.Sprint(mostConnections)}}}
	if err := d.start(ctx); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	config, err := pgxpool.ParseConfig(d.server.URL())
	if err != nil {
		return nil, errors.Join(err, d.close())
	}
	config.MaxConns = 4
	if d.pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

func (d *database) start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, databasePatience)
	defer cancel()
	server, err := embedded.Start(ctx, d.config)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.server = server
	return nil
}

func (d *database) url() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.server.URL() // the same after each start
}

// socket is the path of the server's socket.
func (d *database) socket() string { return filepath.Join(d.config.Dir, "run", socketName) }

// through is the connection string that leads through a link.
func (d *database) through(l *link) (string, error) {
	u, err := url.Parse(d.url())
	if err != nil {
		return "", err
	}
	query := u.Query()
	query.Set("host", l.dir)
	u.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20")
	return u.String(), nil
}

// kill ends the postmaster at once, and returns when it is gone; its children follow by themselves.
func (d *database) kill() error {
	b, err := os.ReadFile(filepath.Join(d.config.Dir, "pgdata", "postmaster.pid"))
	var pid int
	if err == nil {
		_, err = fmt.Sscan(string(b), &pid)
	}
	if err != nil || pid <= 1 {
		return fmt.Errorf("find the postmaster: %d, %w", pid, err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	<-d.server.Done()
	return nil
}

func (d *database) close() error {
	if d.pool != nil {
		d.pool.Close()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return errors.Join(d.server.Stop(databaseGrace), d.log.Close())
}

// holds asks whether something is so. An error is no.
func (d *database) holds(ctx context.Context, sql string, args ...any) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var yes bool
	return d.pool.QueryRow(ctx, sql, args...).Scan(&yes) == nil && yes
}

// keepOpen runs a statement in a transaction that then stands idle for a while.
func (d *database) keepOpen(ctx context.Context, length time.Duration, sql string) error {
	conn, err := pgx.Connect(ctx, d.url())
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, sql); err != nil {
		return err
	}
	pause(ctx, length)
	return nil // closing the connection rolls back
}

// takeAll takes every connection that is left. The function that it returns gives them back.
func (d *database) takeAll(ctx context.Context) func() {
	soon, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var taken []*pgx.Conn
	for range 2 * mostConnections {
		conn, err := pgx.Connect(soon, d.url())
		if err != nil {
			break
		}
		taken = append(taken, conn)
	}
	return func() {
		for _, conn := range taken {
			_ = conn.Close(context.WithoutCancel(ctx))
		}
	}
}

// pause waits, and tells whether the whole time has passed.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(max(d, 0))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
