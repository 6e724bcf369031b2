package changefeed

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/latchkey-dev/latchkey/internal/postgres"
)

// Primary is a conversation with the database in which a node syncs. Read opens a transaction that Commit ends; after an
// error only Close may follow.
type Primary interface {
	Register(ctx context.Context, row string, instead []string) (Head, error)
	Read(ctx context.Context, cursor Revision) (Page, error)
	Commit(ctx context.Context, row string, applied int64) (known bool, err error)
	Leave(ctx context.Context, rows []string) error
	Close()
}

// Head is where the feed stands.
type Head struct {
	Revision
	Epoch    int64
	Timeline string
}

// Page is what a sync reads, all of it at one moment.
type Page struct {
	Epoch     int64
	Protocol  int
	Timeline  string
	Lease     time.Duration
	Time      time.Duration // the database's clock, since 1970
	HasCursor bool          // whether the change at the cursor is part of history
	Changes   []Change      // after the cursor, in order
	Last      Revision      // of the last of them
	Full      bool          // there may be more
}

const pageMost = 2000 // changes

// The server's history: PostgreSQL's timeline, which a promotion changes; empty on a standby.
const timelineSQL = `(CASE WHEN pg_is_in_recovery() THEN '' ELSE left(pg_walfile_name(pg_current_wal_lsn()), 8) END)`

const (
	registerSQL = `WITH head AS (SELECT v, epoch FROM cluster WHERE protocol = $2),
gone AS (DELETE FROM cache_node WHERE id = ANY ($3::text[])),
joined AS (INSERT INTO cache_node (id, applied_v, seq) SELECT $1, v, 1 FROM head)
SELECT head.v, head.epoch, ` + timelineSQL + `, (SELECT nonce FROM change WHERE change.v = head.v LIMIT 1) FROM head`

	readSQL = `SELECT c.epoch, c.protocol, ` + timelineSQL + `, c.lease_ms, clock_timestamp(),
       EXISTS (SELECT 1 FROM change WHERE change.v = $1 AND change.nonce = $2),
       next.v, next.kind, next.id, next.nonce
  FROM cluster c LEFT JOIN LATERAL (SELECT * FROM change WHERE change.v > $1 ORDER BY change.v LIMIT $3) next ON true
 ORDER BY next.v`

	appliedSQL = `UPDATE cache_node SET applied_v = $2, seq = seq + 1 WHERE id = $1`
)

// errStandby means that the server takes no writes, so nothing that it says can be proved to be current.
var errStandby = errors.New("the server is a standby")

type primary struct{ conn *pgx.Conn }

// Dial gives a Primary on a connection of its own, outside every pool.
func Dial(url string) func(context.Context) (Primary, error) {
	return func(ctx context.Context) (Primary, error) {
		conn, err := postgres.Connect(ctx, url, "sync")
		if err != nil {
			return nil, err
		}
		if _, err := conn.Exec(ctx, "SET synchronous_commit = on"); err != nil { // whatever the URL says
			return nil, errors.Join(err, closeConn(conn))
		}
		return primary{conn}, nil
	}
}

func (p primary) Register(ctx context.Context, row string, instead []string) (Head, error) {
	var h Head
	postgres.Warned(p.conn)
	err := p.conn.QueryRow(ctx, registerSQL, row, protocol, instead).Scan(&h.V, &h.Epoch, &h.Timeline, &h.Nonce)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return Head{}, fmt.Errorf("the cluster does not speak protocol %d", protocol)
	case err != nil:
		return Head{}, err
	case postgres.Warned(p.conn):
		return Head{}, errUnproved
	}
	return h, nil
}

// errUnproved means that the commit came with a warning: a standby did not confirm it, so it may be lost in a failover.
var errUnproved = errors.New("the database warned about the commit")

func (p primary) Read(ctx context.Context, cursor Revision) (Page, error) {
	var page Page
	var batch pgx.Batch
	batch.Queue("BEGIN")
	batch.Queue(readSQL, cursor.V, cursor.Nonce, pageMost).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			if err := page.scan(rows); err != nil {
				return err
			}
		}
		return rows.Err()
	})
	if err := p.conn.SendBatch(ctx, &batch).Close(); err != nil {
		return Page{}, err
	}
	if page.Timeline == "" {
		return Page{}, errStandby
	}
	page.Full = len(page.Changes) == pageMost
	return page, nil
}

// scan reads a row: the cluster, and a change unless there is none.
func (p *Page) scan(row pgx.CollectableRow) error {
	var lease int64
	var at time.Time
	var v, nonce *int64
	var kind, id *string
	if err := row.Scan(&p.Epoch, &p.Protocol, &p.Timeline, &lease, &at, &p.HasCursor, &v, &kind, &id, &nonce); err != nil {
		return err
	}
	p.Lease, p.Time = time.Duration(lease)*time.Millisecond, time.Duration(at.UnixNano())
	if v != nil {
		p.Changes = append(p.Changes, Change{Kind(*kind), *id})
		p.Last = Revision{V: *v, Nonce: *nonce}
	}
	return nil
}

func (p primary) Commit(ctx context.Context, row string, applied int64) (bool, error) {
	var known bool
	var end pgconn.CommandTag
	var batch pgx.Batch
	batch.Queue(appliedSQL, row, applied).Exec(func(tag pgconn.CommandTag) error { known = tag.RowsAffected() == 1; return nil })
	batch.Queue("COMMIT").Exec(func(tag pgconn.CommandTag) error { end = tag; return nil })
	postgres.Warned(p.conn)
	err := p.conn.SendBatch(ctx, &batch).Close()
	switch {
	case err != nil:
		return false, err
	case end.String() != "COMMIT", postgres.Warned(p.conn):
		return false, errUnproved
	}
	return known, nil
}

func (p primary) Leave(ctx context.Context, rows []string) error {
	_, err := p.conn.Exec(ctx, "DELETE FROM cache_node WHERE id = ANY ($1::text[])", rows)
	return err
}

func (p primary) Close() { _ = closeConn(p.conn) }

// closeConn does not wait for a server that may be gone.
func closeConn(conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	return conn.Close(ctx)
}
