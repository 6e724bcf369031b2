package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
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

// guarding shows what the guard adds to a request of an API.
func guarding(ctx context.Context, w *world) error {
	api, url, err := startSelf("guarded", "BENCH_URL="+w.url, "BENCH_KEY="+w.secret)
	if err != nil {
		return err
	}
	defer func() { _ = api.Process.Kill(); _ = api.Wait() }()
	for { // until it listens
		c, err := (&net.Dialer{}).DialContext(ctx, "tcp", strings.TrimPrefix(url, "http://"))
		if err == nil {
			_ = c.Close()
			break
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		time.Sleep(10 * time.Millisecond)
	}
	got := map[string]*series{}
	err = runs(got, []step{
		{"bare", func() (sample, error) { return w.wrk(ctx, url+"/bare", w.keyHeader()) }},
		{"guarded", func() (sample, error) { return w.wrk(ctx, url+"/media/7", w.keyHeader()) }},
	})
	if err != nil {
		return err
	}
	bare, behind := *got["bare"], *got["guarded"]
	fmt.Println("| net/http | per second | p99 | ratio |\n|---|---|---|---|")
	row("a handler that does nothing", bare, nil, "")
	row("the same behind the guard", behind, bare, "of bare")
	fmt.Printf("\np50 %s against %s: the guard adds %s\n\n", behind.p50(), bare.p50(), behind.p50()-bare.p50())
	return nil
}
