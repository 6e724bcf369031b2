package permission

import (
	"slices"
	"strconv"
	"strings"
	"testing"
)

// All that can be wrong with a document, each with its place.
func TestFaults(t *testing.T) {
	t.Parallel()
	levels := []string{"read", "write"}
	resources := func(r ...Resource) Document { return Document{Resources: r} }
	paths := func(p ...string) Document { return resources(Resource{Name: "a", Paths: p, Access: levels}) }
	of := func(name string, p ...string) Resource { return Resource{Name: name, Paths: p, Access: levels} }
	routes := func(r ...Route) Document { return Document{Routes: r} }
	flat := func(names ...string) Document { return Document{Flat: names} }
	reads := func(method, path string) Route { return Route{Method: method, Path: path, Access: "read"} }
	for _, tc := range []struct {
		say  string
		in   Document
		want []string // the pointer and how the reason begins, none: it compiles
	}{
		{say: "nothing"},
		{say: "a name with capitals", in: resources(of("Media")), want: []string{"/resources/0/name must be 1 to 63 small letters"}},
		{say: "a name that begins with a dash", in: resources(of("-media")), want: []string{"/resources/0/name must be"}},
		{say: "a star for a name", in: resources(of("*")), want: []string{"/resources/0/name must be"}},
		{say: "no name", in: resources(of("")), want: []string{"/resources/0/name must be"}},
		{say: "a name of 64", in: resources(of(strings.Repeat("a", 64))), want: []string{"/resources/0/name must be"}},
		{say: "a name of 63", in: resources(of(strings.Repeat("a", 63)))},
		{say: "a name twice", in: resources(of("a"), of("b"), of("a")), want: []string{"/resources/2/name is there twice"}},
		{say: "no levels", in: resources(Resource{Name: "a"}), want: []string{"/resources/0/access must have at least one"}},
		{say: "a level that there is not", in: resources(Resource{Name: "a", Access: []string{"read", "*", "Write"}}), want: []string{"/resources/0/access/1 must be read", "/resources/0/access/2 must be read"}},
		{say: "a level twice", in: resources(Resource{Name: "a", Access: []string{"read", "read"}}), want: []string{"/resources/0/access/1 is there twice"}},

		{say: "the root", in: paths("/")},
		{say: "paths that are none", in: paths("", "a", "/a/", "//", "/a//b", "/a/../b", "/.", "/a?b", "/a#b", "/a%20b", "/a;b", `/a\b`, "/a*", "/\x00", "/\xff"),
			want: each(15, "/resources/0/paths/", " must begin with /")},
		{say: "names for parts of segments", in: paths("/{}", "/x{id}", "/{id}x", "/{a}{b}", "/{a", "/a}"), want: each(6, "/resources/0/paths/", " must have {name} for whole segments")},
		{say: "a path twice", in: paths("/a", "/a"), want: []string{"/resources/0/paths/1 overlaps /resources/0/paths/0: both fit the same"}},
		{say: "a path of two resources", in: resources(of("a", "/a/{x}"), of("b", "/b", "/a/{y}")), want: []string{"/resources/1/paths/1 overlaps /resources/0/paths/0: both fit the same"}},
		{say: "two paths of which none is the narrower one", in: resources(of("a", "/a/{x}"), of("b", "/{x}/a")), want: []string{"/resources/1/paths/0 overlaps /resources/0/paths/0: both fit some"}},
		{say: "the same the other way round", in: resources(of("b", "/{x}/a"), of("a", "/a/{x}")), want: []string{"/resources/1/paths/0 overlaps /resources/0/paths/0: both fit some"}},
		{say: "of the same resource too", in: paths("/a/{x}", "/{x}/a"), want: []string{"/resources/0/paths/1 overlaps /resources/0/paths/0: both fit some"}},
		{say: "a narrower path", in: resources(of("a", "/{x}"), of("b", "/b"), of("c", "/b/{x}"))},
		{say: "paths that cross, of unequal length", in: resources(of("a", "/{x}/a"), of("b", "/b"))},
		{say: "below one of the same resource", in: paths("/a", "/a/b"), want: []string{"/resources/0/paths/1 has no effect: it lies below /resources/0/paths/0"}},
		{say: "below, and first", in: paths("/a/{x}", "/a"), want: []string{"/resources/0/paths/0 has no effect: it lies below /resources/0/paths/1"}},
		{say: "below {name} of the same resource", in: paths("/{x}", "/a/b"), want: []string{"/resources/0/paths/1 has no effect"}},
		{say: "all below the root", in: paths("/", "/a/b", "/{x}/c"), want: []string{"/resources/0/paths/1 has no effect", "/resources/0/paths/2 has no effect"}},
		{say: "below, with another resource between", in: resources(of("a", "/a", "/a/b/c"), of("b", "/a/b"))},
		{say: "below, with another resource between for some", in: resources(of("a", "/a", "/a/b/{x}"), of("b", "/a/{x}"))},
		{say: "below, where a longer one would win", in: resources(of("a", "/a", "/a/b"), of("b", "/{x}/b"))},
		{say: "below, where a narrower one would win for some", in: resources(of("a", "/{x}", "/{x}/{y}"), of("b", "/b"))},
		{say: "below, where a wider one would not", in: resources(of("a", "/a", "/a/b"), of("b", "/{x}")), want: []string{"/resources/0/paths/1 has no effect"}},

		{say: "a POST that reads", in: routes(reads("POST", "/a"))},
		{say: "methods that are none", in: routes(reads("", "/a"), reads("post", "/a"), reads("GET ", "/a"), reads(strings.Repeat("A", 21), "/a")), want: each(4, "/routes/", "/method must be 1 to 20 capitals")},
		{say: "a route without a path", in: routes(reads("POST", "")), want: []string{"/routes/0/path must begin with /"}},
		{say: "an access that there is not", in: routes(Route{Method: "POST", Path: "/a", Access: "*"}), want: []string{"/routes/0/access must be read"}},
		{say: "a method of which nobody knows what it does", in: routes(Route{Method: "PURGE", Path: "/a", Credits: 1}), want: []string{"/routes/0/access must be there"}},
		{say: "one of which the route says it", in: routes(reads("PURGE", "/a"))},
		{say: "a debt", in: routes(Route{Method: "POST", Path: "/a", Credits: -1}), want: []string{"/routes/0/credits must be 0 to 1000000000"}},
		{say: "too many credits", in: routes(Route{Method: "POST", Path: "/a", Credits: 1_000_000_001}), want: []string{"/routes/0/credits must be"}},
		{say: "as many as can be", in: routes(Route{Method: "POST", Path: "/a", Credits: 1_000_000_000})},
		{say: "a route twice", in: routes(reads("POST", "/a/{x}"), reads("POST", "/a/{y}")), want: []string{"/routes/1/path overlaps /routes/0/path: both fit the same"}},
		{say: "a path with two methods", in: routes(reads("POST", "/a"), reads("PUT", "/a"))},
		{say: "routes of which none is the narrower one", in: routes(reads("POST", "/a/{x}"), reads("POST", "/{x}/a")), want: []string{"/routes/1/path overlaps /routes/0/path: both fit some"}},
		{say: "the same with two methods", in: routes(reads("POST", "/a/{x}"), reads("PUT", "/{x}/a"))},
		{say: "what the method does anyway", in: routes(reads("GET", "/a"), Route{Method: "POST", Path: "/a"}), want: []string{"/routes/0 has no effect", "/routes/1 has no effect"}},
		{say: "what the wider route says anyway", in: routes(reads("POST", "/a/b"), reads("POST", "/a/{x}")), want: []string{"/routes/0 has no effect"}},
		{say: "an exception from a wider route", in: routes(reads("POST", "/a/{x}"), Route{Method: "POST", Path: "/a/b", Access: "write"})},
		{say: "an exception that costs nothing", in: routes(Route{Method: "POST", Path: "/a/{x}", Credits: 5}, Route{Method: "POST", Path: "/a/b"})},
		{say: "an exception for HEAD", in: routes(Route{Method: "GET", Path: "/a", Access: "write"}, reads("HEAD", "/a"))},
		{say: "HEAD as GET is", in: routes(Route{Method: "GET", Path: "/a", Access: "write"}, Route{Method: "HEAD", Path: "/a", Access: "write"}), want: []string{"/routes/1 has no effect"}},
		{say: "HEAD, where GET has a narrower route", in: routes(Route{Method: "GET", Path: "/a/b", Access: "write"}, Route{Method: "GET", Path: "/a/{x}", Credits: 1}, reads("HEAD", "/a/{x}"))},
		{say: "HEAD and GET of which none is the narrower one", in: routes(Route{Method: "GET", Path: "/a/{x}", Credits: 1}, Route{Method: "HEAD", Path: "/{x}/a", Access: "write"}), want: []string{"/routes/1/path overlaps /routes/0/path: both fit some"}},
		{say: "a route on the path of a resource", in: Document{Resources: []Resource{of("a", "/a")}, Routes: []Route{reads("POST", "/a")}}},

		{say: "names that are no flat ones", in: flat("", "post", "1A", "_A", "A-B", "A:B", "*", strings.Repeat("A", 64)), want: each(8, "/flat/", " must be 1 to 63 capitals")},
		{say: "flat names", in: flat("A", "A_1", strings.Repeat("A", 63))},
		{say: "a flat name twice", in: flat("A", "B", "A"), want: []string{"/flat/2 is there twice"}},
		{say: "one of Latchkey's own", in: flat("ADMINISTRATOR"), want: []string{"/flat/0 is a permission of Latchkey's own"}},

		{say: "all at once", in: Document{Resources: []Resource{{Name: "A"}}, Routes: []Route{{}}, Flat: []string{"x"}}, want: []string{
			"/resources/0/name must", "/resources/0/access must", "/routes/0/method must", "/routes/0/access must", "/routes/0/path must", "/flat/0 must"}},
	} {
		c, faults := Compile(tc.in)
		if (c == nil) != (len(faults) > 0) {
			t.Errorf("%s: a catalogue: %t, with faults: %v", tc.say, c != nil, faults)
		}
		if !slices.EqualFunc(faults, tc.want, func(f Fault, want string) bool { return strings.HasPrefix(f.Pointer+" "+f.Reason, want) }) {
			t.Errorf("%s: %v, want %q", tc.say, faults, tc.want)
		}
	}
}

// each is what is wrong with each of n entries.
func each(n int, before, after string) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = before + strconv.Itoa(i) + after
	}
	return list
}

func TestGives(t *testing.T) {
	t.Parallel()
	c := compiled(t, Document{Resources: []Resource{{Name: "media", Access: []string{"read", "delete"}}, {Name: "a", Access: []string{"write"}}}, Flat: []string{"ZAP", "BUY"}})
	names := []string{"*:*", "*:delete", "*:read", "*:write", "ADMINISTRATOR", "BUY", "MANAGE_ACCOUNTS", "MANAGE_ROLES", "USE_PERSONAL_ACCESS_KEYS",
		"VERIFY_ACCESS_KEYS", "VIEW_AUDIT_LOG", "ZAP", "a:*", "a:write", "media:*", "media:delete", "media:read"}
	if got := c.Names(); !slices.Equal(got, names) {
		t.Errorf("the names are %q, want %q", got, names)
	}
	for _, name := range names {
		if !c.Gives(name) {
			t.Errorf("%s cannot be given", name)
		}
	}
	for _, name := range []string{"", "media", "media:", ":read", "media:write", "media:READ", "media:read:read", "people:read", "m*:read", "**:read", "media:**", "FLY", "buy", "*", "media:read "} {
		if c.Gives(name) {
			t.Errorf("%q can be given", name)
		}
	}
}

// What nobody made has no answer that opens something.
func TestLevelsThatThereAreNot(t *testing.T) {
	t.Parallel()
	c := compiled(t, Document{Resources: []Resource{{Name: "media", Access: []string{"read"}}}})
	for _, a := range []Access{0, anyAccess, anyAccess + 1} {
		if n, ok := c.Access("media", a); ok {
			t.Errorf("level %d of media is %+v", a, n)
		}
	}
	if n, err := (&Catalogue{}).Request("GET", "/media"); err != nil || n.Required != "*:read" {
		t.Errorf("without a catalogue it takes %q, %v", n.Required, err)
	}
}

func TestClass(t *testing.T) {
	t.Parallel()
	c := compiled(t, Document{Routes: []Route{{Method: "POST", Path: "/search", Access: "read"}}})
	for line, want := range map[string]string{"GET /a": "query", "HEAD /a": "query", "POST /a": "mutation", "DELETE /a": "mutation", "POST /search": "query"} {
		method, path, _ := strings.Cut(line, " ")
		n, err := c.Request(method, path)
		if err != nil || n.Class().String() != want {
			t.Errorf("%s is a %s, %v; want %s", line, n.Class(), err, want)
		}
	}
	if got := NeedOf(ManageRoles).Class(); got != Query {
		t.Errorf("a permission by its name is a %s", got)
	}
}

func compiled(t testing.TB, d Document) *Catalogue {
	t.Helper()
	c, faults := Compile(d)
	if len(faults) > 0 {
		t.Fatalf("faults: %v", faults)
	}
	return c
}
