package api

import (
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/latchkey-dev/latchkey/gen/api"
	"github.com/latchkey-dev/latchkey/internal/permission"
)

var updateGolden = flag.Bool("update", false, "write golden files anew")

var builtIn = sync.OnceValues(api.GetSpec)

// theContract is what the server holds. All tests read one copy, so nobody may change it; see spoilable.
func theContract(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := builtIn()
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// spoilable is a copy of the contract whose operations may be changed, though not what they point at.
func spoilable(t *testing.T) *openapi3.T {
	t.Helper()
	doc := *theContract(t)
	paths := openapi3.NewPaths()
	for path, item := range doc.Paths.Map() {
		i := *item
		for method, op := range item.Operations() {
			o := *op
			o.Extensions = maps.Clone(op.Extensions)
			i.SetOperation(method, &o)
		}
		paths.Set(path, &i)
	}
	doc.Paths = paths
	return &doc
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
	revoke := operation("/api/access-keys/self", "DELETE")
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
		{"no x-withdraws", func(d *openapi3.T) { delete(revoke(d).Extensions, "x-withdraws") }, "DELETE /api/access-keys/self: no x-withdraws"},
		{"an x-withdraws that is a text", func(d *openapi3.T) { revoke(d).Extensions["x-withdraws"] = "true" }, "DELETE /api/access-keys/self: no x-withdraws"},
		{"an x-withdraws that is empty", func(d *openapi3.T) { revoke(d).Extensions["x-withdraws"] = nil }, "DELETE /api/access-keys/self: no x-withdraws"},
		{"a GET that withdraws", func(d *openapi3.T) { keys(d).Extensions["x-withdraws"] = true }, "GET /api/auth/access-keys: x-withdraws"},
		{"a GET that says it does not withdraw", func(d *openapi3.T) { keys(d).Extensions["x-withdraws"] = false }, "GET /api/auth/access-keys: x-withdraws"},
		{"an x-max-body that is a text", func(d *openapi3.T) {
			operation("/api/permissions", "PUT")(d).Extensions["x-max-body"] = "1 MiB"
		}, "PUT /api/permissions: x-max-body"},
		{"an x-max-body without a body", func(d *openapi3.T) { keys(d).Extensions["x-max-body"] = 1024.0 }, "GET /api/auth/access-keys: x-max-body"},
		{"an operationId twice", func(d *openapi3.T) { keys(d).OperationID = "AccountGet" }, "operationId used twice"},
		{"a GET with a body", func(d *openapi3.T) {
			keys(d).RequestBody = operation("/api/auth/access-keys", "POST")(d).RequestBody
		}, "a GET takes no body"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			doc := spoilable(t)
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
	doc := spoilable(t)
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
		lines = append(lines, fmt.Sprintf("%s -> %s %s -> %s, %s -> %s\n", p.id, p.route.Method, p.route.Path, p.permission, credentialsOf(p), effectOf(p)))
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
	if p.basic {
		kinds = append(kinds, "access key as Basic")
	}
	if len(kinds) == 0 {
		return "anyone"
	}
	return strings.Join(kinds, " or ")
}

func effectOf(p policy) string {
	switch {
	case p.unleased:
		return "reads, with or without a lease"
	case p.route.Method == http.MethodGet:
		return "reads"
	case p.withdraws:
		return "withdraws"
	}
	return "does not withdraw"
}

// Who takes HTTP Basic takes an access key, whatever else the contract lists.
func TestBasicIsAWayToSendAnAccessKey(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		schemes             []string
		session, key, basic bool
	}{
		{[]string{"session"}, true, false, false},
		{[]string{"access_key"}, false, true, false},
		{[]string{"access_key_basic"}, false, true, true},
		{[]string{"access_key", "access_key_basic"}, false, true, true},
		{[]string{"session", "access_key_basic"}, true, true, true},
	} {
		doc := spoilable(t)
		doc.Paths.Value("/oauth/introspect").Post.Security = securityOf(tc.schemes...)
		rules, err := policies(doc)
		if err != nil {
			t.Fatal(err)
		}
		if p := rules["TokenIntrospect"]; p.session != tc.session || p.key != tc.key || p.basic != tc.basic {
			t.Errorf("%q: session %t, key %t, basic %t", tc.schemes, p.session, p.key, p.basic)
		}
	}
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
	rules, err := policies(theContract(t))
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
	if want := []string{"AccountCreate", "AccountPasswordReset", "AuthPasswordSignin", "AuthPasswordSignup", "AuthPasswordUpdate", "SetupComplete"}; !slices.Equal(longer, want) {
		t.Errorf("%q, want %q", longer, want)
	}
}
