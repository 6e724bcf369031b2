package main_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/latchkey-dev/latchkey/internal/conformance"
)

// tsDoor makes the requests of contract tests through the TypeScript client, in a Node that lives as long as the test.
type tsDoor struct {
	contract *conformance.Contract
	in       io.Writer
	out      *bufio.Reader
}

// newTSDoor builds the client, in a folder of this test, and starts Node.
func newTSDoor(t *testing.T, c *conformance.Contract, base string) *tsDoor {
	t.Helper()
	top, err := filepath.Abs("../..")
	check(t, err)
	dir := t.TempDir()
	commands := [][]string{
		{filepath.Join(top, "scripts/npm-ci"), filepath.Join(top, "sdk/typescript")},
		{filepath.Join(top, "sdk/typescript/node_modules/.bin/tsc"), "-p", filepath.Join(top, "sdk/typescript"), "--outDir", filepath.Join(dir, "dist")},
	}
	for _, args := range commands {
		cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", args[0], err, out)
		}
	}
	check(t, os.Symlink(filepath.Join(top, "sdk/typescript/node_modules"), filepath.Join(dir, "node_modules")))
	write(t, dir, "package.json", `{"type": "module"}`)
	script, err := filepath.Abs("testdata/door.mjs")
	check(t, err)
	node := exec.Command("node", script, filepath.Join(dir, "dist/index.js"), base)
	node.Env = []string{"PATH=" + os.Getenv("PATH")}
	node.Stderr = os.Stderr
	in, err := node.StdinPipe()
	check(t, err)
	out, err := node.StdoutPipe()
	check(t, err)
	check(t, node.Start())
	t.Cleanup(func() {
		_ = in.Close() // its loop ends
		if err := node.Wait(); err != nil {
			t.Errorf("Node: %v", err)
		}
	})
	return &tsDoor{contract: c, in: in, out: bufio.NewReader(out)}
}

// tsWithout says why an operation is not made this way.
var tsWithout = map[string]string{"ForwardAuth": goWithout["ForwardAuth"]}

func (d *tsDoor) Cannot(in conformance.Request) string {
	switch {
	case tsWithout[in.Operation] != "":
		return tsWithout[in.Operation]
	case in.As.User != "" || in.As.Key != "" && in.As.Session != "":
		return "a client sends one credential, a key as Bearer"
	case in.Raw != nil || in.Media != "":
		return "a client writes bodies and their type itself"
	}
	for name, value := range in.Header {
		// JavaScript's numbers are exact up to 2^53.
		if v := versionOf(value); name != "If-Match" || v == 0 || v > 1<<53 {
			return "a client writes headers itself"
		}
	}
	query := d.contract.Parameters(in.Operation, "query")
	for name := range in.Query {
		if !slices.Contains(query, name) {
			return "the TypeScript client has no such parameter"
		}
	}
	return ""
}

func (d *tsDoor) Do(_ context.Context, in conformance.Request) (conformance.Answer, error) {
	ask := struct {
		Operation string                 `json:"operation"`
		Path      []string               `json:"path,omitempty"`
		Query     map[string]string      `json:"query,omitempty"`
		Version   int64                  `json:"version,omitempty"`
		Body      any                    `json:"body,omitempty"`
		As        conformance.Credential `json:"as"`
	}{Operation: in.Operation, Query: in.Query, Version: versionOf(in.Header["If-Match"]), Body: in.Body, As: in.As}
	for _, name := range d.contract.Parameters(in.Operation, "path") {
		ask.Path = append(ask.Path, in.Path[name])
	}
	if err := json.NewEncoder(d.in).Encode(ask); err != nil {
		return conformance.Answer{}, err
	}
	line, err := d.out.ReadBytes('\n')
	if err != nil {
		return conformance.Answer{}, fmt.Errorf("Node has ended: %w", err)
	}
	var got struct {
		Status  int
		Result  json.RawMessage
		Session string
		Missing bool
		Broken  string
	}
	if err := json.Unmarshal(line, &got); err != nil {
		return conformance.Answer{}, fmt.Errorf("Node says %q: %w", line, err)
	}
	switch {
	case got.Missing:
		return conformance.Answer{}, fmt.Errorf("the TypeScript client has no method for %s", in.Operation)
	case got.Broken != "":
		return conformance.Answer{}, errors.New(got.Broken)
	}
	a := conformance.Answer{Status: got.Status, Body: got.Result, Session: got.Session}
	var revision string
	if got.Status == 0 && json.Unmarshal(got.Result, &revision) == nil { // where nothing else is answered
		a.Body, a.Header = nil, http.Header{"Latchkey-Revision": {revision}}
	}
	return a, nil
}
