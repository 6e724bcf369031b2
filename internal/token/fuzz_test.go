package token_test

import (
	"bytes"
	"math/big"
	"regexp"
	"testing"

	"github.com/latchkey-dev/latchkey/internal/token"
)

var shape = regexp.MustCompile(`^([a-z][a-z0-9]{0,11})pat_([0-9A-Za-z]{16})_([0-9A-Za-z]{43})[0-9A-Za-z]{6}$`)

// FuzzParse compares Parse with the regular expression a scanner would use: as given, and with the checksum put right,
// which chance would never do.
func FuzzParse(f *testing.F) {
	for _, raw := range []string{
		"", "pat_", vector, vectorBody, vector + "\n", vector[1:], "patpat_" + vector[6:], "lk" + vector[2:],
		"abcdefghijkl" + vector[2:], "абв" + vector[2:], vectorBody + "zzzzzz",
	} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		agree(t, raw)
		if len(raw) > 6 {
			agree(t, seal(raw[:len(raw)-6]))
		}
	})
}

func agree(t *testing.T, raw string) {
	t.Helper()
	p, err := token.Parse(raw)
	want := shape.FindStringSubmatch(raw)
	// A $ matches at the very end only, unlike in other languages; the length of raw is fixed by the pattern.
	if want == nil || seal(raw[:len(raw)-6]) != raw {
		if err != token.ErrMalformed || token.Chars(p) != "" {
			t.Fatalf("%q: error %v", raw, err)
		}
		return
	}
	if err != nil {
		t.Fatalf("%q: error %v", raw, err)
	}
	if p.Brand != want[1] || string(p.ID) != want[2] || token.Chars(p) != want[3] {
		t.Fatalf("%q: %s, %s, %s", raw, p.Brand, p.ID, token.Chars(p))
	}
}

// FuzzMint feeds Mint any source: it gives a key that says what it was made of, or an error, and never hangs.
func FuzzMint(f *testing.F) {
	counted := make([]byte, 80)
	for i := range counted {
		counted[i] = byte(i)
	}
	f.Add(counted, "lk")
	f.Add(make([]byte, 80), "pat")
	f.Add(bytes.Repeat([]byte{255}, 80), "lk")
	f.Add(counted[:79], "lk")
	f.Add(counted, "LK")
	f.Add([]byte(nil), "")
	f.Fuzz(func(t *testing.T, chance []byte, brand string) {
		secret, p, err := token.Mint(bytes.NewReader(chance), brand)
		if err != nil {
			if secret.Reveal() != "" || token.Chars(p) != "" {
				t.Fatal("a key came with the error")
			}
			if token.ValidBrand(brand) && usable(chance) {
				t.Fatalf("refused: %v", err)
			}
			return
		}
		if !token.ValidBrand(brand) || !usable(chance) {
			t.Fatal("made a key out of nothing")
		}
		agree(t, secret.Reveal())
		if want := base62(new(big.Int).SetBytes(chance[:32]), 43); token.Chars(p) != want || p.Brand != brand {
			t.Fatalf("%x became %s, want %s", chance[:32], token.Chars(p), want)
		}
	})
}

// usable reports whether chance has 80 bytes, of which the last 48 give 16 characters.
func usable(chance []byte) bool {
	if len(chance) < 80 {
		return false
	}
	good := 0
	for _, c := range chance[32:80] {
		if c&63 < 62 {
			good++
		}
	}
	return good >= 16
}
