package upkeep

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// logger writes to a buffer; it is read when the jobs have ended.
func logger() (*slog.Logger, *bytes.Buffer) {
	var b bytes.Buffer
	return slog.New(slog.NewTextHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug})), &b
}

func nothing(calls *atomic.Int64) Job {
	return func(context.Context) (int64, error) { calls.Add(1); return 0, nil }
}

func TestJobsWaitForTheDatabase(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		log, _ := logger()
		var calls atomic.Int64
		ready := make(chan struct{})
		jobs := Start(ctx, ready, log, map[string]Job{"job": nothing(&calls)})
		time.Sleep(time.Hour)
		synctest.Wait()
		if n := calls.Load(); n != 0 {
			t.Errorf("%d calls before the database was ready", n)
		}
		close(ready)
		time.Sleep(every/2 - time.Nanosecond)
		synctest.Wait()
		if n := calls.Load(); n != 0 {
			t.Errorf("%d calls before the first pause is over", n)
		}
		time.Sleep(every)
		synctest.Wait()
		if calls.Load() == 0 {
			t.Error("no call after a minute and a half")
		}
		cancel()
		jobs.Wait()
	})
}

func TestARoundGoesOnWhileThereIsSomethingToDo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		log, logged := logger()
		ready := make(chan struct{})
		close(ready)
		left, moments := int64(2500), map[time.Time]int{}
		purge := func(context.Context) (int64, error) {
			moments[time.Now()]++
			n := min(left, 1000)
			left -= n
			return n, nil
		}
		jobs := Start(ctx, ready, log, map[string]Job{"purge": purge})
		time.Sleep(every + every/2)
		cancel()
		jobs.Wait()
		first := 0
		for _, n := range moments {
			first = max(first, n)
		}
		if left != 0 || first != 4 { // 1000, 1000, 500 and the one that finds nothing
			t.Errorf("%d are left after rounds of %v", left, moments)
		}
		if n := strings.Count(logged.String(), "msg=upkeep job=purge"); n != 3 {
			t.Errorf("logged %d times:\n%s", n, logged)
		}
	})
}

func TestAJobThatFailsIsTriedAgainAndStopsNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		log, logged := logger()
		ready := make(chan struct{})
		close(ready)
		var failing, well atomic.Int64
		jobs := Start(ctx, ready, log, map[string]Job{
			"failing": func(context.Context) (int64, error) { failing.Add(1); return 7, errors.New("out of order") },
			"well":    nothing(&well),
		})
		time.Sleep(10 * every)
		cancel()
		jobs.Wait()
		if f, w := failing.Load(), well.Load(); f < 6 || f > 20 || w < 6 || w > 20 { // a round every 30 to 90 seconds
			t.Errorf("in ten minutes %d and %d calls", f, w)
		}
		if n := int64(strings.Count(logged.String(), `level=WARN msg="upkeep failed; it will be tried again" job=failing error="out of order"`)); n != failing.Load() {
			t.Errorf("%d failures, %d logged:\n%s", failing.Load(), n, logged)
		}
	})
}

func TestJobsStopWithTheProcess(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		say   string
		ready bool
		wait  time.Duration // before the process stops
	}{
		{say: "before the database is ready", wait: time.Minute},
		{say: "in a pause", ready: true, wait: time.Second},
		{say: "in a job", ready: true, wait: 2 * every},
	} {
		synctest.Test(t, func(t *testing.T) { // it fails when a goroutine is left
			ctx, cancel := context.WithCancel(t.Context())
			log, logged := logger()
			ready := make(chan struct{})
			if tc.ready {
				close(ready)
			}
			blocks := func(ctx context.Context) (int64, error) { <-ctx.Done(); return 0, ctx.Err() }
			jobs := Start(ctx, ready, log, map[string]Job{"one": blocks, "two": blocks})
			time.Sleep(tc.wait)
			synctest.Wait()
			began := time.Now()
			cancel()
			jobs.Wait()
			if took := time.Since(began); took != 0 {
				t.Errorf("%s: stopped after %s", tc.say, took)
			}
			if logged.Len() != 0 {
				t.Errorf("%s: being stopped is no failure: %s", tc.say, logged)
			}
		})
	}
}

func TestInstancesDriftApart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		log, _ := logger()
		ready := make(chan struct{})
		close(ready)
		firsts := make(chan time.Time, 20)
		for range cap(firsts) {
			told := false
			jobs := Start(ctx, ready, log, map[string]Job{"job": func(context.Context) (int64, error) {
				if !told {
					told = true
					firsts <- time.Now()
				}
				return 0, nil
			}})
			defer jobs.Wait()
		}
		began := time.Now()
		time.Sleep(every + every/2)
		synctest.Wait()
		cancel()
		close(firsts)
		different := map[time.Time]bool{}
		for at := range firsts {
			different[at] = true
			if after := at.Sub(began); after < every/2 || after >= every+every/2 {
				t.Errorf("a first round after %s", after)
			}
		}
		if len(different) < 15 {
			t.Errorf("twenty instances began at %d moments", len(different))
		}
	})
}
