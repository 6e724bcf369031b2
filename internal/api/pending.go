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

func (s *Server) AccessKeyUsage(context.Context, api.AccessKeyUsageRequestObject) (api.AccessKeyUsageResponseObject, error) {
	return nil, problem.New(problem.Internal)
}

func (s *Server) AccessKeyRevokeAll(context.Context, api.AccessKeyRevokeAllRequestObject) (api.AccessKeyRevokeAllResponseObject, error) {
	return nil, problem.New(problem.Internal)
}

func (s *Server) AccessKeyReport(context.Context, api.AccessKeyReportRequestObject) (api.AccessKeyReportResponseObject, error) {
	return nil, problem.New(problem.Internal)
}

func (s *Server) AccountUsage(context.Context, api.AccountUsageRequestObject) (api.AccountUsageResponseObject, error) {
	return nil, problem.New(problem.Internal)
}

func (s *Server) AccountCreditsList(context.Context, api.AccountCreditsListRequestObject) (api.AccountCreditsListResponseObject, error) {
	return nil, problem.New(problem.Internal)
}

func (s *Server) AdminAccessKeyRevokeAll(context.Context, api.AdminAccessKeyRevokeAllRequestObject) (api.AdminAccessKeyRevokeAllResponseObject, error) {
	return nil, problem.New(problem.Internal)
}

func (s *Server) AccountLimitsUpdate(context.Context, api.AccountLimitsUpdateRequestObject) (api.AccountLimitsUpdateResponseObject, error) {
	return nil, problem.New(problem.Internal)
}

func (s *Server) AdminAccountUsage(context.Context, api.AdminAccountUsageRequestObject) (api.AdminAccountUsageResponseObject, error) {
	return nil, problem.New(problem.Internal)
}

func (s *Server) AdminAccountCreditsList(context.Context, api.AdminAccountCreditsListRequestObject) (api.AdminAccountCreditsListResponseObject, error) {
	return nil, problem.New(problem.Internal)
}

func (s *Server) AccountCreditsAdd(context.Context, api.AccountCreditsAddRequestObject) (api.AccountCreditsAddResponseObject, error) {
	return nil, problem.New(problem.Internal)
}
