// Package upkeep runs what must happen now and then: small, bounded, repeatable jobs.
//
// No right depends on a job: expiry is decided when it is asked about. A job only removes what no longer counts, so that
// tables do not grow for ever; a process that dies in one loses nothing.
package upkeep

import (
	"context"
	"log/slog"
	"math/rand/v2" //nolint:depguard // spreads work in time; nothing is guessed from it
	"sync"
	"time"
)

// Job does one bounded statement and tells how many rows it touched; it is called again at once while there were any.
type Job func(ctx context.Context) (int64, error)

// every is the mean pause between two rounds; instances that start together drift apart by jitter.
const every = time.Minute

// Start runs jobs until ctx ends, from the moment that ready is closed. Wait on the answer for the last round to end.
func Start(ctx context.Context, ready <-chan struct{}, log *slog.Logger, jobs map[string]Job) *sync.WaitGroup {
	var all sync.WaitGroup
	for name, job := range jobs {
		all.Go(func() {
			select {
			case <-ctx.Done():
				return
			case <-ready:
			}
			for pause(ctx, every/2+rand.N(every)) {
				round(ctx, log, name, job)
			}
		})
	}
	return &all
}

// round repeats a job until there is nothing left to do.
func round(ctx context.Context, log *slog.Logger, name string, job Job) {
	for {
		n, err := job(ctx)
		if err != nil && ctx.Err() == nil {
			log.Warn("upkeep failed; it will be tried again", "job", name, "error", err)
		}
		if err != nil || n == 0 {
			return
		}
		log.Debug("upkeep", "job", name, "rows", n)
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
