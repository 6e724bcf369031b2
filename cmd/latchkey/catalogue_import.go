package main

import (
	"cmp"
	"context"
	"fmt"
	"io"

	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/latchkey-dev/latchkey/internal/permission"
)

type catalogueImportCmd struct {
	File string `arg:"" help:"An OpenAPI 3 document, as YAML or JSON."`
}

func (i catalogueImportCmd) run(_ context.Context, d *desk) error {
	doc, err := openapi3.NewLoader().LoadFromFile(i.File)
	if err != nil {
		return fmt.Errorf("%s is no OpenAPI 3 document that can be read: %s", i.File, strings.ReplaceAll(err.Error(), "\n", " "))
	}
	if doc.OpenAPI == "" || doc.Paths.Len() == 0 {
		return fmt.Errorf("%s is no OpenAPI 3 document with paths", i.File)
	}
	p := propose(doc)
	p.write(d.out, i.File)
	return nil
}

// proposal is a catalogue that somebody has yet to look through.
type proposal struct {
	permission.Document
	base      string         // of every path
	calls     map[string]int // by resource
	left      []string       // operations that are of no resource
	resources map[string]int // index in Document
}

// operation is a method and a path of the API.
type operation struct{ method, path string }

func (o operation) String() string { return o.method + " " + o.path }

// propose reads resources off the paths, levels off the methods, and guesses which POSTs only read.
func propose(doc *openapi3.T) *proposal {
	p := &proposal{base: basePath(doc), calls: map[string]int{}, resources: map[string]int{}}
	var operations []operation
	for at, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			operations = append(operations, operation{method, cmp.Or(strings.TrimSuffix(p.base+at, "/"), "/")})
		}
	}
	slices.SortFunc(operations, func(a, b operation) int { return cmp.Or(cmp.Compare(a.path, b.path), cmp.Compare(a.method, b.method)) })
	for _, o := range operations {
		p.add(o)
	}
	for i := range p.Resources {
		slices.SortFunc(p.Resources[i].Access, func(a, b string) int { return cmp.Compare(rank(a), rank(b)) })
	}
	slices.SortFunc(p.Resources, func(a, b permission.Resource) int { return cmp.Compare(a.Name, b.Name) })
	p.settle()
	return p
}

func rank(level string) permission.Access {
	a, _ := permission.ParseAccess(level)
	return a
}

// basePath is the path of the first server, without one if that has variables.
func basePath(doc *openapi3.T) string {
	if len(doc.Servers) == 0 {
		return ""
	}
	u, err := url.Parse(doc.Servers[0].URL)
	if err != nil || strings.Contains(u.Path, "{") {
		return ""
	}
	return strings.TrimSuffix(path.Clean("/"+u.Path), "/")
}

// add makes room for an operation. OPTIONS and TRACE are for no resource.
func (p *proposal) add(o operation) {
	level := map[string]string{"GET": "read", "HEAD": "read", "POST": "write", "PUT": "write", "PATCH": "write", "DELETE": "delete"}[o.method]
	name, at := resourceOf(o.path, strings.Count(p.base, "/"))
	if level == "" || name == "" {
		p.left = append(p.left, o.String())
		return
	}
	if o.method == http.MethodPost && readsOnly(o.path) {
		level = "read"
		p.Routes = append(p.Routes, permission.Route{Method: o.method, Path: o.path, Access: level})
	}
	i, there := p.resources[name]
	if !there {
		i = len(p.Resources)
		p.resources[name] = i
		p.Resources = append(p.Resources, permission.Resource{Name: name})
	}
	r := &p.Resources[i]
	if !slices.ContainsFunc(r.Paths, func(other string) bool { return shape(other) == shape(at) }) {
		r.Paths = append(r.Paths, at)
	}
	if !slices.Contains(r.Access, level) {
		r.Access = append(r.Access, level)
	}
	p.calls[name]++
}

var (
	versions  = regexp.MustCompile(`^(api|rest|v[0-9]+([._][0-9]+)*)$`)
	unfit     = regexp.MustCompile(`[^a-z0-9_-]+`)
	parameter = regexp.MustCompile(`\{[^/]*\}`)
	readers   = regexp.MustCompile(`(?i)(^|[-_.:])(search|query|lookup|validate|preview|find|filter|count|check|verify|introspect|estimate|simulate|dry[-_]?run)$`)
)

// shape is a path in which parameters have no names.
func shape(path string) string { return parameter.ReplaceAllString(path, "{}") }

// resourceOf names a resource after the first segment behind the base that is written out and no version, and gives the path to there.
func resourceOf(at string, base int) (string, string) {
	segments := strings.Split(at, "/")
	for i := base + 1; i < len(segments); i++ {
		s := segments[i]
		if s == "" || strings.HasPrefix(s, "{") || versions.MatchString(s) && i+1 < len(segments) {
			continue
		}
		noun, _, _ := strings.Cut(s, ":") // media:search is of media
		name := strings.Trim(unfit.ReplaceAllString(strings.ToLower(noun), "-"), "-_")
		return name[:min(len(name), 63)], strings.Join(segments[:i+1], "/")
	}
	return "", ""
}

// readsOnly guesses from the last segment that is written out.
func readsOnly(at string) bool {
	segments := strings.Split(at, "/")
	for _, s := range slices.Backward(segments) {
		if !strings.HasPrefix(s, "{") || strings.Contains(s, "}:") {
			return readers.MatchString(s)
		}
	}
	return false
}

var place = regexp.MustCompile(`^/(resources|routes)/([0-9]+)(?:/paths/([0-9]+))?`)

// settle leaves out what cannot be in a catalogue, so that the rest is one.
func (p *proposal) settle() {
	for {
		_, faults := permission.Compile(p.Document)
		if len(faults) == 0 {
			return
		}
		at := place.FindStringSubmatch(faults[0].Pointer)
		i, _ := strconv.Atoi(at[2])
		switch j, err := strconv.Atoi(at[3]); {
		case at[1] == "routes":
			p.left = append(p.left, p.Routes[i].Method+" "+p.Routes[i].Path)
			p.Routes = slices.Delete(p.Routes, i, i+1)
		case err == nil && len(p.Resources[i].Paths) > 1:
			p.left = append(p.left, p.Resources[i].Paths[j])
			p.Resources[i].Paths = slices.Delete(p.Resources[i].Paths, j, j+1)
		default:
			p.left = append(p.left, p.Resources[i].Paths...)
			p.Resources = slices.Delete(p.Resources, i, i+1)
		}
	}
}

// write prints it as YAML with remarks.
func (p *proposal) write(w io.Writer, file string) {
	fmt.Fprintf(w, "# Proposed from %s. Look it through, then: latchkey catalogue apply FILE\n", path.Base(file))
	if p.base != "" {
		fmt.Fprintf(w, "# Every path begins with %s, as its server has it. Write the paths as your gateway sees them.\n", p.base)
	}
	if len(p.Resources) > 0 {
		fmt.Fprintln(w, "resources:")
	}
	for _, r := range p.Resources {
		fmt.Fprintf(w, "  - name: %s # operations: %d\n    paths:\n", scalar(r.Name), p.calls[r.Name])
		for _, at := range r.Paths {
			fmt.Fprintf(w, "      - %s\n", scalar(at))
		}
		fmt.Fprintf(w, "    access: [%s]\n", strings.Join(r.Access, ", "))
	}
	if len(p.Routes) > 0 {
		fmt.Fprintln(w, "# Guesses: by their names, these only read. Take out each one that changes something.\nroutes:")
	}
	for _, r := range p.Routes {
		fmt.Fprintf(w, "  - method: %s\n    path: %s\n    access: %s\n", r.Method, scalar(r.Path), r.Access)
	}
	if len(p.left) > 0 {
		fmt.Fprintln(w, "# Of no resource, so that only keys for all resources (*) open them:")
	}
	for _, line := range p.left {
		fmt.Fprintf(w, "#   %q\n", line)
	}
	if len(p.Resources) == 0 {
		fmt.Fprintln(w, "{}")
	}
}

var (
	plainScalar = regexp.MustCompile(`^[a-z/][A-Za-z0-9/_.{}-]*$`)
	yamlWords   = map[string]bool{"y": true, "n": true, "yes": true, "no": true, "on": true, "off": true, "true": true, "false": true, "null": true}
)

// scalar writes a text so that YAML takes it for one.
func scalar(s string) string {
	if plainScalar.MatchString(s) && !yamlWords[s] {
		return s
	}
	return fmt.Sprintf("%q", s)
}
