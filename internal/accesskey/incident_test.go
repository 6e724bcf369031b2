package accesskey

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/latchkey-dev/latchkey/internal/auth"
	"github.com/latchkey-dev/latchkey/internal/changefeed"
	"github.com/latchkey-dev/latchkey/internal/problem"
)

// Nobody is not everybody, and what is not the caller's is not there.
func TestIncidentsOfNobody(t *testing.T) {
	t.Parallel()
	s, pool := newStore(t)
	key, _, err := s.Create(t.Context(), grace, CreateInput{Name: "bot"})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err1 := s.RevokeAll(t.Context(), auth.Caller{}, "")
	_, _, err2 := s.Regenerate(t.Context(), ada, key.ID, RegenerateInput{})
	_, err3 := s.EndPrevious(t.Context(), ada, key.ID)
	for _, err := range []error{err1, err2, err3} {
		if !errors.Is(err, problem.New(problem.NotFound)) {
			t.Error(err)
		}
	}
	if i, _, err := s.RevokeAll(t.Context(), ada, ""); i.Revoked != 0 || err != nil {
		t.Errorf("all of hers: %+v, %v", i, err)
	}
	if n := scalar[int](t, pool, "SELECT count(*) FROM access_key WHERE revoked_at IS NULL"); n != 1 {
		t.Error("somebody else's key is revoked")
	}
}

// Incidents at once, and single revocations among them: every key is revoked once, and recorded once.
func TestIncidentsAtOnce(t *testing.T) {
	t.Parallel()
	s, pool := newStore(t)
	var ids []string
	for range 40 {
		key, _, err := s.Create(t.Context(), grace, CreateInput{Name: "bot"})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, key.ID)
	}
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			if _, _, err := s.RevokeAllAny(t.Context(), ada, IncidentInput{Reason: "x"}); err != nil {
				t.Errorf("incident %d: %v", i, err)
			}
		})
		all.Go(func() {
			if _, err := s.Revoke(t.Context(), grace, ids[i]); err != nil {
				t.Errorf("key %d: %v", i, err)
			}
		})
	}
	all.Wait()
	if n := scalar[int](t, pool, "SELECT count(*) FROM audit_event WHERE type = 'access_key_revoked'"); n != 40 {
		t.Errorf("%d revocations recorded, want 40", n)
	}
	if n := scalar[int](t, pool, "SELECT count(*) FROM access_key WHERE version = 2 AND revoked_at IS NOT NULL AND revocation_effective_at IS NOT NULL"); n != 40 {
		t.Errorf("%d keys are revoked, want 40", n)
	}
	if n := scalar[int](t, pool, "SELECT coalesce(sum((new->>'count')::int), 0) + (SELECT count(*) FROM access_key WHERE revoked_because = 'owner') FROM audit_event WHERE type = 'access_keys_revoked'"); n != 40 {
		t.Errorf("the incidents and the owner revoked %d keys together, want 40", n)
	}
}

// Whoever asks for everything to be revoked may go away at once: it is done nevertheless.
func TestAnIncidentGoesOnWithoutWhoeverAsked(t *testing.T) {
	t.Parallel()
	s, pool := newStore(t)
	if _, _, err := s.Create(t.Context(), grace, CreateInput{Name: "bot"}); err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if i, r, err := s.RevokeAll(gone, grace, ""); i.Revoked != 1 || r == (changefeed.Revision{}) || err != nil {
		t.Errorf("revoked %+v, %v", i, err)
	}
	if n := scalar[int](t, pool, "SELECT count(*) FROM access_key WHERE revoked_at IS NULL"); n != 0 {
		t.Error("the key lives")
	}
}
