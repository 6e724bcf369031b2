package api

import (
	"context"

	"github.com/latchkey-dev/latchkey/gen/api"
	"github.com/latchkey-dev/latchkey/internal/problem"
)

func (s *Server) PermissionCatalogueGet(context.Context, api.PermissionCatalogueGetRequestObject) (api.PermissionCatalogueGetResponseObject, error) {
	return nil, problem.New(problem.Internal)
}

func (s *Server) PermissionCatalogueUpdate(context.Context, api.PermissionCatalogueUpdateRequestObject) (api.PermissionCatalogueUpdateResponseObject, error) {
	return nil, problem.New(problem.Internal)
}
