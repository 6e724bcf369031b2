package guard_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
	"github.com/latchkey-dev/latchkey/sdk/go/guard"
)

const (
	key   = "lkpat_OtZxRtj2W3TKDpxX_yWbwYZKhq0kCGMania8S3I20f1lEcBF1G73g497iVsr4KYwIo"
	valid = `{"valid":true,"code":"VALID","status":200,"key":{"id":"cc5lnd2s1s4652adtu50","name":"ci"},
		"account":{"id":"cc5lnd2s1s4652adtu5g","handle":"ada","kind":"member"},"required":"media:read","matched":"*:read"`
)

// service answers as Latchkey does, and keeps what it was asked.
type service struct {
	url   string
	asked atomic.Pointer[string] // the last body
	n     atomic.Int64
}

func newService(t *testing.T, answer http.HandlerFunc) *service {
	t.Helper()
	s := &service{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.n.Add(1)
		s.asked.Store(new(string(body)))
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func says(verdict string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, verdict)
	}
}

func (s *service) client(t *testing.T) *latchkey.Client {
	t.Helper()
	c, err := latchkey.New(latchkey.Config{BaseURL: s.url, Key: latchkey.NewKey("hush hush")})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// protected runs an API behind a guard, which tells whose key it was and echoes what it was sent.
func protected(t *testing.T, c guard.Config) (string, *atomic.Int64) {
	t.Helper()
	g, err := guard.New(c)
	if err != nil {
		t.Fatal(err)
	}
	var reached atomic.Int64
	s := httptest.NewServer(g.Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		reached.Add(1)
		v, ok := guard.Verdict(r.Context())
		if !ok {
			t.Error("no verdict in the context")
			return
		}
		body, _ := io.ReadAll(r.Body)
		_, _ = fmt.Fprintf(w, "%s %s %s", v.Account.Handle, *v.Matched, body)
	})))
	t.Cleanup(s.Close)
	return s.URL, &reached
}

type answer struct {
	status int
	header http.Header
	body   string
}

func send(t *testing.T, method, url, body string, header http.Header) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = header
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(got)}
}

func bearing(credentials ...string) http.Header { return http.Header{"Authorization": credentials} }

func TestGoodKey(t *testing.T) {
	t.Parallel()
	s := newService(t, says(valid+`}`))
	url, _ := protected(t, guard.Config{Client: s.client(t)})
	a := send(t, "POST", url+"/media/a%20b%2C?access_token=hush", "a body", bearing("bearer  "+key))
	if a.status != 200 || a.body != "ada *:read a body" || a.header.Get("RateLimit") != "" || a.header.Get("Cache-Control") != "" {
		t.Errorf("got %+v", a)
	}
	want := `{"address":"127.0.0.1","key":"` + key + `","request":{"method":"POST","path":"/media/a%20b%2C"}}`
	if got := strings.TrimSpace(*s.asked.Load()); got != want {
		t.Errorf("asked %s, want %s", got, want)
	}
}

func TestQuestions(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]guard.Config{
		`"permission":"SHIP"}`:                         {Permission: "SHIP"},
		`"access":"write","address":"127.0.0.1","key"`: {Resource: "media", Access: "write"},
		`"cost":0,"key"`:                               {Cost: new(int64)},
		`"address":"192.0.2.7"`:                        {TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}},
	} {
		s := newService(t, says(valid+`}`))
		c.Client = s.client(t)
		url, _ := protected(t, c)
		h := bearing("Bearer " + key)
		h["X-Forwarded-For"] = []string{"203.0.113.1, 192.0.2.7", "10.1.1.1"}
		if a := send(t, "GET", url+"/media", "", h); a.status != 200 || !strings.Contains(*s.asked.Load(), want) {
			t.Errorf("%d, asked %s, want %s", a.status, *s.asked.Load(), want)
		}
	}
}

func TestWrongConfig(t *testing.T) {
	t.Parallel()
	client := newService(t, says("")).client(t)
	for name, c := range map[string]guard.Config{
		"no client": {}, "two questions": {Client: client, Permission: "SHIP", Resource: "media", Access: "read"},
		"half a question": {Client: client, Resource: "media"}, "the other half": {Client: client, Access: "read"},
		"a gift": {Client: client, Cost: new(int64(-1))}, "a fortune": {Client: client, Cost: new(int64(1_000_000_001))},
	} {
		if _, err := guard.New(c); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

const realm = `Bearer realm="latchkey"`

// Every refusal has the status, the code and the headers of the contract, and reaches nobody.
func TestRefusals(t *testing.T) {
	t.Parallel()
	invalid := realm + `, error="invalid_token"`
	hour := time.Now().Add(time.Hour + time.Minute).UTC().Format(time.RFC3339Nano)
	refused := func(code string, status int, more string) http.HandlerFunc {
		return says(fmt.Sprintf(`{"valid":false,"code":%q,"status":%d,"message":"M."%s}`, code, status, more))
	}
	problem := func(status int, code, retryAfter string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/problem+json")
			w.Header().Set("Retry-After", retryAfter)
			w.WriteHeader(status)
			_, _ = fmt.Fprintf(w, `{"error":%q,"trace_id":"%032d"}`, code, 7)
		}
	}
	for name, row := range map[string]struct {
		service   http.HandlerFunc
		header    http.Header
		path      string
		status    int
		code      string
		challenge string
		more      http.Header // that must match
		metadata  string      // a part of it
		unasked   bool
	}{
		"no key":               {header: http.Header{}, status: 401, code: "credential_required", challenge: realm, unasked: true},
		"another scheme":       {header: bearing("Basic YTpi"), status: 401, code: "credential_required", challenge: realm, unasked: true},
		"an empty key":         {header: bearing("Bearer "), status: 401, code: "credential_required", challenge: realm, unasked: true},
		"a key in the URL":     {header: http.Header{}, path: "/?access_token=" + key, status: 401, code: "credential_required", challenge: realm, unasked: true},
		"two lines":            {header: bearing("Bearer "+key, "Bearer "+key), status: 400, code: "credentials_ambiguous", challenge: realm + `, error="invalid_request"`, unasked: true},
		"two in a line":        {header: bearing("Bearer " + key + ", Bearer x"), status: 400, code: "credentials_ambiguous", challenge: realm + `, error="invalid_request"`, unasked: true},
		"a very long key":      {header: bearing("Bearer " + strings.Repeat("k", 2000)), status: 401, code: "credential_invalid", challenge: invalid, unasked: true},
		"a very long path":     {path: "/" + strings.Repeat("p", 5000), status: 403, code: "permission_denied", challenge: realm + `, error="insufficient_scope"`, unasked: true},
		"a path of two kinds":  {service: problem(400, "request_invalid", ""), path: "/a//b", status: 403, code: "permission_denied", challenge: realm + `, error="insufficient_scope"`},
		"malformed":            {service: refused("MALFORMED", 401, ""), status: 401, code: "credential_invalid", challenge: invalid},
		"revoked":              {service: refused("REVOKED", 401, ""), status: 401, code: "credential_invalid", challenge: invalid},
		"a new 401":            {service: refused("ON_HOLIDAY", 401, `,"until":{"when":1}`), status: 401, code: "credential_invalid", challenge: invalid},
		"a new status":         {service: refused("MOON", 451, ""), status: 403, code: "permission_denied", challenge: realm + `, error="insufficient_scope"`},
		"owner without keys":   {service: refused("KEY_USE_NOT_PERMITTED", 403, `,"denied_by":"owner"`), status: 403, code: "permission_denied", challenge: realm + `, error="insufficient_scope", scope="USE_PERSONAL_ACCESS_KEYS"`},
		"permission":           {service: refused("INSUFFICIENT_PERMISSIONS", 403, `,"required":"media:read","denied_by":"key"`), status: 403, code: "permission_denied", challenge: realm + `, error="insufficient_scope", scope="media:read"`, metadata: `"denied_by":"key"`},
		"a scope with a quote": {service: refused("INSUFFICIENT_PERMISSIONS", 403, `,"required":"a\", b=\""`), status: 403, code: "permission_denied", challenge: realm + `, error="insufficient_scope"`},
		"credits":              {service: refused("INSUFFICIENT_CREDITS", 402, `,"credits":{"required":25,"balance":3}`), status: 402, code: "insufficient_credits", metadata: `{"balance":3,"required":25}`},
		"limit": {service: refused("QUOTA_EXCEEDED", 429, `,"quota":{"class":"query","scope":"account","limit":20,"used":20,"remaining":0,"resets_at":"`+hour+`","window_seconds":86400}`), status: 429, code: "quota_exceeded",
			more: http.Header{"Retry-After": {"36[0-9]{2}"}, "Ratelimit-Policy": {`"query";q=20;w=86400`}, "Ratelimit": {`"query";r=0;t=36[0-9]{2}`}}, metadata: `"limit":20`},
		"limit for life": {service: refused("QUOTA_EXCEEDED", 429, `,"quota":{"class":"mutation","scope":"key","limit":2,"used":2,"remaining":0}`), status: 429, code: "quota_exceeded",
			more: http.Header{"Retry-After": {"86400"}, "Ratelimit": {`"mutation";r=0`}}, metadata: `"scope":"key"`},
		"limit of a kind that is new": {service: refused("RATE_LIMITED", 429, ""), status: 429, code: "quota_exceeded", more: http.Header{"Retry-After": {"1"}}},
		"503":                         {service: problem(503, "verification_unavailable", "7"), status: 503, code: "verification_unavailable", more: http.Header{"Retry-After": {"7"}}},
		"503 without Retry-After":     {service: problem(503, "verification_unavailable", ""), status: 503, code: "verification_unavailable", more: http.Header{"Retry-After": {"1"}}},
		"the guard's own key is dead": {service: problem(401, "credential_invalid", ""), status: 503, code: "verification_unavailable", more: http.Header{"Retry-After": {"1"}}},
		"the guard may not ask":       {service: problem(403, "permission_denied", ""), status: 503, code: "verification_unavailable"},
		"too many":                    {service: problem(429, "too_many_attempts", "99"), status: 503, code: "verification_unavailable", more: http.Header{"Retry-After": {"1"}}},
		"a page":                      {service: func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>welcome</html>") }, status: 503, code: "verification_unavailable"},
		"half an answer": {service: func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "999")
			says(valid+`}`)(w, r)
		}, status: 503, code: "verification_unavailable"},
		"nobody":                {service: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, status: 503, code: "verification_unavailable"},
		"time-out":              {service: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, status: 503, code: "verification_unavailable"},
		"nothing":               {service: says(`{}`), status: 503, code: "verification_unavailable"},
		"null":                  {service: says(`null`), status: 503, code: "verification_unavailable"},
		"valid and revoked":     {service: says(strings.Replace(valid, `"VALID"`, `"REVOKED"`, 1) + `}`), status: 503, code: "verification_unavailable"},
		"valid for nobody":      {service: says(`{"valid":true,"code":"VALID","status":200}`), status: 503, code: "verification_unavailable"},
		"invalid with 200":      {service: refused("REVOKED", 200, ""), status: 503, code: "verification_unavailable"},
		"an error as a verdict": {service: refused("OOPS", 500, ""), status: 503, code: "verification_unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if row.service == nil {
				row.service = says(valid + `}`)
			}
			if row.header == nil {
				row.header = bearing("Bearer " + key)
			}
			s := newService(t, row.service)
			var log bytes.Buffer
			url, reached := protected(t, guard.Config{Client: s.client(t), Timeout: 500 * time.Millisecond, Log: slog.New(slog.NewJSONHandler(&log, nil))})
			a := send(t, "GET", url+row.path, "", row.header)
			var p struct {
				Type, Title, Detail, Error, Message, Suggested string
				Status                                         int
				TraceID                                        string `json:"trace_id"`
				Metadata                                       json.RawMessage
			}
			if err := json.Unmarshal([]byte(a.body), &p); err != nil || p.Error != row.code || p.Status != row.status || p.Type != "urn:latchkey:problem:"+row.code ||
				p.Title == "" || p.Detail == "" || p.Message != p.Title || p.Suggested == "" || len(p.TraceID) != 32 || !strings.Contains(string(p.Metadata), row.metadata) || p.Metadata[0] != '{' {
				t.Errorf("body %s, %v", a.body, err)
			}
			if a.status != row.status || a.header.Get("Content-Type") != "application/problem+json" || a.header.Get("Cache-Control") != "no-store" ||
				a.header.Get("WWW-Authenticate") != row.challenge {
				t.Errorf("got %d %v", a.status, a.header)
			}
			for name, want := range row.more {
				if got := a.header.Get(name); !regexp.MustCompile("^" + want[0] + "$").MatchString(got) {
					t.Errorf("%s: %s, want %s", name, got, want[0])
				}
			}
			if reached.Load() != 0 || row.unasked != (s.n.Load() == 0) {
				t.Errorf("the API got %d requests, and Latchkey %d", reached.Load(), s.n.Load())
			}
			if all := fmt.Sprint(a, log.String()); strings.Contains(all, key) || strings.Contains(all, "hush") {
				t.Errorf("a key in %s", all)
			}
			if (row.status == 503) != strings.Contains(log.String(), "no verdict") {
				t.Errorf("logged %s", log.String())
			}
		})
	}
}

func TestHeadHasNoBody(t *testing.T) {
	t.Parallel()
	url, _ := protected(t, guard.Config{Client: newService(t, says("")).client(t)})
	if a := send(t, "HEAD", url, "", http.Header{}); a.status != 401 || a.body != "" || a.header.Get("WWW-Authenticate") != realm {
		t.Errorf("got %+v", a)
	}
}

func TestGoodKeyNearItsEnd(t *testing.T) {
	t.Parallel()
	end := time.Now().Add(48 * time.Hour).UTC().Format(time.RFC3339)
	s := newService(t, says(strings.Replace(valid, `"name":"ci"`, `"name":"ci","expires_at":"`+end+`"`, 1)+`,"quota":{"class":"query","scope":"account","limit":20,"used":3,"remaining":17}}`))
	url, _ := protected(t, guard.Config{Client: s.client(t)})
	a := send(t, "GET", url, "", bearing("Bearer "+key))
	if a.status != 200 || a.header.Get("Latchkey-Key-Expires") != end || a.header.Get("RateLimit") != `"query";r=17` || a.header.Get("RateLimit-Policy") != `"query";q=20` {
		t.Errorf("got %+v", a)
	}
}

func TestRefuseInAnotherWay(t *testing.T) {
	t.Parallel()
	s := newService(t, says(`{"valid":false,"code":"EXPIRED","status":401}`))
	url, reached := protected(t, guard.Config{Client: s.client(t), Refuse: func(w http.ResponseWriter, r *http.Request, refusal guard.Refusal) {
		if refusal.Verdict.Code != "EXPIRED" {
			guard.Problem(w, r, refusal)
			return
		}
		http.Error(w, "renew it", refusal.Status)
	}})
	a := send(t, "GET", url, "", bearing("Bearer "+key))
	if a.status != 401 || a.body != "renew it\n" || a.header.Get("WWW-Authenticate") == "" || a.header.Get("Cache-Control") != "no-store" || reached.Load() != 0 {
		t.Errorf("got %+v", a)
	}
}

// What a request is judged by is what its client wrote, whatever a router has made of it.
func TestPathAsSent(t *testing.T) {
	t.Parallel()
	s := newService(t, says(valid+`}`))
	g, err := guard.New(guard.Config{Client: s.client(t)})
	if err != nil {
		t.Fatal(err)
	}
	for uri, want := range map[string]string{
		"/a%2Fb?q=1": "/a%2Fb", "http://api.example.com/a%20b?q": "/a%20b", "http://api.example.com": "/", "": "/cut", "*": "", "api.example.com:443": "", "/\xff": "",
	} {
		r := httptest.NewRequest("GET", "/cut", nil)
		r.RequestURI, r.Header = uri, bearing("Bearer "+key)
		before := s.n.Load()
		_, ok := g.Admit(httptest.NewRecorder(), r)
		if ok != (want != "") || ok != (s.n.Load() == before+1) || ok && !strings.Contains(*s.asked.Load(), `"path":"`+want+`"`) {
			t.Errorf("%q: %v, asked %s", uri, ok, *s.asked.Load())
		}
	}
}

func TestAClientThatLeavesIsNotLogged(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	s := newService(t, func(_ http.ResponseWriter, r *http.Request) { cancel(); <-r.Context().Done() })
	var log bytes.Buffer
	g, err := guard.New(guard.Config{Client: s.client(t), Log: slog.New(slog.NewJSONHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/", nil).WithContext(ctx)
	r.Header = bearing("Bearer " + key)
	if _, ok := g.Admit(httptest.NewRecorder(), r); ok || log.Len() != 0 {
		t.Errorf("%v, logged %s", ok, log.String())
	}
	if _, ok := guard.Verdict(r.Context()); ok {
		t.Error("a verdict outside of a protected handler")
	}
}
