package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strings"

	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
	"github.com/latchkey-dev/latchkey/sdk/go/api"
)

// Exit codes of the commands that ask an instance.
const (
	exitSignIn      = 4
	exitForbidden   = 5
	exitNotFound    = 6
	exitConflict    = 7
	exitUnavailable = 8
	exitInterrupted = 130
)

// failure is an error that knows its exit code.
type failure struct {
	code int
	text string
}

func (f failure) Error() string { return f.text }

func failed(code int, format string, args ...any) error {
	return failure{code, fmt.Sprintf(format, args...)}
}

// kinds are the exit codes of refusals, by status; the others are exitFailure.
var kinds = map[int]int{
	http.StatusUnauthorized:       exitSignIn,
	http.StatusForbidden:          exitForbidden,
	http.StatusNotFound:           exitNotFound,
	http.StatusConflict:           exitConflict,
	http.StatusPreconditionFailed: exitConflict,
	http.StatusBadGateway:         exitUnavailable,
	http.StatusServiceUnavailable: exitUnavailable,
	http.StatusGatewayTimeout:     exitUnavailable,
}

// explain says what to do about an error, on one line.
func (v *visit) explain(err error) error {
	if err == nil {
		return nil
	}
	if refused, ok := errors.AsType[*latchkey.Error](err); ok {
		return v.explainRefusal(refused)
	}
	if errors.Is(err, context.Canceled) {
		return v.interrupted()
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return failed(exitUnavailable, "the certificate of %s is not one that this machine trusts: is the address right?", v.url)
	}
	var line interface{ Timeout() bool } // as errors of a connection have it
	switch {
	case errors.As(err, &line) && line.Timeout():
		return failed(exitUnavailable, "%s has not answered within %v%s", v.url, remotePatience, v.perhaps())
	case errors.As(err, &line):
		return failed(exitUnavailable, "no instance answers at %s: start one with latchkey serve, or name another with --url", v.url)
	case strings.Contains(err.Error(), "read answer"):
		return failed(exitUnavailable, "the answer of %s has broken off%s", v.url, v.perhaps())
	}
	return err
}

func (v *visit) explainRefusal(refused *latchkey.Error) error {
	code, known := kinds[refused.Status]
	if !known {
		code = exitFailure
	}
	switch {
	case refused.Code == "":
		return failed(exitUnavailable, "what answers at %s is not Latchkey: it says %d", v.url, refused.Status)
	case v.saved && refused.Status == http.StatusUnauthorized:
		return failed(code, "the session of %s at %s has ended: log in again with latchkey login %s", v.who, v.url, v.who)
	case refused.Code == api.ErrorCodePermissionDenied:
		return failed(code, "%s may not do this: it takes %v", v.who, refused.Metadata["permission"])
	case refused.Code == api.ErrorCodeTooManyAttempts:
		code = exitSignIn
	case refused.Metadata["pointer"] != nil && refused.Metadata["reason"] != nil:
		return failed(code, "%s at %v: %v", strings.TrimSuffix(refused.Detail, "."), refused.Metadata["pointer"], refused.Metadata["reason"])
	}
	said := strings.TrimSuffix(refused.Detail, ".")
	if names, ok := refused.Metadata["permissions"].([]any); ok {
		said += fmt.Sprintf(" %v", names)
	}
	return failed(code, "%s: %s", said, refused.Suggested)
}

func (v *visit) interrupted() error {
	return failed(exitInterrupted, "interrupted%s", v.perhaps())
}

// perhaps is what to think of a change whose answer nobody has heard.
func (v *visit) perhaps() string {
	if !v.answers.changing() {
		return ""
	}
	return ": what was under way may have been done, so look before you do it again"
}
