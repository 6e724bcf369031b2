// Command mutants makes every mistake of the protocol's list, one at a time, in a copy of the program, and checks that a test
// notices: a rule whose breach no test notices is a rule that somebody will break. A mutant is a change of text, compiled in by
// go build's overlay, so that no mistake is ever in a file that ships.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// mutant is a mistake, and the tests that must notice it.
type mutant struct {
	name, trap string
	pkg, tests string // the tests, as go test takes them
	edits      []edit
	elsewhere  string // what notices it instead, and why no test here can; there are no edits then
}

// edit replaces a text that a file has exactly once.
type edit struct{ file, old, new string }

// apply gives the text of the file at path after the edit.
func (e edit) apply(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	return e.change(string(b))
}

func (e edit) change(text string) (string, error) {
	if n := strings.Count(text, e.old); n != 1 || e.old == e.new {
		return "", fmt.Errorf("%s has %d times what must be there once: %s", e.file, n, e.old)
	}
	return strings.Replace(text, e.old, e.new, 1), nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("mutants", flag.ContinueOnError)
	only := flags.String("only", "", "this mutant only")
	list := flags.Bool("list", false, "print the mutants and end")
	if err := flags.Parse(args); err != nil {
		return err
	}
	began := time.Now()
	caught, wrong := 0, 0
	for _, m := range mutants {
		switch {
		case *only != "" && m.name != *only:
		case *list:
			_, _ = fmt.Fprintf(out, "%-28s %s\n", m.name, m.trap)
		case m.elsewhere != "":
			_, _ = fmt.Fprintf(out, "%-28s not here: %s\n", m.name, m.elsewhere)
		case ctx.Err() != nil:
			return ctx.Err()
		default:
			test, err := m.make(ctx)
			if err != nil {
				wrong++
				_, _ = fmt.Fprintf(out, "%-28s %v\n", m.name, err)
				continue
			}
			caught++
			_, _ = fmt.Fprintf(out, "%-28s caught by %s\n", m.name, test)
		}
	}
	if *list {
		return nil
	}
	_, _ = fmt.Fprintf(out, "%d caught, %d not, %s\n", caught, wrong, time.Since(began).Round(time.Second))
	switch {
	case wrong > 0:
		return errors.New("a change that breaks the protocol can pass the tests")
	case caught == 0 && *only != "":
		return fmt.Errorf("no mutant %s was made", *only)
	}
	return nil
}

// make makes the mutant and gives the test that notices it. The program is run in the module's root.
func (m mutant) make(ctx context.Context) (string, error) {
	dir, err := os.MkdirTemp("", "latchkey-mutant-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	overlay, err := m.overlay(dir)
	if err != nil {
		return "", fmt.Errorf("BROKEN: %w", err)
	}
	build := exec.CommandContext(ctx, "go", "test", "-overlay", overlay, "-run", "^$", m.pkg)
	if said, err := build.CombinedOutput(); err != nil { // a test that cannot be built notices nothing
		return "", fmt.Errorf("BROKEN: it cannot be built: %w: %s", err, said)
	}
	tests := exec.CommandContext(ctx, "go", "test", "-overlay", overlay, "-count=1", "-failfast", "-timeout", "3m0s", "-run", m.tests, m.pkg)
	said, err := tests.CombinedOutput()
	return m.verdict(string(said), err)
}

var failed = regexp.MustCompile(`(?m)^--- FAIL: (\S+)`)

func (m mutant) verdict(said string, err error) (string, error) {
	if strings.Contains(said, "no tests to run") {
		return "", fmt.Errorf("BROKEN: no such test: %s %s", m.pkg, m.tests)
	}
	if err == nil {
		return "", fmt.Errorf("SURVIVED: %s %s", m.pkg, m.tests)
	}
	if found := failed.FindStringSubmatch(said); found != nil {
		return found[1], nil
	}
	for _, end := range []string{"panic: ", "fatal error: "} {
		if _, rest, ok := strings.Cut(said, end); ok {
			line, _, _ := strings.Cut(rest, "\n")
			return end + line, nil
		}
	}
	return "", fmt.Errorf("BROKEN: the tests did not run: %w: %s", err, said[max(0, len(said)-2000):])
}

// overlay writes the changed files and the list that go build reads, and gives the name of the list.
func (m mutant) overlay(dir string) (string, error) {
	root, err := os.Getwd()
	if err != nil {
		return "", err
	}
	replace := map[string]string{}
	for _, e := range m.edits {
		source := filepath.Join(root, e.file)
		changed, again := replace[source]
		if !again {
			changed = filepath.Join(dir, fmt.Sprintf("%d.go", len(replace)))
			replace[source] = changed
		} else {
			source = changed
		}
		text, err := e.apply(source)
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(changed, []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	name := filepath.Join(dir, "overlay.json")
	return name, os.WriteFile(name, b, 0o600)
}
