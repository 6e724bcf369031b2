// Package permission holds the names of what an account may do, and the one rule that decides whether it may.
//
// It is pure and uses the standard library only, so that everything that asks - the guard, verification, introspection,
// gateways, explanations, the console's forms - asks the same function: Decide.
//
// A permission is a flat name in UPPER_SNAKE, of Latchkey's own or of the catalogue, or resource:access, where the resource is
// one of the catalogue or *, and the access read, write, delete or *. There are no other stars and nothing that denies.
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

// All lists every permission that Latchkey itself asks for, sorted.
func All() []string { return slices.Clone(known) }

// Known reports whether Latchkey itself asks for name.
func Known(name string) bool { return slices.Contains(known, name) }

// ForKeys reports whether a key can be given name: not what makes an administrator, nor what lets its owner have keys.
func ForKeys(name string) bool { return name != Administrator && name != UsePersonalAccessKeys }

const (
	star   = "*"
	letter = "abcdefghijklmnopqrstuvwxyz0123456789"
)

// scope is a permission of the form resource:access.
type scope struct {
	resource string // star: whatever there is
	access   Access // anyAccess: every level
	name     string // the whole
}

// parseScope reads a permission of the form resource:access.
func parseScope(name string) (scope, bool) {
	resource, level, found := strings.Cut(name, ":")
	if !found || resource != star && !isResource(resource) {
		return scope{}, false
	}
	access, known := ParseAccess(level)
	if level == star {
		access, known = anyAccess, true
	}
	return scope{resource, access, name}, known
}

// isResource tells whether name can be a resource's.
func isResource(name string) bool {
	return name != "" && len(name) <= 63 && strings.Trim(name, letter+"_-") == "" && strings.IndexByte(letter, name[0]) >= 0
}

// isFlat tells whether name can be a flat permission.
func isFlat(name string) bool {
	return name != "" && len(name) <= 63 && name[0] >= 'A' && name[0] <= 'Z' && strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == ""
}

// covers tells whether whoever has s has other as well.
func (s scope) covers(other scope) bool {
	return (s.resource == star || s.resource == other.resource) && (s.access == anyAccess || s.access == other.access)
}

// meet is what s and other both give, if there is anything.
func (s scope) meet(other scope) (string, bool) {
	resource, access := s.resource, s.access
	switch {
	case resource == star:
		resource = other.resource
	case other.resource != star && other.resource != resource:
		return "", false
	}
	switch {
	case access == anyAccess:
		access = other.access
	case other.access != anyAccess && other.access != access:
		return "", false
	}
	return resource + ":" + access.String(), true
}

// Set is what someone holds. The zero Set holds nothing.
type Set struct {
	names  []string // sorted, none twice
	scopes []scope  // those of names that are scopes
	all    bool     // holds ADMINISTRATOR
	within *Set     // holds no more than this; nil: no bound
}

// NewSet makes a Set of names in any order.
func NewSet(names ...string) Set {
	s := Set{names: slices.Clone(names)}
	slices.Sort(s.names)
	s.names = slices.Compact(s.names)
	for _, n := range s.names {
		if sc, ok := parseScope(n); ok {
			s.scopes = append(s.scopes, sc)
		}
	}
	s.all = slices.Contains(s.names, Administrator)
	return s
}

// With is the set and more names, within the same bound.
func (s Set) With(names ...string) Set {
	return NewSet(slices.Concat(names, s.names)...).Within(s.within)
}

// Within is what both s and bound give; nil is no bound.
func (s Set) Within(bound *Set) Set {
	s.within = bound
	return s
}

// Holds reports whether the set gives name: by that name, by a wider one, or because it holds ADMINISTRATOR.
func (s Set) Holds(name string) bool {
	return s.holds(name) && (s.within == nil || s.within.holds(name))
}

func (s Set) holds(name string) bool {
	if s.all || slices.Contains(s.names, name) {
		return true
	}
	if len(s.scopes) == 0 {
		return false
	}
	wanted, ok := parseScope(name)
	return ok && slices.ContainsFunc(s.scopes, func(have scope) bool { return have.covers(wanted) })
}

// Missing lists what of other, which has no bound, the set does not give. If there is nothing, the set opens whatever other opens, in any
// catalogue.
func (s Set) Missing(other Set) []string {
	var missing []string
	for _, n := range other.Names() {
		if !s.opens(n) || s.within != nil && !s.within.opens(n) {
			missing = append(missing, n)
		}
	}
	return missing
}

// opens is holds, but for one thing: resource:write may delete as well, where the resource has no level for that, and *:write may
// not.
func (s Set) opens(name string) bool {
	wanted, ok := parseScope(name)
	if !s.holds(name) || !ok || wanted.resource == star || wanted.access != Write {
		return s.holds(name)
	}
	return slices.Contains(s.names, name) || s.holds(wanted.resource+":*") || s.holds("*:delete")
}

// Names lists what the set gives, sorted; never nil. Of a bounded set it names what both give.
func (s Set) Names() []string {
	if s.within == nil {
		return append([]string{}, s.names...)
	}
	bound, names := *s.within, []string{}
	for _, n := range slices.Concat(s.names, bound.names) {
		if s.Holds(n) {
			names = append(names, n)
		}
	}
	for _, have := range s.scopes {
		for _, other := range bound.scopes {
			if n, ok := have.meet(other); ok {
				names = append(names, n)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// String joins the names with spaces, as scopes are written (RFC 6749).
func (s Set) String() string { return strings.Join(s.Names(), " ") }
