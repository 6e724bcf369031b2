package permission

import (
	"fmt"
	"slices"
	"strings"
)

// creditsMost bounds the cost of a request.
const creditsMost = 1_000_000_000

// builder makes a Catalogue and collects what is wrong with its Document.
type builder struct {
	catalogue *Catalogue
	faults    []Fault
}

func (b *builder) fault(pointer, reason string, more ...any) {
	b.faults = append(b.faults, Fault{Pointer: pointer, Reason: fmt.Sprintf(reason, more...)})
}

func (b *builder) build(d Document) {
	placed := patterns{}
	for i, r := range d.Resources {
		b.resource(fmt.Sprintf("/resources/%d", i), r, &placed)
	}
	byMethod := map[string]*patterns{}
	for i, r := range d.Routes {
		if byMethod[r.Method] == nil {
			byMethod[r.Method] = &patterns{}
		}
		b.route(fmt.Sprintf("/routes/%d", i), r, byMethod[r.Method])
	}
	for i, name := range d.Flat {
		at := fmt.Sprintf("/flat/%d", i)
		switch {
		case !isFlat(name):
			b.fault(at, "must be 1 to 63 capitals, digits and underscores, the first of them a capital")
		case Known(name):
			b.fault(at, "is a permission of Latchkey's own")
		case slices.Contains(b.catalogue.flat, name):
			b.fault(at, "is there twice")
		default:
			b.catalogue.flat = append(b.catalogue.flat, name)
		}
	}
}

func (b *builder) resource(at string, in Resource, placed *patterns) {
	r := &resource{name: in.Name}
	switch {
	case !isResource(in.Name):
		b.fault(at+"/name", "must be 1 to 63 small letters, digits, - and _, the first of them a letter or digit")
	case b.catalogue.resources[in.Name] != nil:
		b.fault(at+"/name", "is there twice")
	default:
		b.catalogue.resources[in.Name] = r
	}
	if len(in.Access) == 0 {
		b.fault(at+"/access", "must have at least one of read, write and delete")
	}
	for i, level := range in.Access {
		a, ok := ParseAccess(level)
		switch {
		case !ok:
			b.fault(fmt.Sprintf("%s/access/%d", at, i), "must be read, write or delete")
		case r.levels[a]:
			b.fault(fmt.Sprintf("%s/access/%d", at, i), "is there twice")
		default:
			r.levels[a] = true
		}
	}
	for a := Read; a <= Delete; a++ {
		r.required[a] = in.Name + ":" + a.String()
	}
	for i, path := range in.Paths {
		b.place(fmt.Sprintf("%s/paths/%d", at, i), path, r, placed)
	}
}

// place hangs a resource on a path.
func (b *builder) place(at, path string, r *resource, placed *patterns) {
	p, ok := b.pattern(at, path)
	if !ok {
		return
	}
	for _, other := range placed.list {
		if other.resource == r && other.contains(p) {
			b.fault(at, "is unreachable: it lies below %s, which is of the same resource", other.at)
			return
		}
		if other.resource == r && p.contains(other) {
			b.fault(at, "makes %s unreachable, which lies below it and is of the same resource", other.at)
			return
		}
	}
	p.resource = r
	if b.overlaps(p, placed) {
		return
	}
	b.catalogue.root.reach(p.segments).resource = r
}

func (b *builder) route(at string, in Route, placed *patterns) {
	r := &route{name: in.Method + " " + in.Path, credits: in.Credits}
	if in.Method == "" || len(in.Method) > 20 || strings.Trim(in.Method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		b.fault(at+"/method", "must be 1 to 20 capitals, as GET")
	}
	if in.Access != "" {
		a, ok := ParseAccess(in.Access)
		if !ok {
			b.fault(at+"/access", "must be read, write or delete")
		}
		r.access = a
	}
	if in.Credits < 0 || in.Credits > creditsMost {
		b.fault(at+"/credits", "must be 0 to %d", creditsMost)
	}
	if r.access == 0 && accessOf(in.Method) == 0 {
		b.fault(at+"/access", "must be there: nobody knows what the method does")
	}
	if in.Credits == 0 && (in.Access == "" || r.access == accessOf(in.Method)) {
		b.fault(at, "has no effect: it must have credits, or an access other than what the method does anyway")
	}
	p, ok := b.pattern(at+"/path", in.Path)
	if !ok || b.overlaps(p, placed) {
		return
	}
	n := b.catalogue.root.reach(p.segments)
	if n.routes == nil {
		n.routes = map[string]*route{}
	}
	n.routes[in.Method] = r
}

// pattern is a path of the catalogue.
type pattern struct {
	at       string // its place in the document
	segments []string
	resource *resource
}

const param = "{}" // stands for any one segment

// pattern reads a path; {name} is a whole segment.
func (b *builder) pattern(at, path string) (pattern, bool) {
	cleaned, err := clean(path)
	if err != nil || cleaned != path || strings.ContainsAny(path, "?#%*") {
		b.fault(at, "must begin with /, end without one, and have no . or .. segment, no //, \\, ;, ?, #, %%, * and no control character")
		return pattern{}, false
	}
	p := pattern{at: at}
	if path == "/" {
		return p, true
	}
	for s := range strings.SplitSeq(path[1:], "/") {
		if strings.ContainsAny(s, "{}") {
			if len(s) < 3 || s[0] != '{' || s[len(s)-1] != '}' || strings.ContainsAny(s[1:len(s)-1], "{}") {
				b.fault(at, "must have {name} for whole segments only")
				return pattern{}, false
			}
			s = param
		}
		p.segments = append(p.segments, s)
	}
	return p, true
}

// patterns are those of one method, or of the resources.
type patterns struct {
	list   []pattern
	params []pattern          // those of list that have {name}
	shapes map[string]pattern // by what they match
}

// overlaps tells whether a path of the same kind fits the same requests, and none of the two is the narrower one.
func (b *builder) overlaps(p pattern, placed *patterns) bool {
	shape := strings.Join(p.segments, "/")
	if other, twice := placed.shapes[shape]; twice {
		b.fault(p.at, "overlaps %s: both fit the same requests", other.at)
		return true
	}
	rivals := placed.params
	if slices.Contains(p.segments, param) {
		rivals = placed.list
		placed.params = append(placed.params, p)
	}
	for _, other := range rivals {
		if p.crosses(other) {
			b.fault(p.at, "overlaps %s: both fit some requests, and none is the narrower one", other.at)
			return true
		}
	}
	if placed.shapes == nil {
		placed.shapes = map[string]pattern{}
	}
	placed.shapes[shape] = p
	placed.list = append(placed.list, p)
	return false
}

// crosses tells whether two paths fit a request of which each is the narrower one in some segment.
func (p pattern) crosses(other pattern) bool {
	if len(p.segments) != len(other.segments) {
		return false
	}
	narrower, wider := false, false
	for i, s := range p.segments {
		o := other.segments[i]
		switch {
		case s == o:
		case s == param:
			wider = true
		case o == param:
			narrower = true
		default:
			return false
		}
	}
	return narrower && wider
}

// contains tells whether q lies below p, or is p.
func (p pattern) contains(q pattern) bool {
	return len(q.segments) >= len(p.segments) && slices.Equal(p.segments, q.segments[:len(p.segments)])
}

// reach gives the node of a path, and makes it where it is missing.
func (n *node) reach(segments []string) *node {
	for _, s := range segments {
		next := n.children[s]
		if s == param {
			next = n.param
		}
		if next == nil {
			next = &node{}
			if s == param {
				n.param = next
			} else {
				if n.children == nil {
					n.children = map[string]*node{}
				}
				n.children[s] = next
			}
		}
		n = next
	}
	return n
}
