package verify

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/latchkey-dev/latchkey/internal/changefeed"
	"github.com/latchkey-dev/latchkey/internal/problem"
)

// calm is a machine in which nothing odd happens but what a test does. Its leases last 200 ms.
func calm(t *testing.T, do func(m *machine, n *machineNode, v *asker)) {
	t.Helper()
	made := makeStuff(t)
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t, 1, made)
		m.w.quiet.Store(true)
		ctx, stop := context.WithCancel(t.Context())
		m.ctx, m.stop = ctx, stop
		var nodes sync.WaitGroup
		for _, n := range m.nodes {
			nodes.Go(func() { n.Run(ctx) })
		}
		time.Sleep(300 * time.Millisecond)
		v := m.verifier(m.nodes[0])
		if d, err := v.Check(ctx, made.secrets[0][0], Ask{}); err != nil || d.Code != Valid {
			t.Fatal(d.Code, err)
		}
		do(m, m.nodes[0], v)
		stop()
		nodes.Wait()
		m.w.zombies.Wait()
		time.Sleep(time.Minute)
	})
}

// revoke withdraws the first key, and returns when that holds.
func (m *machine) revoke() {
	m.write(m.w.clock(), keyName(0), changefeed.Key, string(m.w.stuff.ids[0][:]), true, func(r *row) bool { r.withdrawn = Revoked; return true })
}

// once does something in the middle of the next look-up of an account.
func (a *asker) once(do func()) {
	fetch := a.accounts.fetch
	var done atomic.Bool
	a.accounts.fetch = func(ctx context.Context, ids []xid, floor changefeed.Floor) (map[xid]*Account, error) {
		if done.CompareAndSwap(false, true) {
			do()
		}
		return fetch(ctx, ids, floor)
	}
}

// A verification finds the key in memory, and then waits for its owner while the key is revoked and the lease renewed. What
// it found is covered by the lease that was there before, and that has ended: it must look again.
func TestADecisionIsCoveredByTheLeaseFromBeforeIt(t *testing.T) {
	t.Parallel()
	calm(t, func(m *machine, n *machineNode, v *asker) {
		n.memory.accounts.flush()
		v.once(func() {
			m.revoke()
			time.Sleep(300 * time.Millisecond)
		})
		if d, err := v.Check(m.ctx, m.w.stuff.secrets[0][0], Ask{}); err != nil || d.Code != Revoked {
			t.Errorf("%s, %v", d.Code, err)
		}
	})
}

func TestASessionIsCoveredByTheLeaseFromBeforeIt(t *testing.T) {
	t.Parallel()
	calm(t, func(m *machine, n *machineNode, v *asker) {
		var ended atomic.Bool
		v.sessions.fetch = func(_ context.Context, ids []sessionID, _ changefeed.Floor) (map[sessionID]*session, error) {
			if ended.Load() {
				return nil, nil
			}
			s := &session{id: "session", account: xidOf(accountName(0)), expiresAt: 1 << 60}
			s.lastSeen.Store(v.unixMicro(n.Lease(), n.clock()))
			return map[sessionID]*session{ids[0]: s}, nil
		}
		if _, err := v.Session(m.ctx, cookie); err != nil {
			t.Fatal(err)
		}
		n.memory.accounts.flush()
		v.once(func() {
			ended.Store(true)
			n.memory.Drop(changefeed.Change{Kind: changefeed.Session, ID: cookieID(cookie)})
			time.Sleep(300 * time.Millisecond)
		})
		if h, err := v.Session(m.ctx, cookie); !errors.Is(err, problem.New(problem.CredentialInvalid)) {
			t.Errorf("%+v, %v", h, err)
		}
	})
}

// gated stops a sync between what it read and its commit.
type gated struct {
	changefeed.Primary
	stop *atomic.Bool
}

func (g gated) Commit(ctx context.Context, row string, applied int64) (bool, error) {
	if g.stop.CompareAndSwap(true, false) {
		time.Sleep(50 * time.Millisecond)
	}
	return g.Primary.Commit(ctx, row, applied)
}

// inFlight is a calm machine whose first node has read and not yet committed when the first key is revoked.
func inFlight(t *testing.T, ask func(m *machine, v *asker, r changefeed.Revision)) {
	t.Helper()
	made := makeStuff(t)
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t, 1, made)
		m.w.quiet.Store(true)
		var stop atomic.Bool
		n := m.nodes[0]
		var err error
		n.Node, err = changefeed.NewNode(changefeed.NodeConfig{Memory: n.memory, Clock: n.clock, Rand: rand.Reader, Log: discard, Dial: func(ctx context.Context) (changefeed.Primary, error) {
			p, err := m.w.dial(ctx)
			return gated{p, &stop}, err
		}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, end := context.WithCancel(t.Context())
		m.ctx, m.stop = ctx, end
		var nodes sync.WaitGroup
		nodes.Go(func() { n.Run(ctx) })
		time.Sleep(300 * time.Millisecond)
		v := m.verifier(n)
		if d, err := v.Check(ctx, made.secrets[0][0], Ask{}); err != nil || d.Code != Valid {
			t.Fatal(d.Code, err)
		}
		stop.Store(true)
		n.Kick()
		for stop.Load() {
			time.Sleep(time.Millisecond)
		}
		r, _, _, err := m.w.write(ctx, keyName(0), changefeed.Key, string(made.ids[0][:]), func(r *row) bool { r.withdrawn = Revoked; return true })
		if err != nil {
			t.Fatal(err)
		}
		ask(m, v, r)
		end()
		nodes.Wait()
		time.Sleep(time.Minute)
	})
}

func TestStrictDoesNotJoinASyncThatIsUnderWay(t *testing.T) {
	t.Parallel()
	inFlight(t, func(m *machine, v *asker, _ changefeed.Revision) {
		if d, err := v.Check(m.ctx, m.w.stuff.secrets[0][0], Ask{Strict: true}); err != nil || d.Code != Revoked {
			t.Errorf("%s, %v", d.Code, err)
		}
	})
}

func TestAtLeastComesBeforeTheLookUp(t *testing.T) {
	t.Parallel()
	inFlight(t, func(m *machine, v *asker, r changefeed.Revision) {
		if d, err := v.Check(m.ctx, m.w.stuff.secrets[0][0], Ask{AtLeast: r}); err != nil || d.Code != Revoked {
			t.Errorf("%s, %v", d.Code, err)
		}
	})
}

// While the database is away the lease ends, and then a thousand requests a second ask it nothing that they would not ask
// otherwise: those who find a key in memory nothing at all.
func TestALapseDoesNotStampedeTheDatabase(t *testing.T) {
	t.Parallel()
	made := makeStuff(t)
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t, 1, made)
		m.w.quiet.Store(true)
		var away atomic.Bool
		var dials, reads atomic.Int64
		n := m.nodes[0]
		var err error
		n.Node, err = changefeed.NewNode(changefeed.NodeConfig{Memory: n.memory, Clock: n.clock, Rand: rand.Reader, Log: discard, Dial: func(ctx context.Context) (changefeed.Primary, error) {
			dials.Add(1)
			p, err := m.w.dial(ctx)
			return absent{p, &away}, err
		}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, end := context.WithCancel(t.Context())
		var nodes, askers sync.WaitGroup
		nodes.Go(func() { n.Run(ctx) })
		time.Sleep(300 * time.Millisecond)
		v := m.verifier(n)
		fetch := v.keys.fetch
		v.keys.fetch = func(ctx context.Context, ids []tokenID, floor changefeed.Floor) (map[tokenID]*Key, error) {
			reads.Add(1)
			return fetch(ctx, ids, floor)
		}
		if d, err := v.Check(ctx, made.secrets[0][0], Ask{}); err != nil || d.Code != Valid {
			t.Fatal(d.Code, err)
		}
		away.Store(true)
		time.Sleep(300 * time.Millisecond)
		dials.Store(0)
		reads.Store(0)
		for range 1000 {
			time.Sleep(time.Millisecond)
			askers.Go(func() {
				if d, err := v.Check(ctx, made.secrets[0][0], Ask{}); !errors.Is(err, problem.New(problem.VerificationUnavailable)) {
					t.Errorf("%s, %v", d.Code, err)
				}
			})
		}
		askers.Wait()
		if reads.Load() != 0 || dials.Load() > 100 {
			t.Errorf("%d reads, %d connections", reads.Load(), dials.Load())
		}
		away.Store(false)
		for range 100 {
			askers.Go(func() {
				if d, err := v.Check(ctx, made.secrets[0][0], Ask{}); err != nil || d.Code != Valid {
					t.Errorf("once it is back: %s, %v", d.Code, err)
				}
			})
		}
		askers.Wait()
		end()
		nodes.Wait()
		time.Sleep(time.Minute)
	})
}

// absent is a server that can go away.
type absent struct {
	changefeed.Primary
	away *atomic.Bool
}

func (a absent) Read(ctx context.Context, cursor changefeed.Revision) (changefeed.Page, error) {
	if a.away.Load() {
		return changefeed.Page{}, errCut
	}
	return a.Primary.Read(ctx, cursor)
}

// Between the flush of a registration and its answer, the new row may already vouch for what the old floor does not: a read
// from an old copy must neither be told nor kept.
func TestNothingIsReadWhileANodeRegisters(t *testing.T) {
	t.Parallel()
	calm(t, func(m *machine, n *machineNode, v *asker) {
		v.keys.floor = func() *changefeed.Floor { return nil } // as Node.Floor says meanwhile: internal/changefeed sees to that
		n.memory.Flush()
		soon, cancel := context.WithTimeout(m.ctx, time.Second)
		defer cancel()
		if d, err := v.Check(soon, m.w.stuff.secrets[0][0], Ask{}); !errors.Is(err, errNoFloor) || !errors.Is(err, problem.New(problem.VerificationUnavailable)) {
			t.Errorf("%s, %v", d.Code, err)
		}
	})
}
