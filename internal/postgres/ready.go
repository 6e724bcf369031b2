package postgres

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/latchkey-dev/latchkey/db"
	"github.com/latchkey-dev/latchkey/internal/problem"
)

const (
	firstPause = 100 * time.Millisecond
	maxPause   = 2 * time.Second
)

// Readiness waits at the start for a database that can be served, however long it takes. Its methods may be called from
// any goroutine; make one with NewReadiness.
type Readiness struct {
	chance io.Reader
	ready  chan struct{}
}

// NewReadiness makes a Readiness that is not ready. chance spreads the tries of many instances; bad chance does no harm.
func NewReadiness(chance io.Reader) *Readiness {
	return &Readiness{chance: chance, ready: make(chan struct{})}
}

// Ready is closed once the database can be served; it stays so when the database goes away later.
func (r *Readiness) Ready() <-chan struct{} { return r.ready }

// Err is a *problem.Error with problem.Starting until the database can be served, and nil from then on.
func (r *Readiness) Err() error {
	select {
	case <-r.ready:
		return nil
	default:
		return problem.New(problem.Starting).After(retryAfter)
	}
}

// Run tries until the schema is up to date, migrating it if migrate is true and only looking at it otherwise, with
// pauses that grow from 100 ms to 2 s. It logs each cause of failure once. It must be called once.
//
// It returns nil when ready, or when ctx ends before. An error does not pass, so the process should exit with it: it is
// ErrSchemaTooNew or ErrURL.
func (r *Readiness) Run(ctx context.Context, url string, migrate bool, log *slog.Logger) error {
	warned := map[string]bool{}
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		version, err := attempt(ctx, url, migrate, log)
		switch {
		case err == nil:
			log.Info("database ready", "schema", version, "newest_known", db.Newest())
			close(r.ready)
			return nil
		case errors.Is(err, ErrSchemaTooNew), errors.Is(err, ErrURL):
			return err
		case ctx.Err() != nil:
			return nil
		}
		if cause := Reason(err); !warned[cause] {
			warned[cause] = true
			log.Warn("database not ready", "cause", cause, "next", nextStep(err), "effect", "answering 503, trying on")
		}
		if !wait(ctx, jitter(r.chance, pause)) {
			return nil
		}
	}
}

// attempt returns the version of the schema that can now be served.
func attempt(ctx context.Context, url string, migrate bool, log *slog.Logger) (int, error) {
	if !migrate {
		return check(ctx, url)
	}
	from, to, err := Migrate(ctx, url)
	if err == nil && from != to {
		log.Info("schema migrated", "from", from, "to", to)
	}
	return to, err
}

// wait reports whether d went by before ctx ended.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// jitter returns a time between half of d and d.
func jitter(chance io.Reader, d time.Duration) time.Duration {
	var b [1]byte
	if _, err := io.ReadFull(chance, b[:]); err != nil {
		return d
	}
	return d/2 + d/2*time.Duration(b[0])/255
}
