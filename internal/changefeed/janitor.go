package changefeed

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/latchkey-dev/latchkey/gen/feeddb"
)

const (
	deadAfter = 10        // waits of the cluster without a sign of life
	keepFor   = time.Hour // changes, for those who look
	prunePage = 1000
)

// Janitor watches nodes, and removes those that died and changes that nobody needs. Any number of instances may have one. Its methods
// may be called from any goroutine.
type Janitor struct {
	pool  *pgxpool.Pool
	clock func() time.Duration
	now   func() time.Time
	q     *feeddb.Queries

	mu   sync.Mutex
	seen map[string]sign
}

// sign is a sign of life, and when it had arrived here at the latest.
type sign struct {
	seq   int64
	since time.Duration
	moved bool // there was another one before, so the node lived at since; the first one may be of long ago
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
	nodes, read, err := j.look(ctx)
	if err != nil {
		return 0, err
	}
	patience := deadAfter * time.Duration(c.WaitMs) * time.Millisecond
	var buried int64
	for _, n := range nodes {
		if read-n.since < patience {
			continue
		}
		gone, err := j.q.NodeRemove(ctx, j.pool, feeddb.NodeRemoveParams{ID: n.ID, Seq: n.seq})
		if err != nil {
			return buried, fmt.Errorf("remove dead node: %w", err)
		}
		buried += gone
	}
	return buried, nil
}

// watched is a row of cache_node with its last sign of life.
type watched struct {
	feeddb.ClusterSignsRow
	sign
}

// look reads the nodes, notes who gave a sign of life since the last look, and tells when it had read them.
func (j *Janitor) look(ctx context.Context) ([]watched, time.Duration, error) {
	rows, err := j.q.ClusterSigns(ctx, j.pool)
	if err != nil {
		return nil, 0, fmt.Errorf("read nodes: %w", err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	read := j.clock() // after the answer
	seen := make(map[string]sign, len(rows))
	nodes := make([]watched, len(rows))
	for i, r := range rows {
		last, known := j.seen[r.ID]
		if !known || last.seq != r.Seq {
			last = sign{seq: r.Seq, since: read, moved: known}
		}
		seen[r.ID], nodes[i] = last, watched{r, last}
	}
	j.seen = seen
	return nodes, read, nil
}

// NodeHealth is how a node is, as another one sees it.
type NodeHealth struct {
	ID      string         // of its process; see Node.ID
	Behind  int64          // changes that it has not confirmed
	Renewed *time.Duration // how long ago it was last seen to sync; nil: not seen yet
}

// Nodes tells how the nodes are that withdrawals wait for, in the order of their ids.
func (j *Janitor) Nodes(ctx context.Context) ([]NodeHealth, error) {
	rows, read, err := j.look(ctx)
	if err != nil {
		return nil, err
	}
	var nodes []NodeHealth
	for _, r := range rows {
		n := NodeHealth{ID: processOf(r.ID), Behind: max(0, r.Behind)}
		if r.moved {
			n.Renewed = new(max(0, read-r.since))
		}
		i := slices.IndexFunc(nodes, func(m NodeHealth) bool { return m.ID == n.ID })
		if i < 0 {
			nodes = append(nodes, n)
			continue
		}
		// A registration that was given up may have left a row, which withdrawals wait for as well.
		nodes[i].Behind = max(nodes[i].Behind, n.Behind)
		if n.Renewed != nil && (nodes[i].Renewed == nil || *n.Renewed < *nodes[i].Renewed) {
			nodes[i].Renewed = n.Renewed
		}
	}
	return nodes, nil
}

// processOf is the id of the node that a row of cache_node is of: see Node.register.
func processOf(row string) string {
	id, _, _ := strings.Cut(row, "-")
	return id
}

// Prune removes up to 1000 changes that are older than an hour and applied everywhere.
func (j *Janitor) Prune(ctx context.Context) (int64, error) {
	return j.q.ChangePrune(ctx, j.pool, feeddb.ChangePruneParams{Before: j.now().Add(-keepFor), Page: prunePage})
}
