package accesskey

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/rs/xid"

	"github.com/latchkey-dev/latchkey/gen/managedb"
	"github.com/latchkey-dev/latchkey/internal/audit"
	"github.com/latchkey-dev/latchkey/internal/auth"
)

const (
	watchEvery    = time.Second
	watchQuiet    = 10 * time.Minute // between two events of one key
	watchMost     = 10_000           // keys that are watched at once; of further ones nothing is recorded
	watchPatience = 2 * time.Second
)

// Watch records that secrets which were replaced turn up again: one event for each key in ten minutes. Note may be called from any
// goroutine, a nil Watch notes nothing.
type Watch struct {
	pool *pgxpool.Pool
	now  func() time.Time
	q    *managedb.Queries

	mu    sync.Mutex
	notes map[string]*sighting // by key id
}

// sighting is what was seen of one key since the last event about it.
type sighting struct {
	uses    int64
	address string    // of the last one
	told    time.Time // when the last event was recorded; zero: never
}

// NewWatch makes a Watch; it records while Run does.
func NewWatch(pool *pgxpool.Pool, now func() time.Time) *Watch {
	return &Watch{pool: pool, now: now, q: managedb.New(), notes: map[string]*sighting{}}
}

// Note says that a retired secret of a key was used, from an address if that is known.
func (w *Watch) Note(keyID, address string) {
	if w == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := w.notes[keyID]
	if seen == nil {
		if len(w.notes) >= watchMost {
			return
		}
		seen = &sighting{}
		w.notes[keyID] = seen
	}
	seen.uses, seen.address = seen.uses+1, address
}

// Run records every second until ctx ends, and then once more.
func (w *Watch) Run(ctx context.Context, log *slog.Logger) {
	for tick := time.NewTicker(watchEvery); ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			tick.Stop()
		}
		if err := w.Flush(context.WithoutCancel(ctx)); err != nil {
			log.Warn("could not record that retired secrets were used; it will be tried again", "error", err)
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// Flush records what was noted of keys that were not told of within ten minutes. What cannot be recorded is tried again.
func (w *Watch) Flush(ctx context.Context) error {
	now := w.now().UTC().Truncate(time.Microsecond)
	due := w.due(now)
	if len(due) == 0 {
		return nil
	}
	p := managedb.RetiredUsesRecordParams{Now: now, Type: string(audit.AccessKeyRetiredSecretUsed), Credential: string(auth.None), TargetKind: targetKind}
	for id, seen := range due {
		p.EventIds, p.KeyIds = append(p.EventIds, xid.NewWithTime(now).String()), append(p.KeyIds, id)
		p.Addresses, p.Uses = append(p.Addresses, seen.address), append(p.Uses, seen.uses)
	}
	ctx, cancel := context.WithTimeout(ctx, watchPatience)
	defer cancel()
	if err := w.q.RetiredUsesRecord(ctx, w.pool, p); err != nil {
		return fmt.Errorf("record uses of retired secrets: %w", err)
	}
	w.told(due, now)
	return nil
}

// due gives what is to be recorded, and forgets keys of which nothing was seen for long.
func (w *Watch) due(now time.Time) map[string]sighting {
	w.mu.Lock()
	defer w.mu.Unlock()
	due := map[string]sighting{}
	for id, seen := range w.notes {
		quiet := now.Sub(seen.told) < watchQuiet
		switch {
		case quiet:
		case seen.uses > 0:
			due[id] = *seen
		default:
			delete(w.notes, id)
		}
	}
	return due
}

// told takes what was recorded out of what is to be.
func (w *Watch) told(recorded map[string]sighting, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, r := range recorded {
		seen := w.notes[id]
		seen.uses, seen.told = seen.uses-r.uses, now
	}
}
