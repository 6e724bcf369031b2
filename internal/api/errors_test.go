package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/latchkey-dev/latchkey/internal/postgres"
	"github.com/latchkey-dev/latchkey/internal/problem"
)

// moody is a server whose readiness, which every operation asks for first, is what a test says.
type moody struct{ say atomic.Pointer[func() error] }

func (m *moody) becomes(say func() error) { m.say.Store(&say) }

func (m *moody) ready() error {
	if say := m.say.Load(); say != nil {
		return (*say)()
	}
	return nil
}

func newMoody(t *testing.T) (*moody, *harness) {
	t.Helper()
	m := &moody{}
	return m, newHarness(t, func(s *settings) { s.api = func(c *Config) { c.Ready = m.ready } })
}

// linesAbout gives what was logged about one request.
func (h *harness) linesAbout(a *answer) []string {
	h.t.Helper()
	id := a.header.Get("X-Request-Id")
	h.log.await(h.t, "msg=request ", id)
	var all []string
	for line := range strings.Lines(h.log.String()) {
		if strings.Contains(line, id) {
			all = append(all, line)
		}
	}
	return all
}

// ASVS 16.5.1, 16.5.4: a fault of ours is told to us in full, once, and to the sender by its trace id only.
func TestUnknownErrors(t *testing.T) {
	t.Parallel()
	m, h := newMoody(t)
	for _, tc := range []struct {
		name   string
		fault  func() error
		logged []string
		never  string
	}{
		{"an error", func() error { return errors.New("open /etc/" + planted + ": SELECT secret") }, []string{planted, "SELECT secret"}, "\x00"},
		{"an error in an error", func() error { return fmt.Errorf("insert: %w", io.ErrNoProgress) }, []string{"insert: multiple Read calls"}, "\x00"},
		{"a statement that the database refuses", func() error {
			return &pgconn.PgError{Code: "42601", Message: "syntax error near " + planted}
		}, []string{"42601"}, "\x00"},
		{"a constraint that nobody thought of", func() error {
			return &pgconn.PgError{Code: "23505", ConstraintName: "new_key", Detail: "Key (" + planted + ") exists."}
		}, []string{"23505"}, "\x00"},
		{"a panic", func() error { panic(planted + "1") }, []string{"panicked with string", "errors_test.go"}, planted + "1"},
		{"a panic with an error", func() error { panic(problem.New(problem.NotFound).WithDetail(planted + "2")) }, []string{"panicked with *problem.Error"}, planted + "2"},
		{"a nil pointer", func() error { var none *http.Request; return errors.New(none.Method) }, []string{"runtime.errorString", "errors_test.go"}, "\x00"},
	} {
		m.becomes(tc.fault)
		a := h.root.get("/api/accounts").want(500, "internal")
		if strings.Contains(string(a.body), planted) || a.str("detail") != a.str("title") || a.metadata("") != nil || len(a.json()["metadata"].(map[string]any)) > 0 {
			t.Errorf("%s: the answer tells too much: %s", tc.name, a.body)
		}
		lines := h.linesAbout(a)
		if len(lines) != 1 || !strings.Contains(lines[0], "level=ERROR") {
			t.Errorf("%s: logged as %q, want one line at ERROR", tc.name, lines)
		}
		for _, want := range tc.logged {
			if !strings.Contains(lines[0], want) {
				t.Errorf("%s: the log does not tell %q: %s", tc.name, want, lines[0])
			}
		}
		if strings.Contains(h.log.String(), tc.never) {
			t.Errorf("%s: the log holds what may be anything:\n%s", tc.name, h.log)
		}
		m.becomes(func() error { return nil })
		h.root.get("/api/accounts").want(200)
	}
}

// ASVS 16.5.2, 16.5.3: what passes is 503, asks to come back, and is nobody's alarm.
func TestErrorsThatPass(t *testing.T) {
	t.Parallel()
	m, h := newMoody(t)
	for _, tc := range []struct {
		name, code, retry string
		fault             error
	}{
		{"too many connections", "database_unavailable", "1", &pgconn.PgError{Code: "53300", Message: planted}},
		{"a full disk", "database_unavailable", "1", &pgconn.PgError{Code: "53100", Message: planted}},
		{"a standby", "database_unavailable", "1", &pgconn.PgError{Code: "25006", Message: planted}},
		{"a database that stops", "database_unavailable", "1", &pgconn.PgError{Code: "57P01", Message: planted}},
		{"a statement that took too long", "database_unavailable", "1", &pgconn.PgError{Code: "57014", Message: planted}},
		{"a lock that took too long", "database_unavailable", "1", &pgconn.PgError{Code: "55P03", Message: planted}},
		{"a serialization failure", "database_unavailable", "1", fmt.Errorf("commit: %w", &pgconn.PgError{Code: "40001", Message: planted})},
		{"a deadline", "database_unavailable", "1", fmt.Errorf("%s: %w", planted, context.DeadlineExceeded)},
		{"a connection that ended", "database_unavailable", "1", fmt.Errorf("%s: %w", planted, io.ErrUnexpectedEOF)},
		{"a start", "starting", "1", problem.New(problem.Starting)},
		{"a start of which the end is known", "starting", "2", problem.New(problem.Starting).After(1100 * time.Millisecond)},
		{"too much to do", "overloaded", "90", problem.New(problem.Overloaded).After(90 * time.Second)},
	} {
		m.becomes(func() error { return tc.fault })
		a := h.root.get("/api/accounts").want(503, tc.code)
		if got := a.header.Get("Retry-After"); got != tc.retry {
			t.Errorf("%s: Retry-After %q, want %q", tc.name, got, tc.retry)
		}
		if strings.Contains(string(a.body), planted) {
			t.Errorf("%s: the answer tells too much: %s", tc.name, a.body)
		}
		if lines := h.linesAbout(a); len(lines) != 1 || !strings.Contains(lines[0], "level=INFO") {
			t.Errorf("%s: logged as %q, want one line at INFO", tc.name, lines)
		}
	}
}

// Every code has one form on the wire, old and new.
func TestEveryCodeOnTheWire(t *testing.T) {
	t.Parallel()
	m, h := newMoody(t)
	schema := writtenContract(t).Components.Schemas["Problem"].Value
	for _, code := range problem.Codes() {
		kind := problem.Lookup(code)
		m.becomes(func() error { return problem.New(code).WithField("some", "fact") })
		resp, err := http.Get(h.url + "/api/accounts") // past the harness: no operation can have every status
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		err = json.NewDecoder(resp.Body).Decode(&got)
		resp.Body.Close()
		if err != nil || resp.StatusCode != kind.Status || resp.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %s %v", code, resp.Status, err)
		}
		if err := schema.VisitJSON(got); err != nil {
			t.Errorf("%s: %v", code, err)
		}
		for member, want := range map[string]any{"type": "urn:latchkey:problem:" + string(code), "title": kind.Title, "message": kind.Title, "detail": kind.Title,
			"suggested": kind.Suggested, "error": string(code), "status": float64(kind.Status), "trace_id": resp.Header.Get("X-Request-Id")} {
			if got[member] != want || want == "" {
				t.Errorf("%s: %s is %v, want %v", code, member, got[member], want)
			}
		}
		if (resp.Header.Get("Retry-After") != "") != (kind.Status == 429 || kind.Status == 503) || (resp.Header.Get("WWW-Authenticate") != "") != (kind.Status == 401) {
			t.Errorf("%s: headers %v", code, resp.Header)
		}
		if got := resp.Header.Values("Link"); len(got) != 1 || got[0] != "</docs/errors/"+string(code)+`/>; rel="help"` {
			t.Errorf("%s: Link %q", code, got)
		}
	}
}

func TestWalkWhileStarting(t *testing.T) {
	t.Parallel()
	m, h := newMoody(t)
	m.becomes(func() error { return problem.New(problem.Starting).After(time.Second) })
	for _, w := range walkContract(t) {
		for name, c := range map[string]*client{"nobody": h.anonymous(), "root": h.root, "a key that cannot be used": h.anonymous().withKey("lkpat_x")} {
			a := w.ask(c)
			switch {
			case w.id == "Livez":
				a.want(200)
			case a.status != 503 || a.str("error") != "starting" || a.header.Get("Retry-After") != "1":
				t.Errorf("%s, %s: %d %s", w.id, name, a.status, a.body)
			}
		}
	}
	h.anonymous().get("/nowhere").want(404)
	m.becomes(func() error { return nil })
	h.root.get("/api/accounts").want(200)
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		ping   func(context.Context) error
		status int
		code   string
	}{
		{"the database answers", func(context.Context) error { return nil }, 200, ""},
		{"the database is away", func(context.Context) error { return &pgconn.ConnectError{} }, 503, "database_unavailable"},
		{"the database fails in a new way", func(context.Context) error { return errors.New(planted) }, 503, "database_unavailable"},
		{"the database does not answer", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, 503, "database_unavailable"},
		{"the service is stopping", func(context.Context) error { return problem.New(problem.Starting) }, 503, "starting"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := newEmptyHarness(t, func(s *settings) {
				s.api = func(c *Config) {
					c.Ping = func(ctx context.Context) (postgres.Durability, error) {
						return postgres.Durability{Findings: []string{}}, tc.ping(ctx)
					}
				}
			})
			h.node.AwaitSince(t.Context(), 0)
			a := h.anonymous().get("/readyz").want(tc.status)
			if a.codeIfAny() != tc.code || strings.Contains(string(a.body), planted) {
				t.Errorf("%s", a.body)
			}
			h.anonymous().get("/livez").want(200)
		})
	}
}

// An instance that cannot prove what it remembers gets no traffic, however well the database answers.
func TestReadinessNeedsALease(t *testing.T) {
	t.Parallel()
	durable := postgres.Durability{Version: "15.8", Durable: true, Findings: []string{"a finding"}}
	h := newHarness(t, func(s *settings) {
		s.api = func(c *Config) { c.Ping = func(context.Context) (postgres.Durability, error) { return durable, nil } }
	})
	got := h.anonymous().get("/readyz").want(200).json()
	lease := got["lease"].(map[string]any)
	if got["status"] != "ok" || got["node"] != h.node.ID() || lease["length_ms"] != 1000.0 || lease["age_ms"].(float64) >= 1000 {
		t.Errorf("%v", got)
	}
	if database := fmt.Sprint(got["database"]); database != "map[durable:true findings:[a finding] version:15.8]" {
		t.Errorf("the database is %s", database)
	}
	h.cutOff()
	a := h.anonymous().get("/readyz").want(503, "verification_unavailable")
	if a.header.Get("Retry-After") != "1" || a.str("detail") == "" {
		t.Errorf("%v %s", a.header, a.body)
	}
	h.anonymous().get("/livez").want(200)
}
