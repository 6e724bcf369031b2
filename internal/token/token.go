// Package token owns the format of an access key: how one is minted, recognised and turned into what is stored.
//
//	<brand>pat_<id16>_<secret43><crc6>
//
// It stands apart because the issuing side and the verifying side must agree on it to the bit and share nothing else.
// It knows no database, no account and no clock, and imports the standard library only.
//
// What always holds: a secret leaves only through [Secret.Reveal]; nothing here prints one, whatever the verb, the
// logger or the encoder, and however deep it sits in an unexported field. Every key minted here parses, and a string
// that does not parse costs a checksum at most, never a look-up.
package token

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"unsafe"
)

// BrandPattern is the shape of a brand, as an anchored regular expression.
const BrandPattern = `^[a-z][a-z0-9]{0,11}$`

const (
	kind        = "pat_" // a personal access token; follows the brand
	maxBrandLen = 12
	idLen       = 16
	secretLen   = 43 // the fewest base62 digits that hold 256 bits
	checksumLen = 6  // the fewest base62 digits that hold 32 bits

	idAt        = len(kind)
	separatorAt = idAt + idLen
	secretAt    = separatorAt + 1
	checksumAt  = secretAt + secretLen
	tailLen     = checksumAt + checksumLen
)

// ErrMalformed is the only error of Parse. It does not tell the rules apart: a caller that hears which one failed is
// being helped to guess, and a text that named the input would carry a mistyped key into a log.
var ErrMalformed = errors.New("not an access key")

// ID is the public handle of a key: 16 base62 characters, never used twice. It is no secret.
type ID string

// Parsed is a key whose shape and checksum are right. It says nothing about whether the key was ever issued.
//
// It prints as its Prefix. Two Parsed cannot be compared with ==, which would not take constant time on a secret: use
// [Digester.Matches].
//
// Brand and ID are cut from the string given to Parse and keep all of it, secret included, in memory. Clone an ID that
// outlives the request, or use the one that was read from the database.
type Parsed struct {
	_      [0]func() // not comparable
	Brand  string
	ID     ID
	secret *byte // the first of 43, in raw; by address for the reason given at Secret
}

// Mint makes a new key: 80 bytes are read from rand, which must be cryptographically secure. Of these, 32 become the
// secret.
//
// Errors: a brand that does not match BrandPattern, a rand that fails or is visibly not random.
func Mint(rand io.Reader, brand string) (Secret, Parsed, error) {
	if !ValidBrand(brand) {
		return Secret{}, Parsed{}, fmt.Errorf("mint key: brand %q does not match %s", brand, BrandPattern)
	}
	var chance [secretBytes + idBytes]byte
	if _, err := io.ReadFull(rand, chance[:]); err != nil {
		return Secret{}, Parsed{}, fmt.Errorf("mint key: read randomness: %w", err)
	}
	id, err := drawID(chance[secretBytes:])
	if err != nil {
		return Secret{}, Parsed{}, fmt.Errorf("mint key: %w", err)
	}
	return mint(brand, id[:], [secretBytes]byte(chance[:secretBytes]))
}

// Remint makes a new secret for a key that keeps its brand and ID: 32 bytes are read from rand, which must be
// cryptographically secure.
//
// Errors: a brand or an ID that no key has, a rand that fails.
func Remint(rand io.Reader, brand string, id ID) (Secret, Parsed, error) {
	var chance [secretBytes]byte
	if _, err := io.ReadFull(rand, chance[:]); err != nil {
		return Secret{}, Parsed{}, fmt.Errorf("mint secret: read randomness: %w", err)
	}
	return mint(brand, []byte(id), chance)
}

func mint(brand string, id []byte, chance [secretBytes]byte) (Secret, Parsed, error) {
	digits := encode256(chance)
	raw := assemble(brand, id, digits[:])
	parsed, err := Parse(raw) // so that no key leaves here that would be refused on its return
	if err != nil {
		return Secret{}, Parsed{}, fmt.Errorf("mint key: %w", err)
	}
	return NewSecret(raw), parsed, nil
}

func assemble(brand string, id, digits []byte) string {
	b := make([]byte, 0, len(brand)+tailLen)
	b = append(b, brand...)
	b = append(b, kind...)
	b = append(b, id...)
	b = append(b, '_')
	b = append(b, digits...)
	sum := encode32(crc32.ChecksumIEEE(b))
	return string(append(b, sum[:]...))
}

// Parse recognises a key of any brand. It does not allocate; the result refers to raw, see [Parsed].
//
// Errors: ErrMalformed, whatever is wrong.
func Parse(raw string) (Parsed, error) {
	brandLen := len(raw) - tailLen
	if brandLen < 1 || brandLen > maxBrandLen {
		return Parsed{}, ErrMalformed
	}
	brand, tail := raw[:brandLen], raw[brandLen:]
	if !ValidBrand(brand) || !shaped(tail) || !sealed(raw) {
		return Parsed{}, ErrMalformed
	}
	return Parsed{
		Brand:  brand,
		ID:     ID(tail[idAt:separatorAt]),
		secret: unsafe.StringData(tail[secretAt:checksumAt]),
	}, nil
}

// shaped reports whether tail, of the right length, is all of a key but its brand. It leaves the checksum to sealed,
// which knows the only digits that will do.
func shaped(tail string) bool {
	return tail[:idAt] == kind && tail[separatorAt] == '_' &&
		isBase62(tail[idAt:separatorAt]) && isBase62(tail[secretAt:checksumAt])
}

// sealed reports whether raw ends in the checksum of what comes before.
func sealed(raw string) bool {
	body := len(raw) - checksumLen
	// Not []byte(raw[:body]): crc32 works through a function variable, so that the copy would go to the heap.
	sum := encode32(crc32.ChecksumIEEE(unsafe.Slice(unsafe.StringData(raw), body)))
	return raw[body:] == string(sum[:])
}

// ValidBrand reports whether s matches BrandPattern.
func ValidBrand(s string) bool {
	if len(s) < 1 || len(s) > maxBrandLen || s[0] < 'a' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !('a' <= c && c <= 'z' || '0' <= c && c <= '9') {
			return false
		}
	}
	return true
}

// chars gives the 43 characters of the secret, none for the zero Parsed.
func (p Parsed) chars() string {
	if p.secret == nil {
		return ""
	}
	return unsafe.String(p.secret, secretLen)
}

// Prefix is the part of a key that may be shown and searched for: brand, kind and ID, such as lkpat_OtZxRtj2W3TKDpxX.
func (p Parsed) Prefix() string { return p.Brand + kind + string(p.ID) }

// String gives Prefix.
func (p Parsed) String() string { return p.Prefix() }

// Format writes Prefix for every verb.
func (p Parsed) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, p.Prefix()) }

// LogValue gives Prefix.
func (p Parsed) LogValue() slog.Value { return slog.StringValue(p.Prefix()) }

// MarshalText gives Prefix, to JSON as well.
func (p Parsed) MarshalText() ([]byte, error) { return []byte(p.Prefix()), nil }
