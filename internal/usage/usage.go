// Package usage counts what keys are used for, holds it against limits and credits, and notes when each key was used last.
//
// It stands apart because it is the one thing that verification causes in the database, and it must never slow it down: a
// Recorder notes last uses, a Meter counts and decides, a Store shows all of it and keeps limits and credits. What always holds:
// what one second brought is written together, at most once a second; what could not be written is tried again; a process that
// dies loses the notes and counts of its last second, and nothing else. No limit is exceeded and no balance is negative, whatever
// the number of instances and whatever becomes of them.
package usage

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/latchkey-dev/latchkey/gen/managedb"
)

const (
	every    = time.Second
	pageMost = 1000    // notes in one statement
	most     = 200_000 // notes that wait while the database is away; further keys go unnoted
	patience = 2 * time.Second
)

// Recorder collects notes. Its methods may be called from any goroutine.
type Recorder struct {
	pool *pgxpool.Pool
	q    *managedb.Queries

	mu    sync.Mutex
	notes map[string]note // by key id
}

type note struct {
	second  int64 // since 1970
	address string
}

// NewRecorder makes a Recorder; it writes while Run does.
func NewRecorder(pool *pgxpool.Pool) *Recorder {
	return &Recorder{pool: pool, q: managedb.New(), notes: map[string]note{}}
}

// Note says that a key was used in a second, from an address if that is known.
func (r *Recorder) Note(keyID string, second int64, address string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.add(keyID, note{second, address})
}

func (r *Recorder) add(keyID string, n note) {
	last, known := r.notes[keyID]
	if !known && len(r.notes) >= most {
		return
	}
	if last.second > n.second {
		n, last = last, n
	}
	n.address = cmp.Or(n.address, last.address) // as UseNote has it
	r.notes[keyID] = n
}

// Run writes every second until ctx ends, and then once more.
func (r *Recorder) Run(ctx context.Context, log *slog.Logger) {
	for tick := time.NewTicker(every); ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			tick.Stop()
		}
		if err := r.Flush(context.WithoutCancel(ctx)); err != nil {
			log.Warn("could not note the last use of keys; it will be tried again", "error", err)
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// Flush writes what was noted.
func (r *Recorder) Flush(ctx context.Context) error {
	r.mu.Lock()
	notes := r.notes
	r.notes = make(map[string]note, len(notes))
	r.mu.Unlock()
	ids := slices.Sorted(maps.Keys(notes))
	for page := range slices.Chunk(ids, pageMost) {
		if err := r.write(ctx, page, notes); err != nil {
			r.putBack(notes)
			return err
		}
		for _, id := range page {
			delete(notes, id)
		}
	}
	return nil
}

func (r *Recorder) write(ctx context.Context, ids []string, notes map[string]note) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	row := managedb.UseNoteParams{Ids: ids, UsedAt: make([]time.Time, len(ids)), Ips: make([]string, len(ids))}
	for i, id := range ids {
		row.UsedAt[i], row.Ips[i] = time.Unix(notes[id].second, 0).UTC(), notes[id].address
	}
	if err := r.q.UseNote(ctx, r.pool, row); err != nil {
		return fmt.Errorf("note last uses: %w", err)
	}
	return nil
}

func (r *Recorder) putBack(notes map[string]note) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, n := range notes {
		r.add(id, n)
	}
}
