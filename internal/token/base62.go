package token

import (
	"encoding/binary"
	"errors"
)

const (
	alphabet    = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	base        = uint64(len(alphabet))
	secretBytes = 32
	idBytes     = 48 // 16 are needed and 1 in 32 is refused: honest chance falls short once in 2^125 keys
)

var inAlphabet = func() [256]bool {
	var in [256]bool
	for i := range len(alphabet) {
		in[alphabet[i]] = true
	}
	return in
}()

func isBase62(s string) bool {
	for i := range len(s) {
		if !inAlphabet[s[i]] {
			return false
		}
	}
	return true
}

// encode32 writes n as six digits, the highest first.
func encode32(n uint32) [checksumLen]byte {
	var digits [checksumLen]byte
	rest := uint64(n)
	for i := checksumLen - 1; i >= 0; i-- {
		digits[i] = alphabet[rest%base]
		rest /= base
	}
	return digits
}

// encode256 writes the big-endian number in b as 43 digits, the highest first. It is long division, the same steps for
// every number; math/big would do it in steps that depend on the secret, and in another alphabet.
func encode256(b [secretBytes]byte) [secretLen]byte {
	var limbs [secretBytes / 4]uint32
	for i := range limbs {
		limbs[i] = binary.BigEndian.Uint32(b[4*i:])
	}
	var digits [secretLen]byte
	for i := secretLen - 1; i >= 0; i-- {
		var rest uint64
		for j, limb := range limbs {
			n := rest<<32 | uint64(limb)
			limbs[j] = uint32(n / base)
			rest = n % base
		}
		digits[i] = alphabet[rest]
	}
	return digits
}

var errNotRandom = errors.New("the random source repeats itself")

// drawID picks 16 characters, each of the 62 equally likely: six bits of every byte, where 62 and 63 are drawn again
// instead of being folded onto the first two.
func drawID(chance []byte) ([idLen]byte, error) {
	var id [idLen]byte
	n := 0
	for _, c := range chance {
		if c &= 63; uint64(c) >= base {
			continue
		}
		id[n] = alphabet[c]
		if n++; n == idLen {
			return id, nil
		}
	}
	return id, errNotRandom
}
