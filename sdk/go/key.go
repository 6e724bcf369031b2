package latchkey

import (
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[secret]"

// Key is the secret of an access key. It will not print: every formatter, logger and encoder gets "[secret]". It can be
// read from JSON, or from text with UnmarshalText; Reveal is the one way out.
//
// It holds an address for the sake of unexported fields, where fmt asks no method and would print a string as it is.
type Key struct{ raw *string }

// NewKey hides raw.
func NewKey(raw string) Key { return Key{raw: &raw} }

// Reveal gives the whole token, to be stored or sent.
func (k Key) Reveal() string {
	if k.raw == nil {
		return ""
	}
	return *k.raw
}

// UnmarshalText takes text as the secret.
func (k *Key) UnmarshalText(text []byte) error {
	*k = NewKey(string(text))
	return nil
}

// String gives "[secret]".
func (Key) String() string { return redacted }

// GoString gives "[secret]".
func (Key) GoString() string { return redacted }

// Format writes "[secret]" for every verb, width and flag.
func (Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue gives "[secret]".
func (Key) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText gives "[secret]", to JSON and the like too.
func (Key) MarshalText() ([]byte, error) { return []byte(redacted), nil }
