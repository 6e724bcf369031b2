package token_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"testing"

	"github.com/latchkey-dev/latchkey/internal/token"
)

var (
	pepperOne = bytes.Repeat([]byte{1}, 32)
	pepperTwo = bytes.Repeat([]byte{2}, 70) // longer than a block, which HMAC hashes first
)

func digester(tb testing.TB, peppers map[int16][]byte) token.Digester {
	tb.Helper()
	d, err := token.NewDigester(peppers)
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

// hmacByHand is RFC 2104 without the library.
func hmacByHand(key []byte, message string) [32]byte {
	if len(key) > 64 {
		sum := sha256.Sum256(key)
		key = sum[:]
	}
	inner, outer := bytes.Repeat([]byte{0x36}, 64), bytes.Repeat([]byte{0x5c}, 64)
	for i, b := range key {
		inner[i] ^= b
		outer[i] ^= b
	}
	sum := sha256.Sum256(append(inner, message...))
	return sha256.Sum256(append(outer, sum[:]...))
}

func unhex(tb testing.TB, s string) []byte {
	tb.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func TestDigestFitsOneBlock(t *testing.T) {
	t.Parallel()
	if n := len(token.Domain); n > 12 || n+43+9 > sha256.BlockSize {
		t.Errorf("a domain of %d bytes takes a second block", n)
	}
}

func TestDigest(t *testing.T) {
	t.Parallel()
	const message = token.Domain + vectorSecret
	for _, tc := range []struct {
		name    string
		peppers map[int16][]byte
		version int16
		want    token.Digest
	}{
		{"no pepper", nil, 0, sha256.Sum256([]byte(message))},
		{"a pepper", map[int16][]byte{1: pepperOne}, 1, hmacByHand(pepperOne, message)},
		{"the newest of two", map[int16][]byte{32767: pepperTwo, 9: pepperOne}, 32767, hmacByHand(pepperTwo, message)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, version := digester(t, tc.peppers).Digest(parse(t, vector))
			if got != tc.want || version != tc.version {
				t.Errorf("version %d, %x, want %x", version, got, tc.want)
			}
		})
	}
}

// What is stored outlives this code: a change of the domain or of the message would lock every key out.
func TestDigestIsForever(t *testing.T) {
	t.Parallel()
	plain, _ := digester(t, nil).Digest(parse(t, vector))
	keyed, _ := digester(t, map[int16][]byte{1: pepperOne}).Digest(parse(t, vector))
	if want := [32]byte(unhex(t, "3f5094d83745bb0f94bcd2401033dc92c866d10566d21a6eb2e30f94b0919879")); plain != want {
		t.Errorf("plain %x", plain)
	}
	if want := [32]byte(unhex(t, "eee1b26a903b6153fd4246636d83568f5f52b940f495138644e5c3832d2100e4")); keyed != want {
		t.Errorf("keyed %x", keyed)
	}
}

// ASVS 11.2.2: a pepper is introduced and replaced while the old digests go on matching.
func TestMatches(t *testing.T) {
	t.Parallel()
	p := parse(t, vector)
	_, other := mint(t, "ak")
	plain, _ := digester(t, nil).Digest(p)
	one, _ := digester(t, map[int16][]byte{1: pepperOne}).Digest(p)
	two, _ := digester(t, map[int16][]byte{2: pepperTwo}).Digest(p)
	none, first := digester(t, nil), digester(t, map[int16][]byte{1: pepperOne})
	both := digester(t, map[int16][]byte{1: pepperOne, 2: pepperTwo})
	for _, tc := range []struct {
		name    string
		d       token.Digester
		p       token.Parsed
		stored  []byte
		version int16
		want    bool
	}{
		{"plain", none, p, plain[:], 0, true},
		{"plain, zero Digester", token.Digester{}, p, plain[:], 0, true},
		{"plain, after a pepper came", both, p, plain[:], 0, true},
		{"pepper", first, p, one[:], 1, true},
		{"old pepper", both, p, one[:], 1, true},
		{"new pepper", both, p, two[:], 2, true},
		{"another secret", none, other, plain[:], 0, false},
		{"another secret, pepper", both, other, two[:], 2, false},
		{"one bit off", none, p, append(bytes.Clone(plain[:31]), plain[31]^1), 0, false},
		{"wrong version", both, p, two[:], 1, false},
		{"pepper passed off as plain", both, p, two[:], 0, false},
		{"unknown version that would match as the newest", first, p, one[:], 2, false},
		{"unknown version, no pepper", none, p, plain[:], 1, false},
		{"unknown version, zero Digester", token.Digester{}, p, plain[:], 1, false},
		{"negative version", first, p, one[:], -1, false},
		{"nothing stored", none, p, nil, 0, false},
		{"a digest cut short", none, p, plain[:31], 0, false},
		{"a digest with a tail", none, p, append(bytes.Clone(plain[:]), 0), 0, false},
		{"zero Parsed", none, token.Parsed{}, plain[:], 0, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := tc.d.Matches(tc.p, tc.stored, tc.version); got != tc.want {
				t.Errorf("got %t", got)
			}
		})
	}
}

// The digest depends on the secret alone: a key keeps it when the brand is changed or the string lies elsewhere.
func TestDigestIsOfTheSecret(t *testing.T) {
	t.Parallel()
	d := digester(t, nil)
	want, _ := d.Digest(parse(t, vector))
	got, _ := d.Digest(parse(t, seal("other9pat_0000000000000000_"+vectorSecret)))
	if got != want {
		t.Error("brand or ID changed the digest")
	}
}

func TestNewDigesterRefuses(t *testing.T) {
	t.Parallel()
	for name, peppers := range map[string]map[int16][]byte{
		"version 0":         {0: pepperOne},
		"negative version":  {-1: pepperOne},
		"a pepper of 31":    {1: pepperOne[:31]},
		"an empty pepper":   {1: nil},
		"one bad among two": {1: pepperOne, 2: pepperTwo[:8]},
	} {
		if _, err := token.NewDigester(peppers); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

func TestDigesterKeepsItsOwnPeppers(t *testing.T) {
	t.Parallel()
	pepper := bytes.Clone(pepperOne)
	peppers := map[int16][]byte{1: pepper}
	d := digester(t, peppers)
	want, _ := d.Digest(parse(t, vector))
	clear(pepper)
	clear(peppers)
	if got, version := d.Digest(parse(t, vector)); got != want || version != 1 {
		t.Error("the caller's map is still in use")
	}
}

// ASVS 11.2.4, as far as a test can tell without a clock: the same path is walked, so that it allocates the same.
func TestDummyWorksLikeMatches(t *testing.T) {
	p := parse(t, vector)
	for name, d := range map[string]token.Digester{
		"plain":  digester(t, nil),
		"pepper": digester(t, map[int16][]byte{1: pepperOne}),
	} {
		stored, version := d.Digest(p)
		known := testing.AllocsPerRun(100, func() { d.Matches(p, stored[:], version) })
		unknown := testing.AllocsPerRun(100, func() { d.Matches(p, stored[:], 7) })
		dummy := testing.AllocsPerRun(100, func() { d.Dummy(p) })
		if known != unknown || known != dummy {
			t.Errorf("%s: %v, %v and %v allocations", name, known, unknown, dummy)
		}
		if name == "plain" && known != 0 {
			t.Errorf("plain: %v allocations", known)
		}
	}
}

func BenchmarkDigest(b *testing.B) {
	benchmarkDigester(b, func(d token.Digester, p token.Parsed, _ token.Digest, _ int16) { d.Digest(p) })
}

func BenchmarkMatches(b *testing.B) {
	benchmarkDigester(b, func(d token.Digester, p token.Parsed, stored token.Digest, version int16) {
		d.Matches(p, stored[:], version)
	})
}

func BenchmarkMatchesUnknownVersion(b *testing.B) {
	benchmarkDigester(b, func(d token.Digester, p token.Parsed, stored token.Digest, _ int16) {
		d.Matches(p, stored[:], 7)
	})
}

func BenchmarkDummy(b *testing.B) {
	benchmarkDigester(b, func(d token.Digester, p token.Parsed, _ token.Digest, _ int16) { d.Dummy(p) })
}

func benchmarkDigester(b *testing.B, work func(token.Digester, token.Parsed, token.Digest, int16)) {
	p := parse(b, vector)
	for _, bc := range []struct {
		name    string
		peppers map[int16][]byte
	}{{"plain", nil}, {"pepper", map[int16][]byte{1: pepperOne}}} {
		b.Run(bc.name, func(b *testing.B) {
			d := digester(b, bc.peppers)
			stored, version := d.Digest(p)
			b.ReportAllocs()
			for b.Loop() {
				work(d, p, stored, version)
			}
		})
	}
}
