package name

import (
	"errors"
	"strings"
	"testing"

	"github.com/latchkey-dev/latchkey/internal/problem"
)

func TestClean(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		say, in, want string
		refused       bool
	}{
		{say: "plain", in: "Discord bot", want: "Discord bot"},
		{say: "trims", in: " \t Discord bot \u3000", want: "Discord bot"},
		{say: "any script", in: "مفتاح 钥匙 🔑", want: "مفتاح 钥匙 🔑"},
		{say: "a hundred emoji", in: strings.Repeat("🔑", 100), want: strings.Repeat("🔑", 100)},
		{say: "one more is too many", in: strings.Repeat("🔑", 101), refused: true},
		{say: "nothing", in: "", refused: true},
		{say: "only space", in: " \u00a0\u3000 ", refused: true},
		{say: "control", in: "a\x07b", refused: true},
		{say: "new line", in: "a\nb", refused: true},
		{say: "right-to-left override", in: "a\u202eb", refused: true},
		{say: "isolate", in: "a\u2066b", refused: true},
		{say: "zero-width space", in: "a\u200bb", refused: true},
		{say: "zero-width joiner", in: "a\u200db", refused: true},
		{say: "byte-order mark", in: "a\ufeffb", refused: true},
		{say: "blank letter", in: "\u3164", refused: true},
		{say: "line separator", in: "a\u2028b", refused: true},
		{say: "not UTF-8", in: "a\xffb", refused: true},
	} {
		got, err := Clean(tc.in)
		if refused := errors.Is(err, problem.New(problem.NameInvalid)); refused != tc.refused || got != tc.want {
			t.Errorf("%s: Clean(%q) = %q, %v", tc.say, tc.in, got, err)
		}
	}
}

func TestCleanRemark(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		say, in, want string
		refused       bool
	}{
		{say: "trims", in: " Laptop stolen\n", want: "Laptop stolen"},
		{say: "as many as may be", in: strings.Repeat("🔑", 400), want: strings.Repeat("🔑", 400)},
		{say: "one more", in: strings.Repeat("🔑", 401), refused: true},
		{say: "only space", in: " \t ", refused: true},
		{say: "hidden characters", in: "a\u202eb", refused: true},
	} {
		got, err := CleanRemark(tc.in, 400, "/reason")
		var p *problem.Error
		if tc.refused != (errors.As(err, &p) && p.Code == problem.RequestInvalid && p.Fields["pointer"] == "/reason") || got != tc.want {
			t.Errorf("%s: %q, %v", tc.say, got, err)
		}
	}
}
