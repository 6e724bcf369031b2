package verify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unique"

	"github.com/latchkey-dev/latchkey/internal/changefeed"
	"github.com/latchkey-dev/latchkey/internal/permission"
	"github.com/latchkey-dev/latchkey/internal/token"
)

// world is a database in memory that does what a database may do to those who use it: it is slow at any moment, loses
// answers, carries out what was given up, serves old copies, and fails over to a server that does not have what was never
// confirmed. It keeps the truth, for the checks.
type world struct {
	start   time.Time
	quiet   atomic.Bool // nothing odd happens
	rough   float64     // how often something odd happens otherwise
	stuff   stuff
	zombies sync.WaitGroup

	mu      sync.Mutex
	rnd     *rand.Rand
	servers []*server // the last one is the primary; the one before may still answer reads
	truth   map[string][]moment
	longest time.Duration // the longest lease that there was
	trace   []string
	counts  map[string]int
}

// stuff is what keys are made of: the same id with many secrets.
type stuff struct {
	ids     []tokenID
	secrets [][]string
	digests [][]token.Digest
}

// server is one history.
type server struct {
	timeline  string
	past      []*state // what was committed, in order
	confirmed int      // the last one that a failover keeps
}

func (s *server) now() *state { return s.past[len(s.past)-1] }

// state is all rows after a commit. It does not change.
type state struct {
	v           int64
	lease, wait time.Duration
	leaseV      int64
	changes     []change
	nodes       map[string]nodeRow
	rows        map[string]row // keys, accounts and roles, by their names
}

type change struct {
	changefeed.Revision
	changefeed.Change
}

type nodeRow struct{ applied, seq int64 }

// row is a key, an account or a role; each has its own part of it.
type row struct {
	secret    int
	withdrawn Code
	suspended bool
	roleless  bool
	useless   bool // a role that does not permit the use of keys
}

// moment is from when on a row was so.
type moment struct {
	at time.Duration
	row
}

const (
	worldKeys     = 3
	worldAccounts = 2
)

func keyName(i int) string     { return fmt.Sprint("key", i) }
func accountName(i int) string { return fmt.Sprint("account", i%worldAccounts) }
func roleName(i int) string    { return fmt.Sprint("role", i%worldAccounts) }

func newWorld(seed uint64, s stuff, rough float64) *world {
	w := &world{start: time.Now(), stuff: s, rough: rough, rnd: rand.New(rand.NewPCG(seed, 1)), truth: map[string][]moment{}, counts: map[string]int{}}
	first := &state{lease: 200 * time.Millisecond, wait: 200 * time.Millisecond, nodes: map[string]nodeRow{}, rows: map[string]row{},
		changes: []change{{changefeed.Revision{Nonce: 1}, changefeed.Change{Kind: "cluster"}}}}
	for i := range worldKeys {
		first.rows[keyName(i)] = row{}
	}
	for i := range worldAccounts {
		first.rows[accountName(i)] = row{}
		first.rows[roleName(i)] = row{}
	}
	for name, r := range first.rows {
		w.truth[name] = []moment{{-time.Hour, r}}
	}
	w.longest = first.lease
	w.servers = []*server{{timeline: "1", past: []*state{first}}}
	return w
}

func (w *world) now() time.Duration { return time.Since(w.start) }

// chance is true so often, and never in quiet times.
func (w *world) chance(often float64) bool {
	return !w.quiet.Load() && w.float() < often*w.rough
}

func (w *world) float() float64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rnd.Float64()
}

func (w *world) intN(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rnd.IntN(n)
}

// note is for whoever reads why a run failed.
func (w *world) note(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.noteLocked(format, args...)
}

func (w *world) noteLocked(format string, args ...any) {
	w.trace = append(w.trace, fmt.Sprintf("%12s ", w.now())+fmt.Sprintf(format, args...))
	if len(w.trace) > 3000 {
		w.trace = slices.Clone(w.trace[1000:])
	}
}

func (w *world) count(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counts[what]++
}

// dawdle takes as long as it takes: mostly no time, sometimes a lease and more.
func (w *world) dawdle(ctx context.Context) error {
	var d time.Duration
	switch f := w.float(); {
	case w.quiet.Load():
		d = time.Duration(f * float64(200*time.Microsecond))
	case f < 0.5:
	case f < 0.96:
		d = time.Duration(w.float() * float64(4*time.Millisecond))
	case f < 1-0.01*w.rough:
		d = time.Duration(w.float() * float64(60*time.Millisecond))
	default:
		d = time.Duration(w.float() * float64(600*time.Millisecond))
	}
	if d == 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// clock is a process's own: it starts anywhere, runs a little faster or slower, and the process may be stopped around it.
func (w *world) clock() func() time.Duration {
	offset := time.Duration(w.float() * float64(time.Hour))
	rate := 1 + (w.float()-0.5)*0.0009
	return func() time.Duration {
		if w.chance(0.05) {
			_ = w.dawdle(context.Background())
		}
		read := offset + time.Duration(float64(w.now())*rate)
		if w.chance(0.05) {
			_ = w.dawdle(context.Background())
		}
		return read
	}
}

func (w *world) primary() *server {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.servers[len(w.servers)-1]
}

// present is what the primary has.
func (w *world) present() *state { return w.stateOf(w.primary()) }

func (w *world) stateOf(s *server) *state {
	w.mu.Lock()
	defer w.mu.Unlock()
	return s.now()
}

// any is the primary, or the one before that nobody told.
func (w *world) any() *server {
	odd := w.chance(0.3)
	w.mu.Lock()
	defer w.mu.Unlock()
	n := len(w.servers)
	if odd && n > 1 {
		return w.servers[n-2]
	}
	return w.servers[n-1]
}

var (
	errRefused = errors.New("refused")         // nothing was committed
	errUnknown = errors.New("nobody knows")    // something may have been, or may yet be
	errCut     = errors.New("connection lost") // likewise
)

// commit carries out a transaction on a server; the caller may never hear of it, or hear too early that it failed.
func (w *world) commit(ctx context.Context, s *server, do func(*state) error) error {
	if err := w.dawdle(ctx); err != nil {
		if w.chance(0.5) { // it arrived, and will be carried out some time
			w.zombies.Go(func() {
				_ = w.dawdle(context.Background())
				_ = w.dawdle(context.Background())
				w.count("late commit")
				_ = w.apply(s, do, true)
			})
		}
		return err
	}
	if w.chance(0.01) {
		return errCut
	}
	unconfirmed := w.chance(0.01)
	if err := w.apply(s, do, !unconfirmed); err != nil {
		return err
	}
	if unconfirmed {
		w.count("warning")
		return errUnknown
	}
	if err := w.dawdle(ctx); err != nil {
		return err
	}
	if w.chance(0.01) {
		return errCut
	}
	return nil
}

func (w *world) apply(s *server, do func(*state) error, confirmed bool) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if s != w.servers[len(w.servers)-1] {
		return errUnknown // cut off: no standby confirms it
	}
	next := *s.now()
	next.nodes, next.rows = maps.Clone(next.nodes), maps.Clone(next.rows)
	if err := do(&next); err != nil {
		return err
	}
	w.tell(s.now(), &next)
	s.past = append(s.past, &next)
	if confirmed {
		s.confirmed = len(s.past) - 1
	}
	return nil
}

// tell keeps the truth. w.mu is held.
func (w *world) tell(before, after *state) {
	for name, r := range after.rows {
		if before.rows[name] != r {
			w.truth[name] = append(w.truth[name], moment{w.now(), r})
			w.noteLocked("%s is %+v, at %d", name, r, after.v)
		}
	}
	w.longest = max(w.longest, after.lease)
}

// failover makes a new primary of what was confirmed.
func (w *world) failover() {
	w.mu.Lock()
	defer w.mu.Unlock()
	old := w.servers[len(w.servers)-1]
	kept := *old.past[old.confirmed]
	w.noteLocked("failover: %d commits are lost, the head is %d", len(old.past)-1-old.confirmed, kept.v)
	w.tell(old.now(), &kept)
	w.servers = append(w.servers, &server{timeline: fmt.Sprint(len(w.servers) + 1), past: []*state{&kept}})
	w.counts["failover"]++
}

// write is a change of one row, with its place in the order.
func (w *world) write(ctx context.Context, name string, kind changefeed.Kind, id string, edit func(*row) bool) (changefeed.Revision, time.Duration, time.Duration, error) {
	var r changefeed.Revision
	var wait, at time.Duration
	err := w.commit(ctx, w.any(), func(s *state) error {
		edited := s.rows[name]
		if !edit(&edited) {
			return errRefused
		}
		s.rows[name] = edited
		r, wait, at = w.append(s, kind, id), s.wait, w.now()
		return nil
	})
	if err != nil { // and the others may yet change
		return changefeed.Revision{}, 0, 0, err
	}
	return r, wait, at, nil
}

// append needs w.mu.
func (w *world) append(s *state, kind changefeed.Kind, id string) changefeed.Revision {
	s.v++
	r := changefeed.Revision{V: s.v, Nonce: int64(w.rnd.Uint64() >> 1)}
	s.changes = append(s.changes[:len(s.changes):len(s.changes)], change{r, changefeed.Change{Kind: kind, ID: id}})
	return r
}

func (s *state) contains(r changefeed.Revision) bool {
	return slices.ContainsFunc(s.changes, func(c change) bool { return c.Revision == r })
}

// effective is the poll of a withdrawal, on whatever server answers.
func (w *world) effective(ctx context.Context, r changefeed.Revision) bool {
	if w.dawdle(ctx) != nil {
		return false
	}
	now := w.stateOf(w.any())
	if w.dawdle(ctx) != nil || !now.contains(r) {
		return false
	}
	for _, n := range now.nodes {
		if n.applied < r.V {
			return false
		}
	}
	return true
}

// fakePrimary is a conversation with one server.
type fakePrimary struct {
	w *world
	s *server
}

func (w *world) dial(ctx context.Context) (changefeed.Primary, error) {
	if err := w.dawdle(ctx); err != nil {
		return nil, err
	}
	if w.chance(0.05) {
		return nil, errCut
	}
	return &fakePrimary{w, w.any()}, nil
}

func (p *fakePrimary) Register(ctx context.Context, row string, instead []string) (changefeed.Head, error) {
	var head changefeed.Head
	gone := slices.Clone(instead)
	err := p.w.commit(ctx, p.s, func(s *state) error {
		for _, id := range gone {
			delete(s.nodes, id)
		}
		if _, taken := s.nodes[row]; taken {
			return errRefused
		}
		s.nodes[row] = nodeRow{s.v, 1}
		head = changefeed.Head{Revision: s.changes[len(s.changes)-1].Revision, Epoch: 1, Timeline: p.s.timeline}
		return nil
	})
	if err != nil { // and head may yet change
		p.w.note("%s does not register: %v", row, err)
		return changefeed.Head{}, err
	}
	p.w.count("registration")
	p.w.note("%s registers at %d", row, head.V)
	return head, nil
}

func (p *fakePrimary) Read(ctx context.Context, cursor changefeed.Revision) (changefeed.Page, error) {
	if err := p.w.dawdle(ctx); err != nil {
		return changefeed.Page{}, err
	}
	p.w.mu.Lock()
	now, at := p.s.now(), p.w.now()
	p.w.mu.Unlock()
	page := changefeed.Page{Epoch: 1, Protocol: 1, Timeline: p.s.timeline, Lease: now.lease, Time: at, HasCursor: now.contains(cursor)}
	for _, c := range now.changes {
		if c.V > cursor.V {
			page.Changes = append(page.Changes, c.Change)
			page.Last = c.Revision
		}
	}
	page.Full = p.w.chance(0.003)
	return page, p.w.dawdle(ctx)
}

func (p *fakePrimary) Commit(ctx context.Context, row string, applied int64) (bool, error) {
	known := false
	err := p.w.commit(ctx, p.s, func(s *state) error {
		n, ok := s.nodes[row]
		if known = ok; ok {
			s.nodes[row] = nodeRow{applied, n.seq + 1}
		}
		return nil
	})
	if err != nil { // and known may yet change
		p.w.note("%s has perhaps applied %d on %s: %v", row, applied, p.s.timeline, err)
		return false, err
	}
	p.w.note("%s has applied %d on %s: %t", row, applied, p.s.timeline, known)
	return known, nil
}

func (p *fakePrimary) Leave(ctx context.Context, rows []string) error {
	return p.w.commit(ctx, p.s, func(s *state) error {
		for _, id := range rows {
			delete(s.nodes, id)
		}
		return nil
	})
}

func (p *fakePrimary) Close() {}

// copy is what a look-up sees: the primary, the one before, or a copy that lags.
func (w *world) copy(ctx context.Context, floor changefeed.Floor) (*state, error) {
	if err := w.dawdle(ctx); err != nil {
		return nil, err
	}
	if w.chance(0.01) {
		return nil, errCut
	}
	s := w.any()
	behind := 0
	if w.chance(0.2) {
		behind = w.intN(80)
	}
	w.mu.Lock()
	now := s.past[max(0, len(s.past)-1-behind)]
	w.mu.Unlock()
	if err := w.dawdle(ctx); err != nil {
		return nil, err
	}
	if err := (source{}).proved(s.timeline, now.contains(floor.Revision), floor); err != nil {
		w.count("discarded read")
		return nil, err
	}
	return now, nil
}

// number is the last character of a name.
func number(name string) int { return int(name[len(name)-1] - '0') }

func (w *world) fetchKeys(ctx context.Context, ids []tokenID, floor changefeed.Floor) (map[tokenID]*Key, error) {
	s, err := w.copy(ctx, floor)
	if err != nil {
		return nil, err
	}
	found := map[tokenID]*Key{}
	for _, id := range ids {
		if i := slices.Index(w.stuff.ids, id); i >= 0 {
			r := s.rows[keyName(i)]
			found[id] = &Key{ID: keyName(i), brand: unique.Make("lk"), account: xidOf(accountName(i)), sealed: sealed{digest: w.stuff.digests[i][r.secret]}, withdrawn: r.withdrawn}
		}
	}
	return found, nil
}

func (w *world) fetchAccounts(ctx context.Context, ids []xid, floor changefeed.Floor) (map[xid]*Account, error) {
	s, err := w.copy(ctx, floor)
	if err != nil {
		return nil, err
	}
	found := map[xid]*Account{}
	for _, id := range ids {
		name := strings.TrimRight(string(id[:]), "\x00")
		r := s.rows[name]
		a := &Account{ID: name, Handle: name, suspended: r.suspended}
		if !r.roleless {
			a.roleIDs = []xid{xidOf(roleName(number(name)))}
		}
		found[id] = a
	}
	return found, nil
}

func (w *world) fetchRoles(ctx context.Context, ids []xid, floor changefeed.Floor) (map[xid]*Role, error) {
	s, err := w.copy(ctx, floor)
	if err != nil {
		return nil, err
	}
	found := map[xid]*Role{}
	for _, id := range ids {
		name := strings.TrimRight(string(id[:]), "\x00")
		role := &Role{ID: name, Name: name}
		if !s.rows[name].useless {
			role.permissions = []string{permission.UsePersonalAccessKeys}
		}
		found[id] = role
	}
	return found, nil
}

// slowMemory is a Memory that is stopped at any moment.
type slowMemory struct {
	*Memory
	w *world
}

func (m slowMemory) Flush() {
	_ = m.w.dawdle(context.Background())
	m.Memory.Flush()
	_ = m.w.dawdle(context.Background())
}

func (m slowMemory) Drop(c changefeed.Change) bool {
	_ = m.w.dawdle(context.Background())
	known := m.Memory.Drop(c)
	_ = m.w.dawdle(context.Background())
	return known
}
