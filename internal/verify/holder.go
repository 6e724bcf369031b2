package verify

import (
	"context"
	"fmt"
	"time"

	"github.com/latchkey-dev/latchkey/internal/permission"
	"github.com/latchkey-dev/latchkey/internal/problem"
)

// Holder is who a usable credential stands for.
type Holder struct {
	AccountID    string // xid
	Handle       string
	Name         string
	CreatedAt    time.Time
	UpdatedAt    time.Time
	Roles        []Role         // the built-in one first, then by name
	Permissions  permission.Set // what the roles give together
	CredentialID string         // xid of the key or the session
	LastSeen     time.Time      // sessions only: when its use is to be noted if that is long enough ago
	Key          *Key           // keys only
	Retired      *Key           // beside an error only: whose secret it was that was sent, if it is no more
}

func holder(a *Account, roles []Role, held permission.Set, credentialID string) Holder {
	return Holder{AccountID: a.ID, Handle: a.Handle, Name: a.Name, CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt, Roles: roles, Permissions: held, CredentialID: credentialID}
}

// Key answers for an access key that a request came with.
//
// Errors: problem.CredentialInvalid for every key that cannot be used, wrapped in the verdict, which is for the log only;
// problem.PermissionDenied when its owner may not use keys any more; problem.VerificationUnavailable.
func (v *Verifier) Key(ctx context.Context, raw string) (Holder, error) {
	d, err := v.Check(ctx, raw, Ask{})
	if err != nil {
		return Holder{}, err
	}
	return holderBy(d)
}

func holderBy(d Verdict) (Holder, error) {
	switch d.Code {
	case Valid:
		h := holder(d.Account, d.roles, d.Permissions, d.Key.ID)
		h.Key = d.Key
		return h, nil
	case KeyUseNotPermitted:
		return Holder{}, problem.New(problem.PermissionDenied).WithDetail("The owner of this key may not use access keys any more.").
			WithField("permission", permission.UsePersonalAccessKeys)
	}
	return Holder{Retired: d.Retired}, unusable(string(d.Code))
}

func unusable(reason string) error {
	return fmt.Errorf("%s: %w", reason, problem.New(problem.CredentialInvalid))
}
