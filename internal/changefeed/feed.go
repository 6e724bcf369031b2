package changefeed

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/latchkey-dev/latchkey/gen/feeddb"
	"github.com/latchkey-dev/latchkey/internal/postgres"
	"github.com/latchkey-dev/latchkey/internal/problem"
)

const (
	// commitPatience is how long a commit may take. It is long: a commit that waits for a synchronous standby is not to be
	// cut off, for nobody would know what became of it.
	commitPatience = 10 * time.Second
	pollFirst      = 4 * time.Millisecond
	pollMost       = 25 * time.Millisecond
	pollLife       = 500 * time.Millisecond
	tellLife       = 250 * time.Millisecond
	attempts       = 3
)

// FeedConfig is what a Feed needs.
type FeedConfig struct {
	Pool    *pgxpool.Pool
	Clock   func() time.Duration // boottime.Now
	Now     func() time.Time
	Rand    io.Reader
	Node    *Node // of this process; nil: there is none
	Metrics prometheus.Registerer
}

// Feed is the writing side.
type Feed struct {
	cfg     FeedConfig
	q       *feeddb.Queries
	waits   *prometheus.HistogramVec
	unknown prometheus.Counter
}

// NewFeed makes a Feed; it connects when it is first used.
func NewFeed(c FeedConfig) *Feed {
	f := &Feed{cfg: c, q: feeddb.New(),
		waits: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "latchkey_revocation_wait_seconds",
			Help:    "Time from the commit of a withdrawal until it held on every node, by what told: ack (every node said so) or lease (time did).",
			Buckets: []float64{.002, .005, .01, .015, .02, .03, .04, .06, .1, .15, .25, .5, 1, 2, 5, 10}}, []string{"path"}),
		unknown: prometheus.NewCounter(prometheus.CounterOpts{Name: "latchkey_revocation_commits_unknown_total",
			Help: "Withdrawals of which nobody knows whether the database committed them; the caller was told to repeat."})}
	if c.Metrics != nil {
		c.Metrics.MustRegister(f.waits, f.unknown)
	}
	return f
}

// Run runs do in a transaction that commits in the order of all changes. If do withdraws something, Run returns once that
// holds on every node; that takes a few milliseconds, or the cluster's wait if a node is stopped, dead or cut off.
// do may be run again when the database asks for it (SQLSTATE 40001). It must lock what it changes before it returns.
//
// Errors: those of do; problem.RevocationUnconfirmed when nobody knows whether the change was committed: repeating the call
// gives the same promise.
func (f *Feed) Run(ctx context.Context, do func(tx pgx.Tx, changes *Changes) error) (Revision, error) {
	for i := 1; ; i++ {
		r, err := f.once(ctx, do)
		if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "40001" && i < attempts {
			continue
		}
		return r, err
	}
}

func (f *Feed) once(ctx context.Context, do func(tx pgx.Tx, changes *Changes) error) (Revision, error) {
	conn, err := f.cfg.Pool.Acquire(ctx)
	if err != nil {
		return Revision{}, fmt.Errorf("reach for the database: %w", err)
	}
	defer conn.Release()
	tx, err := conn.Begin(ctx)
	if err != nil {
		return Revision{}, fmt.Errorf("begin: %w", err)
	}
	var changes Changes
	if err := do(tx, &changes); err != nil {
		rollback(ctx, tx)
		return Revision{}, err
	}
	if len(changes.all) == 0 {
		return Revision{}, tx.Commit(ctx)
	}
	done, err := f.commit(context.WithoutCancel(ctx), conn.Conn(), changes.all)
	if err != nil {
		return Revision{}, err
	}
	conn.Release() // waiting needs none; releasing twice is fine
	if changes.withdraws {
		f.await(context.WithoutCancel(ctx), done)
	} else {
		f.tell(ctx, done.Revision)
	}
	return done.Revision, nil
}

func rollback(ctx context.Context, tx pgx.Tx) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = tx.Rollback(ctx) // a connection that cannot be rolled back is closed by its pool
}

// committed is a change that is in the database.
type committed struct {
	Revision
	wait time.Duration // what every node's lease is shorter than, or equal to
	at   time.Duration // when the commit returned, on the clock of leases
}

// The end of a transaction travels as one: no client stands between the lock on the row cluster and the commit.
const (
	untimedSQL = "SET LOCAL statement_timeout = 0" // a commit that is cut off is a commit of which nobody knows
	durableSQL = "SET LOCAL synchronous_commit = on"
	appendSQL  = `WITH tick AS (UPDATE cluster SET v = v + 1 RETURNING v, wait_ms),
added AS (INSERT INTO change (v, kind, id, nonce, at)
          SELECT DISTINCT tick.v, named.kind, named.id, $3::bigint, $4::timestamptz FROM tick, unnest($1::text[], $2::text[]) AS named (kind, id))
SELECT v, wait_ms FROM tick`
)

// commit ends the transaction that is open on conn, with its place in the order of changes.
func (f *Feed) commit(ctx context.Context, conn *pgx.Conn, changes []Change) (committed, error) {
	ctx, cancel := context.WithTimeout(ctx, commitPatience)
	defer cancel()
	nonce, err := f.nonce()
	if err != nil {
		return committed{}, err
	}
	kinds, ids := make([]string, len(changes)), make([]string, len(changes))
	for i, c := range changes {
		kinds[i], ids[i] = string(c.Kind), c.ID
	}
	done := committed{Revision: Revision{Nonce: nonce}}
	var wait int64
	var end pgconn.CommandTag
	var batch pgx.Batch
	batch.Queue(untimedSQL)
	batch.Queue(durableSQL)
	batch.Queue(appendSQL, kinds, ids, nonce, f.cfg.Now()).QueryRow(func(row pgx.Row) error { return row.Scan(&done.V, &wait) })
	batch.Queue("COMMIT").Exec(func(tag pgconn.CommandTag) error { end = tag; return nil })
	postgres.Warned(conn) // forget older ones
	err = conn.SendBatch(ctx, &batch).Close()
	done.at = f.cfg.Clock()
	done.wait = time.Duration(wait) * time.Millisecond
	switch {
	case refused(err):
		return committed{}, fmt.Errorf("commit change: %w", err)
	case err != nil, end.String() != "COMMIT", postgres.Warned(conn):
		f.unknown.Inc()
		return committed{}, fmt.Errorf("commit change: %w: %w", errors.Join(err, errors.New("fate unknown")), problem.New(problem.RevocationUnconfirmed))
	}
	return done, nil
}

// refused tells whether the server itself said that nothing was committed.
func refused(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && pg.SeverityUnlocalized != "PANIC" && pg.Code[:2] != "57" && pg.Code[:2] != "08" // going down, it may have committed before
}

func (f *Feed) nonce() (int64, error) {
	var b [8]byte
	if _, err := io.ReadFull(f.cfg.Rand, b[:]); err != nil {
		return 0, fmt.Errorf("draw nonce: %w", err)
	}
	return int64(binary.BigEndian.Uint64(b[:]) >> 1), nil
}

// kick makes every node sync soon. Nothing depends on it.
func (f *Feed) kick(ctx context.Context) {
	if f.cfg.Node != nil {
		f.cfg.Node.Kick()
	}
	ctx, cancel := context.WithTimeout(ctx, pollLife)
	defer cancel()
	_ = f.q.Kick(ctx, f.cfg.Pool)
}

// tell lets the node of this process apply a change that nobody waits for, so that whoever made it finds it made here.
func (f *Feed) tell(ctx context.Context, r Revision) {
	f.kick(ctx)
	if f.cfg.Node == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, tellLife)
	defer cancel()
	f.cfg.Node.AwaitRevision(ctx, r)
}

// await returns when a change holds on every node: each said that it applied it, or every lease that began before the
// commit returned has ended.
func (f *Feed) await(ctx context.Context, done committed) {
	f.kick(ctx)
	end := done.at + waitFor(done.wait)
	path := "lease"
	for pause := pollFirst; ; pause = min(pause*3/2, pollMost) {
		left := end - f.cfg.Clock()
		if left <= 0 {
			break
		}
		time.Sleep(min(pause, left))
		if f.effective(ctx, done.Revision) {
			path = "ack"
			break
		}
	}
	f.waits.WithLabelValues(path).Observe((f.cfg.Clock() - done.at).Seconds())
}

// waitFor is how long a lease can last on a clock that runs up to 0.1 % slower than ours, and a little more for its grain.
func waitFor(lease time.Duration) time.Duration { return lease + lease/1000 + 2*time.Millisecond }

func (f *Feed) effective(ctx context.Context, r Revision) bool {
	ctx, cancel := context.WithTimeout(ctx, pollLife)
	defer cancel()
	yes, err := f.q.Effective(ctx, f.cfg.Pool, feeddb.EffectiveParams{V: r.V, Nonce: r.Nonce})
	return err == nil && yes
}

// Settled returns once whatever was committed before it was called holds on every node, whoever committed it: after the
// longest wait that the cluster has.
func (f *Feed) Settled(ctx context.Context) error {
	since := f.cfg.Clock()
	c, err := f.q.ClusterGet(ctx, f.cfg.Pool)
	if err != nil {
		return fmt.Errorf("read cluster: %w", err)
	}
	for left := waitFor(time.Duration(c.WaitMs) * time.Millisecond); left > 0; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(left):
		}
		left = since + waitFor(time.Duration(c.WaitMs)*time.Millisecond) - f.cfg.Clock()
	}
	return nil
}
