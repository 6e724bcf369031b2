package verify

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/latchkey-dev/latchkey/internal/changefeed"
	"github.com/latchkey-dev/latchkey/internal/problem"
	"github.com/latchkey-dev/latchkey/internal/token"
)

var (
	machineSeeds = flag.Int("machine.seeds", 200, "how many histories TestMachine makes")
	machineFirst = flag.Uint64("machine.first", 1, "the seed of the first one; the order of goroutines is not the seed's")
)

const (
	machineNodes   = 3
	machineLength  = 3 * time.Second
	machineSecrets = 60 // of a key
)

// TestMachine makes histories of the whole: real nodes, memories and verifiers on a database that does its worst, and
// withdrawals that wait as internal/changefeed does. Time is not real, so that a stopped process costs nothing. Every
// answer is held against what was true.
func TestMachine(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	total := map[string]int{}
	made := makeStuff(t)
	const lanes = 2
	t.Run("lanes", func(t *testing.T) {
		for lane := range lanes {
			t.Run(fmt.Sprint(lane), func(t *testing.T) {
				t.Parallel()
				for i := lane; i < *machineSeeds && !t.Failed(); i += lanes {
					synctest.Test(t, func(t *testing.T) {
						m := newMachine(t, *machineFirst+uint64(i), made)
						m.run()
						mu.Lock()
						defer mu.Unlock()
						for what, n := range m.w.counts {
							total[what] += n
						}
					})
				}
			})
		}
	})
	if testing.Verbose() {
		t.Log(total)
	}
	if *machineSeeds < 100 {
		return
	}
	for _, what := range []string{"VALID", "NOT_FOUND", "DISABLED", "ACCOUNT_SUSPENDED", "KEY_USE_NOT_PERMITTED", "503", "strict", "at least", "answered by ack",
		"answered by lease", "unconfirmed", "discarded read", "failover", "late commit", "warning", "registration", "buried"} {
		if total[what] < 50 {
			t.Errorf("%q came up %d times: the histories say little about it", what, total[what])
		}
	}
}

func makeStuff(t *testing.T) stuff {
	t.Helper()
	s := stuff{}
	for range worldKeys {
		_, first, err := token.Mint(rand.Reader, "lk")
		if err != nil {
			t.Fatal(err)
		}
		var secrets []string
		var digests []token.Digest
		for range machineSecrets {
			secret, parsed, err := token.Mint(fixedID{first}, "lk")
			if err != nil {
				t.Fatal(err)
			}
			digest, _ := plain.Digest(parsed)
			secrets = append(secrets, secret.Reveal())
			digests = append(digests, digest)
		}
		s.ids, s.secrets, s.digests = append(s.ids, tokenIDOf(string(first.ID))), append(s.secrets, secrets), append(s.digests, digests)
	}
	return s
}

type machine struct {
	t     *testing.T
	w     *world
	seed  uint64
	nodes []*machineNode
	stop  context.CancelFunc
	ctx   context.Context // ends with the disturbances

	mu       sync.Mutex
	answered map[string]time.Duration // by row: the last commit of which a withdrawal was answered
	revision changefeed.Revision      // of the last one that was answered
	revised  moment                   // and when and of what it was
	failed   bool
}

type machineNode struct {
	*changefeed.Node
	memory *Memory
	clock  func() time.Duration
}

func newMachine(t *testing.T, seed uint64, made stuff) *machine {
	m := &machine{t: t, seed: seed, w: newWorld(seed, made, []float64{1, 0.3, 2}[seed%3]), answered: map[string]time.Duration{}}
	for range machineNodes {
		n := &machineNode{memory: NewMemory(100_000), clock: m.w.clock()}
		var err error
		n.Node, err = changefeed.NewNode(changefeed.NodeConfig{Dial: m.w.dial, Memory: slowMemory{n.memory, m.w}, Clock: n.clock, Rand: rand.Reader, Log: discard})
		if err != nil {
			t.Fatal(err)
		}
		m.nodes = append(m.nodes, n)
	}
	return m
}

// run makes a history: a rough time, and then a quiet one, in which everything must come right.
func (m *machine) run() {
	life, end := context.WithCancel(context.Background())
	m.ctx, m.stop = context.WithTimeout(life, machineLength)
	var nodes, actors sync.WaitGroup
	for _, n := range m.nodes {
		nodes.Go(func() { n.Run(life) })
		for range 2 {
			v := m.verifier(n)
			actors.Go(func() { m.verify(v, true) })
		}
		shared := m.verifier(n)
		for range 2 {
			actors.Go(func() { m.verify(shared, false) })
		}
	}
	for i := range worldKeys {
		actors.Go(func() { m.changeKey(i) })
	}
	for i := range worldAccounts {
		actors.Go(func() { m.changeAccount(i) })
		actors.Go(func() { m.changeRole(i) })
	}
	actors.Go(m.disturb)
	actors.Go(m.bury)
	actors.Go(m.changeLease)
	actors.Wait()
	m.w.quiet.Store(true)
	m.w.zombies.Wait()
	time.Sleep(20 * m.w.present().wait)
	m.expectRight()
	m.stop()
	end()
	nodes.Wait()
	m.w.zombies.Wait()
	time.Sleep(time.Minute) // readers end
}

// asker is a Verifier, and when its last look-up ended.
type asker struct {
	*Verifier
	mu   sync.Mutex
	last time.Duration
}

func (m *machine) verifier(n *machineNode) *asker {
	a := &asker{Verifier: New(Config{Memory: n.memory, Node: n.Node, Clock: n.clock, Digester: plain, SessionIdle: time.Hour})}
	a.keys.fetch = noting(m.w, a, m.w.fetchKeys)
	a.accounts.fetch = noting(m.w, a, m.w.fetchAccounts)
	a.roles.fetch = noting(m.w, a, m.w.fetchRoles)
	return a
}

type fetch[K comparable, E any] func(context.Context, []K, changefeed.Floor) (map[K]*E, error)

func noting[K comparable, E any](w *world, a *asker, f fetch[K, E]) fetch[K, E] {
	return func(ctx context.Context, ids []K, floor changefeed.Floor) (map[K]*E, error) {
		rows, err := f(ctx, ids, floor)
		a.mu.Lock()
		defer a.mu.Unlock()
		a.last = w.now()
		return rows, err
	}
}

func (m *machine) sleep(most time.Duration) bool {
	t := time.NewTimer(time.Duration(m.w.float() * float64(most)))
	defer t.Stop()
	select {
	case <-m.ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// verify asks again and again, and holds every answer against the truth.
func (m *machine) verify(v *asker, alone bool) {
	for m.sleep(30 * time.Millisecond) {
		i := m.w.intN(worldKeys)
		secret := m.someSecret(i)
		ask, least, what := Ask{}, time.Duration(-1), "plain"
		names := []string{keyName(i), accountName(i), roleName(i)}
		m.mu.Lock()
		after := map[string]time.Duration{}
		for _, name := range names {
			after[name] = m.answered[name]
		}
		revision, revised := m.revision, m.revised.at
		m.mu.Unlock()
		switch f := m.w.float(); {
		case f < 0.1:
			ask.Strict, what, least = true, "strict", m.w.now()
		case f < 0.2 && revision.V > 0:
			ask.AtLeast, what, least = revision, "at least", revised
		}
		called := m.w.now()
		d, err := v.Check(context.Background(), m.w.stuff.secrets[i][secret], ask)
		if err != nil {
			if !errors.Is(err, problem.New(problem.VerificationUnavailable)) {
				m.fail("%v", err)
			}
			m.w.count("503")
			continue
		}
		m.w.count(string(d.Code))
		m.w.count(what)
		decided := called // or later
		if alone {        // than the last look-up: the clock is read last
			v.mu.Lock()
			decided = max(called, v.last)
			v.mu.Unlock()
		}
		m.judge(answer{i, secret, d.Code, what, called, decided, least, after, names, v.cfg.Node.ID()})
	}
}

// answer is what was asked and told.
type answer struct {
	key, secret int
	code        Code
	what        string
	called      time.Duration
	decided     time.Duration            // not before
	least       time.Duration            // what was asked for: the truth then, or later
	after       map[string]time.Duration // of each row: the commit of the last withdrawal that was answered before
	names       []string
	node        string
}

// judge fails the run if no moment explains an answer: for every row that it rests on there must be one, not before what
// the caller may rely on, and not more than a lease before it was decided, at which the row was so.
func (m *machine) judge(a answer) {
	key := func(r row) bool { return r.secret == a.secret && r.withdrawn == "" }
	account := func(r row) bool { return !r.suspended && !r.roleless }
	role := func(r row) bool { return !r.useless }
	ok := false
	switch a.code {
	case Valid:
		ok = m.was(a, 0, key) && m.was(a, 1, account) && m.was(a, 2, role)
	case NotFound:
		ok = m.was(a, 0, func(r row) bool { return r.secret != a.secret })
	case Disabled, Revoked:
		ok = m.was(a, 0, func(r row) bool { return r.secret == a.secret && r.withdrawn == a.code })
	case AccountSuspended:
		ok = m.was(a, 0, key) && m.was(a, 1, func(r row) bool { return r.suspended })
	case KeyUseNotPermitted:
		ok = m.was(a, 0, key) && (m.was(a, 1, func(r row) bool { return !r.suspended && r.roleless }) || m.was(a, 1, account) && m.was(a, 2, func(r row) bool { return r.useless }))
	}
	if !ok {
		m.fail("%s was told %s for key%d with secret %d (%s), called at %s, decided at %s or later, after %v, at least %s",
			a.node, a.code, a.key, a.secret, a.what, a.called, a.decided, a.after, a.least)
	}
}

// was tells whether a row was so at some moment that may explain an answer.
func (m *machine) was(a answer, part int, so func(row) bool) bool {
	m.w.mu.Lock()
	defer m.w.mu.Unlock()
	name := a.names[part]
	from := max(a.after[name], a.least, a.decided-m.w.longest-m.w.longest/1000)
	history := m.w.truth[name]
	for i, h := range history {
		if i+1 < len(history) && history[i+1].at <= from {
			continue // it had ended
		}
		if so(h.row) {
			return true
		}
	}
	return false
}

func (m *machine) fail(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failed {
		return
	}
	m.failed = true
	m.w.mu.Lock()
	defer m.w.mu.Unlock()
	trace := m.w.trace[max(0, len(m.w.trace)-60):]
	m.t.Errorf("seed %d, at %s: %s\n%s", m.seed, m.w.now(), fmt.Sprintf(format, args...), strings.Join(trace, "\n"))
	m.stop()
}

// someSecret is one that the key has or had or will have.
func (m *machine) someSecret(i int) int {
	m.w.mu.Lock()
	defer m.w.mu.Unlock()
	h := m.w.truth[keyName(i)]
	now := h[len(h)-1].secret
	if m.w.rnd.Float64() < 0.25 {
		now += m.w.rnd.IntN(3) - 1
	}
	return min(max(now, 0), machineSecrets-1)
}

// waitFor is as in internal/changefeed.
func waitFor(lease time.Duration) time.Duration { return lease + lease/1000 + 2*time.Millisecond }

// write is a call of somebody who changes a row: it answers as changefeed.Feed does.
func (m *machine) write(clock func() time.Duration, name string, kind changefeed.Kind, id string, withdraw bool, edit func(*row) bool) {
	ctx := context.Background()
	limited, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	r, wait, committed, err := m.w.write(limited, name, kind, id, edit)
	at := clock()
	if err != nil {
		if !errors.Is(err, errRefused) {
			m.w.count("unconfirmed")
		}
		return
	}
	m.kick()
	if !withdraw {
		return
	}
	path := "lease"
	for pause := 4 * time.Millisecond; ; pause = min(pause*3/2, 25*time.Millisecond) {
		left := at + waitFor(wait) - clock()
		if left <= 0 {
			break
		}
		time.Sleep(min(pause, left))
		polling, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
		yes := m.w.effective(polling, r)
		cancel()
		if yes {
			path = "ack"
			break
		}
	}
	m.w.count("answered by " + path)
	m.w.note("answered by %s: %s, %d", path, name, r.V)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.answered[name] = max(m.answered[name], committed)
	if committed > m.revised.at {
		m.revision, m.revised = r, moment{at: committed}
	}
}

func (m *machine) kick() {
	for _, n := range m.nodes {
		if !m.w.chance(0.3) {
			n.Kick()
		}
	}
}

// changeKey withdraws a key now and then, and gives it back soon after, or another secret; so do the others.
func (m *machine) changeKey(i int) {
	clock := m.w.clock()
	kind, id := changefeed.Key, string(m.w.stuff.ids[i][:])
	for m.sleep(600 * time.Millisecond) {
		if m.w.intN(3) == 0 {
			m.write(clock, keyName(i), kind, id, true, func(r *row) bool { r.secret++; return r.secret < machineSecrets })
			continue
		}
		code := []Code{Disabled, Revoked}[m.w.intN(2)]
		for range 1 + m.w.intN(2) { // also of a dead key
			m.write(clock, keyName(i), kind, id, true, func(r *row) bool { r.withdrawn = code; return true })
		}
		m.sleep(150 * time.Millisecond)
		m.write(clock, keyName(i), kind, id, false, func(r *row) bool { r.withdrawn = ""; return true })
	}
}

func (m *machine) changeAccount(i int) {
	clock := m.w.clock()
	for m.sleep(time.Second) {
		take := m.w.intN(2) == 0
		for _, set := range []bool{true, false} {
			m.write(clock, accountName(i), changefeed.Account, accountName(i), set, func(r *row) bool {
				if take {
					r.roleless = set
				} else {
					r.suspended = set
				}
				return true
			})
			m.sleep(150 * time.Millisecond)
		}
	}
}

func (m *machine) changeRole(i int) {
	clock := m.w.clock()
	for m.sleep(time.Second) {
		for _, set := range []bool{true, false} {
			m.write(clock, roleName(i), changefeed.Role, roleName(i), set, func(r *row) bool { r.useless = set; return true })
			m.sleep(150 * time.Millisecond)
		}
	}
}

// disturb fails over now and then, and adds changes of a kind that nobody knows.
func (m *machine) disturb() {
	for m.sleep(2 * time.Second) {
		if m.w.intN(2) == 0 {
			m.w.failover()
			continue
		}
		_ = m.w.commit(m.ctx, m.w.any(), func(s *state) error { m.w.append(s, "unknown", ""); return nil })
	}
}

// bury is the janitor, in a hurry: it waits no longer than is safe.
func (m *machine) bury() {
	clock := m.w.clock()
	type sign struct {
		seq   int64
		since time.Duration
	}
	seen := map[string]sign{}
	for m.sleep(100 * time.Millisecond) {
		now := m.w.stateOf(m.w.any())
		_ = m.w.dawdle(m.ctx)
		read := clock()
		for id, n := range now.nodes {
			last, known := seen[id]
			if !known || last.seq != n.seq {
				last = sign{n.seq, read}
			}
			seen[id] = last
			if read-last.since < waitFor(now.wait) {
				continue
			}
			_ = m.w.commit(m.ctx, m.w.any(), func(s *state) error {
				if row, ok := s.nodes[id]; ok && row.seq == last.seq {
					delete(s.nodes, id)
					m.w.counts["buried"]++
				}
				return nil
			})
		}
	}
}

// changeLease changes everybody's lease as changefeed.Feed does, in some of the histories.
func (m *machine) changeLease() {
	clock := m.w.clock()
	for m.seed%4 == 0 && m.sleep(time.Second) {
		lease := time.Duration(200+m.w.intN(200)) * time.Millisecond
		set := func(do func(*state)) error {
			return m.w.commit(m.ctx, m.w.primary(), func(s *state) error { do(s); m.w.append(s, "cluster", ""); return nil })
		}
		if set(func(s *state) { s.wait = max(s.wait, lease) }) != nil {
			continue
		}
		var v int64
		var wait time.Duration
		if set(func(s *state) { s.lease, s.leaseV = lease, s.v+1; v, wait = s.v+1, s.wait }) != nil {
			continue
		}
		for since := clock(); clock()-since < waitFor(wait); {
			time.Sleep(5 * time.Millisecond)
		}
		_ = set(func(s *state) {
			if s.leaseV == v {
				s.wait = s.lease
			}
		})
	}
}

// expectRight checks that in quiet times every node answers, and what is true.
func (m *machine) expectRight() {
	if m.failed {
		return
	}
	for i := range worldKeys {
		rows := m.w.present().rows
		k, a, r := rows[keyName(i)], rows[accountName(i)], rows[roleName(i)]
		want := Valid
		switch {
		case k.withdrawn != "":
			want = k.withdrawn
		case a.suspended:
			want = AccountSuspended
		case a.roleless || r.useless:
			want = KeyUseNotPermitted
		}
		for _, n := range m.nodes {
			v := m.verifier(n)
			for _, ask := range []Ask{{}, {Strict: true}} {
				if d, err := v.Check(context.Background(), m.w.stuff.secrets[i][k.secret], ask); err != nil || d.Code != want {
					m.fail("in quiet times %s says %s, %v of %s; want %s (%+v)", n.ID(), d.Code, err, keyName(i), want, ask)
				}
			}
		}
	}
	if n := len(m.w.present().nodes); n < machineNodes {
		m.fail("in quiet times %d nodes are known", n)
	}
}
