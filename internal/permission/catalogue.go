package permission

import (
	"slices"
	"strings"
)

// Document describes an API, as PermissionCatalogueInput of the contract has it.
type Document struct {
	Resources []Resource `json:"resources,omitempty" yaml:"resources,omitempty"`
	Routes    []Route    `json:"routes,omitempty"    yaml:"routes,omitempty"`
	Flat      []string   `json:"flat,omitempty"      yaml:"flat,omitempty"`
}

// Resource is a part of an API that access is given to.
type Resource struct {
	Name   string   `json:"name"            yaml:"name"`
	Title  string   `json:"title,omitempty" yaml:"title,omitempty"` // for people
	Paths  []string `json:"paths,omitempty" yaml:"paths,omitempty"` // with all below; {name} stands for one segment
	Access []string `json:"access"          yaml:"access,flow"`     // the levels that it knows
}

// Route says of one method and path what differs from the rule.
type Route struct {
	Method  string `json:"method"            yaml:"method"`
	Path    string `json:"path"              yaml:"path"`
	Access  string `json:"access,omitempty"  yaml:"access,omitempty"`  // instead of what the method does
	Credits int64  `json:"credits,omitempty" yaml:"credits,omitempty"` // what it costs
}

// Fault is one thing that is wrong with a Document.
type Fault struct {
	Pointer string `json:"pointer"` // JSON pointer (RFC 6901) to the place
	Reason  string `json:"reason"`  // without what is written there
}

// Catalogue is a Document ready for questions. It does not change. The zero Catalogue knows no resource.
type Catalogue struct {
	root      node
	resources map[string]*resource
	flat      []string
}

type resource struct {
	name     string
	levels   [4]bool   // by Access
	required [4]string // name:access, by Access, made once
}

// node is a segment of the paths that the catalogue names.
type node struct {
	children map[string]*node
	param    *node // any one segment
	resource *resource
	routes   map[string]*route // by method
}

type route struct {
	name    string
	access  Access
	credits int64
}

// unmapped is what it takes where no resource is concerned, by Access.
var unmapped = [4]string{"", "*:read", "*:write", "*:delete"}

// Compile makes a Catalogue, or tells everything that is wrong with a Document.
func Compile(d Document) (*Catalogue, []Fault) {
	b := newBuilder()
	b.build(d)
	if len(b.faults) > 0 {
		return nil, b.faults
	}
	return b.catalogue, nil
}

// Request is what it takes to make a request to the API.
//
// Errors: ErrPath, ErrMethod.
func (c *Catalogue) Request(method, path string) (Need, error) {
	path, err := clean(path)
	if err != nil {
		return Need{}, err
	}
	raw := accessOf(method)
	r, _ := c.root.nearest(path)
	var n Need
	if found := c.root.route(method, path); found != nil {
		n.Route, n.Credits, raw = found.name, found.credits, found.access
	}
	if raw == 0 {
		return Need{}, ErrMethod
	}
	return n.on(r, raw), nil
}

// Access is what a level of access to a resource takes; false if there is no such resource or level.
func (c *Catalogue) Access(name string, a Access) (Need, bool) {
	r := c.resources[name]
	if r == nil || a < Read || a > Delete {
		return Need{}, false
	}
	return Need{}.on(r, a), true
}

// Permission is what a permission takes: one that names a resource and a level is asked for as access to it. One that the catalogue
// does not have is held by nobody but administrators, whoever was given it before.
func (c *Catalogue) Permission(name string) Need {
	s, ok := parseScope(name)
	if ok && s.access != anyAccess {
		if s.resource == star {
			return Need{}.on(nil, s.access)
		}
		if n, known := c.Access(s.resource, s.access); known {
			return n
		}
	}
	n := NeedOf(name)
	n.unknown = !c.Gives(name)
	return n
}

// on is the need for access to a resource; nil is none of the catalogue.
func (n Need) on(r *resource, raw Access) Need {
	n.raw, n.folded = raw, raw
	if r == nil {
		n.Required = unmapped[raw]
		return n
	}
	if raw == Delete && !r.levels[Delete] {
		n.folded = Write
	}
	n.Resource, n.Required = r.name, r.required[n.folded]
	return n
}

// accessOf is what a method does; 0 for one that nobody knows.
func accessOf(method string) Access {
	switch method {
	case "GET", "HEAD":
		return Read
	case "POST", "PUT", "PATCH":
		return Write
	case "DELETE":
		return Delete
	}
	return 0
}

// Gives reports whether there is a permission of that name to be given.
func (c *Catalogue) Gives(name string) bool {
	if Known(name) || slices.Contains(c.flat, name) {
		return true
	}
	s, ok := parseScope(name)
	if !ok || s.resource == star {
		return ok
	}
	r := c.resources[s.resource]
	return r != nil && (s.access == anyAccess || r.levels[s.access])
}

// Names lists every permission that can be given, sorted.
func (c *Catalogue) Names() []string {
	names := slices.Concat(known, c.flat, []string{"*:*", "*:read", "*:write", "*:delete"})
	for _, r := range c.resources {
		names = append(names, r.name+":*")
		for a := Read; a <= Delete; a++ {
			if r.levels[a] {
				names = append(names, r.required[a])
			}
		}
	}
	slices.Sort(names)
	return names
}

// segment cuts the first segment off a path that begins with a slash.
func segment(path string) (string, string) {
	if i := strings.IndexByte(path[1:], '/'); i >= 0 {
		return path[1 : i+1], path[i+1:]
	}
	return path[1:], ""
}

// nearest finds the resource of the longest path that the given one begins with, and how many segments that has. A segment that is
// written out beats {name}.
func (n *node) nearest(path string) (*resource, int) {
	if path == "" || path == "/" || n.children == nil && n.param == nil {
		return n.resource, 0
	}
	first, rest := segment(path)
	best, depth := n.resource, 0
	for _, next := range [2]*node{n.children[first], n.param} {
		if next == nil {
			continue
		}
		if r, d := next.nearest(rest); r != nil && d+1 > depth {
			best, depth = r, d+1
		}
	}
	return best, depth
}

// here is what was said of a method on exactly this path. What was said of GET goes for HEAD: it is GET without the body.
func (n *node) here(method string) *route {
	r := n.routes[method]
	if r == nil && method == "HEAD" {
		r = n.routes["GET"]
	}
	return r
}

// route finds what was said of a method and a whole path.
func (n *node) route(method, path string) *route {
	if path == "" || path == "/" {
		return n.here(method)
	}
	first, rest := segment(path)
	for _, next := range [2]*node{n.children[first], n.param} {
		if next == nil {
			continue
		}
		if r := next.route(method, rest); r != nil {
			return r
		}
	}
	return nil
}
