package main_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey/internal/conformance"
)

// breach is one way in which a server does not keep the contract, at one operation.
type breach struct {
	operation string
	at        string // method and path, as a regular expression
	request   func(*broken, *http.Request)
	answer    func(*broken, *http.Response, string) string // gives the body in place of another
	found     string                                       // in what a case says is wrong
}

// status changes one status to another.
func status(from, to int) func(*broken, *http.Response, string) string {
	return func(_ *broken, r *http.Response, body string) string {
		if r.StatusCode == from {
			r.StatusCode = to
		}
		return body
	}
}

// without takes a header away.
func without(header string) func(*broken, *http.Response, string) string {
	return func(_ *broken, r *http.Response, body string) string {
		r.Header.Del(header)
		return body
	}
}

// says puts one text in the place of another.
func says(pattern, with string) func(*broken, *http.Response, string) string {
	from := regexp.MustCompile(pattern)
	return func(_ *broken, _ *http.Response, body string) string { return from.ReplaceAllString(body, with) }
}

// forgets takes a header of the request away.
func forgets(headers ...string) func(*broken, *http.Request) {
	return func(_ *broken, r *http.Request) {
		for _, h := range headers {
			r.Header.Del(h)
		}
	}
}

// rewrites changes the body of a request.
func rewrites(change func(*broken, string) string) func(*broken, *http.Request) {
	return func(b *broken, r *http.Request) {
		if r.Body == nil {
			return
		}
		body, _ := io.ReadAll(r.Body)
		text := change(b, string(body))
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
		r.Header.Set("Content-Length", strconv.Itoa(len(text)))
	}
}

const oneKey = `^GET /api/auth/access-keys/[0-9a-v]{20}$`

var breaches = []breach{
	{operation: "AccessKeyGet", at: oneKey, answer: says(`,"version":[0-9]+`, ""), found: `property "version" is missing`},
	{operation: "AccessKeyVerifyBatch", at: `^POST /api/access-keys/verify/batch$`, answer: says(`^\{"answers":\[(.+"VALID".+?\}\}?),(\{.+"REVOKED".+?\}\})`, `{"answers":[$2,$1`), found: "answers/0/"},
	{operation: "RoleDelete", at: `^DELETE /api/roles/`, answer: status(204, 200), found: "the status is 200, want 204"},
	{operation: "AccountCreate", at: `^POST /api/admin/accounts$`, answer: says("handle_taken", "role_name_taken"), found: `error is "role_name_taken", want "handle_taken"`},
	{operation: "AccessKeyList", at: `^GET /api/auth/access-keys$`, answer: func(b *broken, _ *http.Response, body string) string {
		return strings.Replace(body, `"hint":"`, `"hint":"`+b.lastSecret()+`","x":"`, 1)
	}, found: "a secret that was given out before"},
	{operation: "AccountGet", at: `^GET /api/accounts$`, answer: without("Cache-Control"), found: `Cache-Control is ""`},
	{operation: "RoleList", at: `^GET /api/roles$`, answer: func(_ *broken, r *http.Response, body string) string {
		r.Header.Set("Content-Type", "text/plain")
		return body
	}, found: `Content-Type is "text/plain"`},
	{operation: "AccessKeySelfGet", at: `^GET /api/access-keys/self$`, answer: says(`"status":"active"`, `"status":"frozen"`), found: "/status value is not one of the allowed values"},
	{operation: "AccountUsage", at: `^GET /api/accounts/usage$`, answer: func(_ *broken, r *http.Response, body string) string {
		if r.StatusCode != http.StatusUnauthorized || !strings.Contains(r.Header.Get("WWW-Authenticate"), "invalid_token") {
			return body
		}
		r.StatusCode = http.StatusOK // a revoked key is let in
		r.Header.Set("Content-Type", "application/json")
		return `{"account":"00000000000000000000","window":{"unit":"month","start":"2031-01-01T00:00:00Z"},"query":{"used":0},"mutation":{"used":0},"credits":{"balance":0,"used":0},"keys":[]}`
	}, found: "the status is 200, want 401"},
	{operation: "PermissionCatalogueGet", at: `^GET /api/permissions$`, answer: func(_ *broken, r *http.Response, _ string) string {
		r.Header.Set("Content-Type", "text/html")
		return "<html><h1>502 Bad Gateway</h1></html>"
	}, found: `Content-Type is "text/html"`},
	{operation: "SessionList", at: `^GET /api/auth/sessions$`, answer: without("WWW-Authenticate"), found: "WWW-Authenticate is missing"},
	{operation: "AccessKeyUpdate", at: `^PATCH /api/auth/access-keys/`, request: forgets("If-Match"), found: "the status is 200, want 412"},
	{operation: "ForwardAuth", at: `^GET /forward-auth`, answer: without("Retry-After"), found: "Retry-After is missing"},
	{operation: "AdminAccountGet", at: `^GET /api/admin/accounts/[^/]+$`, answer: says(`"trace_id":"[0-9a-f]{4}`, `"trace_id":"ffff`), found: "trace_id is not X-Request-Id"},
	{operation: "AccountCreditsAdd", at: `^POST /api/admin/accounts/[^/]+/credits$`, request: rewrites(func(b *broken, body string) string {
		return strings.Replace(body, `"idempotency_key":"`, `"idempotency_key":"`+strconv.Itoa(b.next())+`-`, 1)
	}), answer: says(`"idempotency_key":"[0-9]+-`, `"idempotency_key":"`), found: "balance is 1000, want 500"},
	{operation: "AuthLogout", at: `^POST /api/auth/logout$`, request: forgets("Origin", "Sec-Fetch-Site"), found: "the status is 204, want 403"},
	{operation: "RoleCreate", at: `^POST /api/roles$`, request: rewrites(func(_ *broken, body string) string {
		return strings.Replace(body, `,"no_such_member":"1"`, "", 1)
	}), found: "the status is 200, want 400"},
	{operation: "AuditEventList", at: `^GET /api/audit-events$`, request: func(_ *broken, r *http.Request) {
		q := r.URL.Query()
		q.Del("limit")
		r.URL.RawQuery = q.Encode()
	}, found: "and must be a list of 1"},
	{operation: "AuthPasswordUpdate", at: `^PATCH /api/auth/password$`, answer: func(_ *broken, r *http.Response, body string) string {
		r.Header.Set("Set-Cookie", strings.Replace(r.Header.Get("Set-Cookie"), "; HttpOnly", "", 1))
		return body
	}, found: "Set-Cookie is not HttpOnly"},
	{operation: "AccessKeyDelete", at: `^DELETE /api/auth/access-keys/[0-9a-v]{20}$`, answer: without("Latchkey-Revision"), found: "Latchkey-Revision is missing"},
}

// broken is a proxy before a good server that commits every breach.
type broken struct {
	mu     sync.Mutex
	secret string
	n      int
}

func (b *broken) lastSecret() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.secret
}

func (b *broken) next() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.n++
	return b.n
}

// before gives the address of a proxy that commits some breaches.
func before(t *testing.T, target string, all []breach) string {
	t.Helper()
	u, err := url.Parse(target)
	check(t, err)
	b := &broken{}
	issued := regexp.MustCompile(`"secret":"([^"]+)"`)
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(u)
			r.Out.Host = u.Host
			for name, values := range r.In.Header { // it takes those of other proxies away
				if strings.HasPrefix(name, "X-Forwarded-") {
					r.Out.Header[name] = values
				}
			}
			for _, breach := range all {
				if breach.request != nil && breach.of(r.In) {
					breach.request(b, r.Out)
				}
			}
		},
		ModifyResponse: func(r *http.Response) error {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return err
			}
			text := string(body)
			if found := issued.FindStringSubmatch(text); found != nil {
				b.mu.Lock()
				b.secret = found[1]
				b.mu.Unlock()
			}
			for _, breach := range all {
				if breach.answer != nil && breach.of(r.Request) {
					text = breach.answer(b, r, text)
				}
			}
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader([]byte(text))), int64(len(text))
			if r.StatusCode != http.StatusNoContent {
				r.Header.Set("Content-Length", strconv.Itoa(len(text)))
			}
			return nil
		},
	}
	s := httptest.NewServer(proxy)
	t.Cleanup(s.Close)
	return s.URL
}

func (b breach) of(r *http.Request) bool {
	at, _ := regexp.MatchString(b.at, r.Method+" "+r.URL.Path)
	return at
}

// A test that cannot fail is none: every breach is found, at its operation, and no operation is blamed that has none.
func TestContractThatIsBroken(t *testing.T) {
	t.Parallel()
	p := serve(t, "LATCHKEY_SIGNUP=open")
	ada := p.setUp(adaPassword)
	c, cases := contractOf(t)
	keeper := sessionOf(t, p)
	const innocent = "AdminAccountUsage" // none of the breaches is there
	var operations []string
	for _, b := range breaches {
		operations = append(operations, b.operation)
	}
	report, err := conformance.Run(t.Context(), conformance.Config{Contract: c, Cases: cases, HTTP: conformance.NewHTTP(c, p.url, patience),
		Door: conformance.NewHTTP(c, before(t, p.url, breaches), patience), Keeper: keeper, Now: time.Now, Chance: rand.Reader,
		Only: regexp.MustCompile(`^(` + innocent + `|` + strings.Join(operations, "|") + `) `)})
	check(t, err)
	for _, b := range breaches {
		if !blames(report, b) {
			t.Errorf("%s: nobody says %q:\n%s", b.operation, b.found, faultsOf(report, b.operation))
		}
	}
	for _, s := range report.Table() {
		if s.Operation == innocent && s.Outcome != conformance.Passed && s.Reason == "" {
			t.Errorf("%s %d is blamed:\n%s", innocent, s.Status, faultsOf(report, innocent))
		}
	}
	if _, err := ada.AccountGet(t.Context()); err != nil {
		t.Errorf("the administrator is not what they were: %v", err)
	}
}

// blames says whether a case found the breach where it is.
func blames(report *conformance.Report, b breach) bool {
	for _, r := range report.Results {
		if r.Outcome == conformance.Failed && strings.Contains(r.Place, "("+b.operation+")") && strings.Contains(strings.Join(r.Faults, "\n"), b.found) {
			return true
		}
	}
	return false
}

func faultsOf(report *conformance.Report, operation string) string {
	var text strings.Builder
	for _, r := range report.Results {
		if r.Outcome == conformance.Failed && strings.Contains(r.Place, "("+operation+")") {
			fmt.Fprintln(&text, r.Name, r.Faults)
		}
	}
	return text.String()
}

// sessionOf is a session of ada's, as a contract test takes it.
func sessionOf(t *testing.T, p *process) conformance.Credential {
	t.Helper()
	resp, err := http.Post(p.url+"/api/auth/password/signin", "application/json", strings.NewReader(`{"identifier": "ada", "token": "`+adaPassword+`"}`))
	check(t, err)
	defer resp.Body.Close()
	for _, cookie := range resp.Cookies() {
		return conformance.Credential{Session: cookie.Name + "=" + cookie.Value}
	}
	t.Fatal("no session")
	return conformance.Credential{}
}
