package accesskey

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/latchkey-dev/latchkey/internal/token"
)

// parsed reads a secret that was just made.
func parsed(t *testing.T, s token.Secret) token.Parsed {
	t.Helper()
	p, err := token.Parse(s.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestRegenerateKeepsTheNewestRetiredSecrets(t *testing.T) {
	t.Parallel()
	s, pool := newStore(t)
	now := noon
	s.cfg.Now = func() time.Time { return now }
	key, secret, err := s.Create(t.Context(), grace, CreateInput{Name: "bot"})
	if err != nil {
		t.Fatal(err)
	}
	made, secrets := []token.Parsed{parsed(t, secret)}, []string{secret.Reveal()}
	for range 10 {
		now = now.Add(time.Second)
		again, secret, err := s.Regenerate(t.Context(), grace, key.ID, RegenerateInput{Overlap: time.Hour})
		if err != nil || again.ID != key.ID || again.Hint != key.Hint || !same(again.RotatedAt, &now) || parsed(t, secret).Prefix() != key.Hint {
			t.Fatalf("regenerated: %+v, %v", again, err)
		}
		made, secrets = append(made, parsed(t, secret)), append(secrets, secret.Reveal())
	}
	for i, p := range made {
		digest, _ := s.cfg.Digester.Digest(p)
		retired := scalar[int](t, pool, "SELECT count(*) FROM retired_secret WHERE digest = $1", digest[:]) == 1
		current := scalar[int](t, pool, "SELECT count(*) FROM access_key WHERE digest = $1", digest[:]) == 1
		previous := scalar[int](t, pool, "SELECT count(*) FROM access_key WHERE previous_digest = $1 AND previous_expires_at = $2", digest[:], now.Add(time.Hour)) == 1
		if retired != (i >= 2 && i < 10) || current != (i == 10) || previous != (i == 9) {
			t.Errorf("secret %d of 0 to 10: retired %t, newest %t, the one before %t", i, retired, current, previous)
		}
	}
	row := scalar[string](t, pool, "SELECT k::text || (SELECT string_agg(e::text, '') FROM audit_event e) FROM access_key k")
	for _, private := range secrets {
		if strings.Contains(row, private[len(key.Hint)+1:]) {
			t.Error("the database holds a secret")
		}
	}
}

// A key whose secret cannot be replaced keeps the one that it has.
func TestNoNewSecretWithoutRandomness(t *testing.T) {
	t.Parallel()
	s, pool := newStore(t)
	key, _, err := s.Create(t.Context(), grace, CreateInput{Name: "bot"})
	if err != nil {
		t.Fatal(err)
	}
	before := scalar[string](t, pool, "SELECT k::text FROM access_key k")
	s.cfg.Rand = iotest.ErrReader(io.ErrUnexpectedEOF)
	if _, secret, err := s.Regenerate(t.Context(), grace, key.ID, RegenerateInput{}); err == nil || secret.Reveal() != "" {
		t.Errorf("without randomness: %v", err)
	}
	if after := scalar[string](t, pool, "SELECT k::text FROM access_key k"); after != before || scalar[int](t, pool, "SELECT count(*) FROM retired_secret") != 0 {
		t.Errorf("the key is now %s", after)
	}
}
