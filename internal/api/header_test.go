package api

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
)

const (
	onlyRealm    = `Bearer realm="latchkey"`
	invalidToken = `Bearer realm="latchkey", error="invalid_token"`
)

// lines sends a header as several lines.
func (c *client) lines(name string, values ...string) *client {
	for _, v := range values {
		c = c.with(name, v)
	}
	return c
}

// ASVS 14.2.1, RFC 6750: one credential, in its own header, and a challenge that says what was wrong with it.
func TestHowCredentialsAreSent(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	_, program := h.root.newKey("x")
	bearerKey := program.header.Get("Authorization")
	key, cookie := strings.TrimPrefix(bearerKey, "Bearer "), h.root.header.Get("Cookie")
	nobody := h.anonymous()
	for _, tc := range []struct {
		name      string
		c         *client
		path      string
		status    int
		code      string
		challenge string
	}{
		{"nothing", nobody, "/api/accounts", 401, "credential_required", onlyRealm},
		{"a key", program, "/api/accounts", 200, "", ""},
		{"the scheme in lower case", nobody.with("Authorization", "bearer "+key), "/api/accounts", 200, "", ""},
		{"the scheme in capitals", nobody.with("Authorization", "BEARER "+key), "/api/accounts", 200, "", ""},
		{"two blanks after the scheme", nobody.with("Authorization", "Bearer  "+key), "/api/accounts", 200, "", ""},
		{"blanks around", nobody.with("Authorization", "  Bearer "+key+"  "), "/api/accounts", 200, "", ""},
		{"two lines", nobody.lines("Authorization", bearerKey, "Bearer x"), "/api/accounts", 400, "credentials_ambiguous", ""},
		{"two lines, the same", nobody.lines("Authorization", bearerKey, bearerKey), "/api/accounts", 400, "credentials_ambiguous", ""},
		{"two lines, one empty", nobody.lines("Authorization", bearerKey, ""), "/api/accounts", 400, "credentials_ambiguous", ""},
		{"two in one line", nobody.with("Authorization", bearerKey+", "+bearerKey), "/api/accounts", 400, "credentials_ambiguous", ""},
		{"Basic beside it in one line", nobody.with("Authorization", "Basic eDp5, "+bearerKey), "/api/accounts", 400, "credentials_ambiguous", ""},
		{"Basic", nobody.with("Authorization", "Basic eDp5"), "/api/accounts", 401, "credential_required", onlyRealm},
		{"Basic with a key", nobody.with("Authorization", "Basic "+key), "/api/accounts", 401, "credential_required", onlyRealm},
		{"an empty line", nobody.with("Authorization", ""), "/api/accounts", 401, "credential_required", onlyRealm},
		{"a scheme only", nobody.with("Authorization", "Bearer"), "/api/accounts", 401, "credential_required", onlyRealm},
		{"a scheme and a blank", nobody.with("Authorization", "Bearer "), "/api/accounts", 401, "credential_required", onlyRealm},
		{"a key without a scheme", nobody.with("Authorization", key), "/api/accounts", 401, "credential_required", onlyRealm},
		{"a tab after the scheme", nobody.with("Authorization", "Bearer\t"+key), "/api/accounts", 401, "credential_required", onlyRealm},
		{"a key and a word", nobody.with("Authorization", bearerKey+" x"), "/api/accounts", 401, "credential_invalid", invalidToken},
		{"a key in quotes", nobody.with("Authorization", `Bearer "`+key+`"`), "/api/accounts", 401, "credential_invalid", invalidToken},
		{"a key in the query", nobody, "/api/accounts?access_token=" + key, 401, "credential_required", onlyRealm},
		{"a key in the query beside one that counts", program, "/api/accounts?access_token=" + key, 400, "request_invalid", ""},
		{"a key in a header of another name", nobody.with("X-Api-Key", key), "/api/accounts", 401, "credential_required", onlyRealm},
		{"a key in the cookie", nobody.with("Cookie", "latchkey-session="+key), "/api/accounts", 401, "credential_invalid", onlyRealm},
		{"a session as a key", nobody.with("Authorization", "Bearer "+strings.TrimPrefix(cookie, "latchkey-session=")), "/api/accounts", 401, "credential_invalid", invalidToken},
		{"a session", h.root, "/api/accounts", 200, "", ""},
		{"a session among other cookies", nobody.with("Cookie", "a=b; "+cookie+"; c=d"), "/api/accounts", 200, "", ""},
		{"two sessions", nobody.with("Cookie", cookie+"; latchkey-session=x"), "/api/accounts", 400, "credentials_ambiguous", ""},
		{"two sessions, the same", nobody.with("Cookie", cookie+"; "+cookie), "/api/accounts", 400, "credentials_ambiguous", ""},
		{"two sessions in two lines", nobody.lines("Cookie", cookie, cookie), "/api/accounts", 400, "credentials_ambiguous", ""},
		{"a session under the name it has on https", nobody.with("Cookie", "__Host-"+cookie), "/api/accounts", 401, "credential_required", onlyRealm},
		{"a session and a key", program.with("Cookie", cookie), "/api/accounts", 400, "credentials_ambiguous", ""},
		{"a session and another scheme", h.root.with("Authorization", "Basic eDp5"), "/api/accounts", 400, "credentials_ambiguous", ""},
		{"two lines where none is needed", nobody.lines("Authorization", bearerKey, bearerKey), "/livez", 400, "credentials_ambiguous", ""},
		{"two in one line where none is needed", nobody.with("Authorization", bearerKey+","+bearerKey), "/livez", 400, "credentials_ambiguous", ""},
		{"a dead key where none is needed", nobody.withKey("lkpat_x"), "/livez", 200, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := tc.c.in(t).get(tc.path).want(tc.status)
			if a.codeIfAny() != tc.code {
				t.Errorf("%s, want %s: %s", a.codeIfAny(), tc.code, a.body)
			}
			if got := a.header.Get("WWW-Authenticate"); got != tc.challenge {
				t.Errorf("WWW-Authenticate: %s, want %s", got, tc.challenge)
			}
			a.keepsQuiet(h, key[len(key)-49:])
		})
	}
}

func TestChallenges(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	_, program := h.member("grace", "USE_PERSONAL_ACCESS_KEYS").newKey("x")
	pair := map[string]any{"identifier": "root", "token": "not the password"}
	for _, tc := range []struct {
		name string
		a    *answer
		want string
	}{
		{"a key without the permission", program.get("/api/admin/accounts").want(403), onlyRealm + `, error="insufficient_scope", scope="MANAGE_ACCOUNTS"`},
		{"a key where none is taken", program.get("/api/auth/sessions").want(403), ""},
		{"a session without the permission", h.signIn("grace", password).get("/api/admin/accounts").want(403), ""},
		{"a wrong password", h.anonymous().post("/api/auth/password/signin", pair).want(401), onlyRealm},
		{"a wrong password beside a key", program.post("/api/auth/password/signin", pair).want(401), onlyRealm},
		{"an answer that is right", program.get("/api/accounts").want(200), ""},
	} {
		if got := tc.a.header.Get("WWW-Authenticate"); got != tc.want {
			t.Errorf("%s: WWW-Authenticate: %s, want %s", tc.name, got, tc.want)
		}
	}
}

// ASVS 3.4.1 to 3.4.6, 14.3.2: what every answer carries, whatever became of the request.
func TestHeadersOfEveryAnswer(t *testing.T) {
	t.Parallel()
	for _, https := range []bool{false, true} {
		h := newHarness(t, func(s *settings) { s.https = https })
		foreign := h.anonymous().with("Sec-Fetch-Site", "cross-site")
		for _, a := range []*answer{
			h.root.get("/api/accounts").want(200),
			h.root.delete("/api/auth/sessions/" + nobodysID).want(404),
			h.anonymous().get("/livez").want(200),
			h.anonymous().get("/api/accounts").want(401),
			h.anonymous().get("/nowhere").want(404),
			h.anonymous().delete("/livez").want(405),
			h.anonymous().do("HEAD", "/livez", nil).want(405),
			h.root.raw("POST", "/api/roles", strings.Repeat("x", maxBody+1)).want(413),
			h.root.send("POST", "/api/roles", strings.NewReader("x"), "text/plain").want(415),
			h.root.with("X-Pad", strings.Repeat("x", maxHeader)).get("/api/accounts").want(431),
			foreign.post("/api/auth/logout", nil).want(403),
			h.root.post("/api/auth/logout", nil).want(204),
		} {
			for name, want := range map[string]string{"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
				"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Server": "", "Access-Control-Allow-Origin": ""} {
				if got := strings.Join(a.header[name], "|"); got != want {
					t.Errorf("%s %d: %s: %q, want %q", a.what, a.status, name, got, want)
				}
			}
			if hsts := a.header.Get("Strict-Transport-Security"); (hsts != "") != https || https && !strings.HasPrefix(hsts, "max-age=63072000") {
				t.Errorf("%s %d: Strict-Transport-Security: %q, https: %v", a.what, a.status, hsts, https)
			}
			id := a.header.Get("X-Request-Id")
			if len(id) != 32 || a.codeIfAny() != "" && a.str("trace_id") != id {
				t.Errorf("%s %d: X-Request-Id %q: %s", a.what, a.status, id, a.body)
			}
			h.log.await(t, "request_id="+id)
		}
	}
}

func TestTraceparent(t *testing.T) {
	t.Parallel()
	h := newEmptyHarness(t)
	const trace, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	for _, tc := range []struct {
		name, parent string
		goesOn       bool
	}{
		{"as it should be", "00-" + trace + "-" + span + "-01", true},
		{"not sampled", "00-" + trace + "-" + span + "-00", true},
		{"of a later version", "42-" + trace + "-" + span + "-01", true},
		{"of a later version that says more", "42-" + trace + "-" + span + "-01-more", true},
		{"of this version, saying more", "00-" + trace + "-" + span + "-01-more", false},
		{"of the version that cannot be", "ff-" + trace + "-" + span + "-01", false},
		{"of a version in letters", "zz-" + trace + "-" + span + "-01", false},
		{"in capitals", "00-" + strings.ToUpper(trace) + "-" + span + "-01", false},
		{"of zeros", "00-" + strings.Repeat("0", 32) + "-" + span + "-01", false},
		{"of a span of zeros", "00-" + trace + "-" + strings.Repeat("0", 16) + "-01", false},
		{"of a span in capitals", "00-" + trace + "-" + strings.ToUpper(span) + "-01", false},
		{"of a span that is no number", "00-" + trace + "-" + strings.Repeat("x", 16) + "-01", false},
		{"of flags that are no number", "00-" + trace + "-" + span + "-zz", false},
		{"too short", "00-" + trace[1:] + "-" + span + "-01", false},
		{"without a span", "00-" + trace, false},
		{"that is not hexadecimal", "00-" + strings.Repeat("z", 32) + "-" + span + "-01", false},
		{"with other separators", "00_" + trace + "_" + span + "_01", false},
		{"that is empty", "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := h.anonymous().in(t).with("Traceparent", tc.parent).get("/livez").want(200).header.Get("X-Request-Id")
			if len(got) != 32 || (got == trace) != tc.goesOn || got == strings.Repeat("0", 32) {
				t.Errorf("trace %q", got)
			}
		})
	}
	a, b := h.anonymous().get("/livez"), h.anonymous().get("/livez")
	if a.header.Get("X-Request-Id") == b.header.Get("X-Request-Id") {
		t.Error("two requests have one id")
	}
}

func TestHeaderLimit(t *testing.T) {
	t.Parallel()
	h := newEmptyHarness(t)
	c := h.anonymous().with("User-Agent", "x").with("Accept-Encoding", "identity")
	room := maxHeader - headerSize(c.header) - len("X-Pad: \r\n")
	for _, tc := range []struct {
		name   string
		c      *client
		status int
	}{
		{"16 KiB", c.with("X-Pad", strings.Repeat("x", room)), 200},
		{"one byte more", c.with("X-Pad", strings.Repeat("x", room+1)), 431},
		{"one byte more, over two lines", c.with("X-Pad", strings.Repeat("x", room-len("X-Pad: \r\n"))).with("X-Pad", "x"), 431},
		{"many small ones", c.lines("X-Pad", slices.Repeat([]string{"x"}, 2000)...), 431},
		{"a cookie", c.with("Cookie", "a="+strings.Repeat("x", maxHeader)), 431},
		{"a credential", c.with("Authorization", "Bearer "+strings.Repeat(planted, maxHeader/10)), 431},
		{"half a megabyte", c.with("X-Pad", strings.Repeat(planted, 50_000)), 431},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := tc.c.in(t).get("/livez").want(tc.status)
			a.keepsQuiet(h, planted)
			if tc.status == 431 && (a.str("error") != "headers_too_large" || a.metadata("max_bytes") != float64(maxHeader)) {
				t.Errorf("431: %s", a.body)
			}
		})
	}
}

// Over the limit of the HTTP server itself, net/http answers without asking us.
func TestHeadersBeyondTheServersOwnLimit(t *testing.T) {
	t.Parallel()
	h := newEmptyHarness(t)
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	go func() { // the server stops reading before it has everything
		_, _ = io.WriteString(conn, "GET /livez HTTP/1.1\r\nHost: x\r\nX-Pad: "+strings.Repeat(planted, 200_000)+"\r\n\r\n")
	}()
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 431 {
		t.Errorf("%s", resp.Status)
	}
	h.anonymous().get("/livez").want(200).keepsQuiet(h, planted)
}

// ASVS 4.1.4: no method but those of the contract.
func TestMethodsThatAPathDoesNotHave(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	has := map[string][]string{}
	for _, w := range walkContract(t) {
		has[w.path] = append(has[w.path], w.method)
	}
	for path, methods := range has {
		slices.Sort(methods)
		elsewhere := has[wider(path)] // of what would be the id of something there
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "NONSENSE"} {
			if slices.Contains(methods, method) {
				continue
			}
			if slices.Contains(elsewhere, method) {
				continue // and there is nothing of that id
			}
			a := h.root.do(method, pathParameter.ReplaceAllString(path, nobodysID), nil).want(405)
			if method == "HEAD" && len(a.body) > 0 {
				t.Errorf("HEAD %s has a body: %s", path, a.body)
			} else if method != "HEAD" {
				a.want(405, "method_not_allowed")
			}
			allowed := strings.Split(strings.ReplaceAll(a.header.Get("Allow"), " ", ""), ",")
			allowed = slices.DeleteFunc(allowed, func(m string) bool { return m == http.MethodOptions })
			slices.Sort(allowed)
			if !slices.Equal(allowed, methods) {
				t.Errorf("%s %s: Allow: %q, want %q", method, path, allowed, methods)
			}
		}
	}
}

// wider is the path that has a parameter where this one ends in a word.
func wider(path string) string {
	return map[string]string{ownRevoke: ownKeys + "/{access_key_id}", allRevoke: "/api/admin/access-keys/{access_key_id}"}[path]
}

func TestPathsThatAreNotThere(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for _, path := range []string{"/api", "/api/", "/api/nothing", "/API/accounts", "/api/accounts/", "/api//accounts", "//api/accounts", "/api/./accounts",
		"/api/roles/../accounts", "/api%2faccounts", "/api/accounts;x=1", "/api/accounts.json", "/api/roles/" + nobodysID + "/x", "/metrics", "/debug/pprof/",
		"/openapi.yaml", "/.env", "/" + planted, "/livez/", "/api/accounts%00"} {
		for _, c := range []*client{h.anonymous(), h.root} {
			a := c.get(path).want(404, "not_found")
			a.keepsQuiet(h, planted)
		}
	}
	if log := h.log.String(); strings.Contains(log, ".env") {
		t.Errorf("a path that nobody vouches for was logged:\n%s", log)
	}
}
