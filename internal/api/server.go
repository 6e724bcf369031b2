// Package api is the door: it turns HTTP into calls of the stores and their answers back, and decides nothing itself.
//
// Every operation of openapi.yaml passes one chain: observe (request id, log, metrics) - guard (size, credential,
// permission) - the body, checked against the contract - the generated decoder - a handler of a few lines. What always
// holds: an operation without a stated permission and stated credentials keeps the server from starting, and an error
// becomes an answer in one place only, errors.go.
package api

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/latchkey-dev/latchkey/gen/api"
	"github.com/latchkey-dev/latchkey/internal/accesskey"
	"github.com/latchkey-dev/latchkey/internal/account"
	"github.com/latchkey-dev/latchkey/internal/audit"
	"github.com/latchkey-dev/latchkey/internal/catalogue"
	"github.com/latchkey-dev/latchkey/internal/changefeed"
	"github.com/latchkey-dev/latchkey/internal/postgres"
	"github.com/latchkey-dev/latchkey/internal/usage"
	"github.com/latchkey-dev/latchkey/internal/verify"
)

// Config is what the API needs.
type Config struct {
	Accounts  *account.Store
	Keys      *accesskey.Store
	Retired   *accesskey.Watch
	Catalogue *catalogue.Store
	Audit     *audit.Log
	Verifier  *verify.Verifier
	Uses      *usage.Recorder
	Meter     *usage.Meter
	Usage     *usage.Store
	Node      *changefeed.Node
	Janitor   *changefeed.Janitor

	Ready   func() error                                       // nil once the database was prepared; a problem.Error until then
	Ping    func(context.Context) (postgres.Durability, error) // reaches for the database
	Clock   func() time.Duration                               // of leases
	Now     func() time.Time
	Rand    io.Reader
	Log     *slog.Logger
	Metrics prometheus.Registerer

	Version        string         // of the program
	PublicURL      string         // scheme and host that browsers use
	SecureCookie   bool           // false only while the public URL is plain http on this machine
	SessionLife    time.Duration  // how long browsers keep the cookie
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed
	Gateway429     int            // what a gateway is told instead of 402 and 429: nginx knows 401 and 403 only; 0 or 429: themselves
}

// Server answers the operations of openapi.yaml.
type Server struct {
	cfg      Config
	observer *observer
	verdicts *verdicts
	reports  *reports
}

// How long a request may take once it was read: two seconds for the database, and for one with a password its turn to be
// hashed as well. One whose body may be large has to be held against the contract first.
const (
	databaseLife = 2 * time.Second
	passwordLife = 8 * time.Second
	largeLife    = 10 * time.Second
)

// contractRules reads the contract once, for however many servers a process has: that takes longer than all else of a start.
var contractRules = sync.OnceValues(func() (map[string]policy, error) {
	doc, err := api.GetSpec()
	if err != nil {
		return nil, fmt.Errorf("read the contract: %w", err)
	}
	rules, err := policies(doc)
	if err != nil {
		return nil, fmt.Errorf("enforce the contract: %w", err)
	}
	return rules, nil
})

// New wires the routes.
//
// Errors: an operation of the contract without a permission or credentials that can be enforced; see policies.
func New(cfg Config) (*echo.Echo, error) {
	rules, err := contractRules()
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, observer: newObserver(cfg, rules), verdicts: newVerdicts(cfg), reports: newReports()}
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.Binder = binder{}
	e.HTTPErrorHandler = s.answerError
	e.IPExtractor = clientAddress(cfg.TrustedProxies)
	e.Pre(s.forwardAuth)
	e.Use(s.observer.middleware, s.headers, s.sameSite())
	chain := make(map[string][]echo.MiddlewareFunc, len(rules))
	for id, p := range rules {
		chain[id] = []echo.MiddlewareFunc{s.guard(p)}
	}
	api.RegisterHandlersWithOptions(e, api.NewStrictHandler(s, nil), api.RegisterHandlersOptions{OperationMiddlewares: chain})
	return e, nil
}

// clientAddress believes X-Forwarded-For only as far as configured proxies wrote it.
func clientAddress(proxies []netip.Prefix) echo.IPExtractor {
	if len(proxies) == 0 {
		return echo.ExtractIPDirect()
	}
	options := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, p := range proxies {
		options = append(options, echo.TrustIPRange(ipNet(p)))
	}
	return echo.ExtractIPFromXFFHeader(options...)
}

// Header values that every answer carries, made once.
var (
	noStore     = []string{"no-store"}
	noSniff     = []string{"nosniff"}
	noReferrer  = []string{"no-referrer"}
	nothingRuns = []string{"default-src 'none'; frame-ancestors 'none'"}
	alwaysTLS   = []string{"max-age=63072000; includeSubDomains"}
)

func (s *Server) headers(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h["Cache-Control"], h["X-Content-Type-Options"], h["Referrer-Policy"], h["Content-Security-Policy"] = noStore, noSniff, noReferrer, nothingRuns
		if s.cfg.SecureCookie {
			h["Strict-Transport-Security"] = alwaysTLS
		}
		if headerSize(c.Request().Header) > maxHeader {
			return errHeadersTooLarge
		}
		return next(c)
	}
}

func headerSize(h http.Header) int {
	size := 0
	for name, values := range h {
		for _, v := range values {
			size += len(name) + len(v) + len(": \r\n")
		}
	}
	return size
}
