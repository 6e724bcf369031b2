// Package guard protects an API of yours with access keys: it asks Latchkey about every request before the API sees it.
//
//	g, err := guard.New(guard.Config{Client: client})
//	http.Handle("/", g.Protect(mux))
//
// It stands apart from the client so that who only manages keys does not carry it. What always holds: nothing but a verdict that says so
// lets a request in, no verdict is kept for the next request, the key comes from the one Authorization header and from nowhere else, and
// it is in no answer and no log line. For echo there is a module beside this one.
package guard

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
	"github.com/latchkey-dev/latchkey/sdk/go/api"
)

const (
	defaultTimeout = 3 * time.Second // the service gives its database two
	maxKey         = 1024            // bytes; no key is as long, and a longer one need not travel
	maxPath        = 4096            // bytes, and
	maxCost        = 1_000_000_000   // credits, as the contract has it
)

// Config says whom to ask, and about what.
type Config struct {
	// Client holds a key (or a session) of an account with VERIFY_ACCESS_KEYS.
	Client *latchkey.Client

	// Permission, or Resource with Access (read, write or delete), is what every request needs. Without them Latchkey judges each request by
	// its method and path, with its permission catalogue.
	Permission       string
	Resource, Access string

	// Cost of each request in credits; nil: what the catalogue says.
	Cost *int64

	// TrustedProxies are the networks whose X-Forwarded-For is believed; without them the client is whoever has connected. The address is for
	// the key's last_used_ip and decides nothing.
	TrustedProxies []netip.Prefix

	// Timeout is how long a verdict may take; 0 means 3 s. Then nobody is let in.
	Timeout time.Duration

	// Refuse writes the status and the body of a refusal; nil means problem+json. WWW-Authenticate, Retry-After, RateLimit and
	// Cache-Control are set before.
	Refuse func(http.ResponseWriter, *http.Request, Refusal)

	// Log is told whenever Latchkey gave no verdict, and why; nil: nobody is.
	Log *slog.Logger
}

// Guard lets requests in, or answers them. Make it with New. It is safe for use by many goroutines.
type Guard struct {
	cfg    Config
	ask    latchkey.Ask // zero: about the request itself
	gather gatherer
}

// New makes a Guard without calling anybody. The errors are about the Config.
func New(c Config) (*Guard, error) {
	switch {
	case c.Client == nil:
		return nil, errors.New("guard: Config needs a Client")
	case c.Permission != "" && (c.Resource != "" || c.Access != "") || (c.Resource == "") != (c.Access == ""):
		return nil, errors.New("guard: Config takes a Permission, or a Resource with an Access, or neither")
	case c.Cost != nil && (*c.Cost < 0 || *c.Cost > maxCost):
		return nil, errors.New("guard: a Cost is 0 to 1,000,000,000 credits")
	}
	c.Timeout = cmp.Or(c.Timeout, defaultTimeout)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Refuse == nil {
		c.Refuse = Problem
	}
	return &Guard{cfg: c, ask: latchkey.Ask{Permission: c.Permission, Resource: c.Resource, Access: c.Access},
		gather: gatherer{client: c.Client, timeout: c.Timeout}}, nil
}

// Protect gives a handler that passes to next what Latchkey lets in, as it came, with its verdict in the context. Let it stand before
// whatever changes the method of a request or where it is routed.
func (g *Guard) Protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if admitted, ok := g.Admit(w, r); ok {
			next.ServeHTTP(w, admitted)
		}
	})
}

// Admit is for other frameworks: it gives the request with the verdict in its context, or answers it and gives false.
func (g *Guard) Admit(w http.ResponseWriter, r *http.Request) (*http.Request, bool) {
	verdict, refusal := g.judge(r)
	if verdict != nil {
		tell(w.Header(), *verdict)
	}
	if refusal == nil {
		return r.WithContext(context.WithValue(r.Context(), verdictKey{}, *verdict)), true
	}
	refusal.challenge(w.Header())
	g.cfg.Refuse(w, r, *refusal)
	return nil, false
}

type verdictKey struct{}

// Verdict is what Latchkey said of the request with this context: whose key it is (Account), which (Key), and by which permission it may
// (Matched). It is false outside of a protected handler.
func Verdict(ctx context.Context) (latchkey.VerifyResult, bool) {
	v, ok := ctx.Value(verdictKey{}).(latchkey.VerifyResult)
	return v, ok
}

// judge gives a verdict, a refusal, or both.
func (g *Guard) judge(r *http.Request) (*latchkey.VerifyResult, *Refusal) {
	key, refusal := bearer(r.Header)
	if refusal != nil {
		return nil, refusal
	}
	in := latchkey.VerifyInput{Key: latchkey.NewKey(key), Ask: g.ask, Cost: g.cfg.Cost, Address: address(r, g.cfg.TrustedProxies)}
	aboutIt := g.ask == latchkey.Ask{}
	if aboutIt {
		in.Method, in.Path = r.Method, sentPath(r)
		if in.Method == "" || in.Path == "" || len(in.Path) > maxPath || !utf8.ValidString(in.Path) { // JSON would change it
			return nil, undecided()
		}
	}
	ctx, cancel := context.WithTimeout(r.Context(), g.cfg.Timeout)
	defer cancel()
	verdict, err := g.gather.ask(ctx, in)
	if e, ok := errors.AsType[*latchkey.Error](err); ok && aboutIt && (e.Code == api.ErrorCodeRequestInvalid || e.Code == api.ErrorCodeBodyTooLarge) {
		return nil, undecided() // nothing else in the question is the client's
	}
	if err == nil {
		if refusal, err = decide(verdict); err == nil {
			return &verdict, refusal
		}
	}
	if r.Context().Err() == nil { // a client that has left is no fault
		g.cfg.Log.ErrorContext(r.Context(), "no verdict on an access key, so the request is refused", "error", err)
	}
	return nil, unavailable(err)
}

// bearer finds the key.
func bearer(h http.Header) (string, *Refusal) {
	lines := h["Authorization"]
	if len(lines) > 1 || len(lines) == 1 && strings.Contains(lines[0], ",") {
		return "", &Refusal{Status: http.StatusBadRequest, Code: api.ErrorCodeCredentialsAmbiguous}
	}
	scheme, key, _ := strings.Cut(h.Get("Authorization"), " ")
	key = strings.TrimLeft(key, " ")
	switch {
	case !strings.EqualFold(scheme, "Bearer") || key == "":
		return "", &Refusal{Status: http.StatusUnauthorized, Code: api.ErrorCodeCredentialRequired}
	case len(key) > maxKey:
		return "", &Refusal{Status: http.StatusUnauthorized, Code: api.ErrorCodeCredentialInvalid}
	}
	return key, nil
}

// sentPath is the path as the client wrote it, without the query; empty if there is none.
func sentPath(r *http.Request) string {
	sent, _, _ := strings.Cut(r.RequestURI, "?")
	if strings.HasPrefix(sent, "/") {
		return sent
	}
	u := r.URL // of a request that no server has read
	if sent != "" {
		var err error
		if u, err = url.Parse(sent); err != nil || u.Host == "" { // "*", or what CONNECT names
			return ""
		}
	}
	return cmp.Or(u.EscapedPath(), "/")
}

// address is that of the client, as far as it can be believed; the zero Addr is not known.
func address(r *http.Request, trusted []netip.Prefix) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	a := peer.Addr().Unmap().WithZone("")
	hops := strings.Split(strings.Join(r.Header["X-Forwarded-For"], ","), ",")
	for i := len(hops) - 1; i >= 0 && within(a, trusted); i-- {
		next, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		a = next.Unmap().WithZone("")
	}
	return a
}

func within(a netip.Addr, networks []netip.Prefix) bool {
	for _, n := range networks {
		if n.Contains(a) {
			return true
		}
	}
	return false
}
