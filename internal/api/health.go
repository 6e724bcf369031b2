package api

import (
	"context"
	"fmt"
	"time"

	"github.com/latchkey-dev/latchkey/gen/api"
	"github.com/latchkey-dev/latchkey/internal/postgres"
	"github.com/latchkey-dev/latchkey/internal/problem"
)

// pingLife is how long the database may take to answer before the instance counts as not ready.
const pingLife = time.Second

// Livez says that the process is alive.
func (s *Server) Livez(context.Context, api.LivezRequestObject) (api.LivezResponseObject, error) {
	return api.Livez200JSONResponse{HealthJSONResponse: api.HealthJSONResponse{Status: api.HealthStatusOk}}, nil
}

// Readyz says whether requests can be served, or why not.
func (s *Server) Readyz(ctx context.Context, _ api.ReadyzRequestObject) (api.ReadyzResponseObject, error) {
	if err := s.cfg.Ready(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, pingLife)
	defer cancel()
	d, err := s.reach(ctx)
	if err != nil {
		return nil, err
	}
	lease := s.cfg.Node.Lease()
	if now := s.cfg.Clock(); !lease.Fresh(now) {
		lease = s.cfg.Node.AwaitSince(ctx, now) // a request with a key would wait, too
	}
	now := s.cfg.Clock()
	if !lease.Fresh(now) {
		return nil, problem.New(problem.VerificationUnavailable).WithDetail("The lease has ended, and the next sync with the database is not done.")
	}
	return api.Readyz200JSONResponse{Status: api.ReadinessStatusOk, Node: s.cfg.Node.ID(),
		Lease: wireLease(lease, now), Database: wireDurability(d)}, nil
}

// reach asks the database how it is.
func (s *Server) reach(ctx context.Context) (postgres.Durability, error) {
	ctx, cancel := context.WithTimeout(ctx, pingLife)
	defer cancel()
	d, err := s.cfg.Ping(ctx)
	if err != nil { // whatever it is, and unless it says so itself
		return d, fmt.Errorf("reach for the database: %w: %w", err, problem.New(problem.DatabaseUnavailable))
	}
	return d, nil
}
