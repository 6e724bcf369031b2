// Package name holds the one rule for what people call things: keys, roles and accounts.
//
// A name is shown to others, in lists and in audit events, so it must not be able to hide or to pretend.
package name

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/latchkey-dev/latchkey/internal/problem"
)

// MaxLen is the longest name, in code points.
const MaxLen = 100

// Clean trims white space and gives the name as it is stored.
//
// Errors: problem.NameInvalid for nothing left, more than MaxLen code points, control characters, marks that change the
// direction of writing, and characters of no width.
func Clean(s string) (string, error) {
	s = strings.TrimSpace(s)
	if n := utf8.RuneCountInString(s); n == 0 || n > MaxLen {
		return "", problem.New(problem.NameInvalid).WithDetail("A name has 1 to 100 characters after trimming.").WithField("max", MaxLen)
	}
	if strings.ContainsFunc(s, hidden) {
		return "", problem.New(problem.NameInvalid).WithDetail("A name holds no control, zero-width or direction characters.")
	}
	return s, nil
}

// CleanRemark does the same for what somebody writes for the record, of up to most code points, in the member of a request that
// pointer names.
//
// Errors: problem.RequestInvalid.
func CleanRemark(s string, most int, pointer string) (string, error) {
	s = strings.TrimSpace(s)
	if n := utf8.RuneCountInString(s); n == 0 || n > most || strings.ContainsFunc(s, hidden) {
		return "", problem.New(problem.RequestInvalid).WithDetail("It has no characters but white space, too many, or control, zero-width or direction characters.").
			WithField("pointer", pointer)
	}
	return s, nil
}

// hidden covers the categories Cc, Cf, Zl, Zp, Cs and Co, which hold every bidirectional and zero-width character, and the
// blank letters that fonts draw as nothing.
func hidden(r rune) bool {
	switch r {
	case utf8.RuneError, '\u034f', '\u115f', '\u1160', '\u17b4', '\u17b5', '\u3164', '\uffa0', '\u2800':
		return true
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Cs, unicode.Co)
}
