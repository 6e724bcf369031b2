package api

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/latchkey-dev/latchkey/internal/auth"
)

// observer gives each request its id, its log line and its place in the metrics.
type observer struct {
	cfg      Config
	names    map[string]string // method and route -> operationId
	verifies map[string]bool   // operationIds of policy.verifies
	requests *prometheus.CounterVec
	passed   prometheus.Counter             // of ok, the busiest
	ok       map[string]prometheus.Counter  // of requests with 200, by operation: looked up once
	took     map[string]prometheus.Observer // of duration, likewise
	duration *prometheus.HistogramVec
}

func newObserver(cfg Config, rules map[string]policy) *observer {
	names := make(map[string]string, len(rules))
	verifies := map[string]bool{}
	for id, p := range rules {
		verifies[id] = p.verifies
		names[p.route.Method+" "+strings.NewReplacer("{", ":", "}", "").Replace(p.route.Path)] = id
	}
	o := &observer{cfg: cfg, names: names, verifies: verifies,
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "latchkey_http_requests_total",
			Help: "Requests answered, by operation and status."}, []string{"operation", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "latchkey_http_request_duration_seconds",
			Help: "Time to answer, by operation.", Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5}}, []string{"operation"})}
	o.ok, o.took = map[string]prometheus.Counter{}, map[string]prometheus.Observer{}
	for id := range rules {
		o.ok[id], o.took[id] = o.requests.WithLabelValues(id, "200"), o.duration.WithLabelValues(id)
	}
	o.passed = o.ok["ForwardAuth"]
	cfg.Metrics.MustRegister(o.requests, o.duration)
	return o
}

const traceKey = "trace"

func traceID(c echo.Context) string { id, _ := c.Get(traceKey).(string); return id }

func (o *observer) middleware(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		started := o.cfg.Now()
		trace := newTrace(c.Request().Header.Get("Traceparent"), o.cfg.Rand)
		c.Set(traceKey, trace)
		c.Response().Header()["X-Request-Id"] = []string{trace}
		err := o.survive(next, c)
		if err != nil {
			c.Error(err) // writes the answer, so that its status is known below
		}
		o.report(c, err, o.cfg.Now().Sub(started))
		return nil
	}
}

// survive makes an error of a panic. Its value may hold anything, so only its type is told.
func (o *observer) survive(next echo.HandlerFunc, c echo.Context) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panicked with %T: %s", v, debug.Stack())
		}
	}()
	return next(c)
}

// clientGone is what nginx calls a request whose sender did not wait for the answer; it must not count as a fault of ours.
const clientGone = 499

func (o *observer) report(c echo.Context, err error, took time.Duration) {
	operation := o.operation(c)
	status := c.Response().Status
	if errors.Is(err, context.Canceled) {
		status = clientGone
	}
	o.count(operation, status, took)
	level := slog.LevelInfo
	switch {
	case err != nil && isFault(err):
		level = slog.LevelError
	case operation == "Livez" || operation == "Readyz":
		level = slog.LevelDebug // orchestrators ask all the time
	case err == nil && (o.verifies[operation] || operation == "InstanceHealthGet" || operation == noOperation):
		level = slog.LevelDebug // the APIs that we serve ask for every request, see verdicts; an open page asks all the time, and takes many files
	}
	if !o.cfg.Log.Enabled(c.Request().Context(), level) {
		return
	}
	attrs := append(make([]slog.Attr, 0, 10), slog.String("operation", operation), slog.Int("status", status),
		slog.String("duration", took.Round(time.Microsecond).String()), slog.String("request_id", traceID(c)), slog.String("address", c.RealIP()))
	if caller, ok := c.Get(callerKey).(auth.Caller); ok && caller.AccountID != "" {
		attrs = append(attrs, slog.String("account_id", caller.AccountID), slog.String(string(caller.Credential)+"_id", caller.CredentialID))
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	o.cfg.Log.LogAttrs(c.Request().Context(), level, "request", attrs...)
}

func (o *observer) count(operation string, status int, took time.Duration) {
	if n := o.ok[operation]; n != nil && status == http.StatusOK {
		n.Inc()
		o.took[operation].Observe(took.Seconds())
		return
	}
	o.requests.WithLabelValues(operation, strconv.Itoa(status)).Inc()
	o.duration.WithLabelValues(operation).Observe(took.Seconds())
}

// noOperation stands for what is none of the contract: a file of the console, or nothing at all.
const noOperation = "none"

// operation names the route that was matched; a path that fits none is not logged: it may be anything.
func (o *observer) operation(c echo.Context) string {
	if id := o.names[c.Request().Method+" "+c.Path()]; id != "" {
		return id
	}
	return noOperation
}

// newTrace goes on with the caller's trace, or begins one: 32 hex digits.
func newTrace(parent string, chance io.Reader) string {
	if id := traceOf(parent); id != "" {
		return id
	}
	var b [16]byte
	_, _ = io.ReadFull(chance, b[:]) // a trace id is no secret: any will do
	return hex.EncodeToString(b[:])
}

// traceOf reads a traceparent header (W3C Trace Context): the trace, or nothing if any part of it is wrong. Only versions
// after 00 may say more.
func traceOf(parent string) string {
	const whole = len("00-") + 32 + len("-") + 16 + len("-01")
	if len(parent) < whole || len(parent) > whole && (parent[:2] == "00" || parent[whole] != '-') {
		return ""
	}
	version, trace, span, flags := parent[:2], parent[3:35], parent[36:52], parent[53:whole]
	dashes := parent[2] == '-' && parent[35] == '-' && parent[52] == '-'
	if !dashes || !isHex(version) || !isHex(trace) || !isHex(span) || !isHex(flags) || version == "ff" || isZero(trace) || isZero(span) {
		return ""
	}
	return trace
}

func isHex(s string) bool  { return strings.Trim(s, "0123456789abcdef") == "" }
func isZero(s string) bool { return strings.Trim(s, "0") == "" }
