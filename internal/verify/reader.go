package verify

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/latchkey-dev/latchkey/internal/changefeed"
)

const (
	batchMost = 128 // ids in one read
	readsMost = 2   // at once, of one kind
	crowd     = 64  // ids that wait before a second read begins: fewer, larger reads ask less of everybody
	queueMost = 4096
)

// reader reads rows that memory does not have, many in one statement. While a read is under way, those who need
// another row wait for the next one together, and only when many wait is there a second read beside it: what the database is asked to do does not grow with the number of requests,
// also when a flood of them names rows that do not exist.
type reader[K comparable, E any] struct {
	table *table[K, E]
	floor func() *changefeed.Floor
	fetch func(ctx context.Context, ids []K, floor changefeed.Floor) (map[K]*E, error)

	mu      sync.Mutex
	waiting []*want[K, E]
	reads   int
}

// want is a row that somebody waits for.
type want[K comparable, E any] struct {
	id   K
	done chan struct{}
	found[E]
	err error
}

// found is what a read gave, and what it takes to remember it.
type found[E any] struct {
	entry      *E // nil: there is none
	generation uint64
}

var (
	errUnproved = errors.New("what was read may be older than a change that is known")
	errNoFloor  = errors.New("not registered with the database")
	errCrowded  = errors.New("too many look-ups wait already")
)

// read gives a row from the database as it is after read was called.
func (r *reader[K, E]) read(ctx context.Context, id K) (found[E], error) {
	w := &want[K, E]{id: id, done: make(chan struct{})}
	if err := r.enqueue(w); err != nil {
		return found[E]{}, err
	}
	select {
	case <-w.done:
		return w.found, w.err
	case <-ctx.Done():
		return found[E]{}, ctx.Err()
	}
}

func (r *reader[K, E]) enqueue(w *want[K, E]) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.waiting) >= queueMost {
		return errCrowded
	}
	r.waiting = append(r.waiting, w)
	if r.reads == 0 || r.reads < readsMost && len(r.waiting) >= crowd {
		r.reads++
		go r.work()
	}
	return nil
}

// work reads until nobody waits.
func (r *reader[K, E]) work() {
	for {
		r.mu.Lock()
		batch := r.waiting[:min(len(r.waiting), batchMost)]
		r.waiting = r.waiting[len(batch):]
		if len(batch) == 0 {
			r.reads--
			r.waiting = nil
			r.mu.Unlock()
			return
		}
		r.mu.Unlock()
		r.serve(batch)
	}
}

func (r *reader[K, E]) serve(batch []*want[K, E]) {
	ids := make([]K, len(batch))
	for i, w := range batch {
		ids[i] = w.id
		w.generation = r.table.generation(w.id) // before the floor, and both before the read
	}
	rows, err := r.fetchAbove(ids)
	for _, w := range batch {
		w.entry, w.err = rows[w.id], err
		close(w.done)
	}
}

// fetchAbove reads rows that contain the floor.
func (r *reader[K, E]) fetchAbove(ids []K) (map[K]*E, error) {
	floor := r.floor()
	if floor == nil {
		return nil, errNoFloor
	}
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	rows, err := r.fetch(ctx, ids, *floor)
	if err != nil {
		return nil, fmt.Errorf("look up: %w", err)
	}
	return rows, nil
}

// keep remembers what was found, if it still may be.
func (r *reader[K, E]) keep(id K, f found[E]) bool {
	return r.table.insert(id, f.entry, f.generation)
}
