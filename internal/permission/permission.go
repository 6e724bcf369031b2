// Package permission holds the names of what an account may do, and the one rule that decides whether it may.
//
// It is pure and uses the standard library only, so that everything that asks - the guard, the stores, the console's
// forms - can ask the same function.
package permission

import (
	"slices"
	"strings"
)

// The permissions that Latchkey itself asks for.
const (
	Administrator         = "ADMINISTRATOR" // implies every other
	UsePersonalAccessKeys = "USE_PERSONAL_ACCESS_KEYS"
	ManageRoles           = "MANAGE_ROLES"
	ManageAccounts        = "MANAGE_ACCOUNTS"
	VerifyAccessKeys      = "VERIFY_ACCESS_KEYS" // ask whether anybody's key is good
	ViewAuditLog          = "VIEW_AUDIT_LOG"
)

var known = []string{Administrator, ManageAccounts, ManageRoles, UsePersonalAccessKeys, VerifyAccessKeys, ViewAuditLog}

// All lists every permission that can be given, sorted.
func All() []string { return slices.Clone(known) }

// Known reports whether name is a permission that can be given.
func Known(name string) bool { return slices.Contains(known, name) }

// Set is what someone holds: sorted, no name twice. The zero Set holds nothing.
type Set struct{ names []string }

// NewSet makes a Set of names in any order.
func NewSet(names ...string) Set {
	s := slices.Clone(names)
	slices.Sort(s)
	return Set{slices.Compact(s)}
}

// With is the set and more names.
func (s Set) With(names ...string) Set { return NewSet(slices.Concat(names, s.names)...) }

// Holds reports whether the set gives name, directly or because it holds ADMINISTRATOR.
func (s Set) Holds(name string) bool {
	return slices.Contains(s.names, Administrator) || slices.Contains(s.names, name)
}

// Lists reports whether the set gives name by that name.
func (s Set) Lists(name string) bool { return slices.Contains(s.names, name) }

// Missing lists what of other the set does not give.
func (s Set) Missing(other Set) []string {
	var missing []string
	for _, n := range other.names {
		if !s.Holds(n) {
			missing = append(missing, n)
		}
	}
	return missing
}

// Names lists the names, sorted; never nil.
func (s Set) Names() []string { return append([]string{}, s.names...) }

// String joins the names with spaces, as scopes are written (RFC 6749).
func (s Set) String() string { return strings.Join(s.names, " ") }
