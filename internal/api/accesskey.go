package api

import (
	"context"

	"github.com/latchkey-dev/latchkey/gen/api"
	"github.com/latchkey-dev/latchkey/internal/accesskey"
	"github.com/latchkey-dev/latchkey/internal/auth"
	"github.com/latchkey-dev/latchkey/internal/permission"
	"github.com/latchkey-dev/latchkey/internal/token"
)

// AccessKeyCreate mints a key; its secret is in this answer and nowhere else.
func (s *Server) AccessKeyCreate(ctx context.Context, req api.AccessKeyCreateRequestObject) (api.AccessKeyCreateResponseObject, error) {
	caller := auth.FromContext(ctx)
	key, secret, err := s.cfg.Keys.Create(ctx, caller, accesskey.CreateInput{Name: req.Body.Name, ExpiresAt: unlessNull(req.Body.ExpiresAt),
		Permissions: unlessNull(req.Body.Permissions), Limits: limitsOf(req.Body.Limits)})
	if err != nil {
		return nil, err
	}
	return api.AccessKeyCreate200JSONResponse(issued(s.wireKey(key, caller.Permissions), secret)), nil
}

// AccessKeyList lists the caller's own keys.
func (s *Server) AccessKeyList(ctx context.Context, req api.AccessKeyListRequestObject) (api.AccessKeyListResponseObject, error) {
	caller := auth.FromContext(ctx)
	after, limit, err := pageOf(req.Params.Cursor, req.Params.Limit)
	if err != nil {
		return nil, err
	}
	has, err := searchOf(req.Params.Search)
	if err != nil {
		return nil, err
	}
	keys, next, err := s.cfg.Keys.List(ctx, caller, accesskey.Filter{Status: statusOf(req.Params.Status), Unrevoked: isFalse(req.Params.Revoked),
		ExpiringBefore: req.Params.ExpiringBefore, Search: has, Order: orderOf(req.Params.Sort, req.Params.Order)}, after, limit)
	if err != nil {
		return nil, err
	}
	list, err := s.wireKeys(ctx, caller, keys, func(accesskey.AccessKey) permission.Set { return caller.Permissions })
	if err != nil {
		return nil, err
	}
	return api.AccessKeyList200JSONResponse{Keys: list, NextCursor: optional(next)}, nil
}

// AccessKeyGet reads one of the caller's own keys.
func (s *Server) AccessKeyGet(ctx context.Context, req api.AccessKeyGetRequestObject) (api.AccessKeyGetResponseObject, error) {
	caller := auth.FromContext(ctx)
	key, err := s.cfg.Keys.Get(ctx, caller, req.AccessKeyID)
	if err != nil {
		return nil, err
	}
	shown, err := s.tagged(ctx, caller, key)
	if err != nil {
		return nil, err
	}
	return api.AccessKeyGet200JSONResponse{AccessKeyJSONResponse: shown}, nil
}

// AccessKeyUpdate changes one of the caller's own keys.
func (s *Server) AccessKeyUpdate(ctx context.Context, req api.AccessKeyUpdateRequestObject) (api.AccessKeyUpdateResponseObject, error) {
	caller := auth.FromContext(ctx)
	in := accesskey.UpdateInput{Name: req.Body.Name, Enabled: req.Body.Enabled, IfVersion: versionOf(req.Params.IfMatch)}
	if req.Body.ExpiresAt.IsSpecified() {
		in.ExpiresAt = new(unlessNull(req.Body.ExpiresAt))
	}
	if req.Body.Permissions.IsSpecified() {
		in.Permissions = new(unlessNull(req.Body.Permissions))
	}
	if req.Body.Limits.IsSpecified() {
		in.Limits = new(limitsOf(req.Body.Limits))
	}
	key, err := s.cfg.Keys.Update(ctx, caller, req.AccessKeyID, in)
	if err != nil {
		return nil, err
	}
	shown, err := s.tagged(ctx, caller, key)
	if err != nil {
		return nil, err
	}
	return api.AccessKeyUpdate200JSONResponse{AccessKeyJSONResponse: shown}, nil
}

// AccessKeyDelete revokes one of the caller's own keys.
func (s *Server) AccessKeyDelete(ctx context.Context, req api.AccessKeyDeleteRequestObject) (api.AccessKeyDeleteResponseObject, error) {
	revision, err := s.cfg.Keys.Revoke(ctx, auth.FromContext(ctx), req.AccessKeyID)
	if err != nil {
		return nil, err
	}
	return revoked(revision), nil
}

// AccessKeySelfGet reads the key that the request came with.
func (s *Server) AccessKeySelfGet(ctx context.Context, _ api.AccessKeySelfGetRequestObject) (api.AccessKeySelfGetResponseObject, error) {
	caller := auth.FromContext(ctx)
	key, err := s.cfg.Keys.Get(ctx, caller, caller.CredentialID)
	if err != nil {
		return nil, err
	}
	shown, err := s.tagged(ctx, caller, key)
	if err != nil {
		return nil, err
	}
	return api.AccessKeySelfGet200JSONResponse{AccessKeyJSONResponse: shown}, nil
}

// AccessKeySelfRevoke revokes the key that the request came with.
func (s *Server) AccessKeySelfRevoke(ctx context.Context, _ api.AccessKeySelfRevokeRequestObject) (api.AccessKeySelfRevokeResponseObject, error) {
	caller := auth.FromContext(ctx)
	revision, err := s.cfg.Keys.Revoke(ctx, caller, caller.CredentialID)
	if err != nil {
		return nil, err
	}
	return revoked(revision), nil
}

// issued is a key with its secret.
func issued(k api.AccessKey, secret token.Secret) api.AccessKeyIssued {
	return api.AccessKeyIssued{ID: k.ID, CreatedAt: k.CreatedAt, UpdatedAt: k.UpdatedAt, DeletedAt: k.DeletedAt, Name: k.Name,
		Enabled: k.Enabled, Status: k.Status, ExpiresAt: k.ExpiresAt, Hint: k.Hint, Permissions: k.Permissions,
		EffectivePermissions: k.EffectivePermissions, Limits: k.Limits, Usage: k.Usage, RotatedAt: k.RotatedAt, PreviousExpiresAt: k.PreviousExpiresAt,
		RevokedBecause: k.RevokedBecause, IncidentID: k.IncidentID, LastUsedAt: k.LastUsedAt, LastUsedIP: k.LastUsedIP, Version: k.Version,
		Secret: secret.Reveal()}
}
