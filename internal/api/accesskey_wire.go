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

func revoked(r changefeed.Revision) api.RevokedResponse {
	return api.RevokedResponse{Headers: api.RevokedResponseHeaders{LatchkeyRevision: r.String()}}
}

// tagged shows one of the caller's keys, with its version.
func (s *Server) tagged(ctx context.Context, caller auth.Caller, key accesskey.AccessKey) (api.AccessKeyJSONResponse, error) {
	list, err := s.wireKeys(ctx, caller, []accesskey.AccessKey{key}, func(accesskey.AccessKey) permission.Set { return caller.Permissions })
	if err != nil {
		return api.AccessKeyJSONResponse{}, err
	}
	tag := `"` + strconv.FormatInt(key.Version, 10) + `"`
	return api.AccessKeyJSONResponse{Body: list[0], Headers: api.AccessKeyResponseHeaders{ETag: &tag}}, nil
}

// wireKeys shows keys with what they used; rights is what the owner of each holds.
func (s *Server) wireKeys(ctx context.Context, caller auth.Caller, keys []accesskey.AccessKey, rights func(accesskey.AccessKey) permission.Set) ([]api.AccessKey, error) {
	ids := make([]string, len(keys))
	for i, k := range keys {
		ids[i] = k.ID
	}
	used, err := s.cfg.Usage.Windows(ctx, caller, ids)
	if err != nil {
		return nil, err
	}
	list := make([]api.AccessKey, len(keys))
	for i, k := range keys {
		list[i] = s.wireKey(k, rights(k))
		u := used[k.ID]
		list[i].Usage = &api.WindowUsage{Query: u.Query, Mutation: u.Mutation, Credits: u.Credits}
	}
	return list, nil
}

// wireKey shows a key whose owner holds rights.
func (s *Server) wireKey(k accesskey.AccessKey, rights permission.Set) api.AccessKey {
	now := s.cfg.Now()
	return api.AccessKey{
		ID: k.ID, CreatedAt: k.CreatedAt.UTC(), UpdatedAt: k.UpdatedAt.UTC(), DeletedAt: utc(k.RevokedAt), Name: k.Name,
		Enabled: k.RevokedAt == nil && k.DisabledAt == nil, Status: api.AccessKeyStatus(k.StatusAt(now)), ExpiresAt: utc(k.ExpiresAt), Hint: k.Hint,
		Permissions: k.Permissions, EffectivePermissions: rights.Within(k.Bound()).Names(), Limits: wireLimits(k.Limits),
		RotatedAt: utc(k.RotatedAt), PreviousExpiresAt: utc(k.PreviousUntil(now)),
		RevokedBecause: (*api.RevokedBecause)(optional(string(k.RevokedBecause))), IncidentID: optional(k.IncidentID),
		LastUsedAt: utc(k.LastUsedAt), LastUsedIP: optional(k.LastUsedIP), Version: k.Version,
	}
}

func statusOf(s *api.Status) accesskey.Status {
	if s == nil {
		return ""
	}
	return accesskey.Status(*s)
}

func orderOf(by *api.AccessKeySort, order *api.SortOrder) accesskey.Order {
	var o accesskey.Order
	if by != nil {
		o.By = accesskey.Sort(*by)
	}
	o.Rising = order != nil && *order == api.SortOrderAsc
	return o
}

func isFalse(b *bool) bool { return b != nil && !*b }

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}

// withOwner is a key as administrators see it.
func withOwner(k api.AccessKey, owner api.AccountRef) api.OwnedAccessKey {
	return api.OwnedAccessKey{ID: k.ID, CreatedAt: k.CreatedAt, UpdatedAt: k.UpdatedAt, DeletedAt: k.DeletedAt, Name: k.Name,
		Enabled: k.Enabled, Status: k.Status, ExpiresAt: k.ExpiresAt, Hint: k.Hint, Permissions: k.Permissions,
		EffectivePermissions: k.EffectivePermissions, Limits: k.Limits, Usage: k.Usage, RotatedAt: k.RotatedAt, PreviousExpiresAt: k.PreviousExpiresAt,
		RevokedBecause: k.RevokedBecause, IncidentID: k.IncidentID, LastUsedAt: k.LastUsedAt, LastUsedIP: k.LastUsedIP, Version: k.Version,
		CreatedBy: owner}
}

// limitsOf reads the limits of a key: null is none at all.
func limitsOf(n nullable.Nullable[api.AccessKeyLimits]) accesskey.Limits {
	l, err := n.Get()
	if err != nil {
		return accesskey.Limits{}
	}
	return accesskey.Limits{Query: l.Query, Mutation: l.Mutation, Credits: l.Credits}
}

func wireLimits(l accesskey.Limits) *api.AccessKeyLimits {
	if l == (accesskey.Limits{}) {
		return nil
	}
	return &api.AccessKeyLimits{Query: l.Query, Mutation: l.Mutation, Credits: l.Credits}
}

// unlessNull reads an optional member: absent and null are the same to whoever creates.
func unlessNull[T any](n nullable.Nullable[T]) *T {
	v, err := n.Get()
	if err != nil {
		return nil
	}
	return &v
}

// versionOf reads If-Match, whose form the contract has checked.
func versionOf(tag *string) *int64 {
	if tag == nil {
		return nil
	}
	version, err := strconv.ParseInt(strings.Trim(*tag, `"`), 10, 64)
	if err != nil {
		version = -1 // more digits than a version has: matches nothing
	}
	return &version
}
