package account

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/latchkey-dev/latchkey/internal/problem"
)

func TestSetupCodesAreEasyToCopy(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	shape := regexp.MustCompile(`^([2-9A-HJKMNP-TW-Z]{4}-){2}[2-9A-HJKMNP-TW-Z]{4}$`)
	seen := map[string]bool{}
	for range 20 {
		code, fresh, err := b.NewSetupCode(t.Context())
		if err != nil || !fresh || !shape.MatchString(code.Reveal()) || seen[code.Reveal()] {
			t.Fatalf("NewSetupCode() = %q, %t, %v", code.Reveal(), fresh, err)
		}
		if code.String() != "[secret]" {
			t.Errorf("a code prints as %s", code)
		}
		seen[code.Reveal()] = true
	}
}

func TestNoLetterOfASetupCodeIsLikelier(t *testing.T) {
	t.Parallel()
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	s := NewStore(Config{Rand: bytes.NewReader(bytes.Repeat(all, codeLen))})
	counts := map[rune]int{}
	for {
		code, err := s.drawCode()
		if err != nil {
			break // the bytes are used up
		}
		for _, letter := range code {
			counts[letter]++
		}
	}
	for _, letter := range codeAlphabet {
		if n := counts[letter]; n < 8*codeLen-1 || n > 8*codeLen {
			t.Errorf("%c came %d times, want about %d", letter, n, 8*codeLen)
		}
	}
}

func TestSetupCodesAreForgiving(t *testing.T) {
	t.Parallel()
	const code = "7G4K2MNPXW9R"
	for _, typed := range []string{"7G4K-2MNP-XW9R", "7g4k-2mnp-xw9r", "7G4K 2MNP XW9R", " 7g4k2mnpxw9r ", "7-G-4-K-2-M-N-P-X-W-9-R"} {
		if !bytes.Equal(codeDigest(typed), codeDigest(code)) {
			t.Errorf("%q is not taken for %q", typed, code)
		}
	}
	for _, typed := range []string{"", "7G4K-2MNP-XW9", "7G4K-2MNP-XW9RR", "7G4K_2MNP_XW9R", "G74K-2MNP-XW9R"} {
		if bytes.Equal(codeDigest(typed), codeDigest(code)) {
			t.Errorf("%q is taken for %q", typed, code)
		}
	}
}

func TestNoSetupCodeWithoutRandomness(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *Config) { c.Rand = iotest.ErrReader(io.ErrUnexpectedEOF) })
	if _, fresh, err := b.NewSetupCode(t.Context()); fresh || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("NewSetupCode() = %t, %v", fresh, err)
	}
	if n := scalar[int](b, "SELECT count(*) FROM setup_code"); n != 0 {
		t.Errorf("%d codes are stored", n)
	}
	if _, _, err := b.SignUp(t.Context(), someone, NewAccount{Handle: "grace", Password: password}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a session without randomness: %v", err)
	}
	if n := scalar[int](b, "SELECT count(*) FROM account WHERE handle = 'grace'"); n != 0 {
		t.Error("an account was made although its session was not")
	}
}

func TestSetupCodesAreStoredAsDigests(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	code, _, err := b.NewSetupCode(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stored := scalar[string](b, "SELECT encode(digest, 'escape') || encode(digest, 'hex') || digest::text FROM setup_code")
	if plain := strings.ReplaceAll(code.Reveal(), "-", ""); strings.Contains(stored, plain) || strings.Contains(stored, code.Reveal()) {
		t.Error("the database holds the code")
	}
}

// A handle that is refused by the database must not use the code up: the transaction is one.
func TestAFailedSetupLeavesTheCode(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	code, _, err := b.NewSetupCode(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.Setup(t.Context(), someone, code.Reveal(), NewAccount{Handle: "no handle", Password: password}); err == nil {
		t.Fatal("a handle with a space is stored")
	}
	if _, _, err := b.Setup(t.Context(), someone, code.Reveal(), NewAccount{Handle: "ada", Password: password}); err != nil {
		t.Errorf("the code afterwards: %v", err)
	}
	if _, _, err := b.Setup(t.Context(), someone, code.Reveal(), NewAccount{Handle: "eve", Password: password}); !is(err, problem.SetupDone) {
		t.Errorf("the code once more: %v", err)
	}
}
