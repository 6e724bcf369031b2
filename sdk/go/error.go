package latchkey

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/latchkey-dev/latchkey/sdk/go/api"
)

// ErrorCode is one of the closed list of the contract; package api has a constant for each.
type ErrorCode = api.ErrorCode

// Error is a refusal. Compare by code: errors.Is(err, &latchkey.Error{Code: api.ErrorCodeNotFound}).
type Error struct {
	Code       ErrorCode      // empty if the answer did not come from Latchkey
	Status     int            // HTTP status
	Detail     string         // what is wrong with this request
	Suggested  string         // what to do next
	TraceID    string         // finds the request in the service's log
	Metadata   map[string]any // facts for programs, by code
	RetryAfter time.Duration  // how long to wait before trying again, where the service says so
}

// Error gives everything but Metadata, on one line.
func (e *Error) Error() string {
	text := fmt.Sprintf("latchkey: %d %s: %s", e.Status, e.Code, e.Detail)
	if e.Code == "" {
		text = fmt.Sprintf("latchkey: %d: %s", e.Status, e.Detail)
	}
	if e.Suggested != "" {
		text += " " + e.Suggested
	}
	if e.TraceID != "" {
		text += " (trace " + e.TraceID + ")"
	}
	return text
}

// Is reports whether target is an Error with the same code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code && e.Code != ""
}

// refusal makes an Error of an answer that is not a success.
func refusal(resp *http.Response, body []byte) *Error {
	var p api.Problem
	if mediaType(resp) != "application/problem+json" || json.Unmarshal(body, &p) != nil || p.Error == "" {
		return foreign(resp)
	}
	e := problemError(p)
	e.Status, e.RetryAfter = resp.StatusCode, retryAfter(resp)
	return e
}

func problemError(p api.Problem) *Error {
	return &Error{Code: p.Error, Status: p.Status, Detail: p.Detail, Suggested: p.Suggested, TraceID: p.TraceID, Metadata: p.Metadata}
}

// foreign is for what a proxy, or something that is not Latchkey, has answered. Its words are not repeated.
func foreign(resp *http.Response) *Error {
	return &Error{Status: resp.StatusCode, RetryAfter: retryAfter(resp),
		Detail: fmt.Sprintf("this is no answer of Latchkey (Content-Type %q): is BaseURL right, and does a proxy answer in its place?", mediaType(resp))}
}

// retryAfter reads the seconds of the header; Latchkey writes no dates there.
func retryAfter(resp *http.Response) time.Duration {
	seconds, err := strconv.ParseUint(resp.Header.Get("Retry-After"), 10, 31)
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}
