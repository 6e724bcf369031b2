// Package conformance asks a running server whether it keeps the contract of openapi.yaml, for every operation and every status that
// it may answer.
//
// What can be read off the contract alone is derived from it (derive.go): credentials, permissions, bodies and parameters that must be
// refused. The rest is told in cases/*.yaml. Every answer, whatever it was asked for, is held against the contract (check.go).
// A pair of operation and status has a case, or a line in unprovoked.yaml that says why it has none; a test sees to that.
//
// A run makes a world of its own, with names that end in the same chance, and takes it away again (world.go). The engine knows nothing
// of how requests are sent: a Door does that, so that the clients in other languages are held to the same cases.
package conformance

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/latchkey-dev/latchkey/gen/api"
)

// Contract is what a server promises.
type Contract struct {
	doc        *openapi3.T
	operations map[string]*operation
}

// operation is one of the contract, with what its cases are derived from.
type operation struct {
	id, method, path string
	spec             *openapi3.Operation
	parameters       openapi3.Parameters
	permission       string // "none", or one that the caller must hold
	session, key     bool   // credentials it takes
	media            string // of the body; empty: it takes none
	maxBody          int    // bytes
}

const maxBody = 64 << 10 // unless the operation has x-max-body

// ReadContract reads the contract that this program was built with.
func ReadContract() (*Contract, error) {
	doc, err := api.GetSpec()
	if err != nil {
		return nil, fmt.Errorf("read contract: %w", err)
	}
	c := &Contract{doc: doc, operations: map[string]*operation{}}
	for path, item := range doc.Paths.Map() {
		for method, spec := range item.Operations() {
			c.operations[spec.OperationID] = newOperation(method, path, spec, slices.Concat(item.Parameters, spec.Parameters))
		}
	}
	for _, s := range doc.Components.Schemas {
		open(s)
	}
	return c, nil
}

func newOperation(method, path string, spec *openapi3.Operation, parameters openapi3.Parameters) *operation {
	op := &operation{id: spec.OperationID, method: method, path: path, spec: spec, parameters: parameters, maxBody: maxBody}
	op.permission, _ = spec.Extensions["x-permission"].(string)
	if most, ok := spec.Extensions["x-max-body"].(float64); ok {
		op.maxBody = int(most)
	}
	if spec.Security != nil {
		for _, way := range *spec.Security {
			_, session := way["session"]
			_, key := way["access_key"]
			op.session, op.key = op.session || session, op.key || key
		}
	}
	if spec.RequestBody != nil {
		for kind := range spec.RequestBody.Value.Content {
			op.media = kind
		}
	}
	return op
}

// open lets a schema take members that it does not name: a newer server may answer more than this contract knows, and whoever is asked
// to ignore what they do not know is not broken by it. Only schemas that requests share with answers are closed in the contract.
func open(s *openapi3.SchemaRef) {
	if s == nil || s.Value == nil {
		return
	}
	if s.Value.AdditionalProperties.Has != nil {
		s.Value.AdditionalProperties.Has = nil
	}
	for _, member := range s.Value.Properties {
		if member.Ref == "" {
			open(member)
		}
	}
	for _, part := range s.Value.AllOf {
		if part.Ref == "" {
			open(part)
		}
	}
	if s.Value.Items != nil && s.Value.Items.Ref == "" {
		open(s.Value.Items)
	}
}

// Operations lists the ids of all operations.
func (c *Contract) Operations() []string {
	ids := make([]string, 0, len(c.operations))
	for id := range c.operations {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// Cell is a status that an operation may answer.
type Cell struct {
	Operation string `json:"operation"`
	Status    int    `json:"status"`
}

func (a Cell) compare(b Cell) int {
	return cmp.Or(strings.Compare(a.Operation, b.Operation), cmp.Compare(a.Status, b.Status))
}

// Cells lists everything that any operation may answer.
func (c *Contract) Cells() []Cell {
	var all []Cell
	for id, op := range c.operations {
		for status := range op.spec.Responses.Map() {
			if n, err := strconv.Atoi(status); err == nil {
				all = append(all, Cell{id, n})
			}
		}
	}
	slices.SortFunc(all, Cell.compare)
	return all
}

func (op *operation) answers(status int) bool { return op.spec.Responses.Status(status) != nil }

// place is where the contract says what an operation answers.
func (op *operation) place(status int) string {
	return fmt.Sprintf("openapi.yaml, %s %s (%s), response %d", op.method, op.path, op.id, status)
}

// example is a body as the contract shows it; nil if it takes none.
func (op *operation) example() any {
	if op.media == "" {
		return nil
	}
	body := op.spec.RequestBody.Value.Content[op.media]
	if body.Example != nil {
		return body.Example
	}
	names := make([]string, 0, len(body.Examples))
	for name := range body.Examples {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		return body.Examples[name].Value.Value
	}
	return map[string]any{}
}

var errUnknownOperation = errors.New("the contract has no such operation")

func (c *Contract) operation(id string) (*operation, error) {
	if op := c.operations[id]; op != nil {
		return op, nil
	}
	return nil, fmt.Errorf("%w: %s", errUnknownOperation, id)
}

// Knows fails on a case about an operation that there is not.
func (c *Contract) Knows(cases []Case) error {
	for _, k := range cases {
		for _, s := range k.Steps {
			if _, err := c.operation(s.Operation); err != nil {
				return fmt.Errorf("%s: case %q: %w", k.file, k.Name, err)
			}
		}
	}
	return nil
}

// Parameters names what an operation takes in its path, in that order, or in its query.
func (c *Contract) Parameters(id, in string) []string {
	var names []string
	if op := c.operations[id]; op != nil {
		for _, p := range op.parameters {
			if p.Value.In == in {
				names = append(names, p.Value.Name)
			}
		}
	}
	return names
}
