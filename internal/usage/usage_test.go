package usage

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/latchkey-dev/latchkey/internal/testdb"
)

func TestMain(m *testing.M) { testdb.Main(m) }

// stored is every note in the database, by key.
func stored(t *testing.T, pool *pgxpool.Pool) string {
	t.Helper()
	var all string
	err := pool.QueryRow(context.Background(), `SELECT coalesce(string_agg(access_key_id || ' ' || extract(epoch FROM last_used_at) || ' ' || last_used_ip, ', ' ORDER BY access_key_id), '')
		FROM access_key_use`).Scan(&all)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestFlush(t *testing.T) {
	t.Parallel()
	type use struct {
		key     string
		second  int64
		address string
	}
	for _, tc := range []struct {
		say  string
		uses [][]use // of one flush after another
		want string
	}{
		{say: "nothing", uses: [][]use{{}}, want: ""},
		{say: "a use", uses: [][]use{{{"a", 10, "192.0.2.1"}}}, want: "a 10.000000 192.0.2.1"},
		{say: "from nowhere known", uses: [][]use{{{"a", 10, ""}}}, want: "a 10.000000 "},
		{say: "two keys", uses: [][]use{{{"b", 11, "x"}, {"a", 10, "y"}}}, want: "a 10.000000 y, b 11.000000 x"},
		{say: "a later use", uses: [][]use{{{"a", 10, "x"}, {"a", 11, "y"}}}, want: "a 11.000000 y"},
		{say: "an earlier use", uses: [][]use{{{"a", 11, "x"}, {"a", 10, "y"}}}, want: "a 11.000000 x"},
		{say: "a later use, later", uses: [][]use{{{"a", 10, "x"}}, {{"a", 11, "y"}}}, want: "a 11.000000 y"},
		{say: "an earlier use, later", uses: [][]use{{{"a", 11, "x"}}, {{"a", 10, "y"}}}, want: "a 11.000000 x"},
		{say: "the same second, later", uses: [][]use{{{"a", 11, "x"}}, {{"a", 11, "y"}}}, want: "a 11.000000 x"},
		{say: "a later use from nowhere known", uses: [][]use{{{"a", 10, "x"}, {"a", 11, ""}}}, want: "a 11.000000 x"},
		{say: "a later use from nowhere known, later", uses: [][]use{{{"a", 10, "x"}}, {{"a", 11, ""}}}, want: "a 11.000000 x"},
		{say: "an earlier use from somewhere", uses: [][]use{{{"a", 11, ""}, {"a", 10, "x"}}}, want: "a 11.000000 x"},
		{say: "a flush of nothing", uses: [][]use{{{"a", 10, "x"}}, {}}, want: "a 10.000000 x"},
	} {
		pool := testdb.Pool(t)
		r := NewRecorder(pool)
		for _, uses := range tc.uses {
			for _, u := range uses {
				r.Note(u.key, u.second, u.address)
			}
			if err := r.Flush(t.Context()); err != nil {
				t.Errorf("%s: %v", tc.say, err)
			}
		}
		if got := stored(t, pool); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.say, got, tc.want)
		}
	}
}

func TestManyNotesAreWrittenInPages(t *testing.T) {
	t.Parallel()
	pool := testdb.Pool(t)
	r := NewRecorder(pool)
	const n = 2*pageMost + 1
	for i := range n {
		r.Note(fmt.Sprintf("key-%05d", i), int64(i), "")
	}
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := stored(t, pool); strings.Count(got, "key-") != n || len(r.notes) != 0 {
		t.Errorf("%d of %d are written, %d wait", strings.Count(got, "key-"), n, len(r.notes))
	}
}

// What could not be written is tried again, unless something newer was noted meanwhile.
func TestNotesOutliveADatabaseThatIsAway(t *testing.T) {
	t.Parallel()
	pool := testdb.Pool(t)
	r := NewRecorder(pool)
	r.Note("a", 10, "x")
	r.Note("b", 10, "x")
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Flush(gone); err == nil {
		t.Error("written without a database")
	}
	r.Note("a", 11, "y")
	if err := r.Flush(gone); err == nil {
		t.Error("written without a database")
	}
	if err := r.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := stored(t, pool); got != "a 11.000000 y, b 10.000000 x" {
		t.Errorf("written: %q", got)
	}
}

// While the database is away, what waits does not grow without end; keys that wait already go on being noted.
func TestSoManyNotesAndNoMoreWait(t *testing.T) {
	t.Parallel()
	r := NewRecorder(nil)
	for i := range most + 10 {
		r.Note(fmt.Sprint(i), 10, "")
	}
	r.Note("0", 11, "x")
	if _, more := r.notes[fmt.Sprint(most)]; len(r.notes) != most || more || r.notes["0"] != (note{11, "x"}) {
		t.Errorf("%d notes wait; the first is %v", len(r.notes), r.notes["0"])
	}
}

func TestNotesOfManyInstancesAtOnce(t *testing.T) {
	t.Parallel()
	pool := testdb.Pool(t)
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			r := NewRecorder(pool)
			for second := range int64(20) {
				for k := range 50 {
					r.Note(fmt.Sprintf("key-%02d", (k+i*13)%50), second*4+int64(i), fmt.Sprint(i))
				}
				if err := r.Flush(context.Background()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if got := stored(t, pool); strings.Count(got, " 79.000000 3") != 50 {
		t.Errorf("the newest does not win everywhere: %s", got)
	}
}

// Run writes what was noted when it ends, and says in the log that it could not.
func TestRunWritesWhenItEnds(t *testing.T) {
	t.Parallel()
	pool := testdb.Pool(t)
	r := NewRecorder(pool)
	run := func() string {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var log bytes.Buffer
		r.Run(ctx, slog.New(slog.NewTextHandler(&log, nil)))
		return log.String()
	}
	r.Note("a", 10, "x")
	if log := run(); log != "" || stored(t, pool) != "a 10.000000 x" {
		t.Errorf("written: %q; logged: %s", stored(t, pool), log)
	}
	pool.Close()
	r.Note("a", 11, "x")
	if log := run(); strings.Count(log, "level=WARN") != 1 || len(r.notes) != 1 {
		t.Errorf("%d notes wait; logged: %s", len(r.notes), log)
	}
}

func TestRunWritesEverySecond(t *testing.T) {
	t.Parallel()
	pool := testdb.Pool(t)
	r := NewRecorder(pool)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { r.Run(ctx, slog.New(slog.DiscardHandler)) })
	r.Note("a", 10, "x")
	late := time.Now().Add(30 * time.Second)
	for stored(t, pool) == "" && time.Now().Before(late) { // asking takes long enough
	}
	cancel()
	running.Wait()
	if got := stored(t, pool); got != "a 10.000000 x" {
		t.Errorf("written: %q", got)
	}
}
