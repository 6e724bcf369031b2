package accesskey

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"
)

func TestWatch(t *testing.T) {
	t.Parallel()
	s, pool := newStore(t)
	key, _, err := s.Create(t.Context(), grace, CreateInput{Name: "bot"})
	if err != nil {
		t.Fatal(err)
	}
	now := noon
	w := NewWatch(pool, func() time.Time { return now })
	var nobody *Watch
	nobody.Note(key.ID, "")
	seen := func(say, want string) {
		t.Helper()
		if err := w.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := scalar[string](t, pool, `SELECT coalesce(string_agg(concat_ws(' ', account_id, target_id = $1, coalesce(actor_id, 'nobody'), credential, address, new->>'count'), ', ' ORDER BY id), '')
			FROM audit_event WHERE type = 'access_key_retired_secret_used'`, key.ID)
		if got != want {
			t.Errorf("%s: %q, want %q", say, got, want)
		}
	}
	seen("nothing", "")
	w.Note(key.ID, "192.0.2.1")
	w.Note(key.ID, "192.0.2.2")
	w.Note("nokey000000000000000", "192.0.2.3")
	one := grace.AccountID + " t nobody none 192.0.2.2 2"
	seen("two at once, and a key that is gone", one)
	w.Note(key.ID, "192.0.2.4")
	now = now.Add(10*time.Minute - 1)
	seen("within ten minutes", one)
	now = now.Add(time.Millisecond)
	two := one + ", " + grace.AccountID + " t nobody none 192.0.2.4 1"
	seen("after ten minutes", two)
	now = now.Add(time.Hour)
	seen("and no more", two)
	if len(w.notes) != 0 {
		t.Errorf("%d keys are remembered", len(w.notes))
	}
	for i := range watchMost + 10 {
		w.Note(strings.Repeat("x", i+1), "")
	}
	if len(w.notes) != watchMost {
		t.Errorf("%d keys are watched at once", len(w.notes))
	}
}

func TestWatchTriesAgainAndEndsWithALastOne(t *testing.T) {
	t.Parallel()
	s, pool := newStore(t)
	key, _, err := s.Create(t.Context(), grace, CreateInput{Name: "bot"})
	if err != nil {
		t.Fatal(err)
	}
	w := NewWatch(pool, func() time.Time { return noon })
	w.Note(key.ID, "192.0.2.1")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.Flush(gone); err == nil {
		t.Error("recorded without a database")
	}
	w.Run(gone, slog.New(slog.DiscardHandler))
	if n := scalar[int](t, pool, "SELECT count(*) FROM audit_event WHERE type = 'access_key_retired_secret_used'"); n != 1 {
		t.Errorf("recorded %d times, want once", n)
	}
}
