package account

import (
	"cmp"
	"errors"
	"strings"
	"testing"

	"github.com/latchkey-dev/latchkey/internal/problem"
)

// ASVS 6.2.1 to 6.2.12: length counts, composition does not; what is known or made of what everybody knows is refused.
func TestWhichPasswordsMayBeChosen(t *testing.T) {
	t.Parallel()
	p := policy{min: 12}
	for _, tc := range []struct {
		say, password string
		refused       string // part of the detail
	}{
		{say: "four words", password: password},
		{say: "small letters only", password: "afewplainwords"},
		{say: "twelve characters", password: "k7#Qz!m2Vx9p"},
		{say: "eleven", password: "k7#Qz!m2Vx9", refused: "at least 12 characters"},
		{say: "nothing", password: "", refused: "at least 12 characters"},
		{say: "eleven characters of 33 bytes", password: strings.Repeat("\u6f22", 11), refused: "at least 12 characters"},
		{say: "twelve of any script", password: "совершенно секретно"},
		{say: "that ends in a long character", password: "correct horse battery staplé"},
		{say: "a script of three bytes a letter", password: "日本語の長い合言葉を使う"},
		{say: "long enough for the judge to read only a part, whose end is inside a letter", password: "x" + strings.Repeat("совершенно секретно ", 6)},
		{say: "emoji", password: "😀🐶🍕🚗🎸⚽🌵🏠📚🎲🔧🌙"},
		{say: "spaces around it, which count", password: "  k7#Qz!m2  "},
		{say: "1024 bytes", password: password + strings.Repeat("x", 1024-len(password))},
		{say: "1025 bytes", password: password + strings.Repeat("x", 1025-len(password)), refused: "at most 1024 bytes"},
		{say: "1024 characters of two bytes", password: strings.Repeat("\u00e9", 1024), refused: "at most 1024 bytes"},
		{say: "widely known, with the usual end", password: "password1234", refused: "too easy"},
		{say: "widely known, as people disguise it", password: "P@ssw0rd!1234", refused: "too easy"},
		{say: "widely known, twice", password: "letmeinletmein", refused: "too easy"},
		{say: "a row of the keyboard", password: "zxcvbnm,./asdf", refused: "too easy"},
		{say: "one letter", password: "aaaaaaaaaaaa", refused: "too easy"},
		{say: "one letter, for ever", password: strings.Repeat("a", 1024), refused: "too easy"},
		{say: "one letter that is not ASCII", password: strings.Repeat("\u00e9", 12), refused: "too easy"},
		{say: "one emoji", password: strings.Repeat("\U0001F511", 12), refused: "too easy"},
		{say: "three letters again and again", password: "xqjxqjxqjxqj", refused: "too easy"},
		{say: "four that are not ASCII", password: "ключключключ", refused: "too easy"},
		{say: "the alphabet", password: "abcdefghijkl", refused: "too easy"},
		{say: "the alphabet elsewhere", password: "абвгдежзийклмн", refused: "too easy"},
		{say: "digits in order", password: "123456789012", refused: "too easy"},
		{say: "a date", password: "2001-01-01T00", refused: "too easy"},
		{say: "the handle", password: "ghopper1906!", refused: "too easy"},
		{say: "the handle again and again", password: "ghopperghopperghopper", refused: "too easy"},
		{say: "the handle backwards", password: "reppohgreppohg", refused: "too easy"},
		{say: "the name", password: "gracehopper1", refused: "too easy"},
		{say: "the name in capitals", password: "GRACEHOPPER1", refused: "too easy"},
		{say: "a name that is not ASCII", password: "лавлейславлейс", refused: "too easy"},
		{say: "the product", password: "latchkey2024", refused: "too easy"},
		{say: "not text", password: strings.Repeat("\xff", 12), refused: "too easy"},
	} {
		err := cmp.Or(p.measure(tc.password), p.judge(tc.password, "ghopper", "Grace Hopper \u041b\u0430\u0432\u043b\u0435\u0439\u0441"))
		var refusal *problem.Error
		switch {
		case tc.refused == "" && err != nil:
			t.Errorf("%s: refused: %v", tc.say, err)
		case tc.refused != "" && (!errors.As(err, &refusal) || refusal.Code != problem.PasswordRefused || !strings.Contains(refusal.Detail, tc.refused)):
			t.Errorf("%s: %v, want a refusal with %q", tc.say, err, tc.refused)
		case refusal != nil && len(tc.password) > 0 && strings.Contains(refusal.Error(), tc.password):
			t.Errorf("%s: the refusal repeats the password", tc.say)
		}
	}
}

func TestTheLeastLengthIsConfigured(t *testing.T) {
	t.Parallel()
	const ten = "k7#Qz!m2Vx"
	if err := (policy{min: 10}).measure(ten); err != nil {
		t.Error(err)
	}
	if err := (policy{min: 11}).measure(ten); !is(err, problem.PasswordRefused) {
		t.Errorf("with eleven asked for: %v", err)
	}
}

func TestEightRandomCharactersAreEnoughWhereEightAreAllowed(t *testing.T) {
	t.Parallel()
	if err := (policy{min: 8}).judge("x7#Qm2!v", "grace"); err != nil {
		t.Error(err)
	}
	if err := (policy{min: 8}).judge("password", "grace"); !is(err, problem.PasswordRefused) {
		t.Errorf("password: %v", err)
	}
}
