package latchkey

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/oapi-codegen/nullable"

	"github.com/latchkey-dev/latchkey/sdk/go/api"
)

// AccessKeyFilter narrows a list of keys; what is empty does not.
type AccessKeyFilter struct {
	Status         AccessKeyStatus
	Unrevoked      bool              // no revoking and no revoked keys
	ExpiringBefore time.Time         // live keys that expire before it
	Search         string            // in the name, the hint or the id, in whatever case; in AdminAccessKeyList in the owner's handle, too
	Sort           api.AccessKeySort // of AccessKeyList only; keys without the value come last
	Order          api.SortOrder     // of AccessKeyList only; empty: falling
	AccountID      string            // of AdminAccessKeyList only: the owner
}

func (f AccessKeyFilter) revoked() *bool {
	if f.Unrevoked {
		return new(false)
	}
	return nil
}

// Only is the value of a key's permissions: it may do these at the most.
func Only(permissions ...string) nullable.Nullable[[]string] {
	return nullable.NewNullableWithValue(permissions)
}

// Everything takes a list of permissions away: the key may do whatever its owner may.
func Everything() nullable.Nullable[[]string] { return nullable.NewNullNullable[[]string]() }

// Limited is the value of a key's limits; what it does not name is unlimited.
func Limited(l api.AccessKeyLimits) nullable.Nullable[api.AccessKeyLimits] {
	return nullable.NewNullableWithValue(l)
}

// NoLimits takes a key's own limits away.
func NoLimits() nullable.Nullable[api.AccessKeyLimits] {
	return nullable.NewNullNullable[api.AccessKeyLimits]()
}

// AccessKeyRegenerate gives one of the own keys a new secret, if it still has that version; 0 is any. The old one is dead on every node,
// or lives on for the overlap, in whole seconds. It takes a session.
func (c *Client) AccessKeyRegenerate(ctx context.Context, id string, version int64, overlap time.Duration) (AccessKeyIssued, error) {
	var params api.AccessKeyRegenerateParams
	if version != 0 {
		params.IfMatch = new(strconv.Quote(strconv.FormatInt(version, 10)))
	}
	in := api.AccessKeyRegenerateInput{OverlapSeconds: new(int64(overlap / time.Second))}
	return result[AccessKeyIssued](c.core.AccessKeyRegenerate(ctx, id, &params, in))
}

// AccessKeyPreviousSecretDelete ends the overlap of one of the own keys, on every node.
func (c *Client) AccessKeyPreviousSecretDelete(ctx context.Context, id string) (Revision, error) {
	return revoked(c.core.AccessKeyPreviousSecretDelete(ctx, id))
}

// Incident is a revocation of many keys.
type Incident struct {
	ID       string   `json:"incident_id"`
	Revoked  int64    `json:"revoked"` // keys that were not revoked before
	Revision Revision `json:"-"`       // for VerifyInput.AtLeast
}

func incident(resp *http.Response, err error) (Incident, error) {
	i, err := result[Incident](resp, err)
	if err == nil {
		i.Revision = resp.Header.Get("Latchkey-Revision")
	}
	return i, err
}

// AccessKeyRevokeAll revokes every own key, for good and on every node. The reason may be empty. It takes a session.
func (c *Client) AccessKeyRevokeAll(ctx context.Context, reason string) (Incident, error) {
	return incident(c.core.AccessKeyRevokeAll(ctx, api.RevokeAllInput{Reason: optional(reason)}))
}

// RevokeAllInput chooses the keys that AdminAccessKeyRevokeAll revokes; what is empty leaves everything in.
type RevokeAllInput struct {
	AccountID     string
	CreatedBefore time.Time
	Reason        string // must not be empty
}

// AdminAccessKeyRevokeAll is AccessKeyRevokeAll for anybody's keys.
func (c *Client) AdminAccessKeyRevokeAll(ctx context.Context, in RevokeAllInput) (Incident, error) {
	wire := api.AdminRevokeAllInput{Account: optional(in.AccountID), Reason: in.Reason}
	if !in.CreatedBefore.IsZero() {
		wire.CreatedBefore = &in.CreatedBefore
	}
	return incident(c.core.AdminAccessKeyRevokeAll(ctx, wire))
}

// AccessKeyReport reports keys that were found where they should not be, and where; that may be empty. Those that are good are dead on
// every node once it returns; it does not tell which were.
func (c *Client) AccessKeyReport(ctx context.Context, source string, keys ...Key) error {
	in := api.AccessKeyReportInput{Keys: make([]string, len(keys)), Source: optional(source)}
	for i, k := range keys {
		in.Keys[i] = k.Reveal()
	}
	return done(c.core.AccessKeyReport(ctx, in))
}
