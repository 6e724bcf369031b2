package api

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/latchkey-dev/latchkey/gen/api"
	"github.com/latchkey-dev/latchkey/internal/permission"
	"github.com/latchkey-dev/latchkey/internal/problem"
	"github.com/latchkey-dev/latchkey/internal/verify"
)

const forwardAuthPath = "/forward-auth"

// forwardAuth answers gateways that ask, for every request, whether to let it through: any method, and any path below
// forwardAuthPath. It stands before everything else, since the request it is shown is not meant for us: its cookies, origin,
// query and body are its API's business, and a gateway understands few statuses.
func (s *Server) forwardAuth(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		rest, ours := strings.CutPrefix(c.Request().URL.Path, forwardAuthPath)
		if !ours || rest != "" && rest[0] != '/' {
			return next(c)
		}
		if c.Request().ContentLength != 0 { // or net/http would wait for the body before it answers
			c.Response().Header()["Connection"] = closes
		}
		if err := s.observer.survive(s.pass, c); err != nil {
			s.refuse(c, err)
		}
		return nil
	}
}

// ForwardAuth is answered by forwardAuth, before the generated code is reached.
func (s *Server) ForwardAuth(context.Context, api.ForwardAuthRequestObject) (api.ForwardAuthResponseObject, error) {
	return nil, problem.New(problem.Internal)
}

// pass lets a request through whose key is good, and says who it is from.
func (s *Server) pass(c echo.Context) error {
	if err := s.cfg.Ready(); err != nil {
		return err
	}
	r := c.Request()
	raw, _, err := bearer(r.Header)
	if err != nil {
		return err
	}
	if raw == "" {
		return problem.New(problem.CredentialRequired)
	}
	ask, unclear := original(r)
	verdict, receipt, err := s.judge(r.Context(), doorForwardAuth, raw, ask, use{address: c.RealIP()})
	if errors.Is(err, permission.ErrPath) || errors.Is(err, permission.ErrMethod) {
		return cmp.Or(unclear, undecided("The request cannot be judged: "+err.Error()+"."))
	}
	if err != nil {
		return err
	}
	h := c.Response().Header()
	if receipt.Quota != nil {
		rateLimit(h, receipt.Quota, s.cfg.Now())
	}
	if verdict.Code != verify.Valid {
		return refusal(verdict, receipt, s.cfg.Now())
	}
	h["Cache-Control"] = noStore
	identity := [4]string{verdict.Account.ID, verdict.Account.Handle, verdict.Key.ID, verdict.Decision.Matched} // one allocation for four values
	h["X-Latchkey-Account-Id"], h["X-Latchkey-Account-Handle"] = identity[0:1:1], identity[1:2:2]
	h["X-Latchkey-Key-Id"], h["X-Latchkey-Permission"] = identity[2:3:3], identity[3:4:4]
	expires(h, verdict.Key, s.cfg.Now())
	c.Response().WriteHeader(http.StatusOK)
	s.observer.passed.Inc()
	return nil
}

var closes = []string{"close"}

// refuse answers with the few statuses that gateways know: 401, 402, 403, 429 and 503.
func (s *Server) refuse(c echo.Context, err error) {
	p := problemOf(err)
	trace := newTrace(c.Request().Header.Get("Traceparent"), s.cfg.Rand)
	c.Set(traceKey, trace)
	h := c.Response().Header()
	h["X-Request-Id"], h["Cache-Control"], h["X-Content-Type-Options"] = []string{trace}, noStore, noSniff
	if isFault(err) {
		s.cfg.Log.ErrorContext(c.Request().Context(), "request", "operation", "ForwardAuth", "request_id", trace, "error", err)
	}
	status := s.gatewayStatus(problem.Lookup(p.Code).Status)
	if status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", realm) // unless the problem has more to say
	}
	writeProblem(c, p, status)
	s.observer.requests.WithLabelValues("ForwardAuth", strconv.Itoa(status)).Inc()
}

func (s *Server) gatewayStatus(status int) int {
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return status
	case status == http.StatusPaymentRequired, status == http.StatusTooManyRequests:
		if instead := s.cfg.Gateway429; instead != 0 && instead != http.StatusTooManyRequests {
			return instead
		}
		return status
	case status >= http.StatusInternalServerError:
		return http.StatusServiceUnavailable
	}
	return http.StatusUnauthorized // what cannot be read is no credential
}
