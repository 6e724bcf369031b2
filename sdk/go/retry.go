package latchkey

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	defaultAttempts = 3
	defaultRetryFor = 10 * time.Second
	firstBackoff    = 100 * time.Millisecond // the most before the second attempt; doubles with each
	longestBackoff  = 2 * time.Second
	shortWait       = 5 * time.Second // a 429 that asks for more is for the caller to know
	maxDrained      = 64 << 10        // bytes of a refusal that are read so that its connection can be used again
)

// retrier sends a request again where that is safe, as Config.Attempts says.
type retrier struct {
	http     *http.Client
	attempts int
	within   time.Duration
}

// Do is that of an http.Client.
func (d *retrier) Do(r *http.Request) (*http.Response, error) {
	end := time.Now().Add(d.within)
	for attempt := 1; ; attempt++ {
		resp, err := d.http.Do(r)
		wait, again := pause(r, resp, err, attempt)
		if !again || attempt >= d.attempts || !fits(r.Context(), end, wait) {
			return resp, err
		}
		next, unsendable := rewound(r)
		if unsendable != nil {
			return resp, err
		}
		if resp != nil {
			_, _ = io.CopyN(io.Discard, resp.Body, maxDrained)
			resp.Body.Close()
		}
		if err := sleep(r.Context(), wait); err != nil {
			return nil, err
		}
		r = next
	}
}

// pause says whether a request should be sent again, and how long after this attempt.
func pause(r *http.Request, resp *http.Response, err error, attempt int) (time.Duration, bool) {
	jitter := chance(min(longestBackoff, firstBackoff<<(attempt-1)))
	if err != nil {
		return jitter, r.Context().Err() == nil && (repeatable(r) && lost(err) || redialable(r) && unsent(err))
	}
	asked := retryAfter(resp)
	short := asked > 0 && asked <= shortWait
	return asked + jitter, repeatable(r) && (resp.StatusCode == http.StatusServiceUnavailable || resp.StatusCode == http.StatusTooManyRequests && short)
}

// repeatable tells whether a request may arrive twice and mean what it means once, with an answer that says the same.
//
// Of what is not here: a second DELETE of a session, a role or of the key that was sent is refused although the first has done it; a second
// catalogue or limit might undo what somebody else has changed meanwhile; a key made or regenerated twice has a secret that nobody got; who asks
// whether an instance is ready wants to know at once. The TypeScript client repeats the same.
func repeatable(r *http.Request) bool {
	path := r.URL.Path
	switch r.Method {
	case http.MethodGet:
		return !strings.HasSuffix(path, "/readyz")
	case http.MethodPut:
		return !strings.HasSuffix(path, "/permissions")
	case http.MethodDelete: // of keys ("Repeating the call is fine") and of a role that somebody has
		return strings.Contains(path, "/access-keys/") && !strings.HasSuffix(path, "/self") || strings.Contains(path, "/api/accounts/")
	case http.MethodPost:
		return slices.ContainsFunc(repeatablePosts, func(end string) bool { return strings.HasSuffix(path, end) })
	}
	return false
}

// repeatablePosts change nothing, or nothing the second time. The contract demands an idempotency key for credits.
var repeatablePosts = []string{"/explain", "/suspend", "/restore", "/oauth/introspect", "/api/auth/access-keys/revoke-all", "/api/access-keys/report", "/credits"}

// redialable is for what is only sent again if no instance can have seen it: a verification counts and costs.
func redialable(r *http.Request) bool {
	return strings.HasSuffix(r.URL.Path, "/access-keys/verify") || strings.HasSuffix(r.URL.Path, "/access-keys/verify/batch")
}

// unsent tells whether there was no connection to send on.
func unsent(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

// lost tells whether the connection could not be made or broke, in distinction to what would go wrong again.
func lost(err error) bool {
	_, ok := errors.AsType[*net.OpError](err)
	return ok || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// fits tells whether there is time to wait and to ask again.
func fits(ctx context.Context, end time.Time, wait time.Duration) bool {
	then := time.Now().Add(wait)
	deadline, bound := ctx.Deadline()
	return then.Before(end) && (!bound || then.Before(deadline))
}

func rewound(r *http.Request) (*http.Request, error) {
	next := r.Clone(r.Context())
	next.Header.Del("Cookie") // the jar's, which puts them in anew
	if r.GetBody == nil {
		return next, nil
	}
	body, err := r.GetBody()
	next.Body = body
	return next, err
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// chance gives a time between nothing and most, so that clients which failed together do not come back together.
func chance(most time.Duration) time.Duration {
	n, err := rand.Int(rand.Reader, big.NewInt(int64(most)))
	if err != nil { // never (crypto/rand)
		return most
	}
	return time.Duration(n.Int64())
}
