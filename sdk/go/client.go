// Package latchkey is the Go client of Latchkey: one method for each operation of its API, named as there, with typed
// results and typed errors.
//
// A program holds an access key:
//
//	c, err := latchkey.New(latchkey.Config{BaseURL: "https://keys.example.com", Key: latchkey.NewKey(os.Getenv("KEY"))})
//	me, err := c.AccountGet(ctx)
//
// Who leaves Key out signs in with AuthPasswordSignin, and the Client keeps the session's cookie. Every refusal is an
// *Error with the code of the contract. The wire types and the rest of what is generated are in package api beside this one.
package latchkey

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"sync"
	"time"

	"github.com/latchkey-dev/latchkey/sdk/go/api"
)

const (
	defaultTimeout = 30 * time.Second // the service gives a request 8
	maxAnswer      = 16 << 20         // bytes
)

// Config says where the service is and who is calling.
type Config struct {
	// BaseURL is scheme and host, as https://keys.example.com.
	BaseURL string
	// Key is sent with every request. The zero Key leaves it to AuthPasswordSignin to begin a session.
	Key Key
	// HTTPClient is copied; nil means one with a time-out of 30 s. Without a Transport it has one that keeps enough connections open
	// for hundreds of calls at once, shared by all Clients. Its jar, or a new one, keeps the session; with a Key
	// there is none, since both at once are refused. Redirects are not followed: Latchkey sends none, and a credential
	// must not travel to an address that nobody wrote down.
	HTTPClient *http.Client
	// Attempts is how often a call is made at the most; 0 means 3, and 1 that nothing is repeated.
	//
	// A call is repeated if the connection failed, after 503, and after 429 with a Retry-After of 5 s at the most: as long as that says, and
	// a random time of up to 0.1, 0.2, 0.4 … 2 s. Only calls that may arrive twice are: all that only read, AccountAddRole,
	// AccountRemoveRole, AccountPasswordReset, AccountSuspend, AccountRestore, AccessKeyDelete, AdminAccessKeyDelete,
	// AccessKeyPreviousSecretDelete, AccessKeyRevokeAll, AccessKeyReport, AccessKeyExplain, TokenIntrospect, and AccountCreditsAdd for the
	// sake of its idempotency key. AccessKeyVerify and AccessKeyVerifyBatch use up limits and credits, so they are repeated only where no
	// connection could be made at all.
	Attempts int
	// RetryFor is the time after the beginning of a call from which on it is not repeated; 0 means 10 s. A context that would end before
	// that ends it earlier: then the last answer is the answer.
	RetryFor time.Duration
}

// Client calls one Latchkey as one caller. Make it with New. It is safe for use by many goroutines, and prints no secret.
type Client struct{ core *api.Client }

// New makes a Client without calling anybody. The only errors are about BaseURL.
func New(c Config) (*Client, error) {
	u, err := url.Parse(c.BaseURL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil || u.RawQuery != "" {
		return nil, errors.New("latchkey: BaseURL must be a scheme and a host, as https://keys.example.com")
	}
	h := http.Client{Timeout: defaultTimeout}
	if c.HTTPClient != nil {
		h = *c.HTTPClient
	}
	if h.Transport == nil {
		h.Transport = transport()
	}
	h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	authorization := ""
	if c.Key.Reveal() != "" {
		h.Jar = nil
		authorization = "Bearer " + c.Key.Reveal()
	} else if h.Jar == nil {
		h.Jar, _ = cookiejar.New(nil) // never fails (net/http/cookiejar)
	}
	core, err := api.NewClient(c.BaseURL, api.WithHTTPClient(&retrier{http: &h, attempts: cmp.Or(c.Attempts, defaultAttempts), within: cmp.Or(c.RetryFor, defaultRetryFor)}), api.WithRequestEditorFn(func(_ context.Context, r *http.Request) error {
		r.Header.Set("User-Agent", "latchkey-go")
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		return nil
	}))
	if err != nil {
		return nil, fmt.Errorf("latchkey: %w", err)
	}
	return &Client{core: core}, nil
}

// transport is that of net/http, which keeps two connections to a host: with more calls at once most would pay for a new one. The service
// closes them after 90 s.
var transport = sync.OnceValue(func() http.RoundTripper {
	base, ok := http.DefaultTransport.(*http.Transport)
	if !ok { // somebody has put their own there, and shall have it
		return http.DefaultTransport
	}
	t := base.Clone()
	t.MaxIdleConns, t.MaxIdleConnsPerHost, t.IdleConnTimeout = 0, 256, time.Minute
	return t
})

// result reads the answer to a call.
func result[T any](resp *http.Response, err error) (T, error) {
	var v T
	body, err := accepted(resp, err)
	if err != nil {
		return v, err
	}
	if json.Unmarshal(body, &v) != nil || mediaType(resp) != "application/json" { // not its error: it may quote a secret
		return v, foreign(resp)
	}
	return v, nil
}

// done reads the answer to a call that has no result.
func done(resp *http.Response, err error) error {
	_, err = accepted(resp, err)
	return err
}

// revoked reads the answer to a call that revokes a key.
func revoked(resp *http.Response, err error) (Revision, error) {
	if _, err := accepted(resp, err); err != nil {
		return "", err
	}
	return resp.Header.Get("Latchkey-Revision"), nil
}

// accepted gives the body of an answer that is not a refusal.
func accepted(resp *http.Response, err error) ([]byte, error) {
	if err != nil {
		return nil, fmt.Errorf("latchkey: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("latchkey: read answer: %w", err)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, refusal(resp, body)
	}
	return body, nil
}

func mediaType(resp *http.Response) string {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return kind
}
