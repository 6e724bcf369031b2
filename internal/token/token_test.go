package token_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"hash/crc32"
	"io"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/latchkey-dev/latchkey/internal/token"
)

const (
	alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

	// The vector of the contract.
	vectorID     = "OtZxRtj2W3TKDpxX"
	vectorSecret = "yWbwYZKhq0kCGMania8S3I20f1lEcBF1G73g497iVsr"
	vectorBody   = "akpat_" + vectorID + "_" + vectorSecret
	vector       = vectorBody + "4KYwIo"
)

// base62 is the encoding written a second time, with another algorithm.
func base62(n *big.Int, width int) string {
	n, digit := new(big.Int).Set(n), new(big.Int)
	var s string
	for range width {
		n.DivMod(n, big.NewInt(62), digit)
		s = alphabet[digit.Int64():][:1] + s
	}
	return s
}

// seal appends the checksum to body.
func seal(body string) string {
	sum := crc32.ChecksumIEEE([]byte(body))
	return body + base62(big.NewInt(int64(sum)), 6)
}

func mint(tb testing.TB, brand string) (token.Secret, token.Parsed) {
	tb.Helper()
	secret, parsed, err := token.Mint(rand.Reader, brand)
	if err != nil {
		tb.Fatal(err)
	}
	return secret, parsed
}

func parse(tb testing.TB, raw string) token.Parsed {
	tb.Helper()
	parsed, err := token.Parse(raw)
	if err != nil {
		tb.Fatal(err)
	}
	return parsed
}

func TestVector(t *testing.T) {
	t.Parallel()
	if sum := crc32.ChecksumIEEE([]byte(vectorBody)); sum != 0xec88c126 {
		t.Errorf("CRC %#x", sum)
	}
	if sealed := seal(vectorBody); sealed != vector {
		t.Errorf("sealed %s", sealed)
	}
	p := parse(t, vector)
	if p.Brand != "ak" || p.ID != vectorID || p.Prefix() != "akpat_"+vectorID || token.Chars(p) != vectorSecret {
		t.Errorf("parsed as %s, %s, %s, %s", p.Brand, p.ID, p.Prefix(), token.Chars(p))
	}
}

func TestParseMalformed(t *testing.T) {
	t.Parallel()
	with := func(brand, kind, id, separator, secret string) string {
		return seal(brand + kind + id + separator + secret)
	}
	last := len(vector) - 1
	for _, tc := range []struct{ name, raw string }{
		{"empty", ""},
		{"the brand alone", "lkpat_"},
		{"no brand", with("", "pat_", vectorID, "_", vectorSecret)},
		{"a brand of 13", with("abcdefghijklm", "pat_", vectorID, "_", vectorSecret)},
		{"an upper-case brand", with("Lk", "pat_", vectorID, "_", vectorSecret)},
		{"a brand that begins with a digit", with("1k", "pat_", vectorID, "_", vectorSecret)},
		{"a brand with a hyphen", with("l-k", "pat_", vectorID, "_", vectorSecret)},
		{"a brand with an underscore", with("l_k", "pat_", vectorID, "_", vectorSecret)},
		{"a brand in Cyrillic", with("к", "pat_", vectorID, "_", vectorSecret)},
		{"another kind", with("lk", "svc_", vectorID, "_", vectorSecret)},
		{"an upper-case kind", with("lk", "PAT_", vectorID, "_", vectorSecret)},
		{"a kind without its underscore", with("lk", "pat0", vectorID, "_", vectorSecret)},
		{"an id of 15", with("lk", "pat_", vectorID[1:], "_", vectorSecret)},
		{"an id of 17", with("lk", "pat_", vectorID+"0", "_", vectorSecret)},
		{"an id of 17 and a secret of 42", with("lk", "pat_", vectorID+"0", "_", vectorSecret[1:])},
		{"an id with a hyphen", with("lk", "pat_", "-"+vectorID[1:], "_", vectorSecret)},
		{"an id that ends in an underscore", with("lk", "pat_", vectorID[1:]+"_", "_", vectorSecret)},
		{"an id with a letter beyond ASCII", with("lk", "pat_", "é"+vectorID[2:], "_", vectorSecret)},
		{"a hyphen for the separator", with("lk", "pat_", vectorID, "-", vectorSecret)},
		{"a secret of 42", with("lk", "pat_", vectorID, "_", vectorSecret[1:])},
		{"a secret of 44", with("lk", "pat_", vectorID, "_", vectorSecret+"0")},
		{"a secret with a plus", with("lk", "pat_", vectorID, "_", "+"+vectorSecret[1:])},
		{"a secret that ends in a zero byte", with("lk", "pat_", vectorID, "_", vectorSecret[1:]+"\x00")},
		{"a wrong last digit", vector[:last] + "p"},
		{"a checksum over another brand", "lk" + vector[2:]},
		{"a checksum with a hyphen", vector[:last] + "-"},
		{"a checksum above 32 bits", vectorBody + "zzzzzz"},
		{"no checksum", vectorBody},
		{"a space before", " " + vector},
		{"a line feed after", vector + "\n"},
		{"a scheme before", "Bearer " + vector},
		{"two keys", vector + vector},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p, err := token.Parse(tc.raw)
			if err != token.ErrMalformed {
				t.Errorf("error %v", err)
			}
			if p.Brand != "" || p.ID != "" || token.Chars(p) != "" {
				t.Error("something was returned beside the error")
			}
		})
	}
}

// The checksum is there to catch a slip of the hand: any one character changed, any two neighbours swapped.
func TestParseCatchesSlips(t *testing.T) {
	t.Parallel()
	for i := range vector {
		for _, c := range alphabet + "_-" {
			slip := vector[:i] + string(c) + vector[i+1:]
			if _, err := token.Parse(slip); slip != vector && err == nil {
				t.Errorf("accepted %s", slip)
			}
		}
		if i == 0 || vector[i-1] == vector[i] {
			continue
		}
		slip := vector[:i-1] + vector[i:i+1] + vector[i-1:i] + vector[i+1:]
		if _, err := token.Parse(slip); err == nil {
			t.Errorf("accepted %s", slip)
		}
	}
}

func TestValidBrand(t *testing.T) {
	t.Parallel()
	for brand, want := range map[string]bool{
		"a": true, "lk": true, "k9": true, "pat": true, "abcdefghijkl": true, "a00000000000": true,
		"": false, "abcdefghijklm": false, "9k": false, "Lk": false, "lK": false, "l_k": false, "l-k": false, "lk\n": false, "é": false,
	} {
		if token.ValidBrand(brand) != want {
			t.Errorf("%q: want %t", brand, want)
		}
	}
}

// A brand may itself look like the kind: the length decides, not the first "pat_".
func TestBrandThatLooksLikeTheKind(t *testing.T) {
	t.Parallel()
	for _, brand := range []string{"pat", "patpat", "p", "apat"} {
		secret, _ := mint(t, brand)
		if p := parse(t, secret.Reveal()); p.Brand != brand {
			t.Errorf("%s came back as %s", brand, p.Brand)
		}
	}
}

func TestMintDefaultIs72Characters(t *testing.T) {
	t.Parallel()
	secret, p := mint(t, "lk")
	if len(secret.Reveal()) != 72 {
		t.Errorf("%d characters", len(secret.Reveal()))
	}
	if secret.Reveal()[:22] != p.Prefix() {
		t.Errorf("prefix %s", p.Prefix())
	}
}

func TestMintReturns(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		brand := rapid.StringMatching(token.BrandPattern).Draw(t, "brand")
		number := rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "number")
		secret, minted, err := token.Mint(io.MultiReader(bytes.NewReader(number), rand.Reader), brand)
		if err != nil {
			t.Fatal(err)
		}
		p, err := token.Parse(secret.Reveal())
		if err != nil {
			t.Fatal(err)
		}
		if p.Brand != brand || minted.Brand != brand || p.ID != minted.ID || token.Chars(p) != token.Chars(minted) {
			t.Fatal("not what was minted")
		}
		if want := base62(new(big.Int).SetBytes(number), 43); token.Chars(p) != want {
			t.Fatalf("%x became %s, want %s", number, token.Chars(p), want)
		}
		if seal(p.Prefix()+"_"+token.Chars(p)) != secret.Reveal() {
			t.Fatal("the parts do not make the whole")
		}
	})
}

func TestMintPadsWithZeros(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		number []byte
		want   string
	}{
		{"zero", make([]byte, 32), strings.Repeat("0", 43)},
		{"one", append(make([]byte, 31), 1), strings.Repeat("0", 42) + "1"},
		{"sixty-two", append(make([]byte, 31), 62), strings.Repeat("0", 41) + "10"},
		{"the greatest", bytes.Repeat([]byte{255}, 32), base62(new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 256), big.NewInt(1)), 43)},
	} {
		_, p, err := token.Mint(io.MultiReader(bytes.NewReader(tc.number), rand.Reader), "lk")
		if err != nil {
			t.Fatal(err)
		}
		if got := token.Chars(p); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}

func TestMintRefuses(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	failing := io.MultiReader(bytes.NewReader(make([]byte, 40)), brokenReader{broken})
	for _, tc := range []struct {
		name  string
		rand  io.Reader
		brand string
		want  error
	}{
		{"an empty brand", rand.Reader, "", nil},
		{"a brand that would not parse", rand.Reader, "LK", nil},
		{"a source that fails half-way", failing, "lk", broken},
		{"a source that ends", bytes.NewReader(make([]byte, 79)), "lk", io.ErrUnexpectedEOF},
		{"a source stuck on refused bytes", bytes.NewReader(bytes.Repeat([]byte{255}, 80)), "lk", nil},
	} {
		secret, p, err := token.Mint(tc.rand, tc.brand)
		if err == nil || tc.want != nil && !errors.Is(err, tc.want) {
			t.Errorf("%s: error %v", tc.name, err)
		}
		if secret.Reveal() != "" || token.Chars(p) != "" {
			t.Errorf("%s: a key came with the error", tc.name)
		}
	}
}

type brokenReader struct{ err error }

func (r brokenReader) Read([]byte) (int, error) { return 0, r.err }

// ASVS 11.5.1. Every byte value is tried once in one place: an exact count, which no sample could give.
func TestIDIsUnbiased(t *testing.T) {
	t.Parallel()
	count := map[byte]int{}
	refused := 0
	for c := range 256 {
		// Sixteen times c; where it is refused, the zeros behind it show in its stead, and nothing of c does.
		chance := append(bytes.Repeat([]byte{byte(c)}, 16), make([]byte, 32)...)
		id, err := token.DrawID(chance)
		if err != nil {
			t.Fatal(err)
		}
		if c&63 >= 62 {
			refused++
			continue
		}
		count[id[0]]++
		if string(id[:]) != strings.Repeat(string(id[0]), 16) {
			t.Errorf("byte %d gives %s", c, id)
		}
	}
	for _, c := range []byte(alphabet) {
		if count[c] != 4 {
			t.Errorf("%c is drawn by %d of 256 bytes, want 4", c, count[c])
		}
	}
	if refused != 8 || len(count) != 62 {
		t.Errorf("%d refused, %d characters", refused, len(count))
	}
}

// A sanity check with bounds no honest source will ever meet: 32,000 characters, each of 62 expected 516 times with a
// standard deviation of 22.5, and bounds more than ten of those away.
func TestIDsSpread(t *testing.T) {
	t.Parallel()
	seen, count := map[token.ID]bool{}, map[rune]int{}
	for range 2000 {
		_, p := mint(t, "lk")
		if seen[p.ID] {
			t.Fatal("an ID came twice")
		}
		seen[p.ID] = true
		for _, c := range p.ID {
			count[c]++
		}
	}
	for _, c := range alphabet {
		if count[c] < 260 || count[c] > 780 {
			t.Errorf("%c came %d times", c, count[c])
		}
	}
}

func TestParseDoesNotAllocate(t *testing.T) {
	for name, raw := range map[string]string{"good": vector, "bad checksum": vectorBody + "000000", "bad shape": "x" + vector} {
		if n := testing.AllocsPerRun(100, func() { _, _ = token.Parse(raw) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, _ = token.Parse(vector)
	}
}

func BenchmarkParseBadChecksum(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, _ = token.Parse(vectorBody + "000000")
	}
}

func BenchmarkMint(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		_, _, _ = token.Mint(rand.Reader, "lk")
	}
}

func TestRemint(t *testing.T) {
	t.Parallel()
	first, p := mint(t, "lk")
	second, q, err := token.Remint(rand.Reader, p.Brand, p.ID)
	if err != nil || q.Prefix() != p.Prefix() || second.Reveal() == first.Reveal() || token.Chars(q) == token.Chars(p) {
		t.Errorf("minted again as %s, %v", q, err)
	}
	if again := parse(t, second.Reveal()); again.Prefix() != p.Prefix() {
		t.Errorf("read back as %s", again)
	}
	for say, remint := range map[string]func() (token.Secret, token.Parsed, error){
		"too little chance":      func() (token.Secret, token.Parsed, error) { return token.Remint(strings.NewReader("x"), "lk", p.ID) },
		"a brand that is none":   func() (token.Secret, token.Parsed, error) { return token.Remint(rand.Reader, "LK", p.ID) },
		"an id that is too long": func() (token.Secret, token.Parsed, error) { return token.Remint(rand.Reader, "lk", p.ID+"x") },
		"an id of other digits":  func() (token.Secret, token.Parsed, error) { return token.Remint(rand.Reader, "lk", p.ID[:15]+"-") },
		"no id":                  func() (token.Secret, token.Parsed, error) { return token.Remint(rand.Reader, "lk", "") },
	} {
		if secret, _, err := remint(); err == nil || secret.Reveal() != "" {
			t.Errorf("%s: %v", say, err)
		}
	}
}
