package api

import (
	"context"
	"fmt"
	"time"

	"github.com/latchkey-dev/latchkey/gen/api"
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
	if err := s.cfg.Ping(ctx); err != nil { // whatever it is, and unless it says so itself
		return nil, fmt.Errorf("reach for the database: %w: %w", err, problem.New(problem.DatabaseUnavailable))
	}
	return api.Readyz200JSONResponse{HealthJSONResponse: api.HealthJSONResponse{Status: api.HealthStatusOk}}, nil
}
