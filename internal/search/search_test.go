package search

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

// has is what SQL makes of a Text: strpos(translate(text, Variants, Folded), Needle) > 0.
func (t Text) has(text string) bool {
	variants, folded := []rune(t.Variants), []rune(t.Folded)
	return strings.Contains(strings.Map(func(r rune) rune {
		for i, v := range variants {
			if v == r {
				return folded[i]
			}
		}
		return r
	}, text), t.Needle)
}

func TestATextIsFoundInWhateverCase(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		typed, text string
		found       bool
	}{
		{"deploy", "Deploy bot", true}, {"DEPLOY", "deploy", true}, {"dEpLoY B", "Deploy bot", true}, {"deploys", "deploy", false},
		{"école", "ÉCOLE", true}, {"É", "é", true}, {"É", "e", false}, {"ДОМ", "дом", true}, {"ΟΔΟΣ", "οδος", true}, {"οδοσ", "ΟΔΟΣ", true},
		{"K", "\u212a", true}, {"ſ", "S", true}, {"ß", "ẞ", true}, {"%", "100 %", true}, {"%", "100", false}, {"a_b", "axb", false},
		{`\`, `a\b`, true}, {"🚀", "to the 🚀", true}, {"日本", "日本語", true}, {" ", "a b", true}, {"[a]", "[A]", true}, {"", "anything", true},
	} {
		text, err := Parse(tc.typed)
		if err != nil {
			t.Fatal(err)
		}
		if got := text.has(tc.text); got != tc.found {
			t.Errorf("%q in %q: %t; looked for %+v", tc.typed, tc.text, got, text)
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, typed := range []string{"\x00", "a\x00b", "\xff", "a\xc3"} {
		if _, err := Parse(typed); !errors.Is(err, ErrText) {
			t.Errorf("%q: %v", typed, err)
		}
	}
	if got, err := Parse(""); got != (Text{}) || err != nil {
		t.Errorf("%+v, %v", got, err)
	}
	if got, _ := Parse("AbaB1"); got != (Text{Needle: "abab1", Variants: "AB", Folded: "ab"}) {
		t.Errorf("%+v", got)
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"a", "Kſß", "100%_", "\xff", "Σς"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		text, err := Parse(s)
		if err != nil {
			return
		}
		if utf8.RuneCountInString(text.Variants) != utf8.RuneCountInString(text.Folded) {
			t.Errorf("%+v", text)
		}
		if !text.has(s) || !text.has("x"+s+"y") {
			t.Errorf("%q does not find itself: %+v", s, text)
		}
	})
}
