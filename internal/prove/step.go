package prove

import (
	"context"
	"slices"
	"strings"
	"time"
)

// step takes a right away, lets that be for a while, and gives it back where that can be.
func (m *member) step(ctx context.Context) {
	all := []struct {
		weight int
		do     func(context.Context)
	}{
		{8, m.revoke}, {4, m.regenerate}, {6, m.disable}, {3, m.flip}, {3, m.expire}, {4, m.suspend}, {3, m.narrow}, {3, m.narrowView}, {3, m.takeRole}, {2, m.deleteRole},
		{3, m.signOut}, {2, m.endSession}, {2, m.changePassword},
	}
	total := 0
	for _, s := range all {
		total += s.weight
	}
	draw := m.rng.IntN(total)
	for _, s := range all {
		if draw -= s.weight; draw < 0 {
			s.do(ctx)
			break
		}
	}
	if m.signIns >= mostSignIns {
		m.spoiled = true
	}
}

// dwell lets the readers look, mostly for less than L, sometimes longer, and sometimes not at all, so that what is being read
// is overtaken by more than one change.
func (m *member) dwell(ctx context.Context) {
	if m.rng.IntN(4) == 0 {
		return
	}
	pause(ctx, time.Duration(m.rng.Int64N(int64(150*time.Millisecond)<<m.rng.IntN(4))))
}

func (m *member) aKey() *subject { return m.keys[m.rng.IntN(len(m.keys))] }

// a few of them, for questions that are asked at once.
func (m *member) someKeys() []*subject { return m.keys[:min(len(m.keys), 2)] }

func (m *member) someOfAll() []*subject {
	return append(slices.Clone(m.someKeys()), m.sessions[max(len(m.sessions)-2, 0):]...)
}

// revoke ends a key in one of the three ways, sometimes at two nodes at once, and makes another.
func (m *member) revoke(ctx context.Context) {
	k := m.aKey()
	own := request{method: methodDelete, path: pathOwnKey + k.key, cookie: m.cookie()}
	switch m.rng.IntN(4) {
	case 0:
		m.revokeAsAdmin(ctx, k)
	case 1:
		m.end(ctx, k, "revoke self", request{method: methodDelete, path: "/api/access-keys/self", bearer: k.secret})
	case 2:
		if !m.twice(ctx, revocation(k, "revoke twice", own)) {
			m.revokeAsAdmin(ctx, k)
		}
		m.lose(k)
	default:
		m.end(ctx, k, "revoke own", own)
	}
	if !m.spoiled && !m.newKey(ctx) {
		m.spoiled = true
	}
}

func revocation(k *subject, what string, r request) act {
	return act{what: what, rights: []Right{{Unrevoked, k.id}}, about: []*subject{k}, req: r, landed: sqlRevoked, args: []any{k.key}}
}

func (m *member) revokeAsAdmin(ctx context.Context, k *subject) {
	m.commit(ctx, revocation(k, "revoke admin", request{method: methodDelete, path: pathAnyKey + k.key, bearer: m.l.adminKey}))
	m.lose(k)
}

// end revokes a key, and as an administrator if that was refused: a repeated call may find a key that cannot act any more.
func (m *member) end(ctx context.Context, k *subject, what string, r request) {
	was := m.spoiled
	if m.commit(ctx, revocation(k, what, r)) {
		m.lose(k)
		return
	}
	m.spoiled = was
	m.revokeAsAdmin(ctx, k)
}

// lose drops a key that is revoked; the readers go on with it until there are too many.
func (m *member) lose(k *subject) {
	m.keys = slices.DeleteFunc(m.keys, func(o *subject) bool { return o == k })
	m.dead = append(m.dead, k)
	if len(m.dead) > 2 {
		m.l.board.forget(m.dead[0])
		m.dead = m.dead[1:]
	}
}

// regenerate gives a key another secret: the old one is dead once that is answered, and the new one good everywhere.
func (m *member) regenerate(ctx context.Context) {
	k := m.aKey()
	k.replaced.Store(true)
	r := request{method: methodPost, path: pathOwnKey + k.key + "/regenerate", cookie: m.cookie(), body: map[string]any{}}
	got, done := m.committed(ctx, act{what: "regenerate", rights: []Right{{Newest, k.id}}, about: []*subject{k}, req: r, landed: sqlRegenerated, args: []any{k.key, secretPart(k.secret)}})
	m.lose(k)
	if !done {
		return
	}
	m.keep(ctx, keySubject(m, k.id+"'", k.key, got.text("secret")))
	m.dwell(ctx)
}

// secretPart is what digests are made of.
func secretPart(token string) string {
	_, rest, found := strings.Cut(strings.TrimPrefix(token, "lkpat_"), "_")
	if !found {
		return token
	}
	return rest[:len(rest)-6]
}

func (m *member) update(k *subject, member string, value any) request {
	return request{method: methodPatch, path: pathOwnKey + k.key, cookie: m.cookie(), body: map[string]any{member: value}}
}

func (m *member) disable(ctx context.Context) {
	k := m.aKey()
	if m.off(ctx, k) {
		m.dwell(ctx)
		m.on(ctx, k)
		m.dwell(ctx)
	}
}

// flip disables and enables a key again and again without a pause, so that reads under way are overtaken.
func (m *member) flip(ctx context.Context) {
	k := m.aKey()
	for i := 0; i < 4 && m.off(ctx, k) && m.on(ctx, k); i++ {
	}
	if !m.spoiled && m.off(ctx, k) {
		m.dwell(ctx)
		m.on(ctx, k)
	}
}

func (m *member) off(ctx context.Context, k *subject) bool {
	return m.commit(ctx, act{what: "disable", rights: []Right{{Enabled, k.id}}, about: []*subject{k}, req: m.update(k, "enabled", false), landed: sqlDisabled, args: []any{k.key}})
}

func (m *member) on(ctx context.Context, k *subject) bool {
	return m.commit(ctx, act{what: "enable", grant: true, rights: []Right{{Enabled, k.id}}, about: []*subject{k}, req: m.update(k, "enabled", true), landed: sqlEnabled, args: []any{k.key}})
}

func (m *member) expire(ctx context.Context) {
	k := m.aKey()
	rights, about := []Right{{Unexpired, k.id}}, []*subject{k}
	at := wall().Add(500*time.Millisecond + time.Duration(m.rng.Int64N(int64(time.Second)))).Truncate(time.Microsecond)
	due := m.l.clock.at(at) + int64(leaseRounding)
	stamp := at.UTC().Format("2006-01-02T15:04:05.000000Z")
	a := act{what: "expire", rights: rights, about: about, moment: due, req: m.update(k, "expires_at", stamp), landed: sqlExpires, args: []any{k.key}}
	if !m.commit(ctx, a) {
		return
	}
	pause(ctx, time.Duration(due-m.l.clock.now()))
	m.l.burst(ctx, m.rng, about)
	m.l.everywhere(ctx, about, VerifyStrict)
	m.dwell(ctx)
	m.commit(ctx, act{what: "clear expiry", grant: true, rights: rights, about: about, req: m.update(k, "expires_at", nil), landed: sqlForever, args: []any{k.key}})
	m.dwell(ctx)
}

// suspend also ends the sessions, for good. Sometimes a key is revoked meanwhile.
func (m *member) suspend(ctx context.Context) {
	path := pathAnyAccount + m.id
	a := act{what: "suspend", rights: append([]Right{{Facet: OwnerActive}}, m.signedIn()...), about: m.someOfAll(),
		req: request{method: methodPost, path: path + "/suspend", bearer: m.l.adminKey}, landed: sqlSuspended, args: []any{m.id}}
	if !m.commit(ctx, a) {
		return
	}
	m.allSignedOut()
	m.dwell(ctx)
	if m.rng.IntN(4) == 0 {
		m.revokeAsAdmin(ctx, m.aKey())
	}
	m.commit(ctx, act{what: "restore", grant: true, rights: []Right{{Facet: OwnerActive}}, about: m.someKeys(),
		req: request{method: methodPost, path: path + "/restore", bearer: m.l.adminKey}, landed: sqlRestored, args: []any{m.id}})
	m.again(ctx)
}

// again signs in anew and makes up for keys that were lost.
func (m *member) again(ctx context.Context) {
	good := !m.spoiled && m.signIn(ctx) && m.signIn(ctx)
	for good && len(m.keys) < keysEach {
		good = m.newKey(ctx)
	}
	m.spoiled = !good
}

func (m *member) signedIn() []Right {
	var all []Right
	for _, s := range m.sessions {
		all = append(all, Right{SignedIn, s.id})
	}
	return all
}

func (m *member) allSignedOut() {
	for _, s := range m.sessions[:max(len(m.sessions)-2, 0)] {
		m.l.board.forget(s)
	}
	m.sessions, m.signIns = nil, 0
	m.session.Store(nil)
}

func (m *member) narrow(ctx context.Context) { m.without(ctx, "narrow role", permissionUse, MayUse) }
func (m *member) narrowView(ctx context.Context) {
	m.without(ctx, "narrow role a little", permissionView, MayView)
}

// without takes a permission out of the role, and puts it back.
func (m *member) without(ctx context.Context, what, permission string, f Facet) {
	all := []string{permissionUse, permissionView, permissionAll}
	rest := slices.DeleteFunc(slices.Clone(all), func(p string) bool { return p == permission })
	r := request{method: methodPatch, path: "/api/roles/" + m.role, bearer: m.l.adminKey, body: map[string]any{"permissions": rest}}
	if !m.commit(ctx, act{what: what, rights: []Right{{Facet: f}}, about: m.someKeys(), req: r, landed: sqlHasNot, args: []any{m.role, permission}}) {
		return
	}
	m.l.burst(ctx, m.rng, m.someKeys(), VerifyView)
	m.dwell(ctx)
	r.body = map[string]any{"permissions": all}
	m.commit(ctx, act{what: "widen role", grant: true, rights: []Right{{Facet: f}}, about: m.someKeys(), req: r, landed: sqlHasBoth, args: []any{m.role, all}})
	m.dwell(ctx)
}

func (m *member) takeRole(ctx context.Context) {
	r := m.giveRole()
	r.method = methodDelete
	rights := []Right{{Facet: MayUse}, {Facet: MayView}}
	if !m.commit(ctx, act{what: "take role", rights: rights, about: m.someKeys(), req: r, landed: sqlRoleTaken, args: []any{m.id, m.role}}) {
		return
	}
	m.dwell(ctx)
	m.giveBack(ctx)
}

func (m *member) giveBack(ctx context.Context) {
	m.commit(ctx, act{what: "give role", grant: true, rights: []Right{{Facet: MayUse}, {Facet: MayView}}, about: m.someKeys(), req: m.giveRole(),
		landed: sqlRoleGiven, args: []any{m.id, m.role}})
	m.dwell(ctx)
}

func (m *member) deleteRole(ctx context.Context) {
	rights := []Right{{Facet: MayUse}, {Facet: MayView}}
	r := request{method: methodDelete, path: "/api/roles/" + m.role, bearer: m.l.adminKey}
	if !m.commit(ctx, act{what: "delete role", rights: rights, about: m.someKeys(), req: r, landed: sqlNoRole, args: []any{m.role}}) {
		return
	}
	m.dwell(ctx)
	if !m.newRole(ctx) {
		m.spoiled = true
		return
	}
	m.giveBack(ctx)
}

// spare gives a session that the account does not act with, and makes one if there is none.
func (m *member) spare(ctx context.Context) *subject {
	for range 2 {
		for _, s := range m.sessions {
			if s != m.session.Load() {
				return s
			}
		}
		if !m.signIn(ctx) {
			break
		}
	}
	m.spoiled = true
	return nil
}

func (m *member) signOut(ctx context.Context) {
	if s := m.spare(ctx); s != nil {
		m.endWith(ctx, s, "sign out", request{method: methodPost, path: "/api/auth/logout", cookie: s.secret})
	}
}

// endSession ends a session from another one. It has to be told its id first.
func (m *member) endSession(ctx context.Context) {
	s := m.spare(ctx)
	if s == nil {
		return
	}
	a := m.ask(ctx, request{method: "GET", path: "/api/auth/sessions", cookie: s.secret})
	list, _ := a.body["sessions"].([]any)
	for _, one := range list {
		fields, _ := one.(map[string]any)
		if id, _ := fields["id"].(string); fields["current"] == true {
			m.endWith(ctx, s, "end session", request{method: methodDelete, path: "/api/auth/sessions/" + id, cookie: m.cookie()})
		}
	}
}

func (m *member) endWith(ctx context.Context, s *subject, what string, r request) {
	m.sessions = slices.DeleteFunc(m.sessions, func(o *subject) bool { return o == s })
	m.commit(ctx, act{what: what, rights: []Right{{SignedIn, s.id}}, about: []*subject{s}, req: r, landed: sqlSignedOut, args: []any{value(s.secret)}})
	m.dwell(ctx)
}

// value is that of a cookie.
func value(cookie string) string {
	_, v, _ := strings.Cut(cookie, "=")
	return v
}

// changePassword ends every session but the one that it begins. Once it failed, nobody knows which password holds.
func (m *member) changePassword(ctx context.Context) {
	old := m.password()
	m.passwords++
	a := act{what: "change password", rights: m.signedIn(), about: m.someOfAll(), landed: sqlSignedOut, args: []any{value(m.cookie())},
		req: request{method: methodPatch, path: "/api/auth/password", cookie: m.cookie(), from: m.from, body: map[string]any{"old": old, "new": m.password()}}}
	w, got := m.attempt(ctx, a, m.rng.IntN(len(m.l.clients)), true)
	if w.Outcome != Done {
		m.spoiled = true
		return
	}
	m.allSignedOut()
	m.began(got.cookie)
	m.signIns++
	m.dwell(ctx)
}
