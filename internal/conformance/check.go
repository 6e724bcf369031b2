package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// Headers that the contract declares for answers that do not always have them.
var conditional = []string{"RateLimit-Policy", "RateLimit", "Latchkey-Key-Expires"}

var traceShape = regexp.MustCompile(`^[0-9a-f]{32}$`)

// held says everything in which an answer, as it was sent, does not keep the contract.
func (c *Contract) held(op *operation, a Answer) []string {
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	if got := a.Header.Get("Cache-Control"); got != "no-store" {
		fault("Cache-Control is %q, want no-store", got)
	}
	request := a.Header.Get("X-Request-Id")
	passed := op.id == forwardAuth && a.Status == http.StatusOK // which the gateway's own log line is enough for
	if !passed && !traceShape.MatchString(request) {
		fault("X-Request-Id is %q, want 32 hex digits", request)
	}
	response := op.spec.Responses.Status(a.Status)
	if response == nil {
		fault("the status %d is none of those that the contract lists for %s", a.Status, op.id)
		return faults
	}
	faults = append(faults, headersOf(response.Value, a.Header)...)
	faults = append(faults, bodyOf(response.Value, a)...)
	if a.Status >= http.StatusBadRequest {
		faults = append(faults, problemOf(a, request)...)
	}
	return faults
}

const forwardAuth = "ForwardAuth"

func headersOf(r *openapi3.Response, h http.Header) []string {
	var faults []string
	for name, declared := range r.Headers {
		values := h.Values(name)
		switch {
		case len(values) > 1:
			faults = append(faults, fmt.Sprintf("%s is there %d times", name, len(values)))
		case len(values) == 0 && !slices.Contains(conditional, name):
			faults = append(faults, name+" is missing")
		case len(values) == 1:
			if fault := valueOf(declared.Value.Schema.Value, values[0]); fault != "" {
				faults = append(faults, name+": "+fault)
			}
		}
		if name == "Set-Cookie" && len(values) == 1 && (!strings.Contains(values[0], "; HttpOnly") || !strings.Contains(values[0], "; SameSite=Lax")) {
			faults = append(faults, "Set-Cookie is not HttpOnly and SameSite=Lax")
		}
	}
	slices.Sort(faults)
	return faults
}

func valueOf(s *openapi3.Schema, text string) string {
	var value any = text
	if s.Type.Is("integer") {
		n, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return "not a number"
		}
		value = n
	}
	return misfit(s, value)
}

func bodyOf(r *openapi3.Response, a Answer) []string {
	if len(r.Content) == 0 {
		if len(a.Body) > 0 {
			return []string{"there is a body, and must be none"}
		}
		return nil
	}
	sent, _, _ := mime.ParseMediaType(a.Header.Get("Content-Type"))
	media := r.Content[sent]
	if media == nil {
		return []string{fmt.Sprintf("Content-Type is %q, which the contract does not list", a.Header.Get("Content-Type"))}
	}
	var body any
	if err := json.Unmarshal(a.Body, &body); err != nil {
		return []string{"the body is not JSON"}
	}
	if fault := misfit(media.Schema.Value, body); fault != "" {
		return []string{"the body does not fit its schema: " + fault}
	}
	return nil
}

// misfit says where a value does not fit a schema, without the value, which may be a secret.
func misfit(s *openapi3.Schema, value any) string {
	err := s.VisitJSON(value, openapi3.VisitAsResponse())
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*openapi3.SchemaError](err); ok {
		return strings.TrimSpace("/" + strings.Join(e.JSONPointer(), "/") + " " + e.Reason)
	}
	return "it cannot be read"
}

// problemOf holds together what a problem says twice.
func problemOf(a Answer, request string) []string {
	var p struct {
		Type, Title, Error, Message string
		Status                      int
		TraceID                     string `json:"trace_id"`
	}
	if json.Unmarshal(a.Body, &p) != nil {
		return nil // said already
	}
	var faults []string
	if p.Status != a.Status {
		faults = append(faults, fmt.Sprintf("the problem says status %d", p.Status))
	}
	if p.TraceID != request {
		faults = append(faults, "trace_id is not X-Request-Id")
	}
	if p.Type != "urn:latchkey:problem:"+p.Error {
		faults = append(faults, "type is not urn:latchkey:problem: and error")
	}
	if p.Message != p.Title {
		faults = append(faults, "message is not title")
	}
	return faults
}
