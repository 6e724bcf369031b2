package account

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
	"runtime"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/trustelem/zxcvbn"
	"golang.org/x/crypto/argon2"

	"github.com/latchkey-dev/latchkey/internal/problem"
)

// Cost is what one argon2id hash takes (OWASP Password Storage Cheat Sheet: at least 19 MiB with two passes).
type Cost struct {
	MemoryKiB uint32
	Passes    uint32
	Lanes     uint8
}

const (
	saltLen, hashLen = 16, 32
	hashQueue        = 32              // how many may wait for their turn
	hashWait         = 2 * time.Second // and how long
)

// Hasher makes and checks argon2id hashes in the PHC string format, a few at a time: each takes Cost.MemoryKiB, so that a
// flood of sign-ins could otherwise use up the machine.
type Hasher struct {
	cost  Cost
	rand  io.Reader
	dummy string
	turns chan struct{}
	queue chan struct{}
}

// NewHasher lets max(1, GOMAXPROCS/2) hashes run at once. Salts come from rand, which must be cryptographic.
func NewHasher(cost Cost, rand io.Reader) *Hasher {
	h := &Hasher{cost: cost, rand: rand, turns: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))}
	h.queue = make(chan struct{}, cap(h.turns)+hashQueue)
	h.dummy = h.phc(make([]byte, saltLen), make([]byte, hashLen))
	return h
}

// Hash gives the PHC string of a password.
//
// Errors: problem.Overloaded when too many hashes wait already.
func (h *Hasher) Hash(ctx context.Context, password string) (string, error) {
	done, err := h.turn(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	return h.hash(password)
}

// choose is Hash for a password that p has to find good first, in the same turn: judging can cost as much as hashing.
//
// Errors: problem.PasswordRefused, problem.Overloaded.
func (h *Hasher) choose(ctx context.Context, p policy, password string, context ...string) (string, error) {
	if err := p.measure(password); err != nil {
		return "", err
	}
	done, err := h.turn(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	if err := p.judge(password, context...); err != nil {
		return "", err
	}
	return h.hash(password)
}

func (h *Hasher) hash(password string) (string, error) {
	salt := make([]byte, saltLen)
	if _, err := io.ReadFull(h.rand, salt); err != nil {
		return "", fmt.Errorf("draw salt: %w", err)
	}
	return h.phc(salt, h.cost.key(password, salt, hashLen)), nil
}

// Check tells whether password is the one behind a PHC string, and whether that was made at another cost than today's. An
// empty string stands for no such account: the same work is done, and the answer is no.
//
// Errors: problem.Overloaded; a string that is not ours.
func (h *Hasher) Check(ctx context.Context, phc, password string) (bool, bool, error) {
	known := phc != ""
	if !known {
		phc = h.dummy
	}
	cost, salt, want, err := parsePHC(phc)
	if err != nil {
		return false, false, err
	}
	done, err := h.turn(ctx)
	if err != nil {
		return false, false, err
	}
	defer done()
	same := subtle.ConstantTimeCompare(cost.key(password, salt, uint32(len(want))), want) == 1
	return same && known, cost != h.cost, nil
}

// turn waits for a place; done gives it back.
func (h *Hasher) turn(ctx context.Context) (func(), error) {
	select {
	case h.queue <- struct{}{}:
	default:
		return nil, problem.New(problem.Overloaded).After(hashWait)
	}
	ctx, cancel := context.WithTimeout(ctx, hashWait)
	defer cancel()
	select {
	case h.turns <- struct{}{}:
		return func() { <-h.turns; <-h.queue }, nil
	case <-ctx.Done():
		<-h.queue
		return nil, problem.New(problem.Overloaded).After(hashWait)
	}
}

func (c Cost) key(password string, salt []byte, n uint32) []byte {
	return argon2.IDKey([]byte(password), salt, c.Passes, c.MemoryKiB, c.Lanes, n)
}

var b64 = base64.RawStdEncoding.Strict()

func (h *Hasher) phc(salt, hash []byte) string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.cost.MemoryKiB, h.cost.Passes, h.cost.Lanes,
		b64.EncodeToString(salt), b64.EncodeToString(hash))
}

func parsePHC(s string) (Cost, []byte, []byte, error) {
	var c Cost
	var version int
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return c, nil, nil, fmt.Errorf("parse password hash: not argon2id")
	}
	if _, err := fmt.Sscanf(parts[2], "v=%d", &version); err != nil || version != argon2.Version {
		return c, nil, nil, fmt.Errorf("parse password hash: version")
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &c.MemoryKiB, &c.Passes, &c.Lanes); err != nil {
		return c, nil, nil, fmt.Errorf("parse password hash: cost")
	}
	salt, err1 := b64.DecodeString(parts[4])
	hash, err2 := b64.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(hash) == 0 {
		return c, nil, nil, fmt.Errorf("parse password hash: base64")
	}
	return c, salt, hash, nil
}

const (
	passwordMax = 1024 // bytes
	// judged is how much of a password its strength is judged by: the judge's work grows faster than the length.
	judged = 64 // code points
	// enough is the least number of guesses that zxcvbn must think it takes: its score 3, give or take five guesses, so that
	// eight random characters are enough where the operator allows eight.
	enough = 1e8
)

// policy decides which passwords may be chosen (NIST SP 800-63B-4, OWASP ASVS 5.0 6.2): a least length, no rules of
// composition, nothing that is widely known or made of what everybody knows about the account.
type policy struct{ min int } // code points

func (p policy) refused(why string) error {
	return problem.New(problem.PasswordRefused).WithField("min", p.min).WithDetail(why)
}

// measure refuses what is too short or too long.
func (p policy) measure(password string) error {
	if n := utf8.RuneCountInString(password); n < p.min {
		return p.refused(fmt.Sprintf("A password has at least %d characters.", p.min))
	}
	if len(password) > passwordMax {
		return p.refused("A password has at most 1024 bytes.")
	}
	return nil
}

// judge refuses what is too easy to guess by someone who knows context.
func (p policy) judge(password string, context ...string) error {
	known := append([]string{"latchkey"}, context...)
	for _, c := range context {
		known = append(known, strings.Fields(strings.ToLower(c))...)
	}
	for i := range known {
		known[i] = legible(known[i])
	}
	text := legible(password)
	if zxcvbn.PasswordStrength(text[:min(len(text), judged)], known).Guesses < enough {
		return p.refused("This password is too easy to guess: it is widely known, or made of the account's names, repetitions or sequences.")
	}
	return nil
}

// legible makes control characters of what is not ASCII: the judge counts bytes, and takes a password that ends in a longer
// character for an empty one. Equal letters stay equal, and neighbours neighbours mostly, so that it still sees repetitions,
// sequences and names.
func legible(s string) string {
	const first, count = 0x10, 0x10 // none of them a new line, at which the judge would stop
	return strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf {
			return r
		}
		return first + unicode.ToLower(r)%count
	}, s)
}
