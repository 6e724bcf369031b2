package api

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"

	"github.com/latchkey-dev/latchkey/internal/permission"
)

// public is the x-permission of operations whose credential, if any, is enough.
const public = "none"

// policy is what the contract says of one operation, ready to be enforced.
type policy struct {
	id         string
	permission string          // public, or one of package permission
	session    bool            // takes a session
	key        bool            // takes an access key
	basic      bool            // takes it as HTTP Basic, too
	withdraws  bool            // takes a right away: answers once that holds on every node
	health     bool            // answers while the database is away
	unleased   bool            // tells why there is no lease, so that its caller is known by the database
	life       time.Duration   // how long it may take once it was read
	takesBody  bool            // has a request body
	form       bool            // which is a form, not JSON
	maxBody    int64           // bytes
	verifies   bool            // answers for keys, from memory: no log line for what it allows
	query      map[string]bool // the query parameters it knows
	route      *routers.Route  // for the validator

	unparameterised bool // has neither parameters nor a body: nothing for the validator
}

func (p policy) anonymous() bool { return !p.session && !p.key }

// policies reads the policy of every operation, by operationId. The server does not start unless each states its permission
// (x-permission), its credentials (security) and, where it is no GET, whether it takes a right away (x-withdraws), unless all
// that is known here, and unless every permission is asked for by some operation.
func policies(doc *openapi3.T) (map[string]policy, error) {
	all := map[string]policy{}
	var faults []error
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			p, err := newPolicy(doc, path, item, method, op)
			if err == nil && all[p.id].id != "" {
				err = errors.New("operationId used twice")
			}
			if err != nil {
				faults = append(faults, fmt.Errorf("%s %s: %w", method, path, err))
				continue
			}
			all[p.id] = p
		}
	}
	for _, name := range permission.All() {
		asks := func(p policy) bool { return p.permission == name }
		if !slices.ContainsFunc(values(all), asks) {
			faults = append(faults, fmt.Errorf("no operation asks for the permission %s", name))
		}
	}
	return all, errors.Join(faults...)
}

func newPolicy(doc *openapi3.T, path string, item *openapi3.PathItem, method string, op *openapi3.Operation) (policy, error) {
	asked, stated := op.Extensions["x-permission"].(string)
	withdraws, decided := op.Extensions["x-withdraws"].(bool)
	_, mentioned := op.Extensions["x-withdraws"]
	switch {
	case op.OperationID == "":
		return policy{}, errors.New("no operationId")
	case !stated:
		return policy{}, errors.New("no x-permission")
	case asked != public && !permission.Known(asked):
		return policy{}, fmt.Errorf("x-permission: no such permission: %s", asked)
	case op.Security == nil:
		return policy{}, errors.New("no security: state its credentials, [] for none")
	case asked != public && len(*op.Security) == 0:
		return policy{}, errors.New("a permission needs a credential")
	case method != http.MethodGet && !decided:
		return policy{}, errors.New("no x-withdraws: state whether it takes a right away")
	case method == http.MethodGet && mentioned:
		return policy{}, errors.New("x-withdraws: a GET takes no right away")
	}
	p := policy{id: op.OperationID, permission: asked, withdraws: withdraws, takesBody: op.RequestBody != nil, query: map[string]bool{},
		verifies: slices.Contains(op.Tags, "verify"), life: lifeOf(op), maxBody: maxBody,
		route: &routers.Route{Spec: doc, Path: path, PathItem: item, Method: method, Operation: op}}
	if p.verifies {
		p.maxBody = maxVerifyBody
	}
	if most, stated := op.Extensions["x-max-body"]; stated {
		bytes, ok := most.(float64)
		if !ok || bytes < 1 || !p.takesBody {
			return policy{}, errors.New("x-max-body: a number of bytes, where there is a body")
		}
		p.maxBody = int64(bytes)
		p.life = max(p.life, largeLife)
	}
	if p.takesBody {
		p.form = op.RequestBody.Value.Content.Get(formType) != nil
	}
	for _, way := range *op.Security {
		if len(way) != 1 {
			return policy{}, errors.New("security: one credential at a time, and none is []")
		}
		for scheme := range way {
			switch scheme {
			case "session":
				p.session = true
			case "access_key":
				p.key = true
			case "access_key_basic":
				p.basic, p.key = true, true
			default:
				return policy{}, fmt.Errorf("security: no such credential: %s", scheme)
			}
		}
	}
	if slices.Contains(op.Tags, "health") {
		p.health, p.unleased = p.anonymous(), !p.anonymous()
	}
	params := slices.Concat(item.Parameters, op.Parameters)
	p.unparameterised = len(params) == 0 && !p.takesBody
	for _, param := range params {
		if param.Value.In == openapi3.ParameterInQuery {
			p.query[param.Value.Name] = true
		}
	}
	if method == http.MethodGet && p.takesBody {
		return policy{}, errors.New("a GET takes no body")
	}
	return p, nil
}

// lifeOf gives operations that are sent a password the time to hash it.
func lifeOf(op *openapi3.Operation) time.Duration {
	if op.RequestBody == nil {
		return databaseLife
	}
	for _, content := range op.RequestBody.Value.Content {
		for _, member := range content.Schema.Value.Properties {
			if member.Value.Format == "password" {
				return passwordLife
			}
		}
	}
	return databaseLife
}

func values(m map[string]policy) []policy {
	list := make([]policy, 0, len(m))
	for _, p := range m {
		list = append(list, p)
	}
	return list
}
