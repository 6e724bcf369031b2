// Package problem holds every way in which a request can fail for a reason that its sender can understand.
//
// It stands apart so that stores can say what is wrong without knowing HTTP: they return an Error with a code, and
// internal/api is the one place that makes an answer of it. The codes are those of the enum ErrorCode in openapi.yaml,
// no more and no fewer.
package problem

import "time"

// Code is one of the closed list of ErrorCode in openapi.yaml.
type Code string

// Error is a refusal. Detail and Fields go to the sender: never put a submitted value, SQL, a path or an address in them.
type Error struct {
	Code       Code
	Detail     string
	Fields     map[string]any // the problem's metadata
	RetryAfter time.Duration  // for 429 and 503; rounded up to seconds
}

// Error gives the code and the detail.
func (e *Error) Error() string { return string(e.Code) + ": " + e.Detail }

// Is reports whether target is an Error with the same code, so that errors.Is works with a bare one.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

// New makes an Error whose detail is the code's own title.
func New(code Code) *Error { return &Error{Code: code, Detail: Lookup(code).Title} }

// WithDetail gives a copy that says more.
func (e *Error) WithDetail(detail string) *Error {
	c := *e
	c.Detail = detail
	return &c
}

// WithField gives a copy with one more fact for programs.
func (e *Error) WithField(name string, value any) *Error {
	c := *e
	c.Fields = make(map[string]any, len(e.Fields)+1)
	for k, v := range e.Fields {
		c.Fields[k] = v
	}
	c.Fields[name] = value
	return &c
}

// After gives a copy that asks the sender to wait.
func (e *Error) After(wait time.Duration) *Error {
	c := *e
	c.RetryAfter = wait
	return &c
}
