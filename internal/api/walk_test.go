package api

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey/internal/permission"
	"github.com/latchkey-dev/latchkey/internal/token"
)

// walked is an operation as openapi.yaml alone describes it: what follows must not be derived from the code under test.
type walked struct {
	id, method, path string
	permission       string // "none" or one that the caller must hold
	session, key     bool   // credentials it takes
	body             string // its media type; empty: none
	maxBody          int    // bytes; one more is too many
}

// walkContract lists every operation of the contract, so that an operation is covered on the day it is added.
func walkContract(t *testing.T) []walked {
	t.Helper()
	var all []walked
	for path, item := range theContract(t).Paths.Map() {
		for method, op := range item.Operations() {
			if op.OperationID == "ForwardAuth" { // has rules of its own, and tests of them
				continue
			}
			w := walked{id: op.OperationID, method: method, path: path, permission: op.Extensions["x-permission"].(string), maxBody: maxBody}
			if most, more := op.Extensions["x-max-body"].(float64); more {
				w.maxBody = int(most)
			}
			if op.RequestBody != nil {
				w.body = mediaTypeOf(op)
			}
			for _, way := range *op.Security {
				_, session := way["session"]
				_, key := way["access_key"]
				w.session, w.key = w.session || session, w.key || key
			}
			all = append(all, w)
		}
	}
	slices.SortFunc(all, func(a, b walked) int { return cmp.Compare(a.id, b.id) })
	if len(all) < 30 {
		t.Fatalf("only %d operations", len(all))
	}
	return all
}

func (w walked) anyone() bool { return !w.session && !w.key }

var pathParameter = regexp.MustCompile(`\{[^}]+\}`)

// nobodysID has the shape of every id, and of a handle.
const nobodysID = "00000000000000000000"

// with puts a value in the place of every path parameter.
func (w walked) with(value string) string { return pathParameter.ReplaceAllString(w.path, value) }

// ask sends the least request that the guard can judge.
func (w walked) ask(c *client) *answer {
	c.h.t.Helper()
	if w.body != "" {
		return w.send(c, w.with(nobodysID), `{}`)
	}
	return c.do(w.method, w.with(nobodysID), nil)
}

// send sends a body as the operation takes it.
func (w walked) send(c *client, path, body string) *answer {
	c.h.t.Helper()
	return c.send(w.method, path, strings.NewReader(body), cmp.Or(w.body, "application/json"))
}

// walkers are callers of every kind. One who did something that may have cost them their credential gets a new one.
type walkers struct {
	h       *harness
	handles map[string]string  // by permissions
	live    map[string]*client // sessions and keys by handle
	dead    map[string]*client // by what became of them
}

// signedIn is someone who holds exactly these permissions.
func (v *walkers) signedIn(permissions ...string) *client {
	slices.Sort(permissions)
	held := strings.Join(slices.Compact(permissions), " ")
	handle := v.handles[held]
	if handle == "" {
		handle = fmt.Sprintf("walker-%d", len(v.handles))
		v.handles[held] = handle
		v.live[handle] = v.h.member(handle, strings.Fields(held)...)
	}
	if v.live[handle] == nil {
		v.live[handle] = v.h.signIn(handle, password)
	}
	return v.live[handle]
}

// holder is a program whose key's owner holds these permissions and the right to have keys.
func (v *walkers) holder(permissions ...string) *client {
	owner := v.signedIn(append([]string{permission.UsePersonalAccessKeys}, permissions...)...)
	name := "key of " + owner.id
	if v.live[name] == nil {
		_, v.live[name] = owner.newKey("walk")
	}
	return v.live[name]
}

// forget makes everyone get a new credential, after a request that may have ended some.
func (v *walkers) forget() { clear(v.live) }

// bury makes the callers whose credentials have ended, each in another way.
func (v *walkers) bury() {
	h := v.h
	idle, old := h.member("idle", permission.Administrator), h.member("old", permission.Administrator)
	for range 24 {
		h.clock.advance(59 * time.Minute)
		old.get("/api/accounts").want(200)
	}
	h.clock.advance(25 * time.Minute) // old was in use all the time
	h.root = h.signIn("root", password)
	_, revoked := h.root.newKey("revoked")
	revoked.delete("/api/access-keys/self").want(204)
	id, disabled := h.root.newKey("disabled")
	h.root.patch("/api/auth/access-keys/"+id, map[string]any{"enabled": false}).want(200)
	id, expired := h.root.newKey("expired")
	h.root.patch("/api/auth/access-keys/"+id, map[string]any{"expires_at": h.clock.Now().Add(time.Second)}).want(200)
	h.clock.advance(2 * time.Second)
	gone := h.member("gone", permission.Administrator)
	_, goneKey := gone.newKey("gone")
	h.root.post("/api/admin/accounts/"+gone.id+"/suspend", nil).want(200)
	left := h.member("left", permission.Administrator)
	left.post("/api/auth/logout", nil).want(204)
	minted, _, err := token.Mint(rand.Reader, "lk")
	if err != nil {
		h.t.Fatal(err)
	}
	v.dead = map[string]*client{
		"idle session": idle, "session older than a day": old, "session that was signed out": left, "session of a suspended account": gone,
		"session that never was": h.anonymous().with("Cookie", "latchkey-session=bm90IGEgc2Vzc2lvbg"), "empty session": h.anonymous().with("Cookie", "latchkey-session="),
		"revoked key": revoked, "disabled key": disabled, "expired key": expired, "key of a suspended owner": goneKey,
		"key that never was": h.anonymous().withKey(minted.Reveal()), "malformed key": h.anonymous().withKey("lkpat_nonsense"),
	}
}

func newWalkers(t *testing.T) *walkers {
	t.Helper()
	v := &walkers{h: newHarness(t, func(s *settings) { s.keysMost = 1000 }), handles: map[string]string{}, live: map[string]*client{}}
	v.bury()
	return v
}

// passed is what to expect of a request that the guard lets through; what the handler says of it is not the walk's business.
const passed = "passed"

// guardVerdict is how the guard decided: a code, or passed.
func guardVerdict(a *answer) string {
	code := a.codeIfAny()
	status := map[string]int{"credential_required": 401, "credential_invalid": 401, "permission_denied": 403, "credential_not_allowed": 403}[code]
	switch status {
	case 0:
		return passed
	case a.status:
		return code
	default:
		return fmt.Sprintf("%s with status %d", code, a.status)
	}
}

func (a *answer) codeIfAny() string {
	a.t.Helper()
	if a.header.Get("Content-Type") != "application/problem+json" || len(a.body) == 0 { // to HEAD
		return ""
	}
	return a.str("error")
}

// judged is what the guard must say to someone who proved who they are; takes: the operation takes their kind of credential.
func (w walked) judged(takes, held bool) string {
	switch {
	case w.anyone():
		return passed
	case !takes:
		return "credential_not_allowed"
	case w.permission != public && !held:
		return "permission_denied"
	}
	return passed
}

// unless is what the guard must say to someone without a credential that can be used.
func (w walked) unless(code string) string {
	if w.anyone() {
		return passed
	}
	return code
}

// asked lists what the operation asks for; others what it does not, without those that would do anyway.
func (w walked) asked() []string {
	return slices.DeleteFunc(permission.All(), func(p string) bool { return p != w.permission })
}

func (w walked) others() []string {
	return slices.DeleteFunc(permission.All(), func(p string) bool { return p == w.permission || p == permission.Administrator })
}

type walkerKind struct {
	name string
	who  func(walked) *client
	want func(walked) string
}

func (v *walkers) kinds() []walkerKind {
	havingKeys := func(w walked) bool { return w.permission == permission.UsePersonalAccessKeys }
	all := []walkerKind{
		{"nobody", func(walked) *client { return v.h.anonymous() }, func(w walked) string { return w.unless("credential_required") }},
		{"signed in without any permission", func(walked) *client { return v.signedIn() }, func(w walked) string { return w.judged(w.session, false) }},
		{"signed in with exactly the permission", func(w walked) *client { return v.signedIn(w.asked()...) }, func(w walked) string { return w.judged(w.session, true) }},
		{"signed in with every permission but that", func(w walked) *client { return v.signedIn(w.others()...) }, func(w walked) string { return w.judged(w.session, false) }},
		{"signed in as administrator", func(walked) *client { return v.signedIn(permission.Administrator) }, func(w walked) string { return w.judged(w.session, true) }},
		{"a key whose owner may have keys only", func(walked) *client { return v.holder() }, func(w walked) string { return w.judged(w.key, havingKeys(w)) }},
		{"a key whose owner holds the permission", func(w walked) *client { return v.holder(w.asked()...) }, func(w walked) string { return w.judged(w.key, true) }},
		{"a key whose owner holds every other", func(w walked) *client { return v.holder(w.others()...) }, func(w walked) string { return w.judged(w.key, havingKeys(w)) }},
		{"a key of an administrator", func(walked) *client { return v.holder(permission.Administrator) }, func(w walked) string { return w.judged(w.key, true) }},
	}
	for what, c := range v.dead {
		all = append(all, walkerKind{what, func(walked) *client { return c }, func(w walked) string { return w.unless("credential_invalid") }})
	}
	return all
}

// ASVS 7.3.1, 7.3.2, 7.4.1, 7.4.2, 8.2.1: every operation is closed to whoever does not hold what it asks for.
func TestWalkOfEveryOperationWithEveryCaller(t *testing.T) {
	t.Parallel()
	v := newWalkers(t)
	kinds := v.kinds()
	for _, w := range walkContract(t) {
		for _, k := range kinds {
			a := w.ask(k.who(w))
			if got := guardVerdict(a); got != k.want(w) {
				t.Errorf("%s, %s: %s, want %s: %s", w.id, k.name, got, k.want(w), a.body)
			}
			if a.status >= 500 {
				t.Errorf("%s, %s: %d: %s", w.id, k.name, a.status, a.body)
			}
			if a.status < 300 && w.method != http.MethodGet {
				v.forget()
			}
		}
	}
}

// A key works only while its owner may have keys, and the rest of the owner's permissions does not help.
func TestWalkWithAKeyWhoseOwnerMayNotHaveKeysAnyMore(t *testing.T) {
	t.Parallel()
	v := newWalkers(t)
	m := v.h.member("grace", permission.UsePersonalAccessKeys)
	_, key := m.newKey("kept")
	role := v.h.root.post("/api/roles", map[string]any{"name": "rest", "permissions": []string{
		permission.ManageAccounts, permission.ManageRoles, permission.ViewAuditLog}}).want(200).str("id")
	v.h.root.do("PUT", "/api/accounts/grace/roles/"+role, nil).want(200)
	held := m.get("/api/accounts").want(200).list("roles")
	for _, r := range held {
		if r["id"] != role {
			v.h.root.delete("/api/accounts/grace/roles/" + r["id"].(string)).want(200)
		}
	}
	for _, w := range walkContract(t) {
		want := "permission_denied"
		if w.anyone() {
			want = passed
		}
		if a := w.ask(key); guardVerdict(a) != want {
			t.Errorf("%s: %s, want %s: %s", w.id, guardVerdict(a), want, a.body)
		}
	}
}
