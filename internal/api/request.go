package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/go-json-experiment/json"
	"github.com/labstack/echo/v4"

	"github.com/latchkey-dev/latchkey/gen/api"
	"github.com/latchkey-dev/latchkey/internal/problem"
	"github.com/latchkey-dev/latchkey/internal/strictjson"
)

// Limits on a request, in bytes; maxDepth in levels.
const (
	maxHeader     = 16 << 10
	maxBody       = 64 << 10
	maxVerifyBody = 8 << 10
	maxDepth      = 16
)

var (
	errHeadersTooLarge = problem.New(problem.HeadersTooLarge).WithField("max_bytes", maxHeader)
	errNotJSON         = problem.New(problem.MediaTypeUnsupported)
)

// readBody reads the whole body, up to the limit, before anything else is done for the request.
func readBody(r *http.Request, most int64) ([]byte, error) {
	tooLarge := func() error { return problem.New(problem.BodyTooLarge).WithField("max_bytes", most) }
	if r.ContentLength == 0 || r.Body == nil {
		return nil, nil
	}
	if r.ContentLength > most {
		return nil, tooLarge()
	}
	var body []byte
	var err error
	if r.ContentLength > 0 {
		body = make([]byte, r.ContentLength)
		_, err = io.ReadFull(r.Body, body)
	} else {
		body, err = io.ReadAll(io.LimitReader(r.Body, most+1))
	}
	if err != nil {
		return nil, invalid("The body ended before it was complete.")
	}
	if int64(len(body)) > most {
		return nil, tooLarge()
	}
	return body, nil
}

// checkRequest holds a request against the contract: its media type, its JSON, its parameters and its body.
//
// Errors: problem.MediaTypeUnsupported, problem.RequestInvalid, and problem.NotFound for a path that can name nothing.
func checkRequest(c echo.Context, p policy, body []byte) error {
	r := c.Request()
	if err := checkQuery(r.URL.RawQuery, p.query); err != nil {
		return err
	}
	if p.form {
		return takeForm(r, body)
	}
	if p.takesBody && (r.Header.Get("Content-Encoding") != "" || !isJSON(r.Header["Content-Type"])) {
		return errNotJSON
	}
	if p.verifies && takePlain(c, p.id, body) {
		return nil // found to fit the contract by the cheaper way
	}
	if err := checkBody(p, body); err != nil {
		return err
	}
	if p.unparameterised {
		return nil
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	c.Set(bodyKey, body)
	pathParams := make(map[string]string, len(c.ParamNames()))
	for _, name := range c.ParamNames() {
		pathParams[name] = c.Param(name)
	}
	return explain(openapi3filter.ValidateRequest(r.Context(), &openapi3filter.RequestValidationInput{
		Request: r, PathParams: pathParams, Route: p.route, Options: validation}))
}

var validation = &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, SkipSettingDefaults: true}

func checkBody(p policy, body []byte) error {
	if !p.takesBody {
		if len(body) > 0 {
			return invalid("This operation takes no body.")
		}
		return nil
	}
	var fault *strictjson.Error
	if err := strictjson.Check(body, maxDepth); errors.As(err, &fault) {
		return invalid("The body cannot be read: "+fault.Reason+".").WithField("pointer", fault.Pointer)
	}
	return nil
}

func isJSON(types []string) bool {
	if len(types) != 1 {
		return false
	}
	if types[0] == "application/json" {
		return true
	}
	kind, params, err := mime.ParseMediaType(types[0])
	charset, stated := params["charset"]
	return err == nil && kind == "application/json" && (!stated || strings.EqualFold(charset, "utf-8"))
}

func checkQuery(raw string, known map[string]bool) error {
	if raw == "" {
		return nil
	}
	query, err := url.ParseQuery(raw)
	if err != nil {
		return invalid("The query cannot be read.")
	}
	for name, values := range query {
		if !known[name] {
			return invalid("The query has a parameter that is not known here.").WithField("allowed", sortedKeys(known))
		}
		if len(values) > 1 {
			return invalid("A query parameter is repeated.").WithField("parameter", name)
		}
	}
	return nil
}

// explain turns the validator's finding into a problem. Its own text quotes what was submitted, so none of it is used but
// the reason of a schema and the place.
func explain(err error) error {
	if err == nil {
		return nil
	}
	var request *openapi3filter.RequestError
	if !errors.As(err, &request) {
		return invalid("The request does not fit the contract.")
	}
	if request.Parameter != nil && request.Parameter.In == openapi3.ParameterInPath {
		return problem.New(problem.NotFound)
	}
	p := invalid("The body does not fit the contract.")
	if request.Parameter != nil {
		p = invalid("A parameter does not fit the contract.").WithField("parameter", request.Parameter.Name)
	}
	var schema *openapi3.SchemaError
	if !errors.As(request.Err, &schema) {
		return p
	}
	if request.Parameter == nil {
		p = p.WithField("pointer", pointer(schema.JSONPointer()))
	}
	return p.WithField("reason", reason(schema))
}

// reason says what rule was broken without the value that broke it.
func reason(e *openapi3.SchemaError) string {
	if e.SchemaField == "properties" || e.SchemaField == "additionalProperties" {
		return "members other than " + strings.Join(sortedKeys(e.Schema.Properties), ", ") + " are not known"
	}
	return e.Reason
}

func pointer(parts []string) string {
	if len(parts) == 0 {
		return ""
	}
	return "/" + strings.Join(parts, "/")
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func invalid(detail string) *problem.Error {
	return problem.New(problem.RequestInvalid).WithDetail(detail)
}

// bodyKey is where the checked body waits for its decoder.
const bodyKey = "body"

// binder decodes the body that was checked, and nothing else: echo's own would mix in path, query and forms, and match names
// whatever their case.
type binder struct{}

// Bind decodes into i.
func (binder) Bind(i any, c echo.Context) error {
	switch plain := c.Get(plainKey).(type) {
	case *api.AccessKeyVerifyInput:
		return bindPlain(i, plain)
	case *api.AccessKeyVerifyBatchInput:
		return bindPlain(i, plain)
	}
	body, _ := c.Get(bodyKey).([]byte)
	if err := json.Unmarshal(body, i, json.RejectUnknownMembers(true)); err != nil {
		return invalid("The body does not fit the contract.")
	}
	return nil
}

func bindPlain[T any](i any, plain *T) error {
	in, ok := i.(*T)
	if !ok {
		return fmt.Errorf("bind %T: a %T was taken", i, plain)
	}
	*in = *plain
	return nil
}

// moments is RFC 3339 to the letter. time.Parse takes an hour of one digit, a comma, and offsets of 24 hours and of 60 minutes.
var moments = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$`)

// The validator's own date-time takes 24:00, a leap second and a missing zone.
func init() {
	openapi3.DefineStringFormatValidator("date-time", openapi3.NewCallbackValidator(func(s string) error {
		t, err := time.Parse(time.RFC3339Nano, s)
		if err != nil || !moments.MatchString(s) || t.UTC().Year() < 1 || t.UTC().Year() > 9999 {
			return errors.New("an RFC 3339 date and time with its zone, in the years 1 to 9999")
		}
		return nil
	}))
}
