// Package strictjson is the gate that every JSON body passes before a validator or a decoder sees it.
//
// It stands apart because those two read JSON differently, from each other and from the client's library: which of two
// equal names wins, what becomes of half a surrogate pair, what may follow the value. Whatever they could disagree on is
// refused here, by one rule, so that what was validated is what is used.
//
// What always holds: an accepted body is one JSON value that every parser reads alike, up to names that differ in case
// only, which the decoder must keep apart. It holds no U+0000, which PostgreSQL cannot store. An error holds nothing of
// the body but the short plain names on the way to the fault.
package strictjson

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// The reasons of an Error.
const (
	Empty         = "empty"           // nothing, or nothing but white space
	ByteOrderMark = "byte_order_mark" // begins with U+FEFF
	InvalidUTF8   = "invalid_utf8"
	Malformed     = "malformed"      // not JSON, or cut short
	LoneSurrogate = "lone_surrogate" // an escape that is half a pair
	DuplicateName = "duplicate_name" // twice in one object, however spelled
	NullCharacter = "null_character" // U+0000 in a string or a name
	TooDeep       = "too_deep"
	TrailingData  = "trailing_data" // anything but white space after the value
)

// Error says why a body was refused, and where.
type Error struct {
	// Reason is one of the constants of this package.
	Reason string
	// Pointer is a JSON pointer (RFC 6901) to the fault or to something around it: it ends before the first name that
	// is not 1 to 40 ASCII letters, digits and underscores. "" is the whole body.
	Pointer string
}

func (e *Error) Error() string {
	if e.Pointer == "" {
		return "json refused: " + e.Reason
	}
	return "json refused: " + e.Reason + " at " + e.Pointer
}

// Check reports whether b is exactly one JSON value this service is willing to read. maxDepth counts the objects and
// arrays inside one another: a number has depth 0, [] has 1, {"a":[]} has 2. The caller limits the length of b.
//
// Errors: always an *Error.
func Check(b []byte, maxDepth int) error {
	if reason := checkBytes(b); reason != "" {
		return &Error{Reason: reason}
	}
	g := gates.Get().(*gate)
	defer g.close()
	g.open(b, maxDepth)
	return g.check()
}

func checkBytes(b []byte) string {
	switch {
	case bytes.HasPrefix(b, []byte("\uFEFF")):
		return ByteOrderMark
	case !utf8.Valid(b):
		return InvalidUTF8
	default:
		return ""
	}
}

// gate is a decoder and what it is looking at. Decoders are used again, because making one costs more than reading the
// usual body.
type gate struct {
	body        []byte
	source      bytes.Buffer // the decoder reads a bytes.Buffer in place, and does not write to it
	dec         jsontext.Decoder
	maxDepth    int
	mayHoldNull bool
}

var gates = sync.Pool{New: func() any { return new(gate) }}

func (g *gate) open(b []byte, maxDepth int) {
	g.body, g.source, g.maxDepth = b, *bytes.NewBuffer(b), maxDepth
	g.dec.Reset(&g.source)
	// Nothing else can spell U+0000 in valid JSON, and it is rare enough to unquote only where it may be.
	g.mayHoldNull = bytes.Contains(b, []byte(`\u0000`))
}

// close lets go of the body before the gate waits for the next one.
func (g *gate) close() {
	g.body, g.source = nil, bytes.Buffer{}
	g.dec.Reset(&g.source)
	gates.Put(g)
}

func (g *gate) check() error {
	for {
		token, err := g.dec.ReadToken()
		if err != nil {
			return g.explain(err)
		}
		depth := g.dec.StackDepth()
		if depth > g.maxDepth {
			return g.refuse(TooDeep, g.dec.StackPointer())
		}
		if g.mayHoldNull && token.Kind() == '"' && strings.IndexByte(token.String(), 0) >= 0 {
			return g.refuse(NullCharacter, g.dec.StackPointer())
		}
		if depth == 0 {
			return g.checkEnd()
		}
	}
}

func (g *gate) checkEnd() error {
	if _, err := g.dec.ReadToken(); !errors.Is(err, io.EOF) {
		return g.refuse(TrailingData, "")
	}
	return nil
}

// explain drops the text of err, which quotes the body.
func (g *gate) explain(err error) error {
	if errors.Is(err, io.EOF) { // only at the start: check stops at the end of the value
		return g.refuse(Empty, "")
	}
	var syntax *jsontext.SyntacticError
	if !errors.As(err, &syntax) {
		return g.refuse(Malformed, "")
	}
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return g.refuse(DuplicateName, syntax.JSONPointer)
	case surrogateAt(g.body, syntax.ByteOffset):
		return g.refuse(LoneSurrogate, syntax.JSONPointer)
	default:
		return g.refuse(Malformed, syntax.JSONPointer)
	}
}

// surrogateAt reports whether the escape at offset is half a pair. The decoder names its errors in prose only.
func surrogateAt(b []byte, offset int64) bool {
	if offset < 0 || offset+6 > int64(len(b)) {
		return false
	}
	e := bytes.ToLower(b[offset : offset+6])
	return e[0] == '\\' && e[1] == 'u' && e[2] == 'd' && '8' <= e[3] && e[3] <= 'f' && isHex(e[3]) && isHex(e[4]) && isHex(e[5])
}

func isHex(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' }

func (g *gate) refuse(reason string, where jsontext.Pointer) error {
	return &Error{Reason: reason, Pointer: cut(where)}
}

// cut ends p before the first token that is not plain: a name is chosen by the client, and may be a pasted secret.
func cut(p jsontext.Pointer) string {
	var b strings.Builder
	for token := range p.Tokens() {
		if !plain(token) {
			break
		}
		b.WriteString("/" + token)
	}
	return b.String()
}

func plain(name string) bool {
	if len(name) < 1 || len(name) > 40 {
		return false
	}
	for i := range len(name) {
		if c := name[i]; c != '_' && !('0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z') {
			return false
		}
	}
	return true
}
