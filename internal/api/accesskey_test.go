package api

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey/internal/token"
)

func TestTheStoryOfAKey(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	m := h.member("grace", "USE_PERSONAL_ACCESS_KEYS")
	id, program := m.newKey("Discord bot")
	if got := program.get("/api/accounts").want(200).str("handle"); got != "grace" {
		t.Errorf("the key answers for %q", got)
	}
	program.post("/api/auth/access-keys", object{"name": "another"}).want(403, "credential_not_allowed")
	m.delete("/api/auth/access-keys/" + id).want(204)
	program.get("/api/accounts").want(401, "credential_invalid")
}

const ownKeys = "/api/auth/access-keys"

func rfc3339(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

func TestAccessKeyCreate(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.clock.stop()
	now := h.clock.Now()
	grace := h.member("grace", "USE_PERSONAL_ACCESS_KEYS")
	_, program := grace.newKey("bot")
	rolf := h.member("rolf", "MANAGE_ROLES")
	post := func(say string, by *client, body any, status int, problem string) sentence {
		return sentence{say: say, by: by, method: "POST", path: ownKeys, body: body, status: status, code: problem}
	}
	makes := func(say string, body object, want object) sentence {
		s := post(say, grace, body, 200, "")
		s.then = func(got *answer) {
			want["enabled"], want["status"], want["version"] = true, "active", 1.0
			want["effective_permissions"] = []any{"USE_PERSONAL_ACCESS_KEYS"}
			want["createdAt"], want["updatedAt"] = rfc3339(now), rfc3339(now)
			key := got.json()
			secret, _ := key["secret"].(string)
			parsed, err := token.Parse(secret)
			if err != nil || len(secret) != 72 || key["hint"] != parsed.Prefix() {
				t.Errorf("%s: the secret does not fit the hint %v: %v", say, key["hint"], err)
			}
			for _, own := range []string{"id", "secret", "hint"} {
				delete(key, own)
			}
			if fmt.Sprint(key) != fmt.Sprint(map[string]any(want)) {
				t.Errorf("%s: created %v, want %v", say, key, want)
			}
		}
		return s
	}
	dated := func(at string) object { return object{"name": "x", "expires_at": at} }
	h.hold(
		post("nobody", h.anonymous(), object{"name": "x"}, 401, "credential_required"),
		post("a key", program, object{"name": "x"}, 403, "credential_not_allowed"),
		post("a member without the permission", rolf, object{"name": "x"}, 403, "permission_denied"),
		post("without the permission and with a bad body", rolf, object{"nom": "x"}, 403, "permission_denied"),
		post("no name", grace, object{}, 400, "request_invalid"),
		post("a name null", grace, object{"name": nil}, 400, "request_invalid"),
		post("a name of spaces", grace, object{"name": " \t "}, 400, "name_invalid"),
		post("a name of 101 characters", grace, object{"name": strings.Repeat("\U0001F511", 101)}, 400, "name_invalid"),
		post("a name that turns around", grace, object{"name": "a\u202eb"}, 400, "name_invalid"),
		post("a member that there is not", grace, object{"name": "x", "scopes": []string{}}, 400, "request_invalid"),
		post("an expiry now", grace, dated(rfc3339(now)), 400, "expiry_invalid"),
		post("less than a microsecond from now", grace, dated(rfc3339(now.Add(999))), 400, "expiry_invalid"),
		post("an expiry in the past", grace, dated("2001-01-01T00:00:00Z"), 400, "expiry_invalid"),
		post("an expiry without a zone", grace, dated("2031-01-01T00:00:00"), 400, "request_invalid"),
		post("a day without a time", grace, dated("2031-01-01"), 400, "request_invalid"),
		post("an expiry of another year in UTC", grace, dated("9999-12-31T23:59:59-01:00"), 400, "request_invalid"),
		makes("only a name, trimmed", object{"name": "  Discord bot "}, object{"name": "Discord bot"}),
		makes("a hundred characters", object{"name": strings.Repeat("\U0001F511", 100)}, object{"name": strings.Repeat("\U0001F511", 100)}),
		makes("expiry null", object{"name": "x", "expires_at": nil}, object{"name": "x"}),
		makes("an expiry elsewhere in the world, cut to microseconds", dated("2031-01-01T02:00:00.123456789+02:00"), object{"name": "x", "expires_at": "2031-01-01T00:00:00.123456Z"}),
		makes("the next microsecond", dated(rfc3339(now.Add(time.Microsecond))), object{"name": "x", "expires_at": rfc3339(now.Add(time.Microsecond))}),
		makes("the last moment there is", dated("9999-12-31T23:59:59.999999Z"), object{"name": "x", "expires_at": "9999-12-31T23:59:59.999999Z"}),
		makes("the same name again", object{"name": "Discord bot"}, object{"name": "Discord bot"}),
	)
}

func TestAccessKeyGet(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	grace := h.member("grace", "USE_PERSONAL_ACCESS_KEYS")
	id, program := grace.newKey("bot")
	roots, _ := h.root.newKey("root's")
	rolf := h.member("rolf", "MANAGE_ROLES")
	get := func(say string, by *client, id string, status int, problem string) sentence {
		return sentence{say: say, by: by, method: "GET", path: ownKeys + "/" + id, status: status, code: problem}
	}
	tagged := func(got *answer) {
		if tag := got.header.Get("ETag"); tag != `"1"` || got.json()["version"] != 1.0 || got.str("secret") != "" {
			t.Errorf("version %s: %s", tag, got.body)
		}
	}
	seen := get("the own session", grace, id, 200, "")
	seen.then = tagged
	itself := get("the key", program, id, 200, "")
	itself.then = tagged
	h.hold(
		get("nobody", h.anonymous(), id, 401, "credential_required"),
		get("a member without the permission", rolf, id, 403, "permission_denied"),
		get("an administrator, whose it is not", h.root, id, 404, "not_found"),
		get("somebody else's", grace, roots, 404, "not_found"),
		get("nothing of that id", grace, unknownID, 404, "not_found"),
		seen, itself,
	)
}

// ASVS 8.2.2: what is not yours is not there, to the byte.
func TestAnotherAccountsKeyIsNotThere(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	grace := h.member("grace", "USE_PERSONAL_ACCESS_KEYS").with("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	roots, program := h.root.newKey("root's")
	for _, tc := range []struct {
		method string
		body   any
	}{{"GET", nil}, {"PATCH", object{"name": "x"}}, {"PATCH", object{"expires_at": "2001-01-01T00:00:00Z"}}, {"DELETE", nil}} {
		theirs := grace.do(tc.method, ownKeys+"/"+roots, tc.body).want(404, "not_found")
		nobodys := grace.do(tc.method, ownKeys+"/"+unknownID, tc.body).want(404, "not_found")
		theirs.header.Del("Date")
		nobodys.header.Del("Date")
		if string(theirs.body) != string(nobodys.body) || fmt.Sprint(theirs.header) != fmt.Sprint(nobodys.header) {
			t.Errorf("%s %v tells them apart:\n%s\n%s", tc.method, tc.body, theirs.body, nobodys.body)
		}
	}
	program.get("/api/accounts").want(200)
}

func TestAccessKeyUpdate(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	grace := h.member("grace", "USE_PERSONAL_ACCESS_KEYS")
	id, program := grace.newKey("bot")
	gone, _ := grace.newKey("gone")
	grace.delete(ownKeys + "/" + gone).want(204)
	rolf := h.member("rolf", "MANAGE_ROLES")
	patch := func(say string, by *client, id string, body any, status int, problem string) sentence {
		return sentence{say: say, by: by, method: "PATCH", path: ownKeys + "/" + id, body: body, status: status, code: problem}
	}
	version := 1
	changes := func(say string, by *client, body any, member string, want any) sentence {
		s := patch(say, by, id, body, 200, "")
		version++
		now := version
		s.then = func(got *answer) {
			if value := got.json()[member]; value != want || got.header.Get("ETag") != fmt.Sprintf("%q", fmt.Sprint(now)) || got.json()["version"] != float64(now) {
				t.Errorf("%s: %s is %v, want %v; version %s of %s", say, member, value, want, got.header.Get("ETag"), got.body)
			}
		}
		return s
	}
	uses := func(say string, status int) sentence {
		return sentence{say: say, by: program, method: "GET", path: "/api/accounts", status: status}
	}
	tag := func(v string) *client { return grace.with("If-Match", v) }
	far := "2031-01-01T00:00:00Z"
	h.hold(
		patch("nobody", h.anonymous(), id, object{"name": "x"}, 401, "credential_required"),
		patch("the key itself", program, id, object{"name": "x"}, 403, "credential_not_allowed"),
		patch("a member without the permission", rolf, id, object{"name": "x"}, 403, "permission_denied"),
		patch("an administrator, whose it is not", h.root, id, object{"name": "x"}, 404, "not_found"),
		patch("nothing", grace, id, object{}, 400, "request_invalid"),
		patch("a name null", grace, id, object{"name": nil}, 400, "request_invalid"),
		patch("enabled null", grace, id, object{"enabled": nil}, 400, "request_invalid"),
		patch("a name of spaces", grace, id, object{"name": " "}, 400, "name_invalid"),
		patch("an expiry in the past", grace, id, object{"expires_at": "2001-01-01T00:00:00Z"}, 400, "expiry_invalid"),
		patch("a good name with a bad expiry", grace, id, object{"name": "half", "expires_at": "2001-01-01T00:00:00Z"}, 400, "expiry_invalid"),
		patch("a version without quotes", tag("1"), id, object{"name": "x"}, 400, "request_invalid"),
		patch("a weak version", tag(`W/"1"`), id, object{"name": "x"}, 400, "request_invalid"),
		patch("another version", tag(`"2"`), id, object{"name": "x"}, 412, "version_mismatch"),
		patch("a version beyond all numbers", tag(`"9999999999999999999"`), id, object{"name": "x"}, 412, "version_mismatch"),
		patch("a revoked key", grace, gone, object{"name": "x"}, 409, "access_key_revoked"),
		patch("to enable a revoked key", grace, gone, object{"enabled": true}, 409, "access_key_revoked"),
		patch("another version of a revoked key", tag(`"1"`), gone, object{"name": "x"}, 412, "version_mismatch"),
		changes("the version that is there", tag(`"1"`), object{"name": " new name "}, "name", "new name"),
		changes("an expiry leaves the name", grace, object{"expires_at": far}, "name", "new name"),
		changes("a name leaves the expiry", grace, object{"name": "n"}, "expires_at", far),
		changes("null takes the expiry away", grace, object{"expires_at": nil}, "expires_at", nil),
		uses("the key goes on", 200),
		changes("disabling", grace, object{"enabled": false}, "status", "disabled"),
		uses("opens nothing", 401),
		changes("disabling again", grace, object{"enabled": false}, "enabled", false),
		changes("enabling", grace, object{"enabled": true}, "status", "active"),
		uses("opens everything again", 200),
		changes("all at once", tag(`"8"`), object{"name": "all", "expires_at": far, "enabled": false}, "status", "disabled"),
	)
}

func TestUpdatesAtOnceOfOneVersionChangeItOnce(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	id, _ := h.root.newKey("bot")
	counts := tally(atOnce(5, func(i int) *answer {
		return h.root.with("If-Match", `"1"`).patch(ownKeys+"/"+id, object{"name": fmt.Sprint("name ", i)})
	}))
	if counts["200"] != 1 || counts["412 version_mismatch"] != 4 {
		t.Errorf("five changes of one version at once: %v", counts)
	}
}

// Expiry is decided when it is asked about: no job has run here.
func TestExpiryIsDecidedWhenAsked(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.clock.stop()
	got := h.root.post(ownKeys, object{"name": "bot", "expires_at": rfc3339(h.clock.Now().Add(time.Minute))}).want(200)
	program, path := h.root.withKey(got.str("secret")), ownKeys+"/"+got.str("id")
	h.clock.advance(time.Minute - time.Microsecond)
	program.get("/api/accounts").want(200)
	if got := h.root.get(path).want(200); got.str("status") != "active" {
		t.Errorf("just before: %s", got.body)
	}
	h.clock.advance(time.Microsecond)
	for _, path := range []string{"/api/accounts", "/api/access-keys/self", ownKeys} {
		program.get(path).want(401, "credential_invalid")
	}
	if got := h.root.get(path).want(200); got.str("status") != "expired" || got.json()["enabled"] != true {
		t.Errorf("at that moment: %s", got.body)
	}
	h.root.patch(path, object{"expires_at": rfc3339(h.clock.Now())}).want(400, "expiry_invalid")
	h.root.patch(path, object{"expires_at": nil}).want(200)
	program.get("/api/accounts").want(200)
}

// The secret is in the answer that creates the key, and nowhere else.
func TestTheSecretIsToldOnce(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	got := h.root.post(ownKeys, object{"name": "bot"}).want(200)
	secret, id := got.str("secret"), got.str("id")
	program := h.root.withKey(secret)
	seen := map[string]string{
		"list":         string(h.root.get(ownKeys).want(200).body),
		"get":          string(h.root.get(ownKeys + "/" + id).want(200).body),
		"self":         string(program.get("/api/access-keys/self").want(200).body),
		"update":       string(h.root.patch(ownKeys+"/"+id, object{"name": "x"}).want(200).body),
		"admin list":   string(h.root.get("/api/admin/access-keys").want(200).body),
		"revoke":       string(h.root.delete(ownKeys + "/" + id).want(204).body),
		"refusal":      string(program.get("/api/accounts").want(401).body),
		"wrong method": string(program.do("PUT", "/api/accounts", nil).want(405).body),
		"in a path":    string(h.root.get(ownKeys + "/" + secret).want(404).body),
		"in a query":   string(h.root.get(ownKeys + "?limit=" + secret).want(400).body),
		"in a body":    string(h.root.post(ownKeys, object{"name": "x", "expires_at": secret}).want(400).body),
		"own audit":    string(h.root.get("/api/audit-events").want(200).body),
		"admin audit":  string(h.root.get("/api/admin/audit-events").want(200).body),
		"log":          h.log.String(),
		"database":     h.stored(),
	}
	private := secret[len("lkpat_0123456789abcdef_"):] // what comes before is the public hint
	for place, text := range seen {
		if strings.Contains(text, private) || strings.Contains(text, secret) {
			t.Errorf("%s tells the secret: %s", place, text)
		}
	}
	if !json.Valid(got.body) || strings.Count(string(got.body), private) != 1 {
		t.Error("the answer that creates the key does not tell the secret once")
	}
}
