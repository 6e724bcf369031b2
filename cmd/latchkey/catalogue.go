package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/latchkey-dev/latchkey/internal/permission"
	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
	"github.com/latchkey-dev/latchkey/sdk/go/api"
)

type catalogueCmd struct {
	Show   catalogueShowCmd   `cmd:"" help:"Print the catalogue of an instance, as apply reads it."`
	Apply  catalogueApplyCmd  `cmd:"" help:"Check a catalogue, and make it that of an instance."`
	Import catalogueImportCmd `cmd:"" help:"Propose a catalogue for the API that an OpenAPI document describes."`
}

type catalogueShowCmd struct {
	remote
}

type catalogueApplyCmd struct {
	File    string `arg:"" help:"The catalogue, as YAML or JSON."`
	DryRun  bool   `name:"dry-run" help:"Only check the file; ask nobody."`
	Version int64  `name:"if-version" placeholder:"N" help:"Replace only this version, as show has printed it. Default: the one that there is."`
	remote
}

func (s catalogueShowCmd) run(ctx context.Context, at *desk) error {
	return s.session(ctx, at, func(v *visit) error {
		got, err := v.PermissionCatalogueGet(ctx)
		if err != nil {
			return err
		}
		if v.json {
			return v.show(nil)
		}
		d, err := documentOf(got)
		if err != nil {
			return err
		}
		fmt.Fprintf(v.out, "# version %d, of %s\n", got.Version, got.UpdatedAt.UTC().Format("2006-01-02 15:04:05 MST"))
		out := yaml.NewEncoder(v.out)
		out.SetIndent(2)
		return out.Encode(d)
	})
}

func (a catalogueApplyCmd) run(ctx context.Context, at *desk) error {
	f, err := readCatalogue(a.File)
	if err != nil {
		return err
	}
	if faults := f.faults(); len(faults) > 0 {
		for _, line := range faults {
			fmt.Fprintln(at.err, line)
		}
		return fmt.Errorf("%s has faults: %d. Nothing was changed", a.File, len(faults))
	}
	if a.DryRun {
		fmt.Fprintf(at.out, "%s is a catalogue of %s\n", a.File, sizeOf(f.document))
		return nil
	}
	return a.session(ctx, at, func(v *visit) error { return a.send(ctx, v, f) })
}

// send makes f the catalogue of an instance, in the place of the one that it reads there.
func (a catalogueApplyCmd) send(ctx context.Context, v *visit, f catalogueFile) error {
	now, err := v.PermissionCatalogueGet(ctx)
	if err != nil {
		return err
	}
	before, err := documentOf(now)
	if err != nil {
		return err
	}
	if a.Version != 0 {
		now.Version = a.Version
	}
	var in latchkey.PermissionCatalogueInput
	if err := recast(f.document, &in); err != nil {
		return err
	}
	after, err := v.PermissionCatalogueUpdate(ctx, now.Version, in)
	if refused, ok := errors.AsType[*latchkey.Error](err); ok && refused.Code == api.ErrorCodeVersionMismatch {
		return failed(exitConflict, "the catalogue is version %v by now, not %d: look at it with latchkey catalogue show, and apply yours again if it still fits", refused.Metadata["version"], now.Version)
	}
	if err != nil {
		return err
	}
	return v.show(func() {
		fmt.Fprintf(v.out, "version %d: %s\n", after.Version, sizeOf(f.document))
		for _, line := range differences(before, f.document) {
			fmt.Fprintln(v.out, line)
		}
	})
}

// documentOf is a catalogue without its version.
func documentOf(c latchkey.PermissionCatalogue) (permission.Document, error) {
	var d permission.Document
	return d, recast(c, &d)
}

// recast turns a value into another one of the same JSON.
func recast(from, to any) error {
	b, err := json.Marshal(from)
	if err != nil {
		return fmt.Errorf("encode catalogue: %w", err)
	}
	if err := json.Unmarshal(b, to); err != nil {
		return fmt.Errorf("decode catalogue: %w", err)
	}
	return nil
}

func sizeOf(d permission.Document) string {
	return fmt.Sprintf("resources: %d, routes: %d, flat names: %d", len(d.Resources), len(d.Routes), len(d.Flat))
}

// differences tells entry by entry what comes, goes and changes, sorted.
func differences(before, after permission.Document) []string {
	was, is := entries(before), entries(after)
	var lines []string
	for name, value := range is {
		switch old, there := was[name]; {
		case !there:
			lines = append(lines, "+ "+name)
		case old != value:
			lines = append(lines, "~ "+name)
		}
	}
	for name := range maps.Keys(was) {
		if _, stays := is[name]; !stays {
			lines = append(lines, "- "+name)
		}
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(a[2:], b[2:]) })
	return lines
}

// entries are what a document consists of, by what identifies each.
func entries(d permission.Document) map[string]string {
	all := map[string]string{}
	for _, r := range d.Resources {
		all["resource "+r.Name] = fmt.Sprintf("%q %q %q", r.Title, r.Paths, r.Access)
	}
	for _, r := range d.Routes {
		all["route "+r.Method+" "+r.Path] = fmt.Sprintf("%s %d", r.Access, r.Credits)
	}
	for _, name := range d.Flat {
		all["flat name "+name] = ""
	}
	return all
}
