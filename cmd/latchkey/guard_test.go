package main_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/labstack/echo/v4"

	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
	"github.com/latchkey-dev/latchkey/sdk/go/api"
	echoguard "github.com/latchkey-dev/latchkey/sdk/go/echo"
	"github.com/latchkey-dev/latchkey/sdk/go/guard"
)

// The middlewares of the Go client protect a real API by a real instance.
func TestGuards(t *testing.T) {
	t.Parallel()
	for name, protect := range map[string]func(*guard.Guard) http.Handler{
		"net/http": func(g *guard.Guard) http.Handler {
			return g.Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				v, _ := guard.Verdict(r.Context())
				tellBack(w, r, v)
			}))
		},
		"echo": func(g *guard.Guard) http.Handler {
			e := echo.New()
			e.Use(echoguard.Protect(g))
			e.Any("/*", func(c echo.Context) error {
				v, _ := echoguard.Verdict(c)
				tellBack(c.Response(), c.Request(), v)
				return nil
			})
			return e
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newGuardStory(t, protect)
			s.allowed(t)
			s.refused(t)
			s.revokedWhileRunning(t)
			s.limit(t)
			s.credits(t)
			s.away(t)
		})
	}
}

// told is what the API saw of a request.
type told struct {
	Handle, KeyID, Permission, URI string
	Body                           []byte
}

func tellBack(w http.ResponseWriter, r *http.Request, v latchkey.VerifyResult) {
	body, err := io.ReadAll(r.Body)
	if err != nil || v.Account == nil || v.Key == nil || v.Matched == nil {
		http.Error(w, "the request did not arrive whole", http.StatusTeapot)
		return
	}
	_ = json.NewEncoder(w).Encode(told{v.Account.Handle, v.Key.ID, *v.Matched, r.RequestURI, body})
}

type guardStory struct {
	latchkey   *process
	ada, grace *latchkey.Client
	url        string // of the API
}

func newGuardStory(t *testing.T, protect func(*guard.Guard) http.Handler) *guardStory {
	t.Helper()
	p := serve(t, "LATCHKEY_DATA_DIR="+seeded(t))
	s := &guardStory{latchkey: p, ada: p.ada(), grace: p.grace()}
	_, err := s.ada.PermissionCatalogueUpdate(t.Context(), 0, latchkey.PermissionCatalogueInput{Resources: []api.CatalogueResource{
		{Name: "media", Title: new("Media"), Paths: []string{"/media"}, Access: []api.AccessLevel{"read", "write"}}},
		Routes: []api.CatalogueRoute{{Method: "POST", Path: "/media/search", Access: new(api.AccessLevel("read")), Credits: new(int64(25))},
			{Method: "POST", Path: "/media/paid", Credits: new(int64(25))}}})
	check(t, err)
	g, err := guard.New(guard.Config{Client: p.withKey(p.newKey(s.ada).Secret)})
	check(t, err)
	server := httptest.NewServer(protect(g))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *guardStory) key(t *testing.T, permissions ...string) latchkey.AccessKeyIssued {
	t.Helper()
	in := latchkey.AccessKeyInput{Name: "ci"}
	if permissions != nil {
		in.Permissions = latchkey.Only(permissions...)
	}
	k, err := s.grace.AccessKeyCreate(t.Context(), in)
	check(t, err)
	return k
}

// want sends a request and looks at status, code and challenge; it gives the whole answer.
func (s *guardStory) want(t *testing.T, k latchkey.AccessKeyIssued, method, path string, body []byte, status int, code, challenge string) answer {
	t.Helper()
	a := ask(t, http.DefaultClient, method, s.url+path, k.Secret.Reveal(), nil, bytes.NewReader(body))
	var p struct{ Error string }
	_ = json.Unmarshal([]byte(a.body), &p)
	if a.status != status || p.Error != code || a.header.Get("WWW-Authenticate") != challenge {
		t.Errorf("%s %s: %d %v %s, want %d %s %s", method, path, a.status, a.header, a.body, status, code, challenge)
	}
	if strings.Contains(a.body, k.Secret.Reveal()) || status != 200 && a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s %s: %v %s", method, path, a.header, a.body)
	}
	return a
}

func (s *guardStory) allowed(t *testing.T) {
	k := s.key(t)
	body := bytes.Repeat([]byte("a\x00\xff\n"), 1<<18)
	for _, method := range []string{"GET", "POST", "DELETE"} {
		a := s.want(t, k, method, "/media/a%20b%2C?q=1", body, 200, "", "")
		var got told
		check(t, json.Unmarshal([]byte(a.body), &got))
		if got.Handle != "grace" || got.KeyID != k.ID || got.Permission != "*:*" || got.URI != "/media/a%20b%2C?q=1" || !bytes.Equal(got.Body, body) {
			t.Errorf("%s: %s %s %s %s and %d bytes", method, got.Handle, got.KeyID, got.Permission, got.URI, len(got.Body))
		}
	}
	until(t, "the client's address is noted", func() bool {
		got, err := s.grace.AccessKeyGet(t.Context(), k.ID)
		check(t, err)
		return got.LastUsedIP != nil && *got.LastUsedIP == "127.0.0.1"
	})
}

const challengeScope = `Bearer realm="latchkey", error="insufficient_scope"`

func (s *guardStory) refused(t *testing.T) {
	k := s.key(t, "media:read")
	s.want(t, k, "GET", "/media/1", nil, 200, "", "")
	s.want(t, k, "POST", "/media/1", nil, 403, "permission_denied", challengeScope+`, scope="media:write"`)
	s.want(t, k, "GET", "/elsewhere", nil, 403, "permission_denied", challengeScope+`, scope="*:read"`)
	for _, unclear := range []string{"/media/../1", "/media//1", "/media/a%2Fb", "/media;x"} {
		s.want(t, k, "GET", unclear, nil, 403, "permission_denied", challengeScope)
	}
	s.want(t, k, "TRACK", "/media/1", nil, 403, "permission_denied", challengeScope)
	s.want(t, latchkey.AccessKeyIssued{Secret: latchkey.NewKey("not-a-key")}, "GET", "/media/1", nil, 401, "credential_invalid", `Bearer realm="latchkey", error="invalid_token"`)
}

// Once the revocation has returned, the next request is refused, on whatever connection.
func (s *guardStory) revokedWhileRunning(t *testing.T) {
	k := s.key(t)
	var users, passed sync.WaitGroup
	passed.Add(4)
	for range 4 {
		users.Go(func() {
			first := sync.OnceFunc(passed.Done)
			defer first()
			for range 10_000 {
				switch a := ask(t, http.DefaultClient, "GET", s.url+"/media/1", k.Secret.Reveal(), nil, nil); a.status {
				case 200:
					first()
				case 401:
					return
				default:
					t.Errorf("got %d %s", a.status, a.body)
					return
				}
			}
			t.Error("a revoked key goes on working")
		})
	}
	passed.Wait() // more requests are on their way from here on
	_, err := s.grace.AccessKeyDelete(t.Context(), k.ID)
	check(t, err)
	s.want(t, k, "GET", "/media/1", nil, 401, "credential_invalid", `Bearer realm="latchkey", error="invalid_token"`)
	users.Wait()
}

var windowed = regexp.MustCompile(`^"query";q=2;w=(24|25|26)[0-9]{5}$`) // a month

func (s *guardStory) limit(t *testing.T) {
	k, err := s.grace.AccessKeyCreate(t.Context(), latchkey.AccessKeyInput{Name: "capped", Limits: latchkey.Limited(api.AccessKeyLimits{Query: new(int64(2))})})
	check(t, err)
	for left := 1; left >= 0; left-- {
		a := s.want(t, k, "GET", "/media/1", nil, 200, "", "")
		if got := a.header.Get("RateLimit"); !strings.HasPrefix(got, `"query";r=`+strconv.Itoa(left)) || !windowed.MatchString(a.header.Get("RateLimit-Policy")) {
			t.Errorf("%s, %s", got, a.header.Get("RateLimit-Policy"))
		}
	}
	a := s.want(t, k, "GET", "/media/1", nil, 429, "quota_exceeded", "")
	if !regexp.MustCompile(`^[1-9][0-9]*$`).MatchString(a.header.Get("Retry-After")) || !strings.HasPrefix(a.header.Get("RateLimit"), `"query";r=0`) ||
		!strings.Contains(a.body, `"scope":"key"`) {
		t.Errorf("%v %s", a.header, a.body)
	}
}

func (s *guardStory) credits(t *testing.T) {
	k := s.key(t)
	if a := s.want(t, k, "POST", "/media/search", nil, 402, "insufficient_credits", ""); !strings.Contains(a.body, `{"balance":0,"required":25}`) {
		t.Errorf("%s", a.body)
	}
	grace, err := s.grace.AccountGet(t.Context())
	check(t, err)
	check(t, second(s.ada.AccountCreditsAdd(t.Context(), grace.ID, latchkey.CreditInput{Type: api.CreditInputTypeGrant, Amount: 30, IdempotencyKey: "a"})))
	s.want(t, k, "POST", "/media/search", nil, 200, "", "")
}

func (s *guardStory) away(t *testing.T) {
	k := s.key(t)
	s.latchkey.t = t
	s.latchkey.stop()
	if a := s.want(t, k, "GET", "/media/1", nil, 503, "verification_unavailable", ""); a.header.Get("Retry-After") != "1" {
		t.Errorf("%v", a.header)
	}
}
