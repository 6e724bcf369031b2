package api

import (
	"context"
	"time"

	"github.com/latchkey-dev/latchkey/gen/api"
	"github.com/latchkey-dev/latchkey/internal/accesskey"
	"github.com/latchkey-dev/latchkey/internal/auth"
)

// AccessKeyRegenerate gives one of the caller's own keys a new secret, which is in this answer and nowhere else.
func (s *Server) AccessKeyRegenerate(ctx context.Context, req api.AccessKeyRegenerateRequestObject) (api.AccessKeyRegenerateResponseObject, error) {
	caller := auth.FromContext(ctx)
	in := accesskey.RegenerateInput{IfVersion: versionOf(req.Params.IfMatch)}
	if req.Body.OverlapSeconds != nil {
		in.Overlap = time.Duration(*req.Body.OverlapSeconds) * time.Second
	}
	key, secret, err := s.cfg.Keys.Regenerate(ctx, caller, req.AccessKeyID, in)
	if err != nil {
		return nil, err
	}
	return api.AccessKeyRegenerate200JSONResponse(issued(s.wireKey(key, caller.Permissions), secret)), nil
}

// AccessKeyPreviousSecretDelete ends the overlap of one of the caller's own keys.
func (s *Server) AccessKeyPreviousSecretDelete(ctx context.Context, req api.AccessKeyPreviousSecretDeleteRequestObject) (api.AccessKeyPreviousSecretDeleteResponseObject, error) {
	revision, err := s.cfg.Keys.EndPrevious(ctx, auth.FromContext(ctx), req.AccessKeyID)
	if err != nil {
		return nil, err
	}
	return revoked(revision), nil
}
