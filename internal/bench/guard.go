package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
	"github.com/latchkey-dev/latchkey/sdk/go/guard"
)

// guarded serves a route that does nothing, bare at /bare and behind the guard of the Go client elsewhere.
func guarded(address string) error {
	client, err := latchkey.New(latchkey.Config{BaseURL: os.Getenv("BENCH_URL"), Key: latchkey.NewKey(os.Getenv("BENCH_KEY"))})
	if err != nil {
		return err
	}
	g, err := guard.New(guard.Config{Client: client})
	if err != nil {
		return err
	}
	nothing := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux := http.NewServeMux()
	mux.Handle("/bare", nothing)
	mux.Handle("/", g.Protect(nothing))
	return (&http.Server{Addr: address, Handler: mux, ReadHeaderTimeout: time.Minute}).ListenAndServe()
}

// guarding shows what the middlewares of both clients add to a request of an API: with requests one after another on every connection, which
// takes both processors to the last bit, and with up to 200 ms before each, which is some 320 requests a second.
func guarding(ctx context.Context, w *world) error {
	paced := filepath.Join(w.dir, "paced.lua")
	if err := os.WriteFile(paced, []byte("function delay() return math.random(0, 200) end\n"), 0o600); err != nil {
		return err
	}
	fmt.Println("| API | per second | p50 | p99 | with pauses: p50 | p99 |\n|---|---|---|---|---|---|")
	for _, api := range []struct {
		name  string
		start func(env ...string) (*exec.Cmd, string, error)
	}{
		{"net/http", func(env ...string) (*exec.Cmd, string, error) { return startSelf("guarded", env...) }},
		{"Express", func(env ...string) (*exec.Cmd, string, error) {
			return startAt([]string{"node", "internal/bench/express.mjs"}, env...)
		}},
	} {
		cmd, url, err := api.start("BENCH_URL="+w.url, "BENCH_KEY="+w.secret)
		if err == nil {
			err = errors.Join(listens(ctx, url), guardingOf(ctx, w, api.name, url, paced), cmd.Process.Kill())
			_ = cmd.Wait() // of what was killed
		}
		if err != nil {
			return fmt.Errorf("%s: %w", api.name, err)
		}
	}
	fmt.Println()
	return nil
}

func guardingOf(ctx context.Context, w *world, name, url, paced string) error {
	got := map[string]*series{}
	var steps []step
	for _, path := range []string{"/bare", "/media/7"} {
		steps = append(steps,
			step{path, func() (sample, error) { return w.wrk(ctx, url+path, w.keyHeader()) }},
			step{path + " paced", func() (sample, error) { return w.wrk(ctx, url+path, w.keyHeader(), "-s", paced) }})
	}
	if err := runs(got, steps); err != nil {
		return err
	}
	for _, row := range []struct{ what, path string }{{"bare", "/bare"}, {"behind the guard", "/media/7"}} {
		full, calm := *got[row.path], *got[row.path+" paced"]
		fmt.Printf("| %s, %s | %.0f | %s | %s | %s | %s |\n", name, row.what, full.rate(), full.p50(), full.p99(), calm.p50(), calm.p99())
	}
	adds := func(of string) time.Duration { return got["/media/7"+of].p50() - got["/bare"+of].p50() }
	fmt.Printf("| %s, the guard adds | | %s | | %s | |\n", name, adds(""), adds(" paced"))
	return nil
}

// listens waits until somebody listens there.
func listens(ctx context.Context, url string) error {
	for {
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", strings.TrimPrefix(url, "http://"))
		if err == nil {
			return c.Close()
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		time.Sleep(10 * time.Millisecond)
	}
}
