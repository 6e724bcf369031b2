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
	"github.com/latchkey-dev/latchkey/internal/problem"
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

	effective bool // RevokedAt holds on every node
}

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

// CreateInput is what a key is made of.
type CreateInput struct {
	Name      string
	ExpiresAt *time.Time // nil: never
}

func (in CreateInput) check(now time.Time) (CreateInput, error) {
	clean, err := name.Clean(in.Name)
	if err != nil {
		return CreateInput{}, err
	}
	in.Name = clean
	in.ExpiresAt, err = checkExpiry(in.ExpiresAt, now)
	return in, err
}

// UpdateInput is what a key is changed to; nil leaves a member as it is.
type UpdateInput struct {
	Name      *string
	ExpiresAt **time.Time // a pointer to nil: never
	Enabled   *bool
	IfVersion *int64 // refuse unless the key is at this version
}

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
// it changes nothing: whoever repeats a call relies on it as well.
func (in UpdateInput) withdraws(before, after AccessKey) bool {
	off := in.Enabled != nil && !*in.Enabled
	ends := in.ExpiresAt != nil && after.ExpiresAt != nil && (before.ExpiresAt == nil || !after.ExpiresAt.After(*before.ExpiresAt))
	return off || ends
}

// checkExpiry gives the moment as it is stored: UTC, microseconds.
func checkExpiry(at *time.Time, now time.Time) (*time.Time, error) {
	if at == nil {
		return nil, nil
	}
	t := at.UTC().Truncate(time.Microsecond)
	if !t.After(now) {
		return nil, problem.New(problem.ExpiryInvalid).WithDetail("The expiry is not in the future.").WithField("pointer", "/expires_at")
	}
	if t.Year() > 9999 {
		return nil, problem.New(problem.ExpiryInvalid).WithDetail("The expiry is past the year 9999.").WithField("pointer", "/expires_at")
	}
	return &t, nil
}

func fromRow(r managedb.AccessKey) AccessKey {
	return AccessKey{ID: r.ID, AccountID: r.AccountID, Name: r.Name, Hint: r.Brand + "pat_" + r.TokenID, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
		ExpiresAt: r.ExpiresAt, DisabledAt: r.DisabledAt, RevokedAt: r.RevokedAt, Version: r.Version, effective: r.RevocationEffectiveAt != nil}
}
