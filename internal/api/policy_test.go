package api

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/latchkey-dev/latchkey/gen/api"
	"github.com/latchkey-dev/latchkey/internal/permission"
)

var updateGolden = flag.Bool("update", false, "write golden files anew")

func theContract(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := api.GetSpec()
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestTheContractCanBeEnforced(t *testing.T) {
	t.Parallel()
	rules, err := policies(theContract(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range rules {
		if p.permission != public && p.anonymous() {
			t.Errorf("%s asks for %s and takes no credential", p.id, p.permission)
		}
	}
}

// ASVS 8.2.1: an operation whose rights are not stated, or not enforceable, keeps the server from starting.
func TestASpecThatCannotBeEnforcedIsRefused(t *testing.T) {
	t.Parallel()
	operation := func(path, method string) func(*openapi3.T) *openapi3.Operation {
		return func(doc *openapi3.T) *openapi3.Operation { return doc.Paths.Value(path).GetOperation(method) }
	}
	keys, own := operation("/api/auth/access-keys", "GET"), operation("/api/accounts", "GET")
	for _, tc := range []struct {
		name  string
		spoil func(*openapi3.T)
		want  string
	}{
		{"no operationId", func(d *openapi3.T) { keys(d).OperationID = "" }, "GET /api/auth/access-keys: no operationId"},
		{"no x-permission", func(d *openapi3.T) { delete(keys(d).Extensions, "x-permission") }, "GET /api/auth/access-keys: no x-permission"},
		{"an x-permission that is not a text", func(d *openapi3.T) { keys(d).Extensions["x-permission"] = true }, "GET /api/auth/access-keys: no x-permission"},
		{"an empty x-permission", func(d *openapi3.T) { keys(d).Extensions["x-permission"] = "" }, "no such permission"},
		{"an unknown permission", func(d *openapi3.T) { keys(d).Extensions["x-permission"] = "LIST_KEYS" }, "no such permission: LIST_KEYS"},
		{"a permission in lower case", func(d *openapi3.T) { keys(d).Extensions["x-permission"] = "manage_roles" }, "no such permission: manage_roles"},
		{"no security", func(d *openapi3.T) { keys(d).Security = nil }, "GET /api/auth/access-keys: no security"},
		{"no security of its own, but one of the document", func(d *openapi3.T) {
			d.Security = openapi3.SecurityRequirements{{"session": {}}}
			own(d).Security = nil
		}, "GET /api/accounts: no security"},
		{"an unknown scheme", func(d *openapi3.T) { keys(d).Security = securityOf("basic") }, "no such credential: basic"},
		{"an unknown scheme beside a known one", func(d *openapi3.T) { keys(d).Security = securityOf("session", "basic") }, "no such credential: basic"},
		{"two credentials at once", func(d *openapi3.T) {
			keys(d).Security = &openapi3.SecurityRequirements{{"session": {}, "access_key": {}}}
		}, "security: one credential at a time"},
		{"a credential that is optional", func(d *openapi3.T) {
			keys(d).Security = &openapi3.SecurityRequirements{{}, {"session": {}}}
		}, "security: one credential at a time"},
		{"a permission without a credential", func(d *openapi3.T) { keys(d).Security = securityOf() }, "a permission needs a credential"},
		{"a permission that nothing asks for", func(d *openapi3.T) {
			operation("/api/admin/audit-events", "GET")(d).Extensions["x-permission"] = public
		}, "no operation asks for the permission " + permission.ViewAuditLog},
		{"an operationId twice", func(d *openapi3.T) { keys(d).OperationID = "AccountGet" }, "operationId used twice"},
		{"a GET with a body", func(d *openapi3.T) {
			keys(d).RequestBody = operation("/api/auth/access-keys", "POST")(d).RequestBody
		}, "a GET takes no body"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			doc := theContract(t)
			tc.spoil(doc)
			_, err := policies(doc)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("policies() = %v, want an error with %q", err, tc.want)
			}
		})
	}
}

func TestAllFaultsOfASpecAreTold(t *testing.T) {
	t.Parallel()
	doc := theContract(t)
	doc.Paths.Value("/livez").Get.Security = nil
	doc.Paths.Value("/readyz").Get.OperationID = ""
	_, err := policies(doc)
	for _, want := range []string{"GET /livez: no security", "GET /readyz: no operationId"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("policies() = %v, want an error with %q", err, want)
		}
	}
}

// Any changed right is a line of the golden file, so that a reviewer sees it.
func TestWhoMayDoWhat(t *testing.T) {
	t.Parallel()
	rules, err := policies(theContract(t))
	if err != nil {
		t.Fatal(err)
	}
	lines := make([]string, 0, len(rules))
	for _, p := range rules {
		lines = append(lines, fmt.Sprintf("%s -> %s %s -> %s, %s\n", p.id, p.route.Method, p.route.Path, p.permission, credentialsOf(p)))
	}
	slices.Sort(lines)
	got := strings.Join(lines, "")
	const golden = "testdata/permissions.golden"
	if *updateGolden {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("who may do what has changed; look at each line, then run go test ./internal/api -run WhoMayDoWhat -update\nnow:\n%s\nbefore:\n%s", got, want)
	}
}

func credentialsOf(p policy) string {
	var kinds []string
	if p.session {
		kinds = append(kinds, "session")
	}
	if p.key {
		kinds = append(kinds, "access key")
	}
	if len(kinds) == 0 {
		return "anyone"
	}
	return strings.Join(kinds, " or ")
}

func securityOf(schemes ...string) *openapi3.SecurityRequirements {
	all := openapi3.SecurityRequirements{}
	for _, s := range schemes {
		all = append(all, openapi3.SecurityRequirement{s: {}})
	}
	return &all
}

// Whoever waits for a hash waits longer than the database may take; nobody else does.
func TestOperationsWithAPasswordMayTakeLonger(t *testing.T) {
	t.Parallel()
	doc, err := api.GetSpec()
	if err != nil {
		t.Fatal(err)
	}
	rules, err := policies(doc)
	if err != nil {
		t.Fatal(err)
	}
	var longer []string
	for id, p := range rules {
		if p.life == passwordLife {
			longer = append(longer, id)
		}
	}
	slices.Sort(longer)
	if want := []string{"AccountCreate", "AuthPasswordSignin", "AuthPasswordSignup", "AuthPasswordUpdate", "SetupComplete"}; !slices.Equal(longer, want) {
		t.Errorf("%q, want %q", longer, want)
	}
}
