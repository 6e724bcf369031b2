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

	"github.com/latchkey-dev/latchkey/internal/boottime"
	"github.com/latchkey-dev/latchkey/internal/permission"
)

// counted is everything in a table of counts, in the order of keys and time.
func (w *world) counted(table string) string {
	w.t.Helper()
	start := "to_char(start, ' DDHH24')"
	if table == "usage_total" {
		start = "''"
	}
	var all string
	err := w.pool.QueryRow(context.Background(), `SELECT coalesce(string_agg(concat(right(access_key_id, 1), `+start+`, ' ', query, ' ', mutation, ' ', credits,
		' ', denied_permission, ' ', denied_quota, ' ', denied_credits), ', ' ORDER BY access_key_id`+strings.Repeat(", start", min(1, len(start)-2))+`), '') FROM `+table).Scan(&all)
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

func TestCounts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.meter()
	late := noon.Add(12 * time.Hour)
	w.credit(1000)
	w.spend(m, Ask{})
	w.spend(m, Ask{At: noon.Add(59 * time.Minute)})
	w.spend(m, Ask{At: noon.Add(61 * time.Minute), Class: permission.Mutation, Credits: 5})
	w.spend(m, Ask{At: late, Credits: 7})
	w.flush(m)
	w.spend(m, Ask{})
	w.spend(m, Ask{Dry: true})
	w.spend(m, Ask{Credits: 5000})
	m.Denied(keyB, noon)
	w.limit(0)
	w.spend(m, Ask{})
	w.spend(m, Ask{Dry: true})
	w.spend(m, Ask{Credits: 1})
	w.flush(m)
	w.flush(m)
	for table, want := range map[string]string{
		"usage_hour":  "a 1512 3 0 0 0 2 1, a 1513 0 1 5 0 0 0, a 1600 1 0 7 0 0 0, b 1512 0 0 0 1 0 0",
		"usage_day":   "a 1500 3 1 5 0 2 1, a 1600 1 0 7 0 0 0, b 1500 0 0 0 1 0 0",
		"usage_total": "a 4 1 12 0 2 1, b 0 0 0 1 0 0",
	} {
		if got := w.counted(table); got != want {
			t.Errorf("%s: %s, want %s", table, got, want)
		}
	}
}

// What could not be written is written later, with what was counted meanwhile.
func TestCountsOutliveADatabaseThatIsAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.meter()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range 3 {
		w.spend(m, Ask{})
		if err := m.Flush(gone); err == nil {
			t.Error("written without a database")
		}
	}
	w.flush(m)
	if got := w.counted("usage_total"); got != "a 3 0 0 0 0 0" {
		t.Errorf("counted: %s", got)
	}
}

// A page is written as a whole or not at all: a fault in the last of its three tables leaves nothing in the first.
func TestAPageIsWrittenWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.meter()
	w.exec(`ALTER TABLE usage_total ADD CONSTRAINT broken CHECK (query < 0)`)
	w.spend(m, Ask{})
	if err := m.Flush(t.Context()); err == nil {
		t.Error("written against a constraint")
	}
	w.exec(`ALTER TABLE usage_total DROP CONSTRAINT broken`)
	w.flush(m)
	if got := w.counted("usage_hour"); got != "a 1512 1 0 0 0 0 0" {
		t.Errorf("counted: %s", got)
	}
}

func TestManyKeysAreCountedInPages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := w.meter()
	const n = 2*pageMost + 1
	for i := range n {
		w.plan.KeyID = fmt.Sprintf("key-%05d", i)
		w.spend(m, Ask{})
	}
	w.flush(m)
	if got := w.number(`SELECT sum(query) FROM usage_total`); got != n {
		t.Errorf("%d of %d are counted", got, n)
	}
}

// While the database is away, what waits does not grow without end; keys that wait already go on being counted.
func TestSoManyKeysAndNoMoreAreCounted(t *testing.T) {
	t.Parallel()
	c := newCounter()
	counted := 0
	for i := range most * 5 / 4 {
		if c.add(tallyKey{fmt.Sprint(i), 0}, Counts{Query: 1}) {
			counted++
		}
	}
	if counted > most || counted < most*9/10 || !c.add(tallyKey{"0", 0}, Counts{Query: 1}) {
		t.Errorf("%d of at most %d keys are counted", counted, most)
	}
}

// Instances that count the same keys at once do not lock each other out, and lose nothing.
func TestCountsOfManyInstancesAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			m := w.meter()
			for range 10 {
				for k := range 50 {
					m.count(fmt.Sprintf("key-%02d", (k+i*13)%50), noon, Counts{Query: 1})
				}
				if err := m.Flush(context.Background()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	for _, table := range []string{"usage_hour", "usage_day", "usage_total"} {
		if n, least := w.number(`SELECT sum(query) FROM `+table), w.number(`SELECT min(query) FROM `+table); n != 2000 || least != 40 {
			t.Errorf("%s: %d of 2000, %d of 40", table, n, least)
		}
	}
}

// Run writes and returns when it ends, and says in the log that it could not.
func TestAMeterWritesWhenItEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.limit(10_000)
	m := w.meter()
	run := func() string {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var log bytes.Buffer
		m.Run(ctx, slog.New(slog.NewTextHandler(&log, nil)))
		return log.String()
	}
	w.many(m, 30, Ask{})
	if log := run(); log != "" || w.counted("usage_total") != "a 30 0 0 0 0 0" || w.number(`SELECT taken FROM quota`) != 30 {
		t.Errorf("counted %s, taken %d; logged: %s", w.counted("usage_total"), w.number(`SELECT taken FROM quota`), log)
	}
	w.pool.Close()
	m.Denied(keyA, noon)
	if log := run(); strings.Count(log, "level=WARN") != 1 {
		t.Errorf("logged: %s", log)
	}
}

func TestAMeterWritesEverySecond(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	m := NewMeter(MeterConfig{Pool: w.pool, Clock: boottime.Now})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { m.Run(ctx, slog.New(slog.DiscardHandler)) })
	w.spend(m, Ask{})
	late := time.Now().Add(30 * time.Second)
	for w.counted("usage_total") == "" && time.Now().Before(late) { // asking takes long enough
	}
	cancel()
	running.Wait()
	if got := w.counted("usage_total"); got != "a 1 0 0 0 0 0" {
		t.Errorf("counted: %s", got)
	}
}
