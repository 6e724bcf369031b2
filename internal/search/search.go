// Package search is what people type to find something: a text that is to be in another one, in whatever case.
//
// It stands apart because the database cannot be asked to ignore case: what it takes for one letter depends on the locale that it was
// made with, and the embedded server's knows the letters of English only. What always holds: nothing in a Text is a wildcard, and case is
// that of Unicode whatever the server.
package search

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text is a text to look for, as SQL takes it: a text has it if strpos(translate(text, Variants, Folded), Needle) > 0. The zero Text is
// in every other.
type Text struct {
	Needle   string // in small letters
	Variants string // the other forms of its letters
	Folded   string // what each of them is in the needle
}

// ErrText is the error of Parse.
var ErrText = errors.New("not a text")

// Parse reads what somebody typed. Errors: ErrText for what no text in the database can have: a zero byte, or what is not UTF-8.
func Parse(s string) (Text, error) {
	if !utf8.ValidString(s) || strings.ContainsRune(s, 0) {
		return Text{}, ErrText
	}
	var needle, variants, folded strings.Builder
	known := map[rune]bool{}
	for _, r := range s {
		small := fold(r)
		needle.WriteRune(small)
		if known[small] {
			continue
		}
		known[small] = true
		for other := unicode.SimpleFold(small); other != small; other = unicode.SimpleFold(other) {
			variants.WriteRune(other)
			folded.WriteRune(small)
		}
	}
	return Text{Needle: needle.String(), Variants: variants.String(), Folded: folded.String()}, nil
}

// fold gives the form that stands for all forms of a letter: the first small one. For those of ASCII that is the small one of ASCII.
func fold(r rune) rune {
	best := r
	for other := unicode.SimpleFold(r); other != r; other = unicode.SimpleFold(other) {
		if unicode.IsLower(other) && (!unicode.IsLower(best) || other < best) {
			best = other
		}
	}
	return best
}
