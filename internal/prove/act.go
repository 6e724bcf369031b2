package prove

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// act is a call that withdraws or grants rights.
type act struct {
	what   string
	grant  bool
	rights []Right
	about  []*subject // what to ask about afterwards
	req    request
	moment int64  // of an expiry
	landed string // a query that tells whether the database says so
	args   []any
}

// actPatience bounds how long a call is repeated.
const actPatience = 20 * time.Second

// commit makes the call, and repeats it while its fate is unknown. It tells whether it succeeded in the end: for a withdrawal,
// whether its promise was given. Otherwise the account is spoiled.
func (m *member) commit(ctx context.Context, a act) bool {
	_, done := m.committed(ctx, a)
	return done
}

// committed is commit, with the last answer.
func (m *member) committed(ctx context.Context, a act) (answer, bool) {
	began := wall()
	for first := true; ; first = false {
		w, got := m.attempt(ctx, a, m.rng.IntN(len(m.l.clients)), first)
		m.spoiled = m.spoiled || a.grant && w.Zombie || w.Outcome == Refused
		switch {
		case w.Outcome == Done || a.grant && w.Outcome == Unknown && !w.Zombie:
			return got, true
		case w.Outcome == Refused, wall().Sub(began) > actPatience, !pause(ctx, retryBetween):
			m.spoiled = true
			return got, false
		}
	}
}

// attempt makes the call once, records it, and asks every node about what it was about.
func (m *member) attempt(ctx context.Context, a act, node int, first bool) (Write, answer) {
	stop := m.watch(ctx, a)
	if !a.grant {
		m.l.withdrawing(node)
	}
	got := m.l.clients[node].do(ctx, a.req)
	m.unexpected(a.what, got)
	w := Write{What: a.what, Grant: a.grant, Rights: a.rights, Node: node, Call: got.call, Return: got.back, Outcome: got.outcome(), Answer: got.String(), Moment: a.moment}
	w.Seen = stop()
	if w.Outcome == Unknown {
		if w.Seen == 0 && m.l.holds(ctx, a.landed, a.args...) {
			w.Seen = m.l.clock.now()
		}
		w.Zombie = !first || w.Seen == 0 // of a repeated call, nobody can tell which one it was
	}
	w.ID = m.record(ctx, w)
	if got.revision != "" {
		m.revision.Store(&revision{got.revision, w.ID})
	}
	if w.Outcome == Done {
		m.l.burst(ctx, m.rng, a.about, VerifyAtLeast)
	}
	return w, got
}

// record keeps a write, and counts it unless it was ourselves who gave up.
func (m *member) record(ctx context.Context, w Write) int {
	if w.Outcome != Unknown || ctx.Err() == nil {
		m.l.journal.wrote(&w)
	}
	return m.hist.Write(w)
}

// watch looks, during some withdrawals, when the database has it and how the key is listed, and asks the nodes at those
// moments. The function that it returns ends that and gives the time at which the database was known to have it.
func (m *member) watch(ctx context.Context, a act) func() int64 {
	if a.grant || m.rng.IntN(2) > 0 {
		return func() int64 { return 0 }
	}
	ctx, cancel := context.WithCancel(ctx)
	d := rand.New(rand.NewPCG(m.rng.Uint64(), 0))
	var seen int64
	var done sync.WaitGroup
	done.Go(func() { seen = m.awaitCommit(ctx, a) })
	if len(a.about) > 0 && a.landed == sqlRevoked {
		done.Go(func() {
			for pause(ctx, 5*time.Millisecond) {
				if m.l.look(ctx, d.IntN(len(m.l.clients)), a.about[0]) == "revoked" {
					m.l.everywhere(context.WithoutCancel(ctx), a.about, VerifyKey) // what is listed must hold
				}
			}
		})
	}
	return func() int64 {
		cancel()
		done.Wait()
		return seen
	}
}

func (m *member) awaitCommit(ctx context.Context, a act) int64 {
	for pause(ctx, 3*time.Millisecond) {
		if m.l.holds(ctx, a.landed, a.args...) {
			seen := m.l.clock.now()
			m.l.everywhere(context.WithoutCancel(ctx), a.about, VerifyStrict)
			return seen
		}
	}
	return 0
}

// everywhere asks every node at one door, and does not wait.
func (l *load) everywhere(ctx context.Context, about []*subject, door Door) {
	for _, s := range about {
		for n := range l.clients {
			s.of.reading.Go(func() { l.ask(ctx, n, s, door) })
		}
	}
}

// twice makes a withdrawal at two nodes at once, and tells whether either succeeded.
func (m *member) twice(ctx context.Context, a act) bool {
	one, other := m.rng.IntN(len(m.l.clients)), m.rng.IntN(len(m.l.clients))
	var second Write
	var both sync.WaitGroup
	b := a
	both.Go(func() {
		got := m.l.clients[other].do(ctx, b.req)
		second = Write{What: b.what, Rights: b.rights, Node: other, Call: got.call, Return: got.back, Outcome: got.outcome(), Answer: got.String(), Zombie: got.outcome() == Unknown}
		m.record(ctx, second)
	})
	w, _ := m.attempt(ctx, a, one, false)
	both.Wait()
	return w.Outcome == Done || second.Outcome == Done
}

// Queries that tell whether the database has a change.
const (
	sqlRevoked     = "SELECT revoked_at IS NOT NULL FROM access_key WHERE id = $1"
	sqlRegenerated = "SELECT digest <> sha256(convert_to('latchkey-pat' || $2, 'UTF8')) FROM access_key WHERE id = $1"
	sqlDisabled    = "SELECT disabled_at IS NOT NULL FROM access_key WHERE id = $1"
	sqlEnabled     = "SELECT disabled_at IS NULL FROM access_key WHERE id = $1"
	sqlExpires     = "SELECT expires_at IS NOT NULL FROM access_key WHERE id = $1"
	sqlForever     = "SELECT expires_at IS NULL FROM access_key WHERE id = $1"
	sqlSuspended   = "SELECT suspended_at IS NOT NULL FROM account WHERE id = $1"
	sqlRestored    = "SELECT suspended_at IS NULL FROM account WHERE id = $1"
	sqlHasNot      = "SELECT NOT ($2 = ANY (permissions)) FROM role WHERE id = $1"
	sqlHasBoth     = "SELECT permissions @> $2 FROM role WHERE id = $1"
	sqlRoleTaken   = "SELECT NOT EXISTS (SELECT 1 FROM account_role WHERE account_id = $1 AND role_id = $2)"
	sqlRoleGiven   = "SELECT EXISTS (SELECT 1 FROM account_role WHERE account_id = $1 AND role_id = $2)"
	sqlNoRole      = "SELECT NOT EXISTS (SELECT 1 FROM role WHERE id = $1)"
	sqlSignedOut   = "SELECT NOT EXISTS (SELECT 1 FROM session WHERE digest = sha256(convert_to($1, 'UTF8')))"
	methodDelete   = http.MethodDelete
	methodPatch    = http.MethodPatch
	methodPost     = http.MethodPost
	pathOwnKey     = "/api/auth/access-keys/"
	pathAnyKey     = "/api/admin/access-keys/"
	pathAnyAccount = "/api/admin/accounts/"
)
