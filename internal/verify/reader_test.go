package verify

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/latchkey-dev/latchkey/internal/changefeed"
)

// slow is a reader of rows that take a second to read; of those below zero there are none.
type slow struct {
	reader[int, int]
	statements, atOnce, mostAtOnce, mostIDs atomic.Int64
}

func newSlow() *slow {
	s := &slow{}
	s.table = newTable[int, int](1000)
	s.floor = func() *changefeed.Floor { return &changefeed.Floor{} }
	s.fetch = func(_ context.Context, ids []int, _ changefeed.Floor) (map[int]*int, error) {
		s.statements.Add(1)
		s.mostAtOnce.Store(max(s.mostAtOnce.Load(), s.atOnce.Add(1)))
		s.mostIDs.Store(max(s.mostIDs.Load(), int64(len(ids))))
		time.Sleep(time.Second)
		s.atOnce.Add(-1)
		rows := map[int]*int{}
		for _, id := range ids {
			if id >= 0 {
				rows[id] = &id
			}
		}
		return rows, nil
	}
	return s
}

func TestManyMissesAreFewStatements(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSlow()
		const askers = 1000
		var all sync.WaitGroup
		for i := range askers {
			id := i / 2 // two for each
			if i%3 == 0 {
				id = -1 - i
			}
			all.Go(func() {
				got, err := s.read(t.Context(), id)
				if err != nil || (got.entry == nil) != (id < 0) || got.entry != nil && *got.entry != id {
					t.Errorf("%d: %+v, %v", id, got, err)
				}
				if got.entry != nil && (!s.keep(id, got) || *s.table.get(id) != id) {
					t.Errorf("%d was not kept", id)
				}
			})
		}
		all.Wait()
		if n := s.statements.Load(); n > askers/batchMost+1+readsMost {
			t.Errorf("%d statements", n)
		}
		if s.mostAtOnce.Load() > readsMost || s.mostIDs.Load() > batchMost {
			t.Errorf("%d statements at once, with %d ids", s.mostAtOnce.Load(), s.mostIDs.Load())
		}
		synctest.Wait()
		if s.reads != 0 || s.waiting != nil {
			t.Errorf("%d still read, %d wait", s.reads, len(s.waiting))
		}
	})
}

// Whoever asks while a read is under way needs a later one: that one may have begun before what they know of.
func TestAReadBeginsAfterItWasAskedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSlow()
		var value atomic.Int64
		s.fetch = func(_ context.Context, ids []int, _ changefeed.Floor) (map[int]*int, error) {
			v := int(value.Load())
			time.Sleep(time.Second)
			return map[int]*int{ids[0]: &v}, nil
		}
		var all sync.WaitGroup
		for i := range 5 {
			all.Go(func() {
				time.Sleep(time.Duration(i) * 300 * time.Millisecond)
				value.Store(int64(i))
				got, err := s.read(t.Context(), 1)
				if err != nil || *got.entry < i {
					t.Errorf("%d, %v; want %d or later", *got.entry, err, i)
				}
			})
		}
		all.Wait()
	})
}

func TestTheQueueIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSlow()
		s.fetch = func(ctx context.Context, _ []int, _ changefeed.Floor) (map[int]*int, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		var crowded, late atomic.Int64
		var all sync.WaitGroup
		for i := range queueMost + 500 {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				switch _, err := s.read(ctx, i); {
				case errors.Is(err, errCrowded):
					crowded.Add(1)
				case errors.Is(err, context.DeadlineExceeded):
					late.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		time.Sleep(time.Hour) // let the reads end
		if crowded.Load() < 500-readsMost*batchMost || crowded.Load() > 500 || crowded.Load()+late.Load() != queueMost+500 {
			t.Errorf("%d were sent away, %d gave up", crowded.Load(), late.Load())
		}
	})
}

func TestAReaderSaysWhatWentWrong(t *testing.T) {
	t.Parallel()
	s := newSlow()
	s.floor = func() *changefeed.Floor { return nil }
	if _, err := s.read(t.Context(), 1); !errors.Is(err, errNoFloor) {
		t.Errorf("without a floor: %v", err)
	}
	s = newSlow()
	cause := errors.New("cause")
	s.fetch = func(context.Context, []int, changefeed.Floor) (map[int]*int, error) { return nil, cause }
	if _, err := s.read(t.Context(), 1); !errors.Is(err, cause) {
		t.Errorf("%v", err)
	}
	if s.table.len() != 0 {
		t.Error("something was kept")
	}
}

// The order is what makes a fill safe: generation, floor, statement.
func TestAFillBeginsWithTheGenerationAndThenTheFloor(t *testing.T) {
	t.Parallel()
	for say, at := range map[string]int{"before the floor is taken": 0, "before the statement": 1, "before it is kept": 2} {
		s := newSlow()
		var floor atomic.Int64
		advance := func(now int) { // as a sync does
			if now == at {
				floor.Store(1)
				s.table.drop(1)
			}
		}
		s.floor = func() *changefeed.Floor {
			advance(0)
			f := &changefeed.Floor{Revision: changefeed.Revision{V: floor.Load()}}
			return f
		}
		s.fetch = func(_ context.Context, ids []int, f changefeed.Floor) (map[int]*int, error) {
			advance(1)
			v := int(f.V)
			return map[int]*int{ids[0]: &v}, nil
		}
		got, err := s.read(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		advance(2)
		if s.keep(1, got) || s.table.get(1) != nil {
			t.Errorf("a drop %s: a row above floor %d was kept", say, *got.entry)
		}
	}
}
