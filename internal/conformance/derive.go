package conformance

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"go.yaml.in/yaml/v3"
)

const (
	nobodysID = "00000000000000000000" // has the shape of every id, and of a handle
	public    = "none"                 // as x-permission
)

// Derive makes the cases that follow from the contract alone, for every operation that it has.
func Derive(c *Contract) ([]Case, error) {
	b, err := written.ReadFile("asks.yaml")
	if err != nil {
		return nil, fmt.Errorf("read asks: %w", err)
	}
	var asks map[string]Step
	if err := yaml.Unmarshal(b, &asks); err != nil {
		return nil, fmt.Errorf("read asks: %w", err)
	}
	var all []Case
	for _, id := range c.Operations() {
		d := deriver{op: c.operations[id]}
		d.least(asks[id])
		for _, derive := range []func(){d.credentials, d.permissions, d.origin, d.query, d.body, d.unknown, d.sizes} {
			derive()
		}
		all = append(all, d.cases...)
	}
	return all, nil
}

// deriver makes the cases of one operation.
type deriver struct {
	op    *operation
	ask   Step // well formed, by somebody who may
	cases []Case
}

// least is what the operation is asked at the least; own says where the contract's example would be too much.
func (d *deriver) least(own Step) {
	d.ask = Step{Operation: d.op.id, As: d.caller(), Path: map[string]string{}, Headers: own.Headers, Body: own.Body}
	for _, p := range d.op.parameters {
		if p.Value.In == openapi3.ParameterInPath {
			d.ask.Path[p.Value.Name] = nobodysID
		}
	}
	if d.op.media != "" && own.Body.Kind == 0 {
		d.ask.Body = *node(d.op.example())
	}
}

// caller is somebody whom the operation lets in, and nobody who is needed elsewhere where that can be.
func (d *deriver) caller() string {
	own := d.op.permission == public || d.op.permission == havingKeys
	switch {
	case d.op.session && own:
		return "spare"
	case d.op.session:
		return "admin"
	case d.op.key && own:
		return "spare-key"
	case d.op.key:
		return "gate-key"
	}
	return "nobody"
}

// add makes a case of the least request with one thing changed. A status that the operation never answers makes none.
func (d *deriver) add(name string, status int, code string, change func(*Step)) {
	if !d.op.answers(status) {
		return
	}
	s := d.ask
	s.Path, s.Headers, s.Query = maps.Clone(s.Path), maps.Clone(s.Headers), map[string]string{}
	s.Want = Want{Status: status, Error: code, Headers: map[string]yaml.Node{}}
	if s.Headers == nil {
		s.Headers = map[string]string{}
	}
	change(&s)
	d.cases = append(d.cases, Case{Name: name, Steps: []Step{s}, About: d.op.id, file: "derived"})
}

func as(who string) func(*Step) { return func(s *Step) { s.As = who } }

// refusedAs is a credential that is refused, with what the challenge says of it.
func refusedAs(who, challenge string) func(*Step) {
	return func(s *Step) {
		s.As = who
		s.Want.Headers["WWW-Authenticate"] = yaml.Node{Kind: yaml.ScalarNode, Tag: "!matches", Value: challenge}
	}
}

const (
	onlyRealm = `^Bearer realm="[^"]*"$`
	invalid   = `^Bearer realm="[^"]*", error="invalid_token"$`
)

func (d *deriver) credentials() {
	if !d.op.session && !d.op.key {
		return
	}
	d.add("without a credential", http.StatusUnauthorized, "credential_required", refusedAs("nobody", onlyRealm))
	d.add("with a key that never was", http.StatusUnauthorized, "credential_invalid", refusedAs("wrong-key", invalid))
	d.add("with a key that is revoked", http.StatusUnauthorized, "credential_invalid", refusedAs("dead-key", invalid))
	if d.op.session {
		d.add("with a session that never was", http.StatusUnauthorized, "credential_invalid", refusedAs("wrong-session", onlyRealm))
		d.add("with a session that has ended", http.StatusUnauthorized, "credential_invalid", refusedAs("dead-session", onlyRealm))
	}
	if d.op.id != forwardAuth { // which does not look at cookies
		d.add("with two credentials", http.StatusBadRequest, "credentials_ambiguous", as("both"))
	}
}

func (d *deriver) permissions() {
	switch {
	case !d.op.session && !d.op.key:
		return
	case d.op.session && !d.op.key:
		d.add("with a key, where only a session counts", http.StatusForbidden, "credential_not_allowed", as("admin-key"))
	case d.op.key:
		d.add("with a key whose owner may not have keys any more", http.StatusForbidden, "permission_denied", as("orphan-key"))
	}
	if d.op.key && !d.op.session && d.op.id != forwardAuth {
		d.add("with a session, where only a key counts", http.StatusForbidden, "credential_not_allowed", as("spare"))
	}
	if d.op.permission == public {
		return
	}
	lacks := func(who string) func(*Step) {
		return func(s *Step) {
			s.As = who
			s.Want.Body = *node(map[string]any{"metadata": map[string]any{"permission": d.op.permission}})
		}
	}
	if d.op.session {
		d.add("without its permission", http.StatusForbidden, "permission_denied", lacks("plain"))
	}
	if d.op.key && d.op.permission != havingKeys {
		d.add("with a key without its permission", http.StatusForbidden, "permission_denied", func(s *Step) {
			lacks("member-key")(s)
			s.Want.Headers["WWW-Authenticate"] = yaml.Node{Kind: yaml.ScalarNode, Tag: "!matches",
				Value: `^Bearer realm="[^"]*", error="insufficient_scope", scope="` + d.op.permission + `"$`}
		})
	}
}

const havingKeys = "USE_PERSONAL_ACCESS_KEYS"

// origin is what a browser adds to a request that another site made it send.
func (d *deriver) origin() {
	if d.op.method == http.MethodGet {
		return
	}
	d.add("from another site", http.StatusForbidden, "cross_origin", func(s *Step) {
		s.Headers["Origin"], s.Headers["Sec-Fetch-Site"] = "https://elsewhere.example", "cross-site"
	})
}

func (d *deriver) query() {
	d.add("with a query parameter that is not known", http.StatusBadRequest, "request_invalid", func(s *Step) { s.Query["no_such_parameter"] = "1" })
	for _, p := range d.op.parameters {
		if bad := misfitting(p.Value.Schema.Value); p.Value.In == openapi3.ParameterInQuery && bad != "" {
			d.add("with a value of "+p.Value.Name+" that does not fit", http.StatusBadRequest, "request_invalid", func(s *Step) { s.Query[p.Value.Name] = bad })
		}
	}
}

// misfitting is a value that a schema does not take; empty if it takes everything.
func misfitting(s *openapi3.Schema) string {
	switch {
	case s.Max != nil:
		return fmt.Sprint(int64(*s.Max) + 1)
	case s.MaxLength != nil:
		return strings.Repeat("x", int(*s.MaxLength)+1)
	case len(s.Enum) > 0, s.Pattern != "", s.Format == "date-time", s.Type.Is("boolean"):
		return "no-such-value"
	}
	return ""
}

func (d *deriver) body() {
	if d.op.media == "" {
		return
	}
	raw := func(text string) func(*Step) { return func(s *Step) { s.Raw = &text } }
	other := "application/json"
	if d.op.media == other {
		other = "text/plain"
	}
	d.add("with a body of another media type", http.StatusUnsupportedMediaType, "media_type_unsupported", func(s *Step) { s.Media = other })
	d.add("without a body", http.StatusBadRequest, "request_invalid", raw(""))
	if d.op.media == formType {
		return
	}
	d.add("with a body that is not JSON", http.StatusBadRequest, "request_invalid", raw(`{"`))
	d.add("with a member that is not known", http.StatusBadRequest, "request_invalid", func(s *Step) {
		s.Body = *with(s.Body, "no_such_member", "1")
	})
	d.add("with a member twice", http.StatusBadRequest, "request_invalid", raw(`{"x": 1, "x": 1}`))
	schema := d.op.spec.RequestBody.Value.Content[d.op.media].Schema.Value
	for _, name := range slices.Sorted(slices.Values(schema.Required)) {
		d.add("without its member "+name, http.StatusBadRequest, "request_invalid", func(s *Step) { s.Body = *without(s.Body, name) })
	}
}

func (d *deriver) unknown() {
	if len(d.ask.Path) == 0 {
		return
	}
	d.add("about an id of nothing", http.StatusNotFound, "not_found", func(*Step) {})
	d.add("about what cannot be an id", http.StatusNotFound, "not_found", func(s *Step) {
		for name := range s.Path {
			s.Path[name] = "!"
		}
	})
}

func (d *deriver) sizes() {
	d.add("with a body that is too large", http.StatusRequestEntityTooLarge, "body_too_large", func(s *Step) {
		large := strings.Repeat(" ", d.op.maxBody+1)
		s.Raw = &large
	})
	d.add("with headers that are too large", http.StatusRequestHeaderFieldsTooLarge, "headers_too_large", func(s *Step) {
		s.Headers["X-Padding"] = strings.Repeat("x", 17<<10)
	})
}

// node makes YAML of a value.
func node(v any) *yaml.Node {
	var n yaml.Node
	_ = n.Encode(v) // of what JSON can hold; never fails (yaml.v3)
	return &n
}

func with(body yaml.Node, name, value string) *yaml.Node {
	body.Content = append(slices.Clone(body.Content), node(name), node(value))
	return &body
}

func without(body yaml.Node, name string) *yaml.Node {
	var rest []*yaml.Node
	for i := 0; i < len(body.Content); i += 2 {
		if body.Content[i].Value != name {
			rest = append(rest, body.Content[i], body.Content[i+1])
		}
	}
	body.Content = rest
	return &body
}
