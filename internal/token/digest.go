package token

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"slices"
)

// domain keeps these digests apart from those of anything else this service hashes. It has the greatest length that
// still fits one SHA-256 block together with the secret.
const domain = "latchkey-pat"

// SHA-256 ends every message with one byte and the length in eight. Does not compile if a second block would be needed.
const _ = uint(sha256.BlockSize - 9 - len(domain) - secretLen)

const minPepper = 32 // bytes

// Digest is what is stored of a secret.
type Digest [sha256.Size]byte

// Digester makes and compares digests. The zero Digester has no pepper. It is safe for use by many goroutines, and
// prints no pepper.
type Digester struct {
	newest int16
	// A function, which nothing can print or walk into. An address would not do: given a wrong verb, fmt follows one
	// to a struct, a map or a slice even in an unexported field.
	pepper func(version int16) []byte
}

// NewDigester takes the peppers by version, 1 to 32767, each 32 bytes or more of secret randomness. The highest version
// makes new digests. Version 0 is plain SHA-256: it makes new digests when there is no pepper, and stays readable when
// there is, so that a pepper can be introduced without reissuing a key.
//
// Errors: a version out of range, a pepper that is too short; the text names the version only.
func NewDigester(peppers map[int16][]byte) (Digester, error) {
	var newest int16
	own := make(map[int16][]byte, len(peppers))
	for version, pepper := range peppers {
		if version < 1 {
			return Digester{}, fmt.Errorf("pepper version %d is not between 1 and 32767", version)
		}
		if len(pepper) < minPepper {
			return Digester{}, fmt.Errorf("pepper version %d has %d bytes, fewer than %d", version, len(pepper), minPepper)
		}
		own[version] = slices.Clone(pepper)
		newest = max(newest, version)
	}
	return Digester{newest: newest, pepper: func(version int16) []byte { return own[version] }}, nil
}

// Digest gives what to store for a new key, and under which version.
func (d Digester) Digest(p Parsed) (Digest, int16) {
	return d.sum(p, d.newest), d.newest
}

// Matches reports whether p has the secret that gave stored under version, in constant time. An unknown version is
// false after the same work.
func (d Digester) Matches(p Parsed, stored []byte, version int16) bool {
	known := d.knows(version)
	if !known {
		version = d.newest
	}
	sum := d.sum(p, version)
	return subtle.ConstantTimeCompare(sum[:], stored) == 1 && known
}

// Dummy does the work of Matches for an ID that does not exist, so that the time taken does not tell which ones do.
func (d Digester) Dummy(p Parsed) {
	var none Digest
	_ = d.Matches(p, none[:], d.newest)
}

func (d Digester) knows(version int16) bool {
	return version == 0 || d.pepper != nil && d.pepper(version) != nil
}

// sum digests the secret of p; version must be known.
func (d Digester) sum(p Parsed, version int16) Digest {
	m := message(p)
	if version == 0 {
		return sha256.Sum256(m[:])
	}
	return keyed(d.pepper(version), m)
}

func message(p Parsed) [len(domain) + secretLen]byte {
	var m [len(domain) + secretLen]byte
	copy(m[:], domain)
	copy(m[len(domain):], p.chars())
	return m
}

// keyed takes its own copy of m: what is written to a hash.Hash goes to the heap, and only this path should pay.
func keyed(pepper []byte, m [len(domain) + secretLen]byte) Digest {
	mac := hmac.New(sha256.New, pepper)
	mac.Write(m[:])
	var sum Digest
	mac.Sum(sum[:0])
	return sum
}
