package api

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/latchkey-dev/latchkey/internal/permission"
	"github.com/latchkey-dev/latchkey/internal/problem"
)

func readContract() (*openapi3.T, error) {
	return openapi3.NewLoader().LoadFromFile("../../openapi.yaml")
}

var fromDisk = sync.OnceValues(readContract)

// writtenContract is openapi.yaml as people edit it. All tests read one copy, so nobody may change it.
func writtenContract(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := fromDisk()
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestTheContractIsValid(t *testing.T) {
	t.Parallel()
	if err := writtenContract(t).Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	spoilt, err := readContract() // or the lines above would not look at examples
	if err != nil {
		t.Fatal(err)
	}
	spoilt.Components.Schemas["ID"].Value.Example = "not an id"
	if spoilt.Validate(t.Context()) == nil {
		t.Error("an example that does not fit was not noticed")
	}
}

func TestTheServerHoldsTheContractAsWritten(t *testing.T) {
	t.Parallel()
	onDisk, err := json.Marshal(writtenContract(t))
	if err != nil {
		t.Fatal(err)
	}
	built, err := json.Marshal(theContract(t))
	if err != nil {
		t.Fatal(err)
	}
	if string(onDisk) != string(built) {
		t.Error("openapi.yaml has changed; run make gen")
	}
}

// sameNames fails the test unless two lists name the same, whatever their order.
func sameNames(t *testing.T, what string, inContract, inCode []string) {
	t.Helper()
	slices.Sort(inContract)
	slices.Sort(inCode)
	if !slices.Equal(inContract, inCode) {
		t.Errorf("%s:\nin openapi.yaml %q\nin the code     %q", what, inContract, inCode)
	}
}

func enumOf(t *testing.T, s *openapi3.SchemaRef) []string {
	t.Helper()
	var all []string
	for _, v := range s.Value.Enum {
		all = append(all, v.(string))
	}
	if len(all) == 0 {
		t.Fatal("no enum")
	}
	return all
}

// declaredConstants reads the constants of a type from source, so that one which nobody uses yet is seen, too.
func declaredConstants(t *testing.T, file, typeName string) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, d := range f.Decls {
		group, ok := d.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			continue
		}
		for _, spec := range group.Specs {
			v := spec.(*ast.ValueSpec)
			if kind, ok := v.Type.(*ast.Ident); !ok || kind.Name != typeName {
				continue
			}
			text, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, text)
		}
	}
	return all
}

func TestClosedListsAreTheSameInContractAndCode(t *testing.T) {
	t.Parallel()
	schemas := writtenContract(t).Components.Schemas
	var codes []string
	for _, c := range problem.Codes() {
		codes = append(codes, string(c))
	}
	sameNames(t, "error codes", enumOf(t, schemas["ErrorCode"]), codes)
	sameNames(t, "error codes as constants", enumOf(t, schemas["ErrorCode"]), declaredConstants(t, "../problem/codes.go", "Code"))
	sameNames(t, "audit events", enumOf(t, schemas["AuditEventType"]), declaredConstants(t, "../audit/audit.go", "Type"))
	sameNames(t, "statuses of a key", enumOf(t, schemas["AccessKeyStatus"]), declaredConstants(t, "../accesskey/accesskey.go", "Status"))
	sameNames(t, "kinds of credential", enumOf(t, schemas["AuditActor"].Value.Properties["credential"]), declaredConstants(t, "../auth/auth.go", "Kind"))
}

func TestEveryPermissionIsDescribed(t *testing.T) {
	t.Parallel()
	text := writtenContract(t).Components.Schemas["Permission"].Value.Description
	asked := map[string]bool{}
	for _, w := range walkContract(t) {
		asked[w.permission] = true
	}
	delete(asked, public)
	sameNames(t, "permissions", sortedKeys(asked), permission.All())
	for name := range asked {
		if !strings.Contains(text, "`"+name+"`") {
			t.Errorf("the schema Permission does not tell what %s is", name)
		}
	}
}

// What is wrong with a request is told by problems that its operation lists, so that clients can be generated.
func TestEveryOperationListsWhatCanGoWrong(t *testing.T) {
	t.Parallel()
	listed := map[int]bool{}
	for path, item := range writtenContract(t).Paths.Map() {
		for method, op := range item.Operations() {
			if op.OperationID == "ForwardAuth" { // what a gateway understands, and nothing else
				sameNames(t, "statuses of ForwardAuth", sortedKeys(op.Responses.Map()), []string{"200", "401", "402", "403", "429", "503"})
				listed[http.StatusPaymentRequired] = true // which no other operation asks for
				continue
			}
			credentials, health := len(*op.Security) > 0, slices.Contains(op.Tags, "health")
			parameters := slices.Concat(item.Parameters, op.Parameters)
			for status, wanted := range map[int]bool{
				400: true, 413: true, 431: true,
				401: credentials, 403: credentials || method != http.MethodGet,
				404: hasParameter(parameters, "path", ""), 412: hasParameter(parameters, "header", "If-Match"),
				415: op.RequestBody != nil, 500: !health, 503: !health || op.OperationID == "Readyz",
			} {
				if wanted && op.Responses.Status(status) == nil {
					t.Errorf("%s %s does not list %d", method, path, status)
				}
			}
			for code := range op.Responses.Map() {
				status, err := strconv.Atoi(code)
				if err != nil {
					t.Errorf("%s %s: a response for %s; every status is listed by itself", method, path, code)
				}
				listed[status] = true
			}
		}
	}
	for _, c := range problem.Codes() {
		if status := problem.Lookup(c).Status; !listed[status] && c != problem.MethodNotAllowed { // which is of no operation
			t.Errorf("%s is %d, which no operation lists", c, status)
		}
	}
}

func hasParameter(all openapi3.Parameters, in, name string) bool {
	return slices.ContainsFunc(all, func(p *openapi3.ParameterRef) bool {
		return p.Value.In == in && (name == "" || p.Value.Name == name)
	})
}

func TestEveryFailureIsAProblem(t *testing.T) {
	t.Parallel()
	for path, item := range writtenContract(t).Paths.Map() {
		for method, op := range item.Operations() {
			for status, r := range op.Responses.Map() {
				if status < "400" {
					continue
				}
				kind := r.Value.Content["application/problem+json"]
				if kind == nil || len(r.Value.Content) != 1 || !strings.HasSuffix(kind.Schema.Ref, "/Problem") {
					t.Errorf("%s %s: %s is not a Problem", method, path, status)
				}
				for header, needed := range map[string]bool{"Retry-After": status == "429" || status == "503", "WWW-Authenticate": status == "401"} {
					if needed && r.Value.Headers[header] == nil {
						t.Errorf("%s %s: %s does not have the header %s", method, path, status, header)
					}
				}
			}
		}
	}
}

// ASVS 15.3.3: a request holds nothing that the contract does not know, and nothing of unlimited length.
func TestRequestSchemasAreClosed(t *testing.T) {
	t.Parallel()
	open := "TokenIntrospect" // ignores what it does not know, as RFC 6749 section 3.1 has it
	var look func(where string, s *openapi3.Schema)
	look = func(where string, s *openapi3.Schema) {
		switch {
		case len(s.AllOf) > 0: // closed if one of them is
			look(where, s.AllOf[0].Value)
		case where != open && s.Type.Is("object") && (s.AdditionalProperties.Has == nil || *s.AdditionalProperties.Has):
			t.Errorf("%s takes members that are not known", where)
		case s.Type.Is("array") && s.MaxItems == nil:
			t.Errorf("%s takes any number of items", where)
		case s.Type.Is("string") && s.MaxLength == nil && s.Pattern == "" && s.Format != "date-time" && len(s.Enum) == 0:
			t.Errorf("%s takes a text of any length", where)
		}
		for name, member := range s.Properties {
			look(where+"/"+name, member.Value)
		}
		if s.Items != nil {
			look(where+"/0", s.Items.Value)
		}
	}
	for _, item := range writtenContract(t).Paths.Map() {
		for _, op := range item.Operations() {
			for _, p := range slices.Concat(item.Parameters, op.Parameters) {
				look(op.OperationID+" "+p.Value.Name, p.Value.Schema.Value)
			}
			if op.RequestBody == nil {
				continue
			}
			kind := mediaTypeOf(op)
			sameNames(t, op.OperationID+" media types", sortedKeys(op.RequestBody.Value.Content), []string{kind})
			if !op.RequestBody.Value.Required {
				t.Errorf("%s: the body is not required, and an empty one would pass unchecked", op.OperationID)
			}
			look(op.OperationID, op.RequestBody.Value.Content[kind].Schema.Value)
		}
	}
}

// mediaTypeOf is JSON, but for the operation of a standard that has a form.
func mediaTypeOf(op *openapi3.Operation) string {
	if op.OperationID == "TokenIntrospect" {
		return "application/x-www-form-urlencoded"
	}
	return "application/json"
}

// examplesOf lists those of one body.
func examplesOf(m *openapi3.MediaType) map[string]any {
	all := map[string]any{}
	if m.Example != nil {
		all["example"] = m.Example
	}
	for name, e := range m.Examples {
		all[name] = e.Value.Value
	}
	return all
}

// An example is what people paste first: the server takes it.
func TestExamplesAreTaken(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for path, item := range writtenContract(t).Paths.Map() {
		for method, op := range item.Operations() {
			if op.RequestBody == nil {
				continue
			}
			kind := mediaTypeOf(op)
			all := examplesOf(op.RequestBody.Value.Content[kind])
			if len(all) == 0 {
				t.Errorf("%s has no example", op.OperationID)
			}
			caller := h.member(strings.ToLower(op.OperationID), permission.Administrator) // of its own: one example changes the password
			if kind != "application/json" {
				_, caller = caller.newKey("example")
			}
			for name, body := range all {
				a := caller.send(method, pathParameter.ReplaceAllString(path, nobodysID), written(t, kind, body), kind)
				if a.status == 400 || a.status == 415 || a.status >= 500 || guardVerdict(a) != passed {
					t.Errorf("%s, %s: %d %s", op.OperationID, name, a.status, a.body)
				}
			}
		}
	}
}

// written is an example as it is sent.
func written(t *testing.T, kind string, body any) io.Reader {
	t.Helper()
	if kind == "application/json" {
		b, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		return bytes.NewReader(b)
	}
	form := url.Values{}
	for name, value := range body.(map[string]any) {
		form.Set(name, value.(string))
	}
	return strings.NewReader(form.Encode())
}

func TestExamplesOfAnswersFit(t *testing.T) {
	t.Parallel()
	for _, item := range writtenContract(t).Paths.Map() {
		for _, op := range item.Operations() {
			for status, r := range op.Responses.Map() {
				for _, m := range r.Value.Content {
					for name, body := range examplesOf(m) {
						if err := m.Schema.Value.VisitJSON(body, openapi3.VisitAsResponse()); err != nil {
							t.Errorf("%s %s, %s: %v", op.OperationID, status, name, err)
						}
					}
				}
			}
		}
	}
}
