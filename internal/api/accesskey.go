package api

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/oapi-codegen/nullable"

	"github.com/latchkey-dev/latchkey/gen/api"
	"github.com/latchkey-dev/latchkey/internal/accesskey"
	"github.com/latchkey-dev/latchkey/internal/auth"
	"github.com/latchkey-dev/latchkey/internal/changefeed"
	"github.com/latchkey-dev/latchkey/internal/permission"
)

// AccessKeyCreate mints a key; its secret is in this answer and nowhere else.
func (s *Server) AccessKeyCreate(ctx context.Context, req api.AccessKeyCreateRequestObject) (api.AccessKeyCreateResponseObject, error) {
	caller := auth.FromContext(ctx)
	key, secret, err := s.cfg.Keys.Create(ctx, caller, accesskey.CreateInput{Name: req.Body.Name, ExpiresAt: moment(req.Body.ExpiresAt)})
	if err != nil {
		return nil, err
	}
	k := s.wireKey(key, caller.Permissions)
	return api.AccessKeyCreate200JSONResponse{ID: k.ID, CreatedAt: k.CreatedAt, UpdatedAt: k.UpdatedAt, DeletedAt: k.DeletedAt, Name: k.Name,
		Enabled: k.Enabled, Status: k.Status, ExpiresAt: k.ExpiresAt, Hint: k.Hint, EffectivePermissions: k.EffectivePermissions, Version: k.Version,
		Secret: secret.Reveal()}, nil
}

// AccessKeyList lists the caller's own keys.
func (s *Server) AccessKeyList(ctx context.Context, req api.AccessKeyListRequestObject) (api.AccessKeyListResponseObject, error) {
	caller := auth.FromContext(ctx)
	after, limit, err := pageOf(req.Params.Cursor, req.Params.Limit)
	if err != nil {
		return nil, err
	}
	keys, next, err := s.cfg.Keys.List(ctx, caller, statusOf(req.Params.Status), after, limit)
	if err != nil {
		return nil, err
	}
	list := make([]api.AccessKey, len(keys))
	for i, k := range keys {
		list[i] = s.wireKey(k, caller.Permissions)
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
	return api.AccessKeyGet200JSONResponse{AccessKeyJSONResponse: s.tagged(key, caller.Permissions)}, nil
}

// AccessKeyUpdate changes one of the caller's own keys.
func (s *Server) AccessKeyUpdate(ctx context.Context, req api.AccessKeyUpdateRequestObject) (api.AccessKeyUpdateResponseObject, error) {
	caller := auth.FromContext(ctx)
	in := accesskey.UpdateInput{Name: req.Body.Name, Enabled: req.Body.Enabled}
	if req.Body.ExpiresAt.IsSpecified() {
		at := moment(req.Body.ExpiresAt)
		in.ExpiresAt = &at
	}
	if req.Params.IfMatch != nil {
		version, err := strconv.ParseInt(strings.Trim(*req.Params.IfMatch, `"`), 10, 64)
		if err != nil {
			version = -1 // more digits than a version has: matches nothing
		}
		in.IfVersion = &version
	}
	key, err := s.cfg.Keys.Update(ctx, caller, req.AccessKeyID, in)
	if err != nil {
		return nil, err
	}
	return api.AccessKeyUpdate200JSONResponse{AccessKeyJSONResponse: s.tagged(key, caller.Permissions)}, nil
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
	return api.AccessKeySelfGet200JSONResponse{AccessKeyJSONResponse: s.tagged(key, caller.Permissions)}, nil
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

// AdminAccessKeyList lists everybody's keys, with their owners.
func (s *Server) AdminAccessKeyList(ctx context.Context, req api.AdminAccessKeyListRequestObject) (api.AdminAccessKeyListResponseObject, error) {
	caller := auth.FromContext(ctx)
	after, limit, err := pageOf(req.Params.Cursor, req.Params.Limit)
	if err != nil {
		return nil, err
	}
	keys, next, err := s.cfg.Keys.ListAny(ctx, caller, statusOf(req.Params.Status), after, limit)
	if err != nil {
		return nil, err
	}
	list, err := s.owned(ctx, caller, keys)
	if err != nil {
		return nil, err
	}
	return api.AdminAccessKeyList200JSONResponse{Keys: list, NextCursor: optional(next)}, nil
}

// AdminAccessKeyDelete revokes anybody's key.
func (s *Server) AdminAccessKeyDelete(ctx context.Context, req api.AdminAccessKeyDeleteRequestObject) (api.AdminAccessKeyDeleteResponseObject, error) {
	revision, err := s.cfg.Keys.RevokeAny(ctx, auth.FromContext(ctx), req.AccessKeyID)
	if err != nil {
		return nil, err
	}
	return revoked(revision), nil
}

func revoked(r changefeed.Revision) api.RevokedResponse {
	return api.RevokedResponse{Headers: api.RevokedResponseHeaders{LatchkeyRevision: r.String()}}
}

func (s *Server) owned(ctx context.Context, caller auth.Caller, keys []accesskey.AccessKey) ([]api.OwnedAccessKey, error) {
	ids := make([]string, len(keys))
	for i, k := range keys {
		ids[i] = k.AccountID
	}
	owners, err := s.cfg.Accounts.ByIDs(ctx, caller, ids)
	if err != nil {
		return nil, err
	}
	list := make([]api.OwnedAccessKey, len(keys))
	for i, key := range keys {
		owner := owners[key.AccountID]
		k := s.wireKey(key, owner.Permissions())
		list[i] = api.OwnedAccessKey{ID: k.ID, CreatedAt: k.CreatedAt, UpdatedAt: k.UpdatedAt, DeletedAt: k.DeletedAt, Name: k.Name,
			Enabled: k.Enabled, Status: k.Status, ExpiresAt: k.ExpiresAt, Hint: k.Hint, EffectivePermissions: k.EffectivePermissions,
			LastUsedAt: k.LastUsedAt, LastUsedIP: k.LastUsedIP, Version: k.Version, CreatedBy: wireOwner(owner)}
	}
	return list, nil
}

func (s *Server) tagged(key accesskey.AccessKey, rights permission.Set) api.AccessKeyJSONResponse {
	tag := `"` + strconv.FormatInt(key.Version, 10) + `"`
	return api.AccessKeyJSONResponse{Body: s.wireKey(key, rights), Headers: api.AccessKeyResponseHeaders{ETag: &tag}}
}

// wireKey shows a key whose owner holds rights.
func (s *Server) wireKey(k accesskey.AccessKey, rights permission.Set) api.AccessKey {
	status := k.StatusAt(s.cfg.Now())
	return api.AccessKey{
		ID: k.ID, CreatedAt: k.CreatedAt.UTC(), UpdatedAt: k.UpdatedAt.UTC(), DeletedAt: utc(k.RevokedAt), Name: k.Name,
		Enabled: k.RevokedAt == nil && k.DisabledAt == nil, Status: api.AccessKeyStatus(status), ExpiresAt: utc(k.ExpiresAt), Hint: k.Hint,
		EffectivePermissions: rights.Names(), LastUsedAt: utc(k.LastUsedAt), LastUsedIP: optional(k.LastUsedIP), Version: k.Version,
	}
}

func statusOf(s *api.Status) accesskey.Status {
	if s == nil {
		return ""
	}
	return accesskey.Status(*s)
}

// moment reads an optional time: absent and null are the same to whoever creates.
func moment(n nullable.Nullable[time.Time]) *time.Time {
	t, err := n.Get()
	if err != nil {
		return nil
	}
	return &t
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}
