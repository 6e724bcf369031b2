package strictjson_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/latchkey-dev/latchkey/internal/strictjson"
)

const depth = 16

// ASVS 1.5.3: what two parsers could read in two ways is refused.
func TestCheck(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("n", 41)
	for _, tc := range []struct {
		name, body      string
		reason, pointer string
	}{
		{"an object", `{"name":"ci","permissions":["media:read"],"limits":{"per_minute":60}}`, "", ""},
		{"an empty object", `{}`, "", ""},
		{"an empty name", `{"":1}`, "", ""},
		{"a string", `"a"`, "", ""},
		{"a number", `-0.1e+9`, "", ""},
		{"a number no float can hold", `1e999`, "", ""},
		{"null", `null`, "", ""},
		{"white space around", " \t\r\n[] \t\r\n", "", ""},
		{"a surrogate pair", `"\ud83d\ude00"`, "", ""},
		{"the replacement character", `"\ufffd�"`, "", ""},
		{"U+FEFF inside", "\"\uFEFF\"", "", ""},
		{"one name in two objects", `[{"a":1},{"a":{"a":1}}]`, "", ""},
		{"names that differ in case", `{"name":1,"NAME":2}`, "", ""},
		{"an escaped backslash before u0000", `{"a":"\\u0000"}`, "", ""},
		{"an escaped backslash before ud800", `{"a":"\\ud800"}`, "", ""},
		{"the greatest depth", strings.Repeat("[", depth) + strings.Repeat("]", depth), "", ""},
		{"the greatest depth, many times", `[` + strings.Repeat(strings.Repeat("[", depth-1)+strings.Repeat("]", depth-1)+`,`, 9) + `{}]`, "", ""},

		{"nothing", ``, strictjson.Empty, ""},
		{"white space", " \n", strictjson.Empty, ""},
		{"a byte-order mark", "\uFEFF{}", strictjson.ByteOrderMark, ""},
		{"a byte-order mark alone", "\uFEFF", strictjson.ByteOrderMark, ""},
		{"UTF-16", "\xff\xfe{\x00}\x00", strictjson.InvalidUTF8, ""},
		{"Latin-1", "{\"a\":\"caf\xe9\"}", strictjson.InvalidUTF8, ""},
		{"an overlong slash", "\"\xc0\xaf\"", strictjson.InvalidUTF8, ""},
		{"a surrogate in UTF-8", "\"\xed\xa0\x80\"", strictjson.InvalidUTF8, ""},
		{"a rune cut short", "\"\xe2\x82", strictjson.InvalidUTF8, ""},

		{"a word", `hello`, strictjson.Malformed, ""},
		{"NaN", `{"a":NaN}`, strictjson.Malformed, "/a"},
		{"a literal in upper case", `[TRUE]`, strictjson.Malformed, "/0"},
		{"single quotes", `{'a':1}`, strictjson.Malformed, ""},
		{"no quotes", `{a:1}`, strictjson.Malformed, ""},
		{"a comment", `{/**/}`, strictjson.Malformed, ""},
		{"a comma too many", `{"a":[1,]}`, strictjson.Malformed, "/a"},
		{"a comma too many, object", `{"a":1,}`, strictjson.Malformed, ""},
		{"a missing comma", `{"a":1 "b":2}`, strictjson.Malformed, ""},
		{"a leading zero", `[01]`, strictjson.Malformed, ""},
		{"a plus", `[+1]`, strictjson.Malformed, "/0"},
		{"hexadecimal", `{"a":0x1}`, strictjson.Malformed, ""},
		{"a bare fraction", `.5`, strictjson.Malformed, ""},
		{"an unknown escape", `{"a":"\x41"}`, strictjson.Malformed, "/a"},
		{"an escape of letters", `{"a":"\ud8zz"}`, strictjson.Malformed, "/a"},
		{"an escape with a letter in the middle", `{"a":"\ud8g0"}`, strictjson.Malformed, "/a"},
		{"an escape with a letter at the end", `{"a":"\ud80g"}`, strictjson.Malformed, "/a"},
		{"a short escape", `{"a":"\ud8"}`, strictjson.Malformed, "/a"},
		{"a line feed in a string", "{\"a\":\"\n\"}", strictjson.Malformed, "/a"},
		{"a zero byte in a string", "{\"a\":\"\x00\"}", strictjson.Malformed, "/a"},
		{"a zero byte outside", "{}\x00", strictjson.TrailingData, ""},
		{"the wrong bracket", `{"a":[}`, strictjson.Malformed, "/a/0"},
		{"a name that is a number", `{1:2}`, strictjson.Malformed, ""},
		{"a body cut in an object", `{"a":{"b":1`, strictjson.Malformed, "/a"},
		{"a body cut in a string", `{"a":"b`, strictjson.Malformed, "/a"},
		{"a no-break space", "\u00a0{}", strictjson.Malformed, ""},

		{"a high surrogate alone", `{"a":"\ud800"}`, strictjson.LoneSurrogate, "/a"},
		{"a low surrogate alone", `{"a":"\udc00 and text after it"}`, strictjson.LoneSurrogate, "/a"},
		{"two high ones", `{"a":"\uD800\uD800"}`, strictjson.LoneSurrogate, "/a"},
		{"a pair the wrong way round", `["\udc00\ud800"]`, strictjson.LoneSurrogate, "/0"},
		{"a high one before text", `["\uDBFFabcdefgh"]`, strictjson.LoneSurrogate, "/0"},
		{"a lone surrogate in a name", `{"a":{"\ud800":1}}`, strictjson.LoneSurrogate, "/a"},

		{"a name twice", `{"a":1,"a":1}`, strictjson.DuplicateName, "/a"},
		{"a name twice, deep", `{"x":[0,{"a":1,"b":2,"a":3}]}`, strictjson.DuplicateName, "/x/1/a"},
		{"a name twice, once escaped", `{"a":1,"\u0061":2}`, strictjson.DuplicateName, "/a"},
		{"a name twice, as pair and as rune", "{\"\\ud83d\\ude00\":1,\"\U0001F600\":2}", strictjson.DuplicateName, ""},
		{"a name twice, slash escaped", `{"/":1,"\/":2}`, strictjson.DuplicateName, ""},
		{"the empty name twice", `{"":1,"":2}`, strictjson.DuplicateName, ""},
		{"a name twice among hundreds", `{` + names(300) + `,"n7":0}`, strictjson.DuplicateName, "/n7"},

		{"an escaped zero", `{"a":"x\u0000y"}`, strictjson.NullCharacter, "/a"},
		{"an escaped zero after a backslash", `{"a":"\\\u0000"}`, strictjson.NullCharacter, "/a"},
		{"an escaped zero in a name", `{"a":{"b\u0000":1}}`, strictjson.NullCharacter, "/a"},
		{"an escaped zero alone", `"\u0000"`, strictjson.NullCharacter, ""},
		{"an escaped zero in the second of two", `{"a":"\\u0000","b":["\u0000"]}`, strictjson.NullCharacter, "/b/0"},

		{"arrays too deep", strings.Repeat("[", depth+1) + strings.Repeat("]", depth+1), strictjson.TooDeep, strings.Repeat("/0", depth)},
		{"objects too deep", strings.Repeat(`{"a":`, depth+1) + `1` + strings.Repeat("}", depth+1), strictjson.TooDeep, strings.Repeat("/a", depth)},
		{"brackets without end", strings.Repeat("[", 60000), strictjson.TooDeep, strings.Repeat("/0", depth)},

		{"two values", `{} {}`, strictjson.TrailingData, ""},
		{"two values, no space", `{}[]`, strictjson.TrailingData, ""},
		{"two numbers", `1 2`, strictjson.TrailingData, ""},
		{"a bracket too many", `{}}`, strictjson.TrailingData, ""},
		{"a comma after", `{},`, strictjson.TrailingData, ""},
		{"words after", `{} hello`, strictjson.TrailingData, ""},
		{"a comment after", `{} // hello`, strictjson.TrailingData, ""},

		{"a pointer through a long name", `{"a":{"` + long + `":{"b":1,"b":2}}}`, strictjson.DuplicateName, "/a"},
		{"a pointer to a long name", `{"` + long + `":1,"` + long + `":2}`, strictjson.DuplicateName, ""},
		{"a pointer through a name of 40", `{"` + long[1:] + `":{"b":1,"b":2}}`, strictjson.DuplicateName, "/" + long[1:] + "/b"},
		{"a pointer through a dotted name", `{"a.b":{"c":1,"c":2}}`, strictjson.DuplicateName, ""},
		{"a pointer through a name with a slash", `{"a/b":{"c":1,"c":2}}`, strictjson.DuplicateName, ""},
		{"a pointer through a name with a tilde", `{"a~0b":{"c":1,"c":2}}`, strictjson.DuplicateName, ""},
		{"a pointer through an empty name", `{"a":{"":{"c":1,"c":2}}}`, strictjson.DuplicateName, "/a"},
		{"a pointer through a name beyond ASCII", `{"ä":{"c":1,"c":2}}`, strictjson.DuplicateName, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			err := strictjson.Check([]byte(tc.body), depth)
			if tc.reason == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var refused *strictjson.Error
			if !errors.As(err, &refused) {
				t.Fatalf("error %v", err)
			}
			if refused.Reason != tc.reason || refused.Pointer != tc.pointer {
				t.Errorf("%s at %q, want %s at %q", refused.Reason, refused.Pointer, tc.reason, tc.pointer)
			}
		})
	}
}

func names(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`"n%d":%d`, i, i))
	}
	return strings.Join(list, ",")
}

func TestDepthIsCounted(t *testing.T) {
	t.Parallel()
	for body, deep := range map[string]int{`1`: 0, `[]`: 1, `{}`: 1, `[1,2]`: 1, `{"a":[]}`: 2, `[[],{"a":{}}]`: 3} {
		if err := strictjson.Check([]byte(body), deep); err != nil {
			t.Errorf("%s at %d: %v", body, deep, err)
		}
		if err := strictjson.Check([]byte(body), deep-1); err == nil {
			t.Errorf("%s was accepted at %d", body, deep-1)
		}
	}
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	for want, body := range map[string]string{
		"json refused: empty":                     ``,
		"json refused: duplicate_name at /a/0/_b": `{"a":[{"_b":1,"_b":1}]}`,
	} {
		if err := strictjson.Check([]byte(body), depth); err == nil || err.Error() != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// ASVS 16.2.5: a key pasted into the wrong place does not come back in an error, wherever that place is.
func TestErrorsHoldNoKey(t *testing.T) {
	t.Parallel()
	const key = "lkpat_OtZxRtj2W3TKDpxX_yWbwYZKhq0kCGMania8S3I20f1lEcBF1G73g497iVsr4KYwIo"
	for _, body := range []string{
		key,
		`{"` + key + `":1,"` + key + `":2}`,
		`{"a":` + key + `}`,
		`{"a":"` + key + `\ud800"}`,
		`{"a":"` + key + `\u0000"}`,
		`{"a":"` + key + `\` + key + `"}`,
		`{"` + key + `\u0000":1}`,
		`{"` + key + `":[` + key + `]}`,
		`{"` + key + `":` + strings.Repeat("[", depth),
		`{} ` + key,
		"{\"" + key + "\":\"\xff\"}",
	} {
		err := strictjson.Check([]byte(body), depth)
		if err == nil {
			t.Errorf("%s was accepted", body)
			continue
		}
		for _, text := range []string{err.Error(), fmt.Sprintf("%+v %#v", err, err)} {
			if strings.Contains(text, key[:6]) || strings.Contains(text, key[10:18]) {
				t.Errorf("%s: %s", body, text)
			}
		}
	}
}

func TestCheckLeavesTheBody(t *testing.T) {
	t.Parallel()
	for _, body := range []string{create, `{"a":1,"a":2}`, `{"a":"\u0000"}`} {
		b := []byte(body)
		_ = strictjson.Check(b[:len(b):len(b)], depth)
		if string(b) != body {
			t.Errorf("%s became %s", body, b)
		}
	}
}

// Decoders are used again: nothing of a refused body may show in the next one, nor of one in another at the same time.
func TestBodiesDoNotMix(t *testing.T) {
	t.Parallel()
	for range 4 {
		t.Run("side by side", func(t *testing.T) {
			t.Parallel()
			for range 200 {
				for _, refused := range []string{`{"name":{"name":[{"a":"`, `{"name":1,"name":2}`, `[[[`, `{} {}`, `"\u0000"`, ``} {
					if strictjson.Check([]byte(refused), depth) == nil {
						t.Fatalf("%s was accepted", refused)
					}
					if err := strictjson.Check([]byte(create), depth); err != nil {
						t.Fatalf("after %s: %v", refused, err)
					}
				}
			}
		})
	}
}

const create = `{
  "name": "nightly import",
  "description": "Reads the media catalogue every night; ask platform@example.org before you revoke it.",
  "permissions": ["media:read", "media:list", "catalogue:read", "catalogue:export"],
  "expires_at": "2027-01-31T00:00:00Z",
  "limits": {"per_minute": 600, "per_day": 100000},
  "metadata": {"team": "platform", "ticket": "OPS-1234", "café": "☕ \u00e9 \"quoted\""}
}`

// big is as long as a body may be: 64 KiB of small objects.
var big = func() string {
	var b strings.Builder
	b.WriteString("[")
	for b.Len() < 64<<10-len(create)-2 {
		b.WriteString(create + ",")
	}
	return b.String() + "0]"
}()

// manyNames is the costliest honest shape for the search for duplicates.
var manyNames = `{` + names(4500) + `}`

func bodies() map[string]string {
	return map[string]string{
		"verify": `{"key":"lkpat_OtZxRtj2W3TKDpxX_yWbwYZKhq0kCGMania8S3I20f1lEcBF1G73g497iVsr4KYwIo","permission":"media:read"}`,
		"create": create,
		"64KiB":  big,
		"names":  manyNames,
	}
}

func TestBenchmarkBodiesPass(t *testing.T) {
	t.Parallel()
	for name, body := range bodies() {
		if len(body) > 64<<10 {
			t.Errorf("%s has %d bytes", name, len(body))
		}
		if err := strictjson.Check([]byte(body), depth); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	for name, body := range bodies() {
		b.Run(name, func(b *testing.B) {
			text := []byte(body)
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if err := strictjson.Check(text, depth); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkValid is the cheapest thing the standard library does with a body, for comparison.
func BenchmarkValid(b *testing.B) {
	for name, body := range bodies() {
		b.Run(name, func(b *testing.B) {
			text := []byte(body)
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				json.Valid(text)
			}
		})
	}
}

func BenchmarkRefused(b *testing.B) {
	text := []byte(`{"x":[0,{"a":1,"b":2,"a":3}]}`)
	b.ReportAllocs()
	for b.Loop() {
		_ = strictjson.Check(text, depth)
	}
}
