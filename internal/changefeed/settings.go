package changefeed

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/latchkey-dev/latchkey/gen/feeddb"
)

// Bounds of a lease. Below, a sync would hardly fit in; above, a node that died would hold up revocations for too long.
const (
	LeaseLeast = 200 * time.Millisecond
	LeaseMost  = 20 * time.Second
)

// Settings are what every node of a cluster agrees on.
type Settings struct {
	Lease    time.Duration // how long a node may answer from memory after a sync began
	Wait     time.Duration // how long a withdrawal waits for nodes that do not answer; at least Lease
	Protocol int
	Revision int64 // the newest change
	Nodes    []NodeStatus
}

// NodeStatus is what a node last said of itself.
type NodeStatus struct {
	ID      string
	Applied int64 // every change up to here
}

// Settings reads the cluster's settings and its nodes.
func (f *Feed) Settings(ctx context.Context) (Settings, error) {
	c, err := f.q.ClusterGet(ctx, f.cfg.Pool)
	if err != nil {
		return Settings{}, fmt.Errorf("read cluster: %w", err)
	}
	nodes, err := f.q.ClusterNodes(ctx, f.cfg.Pool)
	if err != nil {
		return Settings{}, fmt.Errorf("read nodes: %w", err)
	}
	s := Settings{Lease: millis(c.LeaseMs), Wait: millis(c.WaitMs), Protocol: int(c.Protocol), Revision: c.V}
	for _, n := range nodes {
		s.Nodes = append(s.Nodes, NodeStatus{ID: n.ID, Applied: n.AppliedV})
	}
	return s, nil
}

func millis(n int32) time.Duration { return time.Duration(n) * time.Millisecond }

// ErrLease is the error of a lease out of bounds.
var ErrLease = errors.New("a lease is a whole number of milliseconds from 200ms to 20s")

// SetLease changes the lease of every node. Withdrawals wait for the longer of the old and the new one until no node holds
// the other: the wait is raised before the lease is, and lowered after the last old lease has ended. If SetLease is cut off,
// withdrawals wait longer than they must until it is repeated.
//
// Errors: ErrLease; one that names what to do when another SetLease came between.
func (f *Feed) SetLease(ctx context.Context, lease time.Duration) error {
	if lease < LeaseLeast || lease > LeaseMost || lease%time.Millisecond != 0 {
		return ErrLease
	}
	ms := int32(lease.Milliseconds())
	err := f.tick(ctx, func(tx pgx.Tx) (int64, error) { return f.q.WaitRaise(ctx, tx, ms) })
	if err != nil {
		return fmt.Errorf("raise wait: %w", err)
	}
	var set feeddb.LeaseSetRow
	err = f.tick(ctx, func(tx pgx.Tx) (int64, error) {
		var err error
		set, err = f.q.LeaseSet(ctx, tx, ms)
		return set.V, err
	})
	if err != nil {
		return fmt.Errorf("set lease: %w", err)
	}
	if err := f.Settled(ctx); err != nil { // every lease of the old length
		return err
	}
	return f.lowerWait(ctx, set.V)
}

func (f *Feed) lowerWait(ctx context.Context, leaseV int64) error {
	err := f.tick(ctx, func(tx pgx.Tx) (int64, error) { return f.q.WaitLower(ctx, tx, leaseV) })
	if errors.Is(err, pgx.ErrNoRows) {
		return errors.New("the lease was set again meanwhile: see latchkey cluster, and set it once more if need be")
	}
	if err != nil {
		return fmt.Errorf("lower wait: %w", err)
	}
	return nil
}

// tick runs a change of the row cluster, which gives the place of the change, and records it in the order of all.
func (f *Feed) tick(ctx context.Context, change func(tx pgx.Tx) (int64, error)) error {
	nonce, err := f.nonce()
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, f.cfg.Pool, func(tx pgx.Tx) error {
		v, err := change(tx)
		if err != nil {
			return err
		}
		return f.q.ChangeAdd(ctx, tx, feeddb.ChangeAddParams{V: v, Nonce: nonce, Now: f.cfg.Now()})
	})
}
