package api

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-dev/latchkey/internal/permission"
	"github.com/latchkey-dev/latchkey/internal/token"
	"github.com/latchkey-dev/latchkey/internal/verify"
)

const (
	verifyPath     = "/api/access-keys/verify"
	introspectPath = "/oauth/introspect"
)

// secret is the key of a program.
func (c *client) secret() string { return strings.TrimPrefix(c.header.Get("Authorization"), "Bearer ") }

// verify asks for a verdict on a key; more are further members of the request.
func (c *client) verify(key string, more ...object) *answer {
	c.h.t.Helper()
	body := object{"key": key}
	for _, m := range more {
		for name, value := range m {
			body[name] = value
		}
	}
	return c.post(verifyPath, body)
}

// introspect asks whether a token is active.
func (c *client) introspect(token string) *answer {
	c.h.t.Helper()
	return c.form(url.Values{"token": {token}}.Encode())
}

func (c *client) form(body string) *answer {
	c.h.t.Helper()
	return c.send("POST", introspectPath, strings.NewReader(body), formType)
}

// asker is a service that may ask about keys, by a key of its own.
func (h *harness) asker() *client {
	h.t.Helper()
	_, program := h.member("asker", permission.VerifyAccessKeys, permission.UsePersonalAccessKeys, "*:*").newKey("asker")
	return program
}

// cachedNowhere fails the test unless nobody on the way may keep the answer.
func (a *answer) cachedNowhere() *answer {
	a.t.Helper()
	if got := a.header["Cache-Control"]; !slices.Equal(got, []string{"no-store"}) {
		a.t.Errorf("%s: Cache-Control: %q", a.what, got)
	}
	return a
}

// lot is a key and what it is worth.
type lot struct {
	say, key string
	want     verify.Code
}

// lots makes a key of every kind. They are what they are two minutes later.
func (h *harness) lots() []lot {
	h.t.Helper()
	newKey := func(of *client, more object) (string, string) {
		body := object{"name": "lot"}
		for name, value := range more {
			body[name] = value
		}
		got := of.post(ownKeys, body).want(200)
		return got.str("id"), got.str("secret")
	}
	soon, later := object{"expires_at": rfc3339(h.clock.Now().Add(time.Minute))}, object{"expires_at": rfc3339(h.clock.Now().Add(time.Hour))}
	grace := h.member("grace", permission.UsePersonalAccessKeys, "*:*")
	patched := func(more object, changes ...object) string {
		id, key := newKey(grace, more)
		for _, change := range changes {
			grace.patch(ownKeys+"/"+id, change).want(200)
		}
		return key
	}
	revoked := func(more object, sql string) string {
		id, key := newKey(grace, more)
		grace.delete(ownKeys + "/" + id).want(204)
		if sql != "" {
			h.exec(sql, id)
		}
		return key
	}
	// of gives a key of somebody to whom something happens afterwards.
	of := func(handle string, more object, happen func(id string)) string {
		m := h.member(handle, permission.UsePersonalAccessKeys, "*:*")
		_, key := newKey(m, more)
		happen(m.id)
		return key
	}
	suspend := func(id string) { h.root.post("/api/admin/accounts/"+id+"/suspend", nil).want(200) }
	restore := func(id string) { h.root.post("/api/admin/accounts/"+id+"/restore", nil).want(200) }
	roleOf := func(handle string) string {
		return scalar[string](h, "SELECT id FROM role WHERE name = $1", "role of "+handle)
	}
	lower := func(handle string, permissions ...string) func(string) {
		return func(string) {
			h.root.patch("/api/roles/"+roleOf(handle), object{"permissions": append([]string{}, permissions...)}).want(200)
		}
	}
	demote := func(handle string) func(string) {
		return func(string) { h.root.delete("/api/accounts/" + handle + "/roles/" + roleOf(handle)).want(200) }
	}
	_, good := newKey(grace, nil)
	_, other := newKey(grace, nil)
	_, roots := newKey(h.root, nil)
	minted, _, err := token.Mint(rand.Reader, "lk")
	if err != nil {
		h.t.Fatal(err)
	}
	const secretAt = len("lkpat_") + 16 + len("_")
	end := len(good) - 6
	return []lot{
		{"good", good, verify.Valid},
		{"of an administrator", roots, verify.Valid},
		{"that expires in the future", patched(later), verify.Valid},
		{"that would have expired, had it not been given more time", patched(soon, object{"expires_at": nil}), verify.Valid},
		{"that was disabled and enabled", patched(nil, object{"enabled": false}, object{"enabled": true}), verify.Valid},
		{"that was renamed", patched(nil, object{"name": "other"}), verify.Valid},
		{"of somebody who was suspended and restored", of("restored", nil, func(id string) { suspend(id); restore(id) }), verify.Valid},

		{"no key at all", "x", verify.Malformed},
		{"a password", password, verify.Malformed},
		{"a session", strings.TrimPrefix(h.root.header.Get("Cookie"), "latchkey-session="), verify.Malformed},
		{"only the beginning", "lkpat_", verify.Malformed},
		{"only the hint", good[:secretAt-1], verify.Malformed},
		{"a letter short", good[:len(good)-1], verify.Malformed},
		{"a letter long", good + "0", verify.Malformed},
		{"a letter changed", good[:30] + string(good[30]^1) + good[31:], verify.Malformed},
		{"another checksum", good[:end] + other[len(other)-6:], verify.Malformed},
		{"another case", strings.ToUpper(good), verify.Malformed},
		{"another kind", sealed(strings.Replace(good[:end], "pat_", "svc_", 1)), verify.Malformed},
		{"no brand", sealed(strings.TrimPrefix(good[:end], "lk")), verify.Malformed},
		{"a brand in capitals", sealed("LK" + good[2:end]), verify.Malformed},
		{"a sign that is no digit", sealed(good[:30] + "-" + good[31:end]), verify.Malformed},
		{"a letter of another alphabet", sealed(good[:30] + "\u00e9" + good[32:end]), verify.Malformed},
		{"an encoded separator", strings.ReplaceAll(good, "_", "%5F"), verify.Malformed},
		{"in quotes", `"` + good + `"`, verify.Malformed},
		{"behind the scheme", "Bearer " + good, verify.Malformed},
		{"and a word", good + " x", verify.Malformed},
		{"twice", good + good, verify.Malformed},
		{"many letters", strings.Repeat("x", 8000), verify.Malformed},

		{"never made", minted.Reveal(), verify.NotFound},
		{"of an unknown id", sealed("lkpat_" + strings.Repeat("0", 16) + good[secretAt-1:end]), verify.NotFound},
		{"with another key's secret", sealed(good[:secretAt] + other[secretAt:end]), verify.NotFound},
		{"with another id", sealed(other[:secretAt] + good[secretAt:end]), verify.NotFound},
		{"with a secret one letter off", sealed(good[:end-1] + string(swapped(good[end-1]))), verify.NotFound},
		{"with the secret of a revoked key", sealed(good[:secretAt] + revoked(nil, "")[secretAt:end]), verify.NotFound},
		{"revoked, with another secret", sealed(revoked(nil, "")[:secretAt] + other[secretAt:end]), verify.NotFound},

		{"revoked", revoked(nil, ""), verify.Revoked},
		{"being revoked", revoked(nil, "UPDATE access_key SET revocation_effective_at = NULL WHERE id = $1"), verify.Revoked},
		{"revoked, and expired since", revoked(soon, ""), verify.Revoked},
		{"disabled", patched(nil, object{"enabled": false}), verify.Disabled},
		{"disabled, and expired since", patched(soon, object{"enabled": false}), verify.Disabled},
		{"expired", patched(soon), verify.Expired},
		{"ended earlier than it was to", patched(later, soon), verify.Expired},
		{"expired, of a suspended owner", of("gone-late", soon, suspend), verify.Expired},
		{"expired, of an owner without roles", of("poor-late", soon, demote("poor-late")), verify.Expired},

		{"of a suspended owner", of("gone", nil, suspend), verify.AccountSuspended},
		{"of a suspended owner without roles", of("gone-poor", nil, func(id string) { demote("gone-poor")(id); suspend(id) }), verify.AccountSuspended},
		{"of an owner without any role", of("poor", nil, demote("poor")), verify.KeyUseNotPermitted},
		{"of an owner whose role gives nothing", of("empty", nil, lower("empty")), verify.KeyUseNotPermitted},
		{"of an owner who may do all but have keys", of("barred", nil, lower("barred", permission.ManageAccounts, permission.ManageRoles,
			permission.VerifyAccessKeys, permission.ViewAuditLog)), verify.KeyUseNotPermitted},
		{"of an owner who became administrator", of("risen", nil, lower("risen", permission.Administrator)), verify.Valid},
	}
}

func swapped(c byte) byte {
	if c == 'a' {
		return 'b'
	}
	return 'a'
}

// A key is worth the same at every door, on every instance, known to it or not.
func TestEveryDoorGivesTheSameVerdict(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	service, lots := h.asker(), h.lots()
	browser := h.signIn("asker", password)
	h.clock.advance(2 * time.Minute)
	doors := []struct {
		name string
		ask  func(at, key string) *answer
		want func(verify.Code) string
		got  func(*answer) string
	}{
		{"verify by key", func(at, key string) *answer { return service.at(at).verify(key) }, wantCode, gotCode},
		{"verify by session", func(at, key string) *answer { return browser.at(at).verify(key) }, wantCode, gotCode},
		{"strict", func(at, key string) *answer { return service.at(at).verify(key, object{"consistency": "strict"}) }, wantCode, gotCode},
		{"introspect", func(at, key string) *answer { return service.at(at).introspect(key) },
			func(c verify.Code) string { return fmt.Sprintf("200 %t", c == verify.Valid) },
			func(a *answer) string { return fmt.Sprintf("%d %v", a.status, a.json()["active"]) }},
		{"gateway", func(at, key string) *answer {
			return h.anonymous().withKey(key).at(at).get(forwardAuthPath + "/media/1")
		}, wantStatus, gotStatus},
		{"direct", func(at, key string) *answer { return h.anonymous().withKey(key).at(at).get("/api/accounts") }, wantStatus, gotStatus},
	}
	for _, instance := range []string{h.url, h.instance()} {
		for round := range 2 { // from the database, and from memory
			for _, l := range lots {
				for _, d := range doors {
					a := d.ask(instance, l.key).cachedNowhere()
					if got := d.got(a); got != d.want(l.want) {
						t.Errorf("%s, %s, round %d: %s, want %s: %s", l.say, d.name, round, got, d.want(l.want), a.body)
					}
				}
			}
		}
	}
	for _, l := range lots {
		if len(l.key) > 20 && strings.Contains(h.log.String(), l.key) {
			t.Errorf("%s: the log holds the key", l.say)
		}
	}
	h.noAlarm()
}

func wantCode(c verify.Code) string { return fmt.Sprintf("200 %s %d", c, meanings[c].status) }
func gotCode(a *answer) string {
	return fmt.Sprintf("%d %v %v", a.status, a.json()["code"], a.json()["status"])
}

// wantStatus is what a holder is told: that the key opens nothing, and only if its owner may not have keys, why.
func wantStatus(c verify.Code) string {
	return map[int]string{200: "200", 401: "401 credential_invalid", 403: "403 permission_denied"}[meanings[c].status]
}

func gotStatus(a *answer) string { return strings.TrimSpace(fmt.Sprint(a.status, " ", a.problem())) }

// What a verdict tells, member by member: no more than the contract has, and of a key that is not good nothing.
func TestWhatAVerdictTells(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	service := h.asker()
	ada := h.administrator("ada")
	grace := h.member("grace", permission.UsePersonalAccessKeys, permission.ViewAuditLog)
	id, program := grace.newKey("bot")
	key := program.secret()
	_, adas := ada.newKey("ada's")
	issued := ada.post(ownKeys, object{"name": "dated", "expires_at": "2031-01-01T00:00:00Z"}).want(200)
	is := func(a *answer, want object) {
		t.Helper()
		if diff := cmp.Diff(a.want(200).cachedNowhere().json(), want); diff != "" {
			t.Errorf("%s (-is +want):\n%s", a.what, diff)
		}
	}
	keyOf := object{"id": id, "name": "bot"}
	graces := object{"id": grace.id, "handle": "grace", "kind": "member"}
	adaIs := object{"id": ada.id, "handle": "ada", "kind": "member"}
	adasID := ada.get(ownKeys).list("keys")[1]["id"]
	is(service.verify(key), object{"valid": true, "code": "VALID", "status": 200.0, "key": keyOf, "account": graces})
	is(service.verify(key, object{"permission": "VIEW_AUDIT_LOG"}), object{"valid": true, "code": "VALID", "status": 200.0, "key": keyOf, "account": graces,
		"required": "VIEW_AUDIT_LOG", "matched": "VIEW_AUDIT_LOG"})
	is(service.verify(key, object{"permission": "MANAGE_ROLES"}), object{"valid": false, "code": "INSUFFICIENT_PERMISSIONS", "status": 403.0,
		"message": "You are not authorized.", "required": "MANAGE_ROLES", "denied_by": "owner"})
	is(service.verify(key, object{"permission": "FLY"}), object{"valid": false, "code": "INSUFFICIENT_PERMISSIONS", "status": 403.0,
		"message": "You are not authorized.", "required": "FLY", "denied_by": "owner"})
	is(service.verify(adas.secret(), object{"permission": "MANAGE_ROLES"}), object{"valid": true, "code": "VALID", "status": 200.0,
		"key": object{"id": adasID, "name": "ada's"}, "account": adaIs, "required": "MANAGE_ROLES", "matched": "ADMINISTRATOR"})
	is(service.verify(adas.secret(), object{"permission": "ADMINISTRATOR"}), object{"valid": true, "code": "VALID", "status": 200.0,
		"key": object{"id": adasID, "name": "ada's"}, "account": adaIs, "required": "ADMINISTRATOR", "matched": "ADMINISTRATOR"})
	is(service.verify(adas.secret(), object{"permission": "FLY"}), object{"valid": true, "code": "VALID", "status": 200.0,
		"key": object{"id": adasID, "name": "ada's"}, "account": adaIs, "required": "FLY", "matched": "ADMINISTRATOR"})
	is(service.verify(issued.str("secret")), object{"valid": true, "code": "VALID", "status": 200.0,
		"key": object{"id": issued.str("id"), "name": "dated", "expires_at": "2031-01-01T00:00:00Z"}, "account": adaIs})
	is(service.verify("x", object{"permission": "VIEW_AUDIT_LOG"}), object{"valid": false, "code": "MALFORMED", "status": 401.0, "message": "This is not an access key."})
	is(service.verify(""), object{"valid": false, "code": "MALFORMED", "status": 401.0, "message": "This is not an access key."})

	made := scalar[time.Time](h, "SELECT created_at FROM access_key WHERE id = $1", id).Unix()
	is(service.introspect(key), object{"active": true, "scope": "USE_PERSONAL_ACCESS_KEYS VIEW_AUDIT_LOG", "sub": grace.id, "username": "grace", "client_id": id,
		"iat": float64(made), "token_type": "Bearer", "iss": "http://localhost:8080"})
	got := service.introspect(issued.str("secret")).want(200)
	if end, _ := got.json()["exp"].(float64); int64(end) != time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC).Unix() || got.str("scope") != "ADMINISTRATOR" {
		t.Errorf("introspected: %s", got.body)
	}

	grace.delete(ownKeys + "/" + id).want(204)
	is(service.verify(key, object{"permission": "VIEW_AUDIT_LOG"}), object{"valid": false, "code": "REVOKED", "status": 401.0, "message": "The access key is revoked."})
	h.root.delete("/api/accounts/ada/roles/" + administratorRole).want(200)
	is(service.verify(adas.secret(), object{"permission": "FLY"}), object{"valid": false, "code": "KEY_USE_NOT_PERMITTED", "status": 403.0,
		"message": "The owner of the access key may not use access keys any more.", "denied_by": "owner"})
	for say, key := range map[string]string{"revoked": key, "of no use": adas.secret(), "malformed": "x"} {
		if a := service.introspect(key).want(200).cachedNowhere(); strings.TrimSpace(string(a.body)) != `{"active":false}` {
			t.Errorf("%s: introspected: %s", say, a.body)
		}
	}
}

// Who asks must be allowed to, by key or by session; who may not is not told whether the question makes sense.
func TestWhoMayAskAboutKeys(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	service := h.asker()
	everything := h.member("clerk", permission.ManageAccounts, permission.ManageRoles, permission.UsePersonalAccessKeys, permission.ViewAuditLog)
	_, clerk := everything.newKey("clerk")
	_, roots := h.root.newKey("root")
	body := object{"key": "x"}
	verify := func(say string, by *client, body any, status int, code string) sentence {
		return sentence{say: "verify: " + say, by: by, method: "POST", path: verifyPath, body: body, status: status, code: code}
	}
	h.hold(
		verify("nobody", h.anonymous(), body, 401, "credential_required"),
		verify("a dead key", h.anonymous().withKey("lkpat_x"), body, 401, "credential_invalid"),
		verify("a session without the permission", everything, body, 403, "permission_denied"),
		verify("a key without the permission", clerk, body, 403, "permission_denied"),
		verify("a key without the permission, about itself", clerk, object{"key": clerk.secret()}, 403, "permission_denied"),
		verify("without the permission and with a bad body", clerk, object{"kee": "x"}, 403, "permission_denied"),
		verify("a session with it", h.signIn("asker", password), body, 200, ""),
		verify("a key with it", service, body, 200, ""),
		verify("a session of an administrator", h.root, body, 200, ""),
		verify("a key of an administrator", roots, body, 200, ""),
		verify("a key, about itself", service, object{"key": service.secret()}, 200, ""),
		verify("a session and a key", h.root.with("Authorization", "Bearer "+service.secret()), body, 400, "credentials_ambiguous"),
	)
	for say, tc := range map[string]struct {
		by     *client
		status int
		code   string
	}{
		"nobody":                        {h.anonymous(), 401, "credential_required"},
		"a session, which is not taken": {h.root, 403, "credential_not_allowed"},
		"a key without the permission":  {clerk, 403, "permission_denied"},
		"a key with it":                 {service, 200, ""},
		"a key of an administrator":     {roots, 200, ""},
	} {
		for _, body := range []string{"token=x", "nonsense"} {
			a := tc.by.form(body)
			if tc.status == 200 && body == "nonsense" {
				a.want(400, "request_invalid")
			} else if a.status != tc.status || a.codeIfAny() != tc.code {
				t.Errorf("introspect: %s, %s: %d %s", say, body, a.status, a.body)
			}
			a.cachedNowhere()
		}
	}
}

// RFC 6750 and security.md: one credential, in its own header, whichever door it is for. A gateway knows no 400.
func TestHowKeysAreSentToEveryDoor(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	key := h.asker().secret()
	nobody := h.anonymous()
	bearer := func(v string) *client { return nobody.with("Authorization", v) }
	type row struct {
		say    string
		c      *client
		query  string
		status int
		code   string
	}
	rows := []row{
		{"a key", bearer("Bearer " + key), "", 200, ""},
		{"the scheme in lower case", bearer("bearer " + key), "", 200, ""},
		{"the scheme in capitals", bearer("BEARER " + key), "", 200, ""},
		{"two blanks", bearer("Bearer  " + key), "", 200, ""},
		{"nothing", nobody, "", 401, "credential_required"},
		{"an empty line", bearer(""), "", 401, "credential_required"},
		{"a scheme only", bearer("Bearer"), "", 401, "credential_required"},
		{"a scheme and blanks", bearer("Bearer   "), "", 401, "credential_required"},
		{"a key without a scheme", bearer(key), "", 401, "credential_required"},
		{"another scheme", bearer("Digest " + key), "", 401, "credential_required"},
		{"another scheme that begins alike", bearer("Bearerx " + key), "", 401, "credential_required"},
		{"a tab", bearer("Bearer\t" + key), "", 401, "credential_required"},
		{"two lines", nobody.lines("Authorization", "Bearer "+key, "Bearer x"), "", 400, "credentials_ambiguous"},
		{"two lines, the same", nobody.lines("Authorization", "Bearer "+key, "Bearer "+key), "", 400, "credentials_ambiguous"},
		{"two lines, one empty", nobody.lines("Authorization", "", "Bearer "+key), "", 400, "credentials_ambiguous"},
		{"two lines, one Basic", nobody.lines("Authorization", "Basic eDp5", "Bearer "+key), "", 400, "credentials_ambiguous"},
		{"two in one line", bearer("Bearer " + key + ", Bearer " + key), "", 400, "credentials_ambiguous"},
		{"two in one line, without a blank", bearer("Bearer " + key + ",Bearer x"), "", 400, "credentials_ambiguous"},
		{"a parameter behind it", bearer("Bearer " + key + `, realm="x"`), "", 400, "credentials_ambiguous"},
		{"a dead key", bearer("Bearer lkpat_x"), "", 401, "credential_invalid"},
		{"a key in the query", nobody, "?access_token=" + key, 401, "credential_required"},
		{"a key in the query under our name", nobody, "?key=" + key + "&token=" + key, 401, "credential_required"},
		{"a key as a user of the URL", nobody.with("X-Original-Url", "https://"+key+"@example.com/"), "", 401, "credential_required"},
		{"a key in another header", nobody.with("X-Api-Key", key), "", 401, "credential_required"},
		{"a key in a proxy's header", nobody.with("Proxy-Authorization", "Bearer "+key), "", 401, "credential_required"},
		{"a key in the original URI", nobody.with("X-Forwarded-Uri", "/?access_token="+key), "", 401, "credential_required"},
	}
	for _, r := range rows {
		for door, a := range map[string]*answer{
			"direct":     r.c.get("/api/accounts" + r.query),
			"verify":     r.c.post(verifyPath+r.query, object{"key": key}),
			"introspect": r.c.send("POST", introspectPath+r.query, strings.NewReader("token="+key), formType),
			"gateway":    r.c.get(forwardAuthPath + r.query),
		} {
			status := r.status
			if door == "gateway" && status == 400 {
				status = 401
			}
			if a.status != status || a.codeIfAny() != r.code {
				t.Errorf("%s, %s: %d %s, want %d %s: %s", r.say, door, a.status, a.codeIfAny(), status, r.code, a.body)
			}
			if challenge := a.header.Get("WWW-Authenticate"); (challenge != "") != (a.status == 401) || strings.Contains(challenge, "invalid_token") != (r.code == "credential_invalid") {
				t.Errorf("%s, %s: WWW-Authenticate: %s", r.say, door, challenge)
			}
			a.cachedNowhere()
			a.keepsQuiet(h, key[len(key)-49:])
		}
	}
	// In the query beside one that counts: ours is refused, and a gateway's is the business of what stands behind it.
	program := bearer("Bearer " + key)
	program.get("/api/accounts?access_token="+key).want(400, "request_invalid")
	program.post(verifyPath+"?access_token="+key, object{"key": key}).want(400, "request_invalid")
	program.send("POST", introspectPath+"?token="+key, strings.NewReader("token="+key), formType).want(400, "request_invalid")
	program.get(forwardAuthPath + "?access_token=" + key).want(200)
}

// OAuth libraries know HTTP Basic: the user names the key, and the password is all of it.
func TestIntrospectionTakesAKeyAsBasic(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	asker := h.member("asker", permission.VerifyAccessKeys, permission.UsePersonalAccessKeys)
	id, program := asker.newKey("asker")
	_, other := asker.newKey("other")
	_, powerless := h.member("grace", permission.UsePersonalAccessKeys, "*:*").newKey("grace")
	key := program.secret()
	hint := key[:len("lkpat_")+16]
	for _, tc := range []struct {
		say, user, secret string
		status            int
		code              string
	}{
		{"the key's id", id, key, 200, ""},
		{"its hint", hint, key, 200, ""},
		{"the public id that ends the hint", hint[len("lkpat_"):], key, 200, ""},
		{"no user", "", key, 401, "credential_invalid"},
		{"nobody's id", nobodysID, key, 401, "credential_invalid"},
		{"the owner's handle", "asker", key, 401, "credential_invalid"},
		{"the beginning of the hint", hint[:len(hint)-1], key, 401, "credential_invalid"},
		{"the brand", "lkpat", key, 401, "credential_invalid"},
		{"the hint and a separator", hint + "_", key, 401, "credential_invalid"},
		{"the end of the public id", hint[len("lkpat_")+1:], key, 401, "credential_invalid"},
		{"the whole key", key, key, 401, "credential_invalid"},
		{"another key's id", id, other.secret(), 401, "credential_invalid"},
		{"another key's hint", hint, other.secret(), 401, "credential_invalid"},
		{"no password", id, "", 401, "credential_required"},
		{"a password", id, password, 401, "credential_invalid"},
		{"only the secret part", id, key[len(hint)+1:], 401, "credential_invalid"},
		{"a key without the permission", "", powerless.secret(), 401, "credential_invalid"},
		{"a key without the permission, named rightly", powerless.secret()[:len(hint)], powerless.secret(), 403, "permission_denied"},
	} {
		basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(tc.user+":"+tc.secret))
		a := h.anonymous().with("Authorization", basic).introspect(key).cachedNowhere()
		if a.status != tc.status || a.codeIfAny() != tc.code {
			t.Errorf("%s: %d %s, want %d %s", tc.say, a.status, a.body, tc.status, tc.code)
		}
		a.keepsQuiet(h, key[len(key)-49:])
		if tc.status == 200 {
			h.anonymous().with("Authorization", basic).verify(key).want(401, "credential_required")
			h.anonymous().with("Authorization", basic).get("/api/accounts").want(401, "credential_required")
			h.anonymous().with("Authorization", basic).get(forwardAuthPath).want(401, "credential_required")
		}
	}
	for say, value := range map[string]string{"nothing behind it": "Basic", "no base64": "Basic ???", "no colon": "Basic " + base64.StdEncoding.EncodeToString([]byte(key))} {
		if a := h.anonymous().with("Authorization", value).introspect(key); a.status != http.StatusUnauthorized || a.codeIfAny() != "credential_required" {
			t.Errorf("%s: %d %s", say, a.status, a.body)
		}
	}
}

// RFC 6749 section 3.1 and RFC 7662 section 2.1: a form with one token; what is not known is ignored, and nothing is repeated.
func TestTheFormOfIntrospection(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	service := h.asker()
	key := service.secret()
	padded := func(n int) string {
		body := "token=" + key + "&pad="
		return body + strings.Repeat("x", n-len(body))
	}
	for _, tc := range []struct {
		say, kind, body string
		status          int
		want            any // active, or the code of a problem
	}{
		{"a token", formType, "token=" + key, 200, true},
		{"a token, encoded", formType, "token=" + strings.ReplaceAll(key, "_", "%5f"), 200, true},
		{"a hint", formType, "token=" + key + "&token_type_hint=access_token", 200, true},
		{"a hint that is not known", formType, "token_type_hint=nonsense&token=" + key, 200, true},
		{"an empty hint", formType, "token_type_hint=&token=" + key, 200, true},
		{"what is not known", formType, "client_id=x&token=" + key + "&foo=bar&", 200, true},
		{"a charset", formType + "; charset=UTF-8", "token=" + key, 200, true},
		{"the type in capitals", "APPLICATION/X-WWW-FORM-URLENCODED", "token=" + key, 200, true},
		{"blanks around the token", formType, "token=+" + key + "+", 200, false},
		{"another token", formType, "token=x", 200, false},
		{"a token that is no text", formType, "token=%ff%00", 200, false},
		{"the token of somebody's session", formType, "token=" + url.QueryEscape(h.root.header.Get("Cookie")), 200, false},
		{"exactly 8 KiB", formType, padded(maxVerifyBody), 200, true},
		{"one byte more", formType, padded(maxVerifyBody + 1), 413, "body_too_large"},
		{"no token", formType, "token_type_hint=access_token", 400, "request_invalid"},
		{"an empty token", formType, "token=", 400, "request_invalid"},
		{"nothing", formType, "", 400, "request_invalid"},
		{"a token in another case", formType, "Token=" + key, 400, "request_invalid"},
		{"a token twice", formType, "token=x&token=" + key, 400, "request_invalid"},
		{"a token twice, the same", formType, "token=" + key + "&token=" + key, 400, "request_invalid"},
		{"a hint twice", formType, "token=" + key + "&token_type_hint=a&token_type_hint=a", 400, "request_invalid"},
		{"what is not known, twice", formType, "token=" + key + "&foo=1&foo=2", 400, "request_invalid"},
		{"an escape that is none", formType, "token=%zz", 400, "request_invalid"},
		{"semicolons", formType, "a=b;token=" + key, 400, "request_invalid"},
		{"JSON", "application/json", `{"token":"` + key + `"}`, 415, "media_type_unsupported"},
		{"JSON that says it is a form", formType, `{"token":"` + key + `"}`, 400, "request_invalid"},
		{"a form that says it is JSON", "application/json", "token=" + key, 415, "media_type_unsupported"},
		{"no type", "", "token=" + key, 415, "media_type_unsupported"},
		{"a form of the other kind", "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"token\"\r\n\r\n" + key + "\r\n--x--\r\n", 415, "media_type_unsupported"},
		{"two types", formType + ", " + formType, "token=" + key, 415, "media_type_unsupported"},
	} {
		a := service.send("POST", introspectPath, strings.NewReader(tc.body), tc.kind).cachedNowhere()
		got := any(a.codeIfAny())
		if a.status == 200 {
			got = a.json()["active"]
		}
		if a.status != tc.status || got != tc.want {
			t.Errorf("%s: %d %s, want %d %v", tc.say, a.status, a.body, tc.status, tc.want)
		}
		a.keepsQuiet(h, key[len(key)-49:])
	}
	service.with("Content-Encoding", "gzip").introspect(key).want(415, "media_type_unsupported")
	service.with("Content-Type", formType).send("POST", introspectPath, chunked("token="+key), "").want(200)
	service.get(introspectPath).want(405, "method_not_allowed")
}
