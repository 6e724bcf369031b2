package account

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/latchkey-dev/latchkey/internal/problem"
)

func TestHashAndCheck(t *testing.T) {
	t.Parallel()
	h := NewHasher(cheap, rand.Reader)
	phc, err := h.Hash(t.Context(), password)
	if err != nil || !strings.HasPrefix(phc, "$argon2id$v=19$m=64,t=1,p=1$") {
		t.Fatalf("Hash() = %q, %v", phc, err)
	}
	if other, _ := h.Hash(t.Context(), password); other == phc {
		t.Error("one password has one hash: no salt")
	}
	dearer := NewHasher(Cost{MemoryKiB: 128, Passes: 1, Lanes: 1}, rand.Reader)
	for _, tc := range []struct {
		say           string
		by            *Hasher
		phc, password string
		right, stale  bool
	}{
		{say: "the password", by: h, phc: phc, password: password, right: true},
		{say: "another", by: h, phc: phc, password: password + " "},
		{say: "nothing", by: h, phc: phc, password: ""},
		{say: "the password, at another cost than today's", by: dearer, phc: phc, password: password, right: true, stale: true},
		{say: "another, at another cost", by: dearer, phc: phc, password: "x", stale: true},
		{say: "nobody's", by: h, phc: "", password: password},
		{say: "nobody's, nothing", by: h, phc: "", password: ""},
	} {
		right, stale, err := tc.by.Check(t.Context(), tc.phc, tc.password)
		if right != tc.right || stale != tc.stale || err != nil {
			t.Errorf("%s: %t, %t, %v", tc.say, right, stale, err)
		}
	}
}

// The vector is of the reference implementation: argon2 "somesalt" -id -t 2 -k 65536 -p 1, for "password".
func TestCheckReadsWhatOthersWrote(t *testing.T) {
	t.Parallel()
	const phc = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	if right, stale, err := NewHasher(cheap, rand.Reader).Check(t.Context(), phc, "password"); !right || !stale || err != nil {
		t.Errorf("Check() = %t, %t, %v", right, stale, err)
	}
}

func TestCheckRefusesWhatIsNotAHash(t *testing.T) {
	t.Parallel()
	h := NewHasher(cheap, rand.Reader)
	for _, phc := range []string{
		"x", "$argon2id$", "$argon2i$v=19$m=64,t=1,p=1$AAAA$AAAA", "$argon2id$v=16$m=64,t=1,p=1$AAAA$AAAA", "$argon2id$m=64,t=1,p=1$AAAA$AAAA",
		"$argon2id$v=19$m=64$AAAA$AAAA", "$argon2id$v=19$m=64,t=1,p=1$!!!!$AAAA", "$argon2id$v=19$m=64,t=1,p=1$AAAA$!!!!", "$argon2id$v=19$m=64,t=1,p=1$AAAA$",
		"$argon2id$v=19$m=64,t=1,p=1$AAAA$AAAA$AAAA", "$2y$10$abcdefghijklmnopqrstuv",
	} {
		right, _, err := h.Check(t.Context(), phc, "")
		if right || err == nil {
			t.Errorf("Check(%q) = %t, %v", phc, right, err)
		}
	}
}

func TestHashFailsWithoutRandomness(t *testing.T) {
	t.Parallel()
	h := NewHasher(cheap, iotest.ErrReader(io.ErrUnexpectedEOF))
	if phc, err := h.Hash(t.Context(), password); phc != "" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("Hash() = %q, %v", phc, err)
	}
	if len(h.turns) != 0 || len(h.queue) != 0 {
		t.Error("the place was not given back")
	}
}

func TestAFullQueueIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	h := NewHasher(cheap, rand.Reader)
	hog(h)
	var refusal *problem.Error
	if _, err := h.Hash(t.Context(), password); !errors.As(err, &refusal) || refusal.Code != problem.Overloaded || refusal.RetryAfter < time.Second {
		t.Errorf("Hash() = %v", err)
	}
	if _, _, err := h.Check(t.Context(), "", password); !is(err, problem.Overloaded) {
		t.Errorf("nobody's password is checked without a hash: %v", err)
	}
	h.release()
	if _, err := h.Hash(t.Context(), password); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

func TestNobodyWaitsLongerThanTwoSeconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := NewHasher(cheap, rand.Reader)
		for range cap(h.turns) {
			h.turns <- struct{}{}
		}
		began := time.Now()
		if _, err := h.Hash(t.Context(), password); !is(err, problem.Overloaded) {
			t.Errorf("Hash() = %v", err)
		}
		if waited := time.Since(began); waited != hashWait {
			t.Errorf("waited %s, want %s", waited, hashWait)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := h.Hash(gone, password); !is(err, problem.Overloaded) || time.Since(began) != hashWait {
			t.Errorf("for somebody who left: %v after %s", err, time.Since(began))
		}
		if len(h.queue) != 0 {
			t.Errorf("%d places were not given back", len(h.queue))
		}
		<-h.turns
		if _, err := h.Hash(t.Context(), password); err != nil {
			t.Errorf("with a turn free: %v", err)
		}
	})
}

func TestHashesRunAFewAtATime(t *testing.T) {
	t.Parallel()
	h := NewHasher(cheap, rand.Reader)
	var all sync.WaitGroup
	for range cap(h.queue) {
		all.Go(func() {
			if _, err := h.Hash(context.Background(), password); err != nil {
				t.Error(err)
			}
			if len(h.turns) > cap(h.turns) || len(h.queue) > cap(h.queue) {
				t.Error("more than may")
			}
		})
	}
	all.Wait()
	if len(h.turns) != 0 || len(h.queue) != 0 {
		t.Errorf("%d turns and %d places were not given back", len(h.turns), len(h.queue))
	}
}
