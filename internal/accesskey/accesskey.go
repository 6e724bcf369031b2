// Package accesskey owns the keys as their owners see them: made, listed, changed and revoked.
//
// It issues; it never decides whether a request may pass: that is internal/verify, and the two meet in PostgreSQL only.
// What always holds: the secret leaves Create once and is stored as a digest; a method that takes an id reaches keys of its
// caller only, unless its name says Any; a revoked key stays revoked.
package accesskey

import (
	"time"

	"github.com/latchkey-dev/latchkey/gen/managedb"
	"github.com/latchkey-dev/latchkey/internal/name"
	"github.com/latchkey-dev/latchkey/internal/permission"
)

// AccessKey is a key without its secret.
type AccessKey struct {
	ID         string // xid
	AccountID  string // the owner
	Name       string
	Hint       string // the public beginning of the token
	CreatedAt  time.Time
	UpdatedAt  time.Time
	ExpiresAt  *time.Time // nil: never
	DisabledAt *time.Time
	RevokedAt  *time.Time
	LastUsedAt *time.Time // to the second; nil: never, or less than two seconds ago
	LastUsedIP string     // empty: not known
	Version    int64      // rises with every change

	Permissions       []string   // sorted; nil: whatever its owner holds, at each use
	Limits            Limits     // of its own
	RotatedAt         *time.Time // when the secret was made; nil: with the key
	PreviousExpiresAt *time.Time // until when the secret before lives; nil: there is none
	RevokedBecause    Because
	IncidentID        string // that it was revoked in; empty: none

	effective bool // RevokedAt holds on every node
}

// Limits is what a key may use in a window of its owner's limits; nil is no limit.
type Limits struct{ Query, Mutation, Credits *int64 }

// Because says why a key was revoked; the names are those of RevokedBecause in openapi.yaml.
type Because string

// The reasons.
const (
	ByOwner         Because = "owner"
	ByHolder        Because = "holder" // the key itself was used to
	ByAdministrator Because = "administrator"
	InIncident      Because = "incident"
	Reported        Because = "reported"
)

// Status is what a key is at a moment.
type Status string

// The statuses. A key has the first that fits, in this order.
const (
	Revoking Status = "revoking" // revoked, and not known yet to be refused by every node
	Revoked  Status = "revoked"
	Disabled Status = "disabled"
	Expired  Status = "expired"
	Active   Status = "active"
)

// StatusAt derives the status; the lists filter by the same rule in SQL.
func (k AccessKey) StatusAt(now time.Time) Status {
	switch {
	case k.RevokedAt != nil && !k.effective:
		return Revoking
	case k.RevokedAt != nil:
		return Revoked
	case k.DisabledAt != nil:
		return Disabled
	case k.ExpiresAt != nil && !now.Before(*k.ExpiresAt):
		return Expired
	}
	return Active
}

// isLive tells whether the key counts against its owner's limit: a disabled one does, it may be enabled at any time.
func (k AccessKey) isLive(now time.Time) bool {
	return k.RevokedAt == nil && (k.ExpiresAt == nil || now.Before(*k.ExpiresAt))
}

// Bound is what the key may do at the most; nil: whatever its owner holds.
func (k AccessKey) Bound() *permission.Set {
	if k.Permissions == nil {
		return nil
	}
	return new(permission.NewSet(k.Permissions...))
}

// PreviousUntil is until when the secret before works beside the newest one; nil: it does not.
func (k AccessKey) PreviousUntil(now time.Time) *time.Time {
	if k.PreviousExpiresAt == nil || !now.Before(*k.PreviousExpiresAt) || !k.isLive(now) {
		return nil
	}
	return k.PreviousExpiresAt
}

// secretMade is when the newest secret was made.
func (k AccessKey) secretMade() time.Time {
	if k.RotatedAt != nil {
		return *k.RotatedAt
	}
	return k.CreatedAt
}

// CreateInput is what a key is made of.
type CreateInput struct {
	Name        string
	ExpiresAt   *time.Time // nil: never
	Permissions *[]string  // nil: whatever the owner holds
	Limits      Limits
}

func (in CreateInput) check(p Policy, now time.Time) (CreateInput, error) {
	clean, err := name.Clean(in.Name)
	if err != nil {
		return CreateInput{}, err
	}
	in.Name = clean
	if in.ExpiresAt, err = checkExpiry(in.ExpiresAt, now); err != nil {
		return CreateInput{}, err
	}
	return in, p.check(in.ExpiresAt, now)
}

// UpdateInput is what a key is changed to; nil leaves a member as it is.
type UpdateInput struct {
	Name        *string
	ExpiresAt   **time.Time // a pointer to nil: never
	Permissions **[]string  // a pointer to nil: whatever the owner holds
	Limits      *Limits     // all of them
	Enabled     *bool
	IfVersion   *int64 // refuse unless the key is at this version
}

// applyTo gives the key as it will be, but for its permissions: they are checked against the catalogue.
func (in UpdateInput) applyTo(k AccessKey, now time.Time) (AccessKey, error) {
	var err error
	if in.Name != nil {
		if k.Name, err = name.Clean(*in.Name); err != nil {
			return AccessKey{}, err
		}
	}
	if in.ExpiresAt != nil {
		if k.ExpiresAt, err = checkExpiry(*in.ExpiresAt, now); err != nil {
			return AccessKey{}, err
		}
	}
	if in.Limits != nil {
		k.Limits = *in.Limits
	}
	switch {
	case in.Enabled == nil:
	case *in.Enabled:
		k.DisabledAt = nil
	case k.DisabledAt == nil:
		k.DisabledAt = &now
	}
	return k, nil
}

// withdraws tells whether in takes something away that a key opened, or would have kept open for longer. It does so too when
// it changes nothing: whoever repeats a call relies on it as well. Limits are waited for whichever way they go: a raised one counts
// from the next request.
func (in UpdateInput) withdraws(before, after AccessKey) bool {
	off := in.Enabled != nil && !*in.Enabled
	ends := in.ExpiresAt != nil && after.ExpiresAt != nil && (before.ExpiresAt == nil || !after.ExpiresAt.After(*before.ExpiresAt))
	narrows := in.Permissions != nil && !widens(before.Permissions, after.Permissions)
	return off || ends || narrows || in.Limits != nil
}

func fromRow(r managedb.AccessKey) AccessKey {
	k := AccessKey{ID: r.ID, AccountID: r.AccountID, Name: r.Name, Hint: r.Brand + "pat_" + r.TokenID, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
		ExpiresAt: r.ExpiresAt, DisabledAt: r.DisabledAt, RevokedAt: r.RevokedAt, Version: r.Version, effective: r.RevocationEffectiveAt != nil,
		Permissions: r.Permissions, Limits: Limits{Query: r.LimitQuery, Mutation: r.LimitMutation, Credits: r.LimitCredits},
		RotatedAt: r.RotatedAt, PreviousExpiresAt: r.PreviousExpiresAt}
	if r.RevokedBecause != nil {
		k.RevokedBecause = Because(*r.RevokedBecause)
	}
	if r.IncidentID != nil {
		k.IncidentID = *r.IncidentID
	}
	return k
}

// TokenID is the public id of the key's token: what internal/verify finds it by.
func (k AccessKey) TokenID() string { return k.Hint[max(0, len(k.Hint)-tokenIDLen):] }

const tokenIDLen = 16
