package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/latchkey-dev/latchkey/internal/accesskey"
	"github.com/latchkey-dev/latchkey/internal/account"
	"github.com/latchkey-dev/latchkey/internal/api"
	"github.com/latchkey-dev/latchkey/internal/audit"
	"github.com/latchkey-dev/latchkey/internal/boottime"
	"github.com/latchkey-dev/latchkey/internal/canary"
	"github.com/latchkey-dev/latchkey/internal/catalogue"
	"github.com/latchkey-dev/latchkey/internal/changefeed"
	"github.com/latchkey-dev/latchkey/internal/console"
	"github.com/latchkey-dev/latchkey/internal/docs"
	"github.com/latchkey-dev/latchkey/internal/postgres"
	"github.com/latchkey-dev/latchkey/internal/postgres/embedded"
	"github.com/latchkey-dev/latchkey/internal/problem"
	"github.com/latchkey-dev/latchkey/internal/token"
	"github.com/latchkey-dev/latchkey/internal/upkeep"
	"github.com/latchkey-dev/latchkey/internal/usage"
	"github.com/latchkey-dev/latchkey/internal/verify"
)

// Server limits. A request that is being answered has grace to end when the service stops; the embedded database has its own.
const (
	readHeaderLimit = 5 * time.Second
	readLimit       = 15 * time.Second
	writeLimit      = 30 * time.Second
	idleLimit       = 90 * time.Second
	headerLimit     = 32 << 10 // twice what the API takes, so that it can say what is wrong
	grace           = 20 * time.Second
	databaseGrace   = 10 * time.Second
	leaveGrace      = time.Second
	buryEvery       = 2 * time.Second
	calm            = 64 << 20               // bytes; see serve
	drain           = 500 * time.Millisecond // readiness fails for so long before the door closes, for whoever sends traffic here
)

var errDatabaseDied = errors.New("the embedded database stopped by itself; its log is beside its data")

// serve runs the service until ctx ends or something that it cannot do without fails.
func serve(ctx context.Context, c config, log *slog.Logger, stdout io.Writer) error {
	// Go collects garbage when the heap has doubled. Ours is so small at first that this would be all the time: it is counted
	// as larger by memory that is never touched, and so never taken from the machine.
	ballast := make([]byte, calm)
	defer runtime.KeepAlive(ballast)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	listener, err := listen(ctx, c.Listen, "LATCHKEY_LISTEN")
	if err != nil {
		return err
	}
	defer listener.Close()
	c.followPort(listener)
	log.Info("listening", "address", listener.Addr().String())
	stopMetrics, registry, err := serveMetrics(ctx, c, log)
	if err != nil {
		return err
	}
	defer stopMetrics()

	url, stopDatabase, err := database(ctx, c, log, cancel)
	if err != nil && ctx.Err() != nil {
		return nil // asked to stop before it was up
	}
	if err != nil {
		return err
	}
	defer stopDatabase()
	manage, err := postgres.Open(url, postgres.PoolOptions{MaxConns: c.DatabaseConns / 2, Name: "manage"})
	if err != nil {
		return err
	}
	defer manage.Close()
	checks, err := postgres.Open(url, postgres.PoolOptions{MaxConns: c.DatabaseConns - c.DatabaseConns/2, Name: "verify"})
	if err != nil {
		return err
	}
	defer checks.Close()

	digester, err := token.NewDigester(c.peppers)
	if err != nil {
		return err
	}
	memory := verify.NewMemory(c.CacheKeys)
	node, err := changefeed.NewNode(changefeed.NodeConfig{Dial: changefeed.Dial(url), Memory: memory, Clock: boottime.Now, Rand: rand.Reader, Log: log})
	if err != nil {
		return err
	}
	node.Register(registry)
	memory.Register(registry)
	feed := changefeed.NewFeed(changefeed.FeedConfig{Pool: manage, Clock: boottime.Now, Now: time.Now, Rand: rand.Reader, Node: node, Metrics: registry})
	verifier := verify.New(verify.Config{Pool: checks, Memory: memory, Node: node, Clock: boottime.Now, Digester: digester, SessionIdle: c.SessionIdle})
	uses := usage.NewRecorder(manage)
	meter := usage.NewMeter(usage.MeterConfig{Pool: checks, Clock: boottime.Now, Metrics: registry})
	used := usage.NewStore(usage.StoreConfig{Pool: manage, Feed: feed, Now: time.Now})
	accounts := account.NewStore(account.Config{Pool: manage, Feed: feed, Now: time.Now, Rand: rand.Reader,
		Hasher:      account.NewHasher(account.Cost{MemoryKiB: c.PasswordMemory << 10, Passes: c.PasswordPasses, Lanes: 1}, rand.Reader),
		PasswordMin: c.PasswordMin, SessionIdle: c.SessionIdle, SessionLife: c.SessionLife, SessionsMost: 20, SignupOpen: c.Signup == "open"})
	retired := accesskey.NewWatch(manage, time.Now)
	keys := accesskey.NewStore(accesskey.Config{Pool: manage, Feed: feed, Now: time.Now, Rand: rand.Reader, Digester: digester, Brand: c.KeyBrand, Most: c.KeysPerAccount,
		Policy: accesskey.Policy{LifeMost: c.KeyLifeMost, ExpiryRequired: c.KeyExpiry}, Retired: retired, Metrics: registry})
	janitor := changefeed.NewJanitor(manage, boottime.Now, time.Now)
	ready := postgres.NewReadiness(rand.Reader)
	var stopping atomic.Bool
	e, err := api.New(api.Config{
		Accounts: accounts, Keys: keys, Audit: audit.NewLog(manage), Verifier: verifier, Uses: uses, Meter: meter, Usage: used, Retired: retired, Node: node, Janitor: janitor,
		Catalogue: catalogue.NewStore(catalogue.Config{Pool: manage, Feed: feed, Now: time.Now}),
		Ready:     ready.Err,
		Ping:      func(ctx context.Context) (postgres.Durability, error) { return ping(ctx, manage, &stopping) },
		Clock:     boottime.Now,
		Now:       time.Now,
		Rand:      rand.Reader,
		Log:       log,
		Metrics:   registry,
		Version:   version,
		PublicURL: c.PublicURL, SecureCookie: c.public.Scheme == "https", SessionLife: c.SessionLife, TrustedProxies: c.TrustedProxies, Gateway429: c.Gateway429,
	})
	if err != nil {
		return err
	}
	if err := errors.Join(console.Register(e), docs.Register(e)); err != nil {
		return err
	}

	go prepare(ctx, cancel, ready, url, c, log)
	go announce(ctx, ready, node, accounts, c, log, stdout)
	watch := canary.New(canary.Config{Pool: manage, Feed: feed, Verifier: verifier, Now: time.Now, Rand: rand.Reader, Digester: digester, Brand: c.KeyBrand, Log: log, Metrics: registry})
	jobs := upkeep.Start(ctx, ready.Ready(), log, map[string]upkeep.Job{"end sessions": accounts.PurgeSessions, "forget attempts": accounts.PurgeAttempts,
		"settle revocations": keys.Settle, "tell of expiring keys": keys.TellExpiring, "prune changes": janitor.Prune, "forget usage": used.Purge, "canary": watch.Round})
	jobs.Go(func() { bury(ctx, ready.Ready(), janitor, log) })
	defer func() {
		cancel(nil) // or jobs would go on if the API had failed by itself
		jobs.Wait()
	}()
	stopNode := runNode(ctx, ready.Ready(), node, url, log, uses.Run, meter.Run, retired.Run)
	defer stopNode()
	return serveAPI(ctx, e, listener, log, &stopping)
}

func listen(ctx context.Context, address, setting string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w; stop the program that does, or set %s", address, errors.Unwrap(err), setting)
	}
	return l, nil
}

// followPort puts the real port into a public URL that was left to a listener on port 0.
func (c *config) followPort(l net.Listener) {
	if c.public.Port() == "0" {
		_, port, _ := net.SplitHostPort(l.Addr().String())
		c.public.Host = net.JoinHostPort(c.public.Hostname(), port)
		c.PublicURL = c.public.Scheme + "://" + c.public.Host
	}
}

// serveAPI answers requests until ctx ends, then lets those under way finish.
func serveAPI(ctx context.Context, handler http.Handler, l net.Listener, log *slog.Logger, stopping *atomic.Bool) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: readHeaderLimit, ReadTimeout: readLimit, WriteTimeout: writeLimit, IdleTimeout: idleLimit,
		MaxHeaderBytes: headerLimit, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug)}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve the API: %w", err)
	case <-ctx.Done():
	}
	log.Info("stopping", "reason", context.Cause(ctx).Error(), "grace", grace.String())
	stopping.Store(true)
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return errors.Join(cause, server.Close())
	}
	time.Sleep(drain)
	within, done := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer done()
	return server.Shutdown(within)
}

// database gives the URL of the external database, or of an embedded one that it starts. When the embedded one dies, all
// ends with errDatabaseDied.
func database(ctx context.Context, c config, log *slog.Logger, cancel context.CancelCauseFunc) (string, func(), error) {
	if c.DatabaseURL != "" {
		return c.DatabaseURL, func() {}, nil
	}
	started := time.Now()
	server, err := embedded.Start(ctx, embedded.Config{Dir: filepath.Join(c.DataDir, "postgres")})
	if err != nil {
		return "", nil, err
	}
	log.Info("embedded PostgreSQL started", "data_dir", c.DataDir, "duration", time.Since(started).Round(time.Millisecond).String())
	go func() {
		<-server.Done()
		cancel(errDatabaseDied)
	}()
	return server.URL(), func() {
		if err := server.Stop(databaseGrace); err != nil {
			log.Warn("embedded PostgreSQL did not stop cleanly; it will recover when it starts", "error", err)
		}
	}, nil
}

// prepare brings the schema up to date, however long the database takes to come.
func prepare(ctx context.Context, cancel context.CancelCauseFunc, ready *postgres.Readiness, url string, c config, log *slog.Logger) {
	if err := ready.Run(ctx, url, c.Migrate, log); err != nil && ctx.Err() == nil {
		cancel(err)
	}
}

// announce prints where the service is and, on a new instance, how to make its first administrator.
func announce(ctx context.Context, ready *postgres.Readiness, node *changefeed.Node, accounts *account.Store, c config, log *slog.Logger, stdout io.Writer) {
	select {
	case <-ctx.Done():
		return
	case <-ready.Ready():
	}
	if node.AwaitSince(ctx, 0) == nil {
		return // asked to stop before it could answer anything
	}
	where := "data in the database of LATCHKEY_DATABASE_URL"
	if c.DatabaseURL == "" {
		where = "data in " + c.DataDir
	}
	fmt.Fprintf(stdout, "latchkey %s is ready at %s (%s)\n", version, c.PublicURL, where)
	code, isNew, err := accounts.NewSetupCode(ctx)
	switch {
	case err != nil:
		log.Error("could not make a set-up code; restart to try again", "error", err)
	case isNew:
		fmt.Fprintf(stdout, "There is no account yet. Make the first administrator within the hour:\n%s/setup#%s\nset-up code: %s\n", c.PublicURL, code.Reveal(), code.Reveal())
	}
}

func ping(ctx context.Context, pool *pgxpool.Pool, stopping *atomic.Bool) (postgres.Durability, error) {
	if stopping.Load() {
		return postgres.Durability{}, problem.New(problem.Starting).WithDetail("The service is stopping.")
	}
	return postgres.ReadDurability(ctx, pool)
}

// runNode keeps memory honest until the returned function is called: after the last answer was given, for revocations that
// are under way wait for this node as well.
func runNode(ctx context.Context, ready <-chan struct{}, node *changefeed.Node, url string, log *slog.Logger, recorders ...func(context.Context, *slog.Logger)) func() {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	runs := []func(){func() { node.Run(ctx) }, func() { postgres.Listen(ctx, url, "latchkey_change", node.Kick) }}
	for _, record := range recorders {
		runs = append(runs, func() { record(ctx, log) })
	}
	for _, run := range runs {
		running.Go(func() {
			select {
			case <-ready:
				run()
			case <-ctx.Done():
			}
		})
	}
	return func() {
		cancel()
		running.Wait()
		leaving, done := context.WithTimeout(context.WithoutCancel(ctx), leaveGrace)
		defer done()
		if err := node.Leave(leaving); err != nil {
			log.Warn("could not leave the cluster; revocations wait for this instance until the others notice", "error", postgres.Reason(err))
		}
	}
}

// bury removes instances that died, several times in the time that it takes to be sure.
func bury(ctx context.Context, ready <-chan struct{}, janitor *changefeed.Janitor, log *slog.Logger) {
	select {
	case <-ready:
	case <-ctx.Done():
	}
	for tick := time.NewTicker(buryEvery); ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			tick.Stop()
			return
		}
		n, err := janitor.Bury(ctx)
		if err != nil && ctx.Err() == nil {
			log.Debug("upkeep failed; it will be tried again", "job", "bury nodes", "error", err)
		}
		if n > 0 {
			log.Info("removed instances that died", "count", n)
		}
	}
}

// serveMetrics opens the second listener, which tells too much for the public one.
func serveMetrics(ctx context.Context, c config, log *slog.Logger) (func(), *prometheus.Registry, error) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if c.MetricsListen == "" {
		return func() {}, registry, nil
	}
	l, err := listen(ctx, c.MetricsListen, "LATCHKEY_METRICS_LISTEN")
	if err != nil {
		return nil, nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: readHeaderLimit, IdleTimeout: idleLimit}
	go func() { _ = server.Serve(l) }() // ends with Close
	log.Debug("metrics", "address", l.Addr().String())
	return func() { _ = server.Close() }, registry, nil
}
