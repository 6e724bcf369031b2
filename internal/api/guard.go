package api

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/latchkey-dev/latchkey/internal/auth"
	"github.com/latchkey-dev/latchkey/internal/problem"
	"github.com/latchkey-dev/latchkey/internal/verify"
)

// guard is the first link of an operation's chain. Its order is part of the contract: size, credential, permission, body.
func (s *Server) guard(p policy) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if overreaches(c) {
				return problem.New(problem.NotFound)
			}
			if err := s.cfg.Ready(); err != nil && !p.health {
				return err
			}
			body, err := readBody(c.Request(), p.maxBody)
			if err != nil {
				return err
			}
			ctx := c.Request().Context()
			if !p.verifies { // what is not in memory has a deadline of its own
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, p.life)
				defer cancel()
			}
			caller, holder, err := s.identify(ctx, c, p)
			if err != nil {
				return err
			}
			c.Set(callerKey, caller)
			if p.permission != public && !caller.Permissions.Holds(p.permission) {
				return denied(p.permission)
			}
			if err := checkRequest(c, p, body); err != nil {
				return err
			}
			ctx = context.WithValue(auth.NewContext(ctx, caller), arrivalKey{}, arrival{holder, traceID(c)})
			c.SetRequest(c.Request().WithContext(ctx))
			return next(c)
		}
	}
}

// overreaches tells whether the last parameter took in more of the path than its own segment, as echo lets it.
func overreaches(c echo.Context) bool {
	values := c.ParamValues()
	return len(values) > 0 && strings.Contains(values[len(values)-1], "/")
}

func denied(name string) error {
	return problem.New(problem.PermissionDenied).WithDetail("This needs the permission "+name+".").WithField("permission", name)
}

// arrival is what the guard leaves of a request for its operation.
type arrival struct {
	holder verify.Holder // what the look-up of the credential saw
	trace  string
}

type arrivalKey struct{}

func arrivalOf(ctx context.Context) arrival {
	a, _ := ctx.Value(arrivalKey{}).(arrival)
	return a
}

// identify tells who is calling. An operation that takes no credential is told nothing, whatever was sent.
//
// Errors: problem.CredentialsAmbiguous, problem.CredentialRequired, problem.CredentialInvalid, problem.CredentialNotAllowed.
func (s *Server) identify(ctx context.Context, c echo.Context, p policy) (auth.Caller, verify.Holder, error) {
	caller := auth.Anonymous(c.RealIP(), c.Request().UserAgent())
	if p.anonymous() {
		_, _, err := bearer(c.Request().Header)
		return caller, verify.Holder{}, err
	}
	kind, credential, err := s.credential(c.Request(), p)
	if err != nil {
		return caller, verify.Holder{}, err
	}
	h, err := s.lookUp(ctx, p, kind, credential)
	if h.Retired != nil {
		s.cfg.Retired.Note(h.Retired.ID, caller.Address)
	}
	if err != nil {
		return caller, h, err
	}
	if h.Key != nil {
		if p.basic && !names(c.Request(), h.CredentialID) {
			return caller, verify.Holder{}, problem.New(problem.CredentialInvalid)
		}
		now := s.cfg.Now()
		s.noteUse(h.Key, now, caller.Address)
		expires(c.Response().Header(), h.Key, now)
	}
	caller = caller.As(h.AccountID, h.Handle)
	caller.Permissions, caller.Credential, caller.CredentialID = h.Permissions, kind, h.CredentialID
	switch {
	case kind == auth.Session && !p.session:
		return caller, h, problem.New(problem.CredentialNotAllowed).WithField("credential", auth.AccessKey)
	case kind == auth.AccessKey && !p.key:
		return caller, h, problem.New(problem.CredentialNotAllowed).WithField("credential", auth.Session)
	case kind == auth.Session:
		return caller, h, s.cfg.Accounts.SessionTouch(ctx, caller, h.LastSeen)
	}
	return caller, h, nil
}

// credential finds what a request came with. Errors: problem.CredentialsAmbiguous.
func (s *Server) credential(r *http.Request, p policy) (auth.Kind, string, error) {
	raw, hasToken, err := bearer(r.Header)
	if err != nil {
		return auth.None, "", err
	}
	if p.basic && hasToken && raw == "" {
		raw = basic(r)
	}
	cookies := r.CookiesNamed(s.cookieName())
	switch {
	case len(cookies) > 1, hasToken && len(cookies) > 0:
		return auth.None, "", problem.New(problem.CredentialsAmbiguous)
	case hasToken:
		return auth.AccessKey, raw, nil
	case len(cookies) == 1:
		return auth.Session, cookies[0].Value, nil
	}
	return auth.None, "", nil
}

func (s *Server) lookUp(ctx context.Context, p policy, kind auth.Kind, credential string) (verify.Holder, error) {
	unleased := p.unleased && !s.cfg.Node.Lease().Fresh(s.cfg.Clock())
	switch {
	case kind == auth.AccessKey && credential == "":
		return verify.Holder{}, problem.New(problem.CredentialRequired).WithDetail("Only the scheme Bearer is understood.")
	case kind == auth.AccessKey && unleased:
		return s.cfg.Verifier.KeyNow(ctx, credential, s.cfg.Now())
	case kind == auth.Session && unleased:
		return s.cfg.Verifier.SessionNow(ctx, credential, s.cfg.Now())
	case kind == auth.AccessKey:
		return s.cfg.Verifier.Key(ctx, credential)
	case kind == auth.Session:
		return s.cfg.Verifier.Session(ctx, credential)
	}
	return verify.Holder{}, problem.New(problem.CredentialRequired)
}

// basic reads an access key sent as HTTP Basic, as OAuth libraries do: the user names the key, the password is its secret.
func basic(r *http.Request) string {
	_, secret, _ := r.BasicAuth()
	return secret
}

// names tells whether the user of HTTP Basic is the key that it came with: its id, its hint, or the end of that, which is the
// public id of its secret.
func names(r *http.Request, keyID string) bool {
	user, secret, sent := r.BasicAuth()
	hint := secret[:max(0, strings.LastIndexByte(secret, '_'))]
	return !sent || user == keyID || user == hint || strings.HasSuffix(hint, "_"+user)
}

// bearer reads the Authorization header: the token, and whether the header was sent at all. Another scheme than Bearer gives
// no token.
//
// Errors: problem.CredentialsAmbiguous for two headers or two credentials in one.
func bearer(h http.Header) (string, bool, error) {
	lines := h["Authorization"]
	if len(lines) == 0 {
		return "", false, nil
	}
	if len(lines) > 1 || strings.Contains(lines[0], ",") {
		return "", true, problem.New(problem.CredentialsAmbiguous)
	}
	scheme, token, _ := strings.Cut(lines[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", true, nil
	}
	return strings.TrimLeft(token, " "), true, nil
}

// sameSite refuses requests that another site made a browser send. Programs send neither of the headers it looks at.
func (s *Server) sameSite() echo.MiddlewareFunc {
	protection := http.NewCrossOriginProtection()
	_ = protection.AddTrustedOrigin(s.cfg.PublicURL) // checked when the configuration was read
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if err := protection.Check(c.Request()); err != nil {
				return problem.New(problem.CrossOrigin)
			}
			return next(c)
		}
	}
}

// noteUse notes that a key was used, once a second at most.
func (s *Server) noteUse(k *verify.Key, now time.Time, address string) {
	if second := now.Unix(); k.Touch(second) {
		s.cfg.Uses.Note(k.ID, second, address)
	}
}

// callerKey is where the guard leaves the caller for the log line.
const callerKey = "caller"

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
