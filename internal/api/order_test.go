package api

import (
	"hash/crc32"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-dev/latchkey/internal/permission"
)

// The order of checks is a promise: size, credential, permission, body.
func TestWalkInTheOrderOfChecks(t *testing.T) {
	t.Parallel()
	v := newWalkers(t)
	for _, w := range walkContract(t) {
		holder, stranger := v.signedIn(permission.Administrator), v.signedIn()
		if !w.session {
			holder, stranger = v.holder(permission.Administrator), v.holder()
		}
		barred := w.judged(true, w.permission == public)
		if barred == passed { // nobody with a credential is refused, so the body is next
			barred = "request_invalid"
		}
		closed := func(code string) string {
			if w.anyone() {
				return "request_invalid"
			}
			return code
		}
		address, huge := w.with(nobodysID), strings.Repeat("x", w.maxBody+1)
		for _, tc := range []struct {
			name string
			got  *answer
			want string
		}{
			{"too large, without a credential", w.send(v.h.anonymous(), address, huge), "body_too_large"},
			{"too large, with a key that cannot be used", w.send(v.dead["revoked key"], address, huge), "body_too_large"},
			{"too large, without the permission", w.send(stranger, address, huge), "body_too_large"},
			{"a bad body, without a credential", w.send(v.h.anonymous(), address, `{"`), closed("credential_required")},
			{"a bad body, with a key that cannot be used", w.send(v.dead["revoked key"], address, `{"`), closed("credential_invalid")},
			{"a bad body, without the permission", w.send(stranger, address, `{"`), barred},
			{"a bad query, without the permission", stranger.do(w.method, address+"?nonsense=1", nil), barred},
			{"a bad body, with all that it takes", w.send(holder, address, `{"`), "request_invalid"},
			{"a bad query, with all that it takes", holder.do(w.method, address+"?nonsense=1", nil), "request_invalid"},
		} {
			if code := tc.got.codeIfAny(); code != tc.want {
				t.Errorf("%s, %s: %s, want %s: %s", w.id, tc.name, code, tc.want, tc.got.body)
			}
		}
	}
}

func TestWalkWithTwoCredentialsAtOnce(t *testing.T) {
	t.Parallel()
	v := newWalkers(t)
	for _, w := range walkContract(t) {
		session := v.signedIn(permission.Administrator)
		both := session.with("Authorization", v.holder(permission.Administrator).header.Get("Authorization"))
		deadToo := session.with("Authorization", "Bearer lkpat_nonsense")
		for name, c := range map[string]*client{"both good": both, "one good": deadToo} {
			a := w.ask(c)
			if got := a.codeIfAny(); (got == "credentials_ambiguous") == w.anyone() {
				t.Errorf("%s, %s: %d %s", w.id, name, a.status, got)
			}
		}
	}
}

// What cannot be an id is not looked for, and is not found.
func TestWalkWithIDsThatCannotBe(t *testing.T) {
	t.Parallel()
	v := newWalkers(t)
	root := v.signedIn(permission.Administrator)
	count := 0
	for _, w := range walkContract(t) {
		for _, parameter := range pathParameter.FindAllString(w.path, -1) {
			count++
			for _, id := range []string{"0", "-", "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEF", nobodysID + "0", "%00" + nobodysID[1:], "00000000000000000%27--",
				"..%2f" + nobodysID, "%C3%A9", "zzzzzzzzzzzzzzzzzzz%20"} {
				if parameter == "{handle}" && id == "0" { // may be one
					continue
				}
				address := strings.Replace(w.path, parameter, id, 1)
				address = pathParameter.ReplaceAllString(address, nobodysID)
				body := ""
				if w.body != "" {
					body = `{}`
				}
				w.send(root, address, body).want(404, "not_found")
				w.send(v.h.anonymous(), address, body).want(401, "credential_required")
			}
		}
	}
	if count < 10 {
		t.Errorf("only %d path parameters", count)
	}
}

// ASVS 8.2.2: what is somebody else's answers to the byte like what nobody has.
func TestSomebodyElsesIsLikeNobodys(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	ada, eve := h.member("ada", "USE_PERSONAL_ACCESS_KEYS"), h.member("eve", "USE_PERSONAL_ACCESS_KEYS")
	id, key := ada.newKey("hers")
	_, program := eve.newKey("his")
	session, _ := ada.get("/api/auth/sessions").want(200).list("sessions")[0]["id"].(string)
	name := map[string]any{"name": "mine now"}
	for _, tc := range []struct {
		name string
		ask  func(id string) *answer
		id   string
	}{
		{"see a key", func(id string) *answer { return eve.get("/api/auth/access-keys/" + id) }, id},
		{"see a key with a key", func(id string) *answer { return program.get("/api/auth/access-keys/" + id) }, id},
		{"rename a key", func(id string) *answer { return eve.patch("/api/auth/access-keys/"+id, name) }, id},
		{"rename a key as last seen", func(id string) *answer {
			return eve.with("If-Match", `"1"`).patch("/api/auth/access-keys/"+id, name)
		}, id},
		{"rename a key, with a name that cannot be", func(id string) *answer {
			return eve.patch("/api/auth/access-keys/"+id, map[string]any{"name": " "})
		}, id},
		{"revoke a key", func(id string) *answer { return eve.delete("/api/auth/access-keys/" + id) }, id},
		{"revoke a key with a key", func(id string) *answer { return program.delete("/api/auth/access-keys/" + id) }, id},
		{"end a session", func(id string) *answer { return eve.delete("/api/auth/sessions/" + id) }, session},
	} {
		others, nobodys := tc.ask(tc.id).want(404, "not_found"), tc.ask(nobodysID).want(404, "not_found")
		others.sameButTrace(nobodys, tc.name)
	}
	key.get("/api/accounts").want(200)
	if got := ada.get("/api/auth/access-keys/" + id).want(200).str("name"); got != "hers" {
		t.Errorf("the key is now called %q", got)
	}
}

// Whoever holds a key learns that it opens nothing, and not why.
func TestEveryKeyThatOpensNothingAnswersTheSame(t *testing.T) {
	t.Parallel()
	v := newWalkers(t)
	h := v.h
	one, two := h.member("one", "USE_PERSONAL_ACCESS_KEYS"), h.member("two", "USE_PERSONAL_ACCESS_KEYS")
	_, first := one.newKey("first")
	_, second := two.newKey("second")
	a, b := first.header.Get("Authorization")[len("Bearer "):], second.header.Get("Authorization")[len("Bearer "):]
	const idEnd = len("lkpat_") + 16
	pattern := v.dead["malformed key"].get("/api/accounts").want(401, "credential_invalid")
	for name, c := range map[string]*client{
		"never issued":                     v.dead["key that never was"],
		"revoked":                          v.dead["revoked key"],
		"disabled":                         v.dead["disabled key"],
		"expired":                          v.dead["expired key"],
		"of a suspended owner":             v.dead["key of a suspended owner"],
		"with the secret of another key":   h.anonymous().withKey(sealed(a[:idEnd] + b[idEnd:len(b)-6])),
		"with one letter changed":          h.anonymous().withKey(a[:30] + string(a[30]^1) + a[31:]),
		"with another checksum":            h.anonymous().withKey(a[:len(a)-6] + b[len(b)-6:]),
		"cut short":                        h.anonymous().withKey(a[:len(a)-1]),
		"with a letter too many":           h.anonymous().withKey(a + "0"),
		"of the right length and no shape": h.anonymous().withKey(strings.Repeat("x", len(a))),
		"of many letters":                  h.anonymous().withKey(strings.Repeat("x", 8000)),
		"that is a password":               h.anonymous().withKey(password),
	} {
		for _, method := range []string{"GET", "POST"} { // GET takes keys, POST does not
			path := map[string]string{"GET": "/api/accounts", "POST": "/api/auth/access-keys"}[method]
			got := c.do(method, path, nil).want(401, "credential_invalid")
			got.sameButTrace(pattern, name)
		}
	}
	first.get("/api/accounts").want(200)
	second.get("/api/accounts").want(200)
}

// sealed puts the right checksum behind a key of our own making.
func sealed(body string) string {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	sum, tail := crc32.ChecksumIEEE([]byte(body)), [6]byte{}
	for i := len(tail) - 1; i >= 0; i-- {
		tail[i], sum = digits[sum%62], sum/62
	}
	return body + string(tail[:])
}

var traceMember = regexp.MustCompile(`"trace_id":"[0-9a-f]{32}"`)

// sameButTrace fails the test unless the two answers are the same to the byte, but for what tells every request apart.
func (a *answer) sameButTrace(b *answer, what string) {
	a.t.Helper()
	if traceMember.FindString(string(a.body)) == "" || a.status != b.status ||
		traceMember.ReplaceAllString(string(a.body), "") != traceMember.ReplaceAllString(string(b.body), "") {
		a.t.Errorf("%s: two answers that differ:\n%d %s\n%d %s", what, a.status, a.body, b.status, b.body)
	}
	x, y := a.header.Clone(), b.header.Clone()
	for _, h := range []http.Header{x, y} {
		h.Del("X-Request-Id")
		h.Del("Date")
	}
	if !maps.EqualFunc(x, y, slices.Equal) {
		a.t.Errorf("%s: two answers whose headers differ:\n%v\n%v", what, x, y)
	}
}
