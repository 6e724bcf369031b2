package prove

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	permissionUse  = "USE_PERSONAL_ACCESS_KEYS"
	permissionView = "VIEW_AUDIT_LOG"
	permissionAll  = "*:*" // of the API behind the gateway

	keysEach     = 3
	mostSignIns  = 12 // more would end the oldest sessions, which nobody has asked for
	retryBetween = 100 * time.Millisecond
)

// member is an account with its own role, keys and sessions. One goroutine lives its life, so that each of its rights is
// written by one call at a time.
type member struct {
	l     *load
	rng   *rand.Rand
	hist  *History
	actor int
	life  int

	id, handle string
	passwords  int        // how many it has had
	role       string     // id
	roles      int        // how many it has had
	from       string     // the address that it signs in from
	keys       []*subject // live
	dead       []*subject // revoked, and still asked about
	sessions   []*subject // those that have not been ended
	signIns    int        // since all sessions were ended
	names      int

	session  atomic.Pointer[subject] // the one that it acts with
	revision atomic.Pointer[revision]
	reading  sync.WaitGroup // verdicts that are being asked for
	spoiled  bool           // something is not known any more: time for another account
}

// revision is what a revocation has answered for at_least.
type revision struct {
	text  string
	write int
}

var errSpoiled = errors.New("the account cannot be used")

// live makes one account after the other and lives their lives.
func (l *load) live(life, work context.Context, actor int) {
	for n := 0; life.Err() == nil; n++ {
		m, err := l.newMember(work, actor, n)
		if err != nil {
			pause(life, 2*retryBetween)
			continue
		}
		for range l.cfg.Steps {
			if m.spoiled || len(m.keys) == 0 || life.Err() != nil {
				break
			}
			m.step(work)
			l.enough()
		}
		m.retire(work)
	}
}

// enough ends the run when it was asked for no more.
func (l *load) enough() {
	verdicts, withdrawals := l.journal.totals()
	if l.cfg.Verifications > 0 && verdicts >= l.cfg.Verifications || l.cfg.Withdrawals > 0 && withdrawals >= l.cfg.Withdrawals {
		l.journal.halt()
	}
}

// keepSteady makes an account whose rights are never touched, and checks what is said of it every now and then.
func (l *load) keepSteady(ctx, work context.Context) {
	var m *member
	for n := 0; m == nil; n++ {
		if !pause(ctx, retryBetween) {
			return
		}
		m, _ = l.newMember(work, 0, n)
	}
	for pause(ctx, 2*time.Second) {
		l.closed <- m.hist.take()
	}
	l.board.remove(m)
	m.reading.Wait()
	l.closed <- m.hist
}

// newMember makes an account that may have keys, signs in and makes keys. What is half-made is left behind.
func (l *load) newMember(ctx context.Context, actor, life int) (*member, error) {
	m := &member{l: l, actor: actor, life: life, handle: fmt.Sprintf("m%d-%d", actor, life), from: fmt.Sprintf("10.%d.%d.%d", actor, life/256, life%256),
		rng: dice(l.cfg.Seed, uint64(actor)<<32+uint64(life)+1)}
	m.hist = &History{Account: m.handle}
	a := m.ask(ctx, request{method: http.MethodPost, path: "/api/admin/accounts", bearer: l.adminKey, body: map[string]any{"identifier": m.handle, "token": m.password()}})
	m.id = a.text("id")
	good := a.outcome() == Done && m.newRole(ctx) && m.ask(ctx, m.giveRole()).outcome() == Done && m.signIn(ctx) && m.signIn(ctx)
	for range keysEach {
		good = good && m.newKey(ctx)
	}
	if !good {
		m.retire(ctx)
		return nil, errSpoiled
	}
	return m, nil
}

// ask sends to a node that is drawn.
func (m *member) ask(ctx context.Context, r request) answer {
	return m.l.clients[m.rng.IntN(len(m.l.clients))].do(ctx, r)
}

func (m *member) password() string { return password(m.actor*1_000_000+m.life, m.passwords) }

// password gives one that nobody would guess, and the same for the same numbers.
func password(who, which int) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d.%d", who, which))
	return hex.EncodeToString(sum[:10])
}

// newRole makes a role of its own for the account and does not give it.
func (m *member) newRole(ctx context.Context) bool {
	m.roles++
	a := m.ask(ctx, request{method: http.MethodPost, path: "/api/roles", bearer: m.l.adminKey,
		body: map[string]any{"name": fmt.Sprintf("%s role %d", m.handle, m.roles), "permissions": []string{permissionUse, permissionView, permissionAll}}})
	m.role = a.text("id")
	return a.outcome() == Done
}

func (m *member) giveRole() request {
	return request{method: http.MethodPut, path: "/api/accounts/" + m.handle + "/roles/" + m.role, bearer: m.l.adminKey}
}

// signIn begins a session, which the account acts with if it has no other.
func (m *member) signIn(ctx context.Context) bool {
	return m.signInWith(ctx, m.password()) == Done
}

func (m *member) signInWith(ctx context.Context, password string) Outcome {
	m.signIns++
	a := m.ask(ctx, request{method: http.MethodPost, path: "/api/auth/password/signin", from: m.from, body: map[string]any{"identifier": m.handle, "token": password}})
	m.unexpected("sign-in", a)
	if a.outcome() == Done {
		m.began(a.cookie)
	}
	return a.outcome()
}

// began takes a new session in.
func (m *member) began(cookie string) {
	m.names++
	s := sessionSubject(m, fmt.Sprintf("%s-s%d", m.handle, m.names), cookie)
	m.sessions = append(m.sessions, s)
	if m.session.Load() == nil {
		m.session.Store(s)
	}
	m.l.board.add(s)
}

// cookie is what the account acts with.
func (m *member) cookie() string {
	if s := m.session.Load(); s != nil {
		return s.secret
	}
	return ""
}

func (m *member) newKey(ctx context.Context) bool {
	m.names++
	a := m.ask(ctx, request{method: http.MethodPost, path: "/api/auth/access-keys", cookie: m.cookie(), body: map[string]any{"name": fmt.Sprint("key ", m.names)}})
	m.unexpected("key creation", a)
	if a.outcome() != Done {
		return false
	}
	m.keep(ctx, keySubject(m, a.text("id"), a.text("id"), a.text("secret")))
	return true
}

// keep takes a new secret in.
func (m *member) keep(ctx context.Context, k *subject) {
	m.keys = append(m.keys, k)
	m.l.board.add(k)
	m.l.burst(ctx, m.rng, []*subject{k}) // it is good at once, and everywhere
}

// unexpected notes an answer to a write that can only be a fault.
func (m *member) unexpected(what string, a answer) {
	if slices.Contains([]int{400, 404, 405, 413, 415, 431, 500}, a.status) && a.text("error") != "expiry_invalid" && a.text("error") != "not_found" {
		m.l.journal.surprise("%s answers %s", what, a)
	}
}

// retire revokes what is left, asks a last time, and hands the history to the checks.
func (m *member) retire(ctx context.Context) {
	for _, k := range slices.Clone(m.keys) {
		m.revokeAsAdmin(ctx, k)
	}
	pause(ctx, 200*time.Millisecond)
	m.l.board.remove(m)
	m.reading.Wait()
	m.l.closed <- m.hist
}
