package docs_test

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"
)

var updateGolden = flag.Bool("update", false, "write golden files anew")

const (
	top  = "../.."
	blob = "https://github.com/latchkey-dev/latchkey/blob/main/"
	tree = "https://github.com/latchkey-dev/latchkey/tree/main/"
)

// site is what a set of built files says of itself.
type site struct {
	files   fs.FS
	parts   map[string]map[string]bool // by page: the ids in it
	sources map[string]string          // by file of the repository: the page that is made of it
	outside map[string]bool            // where links lead that leave the site
	faults  []string
}

// link is a reference of a page: an attribute of an element.
type link struct{ page, element, attribute, to string }

// survey reads every page and follows every link of it; known tells whether the repository has a file.
func survey(files fs.FS, known func(string) bool) (*site, error) {
	s := &site{files: files, parts: map[string]map[string]bool{}, sources: map[string]string{}, outside: map[string]bool{}}
	var links []link
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || path.Ext(name) != ".html" {
			return err
		}
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		root, err := html.Parse(bytes.NewReader(content))
		if err != nil {
			return err
		}
		s.parts[name] = map[string]bool{}
		for node := range root.Descendants() {
			if node.Type == html.ElementNode {
				links = append(links, s.read(name, node)...)
			}
		}
		return nil
	})
	for _, l := range links {
		if fault := s.follow(l, known); fault != "" {
			s.faults = append(s.faults, fmt.Sprintf("%s: <%s %s=%q> %s", l.page, l.element, l.attribute, l.to, fault))
		}
	}
	return s, err
}

// read notes the ids of an element and what is inline in it, and returns where it leads.
func (s *site) read(page string, node *html.Node) []link {
	var links []link
	fault := func(format string, of ...any) { s.faults = append(s.faults, page+": "+fmt.Sprintf(format, of...)) }
	if slices.Contains([]string{"style", "script"}, node.Data) && node.FirstChild != nil {
		fault("an inline %s", node.Data)
	}
	for _, a := range node.Attr {
		switch {
		case a.Key == "id":
			if s.parts[page][a.Val] {
				fault("two parts are called %s", a.Val)
			}
			s.parts[page][a.Val] = true
		case a.Key == "href" || a.Key == "src":
			links = append(links, link{page, node.Data, a.Key, a.Val})
			if file, ok := strings.CutPrefix(a.Val, blob); ok && node.Parent.Data == "footer" && strings.HasSuffix(file, ".md") {
				s.sources[file] = page
			}
		case a.Key == "style" || strings.HasPrefix(a.Key, "on") || a.Key == "srcset" || a.Key == "action" || a.Key == "ping":
			fault("<%s %s>", node.Data, a.Key)
		case a.Key == "alt" && a.Val == "":
			fault("a picture without words")
		}
	}
	return links
}

// follow returns what is wrong with a link, if anything is.
func (s *site) follow(l link, known func(string) bool) string {
	if file, ok := strings.CutPrefix(strings.Replace(l.to, tree, blob, 1), blob); ok && l.element == "a" {
		file, _, _ = strings.Cut(file, "#")
		if !known(file) {
			return "is no file of the repository"
		}
		return ""
	}
	if strings.Contains(l.to, ":") || strings.HasPrefix(l.to, "//") {
		if !strings.HasPrefix(l.to, "https://") || l.element != "a" {
			return "leads elsewhere"
		}
		s.outside[l.to] = true
		return ""
	}
	if l.to == "/" && l.element == "a" { // the console
		return ""
	}
	to, part, _ := strings.Cut(l.to, "#")
	switch {
	case to == "":
		to = l.page
	case strings.HasPrefix(to, "/docs/"): // of the page for what is not there
		to = strings.TrimPrefix(to, "/docs/")
		if to == "" || strings.HasSuffix(to, "/") {
			to += page
		}
	default:
		to = path.Join(path.Dir(l.page), to)
	}
	if info, err := fs.Stat(s.files, to); err != nil || info.IsDir() {
		return "is not there"
	}
	if part != "" && !s.parts[to][part] {
		return "leads to no part of " + to
	}
	return ""
}

func inRepository(name string) bool {
	_, err := os.Stat(filepath.Join(top, filepath.FromSlash(name)))
	return err == nil
}

func built(t *testing.T) *site {
	t.Helper()
	s, err := survey(os.DirFS("dist"), inRepository)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.parts) < 25 || len(s.sources) < 15 {
		t.Fatalf("there are %d pages, %d of them made of Markdown", len(s.parts), len(s.sources))
	}
	return s
}

// Every link leads to a file, and to a part of it if it names one; nothing is loaded from elsewhere.
func TestLinks(t *testing.T) {
	t.Parallel()
	s := built(t)
	for _, fault := range s.faults {
		t.Error(fault)
	}
	got := strings.Join(slices.Sorted(maps.Keys(s.outside)), "\n") + "\n"
	const golden = "testdata/outside.txt" // so that a reviewer sees a new place
	if *updateGolden {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("links lead to other places than %s has (-update writes it anew):\n%s", golden, diff)
	}
}

// The check sees what it is there for.
func TestLinksThatAreWrong(t *testing.T) {
	t.Parallel()
	const frame = `<!doctype html><title>x</title><link rel="stylesheet" href="x.css"><main id="a"><a href="b/index.html#b">b</a></main>`
	for wrong, want := range map[string]string{
		``:                                       "",
		`<a href="c/index.html">c</a>`:           "is not there",
		`<a href="b/">b</a>`:                     "is not there", // it would be a list of files when it is opened from a disk
		`<a href="b/index.html#c">c</a>`:         "leads to no part of b/index.html",
		`<a href="#c">c</a>`:                     "leads to no part of index.html",
		`<a href="http://example.com/">c</a>`:    "leads elsewhere",
		`<a href="//example.com/">c</a>`:         "leads elsewhere",
		`<a href="javascript:x">c</a>`:           "leads elsewhere",
		`<script src="https://example.com/x">`:   "leads elsewhere",
		`<img src="x.png" alt="x">`:              "is not there",
		`<img src="x.css" alt="">`:               "without words",
		`<a href="` + blob + `nothing.md">c</a>`: "is no file of the repository",
		`<p id="a">`:                             "two parts are called a",
		`<script>x</script>`:                     "an inline script",
		`<style>x</style>`:                       "an inline style",
		`<p style="color: red">`:                 "<p style>",
		`<p onclick="x">`:                        "<p onclick>",
	} {
		files := fstest.MapFS{"index.html": {Data: []byte(frame + wrong)}, "b/index.html": {Data: []byte(`<p id="b"><a href="../index.html#a">a</a>`)}, "x.css": {}}
		s, err := survey(files, func(name string) bool { return name == "README.md" })
		if err != nil {
			t.Fatal(err)
		}
		if len(s.faults) != min(1, len(want)) || want != "" && !strings.Contains(s.faults[0], want) {
			t.Errorf("%s: %q", wrong, s.faults)
		}
	}
}

var (
	fence      = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	codeSpan   = regexp.MustCompile("`[^`\n]+`")
	markedLink = regexp.MustCompile(`\]\(([^()\s]+)\)`)
)

// The sources are read on GitHub, too: there, their links lead to files, and to the same parts.
func TestLinksOfTheSources(t *testing.T) {
	t.Parallel()
	s := built(t)
	sources := slices.Concat(slices.Collect(maps.Keys(s.sources)), []string{"README.md", "examples/node/README.md"})
	links := 0
	for _, source := range sources {
		content, err := os.ReadFile(filepath.Join(top, source))
		if err != nil {
			t.Fatal(err)
		}
		words := codeSpan.ReplaceAll(fence.ReplaceAll(content, nil), nil)
		for _, m := range markedLink.FindAllSubmatch(words, -1) {
			to := strings.TrimPrefix(string(m[1]), blob)
			if strings.Contains(to, "://") {
				continue
			}
			links++
			file, part, _ := strings.Cut(to, "#")
			if file == "" {
				file = source
			} else if to == string(m[1]) {
				file = path.Join(path.Dir(source), file)
			}
			if !inRepository(file) {
				t.Errorf("%s: %s is not there", source, to)
			}
			if page, ok := s.sources[file]; part != "" && (!ok || !s.parts[page][part]) {
				t.Errorf("%s: %s names no part", source, to)
			}
		}
	}
	if links < 50 {
		t.Errorf("there are %d links", links)
	}
}

var consoleLink = regexp.MustCompile(`\b(?:docs|page)="([^"]+)"`)

// Where the console says "Read more" there is more to read.
func TestLinksOfTheConsole(t *testing.T) {
	t.Parallel()
	s := built(t)
	found := 0
	err := filepath.WalkDir(filepath.Join(top, "web/src"), func(name string, entry fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(name) != ".tsx" {
			return err
		}
		content, err := os.ReadFile(name)
		for _, m := range consoleLink.FindAllSubmatch(content, -1) {
			found++
			address, part, _ := strings.Cut(string(m[1]), "#")
			ids, ok := s.parts[address+page]
			if !ok || part != "" && !ids[part] {
				t.Errorf("%s: /docs/%s is not there", name, m[1])
			}
		}
		return err
	})
	if err != nil || found < 15 {
		t.Errorf("the console has %d links to the documentation: %v", found, err)
	}
}
