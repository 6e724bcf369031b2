package permission

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// creditsMost bounds the cost of a request.
const creditsMost = 1_000_000_000

// builder makes a Catalogue and collects what is wrong with its Document.
type builder struct {
	catalogue *Catalogue
	places    map[*node]string  // where the document has the resource of a node
	routes    map[*route]string // where it has a route
	faults    []Fault
}

func newBuilder() builder {
	return builder{catalogue: &Catalogue{resources: map[string]*resource{}}, places: map[*node]string{}, routes: map[*route]string{}}
}

func (b *builder) fault(pointer, reason string, more ...any) {
	b.faults = append(b.faults, Fault{Pointer: pointer, Reason: fmt.Sprintf(reason, more...)})
}

func (b *builder) build(d Document) {
	for i, r := range d.Resources {
		b.resource(fmt.Sprintf("/resources/%d", i), r)
	}
	for i, r := range d.Resources { // once all are there
		for j, path := range r.Paths {
			b.wantEffectOfPath(fmt.Sprintf("/resources/%d/paths/%d", i, j), path)
		}
	}
	for i, r := range d.Routes {
		b.route(fmt.Sprintf("/routes/%d", i), r)
	}
	for i, r := range d.Routes {
		b.wantEffectOfRoute(fmt.Sprintf("/routes/%d", i), r)
	}
	for i, name := range d.Flat {
		b.flat(fmt.Sprintf("/flat/%d", i), name)
	}
}

func (b *builder) flat(at, name string) {
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

func (b *builder) resource(at string, in Resource) {
	r := &resource{name: in.Name}
	switch {
	case !isResource(in.Name):
		b.fault(at+"/name", "must be 1 to 63 small letters, digits, - and _, the first of them a letter or digit")
	case b.catalogue.resources[in.Name] != nil:
		b.fault(at+"/name", "is there twice")
	default:
		b.catalogue.resources[in.Name] = r
	}
	b.levels(at+"/access", in.Access, r)
	for a := Read; a <= Delete; a++ {
		r.required[a] = in.Name + ":" + a.String()
	}
	for i, path := range in.Paths {
		b.place(fmt.Sprintf("%s/paths/%d", at, i), path, r)
	}
}

func (b *builder) levels(at string, levels []string, r *resource) {
	if len(levels) == 0 {
		b.fault(at, "must have at least one of read, write and delete")
	}
	for i, level := range levels {
		a, ok := ParseAccess(level)
		switch at := fmt.Sprintf("%s/%d", at, i); {
		case !ok:
			b.fault(at, "must be read, write or delete")
		case r.levels[a]:
			b.fault(at, "is there twice")
		default:
			r.levels[a] = true
		}
	}
}

// place hangs a resource on a path.
func (b *builder) place(at, path string, r *resource) {
	segments, wrong := split(path)
	if wrong != "" {
		b.fault(at, "%s", wrong)
		return
	}
	placed := func(n *node) string { return b.places[n] }
	if b.overlaps(at, segments, placed, placed) {
		return
	}
	n := b.catalogue.root.reach(segments)
	n.resource, b.places[n] = r, at
}

// wantEffectOfPath finds a path that changes nothing: without it, all that it fits were of the same resource.
func (b *builder) wantEffectOfPath(at, path string) {
	segments, wrong := split(path)
	if wrong != "" {
		return
	}
	root := &b.catalogue.root
	own := root.reach(segments)
	next, depth := root.containing(segments, own)
	if b.places[own] != at || next == nil || next.resource != own.resource || root.rival(segments, depth, own.resource, false) {
		return
	}
	b.fault(at, "has no effect: it lies below %s, which is of the same resource", b.places[next])
}

func (b *builder) route(at string, in Route) {
	before := len(b.faults)
	r := &route{name: in.Method + " " + in.Path, access: accessOf(in.Method), credits: in.Credits}
	if in.Method == "" || len(in.Method) > 20 || strings.Trim(in.Method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		b.fault(at+"/method", "must be 1 to 20 capitals, as GET")
	}
	switch a, ok := ParseAccess(in.Access); {
	case ok:
		r.access = a
	case in.Access != "":
		b.fault(at+"/access", "must be read, write or delete")
	case r.access == 0:
		b.fault(at+"/access", "must be there: nobody knows what the method does")
	}
	if in.Credits < 0 || in.Credits > creditsMost {
		b.fault(at+"/credits", "must be 0 to %d", creditsMost)
	}
	segments, wrong := split(in.Path)
	if wrong != "" {
		b.fault(at+"/path", "%s", wrong)
	}
	placed := func(n *node) string { return b.routes[n.routes[in.Method]] }
	if len(b.faults) > before || b.overlaps(at+"/path", segments, placed, func(n *node) string { return cmp.Or(placed(n), b.routes[n.routes[twin(in.Method)]]) }) {
		return
	}
	n := b.catalogue.root.reach(segments)
	if n.routes == nil {
		n.routes = map[string]*route{}
	}
	n.routes[in.Method], b.routes[r] = r, at+"/path"
}

// twin is the method of which routes count for another one too.
func twin(method string) string {
	switch method {
	case "GET":
		return "HEAD"
	case "HEAD":
		return "GET"
	}
	return ""
}

// wantEffectOfRoute finds a route that changes nothing: without it, access and cost were the same.
func (b *builder) wantEffectOfRoute(at string, in Route) {
	segments, _ := split(in.Path)
	n := b.catalogue.root.reach(segments)
	own := n.routes[in.Method]
	if own == nil || b.routes[own] != at+"/path" {
		return
	}
	methods := []string{in.Method}
	if in.Method == "GET" && n.routes["HEAD"] == nil {
		methods = append(methods, "HEAD")
	}
	for _, method := range methods {
		without := b.catalogue.root.wider(method, segments, own)
		if without == nil {
			without = &route{access: accessOf(method)}
		}
		if own.access != without.access || own.credits != without.credits {
			return
		}
	}
	b.fault(at, "has no effect: access and cost are what they were without it")
}

// overlaps tells whether another path fits the same requests, or some of them so that none of the two is the narrower one. placed is
// where the document has what may not be at the same node, and rival what may not cross it.
func (b *builder) overlaps(at string, segments []string, placed, rival func(*node) string) bool {
	if other := placed(b.catalogue.root.reach(segments)); other != "" {
		b.fault(at, "overlaps %s: both fit the same requests", other)
		return true
	}
	crosses := func(n *node) bool { return rival(n) != "" }
	if other := b.catalogue.root.crossing(segments, false, false, crosses); other != nil {
		b.fault(at, "overlaps %s: both fit some requests, and none is the narrower one", rival(other))
		return true
	}
	return false
}

const param = "{}" // stands for any one segment

// split reads a path of the catalogue: its segments, with param for each {name}, or what is wrong with it.
func split(path string) ([]string, string) {
	cleaned, err := clean(path)
	if err != nil || cleaned != path || strings.ContainsAny(path, "%*") {
		return nil, "must begin with /, end without one, and have no . or .. segment, no //, \\, ;, ?, #, %, * and no control character"
	}
	if path == "/" {
		return nil, ""
	}
	segments := strings.Split(path[1:], "/")
	for i, s := range segments {
		if !strings.ContainsAny(s, "{}") {
			continue
		}
		if len(s) < 3 || s[0] != '{' || s[len(s)-1] != '}' || strings.ContainsAny(s[1:len(s)-1], "{}") {
			return nil, "must have {name} for whole segments only"
		}
		segments[i] = param
	}
	return segments, ""
}

// reach gives the node of a path, and makes it where it is missing.
func (n *node) reach(segments []string) *node {
	for _, s := range segments {
		next := n.child(s)
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

func (n *node) child(segment string) *node {
	if segment == param {
		return n.param
	}
	return n.children[segment]
}

// containing finds the longest path but one that all requests lie below which fit segments, and how long it is. It is nearest for
// paths of the catalogue.
func (n *node) containing(segments []string, but *node) (*node, int) {
	var best *node
	if n.resource != nil && n != but {
		best = n
	}
	if len(segments) == 0 {
		return best, 0
	}
	depth := 0
	for _, next := range [2]*node{n.children[segments[0]], n.param} {
		if next == nil {
			continue
		}
		if m, d := next.containing(segments[1:], but); m != nil && d+1 > depth {
			best, depth = m, d+1
		}
	}
	return best, depth
}

// rival tells whether a path that is at least so long, and of another resource, fits some of the requests that fit segments but not
// all of them.
func (n *node) rival(segments []string, long int, of *resource, narrower bool) bool {
	if narrower && long <= 0 && n.resource != nil && n.resource != of {
		return true
	}
	if len(segments) == 0 {
		return false
	}
	first, rest := segments[0], segments[1:]
	for _, next := range [2]*node{n.children[first], n.param} {
		if next != nil && next.rival(rest, long-1, of, narrower) {
			return true
		}
	}
	if first != param {
		return false
	}
	for _, next := range n.children {
		if next.rival(rest, long-1, of, true) {
			return true
		}
	}
	return false
}

// crossing finds a node that is taken and as long as segments, and that is narrower than they are in some and wider in others.
func (n *node) crossing(segments []string, narrower, wider bool, taken func(*node) bool) *node {
	if len(segments) == 0 {
		if narrower && wider && taken(n) {
			return n
		}
		return nil
	}
	first, rest := segments[0], segments[1:]
	if same := n.child(first); same != nil {
		if found := same.crossing(rest, narrower, wider, taken); found != nil {
			return found
		}
	}
	if first != param {
		if n.param == nil {
			return nil
		}
		return n.param.crossing(rest, narrower, true, taken)
	}
	for _, name := range slices.Sorted(maps.Keys(n.children)) { // the same answer each time
		if found := n.children[name].crossing(rest, true, wider, taken); found != nil {
			return found
		}
	}
	return nil
}

// wider finds the narrowest route but one of all that fit whatever segments fit.
func (n *node) wider(method string, segments []string, but *route) *route {
	if len(segments) == 0 {
		if r := n.here(method); r != but {
			return r
		}
		if get := n.routes["GET"]; method == "HEAD" && get != but {
			return get
		}
		return nil
	}
	for _, next := range [2]*node{n.children[segments[0]], n.param} {
		if next == nil {
			continue
		}
		if r := next.wider(method, segments[1:], but); r != nil {
			return r
		}
	}
	return nil
}
