package main_test

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
	"github.com/latchkey-dev/latchkey/sdk/go/api"
)

// The configurations of docs/gateways.md do what it says, on the real programs.
func TestGateways(t *testing.T) {
	t.Parallel()
	for _, kind := range gatewayKinds() {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			g := kind.start(t)
			s := &gatewayStory{gateway: g, keyring: newKeyring(t, g.latchkey)}
			for _, chapter := range []struct {
				name string
				run  func(*testing.T)
			}{
				{"allowed", s.allowed}, {"refused", s.refused}, {"narrow keys", s.narrow}, {"forged identity", s.forgedIdentity}, {"forged question", s.forgedQuestion},
				{"body", s.body}, {"fault of the API", s.faultOfAPI}, {"connections", s.connections}, {"revoked between two requests", s.revokedBetween},
				{"Latchkey is stuck", s.stuck}, {"Latchkey is away", s.away}, {"Latchkey is ill", s.ill}, {"Latchkey is back", s.back},
			} {
				t.Run(chapter.name, func(t *testing.T) { s.latchkey.t = t; chapter.run(t) })
			}
		})
	}
}

// keyring has a key of each kind.
type keyring struct {
	grace   *latchkey.Client
	owner   latchkey.Account // grace
	key     latchkey.AccessKeyIssued
	refused []refusedKey
}

type refusedKey struct {
	name, authorization string
	status              int
	challenge           string
}

func newKeyring(t *testing.T, p *process) keyring {
	t.Helper()
	ctx, ada := t.Context(), p.ada()
	k := keyring{grace: p.grace()}
	k.key = p.newKey(k.grace)
	revoked := p.newKey(k.grace)
	_, err := k.grace.AccessKeyDelete(ctx, revoked.ID)
	check(t, err)
	k.owner, err = k.grace.AccountGet(ctx)
	check(t, err)
	role := k.owner.Roles[0].ID
	_, err = ada.AccountAddRole(ctx, "bob", role)
	check(t, err)
	bob := p.newKey(p.signIn("bob", bobPassword))
	_, err = ada.AccountRemoveRole(ctx, "bob", role)
	check(t, err)

	const realm = `Bearer realm="latchkey"`
	const invalid = realm + `, error="invalid_token"`
	secret := k.key.Secret.Reveal()
	k.refused = []refusedKey{
		{"no key", "", 401, realm},
		{"another scheme", "Basic YTpi", 401, realm},
		{"nothing of ours", "Bearer abc", 401, invalid},
		{"a changed key", "Bearer " + secret[:len(secret)-1] + "_", 401, invalid},
		{"a revoked key", "Bearer " + revoked.Secret.Reveal(), 401, invalid},
		{"a key whose owner may not use keys", "Bearer " + bob.Secret.Reveal(), 403, ""},
	}
	return k
}

type gatewayStory struct {
	*gateway
	keyring
}

// send asks with grace's key.
func (s *gatewayStory) send(t *testing.T, method, path string, header http.Header, body io.Reader) answer {
	t.Helper()
	return ask(t, s.client, method, s.url+path, s.key.Secret.Reveal(), header, body)
}

// wantAllowed says that an answer is that of the API, which got one request, with the identity that goes with a key and nothing
// else that could pass for one, and gives what it got.
func (s *gatewayStory) wantAllowed(t *testing.T, a answer, key latchkey.AccessKeyIssued) received {
	t.Helper()
	got := s.api.take()
	if a.status != 200 || a.body != "answer of the API" || len(got) != 1 {
		t.Fatalf("got %d %q, and the API %d requests", a.status, a.body, len(got))
	}
	want := map[string]string{"X-Latchkey-Account-Id": s.owner.ID, "X-Latchkey-Account-Handle": s.owner.Handle, "X-Latchkey-Key-Id": key.ID, "X-Latchkey-Permission": "*:*"}
	for name, values := range got[0].header {
		if value, known := want[name]; known && slices.Equal(values, []string{value}) {
			delete(want, name)
		} else if strings.Contains(strings.ToLower(name), "latchkey") {
			t.Errorf("the API got %s: %q", name, values)
		}
	}
	if len(want) != 0 || got[0].header["Authorization"] != nil {
		t.Errorf("the API misses %v, or should not have Authorization: %v", want, slices.Sorted(maps.Keys(got[0].header)))
	}
	return got[0]
}

// wantRefused says that a request did not reach the API.
func (s *gatewayStory) wantRefused(t *testing.T, a answer, status int) {
	t.Helper()
	if got := s.api.take(); a.status != status || len(got) != 0 {
		t.Errorf("got %d %q, want %d, and the API %d requests", a.status, a.body, status, len(got))
	}
}

// wantUnavailable says that nobody was let in for want of a verdict, with a status that is Latchkey's own or the gateway's.
func (s *gatewayStory) wantUnavailable(t *testing.T, a answer, status int) {
	t.Helper()
	if s.wantRefused(t, a, status); status == 503 && a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

func (s *gatewayStory) allowed(t *testing.T) {
	for _, path := range []string{"/", "/data-planes/1", "/a%20b/c%2Cd", "/search?q=a+b%20c&q=%C3%A9&empty=&flag"} {
		if got := s.wantAllowed(t, s.send(t, "GET", path, nil, nil), s.key); got.method != "GET" || got.uri != path {
			t.Errorf("the API got %s %s instead of GET %s", got.method, got.uri, path)
		}
	}
	for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
		if got := s.wantAllowed(t, s.send(t, method, "/thing", nil, nil), s.key); got.method != method {
			t.Errorf("the API got %s instead of %s", got.method, method)
		}
	}
	if a, got := s.send(t, "HEAD", "/thing", nil, nil), s.api.take(); a.status != 200 || len(got) != 1 || got[0].method != "HEAD" {
		t.Errorf("HEAD gives %d, and the API got %v", a.status, got)
	}
}

// narrow keys get as far as their permissions and limits go, and requests that can be read in two ways nowhere.
func (s *gatewayStory) narrow(t *testing.T) {
	key, err := s.grace.AccessKeyCreate(t.Context(), latchkey.AccessKeyInput{Name: "reads", Permissions: latchkey.Only("*:read"), Limits: latchkey.Limited(api.AccessKeyLimits{Query: new(int64(2))})})
	check(t, err)
	send := func(method, path string) answer {
		return ask(t, s.client, method, s.url+path, key.Secret.Reveal(), nil, nil)
	}
	for range 2 {
		if a, got := send("GET", "/thing"), s.api.take(); a.status != 200 || len(got) != 1 || got[0].header.Get("X-Latchkey-Permission") != "*:read" {
			t.Errorf("reading: %d, and the API got %v", a.status, got)
		}
	}
	s.wantRefused(t, send("GET", "/thing"), s.kind.tooMany)
	_, err = s.latchkey.ada().PermissionCatalogueUpdate(t.Context(), 0, latchkey.PermissionCatalogueInput{Routes: []api.CatalogueRoute{{Method: "POST", Path: "/paid", Credits: new(int64(25))}}})
	check(t, err)
	s.wantRefused(t, s.send(t, "POST", "/paid", nil, nil), s.kind.unpaid)
	for _, method := range []string{"POST", "DELETE"} {
		s.wantRefused(t, send(method, "/thing"), 403)
	}
	for _, method := range []string{"OPTIONS", "PURGE"} {
		s.wantRefused(t, s.send(t, method, "/thing", nil, nil), 403)
	}
	for _, path := range []string{"/a%2Fb", "/a;b"} {
		s.wantRefused(t, s.send(t, "GET", path, nil, nil), 403)
	}
	for path, folded := range map[string]string{"/a//b": "/a/b", "/a/../b": "/b"} {
		a := s.send(t, "GET", path, nil, nil)
		if !s.kind.folds {
			s.wantRefused(t, a, 403)
		} else if got := s.wantAllowed(t, a, s.key); got.uri != folded {
			t.Errorf("of %s the API got %s", path, got.uri)
		}
	}
}

func (s *gatewayStory) refused(t *testing.T) {
	for _, k := range s.keyring.refused {
		for _, method := range []string{"GET", "POST"} {
			a := ask(t, s.client, method, s.url+"/thing", "", withAuthorization(k.authorization), strings.NewReader("a body"))
			s.wantRefused(t, a, k.status)
			if got := a.header.Values("WWW-Authenticate"); k.status == 401 && !slices.Equal(got, []string{k.challenge}) {
				t.Errorf("%s: WWW-Authenticate: %q, want %s", k.name, got, k.challenge)
			}
		}
	}
	s.wantRefused(t, ask(t, s.client, "GET", s.url+"/forward-auth", "", nil, nil), 401)
	if s.kind.hidden != "" {
		s.wantRefused(t, s.send(t, "GET", s.kind.hidden, nil, nil), 404)
	}
}

func withAuthorization(value string) http.Header {
	if value == "" {
		return nil
	}
	return http.Header{"Authorization": {value}}
}

// forgedNames could pass for ours, to those who fold case or take every sign for an underscore.
var forgedNames = []string{
	"X-Latchkey-Account-Id", "x-latchkey-account-id", "X-LATCHKEY-ACCOUNT-ID", "X_Latchkey_Account_Id", "x_latchkey_account_id",
	"X-Latchkey_Account-Id", "X.Latchkey.Account.Id", "x.latchkey-Account-Id", "X-Latchkey-Account-Handle", "X_Latchkey_Account_Handle",
	"X-Latchkey-Key-Id", "X_LATCHKEY_KEY_ID", "X-Latchkey-Permission", "x-latchkey-permission", "X_Latchkey_Permission",
}

func (s *gatewayStory) forgedIdentity(t *testing.T) {
	for _, name := range forgedNames {
		header := http.Header{name: {"forged", "twice"}}
		s.wantAllowed(t, s.send(t, "GET", "/thing", header, nil), s.key)
		s.wantRefused(t, ask(t, s.client, "GET", s.url+"/thing", "", header, nil), 401)
	}
	// A client may say which headers should not be passed on. The API must not get the request without its identity.
	for _, names := range []string{"X-Latchkey-Account-Id", "close, X-Latchkey-Key-Id", "x-latchkey-permission, x-latchkey-account-handle", "Authorization"} {
		if a := s.send(t, "GET", "/thing", http.Header{"Connection": {names}}, nil); a.status == 200 {
			s.wantAllowed(t, a, s.key)
		} else {
			s.wantRefused(t, a, a.status)
		}
	}
}

// Latchkey is asked about the request that was made, and hears nothing from the client that could say otherwise.
func (s *gatewayStory) forgedQuestion(t *testing.T) {
	forged := http.Header{"Cookie": {"a=b"}, "X-Forwarded-For": {"203.0.113.7"}, "X-Forwarded-Host": {"elsewhere.example"},
		"Content-Type": {"text/plain"}, "Content-Encoding": {"gzip"}, "Connection": {"X-Forwarded-Uri, X-Forwarded-Method, X-Original-Uri"}}
	for _, name := range []string{"X-Forwarded-Method", "x-forwarded-method", "X-Original-Method", "x-original-method"} {
		forged[name] = []string{"GET"}
	}
	for _, name := range []string{"X-Forwarded-Uri", "x-forwarded-uri", "X-Original-Uri", "X-Original-URI"} {
		forged[name] = []string{"/harmless"}
	}
	asked := s.tap.watch(func() {
		a := s.send(t, "DELETE", "/data-planes/1?force", forged, strings.NewReader("not for Latchkey"))
		got := s.wantAllowed(t, a, s.key)
		if got.method != "DELETE" || got.uri != "/data-planes/1?force" || string(got.body) != "not for Latchkey" {
			t.Errorf("the API got %s %s %q", got.method, got.uri, got.body)
		}
		if from := got.header["X-Forwarded-For"]; !slices.Equal(from, []string{"127.0.0.1"}) || got.host == "" || !strings.HasPrefix(s.url, "http://"+got.host) {
			t.Errorf("the API got a request from %q for %s", from, got.host)
		}
	})
	if len(asked) != 1 {
		t.Fatalf("asked %d times", len(asked))
	}
	q := asked[0]
	if q.method != s.kind.asks || q.uri != "/forward-auth" || len(q.body) != 0 || q.header["Cookie"] != nil {
		t.Errorf("asked %s %s with %v and a body of %d bytes", q.method, q.uri, q.header, len(q.body))
	}
	want := map[string]string{s.kind.about[0]: "DELETE", s.kind.about[1]: "/data-planes/1?force", "X-Forwarded-For": "127.0.0.1"}
	for name, values := range q.header {
		about := regexp.MustCompile(`^X-(Forwarded|Original)-(Method|Uri|For)$`).MatchString(name)
		if about && !slices.Equal(values, []string{want[name]}) {
			t.Errorf("asked with %s: %q, want %q", name, values, want[name])
		}
		delete(want, name)
	}
	if len(want) != 0 {
		t.Errorf("asked without %v", want)
	}
}

// A body goes to the API as it is, whether its length was known before or not, and never to Latchkey.
func (s *gatewayStory) body(t *testing.T) {
	big := bytes.Repeat([]byte("0123456789abcde\n"), 2<<16) // 2 MiB
	header := http.Header{"Content-Type": {"application/x-thing"}, "Expect": {"100-continue"}}
	asked := s.tap.watch(func() {
		for _, method := range []string{"POST", "PATCH"} {
			for how, body := range map[string]io.Reader{"at once": bytes.NewReader(big), "chunked": struct{ io.Reader }{bytes.NewReader(big)}} {
				got := s.wantAllowed(t, s.send(t, method, "/upload?part=1", header, body), s.key)
				if got.method != method || got.uri != "/upload?part=1" || got.header.Get("Content-Type") != "application/x-thing" || !bytes.Equal(got.body, big) {
					t.Errorf("%s, %s: the API got %s %s with %d bytes", method, how, got.method, got.uri, len(got.body))
				}
			}
		}
	})
	if len(asked) != 4 {
		t.Errorf("asked %d times", len(asked))
	}
	for _, q := range asked {
		if length := q.header.Get("Content-Length"); len(q.body) != 0 || (length != "" && length != "0") {
			t.Errorf("Latchkey got %d bytes with %v", len(q.body), q.header)
		}
	}
}

func (s *gatewayStory) faultOfAPI(t *testing.T) {
	a := s.send(t, "GET", "/broken", nil, nil)
	if got := s.api.take(); a.status != 500 || a.body != "answer of the API" || len(got) != 1 {
		t.Errorf("got %d %q", a.status, a.body)
	}
}

func (s *gatewayStory) connections(t *testing.T) {
	used := map[int]bool{}
	for _, q := range s.tap.watch(func() {
		for range 20 {
			s.wantAllowed(t, s.send(t, "GET", "/thing", nil, nil), s.key)
			s.wantRefused(t, ask(t, s.client, "GET", s.url+"/thing", "", nil, nil), 401)
		}
	}) {
		used[q.conn] = true
	}
	if len(used) == 0 || len(used) > 2 {
		t.Errorf("40 questions took %d connections", len(used))
	}
}

func (s *gatewayStory) revokedBetween(t *testing.T) {
	key := s.latchkey.newKey(s.grace)
	s.wantAllowed(t, ask(t, s.client, "GET", s.url+"/thing", key.Secret.Reveal(), nil, nil), key)
	_, err := s.grace.AccessKeyDelete(t.Context(), key.ID)
	check(t, err)
	a := ask(t, s.client, "GET", s.url+"/thing", key.Secret.Reveal(), nil, nil)
	if s.wantRefused(t, a, 401); !a.reused {
		t.Error("that was not the same connection")
	}
	s.wantAllowed(t, s.send(t, "GET", "/thing", nil, nil), s.key)
}

// A Latchkey that does not answer lets nobody in, and holds nobody up for long.
func (s *gatewayStory) stuck(t *testing.T) {
	s.latchkey.signal(syscall.SIGSTOP)
	defer s.latchkey.signal(syscall.SIGCONT)
	var a answer
	var took time.Duration
	until(t, "all its threads stand", func() bool {
		asked := time.Now()
		a, took = s.send(t, "GET", "/thing", nil, nil), time.Since(asked)
		if a.status == 200 {
			s.wantAllowed(t, a, s.key)
		}
		return a.status != 200
	})
	if s.wantUnavailable(t, a, s.kind.away); took > s.kind.patient {
		t.Errorf("the answer took %v", took)
	}
	s.latchkey.signal(syscall.SIGCONT)
	s.wantRecovery(t)
}

func (s *gatewayStory) away(t *testing.T) {
	s.latchkey.stop() // connections end as soon as they are made
	for _, method := range []string{"GET", "POST"} {
		s.wantUnavailable(t, s.send(t, method, "/thing", nil, strings.NewReader("a body")), s.kind.away)
	}
	s.tap.down() // and now there are none
	for _, method := range []string{"GET", "POST"} {
		s.wantUnavailable(t, s.send(t, method, "/thing", nil, strings.NewReader("a body")), s.kind.away)
	}
}

// A Latchkey without a database says 503 itself.
func (s *gatewayStory) ill(t *testing.T) {
	_, through := newProxy(t, externalDatabase(t)) // which is down
	p := start(t, "LATCHKEY_DATABASE_URL="+through)
	p.awaitListening()
	s.tap.up(t, address(p))
	s.wantUnavailable(t, s.send(t, "GET", "/thing", nil, nil), 503)
	s.tap.down()
}

func (s *gatewayStory) back(t *testing.T) {
	s.latchkey = serve(t, "LATCHKEY_DATA_DIR="+s.latchkey.dir, "LATCHKEY_TRUSTED_PROXIES=127.0.0.0/8")
	s.tap.up(t, address(s.latchkey))
	s.wantRecovery(t)
}

// wantRecovery says that requests come through again, without a restart of the gateway.
func (s *gatewayStory) wantRecovery(t *testing.T) {
	t.Helper()
	var a answer
	until(t, "it works again", func() bool {
		a = s.send(t, "GET", "/thing", nil, nil)
		return a.status != 503 && a.status != s.kind.away
	})
	s.wantAllowed(t, a, s.key)
}
