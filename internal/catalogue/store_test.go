package catalogue

import (
	"crypto/rand"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/latchkey-dev/latchkey/internal/auth"
	"github.com/latchkey-dev/latchkey/internal/boottime"
	"github.com/latchkey-dev/latchkey/internal/changefeed"
	"github.com/latchkey-dev/latchkey/internal/permission"
	"github.com/latchkey-dev/latchkey/internal/problem"
	"github.com/latchkey-dev/latchkey/internal/testdb"
)

func TestMain(m *testing.M) { testdb.Main(m) }

var (
	someone = auth.Anonymous("192.0.2.1", "test")
	media   = permission.Document{Resources: []permission.Resource{{Name: "media", Title: "Media", Paths: []string{"/media"}, Access: []string{"read", "write"}}},
		Routes: []permission.Route{{Method: "POST", Path: "/media/search", Access: "read"}, {Method: "POST", Path: "/media", Credits: 25}}, Flat: []string{"CREATE_POST"}}
)

func newStore(t *testing.T) (*Store, *pgxpool.Pool) {
	t.Helper()
	pool := testdb.Pool(t)
	feed := changefeed.NewFeed(changefeed.FeedConfig{Pool: pool, Clock: boottime.Now, Now: time.Now, Rand: rand.Reader})
	return NewStore(Config{Pool: pool, Feed: feed, Now: time.Now}), pool
}

// What is written is what is read, and what a node is told of.
func TestReplace(t *testing.T) {
	t.Parallel()
	s, pool := newStore(t)
	written, err := s.Replace(t.Context(), someone, media, new(int64(1)))
	if err != nil {
		t.Fatal(err)
	}
	read, err := s.Get(t.Context(), someone)
	if err != nil || read.Version != 2 || written.Version != 2 || !read.UpdatedAt.Equal(written.UpdatedAt) {
		t.Errorf("written is version %d of %s, read %d of %s; %v", written.Version, written.UpdatedAt, read.Version, read.UpdatedAt, err)
	}
	if diff := cmp.Diff(media, read.Document) + cmp.Diff(written.Names(), read.Names()); diff != "" || !read.Gives("media:write") {
		t.Errorf("read and written differ: %s", diff)
	}
	var told, recorded int
	if err := pool.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM change WHERE kind = 'catalogue'), (SELECT count(*) FROM audit_event WHERE type = 'catalogue_updated')`).
		Scan(&told, &recorded); err != nil || told != 1 || recorded != 1 {
		t.Errorf("%d changes and %d events; %v", told, recorded, err)
	}
}

// What is refused leaves nothing behind.
func TestReplaceThatIsRefused(t *testing.T) {
	t.Parallel()
	s, pool := newStore(t)
	_, err := s.Replace(t.Context(), someone, permission.Document{Flat: []string{"a", "B", "B"}}, nil)
	p, ok := errors.AsType[*problem.Error](err)
	if !ok || p.Code != problem.CatalogueInvalid || len(p.Fields["problems"].([]permission.Fault)) != 2 {
		t.Errorf("with faults: %v", err)
	}
	if _, err := s.Replace(t.Context(), someone, media, new(int64(2))); !errors.Is(err, problem.New(problem.VersionMismatch)) {
		t.Errorf("a version that is to come: %v", err)
	}
	var left int
	if err := pool.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM change WHERE kind = 'catalogue') + (SELECT count(*) FROM audit_event WHERE type = 'catalogue_updated') + (SELECT version - 1 FROM catalogue)`).Scan(&left); err != nil || left != 0 {
		t.Errorf("%d things were left behind; %v", left, err)
	}
}

// Of those who have read the same version, one writes.
func TestReplaceAtTheSameTime(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	var all sync.WaitGroup
	var wrote, late atomic.Int32
	for range 8 {
		all.Go(func() {
			switch _, err := s.Replace(t.Context(), someone, media, new(int64(1))); {
			case err == nil:
				wrote.Add(1)
			case errors.Is(err, problem.New(problem.VersionMismatch)):
				late.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if wrote.Load() != 1 || late.Load() != 7 {
		t.Errorf("%d have written, %d were late", wrote.Load(), late.Load())
	}
}
