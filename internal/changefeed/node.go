package changefeed

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2" //nolint:depguard // spreads syncs in time; nothing is guessed from it
	"sync"
	"sync/atomic"
	"time"

	"github.com/latchkey-dev/latchkey/internal/postgres"
)

// Memory is what a node keeps of the database. Both methods must also keep out whatever was being read when they were
// called: they raise the generation of what they drop under the lock that an insertion checks it under.
type Memory interface {
	Flush()           // forgets everything
	Drop(Change) bool // forgets one thing; false if its kind is not known
}

// NodeConfig is what a Node needs.
type NodeConfig struct {
	Dial   func(ctx context.Context) (Primary, error) // Dial of this package; tests have a database of their own
	Memory Memory
	Clock  func() time.Duration // boottime.Now
	Rand   io.Reader
	Log    *slog.Logger
}

// Node is the reading side. Its methods but Run and Leave may be called from any goroutine.
type Node struct {
	cfg     NodeConfig
	id      string
	metrics *nodeMetrics

	lease  atomic.Pointer[Lease]    // nil before the first sync, while the node registers anew, and after Leave
	floor  atomic.Pointer[Floor]    // nil until the node is registered, and while it registers anew
	cursor atomic.Pointer[Revision] // the last change that is applied
	kicks  chan struct{}

	mu        sync.Mutex
	published chan struct{} // closed at the next lease
	left      bool

	// Used by Run's goroutine only.
	last       *Lease // that was published; nil before the first
	registered bool
	epoch      int64
	rows       []string // of this node in cache_node, as far as it knows; the last one counts
	drawn      int      // rows that it ever asked for
}

const (
	syncsPerLease = 5                     // P, for the five chances that a lease has to be renewed
	firstLength   = time.Second           // what is taken for L before it is known
	calm          = 15 * time.Millisecond // between syncs at least
	connectMost   = 2 * time.Second
)

// NewNode makes a Node with an id that no process had before. Errors: chance that fails.
func NewNode(c NodeConfig) (*Node, error) {
	var b [10]byte
	if _, err := io.ReadFull(c.Rand, b[:]); err != nil {
		return nil, fmt.Errorf("draw node id: %w", err)
	}
	n := &Node{cfg: c, id: hex.EncodeToString(b[:]), kicks: make(chan struct{}, 1), published: make(chan struct{})}
	n.metrics = newNodeMetrics(n)
	return n, nil
}

// ID names this process: its rows of cache_node begin with it.
func (n *Node) ID() string { return n.id }

// Lease is the one that holds now; nil: none. Read it before the memory that is to be believed by it.
func (n *Node) Lease() *Lease { return n.lease.Load() }

// Floor is what a read must contain that begins after it was taken; nil: nothing may be read. Take the generation of the
// memory to insert into first: between the two, everything may have been forgotten.
func (n *Node) Floor() *Floor { return n.floor.Load() }

// FillDiscarded counts a read that was not remembered.
func (n *Node) FillDiscarded() { n.metrics.discarded.Inc() }

// Kick makes the node sync at once.
func (n *Node) Kick() {
	select {
	case n.kicks <- struct{}{}:
	default: // one is on its way
	}
}

// AwaitSince waits for a lease that knows every change committed by a moment, and gives the one that holds when ctx ends if
// there is none.
func (n *Node) AwaitSince(ctx context.Context, moment time.Duration) *Lease {
	n.await(ctx, func() bool { l := n.Lease(); return l != nil && l.base >= moment })
	return n.Lease()
}

// AwaitRevision waits until a change is applied; false when ctx ends before, or if the change is not part of history.
func (n *Node) AwaitRevision(ctx context.Context, r Revision) bool {
	return n.await(ctx, func() bool {
		c := n.cursor.Load()
		return c != nil && (c.V > r.V || *c == r)
	})
}

func (n *Node) await(ctx context.Context, done func() bool) bool {
	for {
		next := n.next() // before looking, or a lease between would be slept through
		if done() {
			return true
		}
		n.Kick()
		select {
		case <-next:
		case <-ctx.Done():
			return done()
		}
	}
}

func (n *Node) next() <-chan struct{} {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.published
}

// Run syncs until ctx ends. It never fails: while the database is away it tries on, and the lease runs out.
func (n *Node) Run(ctx context.Context) {
	var told string
	for ctx.Err() == nil {
		err := n.converse(ctx)
		if cause := postgres.Reason(err); ctx.Err() == nil && cause != told {
			n.cfg.Log.Warn("cannot sync; answering from memory until the lease ends, then 503", "cause", cause, "lease_ends_in", n.leaseLeft().String())
			told = cause
		}
		if n.Lease().Fresh(n.cfg.Clock()) {
			told = ""
		}
		sleep(ctx, n.period(), nil) // not woken by kicks: those who wait kick, and the database is away
	}
}

// converse syncs on one connection until that fails.
func (n *Node) converse(ctx context.Context) error {
	dialling, cancel := context.WithTimeout(ctx, connectMost)
	defer cancel()
	db, err := n.cfg.Dial(dialling)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer db.Close()
	for ctx.Err() == nil {
		if err := n.step(ctx, db); err != nil {
			return err
		}
		sleep(ctx, calm, nil) // changes that come thick and fast are applied several at a time
		sleep(ctx, n.period()-calm, n.kicks)
	}
	return ctx.Err()
}

// step is one sync, abandoned before it could cost the lease.
func (n *Node) step(ctx context.Context, db Primary) error {
	ctx, cancel := context.WithTimeout(ctx, n.length()/2)
	defer cancel()
	if !n.registered {
		if err := n.register(ctx, db); err != nil {
			return fmt.Errorf("register: %w", err)
		}
	}
	s := n.cfg.Clock() // before anything is sent
	err := n.sync(ctx, db, s)
	if errors.Is(err, errAnew) {
		n.registered = false
		n.metrics.diverged.Inc()
		n.cfg.Log.Warn("registering anew; everything in memory is forgotten", "cause", err)
	}
	if err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	n.metrics.syncs.Observe((n.cfg.Clock() - s).Seconds())
	return nil
}

// errAnew means that what is in memory may not belong to the history of the database, or that this node is not known there.
var errAnew = errors.New("register anew")

func anew(why string) error { return fmt.Errorf("%s: %w", why, errAnew) }

// register forgets everything and begins at the head of the feed, with a row that no registration before this one had: one
// that was given up may still be carried out, at any time, and must not speak for the node.
func (n *Node) register(ctx context.Context, db Primary) error {
	// Once the new row is there, callers take it that all before it is applied, and the answer may not have arrived. So nothing
	// may be told from memory, or read by the old floor, from before the row is asked for.
	n.lease.Store(nil)
	n.floor.Store(nil)
	n.cfg.Memory.Flush()
	old := n.rows
	n.drawn++
	row := fmt.Sprintf("%s-%d", n.id, n.drawn)
	n.rows = append(n.rows, row)
	head, err := db.Register(ctx, row, old)
	if err != nil {
		return err
	}
	n.rows = []string{row}
	n.epoch = head.Epoch
	n.cursor.Store(&head.Revision)
	n.floor.Store(&Floor{Revision: head.Revision, Timeline: head.Timeline})
	n.registered = true
	return nil
}

// sync applies what changed, says so to the database, and then renews the lease from s on.
func (n *Node) sync(ctx context.Context, db Primary, s time.Duration) error {
	cursor, floor := *n.cursor.Load(), n.floor.Load()
	page, err := db.Read(ctx, cursor)
	if err != nil {
		return err
	}
	switch {
	case page.Protocol != protocol:
		return fmt.Errorf("the cluster speaks protocol %d, this program %d", page.Protocol, protocol)
	case page.Epoch != n.epoch:
		return anew("another database")
	case page.Timeline != floor.Timeline:
		return anew("the database was promoted")
	case !page.HasCursor:
		return anew("history diverged")
	case page.Full:
		return anew("too many changes at once")
	}
	last := cursor
	if len(page.Changes) > 0 {
		last = page.Last
		n.floor.Store(&Floor{Revision: last, Timeline: floor.Timeline}) // before the first drop
	}
	for _, c := range page.Changes {
		if c.Kind != cluster && !n.cfg.Memory.Drop(c) {
			return anew("a change of an unknown kind")
		}
	}
	n.cursor.Store(&last) // after the last drop
	known, err := db.Commit(ctx, n.rows[0], last.V)
	if err != nil {
		return err
	}
	if !known {
		return anew("removed from the cluster")
	}
	n.publish(s, page)
	return nil
}

// publish is the last step of a sync: all that the lease vouches for is in place.
func (n *Node) publish(s time.Duration, page Page) {
	now := n.cfg.Clock()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.left {
		return
	}
	old := n.last
	if old != nil && !old.Fresh(now) {
		n.metrics.lapses.Inc()
		n.cfg.Log.Warn("the lease had ended; verifications were answered 503", "for", (now - old.ends()).String())
	}
	n.last = old.renewed(s, page.Lease, page.Time, now)
	n.lease.Store(n.last)
	close(n.published)
	n.published = make(chan struct{})
}

// Leave stops every answer from memory and takes the node out of the cluster, so that nobody waits for it. Call it after
// Run has returned.
func (n *Node) Leave(ctx context.Context) error {
	n.mu.Lock()
	n.left = true
	n.lease.Store(nil)
	n.mu.Unlock()
	db, err := n.cfg.Dial(ctx)
	if err != nil {
		return fmt.Errorf("leave the cluster: %w", err)
	}
	defer db.Close()
	return db.Leave(ctx, n.rows)
}

func (n *Node) length() time.Duration {
	if n.last != nil {
		return n.last.length
	}
	return firstLength
}

// period is the pause until the next sync: P, give or take a fifth, so that nodes which started together drift apart.
func (n *Node) period() time.Duration {
	p := n.length() / syncsPerLease
	return p - p/5 + rand.N(2*p/5)
}

func (n *Node) leaseLeft() time.Duration {
	if l := n.Lease(); l != nil {
		return max(0, l.ends()-n.cfg.Clock())
	}
	return 0
}

// sleep returns after d, when ctx ends, or when woken.
func sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-wake:
	case <-t.C:
	}
}
