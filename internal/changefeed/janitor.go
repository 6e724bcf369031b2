package changefeed

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/latchkey-dev/latchkey/gen/feeddb"
)

const (
	deadAfter = 10        // waits of the cluster without a sign of life
	keepFor   = time.Hour // changes, for those who look
	prunePage = 1000
)

// Janitor removes nodes that died and changes that nobody needs. Any number of instances may have one. Bury
// must not be called twice at once.
type Janitor struct {
	pool  *pgxpool.Pool
	clock func() time.Duration
	now   func() time.Time
	q     *feeddb.Queries
	seen  map[string]sign
}

// sign is a sign of life, and when it had arrived here at the latest.
type sign struct {
	seq   int64
	since time.Duration
}

// NewJanitor makes a Janitor. clock is boottime.Now: how long a node has been silent is never judged by a time of day.
func NewJanitor(pool *pgxpool.Pool, clock func() time.Duration, now func() time.Time) *Janitor {
	return &Janitor{pool: pool, clock: clock, now: now, q: feeddb.New(), seen: map[string]sign{}}
}

// Bury removes the nodes that this janitor has seen silent for ten times the cluster's wait, and tells how many there were.
// A node that lives after all registers anew.
func (j *Janitor) Bury(ctx context.Context) (int64, error) {
	c, err := j.q.ClusterGet(ctx, j.pool)
	if err != nil {
		return 0, fmt.Errorf("read cluster: %w", err)
	}
	nodes, err := j.q.ClusterNodes(ctx, j.pool)
	if err != nil {
		return 0, fmt.Errorf("read nodes: %w", err)
	}
	read := j.clock() // after the answer
	patience := deadAfter * time.Duration(c.WaitMs) * time.Millisecond
	seen := make(map[string]sign, len(nodes))
	var buried int64
	for _, n := range nodes {
		last, known := j.seen[n.ID]
		if !known || last.seq != n.Seq {
			last = sign{n.Seq, read}
		}
		seen[n.ID] = last
		if read-last.since < patience {
			continue
		}
		gone, err := j.q.NodeRemove(ctx, j.pool, feeddb.NodeRemoveParams{ID: n.ID, Seq: last.seq})
		if err != nil {
			return buried, fmt.Errorf("remove dead node: %w", err)
		}
		buried += gone
	}
	j.seen = seen
	return buried, nil
}

// Prune removes up to 1000 changes that are older than an hour and applied everywhere.
func (j *Janitor) Prune(ctx context.Context) (int64, error) {
	return j.q.ChangePrune(ctx, j.pool, feeddb.ChangePruneParams{Before: j.now().Add(-keepFor), Page: prunePage})
}
