package api

import (
	"context"

	"github.com/latchkey-dev/latchkey/gen/api"
	"github.com/latchkey-dev/latchkey/internal/accesskey"
	"github.com/latchkey-dev/latchkey/internal/auth"
	"github.com/latchkey-dev/latchkey/internal/changefeed"
)

// AccessKeyRevokeAll revokes every key of the caller.
func (s *Server) AccessKeyRevokeAll(ctx context.Context, req api.AccessKeyRevokeAllRequestObject) (api.AccessKeyRevokeAllResponseObject, error) {
	incident, revision, err := s.cfg.Keys.RevokeAll(ctx, auth.FromContext(ctx), value(req.Body.Reason))
	if err != nil {
		return nil, err
	}
	return api.AccessKeyRevokeAll200JSONResponse{RevokedManyJSONResponse: revokedMany(incident, revision)}, nil
}

// AdminAccessKeyRevokeAll revokes many keys, whoever owns them.
func (s *Server) AdminAccessKeyRevokeAll(ctx context.Context, req api.AdminAccessKeyRevokeAllRequestObject) (api.AdminAccessKeyRevokeAllResponseObject, error) {
	in := accesskey.IncidentInput{AccountID: value(req.Body.Account), CreatedBefore: req.Body.CreatedBefore, Reason: req.Body.Reason}
	incident, revision, err := s.cfg.Keys.RevokeAllAny(ctx, auth.FromContext(ctx), in)
	if err != nil {
		return nil, err
	}
	return api.AdminAccessKeyRevokeAll200JSONResponse{RevokedManyJSONResponse: revokedMany(incident, revision)}, nil
}

func revokedMany(i accesskey.Incident, r changefeed.Revision) api.RevokedManyJSONResponse {
	return api.RevokedManyJSONResponse{Body: api.RevokeAllResult{Revoked: int64(i.Revoked), IncidentID: i.ID},
		Headers: api.RevokedManyResponseHeaders{LatchkeyRevision: r.String()}}
}
