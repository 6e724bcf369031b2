package api

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/latchkey-dev/latchkey/gen/api"
	"github.com/latchkey-dev/latchkey/internal/auth"
	"github.com/latchkey-dev/latchkey/internal/problem"
)

// AccessKeyReport revokes those of the keys it is sent that are good, and says the same whatever it did.
func (s *Server) AccessKeyReport(ctx context.Context, req api.AccessKeyReportRequestObject) (api.AccessKeyReportResponseObject, error) {
	caller := auth.FromContext(ctx)
	if err := s.reports.count(caller.Network(), s.cfg.Now()); err != nil {
		return nil, err
	}
	done, err := s.reports.turn(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	if err := s.cfg.Keys.Report(ctx, caller, req.Body.Keys, value(req.Body.Source)); err != nil {
		return nil, err
	}
	return api.AccessKeyReport202JSONResponse{Status: api.AccessKeyReportResultStatusReceived}, nil
}

// Limits on reports, which anybody can send: each of them is work for the database and for every instance.
const (
	reportsMost   = 10 // of one address in a window
	reportsWindow = time.Minute
	reporters     = 10_000 // addresses that are counted at once; further ones wait
)

// reports counts what addresses send, and lets one report through at a time.
type reports struct {
	one chan struct{}

	mu     sync.Mutex
	counts map[netip.Prefix]*reportCount
}

type reportCount struct {
	since time.Time
	n     int
}

func newReports() *reports {
	return &reports{one: make(chan struct{}, 1), counts: map[netip.Prefix]*reportCount{}}
}

// count counts one report from a network. Errors: problem.TooManyAttempts.
func (r *reports) count(from netip.Prefix, now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.counts[from]
	if c == nil || now.Sub(c.since) >= reportsWindow {
		if c == nil && len(r.counts) >= reporters && !r.makeRoom(now) {
			return problem.New(problem.TooManyAttempts).After(reportsWindow)
		}
		c = &reportCount{since: now}
		r.counts[from] = c
	}
	if c.n >= reportsMost {
		return problem.New(problem.TooManyAttempts).After(c.since.Add(reportsWindow).Sub(now))
	}
	c.n++
	return nil
}

// makeRoom forgets addresses whose window has ended, and tells whether there is room then.
func (r *reports) makeRoom(now time.Time) bool {
	for from, c := range r.counts {
		if now.Sub(c.since) >= reportsWindow {
			delete(r.counts, from)
		}
	}
	return len(r.counts) < reporters
}

// turn waits until no other report is under way. Errors: problem.Overloaded.
func (r *reports) turn(ctx context.Context) (func(), error) {
	select {
	case r.one <- struct{}{}:
		return func() { <-r.one }, nil
	case <-ctx.Done():
		return nil, problem.New(problem.Overloaded)
	}
}
