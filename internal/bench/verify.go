package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rs/xid"

	"github.com/latchkey-dev/latchkey/internal/token"
)

const (
	coldKeys    = 200_000 // of one run; more than it can ask about
	revocations = 300
)

// runs takes several series in turn, so that whatever else happens on the machine happens to all of them.
func runs(into map[string]*series, steps []step) error {
	for range *pairs {
		for _, s := range steps {
			got, err := s.do()
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			if into[s.name] == nil {
				into[s.name] = &series{}
			}
			*into[s.name] = append(*into[s.name], got)
		}
	}
	return nil
}

type step struct {
	name string
	do   func() (sample, error)
}

// verification compares the answers from memory with routes that do nothing.
func verification(ctx context.Context, w *world) error {
	post, err := w.postScript("verify.lua", fmt.Sprintf(`{"key":"%s"}`, w.secret))
	if err != nil {
		return err
	}
	got := map[string]*series{}
	err = runs(got, []step{
		{"no-op GET", func() (sample, error) { return w.wrk(ctx, w.noopURL+"/noop", w.keyHeader()) }},
		{"ForwardAuth", func() (sample, error) { return w.wrk(ctx, w.url+"/forward-auth", w.keyHeader()) }},
		{"no-op POST of the same JSON", func() (sample, error) { return w.wrk(ctx, w.noopURL+"/noop", post) }},
		{"AccessKeyVerify", func() (sample, error) { return w.wrk(ctx, w.url+"/api/access-keys/verify", post) }},
		{"GET /api/accounts by key", func() (sample, error) { return w.wrk(ctx, w.url+"/api/accounts", w.keyHeader()) }},
	})
	if err != nil {
		return err
	}
	fmt.Println("| what | per second | p99 | ratio |\n|---|---|---|---|")
	row("no-op GET", *got["no-op GET"], nil, "")
	row("ForwardAuth, key in memory", *got["ForwardAuth"], *got["no-op GET"], "of the no-op GET")
	row("no-op POST of the same JSON", *got["no-op POST of the same JSON"], nil, "")
	row("AccessKeyVerify, key in memory", *got["AccessKeyVerify"], *got["no-op POST of the same JSON"], "of the no-op POST")
	row("GET /api/accounts by key", *got["GET /api/accounts by key"], *got["no-op GET"], "of the no-op GET")
	fmt.Printf("\np99 of ForwardAuth is %.2f of the no-op GET's\n\n", float64(got["ForwardAuth"].p99())/float64(got["no-op GET"].p99()))
	return nil
}

// postScript makes wrk post a body with the probe's key as the caller.
func (w *world) postScript(name, body string) ([]string, error) {
	path := filepath.Join(w.dir, name)
	script := fmt.Sprintf("wrk.method = 'POST'\nwrk.body = '%s'\nwrk.headers['Content-Type'] = 'application/json'\nwrk.headers['Authorization'] = 'Bearer %s'\n", body, w.secret)
	return []string{"-s", path}, os.WriteFile(path, []byte(script), 0o600)
}

// cold asks about every key once, so that each answer needs the database.
func cold(ctx context.Context, w *world) error {
	var lists []string
	for i := range *pairs {
		path, err := w.mint(ctx, fmt.Sprintf("cold-%d", i), coldKeys)
		if err != nil {
			return err
		}
		lists = append(lists, path)
	}
	if _, err := w.db.Exec(ctx, "VACUUM ANALYZE access_key"); err != nil {
		return err
	}
	got := map[string]*series{}
	err := runs(got, []step{
		{"pgbench", func() (sample, error) { return w.pgbench(ctx, "-S") }},
		{"cold", func() (sample, error) {
			script := lists[0]
			lists = lists[1:]
			s, err := w.wrk(ctx, w.url+"/forward-auth", []string{"-s", script})
			if s.rate*each.Seconds() > coldKeys {
				err = errors.Join(err, errors.New("keys ran out: some answers came from memory"))
			}
			return s, err
		}},
	})
	if err != nil {
		return err
	}
	fmt.Println("| what | per second | p99 | ratio |\n|---|---|---|---|")
	row("pgbench -S -M prepared", *got["pgbench"], nil, "")
	row("ForwardAuth, every key once", *got["cold"], *got["pgbench"], "of pgbench -S")
	fmt.Println()
	return w.emptyKeys(ctx)
}

// mint adds keys of the members, straight into the database, and writes a script that sends each of them once.
func (w *world) mint(ctx context.Context, name string, n int) (string, error) {
	var digester token.Digester
	now := time.Now()
	tokens := make([]string, n)
	_, err := w.db.CopyFrom(ctx, pgx.Identifier{"access_key"},
		[]string{"id", "account_id", "brand", "token_id", "digest", "digest_version", "name", "created_at", "updated_at"},
		pgx.CopyFromSlice(n, func(i int) ([]any, error) {
			secret, parsed, err := token.Mint(rand.Reader, "lk")
			if err != nil {
				return nil, err
			}
			tokens[i] = secret.Reveal()
			digest, version := digester.Digest(parsed)
			return []any{xid.New().String(), fmt.Sprintf("m%019d", 1+i%memberCount), "lk", string(parsed.ID), digest[:], version, "bench", now, now}, nil
		}))
	if err != nil {
		return "", fmt.Errorf("mint keys: %w", err)
	}
	list, script := filepath.Join(w.dir, name+".txt"), filepath.Join(w.dir, name+".lua")
	if err := os.WriteFile(list, []byte(strings.Join(tokens, "\n")), 0o600); err != nil {
		return "", err
	}
	return script, os.WriteFile(script, fmt.Appendf(nil, "local keys, i = {}, 0\nfor line in io.lines('%s') do keys[#keys + 1] = line end\n"+
		"request = function()\n  i = i + 1\n  return wrk.format('GET', nil, {['Authorization'] = 'Bearer ' .. keys[i]})\nend\n", list), 0o600)
}

// revocation times calls on a cluster of three, healthy and with one of them stopped, and what they cost everybody else.
func revocation(ctx context.Context, w *world) error {
	if err := w.grow(3); err != nil {
		return err
	}
	fmt.Println("| revocations on three instances, one after the other | p50 | p99 | most |\n|---|---|---|---|")
	healthy, err := w.timeRevocations(ctx, revocations)
	if err != nil {
		return err
	}
	quantiles("all healthy", healthy)
	stopped := w.more[1].cmd.Process
	if err := stopped.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	slow, err := w.timeRevocations(ctx, 5) // within the time that the others take to give it up
	err = errors.Join(err, stopped.Signal(syscall.SIGCONT))
	if err != nil {
		return err
	}
	quantiles("one stopped (lease: 1 s)", slow)
	fmt.Println()
	return w.busy(ctx)
}

func quantiles(what string, times []time.Duration) {
	slices.Sort(times)
	at := func(q float64) time.Duration {
		return times[int(q*float64(len(times)-1))].Round(100 * time.Microsecond)
	}
	fmt.Printf("| %s | %s | %s | %s |\n", what, at(.5), at(.99), at(1))
}

func (w *world) timeRevocations(ctx context.Context, n int) ([]time.Duration, error) {
	ids, err := w.newKeys(ctx, n)
	if err != nil {
		return nil, err
	}
	times := make([]time.Duration, n)
	for i, id := range ids {
		started := time.Now()
		if err := w.revoke(ctx, id); err != nil {
			return nil, err
		}
		times[i] = time.Since(started)
	}
	return times, nil
}

// newKeys gives the ids of n new keys.
func (w *world) newKeys(ctx context.Context, n int) ([]string, error) {
	if _, err := w.mint(ctx, "revoke", n); err != nil {
		return nil, err
	}
	rows, err := w.db.Query(ctx, "SELECT id FROM access_key WHERE name = 'bench' AND revoked_at IS NULL ORDER BY id DESC LIMIT $1", n)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

func (w *world) revoke(ctx context.Context, id string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodDelete, w.url+"/api/admin/access-keys/"+id, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Cookie", w.rootCookie)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		return fmt.Errorf("revoke: %s", resp.Status)
	}
	return nil
}

// busy compares verification alone with verification beside a hundred revocations a second.
func (w *world) busy(ctx context.Context) error {
	got := map[string]*series{}
	ask := func() (sample, error) { return w.wrk(ctx, w.url+"/forward-auth", w.keyHeader()) }
	var done atomic.Int64
	err := runs(got, []step{
		{"alone", ask},
		{"beside", func() (sample, error) {
			stop, err := w.revokeSteadily(ctx, &done)
			if err != nil {
				return sample{}, err
			}
			s, err := ask()
			return s, errors.Join(err, stop())
		}},
	})
	if err != nil {
		return err
	}
	fmt.Println("| what | per second | p99 | ratio |\n|---|---|---|---|")
	row("ForwardAuth alone", *got["alone"], nil, "")
	row("ForwardAuth beside revocations", *got["beside"], *got["alone"], "of alone")
	fmt.Printf("\nrevocations done meanwhile: %.0f per second\n\n", float64(done.Load())/each.Seconds()/float64(*pairs))
	return nil
}

// revokeSteadily revokes a key every ten milliseconds, whatever the others take, until the returned function is called.
func (w *world) revokeSteadily(ctx context.Context, done *atomic.Int64) (func() error, error) {
	ids, err := w.newKeys(ctx, int(each.Seconds()*100)+100)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var calls sync.WaitGroup
	var failed atomic.Pointer[error]
	calls.Go(func() {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for _, id := range ids {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			calls.Go(func() {
				if err := w.revoke(context.WithoutCancel(ctx), id); err != nil {
					failed.Store(&err)
				}
				done.Add(1)
			})
		}
	})
	return func() error {
		cancel()
		calls.Wait()
		if err := failed.Load(); err != nil {
			return *err
		}
		return nil
	}, nil
}

// unknown shows what a flood of well-formed keys that nobody issued does to the others and to the database.
func unknown(ctx context.Context, w *world) error {
	tokens := make([]string, 20_000)
	for i := range tokens {
		secret, _, err := token.Mint(rand.Reader, "lk")
		if err != nil {
			return err
		}
		tokens[i] = secret.Reveal()
	}
	list, script := filepath.Join(w.dir, "unknown.txt"), filepath.Join(w.dir, "unknown.lua")
	if err := os.WriteFile(list, []byte(strings.Join(tokens, "\n")), 0o600); err != nil {
		return err
	}
	err := os.WriteFile(script, fmt.Appendf(nil, "local keys, i = {}, 0\nfor line in io.lines('%s') do keys[#keys + 1] = line end\n"+
		"request = function()\n  i = i %% #keys + 1\n  return wrk.format('GET', nil, {['Authorization'] = 'Bearer ' .. keys[i]})\nend\n", list), 0o600)
	if err != nil {
		return err
	}
	good := func() (sample, error) { return w.wrk(ctx, w.url+"/forward-auth", w.keyHeader(), "-c4") }
	got := map[string]*series{}
	err = runs(got, []step{
		{"idle", good},
		{"beside other load", func() (sample, error) { return w.beside(ctx, good, []string{w.noopURL + "/noop"}) }},
		{"beside the flood", func() (sample, error) { return w.beside(ctx, good, []string{"-s", script, w.url + "/forward-auth"}) }},
	})
	if err != nil {
		return err
	}
	fmt.Println("| good keys, 4 connections | per second | p99 | ratio |\n|---|---|---|---|")
	row("alone", *got["idle"], nil, "")
	row("beside 32 connections to a no-op route", *got["beside other load"], *got["idle"], "of alone")
	row("beside 32 connections with unknown keys", *got["beside the flood"], *got["idle"], "of alone")
	fmt.Println()
	return nil
}

// beside measures while wrk makes another load.
func (w *world) beside(ctx context.Context, measure func() (sample, error), load []string) (sample, error) {
	flooding := make(chan error, 1)
	go func() {
		args := append([]string{"-t1", fmt.Sprintf("-c%d", connections), fmt.Sprintf("-d%ds", int(each.Seconds())), "--latency"}, load...)
		_, err := wrkAnything(ctx, args)
		flooding <- err
	}()
	s, err := measure()
	return s, errors.Join(err, <-flooding)
}
