package permission

import "slices"

// Access is a level of access to a resource.
type Access uint8

// The levels. None implies another.
const (
	Read Access = iota + 1
	Write
	Delete
	anyAccess
)

var accessNames = [...]string{"", "read", "write", "delete", star}

// String is the level as permissions have it.
func (a Access) String() string { return accessNames[a] }

// ParseAccess reads a level: read, write or delete.
func ParseAccess(s string) (Access, bool) {
	switch s {
	case "read":
		return Read, true
	case "write":
		return Write, true
	case "delete":
		return Delete, true
	}
	return 0, false
}

// Class is what a use counts as.
type Class uint8

// The classes.
const (
	Query    Class = iota // it reads, or nobody said what it does
	Mutation              // it writes or deletes
)

// String is the class as the contract has it.
func (c Class) String() string {
	if c == Mutation {
		return "mutation"
	}
	return "query"
}

// Need is what it takes to do something. The zero Need takes nothing.
type Need struct {
	Required string // the permission that gives it: flat, or resource:access, or *:access where no resource is concerned
	Resource string // that it concerns; empty: none of the catalogue
	Route    string // of the catalogue that decided, as "POST /media/search"; empty: none did
	Credits  int64  // that it costs

	raw     Access // 0: a permission by its name, or nothing
	folded  Access // raw, or write where raw is delete and the resource has no such level
	unknown bool   // the catalogue does not have it: nothing gives it but ADMINISTRATOR
}

// NeedOf is what it takes to hold a permission by its name, whatever a catalogue says of it.
func NeedOf(name string) Need { return Need{Required: name} }

// Class is what doing it counts as.
func (n Need) Class() Class {
	if n.raw == Write || n.raw == Delete {
		return Mutation
	}
	return Query
}

// Classed reports whether it is known what doing it counts as.
func (n Need) Classed() bool { return n.raw != 0 }

// Party is who lacks what was required.
type Party string

// The parties.
const (
	ByKey   Party = "key"
	ByOwner Party = "owner"
)

// Decision is the answer of Decide.
type Decision struct {
	Matched  string // the permission that gives it: of the key, or of its owner where the key has whatever they hold
	DeniedBy Party  // empty: allowed
}

// Decide is the rule: a key gives what it takes if one of its own permissions does, where it has a list of them, and one of its
// owner's does. key is nil where it has whatever its owner holds.
func Decide(key *Set, owner Set, n Need) Decision {
	if n.Required == "" {
		return Decision{}
	}
	matched, ok := owner.gives(n)
	if key != nil {
		own, has := key.gives(n)
		if !has {
			return Decision{DeniedBy: ByKey}
		}
		matched = own
	}
	if !ok {
		return Decision{DeniedBy: ByOwner}
	}
	return Decision{Matched: matched}
}

// gives names the permission of the set that gives what it takes.
func (s *Set) gives(n Need) (string, bool) {
	if s.within != nil {
		if _, ok := s.within.gives(n); !ok {
			return "", false
		}
	}
	if n.unknown {
		return Administrator, s.all
	}
	if n.raw == 0 && slices.Contains(s.names, n.Required) {
		return n.Required, true
	}
	for i := range s.scopes {
		if s.scopes[i].matches(n) {
			return s.scopes[i].name, true
		}
	}
	return Administrator, s.all
}

// matches is the rule for one permission. A star for the resource sees what is done; a resource sees what it is to that resource.
func (s scope) matches(n Need) bool {
	switch {
	case n.raw == 0:
		wanted, ok := parseScope(n.Required)
		return ok && s.covers(wanted)
	case s.resource == star:
		return s.access == anyAccess || s.access == n.raw
	}
	return s.resource == n.Resource && (s.access == anyAccess || s.access == n.folded)
}
