package permission

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// generated is a catalogue, what a key and its owner hold, and a request.
type generated struct {
	catalogue *Catalogue
	key       *Set
	owner     Set
	need      Need
}

// shared makes a generator ready for several tests at once: rapid gives it a name when that is first asked for, while others may be
// reading it.
func shared[V any](g *rapid.Generator[V]) *rapid.Generator[V] {
	_ = g.String()
	return g
}

var (
	genLevel   = shared(rapid.SampledFrom([]string{"read", "write", "delete"}))
	genSegment = shared(rapid.SampledFrom([]string{"a", "b", "c", "{x}"}))
	genPath    = shared(rapid.Custom(func(t *rapid.T) string {
		return "/" + strings.Join(rapid.SliceOfN(genSegment, 1, 3).Draw(t, "segments"), "/")
	}))
	genName = shared(rapid.SampledFrom([]string{"*:*", "*:read", "*:write", "*:delete", "r0:*", "r0:read", "r0:write", "r0:delete", "r1:*", "r1:read",
		"r1:write", "r1:delete", "gone:read", "FLAT", ManageRoles, Administrator}))
	genNames  = shared(rapid.SliceOfN(genName, 0, 5))
	genMethod = shared(rapid.SampledFrom([]string{"GET", "HEAD", "POST", "DELETE", "PURGE"}))
)

// genDocument may have faults.
var genDocument = shared(rapid.Custom(func(t *rapid.T) Document {
	d := Document{Flat: []string{"FLAT"}}
	for i := range rapid.IntRange(0, 3).Draw(t, "resources") {
		d.Resources = append(d.Resources, Resource{Name: fmt.Sprintf("r%d", i), Paths: rapid.SliceOfN(genPath, 0, 3).Draw(t, "paths"),
			Access: rapid.SliceOfNDistinct(genLevel, 1, 3, rapid.ID).Draw(t, "levels")})
	}
	for range rapid.IntRange(0, 3).Draw(t, "routes") {
		d.Routes = append(d.Routes, Route{Method: genMethod.Draw(t, "method"), Path: genPath.Draw(t, "path"),
			Access: rapid.SampledFrom([]string{"", "read", "write", "delete"}).Draw(t, "access"), Credits: rapid.Int64Range(-1, 3).Draw(t, "credits")})
	}
	return d
}))

func genCatalogue(t *rapid.T) *Catalogue {
	for range 20 {
		if c, faults := Compile(genDocument.Draw(t, "document")); len(faults) == 0 {
			return c
		}
	}
	return &Catalogue{}
}

func generate(t *rapid.T) generated {
	g := generated{catalogue: genCatalogue(t), owner: NewSet(genNames.Draw(t, "owner")...)}
	if rapid.Bool().Draw(t, "narrow") {
		g.key = new(NewSet(genNames.Draw(t, "key")...))
	}
	if rapid.Bool().Draw(t, "by name") {
		g.need = g.catalogue.Permission(genName.Draw(t, "permission"))
		return g
	}
	n, err := g.catalogue.Request(genMethod.Draw(t, "method"), strings.ReplaceAll(genPath.Draw(t, "path"), "{x}", "d"))
	if err != nil {
		n = g.catalogue.Permission(genName.Draw(t, "permission instead"))
	}
	g.need = n
	return g
}

func allowed(key *Set, owner Set, n Need) bool { return Decide(key, owner, n).DeniedBy == "" }

// Taking a permission from a key or from its owner never opens anything, nor does giving a key a list.
func TestNarrowingNeverWidens(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		g := generate(t)
		before := allowed(g.key, g.owner, g.need)
		for i := range g.owner.names {
			if allowed(g.key, without(g.owner, i), g.need) && !before {
				t.Fatalf("%v opens without %s of the owner", g.need, g.owner.names[i])
			}
		}
		if g.key == nil {
			if key := NewSet(genNames.Draw(t, "list")...); allowed(&key, g.owner, g.need) && !before {
				t.Fatalf("%v opens with the list %s", g.need, key)
			}
			return
		}
		for i := range g.key.names {
			if narrower := without(*g.key, i); allowed(&narrower, g.owner, g.need) && !before {
				t.Fatalf("%v opens without %s of the key", g.need, g.key.names[i])
			}
		}
	})
}

func without(s Set, i int) Set { return NewSet(slices.Delete(slices.Clone(s.names), i, i+1)...) }

// The answer is yes exactly where the key, where it has a list, and the owner both say so; and it names what said it.
func TestDecisionIsWithinKeyAndOwner(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		g := generate(t)
		d := Decide(g.key, g.owner, g.need)
		ownerGives, keyGives := allowed(nil, g.owner, g.need), g.key == nil || allowed(nil, *g.key, g.need)
		if (d.DeniedBy == "") != (ownerGives && keyGives) {
			t.Fatalf("%+v, the owner: %t, the key: %t", d, ownerGives, keyGives)
		}
		if both := allowed(nil, g.owner.Within(g.key), g.need); both != (d.DeniedBy == "") {
			t.Fatalf("%+v, as one set: %t", d, both)
		}
		speaks := g.owner
		if g.key != nil {
			speaks = *g.key
		}
		if d.DeniedBy == "" && !slices.Contains(speaks.names, d.Matched) {
			t.Fatalf("%q is said to give it, of %s", d.Matched, speaks)
		}
	})
}

// What the names of a bounded set promise, the rule gives; and what it holds by name, too.
func TestNamesPromiseNothingThatIsDenied(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		g := generate(t)
		both := g.owner.Within(g.key)
		for _, name := range both.Names() {
			if !both.Holds(name) {
				t.Fatalf("%s is promised and not held", name)
			}
			if g.catalogue.Gives(name) && !allowed(g.key, g.owner, g.catalogue.Permission(name)) {
				t.Fatalf("%s is promised and denied", name)
			}
		}
		for name := range slices.Values(g.catalogue.Names()) { // the other way round: all that is held is covered by what is named
			if NewSet(both.Names()...).Holds(name) != both.Holds(name) {
				t.Fatalf("%s: held: %t, by its names %s: %t", name, both.Holds(name), both, !both.Holds(name))
			}
		}
	})
}

// Whoever lacks nothing of what somebody else has may do all that they may: nobody gives more than they hold.
func TestWhoMissesNothingMayDoAsMuch(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		g := generate(t)
		giver := NewSet(genNames.Draw(t, "giver")...).Within(g.key)
		if missing := giver.Missing(g.owner); len(missing) == 0 && allowed(nil, g.owner, g.need) && !allowed(nil, giver, g.need) {
			t.Fatalf("%s misses nothing of %s, which gives %+v", giver, g.owner, g.need)
		}
	})
}

// A path or a route of which Compile says that it has no effect has none.
func TestWhatHasNoEffect(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := genDocument.Draw(t, "document")
		full := built(d)
		if len(full.faults) == 0 || slices.ContainsFunc(full.faults, func(f Fault) bool { return !strings.Contains(f.Reason, "has no effect") }) {
			return
		}
		at := full.faults[0].Pointer
		lean := built(leaner(d, at))
		for _, method := range []string{"GET", "HEAD", "POST", "DELETE", "PURGE"} {
			for path := range requests(4) {
				n, err := full.catalogue.Request(method, path)
				m, fails := lean.catalogue.Request(method, path)
				n.Route, m.Route = "", ""
				if n != m || !errors.Is(err, fails) {
					t.Fatalf("%s: %s %s is %+v %v, without it %+v %v", at, method, path, n, err, m, fails)
				}
			}
		}
	})
}

// built is what becomes of a document, faults or not.
func built(d Document) builder {
	b := newBuilder()
	b.build(d)
	return b
}

// leaner is the document without the entry at a pointer.
func leaner(d Document, pointer string) Document {
	var i, j int
	if n, _ := fmt.Sscanf(pointer, "/resources/%d/paths/%d", &i, &j); n == 2 {
		d.Resources = slices.Clone(d.Resources)
		d.Resources[i].Paths = slices.Delete(slices.Clone(d.Resources[i].Paths), j, j+1)
		return d
	}
	fmt.Sscanf(pointer, "/routes/%d", &i)
	d.Routes = slices.Delete(slices.Clone(d.Routes), i, i+1)
	return d
}

// requests gives every path of up to some segments out of those that are written out, and one that is not.
func requests(long int) func(func(string) bool) {
	return func(yield func(string) bool) {
		level := []string{""}
		for range long {
			var next []string
			for _, before := range level {
				for _, s := range []string{"a", "b", "c", "d"} {
					if !yield(before + "/" + s) {
						return
					}
					next = append(next, before+"/"+s)
				}
			}
			level = next
		}
	}
}

// Whatever is thrown at it, Compile has an answer, and a catalogue too.
func TestCompileNeverPanics(t *testing.T) {
	t.Parallel()
	text := rapid.OneOf(rapid.String(), genPath, rapid.SampledFrom([]string{"read", "GET", "/", "a", ""}))
	rapid.Check(t, func(t *rapid.T) {
		d := genDocument.Draw(t, "document")
		d.Flat = rapid.SliceOf(text).Draw(t, "flat")
		d.Resources = append(d.Resources, Resource{Name: text.Draw(t, "name"), Paths: rapid.SliceOf(text).Draw(t, "paths"), Access: rapid.SliceOf(text).Draw(t, "access")})
		d.Routes = append(d.Routes, Route{Method: text.Draw(t, "method"), Path: text.Draw(t, "path"), Access: text.Draw(t, "access")})
		if c, faults := Compile(d); (c == nil) == (len(faults) == 0) {
			t.Fatalf("a catalogue: %t, %d faults", c != nil, len(faults))
		}
		c := genCatalogue(t)
		_, _ = c.Request(text.Draw(t, "method"), text.Draw(t, "path"))
		_ = c.Permission(text.Draw(t, "permission"))
	})
}

// A path that is taken means one thing only: it is its own cleaned form, and so is its encoding.
func FuzzClean(f *testing.F) {
	for _, path := range []string{"/", "/media/1?x=/..", "/%6dedia", "/a%25", "/a%3fb", "/%2e%2e", "/a//b", "/ä%c3%a4", "", "/a;b", "/a%", `/a\b`, "/a/./b", "/a%2Fb", "/%252e"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		got, err := clean(path)
		if err != nil {
			return
		}
		if got[0] != '/' || strings.Contains(got, "//") || strings.ContainsAny(got, "\\;\x00\n\x7f") || strings.Contains(got+"/", "/../") || strings.Contains(got+"/", "/./") {
			t.Errorf("%q gives %q", path, got)
		}
		if len(got) > 1 && got[len(got)-1] == '/' {
			t.Errorf("%q gives %q, with a slash at its end", path, got)
		}
		if again, err := clean((&url.URL{Path: got}).EscapedPath()); again != got || err != nil {
			t.Errorf("%q gives %q, and that %q, %v", path, got, again, err)
		}
		if again, err := clean(got); !strings.ContainsAny(got, "%?#") && (again != got || err != nil) {
			t.Errorf("%q gives %q, and that %q, %v", path, got, again, err)
		}
		if !strings.Contains(path, "%") && testing.AllocsPerRun(1, func() { _, _ = clean(path) }) > 0 {
			t.Errorf("%q allocates", path)
		}
	})
}
