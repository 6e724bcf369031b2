package api

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/latchkey-dev/latchkey/gen/api"
	"github.com/latchkey-dev/latchkey/internal/postgres"
	"github.com/latchkey-dev/latchkey/internal/problem"
)

const realm = `Bearer realm="latchkey"`

// answerError is the one place where an error becomes a status and a body.
func (s *Server) answerError(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	p := problemOf(err)
	c.Response().Header().Set("Link", "</docs/errors/"+string(p.Code)+`/>; rel="help"`) // RFC 8288; a gateway's client would look for it at another origin
	writeProblem(c, p, problem.Lookup(p.Code).Status)
}

// writeProblem tells a sender what is wrong, under a status that is the code's own unless a gateway asks.
func writeProblem(c echo.Context, p *problem.Error, status int) {
	h := c.Response().Header()
	token, _, _ := bearer(c.Request().Header)
	challenge(h, p, token != "")
	if p.RetryAfter > 0 || status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(max(p.RetryAfter, time.Second).Seconds()))))
	}
	h.Set("Content-Type", "application/problem+json")
	c.Response().WriteHeader(status)
	if c.Request().Method == http.MethodHead {
		return
	}
	_ = json.NewEncoder(c.Response()).Encode(wireProblem(p, status, traceID(c))) // a client that is gone needs no answer
}

func wireProblem(p *problem.Error, status int, trace string) api.Problem {
	kind := problem.Lookup(p.Code)
	metadata := p.Fields
	if metadata == nil {
		metadata = map[string]any{}
	}
	return api.Problem{Type: "urn:latchkey:problem:" + string(p.Code), Title: kind.Title, Status: status, Detail: p.Detail, TraceID: trace,
		Metadata: metadata, Error: api.ErrorCode(p.Code), Message: kind.Title, Suggested: kind.Suggested}
}

// challenge writes WWW-Authenticate as RFC 6750 section 3 has it: no error where no token was sent, or where it did not matter.
func challenge(h http.Header, p *problem.Error, sentToken bool) {
	switch {
	case p.Code == problem.CredentialInvalid && sentToken:
		h.Set("WWW-Authenticate", realm+`, error="invalid_token"`)
	case problem.Lookup(p.Code).Status == http.StatusUnauthorized:
		h.Set("WWW-Authenticate", realm)
	case p.Code == problem.PermissionDenied && sentToken:
		challenge := realm + `, error="insufficient_scope"`
		if scope, _ := p.Fields["permission"].(string); scope != "" {
			challenge += `, scope="` + scope + `"`
		}
		h.Set("WWW-Authenticate", challenge)
	}
}

// problemOf finds what a sender may know of an error. What it does not recognise is a fault of ours.
func problemOf(err error) *problem.Error {
	var p *problem.Error
	if errors.As(err, &p) {
		return p
	}
	if p = postgres.Problem(err); p != nil {
		return p
	}
	var routing *echo.HTTPError
	if errors.As(err, &routing) {
		switch routing.Code {
		case http.StatusNotFound:
			return problem.New(problem.NotFound)
		case http.StatusMethodNotAllowed:
			return problem.New(problem.MethodNotAllowed)
		case http.StatusBadRequest:
			return invalid("A parameter does not fit the contract.")
		}
	}
	return problem.New(problem.Internal)
}

// isFault tells whether an error is for us to mend rather than for the sender.
func isFault(err error) bool {
	return problemOf(err).Code == problem.Internal && !errors.Is(err, context.Canceled)
}
