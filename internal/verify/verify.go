// Package verify decides whether a credential opens anything now, and for whom.
//
// It is what every request goes through, so it stands apart from the packages that issue: it has its own queries and its own
// connections, it never writes, and it learns what they did through PostgreSQL only.
// What always holds: a credential is looked up by its public id or its digest, the secret part is compared in constant time,
// and to whoever holds it every unusable credential looks the same.
package verify

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/latchkey-dev/latchkey/gen/verifydb"
	"github.com/latchkey-dev/latchkey/internal/permission"
	"github.com/latchkey-dev/latchkey/internal/problem"
	"github.com/latchkey-dev/latchkey/internal/token"
)

// deadline is how long one look-up may take.
const deadline = 2 * time.Second

// Config is what a Verifier needs.
type Config struct {
	Pool        *pgxpool.Pool
	Now         func() time.Time
	Digester    token.Digester
	SessionIdle time.Duration // a session that is not used for so long has ended
}

// Verifier looks credentials up.
type Verifier struct {
	cfg Config
	q   *verifydb.Queries
}

// New makes a Verifier; it connects when it is first used.
func New(c Config) *Verifier { return &Verifier{cfg: c, q: verifydb.New()} }

// Holder is who a usable credential stands for, as one look-up saw it.
type Holder struct {
	AccountID    string // xid
	Handle       string
	Name         string
	CreatedAt    time.Time
	UpdatedAt    time.Time
	Roles        []Role         // the built-in one first, then by name
	Permissions  permission.Set // what the roles give together
	CredentialID string         // xid of the key or the session
	LastSeen     time.Time      // sessions only, to the minute
}

// Role is what a holder shows of a role.
type Role struct {
	ID, Name, Colour string
	BuiltIn          bool
}

// Key answers for an access key as it was sent.
//
// Errors: problem.CredentialInvalid for every key that cannot be used, wrapped in the reason, which is for the log only;
// problem.PermissionDenied when its owner may not use keys any more.
func (v *Verifier) Key(ctx context.Context, raw string) (Holder, error) {
	parsed, err := token.Parse(raw)
	if err != nil {
		return Holder{}, unusable("malformed")
	}
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	rows, err := v.q.KeyHolder(ctx, v.cfg.Pool, string(parsed.ID))
	if err != nil {
		return Holder{}, fmt.Errorf("look up access key: %w", err)
	}
	if len(rows) == 0 {
		v.cfg.Digester.Dummy(parsed)
		return Holder{}, unusable("unknown")
	}
	row := rows[0]
	if !v.cfg.Digester.Matches(parsed, row.Digest, row.DigestVersion) {
		return Holder{}, unusable("wrong secret")
	}
	if reason := v.keyReason(row); reason != "" {
		return Holder{}, unusable(reason)
	}
	h := Holder{AccountID: row.AccountID, Handle: row.Handle, Name: row.Name, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt, CredentialID: row.ID}
	for _, r := range rows {
		h.hold(r.RoleID, r.RoleName, r.Colour, r.BuiltIn, r.Permissions)
	}
	h.sortRoles()
	if !h.Permissions.Holds(permission.UsePersonalAccessKeys) {
		return Holder{}, problem.New(problem.PermissionDenied).WithDetail("The owner of this key may not use access keys any more.").
			WithField("permission", permission.UsePersonalAccessKeys)
	}
	return h, nil
}

func (v *Verifier) keyReason(row verifydb.KeyHolderRow) string {
	switch {
	case row.RevokedAt != nil:
		return "revoked"
	case row.DisabledAt != nil:
		return "disabled"
	case row.ExpiresAt != nil && !v.cfg.Now().Before(*row.ExpiresAt):
		return "expired"
	case row.SuspendedAt != nil:
		return "owner suspended"
	}
	return ""
}

// Session answers for a session cookie as it was sent.
//
// Errors: problem.CredentialInvalid for every session that cannot be used, wrapped in the reason, which is for the log only.
func (v *Verifier) Session(ctx context.Context, raw string) (Holder, error) {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	digest := sha256.Sum256([]byte(raw)) // compared by the index: finding it needs all 256 bits
	rows, err := v.q.SessionHolder(ctx, v.cfg.Pool, digest[:])
	if err != nil {
		return Holder{}, fmt.Errorf("look up session: %w", err)
	}
	if len(rows) == 0 {
		return Holder{}, unusable("unknown session")
	}
	row := rows[0]
	now := v.cfg.Now()
	if row.SuspendedAt != nil || !now.Before(row.ExpiresAt) || now.Sub(row.LastSeenAt) >= v.cfg.SessionIdle {
		return Holder{}, unusable("session ended")
	}
	h := Holder{AccountID: row.AccountID, Handle: row.Handle, Name: row.Name, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt,
		CredentialID: row.ID, LastSeen: row.LastSeenAt}
	for _, r := range rows {
		h.hold(r.RoleID, r.RoleName, r.Colour, r.BuiltIn, r.Permissions)
	}
	h.sortRoles()
	return h, nil
}

// hold adds a role and what it gives; the row of someone without roles has none.
func (h *Holder) hold(id, name, colour *string, builtIn *bool, gives []string) {
	if id == nil {
		return
	}
	h.Roles = append(h.Roles, Role{ID: *id, Name: *name, Colour: *colour, BuiltIn: *builtIn})
	h.Permissions = h.Permissions.With(gives...)
}

func (h *Holder) sortRoles() {
	slices.SortFunc(h.Roles, func(a, b Role) int {
		if a.BuiltIn != b.BuiltIn {
			if a.BuiltIn {
				return -1
			}
			return 1
		}
		return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
	})
}

func unusable(reason string) error {
	return fmt.Errorf("%s: %w", reason, problem.New(problem.CredentialInvalid))
}
