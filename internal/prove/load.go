package prove

import (
	"context"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

// target is the service that the load is put on.
type target struct {
	urls        []string // of the nodes
	adminKey    string   // holds every permission and is never withdrawn
	holds       func(ctx context.Context, sql string, args ...any) bool
	withdrawing func(node int) // is told before a withdrawal is sent
}

// leaseRounding is what a lease may seem longer than it is when times are rounded.
const leaseRounding = 2 * time.Millisecond

// withdrawalMargin is added to L for the longest that a withdrawal may take while all is well: the machine may be busy.
const withdrawalMargin = 3 * time.Second

// load puts verifications, withdrawals and grants on the nodes and hands histories to the checks.
type load struct {
	target
	cfg     Config
	clock   *clock
	journal *journal
	clients []*client
	doors   []Door // those for keys
	board   board

	bursts chan struct{} // how many verifications may be under way beside those of the readers
	closed chan *History // of accounts whose life is over
}

// burstWidth is enough for every credential of an account on every node, and little enough for the machine.
const burstWidth = 128

func newLoad(c Config, clock *clock, t target) *load {
	longest := max(c.Lease, 0)
	if slices.Contains(c.Pace.Kinds, LeaseChanged) {
		longest = max(longest, c.Pace.MostLease)
	}
	l := &load{target: t, cfg: c, clock: clock, bursts: make(chan struct{}, burstWidth), closed: make(chan *History, 16),
		journal: newJournal(clock, Bounds{Stale: longest + leaseRounding}, longest+withdrawalMargin, c.Busy)}
	for i, url := range t.urls {
		l.clients = append(l.clients, newClient(i, url, clock))
	}
	for _, d := range c.Doors {
		if d != SessionGet {
			l.doors = append(l.doors, d)
		}
	}
	return l
}

// run goes on until life ends, and returns when everything that was begun has ended and was checked. Nothing is sent after
// hard has ended, or drainPatience after life has.
func (l *load) run(life, hard context.Context) {
	work, cancel := context.WithCancel(hard)
	defer cancel()
	context.AfterFunc(life, func() {
		pause(work, drainPatience)
		cancel()
	})
	checked := make(chan struct{})
	go func() {
		defer close(checked)
		for h := range l.closed {
			l.check(h)
		}
	}()
	var members, readers sync.WaitGroup
	reading, enough := context.WithCancel(work)
	readers.Go(func() { l.keepSteady(reading, work) })
	for i := range l.cfg.Accounts {
		members.Go(func() { l.live(life, work, i+1) })
	}
	for n := range l.clients {
		for i := range readersPerNode {
			readers.Go(func() { l.keepReading(reading, n, dice(l.cfg.Seed, uint64(1_000_000+n*1000+i))) })
		}
	}
	members.Wait()
	enough()
	readers.Wait()
	close(l.closed)
	<-checked
	for _, c := range l.clients {
		c.http.CloseIdleConnections()
	}
}

// readersPerNode is how many verifications wait at a node that is frozen.
const readersPerNode = 8

// keepReading asks one node about anything that lives, at the rate that was configured.
func (l *load) keepReading(ctx context.Context, n int, d *rand.Rand) {
	every := time.Second * readersPerNode / time.Duration(l.cfg.Rate)
	for ctx.Err() == nil {
		began := wall()
		switch s, done := l.board.pick(d); {
		case s == nil:
		case s.isKey && d.IntN(160) == 0:
			l.lookAll(ctx, n)
			done()
		case s.isKey && d.IntN(40) == 0:
			l.look(ctx, n, s)
			done()
		default:
			l.ask(ctx, n, s, l.door(s, d))
			done()
		}
		pause(ctx, every-wall().Sub(began))
	}
}

// door draws a way to ask; the plain one is as frequent as all others together.
func (l *load) door(s *subject, d *rand.Rand) Door {
	if !s.isKey {
		return SessionGet
	}
	if d.IntN(2) == 0 && slices.Contains(l.doors, VerifyKey) {
		return VerifyKey
	}
	return l.doors[d.IntN(len(l.doors))]
}

// ask asks a node about a credential and records the verdict.
func (l *load) ask(ctx context.Context, n int, s *subject, door Door) {
	if s.isKey == (door == SessionGet) || s.isKey && !slices.Contains(l.doors, door) {
		return
	}
	after := s.of.revision.Load()
	if door == VerifyAtLeast && after == nil {
		door = l.doors[0]
	}
	a := l.clients[n].do(ctx, l.question(s, door, after))
	if ctx.Err() != nil && a.status == 0 {
		return // we have given up, not the node
	}
	j := judge(door, a)
	if j.said == "" {
		l.journal.surprise("%s answers %s", door, a)
		return
	}
	l.journal.ask(door, j.said, n, a)
	if j.said != saidValid && j.said != saidInvalid {
		return
	}
	r := Read{Subject: s.id, Door: door, Node: n, Call: a.call, Return: a.back, Needs: s.needs, Valid: j.said == saidValid, Code: j.code}
	if door == VerifyView {
		r.Needs |= maskOf(MayView)
	}
	if door == VerifyAtLeast {
		r.After = after.write
	}
	s.of.hist.Read(r)
}

func (l *load) question(s *subject, door Door, after *revision) request {
	verify := map[string]any{"key": s.secret}
	switch door {
	case SessionGet:
		return request{method: http.MethodGet, path: "/api/accounts", cookie: s.secret}
	case DirectGet:
		return request{method: http.MethodGet, path: "/api/accounts", bearer: s.secret}
	case ForwardAuth:
		return request{method: http.MethodGet, path: "/forward-auth", bearer: s.secret}
	case Introspect:
		return request{method: http.MethodPost, path: "/oauth/introspect", bearer: l.adminKey, form: url.Values{"token": {s.secret}}}
	case VerifyView:
		verify["permission"] = permissionView
	case VerifyStrict:
		verify["consistency"] = "strict"
	case VerifyAtLeast:
		verify["at_least"] = after.text
	}
	return request{method: http.MethodPost, path: "/api/access-keys/verify", bearer: l.adminKey, body: verify}
}

// lookAll asks a node for the keys that were revoked last, and records those that are asked about.
func (l *load) lookAll(ctx context.Context, n int) {
	a := l.clients[n].do(ctx, request{method: http.MethodGet, path: "/api/admin/access-keys?limit=30&status=revoked", bearer: l.adminKey})
	keys, _ := a.body["keys"].([]any)
	for _, k := range keys {
		fields, _ := k.(map[string]any)
		id, _ := fields["id"].(string)
		if s, done := l.board.find(id); s != nil {
			s.of.hist.List(Listing{Subject: s.id, Node: n, Call: a.call, Return: a.back, Status: "revoked"})
			done()
		}
	}
}

// look asks a node how it lists a key, and records and gives the status.
func (l *load) look(ctx context.Context, n int, s *subject) string {
	owner := s.of.session.Load()
	if owner == nil || s.replaced.Load() {
		return ""
	}
	a := l.clients[n].do(ctx, request{method: http.MethodGet, path: pathOwnKey + s.key, cookie: owner.secret})
	status := a.text("status")
	if a.status != http.StatusOK || status == "" {
		return ""
	}
	s.of.hist.List(Listing{Subject: s.id, Node: n, Call: a.call, Return: a.back, Status: status})
	return status
}

// burst asks every node about some credentials at once, in ways that are drawn, and does not wait.
func (l *load) burst(ctx context.Context, d *rand.Rand, about []*subject, doors ...Door) {
	for _, s := range about {
		for n := range l.clients {
			for _, door := range append(slices.Clone(doors), l.door(s, d)) {
				select {
				case l.bursts <- struct{}{}:
				default:
					return // the machine has enough to do
				}
				s.of.reading.Go(func() {
					defer func() { <-l.bursts }()
					l.ask(ctx, n, s, door)
				})
			}
		}
	}
}

// check holds the history of an account that is over against the promises.
func (l *load) check(h *History) {
	for _, v := range h.Direct(l.journal.bounds) {
		l.journal.broken(v, h)
	}
	for _, subject := range h.subjects() {
		if !l.journal.ordering() {
			return
		}
		result, _ := h.Register(subject, l.journal.bounds)
		if result != porcupine.Ok {
			l.journal.broken(Violation{Rule: ruleRegister, Account: h.Account, Subject: subject, At: l.clock.now(), Detail: string(result)}, h)
		}
	}
}
