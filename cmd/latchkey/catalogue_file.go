package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/latchkey-dev/latchkey/internal/permission"
)

// catalogueFile is a catalogue that somebody wrote, as YAML or as JSON, which is YAML too.
type catalogueFile struct {
	name     string
	root     *yaml.Node
	document permission.Document
	misfits  []string // what is no document, as lines of the file
}

// readCatalogue reads a file. What is wrong in it is for faults to tell.
func readCatalogue(name string) (catalogueFile, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		if reason, ok := errors.AsType[*os.PathError](err); ok {
			err = reason.Err
		}
		return catalogueFile{}, fmt.Errorf("%s cannot be read: %w", name, err)
	}
	f := catalogueFile{name: name, root: &yaml.Node{}}
	in := yaml.NewDecoder(bytes.NewReader(text))
	err = in.Decode(f.root)
	switch {
	case errors.Is(err, io.EOF), err == nil && f.root.Kind == yaml.DocumentNode && f.root.Content[0].Tag == "!!null":
		f.misfits = []string{f.at(1) + "is empty: write {} for a catalogue without entries"}
		return f, nil
	case err != nil:
		f.misfits = f.misread(err)
		return f, nil
	case !errors.Is(in.Decode(&yaml.Node{}), io.EOF):
		f.misfits = []string{f.at(1) + "has more than one document"}
		return f, nil
	}
	strict := yaml.NewDecoder(bytes.NewReader(text))
	strict.KnownFields(true)
	if err := strict.Decode(&f.document); err != nil {
		f.misfits = f.misread(err)
	}
	return f, nil
}

func (f catalogueFile) at(line int) string { return f.name + ":" + strconv.Itoa(line) + ": " }

// faults tells all that is wrong, as file:line: reason.
func (f catalogueFile) faults() []string {
	if len(f.misfits) > 0 {
		return f.misfits
	}
	_, faults := permission.Compile(f.document)
	slices.SortStableFunc(faults, func(a, b permission.Fault) int { return cmp.Compare(f.line(a.Pointer), f.line(b.Pointer)) })
	lines := make([]string, len(faults))
	for i, fault := range faults {
		reason := pointers.ReplaceAllStringFunc(fault.Reason, func(p string) string { return "line " + strconv.Itoa(f.line(p)) })
		lines[i] = f.at(f.line(fault.Pointer)) + fault.Pointer + " " + reason
	}
	return lines
}

var pointers = regexp.MustCompile(`/(resources|routes|flat)/[0-9]+(/[a-z]+(/[0-9]+)?)?`)

// line is where a JSON pointer leads, or as near as there is something.
func (f catalogueFile) line(pointer string) int {
	n := f.root.Content[0]
	for token := range strings.SplitSeq(pointer[1:], "/") {
		next := member(n, token)
		if next == nil {
			break
		}
		n = next
	}
	return n.Line
}

func member(n *yaml.Node, token string) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch n.Kind {
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(token); err == nil && i < len(n.Content) {
			return n.Content[i]
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			if n.Content[i].Value == token {
				return n.Content[i+1]
			}
		}
	}
	return nil
}

var (
	yamlLine = regexp.MustCompile(`^(?:yaml: )?(?:line ([0-9]+): )?(.*)$`)
	// The words of the decoder are about Go.
	plainWords = strings.NewReplacer("field ", "there is no member ", " not found in type permission.Document", " here, only resources, routes and flat",
		" not found in type permission.Resource", " here, only name, title, paths and access", " not found in type permission.Route", " here, only method, path, access and credits",
		"[]permission.Resource", "a list of resources", "[]permission.Route", "a list of routes", "permission.Document", "a catalogue", "permission.Resource", "a resource",
		"permission.Route", "a route", "[]string", "a list of texts", "int64", "a whole number", "string", "a text", "cannot unmarshal", "cannot take", "!!seq", "a list", "!!map", "a mapping",
		"!!str", "the text", "!!int", "the number", "!!float", "the number", "!!bool", "the value")
)

// misread turns what the decoder says into lines of the file.
func (f catalogueFile) misread(err error) []string {
	said := []string{err.Error()}
	if all, ok := errors.AsType[*yaml.TypeError](err); ok {
		said = all.Errors
	}
	lines := make([]string, len(said))
	for i, text := range said {
		part := yamlLine.FindStringSubmatch(strings.ReplaceAll(text, "\n", " "))
		line, _ := strconv.Atoi(part[1]) // without one it is the first
		lines[i] = f.at(max(line, 1)) + plainWords.Replace(part[2])
	}
	return lines
}
