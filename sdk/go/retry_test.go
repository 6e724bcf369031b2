package latchkey_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
	"github.com/latchkey-dev/latchkey/sdk/go/api"
)

// fault is what a server does instead of answering.
type fault func(http.ResponseWriter)

func answers(status int, code, retryAfter string) fault {
	return func(w http.ResponseWriter) {
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		refuse(w, status, code)
	}
}

func hangsUp(http.ResponseWriter) { panic(http.ErrAbortHandler) }

// faulty runs a server that has a fault at first, and counts what it gets.
func faulty(t *testing.T, times int64, f fault, then http.HandlerFunc) (string, *atomic.Int64) {
	t.Helper()
	var asked atomic.Int64
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) <= times {
			f(w)
			return
		}
		then(w, r)
	}), &asked
}

func fine(w http.ResponseWriter, _ *http.Request) { answerJSON(w, http.StatusOK, `{}`) }

type call struct {
	name      string
	do        func(context.Context, *latchkey.Client) error
	repeated  bool
	withoutIt bool // repeated where a connection fails, which is what it is in the table for
}

func calls() []call {
	yes, no := true, false
	return []call{
		{"GET", func(ctx context.Context, c *latchkey.Client) error { _, err := c.AccountGet(ctx); return err }, yes, yes},
		{"add a role", func(ctx context.Context, c *latchkey.Client) error {
			_, err := c.AccountAddRole(ctx, "ada", "r")
			return err
		}, yes, yes},
		{"reset a password", func(ctx context.Context, c *latchkey.Client) error {
			_, err := c.AccountPasswordReset(ctx, "a", "p")
			return err
		}, yes, yes},
		{"revoke", func(ctx context.Context, c *latchkey.Client) error { _, err := c.AccessKeyDelete(ctx, "k"); return err }, yes, yes},
		{"revoke for others", func(ctx context.Context, c *latchkey.Client) error {
			_, err := c.AdminAccessKeyDelete(ctx, "k")
			return err
		}, yes, yes},
		{"end an overlap", func(ctx context.Context, c *latchkey.Client) error {
			_, err := c.AccessKeyPreviousSecretDelete(ctx, "k")
			return err
		}, yes, yes},
		{"revoke all", func(ctx context.Context, c *latchkey.Client) error {
			_, err := c.AccessKeyRevokeAll(ctx, "")
			return err
		}, yes, yes},
		{"report", func(ctx context.Context, c *latchkey.Client) error {
			return c.AccessKeyReport(ctx, "", latchkey.NewKey(key))
		}, yes, yes},
		{"explain", func(ctx context.Context, c *latchkey.Client) error {
			_, err := c.AccessKeyExplain(ctx, "k", latchkey.Ask{})
			return err
		}, yes, yes},
		{"introspect", func(ctx context.Context, c *latchkey.Client) error {
			_, err := c.TokenIntrospect(ctx, latchkey.NewKey(key))
			return err
		}, yes, yes},
		{"credits", func(ctx context.Context, c *latchkey.Client) error {
			_, err := c.AccountCreditsAdd(ctx, "a", latchkey.CreditInput{Type: api.CreditInputTypeGrant, Amount: 5, IdempotencyKey: "i"})
			return err
		}, yes, yes},
		{"take a role", func(ctx context.Context, c *latchkey.Client) error {
			_, err := c.AccountRemoveRole(ctx, "ada", "r")
			return err
		}, yes, yes},
		{"suspend", func(ctx context.Context, c *latchkey.Client) error { _, err := c.AccountSuspend(ctx, "a"); return err }, yes, yes},
		{"restore", func(ctx context.Context, c *latchkey.Client) error { _, err := c.AccountRestore(ctx, "a"); return err }, yes, yes},
		{"catalogue", func(ctx context.Context, c *latchkey.Client) error {
			_, err := c.PermissionCatalogueUpdate(ctx, 0, latchkey.PermissionCatalogueInput{})
			return err
		}, no, no},
		{"make a key", func(ctx context.Context, c *latchkey.Client) error {
			_, err := c.AccessKeyCreate(ctx, latchkey.AccessKeyInput{Name: "ci"})
			return err
		}, no, no},
		{"regenerate", func(ctx context.Context, c *latchkey.Client) error {
			_, err := c.AccessKeyRegenerate(ctx, "k", 0, 0)
			return err
		}, no, no},
		{"revoke the own key", func(ctx context.Context, c *latchkey.Client) error { _, err := c.AccessKeySelfRevoke(ctx); return err }, no, no},
		{"revoke all for others", func(ctx context.Context, c *latchkey.Client) error {
			_, err := c.AdminAccessKeyRevokeAll(ctx, latchkey.RevokeAllInput{Reason: "r"})
			return err
		}, no, no},
		{"end a session", func(ctx context.Context, c *latchkey.Client) error { return c.SessionDelete(ctx, "s") }, no, no},
		{"delete a role", func(ctx context.Context, c *latchkey.Client) error { return c.RoleDelete(ctx, "r") }, no, no},
		{"limits", func(ctx context.Context, c *latchkey.Client) error {
			_, err := c.AccountLimitsUpdate(ctx, "a", latchkey.AccountLimitsUpdate{})
			return err
		}, no, no},
		{"ready", func(ctx context.Context, c *latchkey.Client) error { return c.Readyz(ctx) }, no, no},
		{"verify", func(ctx context.Context, c *latchkey.Client) error {
			_, err := c.AccessKeyVerify(ctx, latchkey.VerifyInput{Key: latchkey.NewKey(key)})
			return err
		}, no, yes},
	}
}

// What may arrive twice is repeated after 503, a broken and a missing connection; nothing else is.
func TestOnlyWhatIsSafeIsRepeated(t *testing.T) {
	t.Parallel()
	for _, c := range calls() {
		for fault, f := range map[string]fault{"503": answers(503, "database_unavailable", ""), "hang-up": hangsUp} {
			t.Run(c.name+" after "+fault, func(t *testing.T) {
				t.Parallel()
				url, asked := faulty(t, 1, f, fine)
				err := c.do(t.Context(), newClient(t, latchkey.Config{BaseURL: url, HTTPClient: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}))
				if n := asked.Load(); c.repeated && (err != nil || n != 2) || !c.repeated && (err == nil || n != 1) {
					t.Errorf("%d requests, %v", n, err)
				}
			})
		}
		t.Run(c.name+" without a connection", func(t *testing.T) {
			t.Parallel()
			dials := &fails{}
			err := c.do(t.Context(), newClient(t, latchkey.Config{BaseURL: "http://127.0.0.1:1", HTTPClient: &http.Client{Transport: dials}}))
			if n := dials.n.Load(); err == nil || c.withoutIt != (n == 3) || !c.withoutIt && n != 1 {
				t.Errorf("%d attempts, %v", n, err)
			}
		})
	}
}

// fails counts attempts, which end as on a port where nobody listens.
type fails struct{ n atomic.Int64 }

func (f *fails) RoundTrip(r *http.Request) (*http.Response, error) {
	f.n.Add(1)
	return http.DefaultTransport.RoundTrip(r)
}

// The same is sent again: body, key and cookie.
func TestARepetitionIsTheSameRequest(t *testing.T) {
	t.Parallel()
	var seen []string
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/auth/password/signin" {
			http.SetCookie(w, &http.Cookie{Name: "latchkey-session", Value: "s1", Path: "/"})
			fine(w, r)
			return
		}
		body, _ := io.ReadAll(r.Body)
		seen = append(seen, fmt.Sprint(r.Method, r.URL, r.Header, string(body)))
		if len(seen) == 1 {
			refuse(w, 503, "overloaded")
			return
		}
		fine(w, r)
	})
	c := newClient(t, latchkey.Config{BaseURL: url})
	if _, err := c.AuthPasswordSignin(t.Context(), "ada", "p"); err != nil {
		t.Fatal(err)
	}
	_, err := c.AccountCreditsAdd(t.Context(), "a", latchkey.CreditInput{Type: api.CreditInputTypeGrant, Amount: 5, IdempotencyKey: "i"})
	if err != nil || len(seen) != 2 || seen[0] != seen[1] || !strings.Contains(seen[0], "s1") || !strings.Contains(seen[0], `"amount":5`) {
		t.Errorf("%v, sent %q", err, seen)
	}
}

func TestHowOftenAndHowLong(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		config        latchkey.Config
		fault         fault
		timeout       time.Duration
		asked         int64
		least, status int // seconds
	}{
		"three times":             {latchkey.Config{}, answers(503, "overloaded", ""), 0, 3, 0, 503},
		"as told":                 {latchkey.Config{Attempts: 2}, answers(503, "overloaded", ""), 0, 2, 0, 503},
		"off":                     {latchkey.Config{Attempts: 1}, answers(503, "overloaded", "1"), 0, 1, 0, 503},
		"Retry-After":             {latchkey.Config{Attempts: 2}, answers(503, "overloaded", "1"), 0, 2, 1, 503},
		"429 with Retry-After":    {latchkey.Config{Attempts: 2}, answers(429, "too_many_attempts", "1"), 0, 2, 1, 429},
		"429 without":             {latchkey.Config{}, answers(429, "too_many_attempts", ""), 0, 1, 0, 429},
		"429 for long":            {latchkey.Config{RetryFor: time.Hour}, answers(429, "quota_exceeded", "6"), 0, 1, 0, 429},
		"503 past the time":       {latchkey.Config{RetryFor: time.Second}, answers(503, "overloaded", "2"), 0, 1, 0, 503},
		"503 past the context":    {latchkey.Config{}, answers(503, "overloaded", "8"), 5 * time.Second, 1, 0, 503},
		"500":                     {latchkey.Config{}, answers(500, "internal", ""), 0, 1, 0, 500},
		"404":                     {latchkey.Config{}, answers(404, "not_found", ""), 0, 1, 0, 404},
		"a number that is no one": {latchkey.Config{Attempts: 2}, answers(503, "overloaded", "soon"), 0, 2, 0, 503},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, asked := faulty(t, 99, row.fault, fine)
			row.config.BaseURL = url
			ctx := t.Context()
			if row.timeout != 0 {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, row.timeout)
				defer cancel()
			}
			begun := time.Now()
			_, err := newClient(t, row.config).AccountGet(ctx)
			e, ok := errors.AsType[*latchkey.Error](err)
			if !ok || e.Status != row.status || asked.Load() != row.asked {
				t.Errorf("%d requests, %v", asked.Load(), err)
			}
			if took := time.Since(begun); took < time.Duration(row.least)*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

func TestACancelledContextEndsTheWait(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	url, asked := faulty(t, 99, func(w http.ResponseWriter) {
		answers(503, "overloaded", "5")(w)
		time.AfterFunc(50*time.Millisecond, cancel)
	}, fine)
	begun := time.Now()
	_, err := newClient(t, latchkey.Config{BaseURL: url}).AccountGet(ctx)
	if !errors.Is(err, context.Canceled) || asked.Load() != 1 || time.Since(begun) > 4*time.Second {
		t.Errorf("%v after %v and %d requests", err, time.Since(begun), asked.Load())
	}
	if _, err := newClient(t, latchkey.Config{BaseURL: url}).AccountGet(ctx); !errors.Is(err, context.Canceled) || asked.Load() != 1 {
		t.Errorf("%v and %d requests from a context that was over", err, asked.Load())
	}
}

func TestATimeOutIsTold(t *testing.T) {
	t.Parallel()
	over := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-over }))
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(over) })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := newClient(t, latchkey.Config{BaseURL: s.URL}).AccountGet(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("of the context: %v", err)
	}
	c := newClient(t, latchkey.Config{BaseURL: s.URL, HTTPClient: &http.Client{Timeout: 50 * time.Millisecond}})
	if _, err := c.AccountGet(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("of the client: %v", err)
	}
}

func TestHalfAnAnswer(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		answerJSON(w, http.StatusOK, `{"id":"cc5lnd`)
	})
	if _, err := newClient(t, latchkey.Config{BaseURL: url}).AccountGet(t.Context()); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
}

// A newer service may say more than this client knows.
func TestANewerService(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			refuse(w, http.StatusTeapot, "not_yet_invented")
			return
		}
		answerJSON(w, http.StatusOK, `{"valid":false,"code":"ON_HOLIDAY","status":403,"until":{"when":"2031-01-01"}}`)
	})
	c := newClient(t, latchkey.Config{BaseURL: url})
	if _, err := c.AccountGet(t.Context()); !errors.Is(err, &latchkey.Error{Code: "not_yet_invented"}) {
		t.Errorf("a new code: %v", err)
	}
	v, err := c.AccessKeyVerify(t.Context(), latchkey.VerifyInput{Key: latchkey.NewKey(key)})
	if err != nil || v.Valid || v.Code != "ON_HOLIDAY" || v.Status != 403 {
		t.Errorf("a new verdict: %+v, %v", v, err)
	}
}
