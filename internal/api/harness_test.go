package api

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/latchkey-dev/latchkey/internal/accesskey"
	"github.com/latchkey-dev/latchkey/internal/account"
	"github.com/latchkey-dev/latchkey/internal/audit"
	"github.com/latchkey-dev/latchkey/internal/boottime"
	"github.com/latchkey-dev/latchkey/internal/catalogue"
	"github.com/latchkey-dev/latchkey/internal/changefeed"
	"github.com/latchkey-dev/latchkey/internal/postgres"
	"github.com/latchkey-dev/latchkey/internal/testdb"
	"github.com/latchkey-dev/latchkey/internal/token"
	"github.com/latchkey-dev/latchkey/internal/usage"
	"github.com/latchkey-dev/latchkey/internal/verify"
)

func TestMain(m *testing.M) { testdb.Main(m) }

const password = "correct horse battery staple"

// harness is a whole API over HTTP on a database of its own, with a clock that tests move.
type harness struct {
	t        *testing.T
	url      string // of the first instance
	urls     []string
	database string // URL
	set      settings
	pool     *pgxpool.Pool
	checks   *pgxpool.Pool // of the first instance's verifier
	accounts *account.Store
	keys     *accesskey.Store
	uses     *usage.Recorder
	retired  *accesskey.Watch
	meter    *usage.Meter
	node     *changefeed.Node
	feed     *changefeed.Feed
	metrics  *prometheus.Registry
	clock    *clock
	leases   *leaseClock
	log      *logBuffer
	contract routers.Router
	root     *client // the first administrator
}

// settings is what a test may want otherwise.
type settings struct {
	signupOpen bool
	https      bool
	keysMost   int
	policy     accesskey.Policy
	deaf       bool // instances hear of each other's changes only when they ask
	api        func(*Config)
}

func newHarness(t *testing.T, change ...func(*settings)) *harness {
	t.Helper()
	h := newEmptyHarness(t, change...)
	code, _, err := h.accounts.NewSetupCode(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	h.root = h.anonymous()
	got := h.root.post("/api/setup", map[string]any{"code": code.Reveal(), "identifier": "root", "token": password}).want(200)
	h.root.signedIn(got)
	return h
}

// newEmptyHarness has no account yet.
func newEmptyHarness(t *testing.T, change ...func(*settings)) *harness {
	t.Helper()
	set := settings{keysMost: 100}
	for _, c := range change {
		c(&set)
	}
	h := &harness{t: t, database: testdb.New(t), clock: &clock{}, leases: &leaseClock{}, log: &logBuffer{}, contract: contractRouter(t), set: set}
	h.pool = h.open("test")
	h.url = h.instance()
	return h
}

func (h *harness) open(name string) *pgxpool.Pool {
	h.t.Helper()
	pool, err := postgres.Open(h.database, postgres.PoolOptions{MaxConns: 8, Name: name})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(pool.Close)
	return pool
}

// instance starts one more instance of the service on the same database, and gives its URL.
func (h *harness) instance() string {
	t, pool := h.t, h.pool
	t.Helper()
	digester, err := token.NewDigester(nil)
	if err != nil {
		t.Fatal(err)
	}
	memory := verify.NewMemory(1000)
	node, err := changefeed.NewNode(changefeed.NodeConfig{Dial: changefeed.Dial(h.database), Memory: memory, Clock: h.leases.Now, Rand: rand.Reader,
		Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	metrics := prometheus.NewRegistry()
	feed := changefeed.NewFeed(changefeed.FeedConfig{Pool: pool, Clock: h.leases.Now, Now: time.Now, Rand: rand.Reader, Node: node, Metrics: metrics})
	accounts := account.NewStore(account.Config{Pool: pool, Feed: feed, Now: h.clock.Now, Rand: rand.Reader, Hasher: account.NewHasher(account.Cost{MemoryKiB: 64, Passes: 1, Lanes: 1}, rand.Reader),
		PasswordMin: 12, SessionIdle: time.Hour, SessionLife: 24 * time.Hour, SessionsMost: 20, SignupOpen: h.set.signupOpen})
	retired := accesskey.NewWatch(pool, h.clock.Now)
	keys := accesskey.NewStore(accesskey.Config{Pool: pool, Feed: feed, Now: h.clock.Now, Rand: rand.Reader, Digester: digester, Brand: "lk", Most: h.set.keysMost,
		Policy: h.set.policy, Retired: retired, Metrics: metrics})
	uses, checks := usage.NewRecorder(pool), h.open("verify")
	meter := usage.NewMeter(usage.MeterConfig{Pool: checks, Clock: h.leases.Now, Metrics: metrics})
	if h.accounts == nil {
		h.accounts, h.keys, h.uses, h.retired, h.meter, h.node, h.feed, h.checks, h.metrics = accounts, keys, uses, retired, meter, node, feed, checks, metrics
	}
	cfg := Config{
		Accounts: accounts, Keys: keys, Audit: audit.NewLog(pool), Uses: uses, Retired: retired, Node: node, Janitor: changefeed.NewJanitor(pool, h.leases.Now, time.Now),
		Meter: meter, Usage: usage.NewStore(usage.StoreConfig{Pool: pool, Feed: feed, Now: h.clock.Now}),
		Catalogue: catalogue.NewStore(catalogue.Config{Pool: pool, Feed: feed, Now: h.clock.Now}),
		Verifier:  verify.New(verify.Config{Pool: checks, Memory: memory, Node: node, Clock: h.leases.Now, Now: h.clock.Now, Digester: digester, SessionIdle: time.Hour}),
		Ready:     func() error { return nil },
		Ping: func(ctx context.Context) (postgres.Durability, error) {
			return postgres.ReadDurability(ctx, pool)
		},
		Clock:     h.leases.Now,
		Now:       h.clock.Now,
		Rand:      rand.Reader,
		Log:       slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Metrics:   metrics,
		Version:   "1.2.3",
		PublicURL: "http://localhost:8080", SecureCookie: h.set.https, SessionLife: 24 * time.Hour,
	}
	if h.set.api != nil {
		h.set.api(&cfg)
	}
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { node.Run(ctx) })
	if !h.set.deaf {
		running.Go(func() { postgres.Listen(ctx, h.database, "latchkey_change", node.Kick) })
	}
	server := httptest.NewServer(e)
	t.Cleanup(func() {
		server.Close()
		stop()
		running.Wait()
	})
	h.urls = append(h.urls, server.URL)
	return server.URL
}

var router = sync.OnceValues(func() (routers.Router, error) {
	doc, err := builtIn()
	if err != nil {
		return nil, err
	}
	return gorillamux.NewRouter(doc)
})

func contractRouter(t *testing.T) routers.Router {
	t.Helper()
	r, err := router()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// member makes an account with a role of exactly these permissions, and signs it in.
func (h *harness) member(handle string, permissions ...string) *client {
	h.t.Helper()
	h.root.post("/api/admin/accounts", map[string]any{"identifier": handle, "token": password}).want(200)
	if len(permissions) > 0 {
		role := h.root.post("/api/roles", map[string]any{"name": "role of " + handle, "permissions": permissions}).want(200)
		h.root.do("PUT", "/api/accounts/"+handle+"/roles/"+role.str("id"), nil).want(200)
	}
	return h.signIn(handle, password)
}

func (h *harness) signIn(handle, password string) *client {
	h.t.Helper()
	c := h.anonymous()
	c.signedIn(c.post("/api/auth/password/signin", map[string]any{"identifier": handle, "token": password}).want(200))
	return c
}

// in makes a copy for a subtest, so that what fails there fails it.
func (h *harness) in(t *testing.T) *harness {
	d := *h
	d.t = t
	d.root = &client{h: &d, id: h.root.id, header: h.root.header}
	return &d
}

func (h *harness) anonymous() *client { return &client{h: h, header: http.Header{}} }

// client is one browser or one program.
type client struct {
	h      *harness
	id     string // of the account
	header http.Header
}

// with adds a header to every further request of a copy.
func (c *client) with(name, value string) *client {
	d := *c
	d.header = c.header.Clone()
	d.header.Add(name, value)
	return &d
}

// at makes a copy that asks another instance.
func (c *client) at(url string) *client {
	h, d := *c.h, *c
	h.url, d.h = url, &h
	return &d
}

// in makes a copy for a subtest, so that what fails there fails it.
func (c *client) in(t *testing.T) *client {
	h, d := *c.h, *c
	h.t, d.h = t, &h
	return &d
}

// withKey is a program that sends only a key.
func (c *client) withKey(secret string) *client {
	d := c.h.anonymous().with("Authorization", "Bearer "+secret)
	d.id = c.id
	return d
}

// newKey creates a key of the client's account: its id and a program that holds it.
func (c *client) newKey(name string) (string, *client) {
	c.h.t.Helper()
	got := c.post("/api/auth/access-keys", map[string]any{"name": name}).want(200)
	return got.str("id"), c.withKey(got.str("secret"))
}

func (c *client) signedIn(got *answer) {
	c.id = got.str("id")
	cookies := (&http.Response{Header: got.header}).Cookies()
	if len(cookies) != 1 {
		c.h.t.Fatalf("signing in set %d cookies", len(cookies))
	}
	c.header.Set("Cookie", cookies[0].Name+"="+cookies[0].Value)
}

func (c *client) get(path string) *answer             { return c.do("GET", path, nil) }
func (c *client) post(path string, body any) *answer  { return c.do("POST", path, body) }
func (c *client) patch(path string, body any) *answer { return c.do("PATCH", path, body) }
func (c *client) delete(path string) *answer          { return c.do("DELETE", path, nil) }
func (c *client) raw(method, path, body string) *answer {
	return c.send(method, path, strings.NewReader(body), "application/json")
}

func (c *client) do(method, path string, body any) *answer {
	c.h.t.Helper()
	if body == nil {
		return c.send(method, path, nil, "")
	}
	b, err := json.Marshal(body)
	if err != nil {
		c.h.t.Fatal(err)
	}
	return c.send(method, path, bytes.NewReader(b), "application/json")
}

// send makes one request and holds its answer against the contract.
func (c *client) send(method, path string, body io.Reader, contentType string) *answer {
	c.h.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, c.h.url+path, body)
	if err != nil {
		c.h.t.Fatal(err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for name, values := range c.header {
		r.Header[name] = values
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		c.h.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		c.h.t.Fatalf("%s %s: read answer: %v", method, path, err)
	}
	a := &answer{t: c.h.t, what: method + " " + path, status: resp.StatusCode, header: resp.Header, body: b}
	a.holdAgainst(c.h.contract, r)
	return a
}

// answer is what came back.
type answer struct {
	t      *testing.T
	what   string
	status int
	header http.Header
	body   []byte
}

// holdAgainst fails the test when the answer is not one that the contract has for the operation.
func (a *answer) holdAgainst(contract routers.Router, r *http.Request) {
	a.t.Helper()
	plain := r.Clone(r.Context())
	plain.URL.Scheme, plain.URL.Host, plain.Host = "", "", ""
	if rest, ok := strings.CutPrefix(r.URL.Path, forwardAuthPath); ok && (rest == "" || rest[0] == '/') { // any method, and any path below
		plain.Method, plain.URL = http.MethodGet, &url.URL{Path: forwardAuthPath}
	}
	route, params, err := contract.FindRoute(plain)
	if err != nil {
		if a.status != 404 && a.status != 405 && a.status != 431 && a.status != 403 {
			a.t.Errorf("%s: %d for a path that the contract does not have", a.what, a.status)
		}
		return
	}
	err = openapi3filter.ValidateResponse(r.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route},
		Status:                 a.status, Header: a.header, Body: io.NopCloser(bytes.NewReader(a.body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true, AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
	})
	if err != nil {
		a.t.Errorf("%s: the answer breaks the contract: %v", a.what, err)
	}
}

// want fails the test unless the status is this one; with a code, also unless the problem has it.
func (a *answer) want(status int, code ...string) *answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%s = %d, want %d: %s", a.what, a.status, status, a.body)
	}
	if len(code) > 0 && a.str("error") != code[0] {
		a.t.Fatalf("%s = %q, want %q: %s", a.what, a.str("error"), code[0], a.body)
	}
	return a
}

func (a *answer) json() map[string]any {
	a.t.Helper()
	var m map[string]any
	if err := json.Unmarshal(a.body, &m); err != nil {
		a.t.Fatalf("%s: %v: %s", a.what, err, a.body)
	}
	return m
}

func (a *answer) str(member string) string {
	a.t.Helper()
	s, _ := a.json()[member].(string)
	return s
}

// list gives an array of objects.
func (a *answer) list(member string) []map[string]any {
	a.t.Helper()
	var out []map[string]any
	for _, v := range a.json()[member].([]any) {
		out = append(out, v.(map[string]any))
	}
	return out
}

// clock goes with the real one until a test moves it.
type clock struct {
	mu      sync.Mutex
	ahead   time.Duration
	stopped time.Time // zero: it goes
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stopped.IsZero() {
		return c.stopped.Add(c.ahead)
	}
	return time.Now().Add(c.ahead)
}

// stop lets only advance move the clock from here on.
func (c *clock) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = time.Now().Truncate(time.Second).Add(time.Second) // never back
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

// leaseClock is what leases are measured by. It goes with the real one until a test lets every lease end.
type leaseClock struct{ ahead atomic.Int64 }

func (c *leaseClock) Now() time.Duration { return boottime.Now() + time.Duration(c.ahead.Load()) }

func (c *leaseClock) end() { c.ahead.Add(int64(time.Hour)) }

// logBuffer is what the service logged.
type logBuffer struct {
	mu    sync.Mutex
	b     bytes.Buffer
	grown chan struct{} // closed by the next line, where someone waits for it
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.grown != nil {
		close(l.grown)
		l.grown = nil
	}
	return l.b.Write(p)
}

// await waits for a line that holds all of parts, and gives it.
func (l *logBuffer) await(t *testing.T, parts ...string) string {
	t.Helper()
	late := time.After(10 * time.Second)
	for {
		line, grown := l.find(parts)
		if line != "" {
			return line
		}
		select {
		case <-grown:
		case <-late:
			t.Fatalf("no line with %q was logged:\n%s", parts, l)
		}
	}
}

func (l *logBuffer) find(parts []string) (string, <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.b.String()) {
		if !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(line, part) }) {
			return line, nil
		}
	}
	if l.grown == nil {
		l.grown = make(chan struct{})
	}
	return "", l.grown
}

func (l *logBuffer) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.b.Reset()
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
