package api

import (
	"context"

	"github.com/latchkey-dev/latchkey/gen/api"
	"github.com/latchkey-dev/latchkey/internal/problem"
)

func (s *Server) AccessKeyRegenerate(context.Context, api.AccessKeyRegenerateRequestObject) (api.AccessKeyRegenerateResponseObject, error) {
	return nil, problem.New(problem.Internal)
}

func (s *Server) AccessKeyPreviousSecretDelete(context.Context, api.AccessKeyPreviousSecretDeleteRequestObject) (api.AccessKeyPreviousSecretDeleteResponseObject, error) {
	return nil, problem.New(problem.Internal)
}

func (s *Server) AccessKeyExplain(context.Context, api.AccessKeyExplainRequestObject) (api.AccessKeyExplainResponseObject, error) {
	return nil, problem.New(problem.Internal)
}

func (s *Server) AccessKeyRevokeAll(context.Context, api.AccessKeyRevokeAllRequestObject) (api.AccessKeyRevokeAllResponseObject, error) {
	return nil, problem.New(problem.Internal)
}

func (s *Server) AccessKeyReport(context.Context, api.AccessKeyReportRequestObject) (api.AccessKeyReportResponseObject, error) {
	return nil, problem.New(problem.Internal)
}

func (s *Server) PermissionCatalogueGet(context.Context, api.PermissionCatalogueGetRequestObject) (api.PermissionCatalogueGetResponseObject, error) {
	return nil, problem.New(problem.Internal)
}

func (s *Server) PermissionCatalogueUpdate(context.Context, api.PermissionCatalogueUpdateRequestObject) (api.PermissionCatalogueUpdateResponseObject, error) {
	return nil, problem.New(problem.Internal)
}

func (s *Server) AdminAccessKeyRevokeAll(context.Context, api.AdminAccessKeyRevokeAllRequestObject) (api.AdminAccessKeyRevokeAllResponseObject, error) {
	return nil, problem.New(problem.Internal)
}
