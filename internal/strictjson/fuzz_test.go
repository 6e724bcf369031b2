package strictjson_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/latchkey-dev/latchkey/internal/strictjson"
)

var safePointer = regexp.MustCompile(`^(/[A-Za-z0-9_]{1,40})*$`)

// FuzzCheck compares Check with a walk by encoding/json, which is another parser altogether: Check accepts nothing that
// one refuses, and refuses nothing it finds no fault with.
func FuzzCheck(f *testing.F) {
	for _, body := range []string{
		create, `{}`, `[]`, `""`, `0`, `null`, ``, ` `, "\uFEFF{}", `{} {}`, `{"a":1,"a":2}`, `{"a":1,"\u0061":2}`,
		`{"a":[{"b":1,"b":2}]}`, `"\u0000"`, `"\\u0000"`, `{"\u0000":1}`, `"\ud800"`, `"\ud83d\ude00"`, `"\udc00\ud800"`, `"\ud800\u00"`,
		"\"\xff\"", "\"\xed\xa0\x80\"", `[1e999,-0,0.1E+2]`, `{"a":{"b":[{"c":[[]]}]}}`, strings.Repeat("[", 40),
		`{"a":[1,]}`, `{"a" 1}`, `tru`, `{"a":"\`, `{"A":1,"a":2}`, "{}\x00", `{"` + names(20),
	} {
		f.Add([]byte(body), uint8(depth))
		f.Add([]byte(body), uint8(2))
	}
	f.Fuzz(func(t *testing.T, body []byte, maxDepth uint8) {
		before := bytes.Clone(body)
		err := strictjson.Check(body, int(maxDepth))
		if !bytes.Equal(before, body) {
			t.Fatal("the body was changed")
		}
		if err == nil {
			mustBeClean(t, body, int(maxDepth))
			return
		}
		var refused *strictjson.Error
		if !errors.As(err, &refused) {
			t.Fatalf("error %v", err)
		}
		if !safePointer.MatchString(refused.Pointer) {
			t.Fatalf("pointer %q", refused.Pointer)
		}
		mustDeserve(t, refused.Reason, body, int(maxDepth))
	})
}

func mustBeClean(t *testing.T, body []byte, maxDepth int) {
	t.Helper()
	if !json.Valid(body) || !utf8.Valid(body) {
		t.Fatalf("accepted %q", body)
	}
	if seen := walk(t, body); seen.duplicate || seen.null || seen.depth > maxDepth {
		t.Fatalf("accepted %q: %+v", body, seen)
	}
}

// mustDeserve checks reason against the second parser, where that one reads body to the end.
func mustDeserve(t *testing.T, reason string, body []byte, maxDepth int) {
	t.Helper()
	if reason == strictjson.InvalidUTF8 && !utf8.Valid(body) || !json.Valid(body) {
		return
	}
	seen := walk(t, body)
	deserved := map[string]bool{
		strictjson.DuplicateName: seen.duplicate,
		strictjson.NullCharacter: seen.null,
		strictjson.TooDeep:       seen.depth > maxDepth,
		strictjson.LoneSurrogate: seen.replaced,
	}
	if !deserved[reason] {
		t.Fatalf("%s: refused %q: %+v", reason, body, seen)
	}
}

type sight struct {
	duplicate bool // a name twice in one object
	null      bool // U+0000
	replaced  bool // U+FFFD, which encoding/json reads where half a surrogate pair was written
	depth     int
}

// level is one object or array: the names so far, and whether a name comes next. Arrays have no names.
type level struct {
	names map[string]bool
	name  bool
}

// walk reads body, which is valid, token by token.
func walk(t *testing.T, body []byte) sight {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber() // or a number too large for a float would stop the walk
	var seen sight
	stack := []*level{{}}
	for {
		token, err := dec.Token()
		if err != nil {
			return seen
		}
		top := stack[len(stack)-1]
		text, isString := token.(string)
		if isString {
			seen.null = seen.null || strings.ContainsRune(text, 0)
			seen.replaced = seen.replaced || strings.ContainsRune(text, utf8.RuneError)
		}
		switch {
		case token == json.Delim('{'):
			stack = append(stack, &level{names: map[string]bool{}, name: true})
			seen.depth = max(seen.depth, len(stack)-1)
			continue
		case token == json.Delim('['):
			stack = append(stack, &level{})
			seen.depth = max(seen.depth, len(stack)-1)
			continue
		case token == json.Delim('}'), token == json.Delim(']'):
			stack = stack[:len(stack)-1]
			top = stack[len(stack)-1]
		case top.name:
			seen.duplicate = seen.duplicate || top.names[text]
			top.names[text] = true
			top.name = false
			continue
		}
		top.name = top.names != nil // a value is complete: in an object, a name follows
	}
}
