// Command bench measures Latchkey side by side with what its work is made of: pgbench on the same PostgreSQL, and a route that
// does nothing on the same router. It prints ratios, which travel between machines better than figures do.
//
// Everything is real and on this machine: the built binary, a PostgreSQL with its durability on, wrk and pgbench.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/latchkey-dev/latchkey/gen/api"
	"github.com/latchkey-dev/latchkey/internal/postgres/embedded"
)

const (
	connections = 32
	manyKeys    = 1_000_000
	fewKeys     = 1_000
)

var (
	pairs = flag.Int("pairs", 5, "take the median of so many runs")
	each  = flag.Duration("each", 5*time.Second, "how long a run takes, in whole seconds")
	only  = flag.String("only", "", "run this part only: throughput, lists, flood, verify, guard, cold, revoke, unknown or metered")
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	flag.Parse()
	switch flag.Arg(0) {
	case "noop":
		return noop(flag.Arg(1))
	case "guarded":
		return guarded(flag.Arg(1))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	return bench(ctx)
}

// noop serves one route that does nothing.
func noop(address string) error {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.GET("/noop", func(c echo.Context) error { return c.NoContent(http.StatusNoContent) })
	e.POST("/noop", noopVerify)
	return e.Start(address)
}

// noopVerify decodes what AccessKeyVerify is sent and encodes what it answers, and nothing else.
func noopVerify(c echo.Context) error {
	var in api.AccessKeyVerifyInput
	if err := json.NewDecoder(c.Request().Body).Decode(&in); err != nil {
		return err
	}
	return c.JSON(http.StatusOK, api.VerifyResult{Valid: true, Code: api.VerifyCodeValid, Status: http.StatusOK,
		Key:     &api.VerifiedKey{ID: "dc1pql9ksducs2p7ofpg", Name: "probe"},
		Account: &api.VerifiedAccount{ID: "dc1pql9ksducs2p7ofn0", Handle: "root", Kind: api.VerifiedAccountKindMember}})
}

func bench(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "latchkey-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // the server's own user must get through to its folder
		return err
	}
	server, err := embedded.Start(ctx, embedded.Config{Dir: filepath.Join(dir, "postgres")})
	if err != nil {
		return err
	}
	defer func() { _ = server.Stop(time.Minute) }()
	w, err := newWorld(ctx, dir, server.URL())
	defer w.close() // also of what was started before something failed
	if err != nil {
		return err
	}
	fmt.Printf("%s, %d cores, %s; each figure is the median of %d runs of %s at %d connections, taken in turn\n\n", runtime.Version(), runtime.NumCPU(), w.postgresVersion, *pairs, *each, connections)
	for _, part := range []struct {
		name string
		run  func(context.Context, *world) error
	}{{"throughput", throughput}, {"lists", lists}, {"flood", flood}, {"verify", verification}, {"guard", guarding}, {"cold", cold}, {"revoke", revocation}, {"unknown", unknown}, {"metered", metered}} {
		if *only != "" && *only != part.name {
			continue
		}
		if err := part.run(ctx, w); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return nil
}

// throughput compares the two busiest operations with the statement that each cannot do without.
func throughput(ctx context.Context, w *world) error {
	fmt.Println("| what | per second | p99 | ratio |\n|---|---|---|---|")
	var selects, gets, noops, inserts, creates series
	for range *pairs {
		for _, run := range []struct {
			into *series
			do   func() (sample, error)
		}{
			{&selects, func() (sample, error) { return w.pgbench(ctx, "-S") }},
			{&gets, func() (sample, error) { return w.wrk(ctx, w.url+"/api/accounts", w.keyHeader()) }},
			{&noops, func() (sample, error) { return w.wrk(ctx, w.noopURL+"/noop", nil) }},
			{&inserts, func() (sample, error) { return w.pgbench(ctx, "-f", w.insertScript) }},
			{&creates, func() (sample, error) { return w.creates(ctx) }},
		} {
			s, err := run.do()
			if err != nil {
				return err
			}
			*run.into = append(*run.into, s)
		}
	}
	row("no-op route", noops, nil, "")
	row("pgbench -S -M prepared", selects, nil, "")
	row("GET /api/accounts by key", gets, selects, "of pgbench -S")
	row("pgbench one-row insert", inserts, nil, "")
	row("AccessKeyCreate", creates, inserts, "of the insert")
	fmt.Println()
	return nil
}

func row(what string, s, base series, of string) {
	ratio := ""
	if base != nil {
		ratio = fmt.Sprintf("%.2f %s", s.rate()/base.rate(), of)
	}
	p99 := ""
	if s.p99() > 0 { // pgbench tells none
		p99 = s.p99().String()
	}
	fmt.Printf("| %s | %.0f | %s | %s |\n", what, s.rate(), p99, ratio)
}

// lists compares a page of a small table with the same page of a large one.
func lists(ctx context.Context, w *world) error {
	own, all := w.url+"/api/auth/access-keys?limit=100", w.url+"/api/admin/access-keys?limit=100"
	fmt.Println("| a page of 100 keys | per second | p99 | time, of the page with 1,000 |\n|---|---|---|---|")
	base := map[string]series{}
	for _, size := range []int{fewKeys, manyKeys} {
		if err := w.fillKeys(ctx, size); err != nil {
			return err
		}
		for _, url := range []string{own, all} {
			var s series
			for range *pairs {
				got, err := w.wrk(ctx, url, w.rootHeader())
				if err != nil {
					return err
				}
				s = append(s, got)
			}
			if size == fewKeys {
				base[url] = s
			}
			name := map[string]string{own: "own", all: "everybody's"}[url]
			fmt.Printf("| %s, %d in the table | %.0f | %s | %.2f |\n", name, size, s.rate(), s.p99(), base[url].rate()/s.rate())
		}
	}
	fmt.Println()
	return w.explain(ctx)
}

// flood shows what many sign-ins at once do to memory and to everybody else.
func flood(ctx context.Context, w *world) error {
	idle, err := w.wrk(ctx, w.url+"/api/accounts", w.keyHeader(), "-c4")
	if err != nil {
		return err
	}
	done := make(chan map[int]int, 1)
	go func() { done <- w.signIns(ctx, 200) }()
	busy, err := w.wrk(ctx, w.url+"/api/accounts", w.keyHeader(), "-c4")
	if err != nil {
		return err
	}
	fmt.Printf("200 sign-ins at once: statuses %v; key-authenticated p99 %s against %s idle, ratio %.2f (4 connections); peak resident memory %d MiB\n",
		<-done, busy.p99, idle.p99, float64(busy.p99)/float64(idle.p99), w.peakMemory()>>20)
	return nil
}

// sample is one run; series are runs of the same thing.
type sample struct {
	rate     float64 // per second
	p50, p99 time.Duration
}

type series []sample

func (s series) rate() float64 {
	rates := make([]float64, len(s))
	for i, v := range s {
		rates[i] = v.rate
	}
	slices.Sort(rates)
	return rates[len(rates)/2]
}

func (s series) p50() time.Duration { return s.median(func(v sample) time.Duration { return v.p50 }) }
func (s series) p99() time.Duration { return s.median(func(v sample) time.Duration { return v.p99 }) }

func (s series) median(of func(sample) time.Duration) time.Duration {
	times := make([]time.Duration, len(s))
	for i, v := range s {
		times[i] = of(v)
	}
	slices.Sort(times)
	return times[len(times)/2]
}
