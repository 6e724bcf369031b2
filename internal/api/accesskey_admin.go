package api

import (
	"context"

	"github.com/latchkey-dev/latchkey/gen/api"
	"github.com/latchkey-dev/latchkey/internal/accesskey"
	"github.com/latchkey-dev/latchkey/internal/auth"
	"github.com/latchkey-dev/latchkey/internal/permission"
)

// AdminAccessKeyList lists everybody's keys, with their owners.
func (s *Server) AdminAccessKeyList(ctx context.Context, req api.AdminAccessKeyListRequestObject) (api.AdminAccessKeyListResponseObject, error) {
	caller := auth.FromContext(ctx)
	after, limit, err := pageOf(req.Params.Cursor, req.Params.Limit)
	if err != nil {
		return nil, err
	}
	has, err := searchOf(req.Params.Search)
	if err != nil {
		return nil, err
	}
	keys, next, err := s.cfg.Keys.ListAny(ctx, caller, accesskey.Filter{Status: statusOf(req.Params.Status), Unrevoked: isFalse(req.Params.Revoked),
		ExpiringBefore: req.Params.ExpiringBefore, Search: has, AccountID: value(req.Params.Account)}, after, limit)
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

func (s *Server) owned(ctx context.Context, caller auth.Caller, keys []accesskey.AccessKey) ([]api.OwnedAccessKey, error) {
	ids := make([]string, len(keys))
	for i, k := range keys {
		ids[i] = k.AccountID
	}
	owners, err := s.cfg.Accounts.ByIDs(ctx, caller, ids)
	if err != nil {
		return nil, err
	}
	shown, err := s.wireKeys(ctx, caller, keys, func(k accesskey.AccessKey) permission.Set { return owners[k.AccountID].Permissions() })
	if err != nil {
		return nil, err
	}
	list := make([]api.OwnedAccessKey, len(keys))
	for i, key := range keys {
		list[i] = withOwner(shown[i], wireOwner(owners[key.AccountID]))
	}
	return list, nil
}
