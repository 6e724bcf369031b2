package prove

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// recoverPatience bounds how long the nodes may take to be ready again when everything is mended.
const recoverPatience = 45 * time.Second

// inflict goes through a schedule until ctx ends, and leaves everything mended. The error is about the harness; a node that
// does not recover is a violation.
func (cl *cluster) inflict(ctx context.Context, plan []Spell, j *journal) error {
	if !cl.recovered(ctx, j) {
		return nil
	}
	pause(ctx, cl.cfg.Pace.Rest)
	for i := 0; ctx.Err() == nil && len(plan) > 0; i++ {
		s := plan[i%len(plan)]
		j.storm()
		err := cl.spell(ctx, s, j)
		if err != nil || !cl.recovered(context.WithoutCancel(ctx), j) {
			return err
		}
		cl.scrape(context.WithoutCancel(ctx), j)
		pause(ctx, s.Quiet)
	}
	<-ctx.Done()
	return nil
}

func (cl *cluster) recovered(ctx context.Context, j *journal) bool {
	ctx, cancel := context.WithTimeout(ctx, recoverPatience)
	defer cancel()
	if err := cl.awaitReady(ctx); err != nil {
		j.broken(Violation{Rule: "a node did not recover", At: cl.clock.now(), Detail: err.Error()}, nil)
		return false
	}
	j.calm()
	return true
}

// spell inflicts its faults, which overlap, and returns when the last of them is mended.
func (cl *cluster) spell(ctx context.Context, s Spell, j *journal) error {
	var all sync.WaitGroup
	errs := make([]error, len(s.Faults))
	for i, f := range s.Faults {
		all.Go(func() {
			if !pause(ctx, f.After) {
				return
			}
			from := cl.clock.now()
			if err := cl.inflictOne(ctx, f); err != nil {
				errs[i] = fmt.Errorf("%s: %w", f, err)
			}
			j.fault(f, from, cl.clock.now())
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// inflictOne makes one fault, waits and mends it. It mends also when ctx ends.
func (cl *cluster) inflictOne(ctx context.Context, f Fault) error {
	n := cl.nodes[f.Node]
	switch f.Kind {
	case LinkCut:
		n.link.cut()
		pause(ctx, f.For)
		return n.link.open()
	case LinkSilent:
		return hold(ctx, n.link, f, toServer, toClient)
	case LinkDeaf:
		return hold(ctx, n.link, f, toClient)
	case LinkSlow:
		n.link.slow(f.Extra)
		pause(ctx, f.For)
		n.link.release()
	case SomeSlow:
		n.link.slowSome(f.Extra)
		pause(ctx, f.For)
		n.link.release()
	case CommitLost:
		n.link.loseCommits(3)
		pause(ctx, f.For)
		n.link.loseCommits(0)
	case NodeFrozen:
		n.freeze()
		pause(ctx, f.For)
		n.thaw()
	case FrozenInRevoke:
		return freezeInRevoke(ctx, n, f)
	case NodeKilled:
		n.kill()
		pause(ctx, f.For)
		return n.start()
	case NodeStopped:
		err := n.stop()
		pause(ctx, f.For)
		return errors.Join(err, n.start())
	default:
		return cl.inflictOnDatabase(ctx, f)
	}
	return nil
}

func (cl *cluster) inflictOnDatabase(ctx context.Context, f Fault) error {
	switch f.Kind {
	case DatabaseKilled:
		if err := cl.db.kill(); err != nil {
			return err
		}
		pause(ctx, f.For/4)
		return cl.db.start(context.WithoutCancel(ctx))
	case LongOpen:
		forgive(cl.db.keepOpen(ctx, f.For, "SELECT count(*) FROM account"))
	case ClusterLocked:
		forgive(cl.db.keepOpen(ctx, f.For, "SELECT * FROM cluster FOR UPDATE"))
	case ConnectionsOut:
		giveBack := cl.db.takeAll(ctx)
		cl.nodes[f.Node].link.drop() // it needs new ones, and there are none
		more := cl.db.takeAll(ctx)
		pause(ctx, f.For)
		giveBack()
		more()
	case LeaseChanged:
		forgive(cl.setLease(ctx, f.Extra))
		pause(ctx, f.For)
		return cl.resetLease(ctx)
	default:
		return errors.New("nobody knows how")
	}
	return nil
}

// forgive drops an error of a fault that another fault at the same time, or the end of the run, kept from happening.
func forgive(error) {}

// resetLease sets the lease of the beginning again, however long the database may be away.
func (cl *cluster) resetLease(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recoverPatience)
	defer cancel()
	for {
		err := cl.setLease(ctx, cl.cfg.Lease)
		if err == nil {
			return nil
		}
		if !pause(ctx, 200*time.Millisecond) {
			return err
		}
	}
}

func hold(ctx context.Context, l *link, f Fault, ways ...int) error {
	l.hold(ways...)
	pause(ctx, f.For)
	if !f.Deliver {
		l.drop()
	}
	l.release()
	return nil
}

// freezeInRevoke waits for the next withdrawal that the node is asked for, and stops it a moment later.
func freezeInRevoke(ctx context.Context, n *node, f Fault) error {
	select {
	case <-n.lieInWait():
	case <-time.After(3 * time.Second):
	case <-ctx.Done():
		return nil
	}
	pause(ctx, f.For%(20*time.Millisecond)) // anywhere in what it does
	n.freeze()
	pause(ctx, f.For)
	n.thaw()
	return nil
}
