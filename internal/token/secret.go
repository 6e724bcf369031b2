package token

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[secret]"

// Secret is a string that will not print: every formatter, logger and encoder gets "[secret]". The zero Secret holds "".
//
// It holds an address for the sake of unexported fields and of wrong verbs such as %w, where fmt asks no method and
// would print a string as it is.
type Secret struct{ raw *string }

// NewSecret hides raw.
func NewSecret(raw string) Secret { return Secret{raw: &raw} }

// Reveal is the one way out. Where it is called, the secret is about to leave the process or to be parsed.
func (s Secret) Reveal() string {
	if s.raw == nil {
		return ""
	}
	return *s.raw
}

// String gives "[secret]".
func (Secret) String() string { return redacted }

// GoString gives "[secret]".
func (Secret) GoString() string { return redacted }

// Format writes "[secret]" for every verb, width and flag.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue gives "[secret]".
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText gives "[secret]".
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// AppendText appends "[secret]".
func (Secret) AppendText(b []byte) ([]byte, error) { return append(b, redacted...), nil }

// MarshalJSON gives "[secret]", quoted.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }
