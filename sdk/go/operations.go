package latchkey

import (
	"context"
	"iter"
	"strconv"
	"time"

	"github.com/oapi-codegen/nullable"

	"github.com/latchkey-dev/latchkey/sdk/go/api"
)

// What goes in and comes out, as the contract has it.
type (
	Instance         = api.Instance
	InstanceHealth   = api.InstanceHealth
	Account          = api.Account
	AccountInput     = api.AccountInput
	Role             = api.Role
	RoleInput        = api.RoleInput
	RoleUpdate       = api.RoleUpdate
	Session          = api.Session
	SetupInput       = api.SetupInput
	AccessKey        = api.AccessKey
	AccessKeyStatus  = api.AccessKeyStatus
	AccessKeyInput   = api.AccessKeyInput
	AccessKeyUpdate  = api.AccessKeyUpdate
	OwnedAccessKey   = api.OwnedAccessKey
	Revision         = api.Revision
	VerifyCode       = api.VerifyCode
	VerifyResult     = api.VerifyResult
	IntrospectResult = api.IntrospectResult
	AuditEvent       = api.AuditEvent
	AuditEventType   = api.AuditEventType

	AccessKeyExplanation     = api.AccessKeyExplanation
	PermissionCatalogue      = api.PermissionCatalogue
	PermissionCatalogueInput = api.PermissionCatalogueInput
)

// AccessKeyIssued is a key with its secret, which no other answer holds.
type AccessKeyIssued struct {
	AccessKey
	Secret Key `json:"secret"`
}

// Ask is what a key should be good for: a request, access to a resource, or a permission, one of them. The zero Ask: it need
// only be usable.
type Ask struct {
	Method, Path string // of a request to your API, as it came
	Resource     string // of the permission catalogue, with an Access
	Access       string // read, write or delete
	Permission   string
}

func (a Ask) wire() api.AccessKeyExplainInput {
	out := api.AccessKeyExplainInput{Resource: optional(a.Resource), Access: optional(api.AccessLevel(a.Access)), Permission: optional(a.Permission)}
	if a.Method != "" || a.Path != "" {
		out.Request = &api.RequestLine{Method: a.Method, Path: a.Path}
	}
	return out
}

// AuditFilter narrows AdminAuditEventList; what is empty does not.
type AuditFilter struct {
	AccountID  string
	TargetID   string // of the key, account, role or session that they are about
	Type       AuditEventType
	IncidentID string
	From       time.Time // the first moment that counts
	To         time.Time // the first that does not
}

// At is the value of an expiry.
func At(t time.Time) nullable.Nullable[time.Time] { return nullable.NewNullableWithValue(t) }

// Never takes an expiry away.
func Never() nullable.Nullable[time.Time] { return nullable.NewNullNullable[time.Time]() }

// InstanceGet tells how the instance is set. It takes no credential.
func (c *Client) InstanceGet(ctx context.Context) (Instance, error) {
	return result[Instance](c.core.InstanceGet(ctx))
}

// SetupComplete makes the first administrator with the code that a new instance prints, and signs it in.
func (c *Client) SetupComplete(ctx context.Context, in SetupInput) (Account, error) {
	return result[Account](c.core.SetupComplete(ctx, in))
}

// AuthPasswordSignup makes an account where sign-up is open, signs it in and gives its id.
func (c *Client) AuthPasswordSignup(ctx context.Context, handle, password string) (string, error) {
	got, err := result[api.AuthSuccess](c.core.AuthPasswordSignup(ctx, api.AuthPair{Identifier: handle, Token: password}))
	return got.ID, err
}

// AuthPasswordSignin begins a session and gives the account's id.
func (c *Client) AuthPasswordSignin(ctx context.Context, handle, password string) (string, error) {
	got, err := result[api.AuthSuccess](c.core.AuthPasswordSignin(ctx, api.AuthPair{Identifier: handle, Token: password}))
	return got.ID, err
}

// AuthPasswordUpdate changes the own password. Every session ends, and the Client goes on with a new one.
func (c *Client) AuthPasswordUpdate(ctx context.Context, old, password string) error {
	return done(c.core.AuthPasswordUpdate(ctx, api.PasswordUpdate{Old: old, New: password}))
}

// AuthLogout ends this session.
func (c *Client) AuthLogout(ctx context.Context) error { return done(c.core.AuthLogout(ctx)) }

// SessionList lists the own sessions, newest first.
func (c *Client) SessionList(ctx context.Context) ([]Session, error) {
	got, err := result[api.SessionListResult](c.core.SessionList(ctx))
	return got.Sessions, err
}

// SessionDelete ends one of the own sessions.
func (c *Client) SessionDelete(ctx context.Context, id string) error {
	return done(c.core.SessionDelete(ctx, id))
}

// AccountGet gives the caller's own account.
func (c *Client) AccountGet(ctx context.Context) (Account, error) {
	return result[Account](c.core.AccountGet(ctx))
}

// AccountCreate makes an account without a role.
func (c *Client) AccountCreate(ctx context.Context, in AccountInput) (Account, error) {
	return result[Account](c.core.AccountCreate(ctx, in))
}

// AccountList goes through all accounts whose handle or name contains a text, in whatever case, newest first; the text may be empty.
func (c *Client) AccountList(ctx context.Context, search string) iter.Seq2[Account, error] {
	return pages(func(cursor *string) ([]Account, *string, error) {
		got, err := result[api.AccountListResult](c.core.AccountList(ctx, &api.AccountListParams{Cursor: cursor, Search: optional(search)}))
		return got.Accounts, got.NextCursor, err
	})
}

// AdminAccountGet gives anybody's account.
func (c *Client) AdminAccountGet(ctx context.Context, id string) (Account, error) {
	return result[Account](c.core.AdminAccountGet(ctx, id))
}

// AccountPasswordReset sets a new password for somebody else's account, and ends its sessions.
func (c *Client) AccountPasswordReset(ctx context.Context, id, password string) (Account, error) {
	return result[Account](c.core.AccountPasswordReset(ctx, id, api.PasswordReset{Token: password}))
}

// AccountSuspend ends the sessions of an account and stops its keys.
func (c *Client) AccountSuspend(ctx context.Context, id string) (Account, error) {
	return result[Account](c.core.AccountSuspend(ctx, id))
}

// AccountRestore ends a suspension.
func (c *Client) AccountRestore(ctx context.Context, id string) (Account, error) {
	return result[Account](c.core.AccountRestore(ctx, id))
}

// AccountAddRole gives a role to an account.
func (c *Client) AccountAddRole(ctx context.Context, handle, roleID string) (Account, error) {
	return result[Account](c.core.AccountAddRole(ctx, handle, roleID))
}

// AccountRemoveRole takes a role from an account.
func (c *Client) AccountRemoveRole(ctx context.Context, handle, roleID string) (Account, error) {
	return result[Account](c.core.AccountRemoveRole(ctx, handle, roleID))
}

// RoleList lists all roles.
func (c *Client) RoleList(ctx context.Context) ([]Role, error) {
	got, err := result[api.RoleListResult](c.core.RoleList(ctx))
	return got.Roles, err
}

// RoleCreate makes a role.
func (c *Client) RoleCreate(ctx context.Context, in RoleInput) (Role, error) {
	return result[Role](c.core.RoleCreate(ctx, in))
}

// RoleGet gives one role.
func (c *Client) RoleGet(ctx context.Context, id string) (Role, error) {
	return result[Role](c.core.RoleGet(ctx, id))
}

// RoleUpdate changes a role, for everyone who holds it.
func (c *Client) RoleUpdate(ctx context.Context, id string, in RoleUpdate) (Role, error) {
	return result[Role](c.core.RoleUpdate(ctx, id, in))
}

// RoleDelete takes a role away, from everyone who held it.
func (c *Client) RoleDelete(ctx context.Context, id string) error {
	return done(c.core.RoleDelete(ctx, id))
}

// AccessKeyCreate makes a key. It takes a session: no key makes keys.
func (c *Client) AccessKeyCreate(ctx context.Context, in AccessKeyInput) (AccessKeyIssued, error) {
	return result[AccessKeyIssued](c.core.AccessKeyCreate(ctx, in))
}

// AccessKeyList goes through the own keys, newest first or as the filter has it, and ends at the first error.
func (c *Client) AccessKeyList(ctx context.Context, f AccessKeyFilter) iter.Seq2[AccessKey, error] {
	return pages(func(cursor *string) ([]AccessKey, *string, error) {
		got, err := result[api.AccessKeyListResult](c.core.AccessKeyList(ctx,
			&api.AccessKeyListParams{Cursor: cursor, Status: optional(f.Status), Revoked: f.revoked(), ExpiringBefore: optional(f.ExpiringBefore),
				Search: optional(f.Search), Sort: optional(f.Sort), Order: optional(f.Order)}))
		return got.Keys, got.NextCursor, err
	})
}

// AccessKeyGet gives one of the own keys.
func (c *Client) AccessKeyGet(ctx context.Context, id string) (AccessKey, error) {
	return result[AccessKey](c.core.AccessKeyGet(ctx, id))
}

// AccessKeyUpdate changes one of the own keys, if it still has that version; 0 is any.
func (c *Client) AccessKeyUpdate(ctx context.Context, id string, version int64, in AccessKeyUpdate) (AccessKey, error) {
	var params api.AccessKeyUpdateParams
	if version != 0 {
		params.IfMatch = new(strconv.Quote(strconv.FormatInt(version, 10)))
	}
	return result[AccessKey](c.core.AccessKeyUpdate(ctx, id, &params, in))
}

// AccessKeyDelete revokes one of the own keys, for good and on every node. The Revision is for VerifyInput.AtLeast.
func (c *Client) AccessKeyDelete(ctx context.Context, id string) (Revision, error) {
	return revoked(c.core.AccessKeyDelete(ctx, id))
}

// AccessKeyExplain says what verifying one of the own keys would decide, and which rule makes it so. It needs no secret and uses nothing.
func (c *Client) AccessKeyExplain(ctx context.Context, id string, ask Ask) (AccessKeyExplanation, error) {
	return result[AccessKeyExplanation](c.core.AccessKeyExplain(ctx, id, ask.wire()))
}

// AccessKeySelfGet gives the key that the Client holds.
func (c *Client) AccessKeySelfGet(ctx context.Context) (AccessKey, error) {
	return result[AccessKey](c.core.AccessKeySelfGet(ctx))
}

// AccessKeySelfRevoke is AccessKeyDelete for the key that the Client holds.
func (c *Client) AccessKeySelfRevoke(ctx context.Context) (Revision, error) {
	return revoked(c.core.AccessKeySelfRevoke(ctx))
}

// AdminAccessKeyList is AccessKeyList for everybody's keys, with who made them, newest first.
func (c *Client) AdminAccessKeyList(ctx context.Context, f AccessKeyFilter) iter.Seq2[OwnedAccessKey, error] {
	return pages(func(cursor *string) ([]OwnedAccessKey, *string, error) {
		got, err := result[api.OwnedAccessKeyListResult](c.core.AdminAccessKeyList(ctx,
			&api.AdminAccessKeyListParams{Cursor: cursor, Status: optional(f.Status), Revoked: f.revoked(), ExpiringBefore: optional(f.ExpiringBefore),
				Search: optional(f.Search), Account: optional(f.AccountID)}))
		return got.Keys, got.NextCursor, err
	})
}

// AdminAccessKeyDelete is AccessKeyDelete for anybody's key.
func (c *Client) AdminAccessKeyDelete(ctx context.Context, id string) (Revision, error) {
	return revoked(c.core.AdminAccessKeyDelete(ctx, id))
}

// AuditEventList goes through what the own account did and what was done to it, newest first; only through what is about one key, account,
// role or session, unless its id is empty.
func (c *Client) AuditEventList(ctx context.Context, targetID string) iter.Seq2[AuditEvent, error] {
	return pages(func(cursor *string) ([]AuditEvent, *string, error) {
		got, err := result[api.AuditEventListResult](c.core.AuditEventList(ctx, &api.AuditEventListParams{Cursor: cursor, Target: optional(targetID)}))
		return got.Events, got.NextCursor, err
	})
}

// AdminAuditEventList goes through what anybody did, newest first.
func (c *Client) AdminAuditEventList(ctx context.Context, f AuditFilter) iter.Seq2[AuditEvent, error] {
	return pages(func(cursor *string) ([]AuditEvent, *string, error) {
		got, err := result[api.AuditEventListResult](c.core.AdminAuditEventList(ctx,
			&api.AdminAuditEventListParams{Cursor: cursor, Account: optional(f.AccountID), Target: optional(f.TargetID), Type: optional(f.Type),
				Incident: optional(f.IncidentID), From: optional(f.From), To: optional(f.To)}))
		return got.Events, got.NextCursor, err
	})
}

// InstanceHealthGet tells how the instances are, as the one that answers sees it.
func (c *Client) InstanceHealthGet(ctx context.Context) (InstanceHealth, error) {
	return result[InstanceHealth](c.core.InstanceHealthGet(ctx))
}

// Readyz is nil if the instance can serve requests.
func (c *Client) Readyz(ctx context.Context) error { return done(c.core.Readyz(ctx)) }

// pages fetches page after page while somebody wants more items.
func pages[T any](fetch func(cursor *string) ([]T, *string, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var cursor *string
		for {
			items, next, err := fetch(cursor)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			if next == nil {
				return
			}
			cursor = next
		}
	}
}

func optional[T comparable](v T) *T {
	var none T
	if v == none {
		return nil
	}
	return &v
}

// PermissionCatalogueGet gives the description of the API that keys open, with every permission that can be given.
func (c *Client) PermissionCatalogueGet(ctx context.Context) (PermissionCatalogue, error) {
	return result[PermissionCatalogue](c.core.PermissionCatalogueGet(ctx))
}

// PermissionCatalogueUpdate replaces the catalogue as a whole, if it still has that version; 0 is any. It holds on every node once it returns.
// The metadata of catalogue_invalid names every fault.
func (c *Client) PermissionCatalogueUpdate(ctx context.Context, version int64, in PermissionCatalogueInput) (PermissionCatalogue, error) {
	var params api.PermissionCatalogueUpdateParams
	if version != 0 {
		params.IfMatch = new(strconv.Quote(strconv.FormatInt(version, 10)))
	}
	return result[PermissionCatalogue](c.core.PermissionCatalogueUpdate(ctx, &params, in))
}
