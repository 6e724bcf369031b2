package main_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey/db"
	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
	"github.com/latchkey-dev/latchkey/sdk/go/api"
)

// awaitListening is for a service that is not ready: its address is in the log.
func (p *process) awaitListening() {
	p.t.Helper()
	p.url = "http://" + p.await(&p.stderr, listenLine)
}

func wantStatus(t *testing.T, url string, want int) {
	t.Helper()
	resp, err := http.Get(url)
	check(t, err)
	defer resp.Body.Close()
	if resp.StatusCode != want {
		t.Errorf("%s answers %s, want %d", url, resp.Status, want)
	}
}

// wantAway says that an error asks to try again later, for this reason.
func wantAway(t *testing.T, err error, code latchkey.ErrorCode) {
	t.Helper()
	wantRefusal(t, err, 503, code)
	if e, ok := errors.AsType[*latchkey.Error](err); ok && e.RetryAfter <= 0 {
		t.Errorf("no Retry-After: %v", err)
	}
}

func TestDatabaseDownAtStart(t *testing.T) {
	t.Parallel()
	proxy, through := newProxy(t, externalDatabase(t))
	p := start(t, "LATCHKEY_DATABASE_URL="+through)
	p.awaitListening()
	until(t, "it tries", func() bool { return strings.Contains(p.stderr.String(), `"msg":"database not ready"`) })
	wantStatus(t, p.url+"/livez", 200)
	wantStatus(t, p.url+"/readyz", 503)
	wantAway(t, p.anonymous().Readyz(t.Context()), api.ErrorCodeStarting)
	_, err := p.anonymous().AccountGet(t.Context())
	wantAway(t, err, api.ErrorCodeStarting)
	_, err = p.anonymous().AuthPasswordSignin(t.Context(), "ada", adaPassword)
	wantAway(t, err, api.ErrorCodeStarting)
	proxy.up()
	p.awaitReady()
	p.setUp(adaPassword)
	check(t, p.anonymous().Readyz(t.Context()))
	if n := strings.Count(p.stderr.String(), `"msg":"database not ready"`); n != 1 {
		t.Errorf("one cause was logged %d times", n)
	}
	p.stop()
}

// Whoever gives up while the database is down gets no worse an answer than otherwise.
func TestStopWhileDatabaseIsDown(t *testing.T) {
	t.Parallel()
	_, through := newProxy(t, externalDatabase(t))
	p := start(t, "LATCHKEY_DATABASE_URL="+through)
	p.awaitListening()
	p.stop()
	if len(p.complaints()) != 0 {
		t.Errorf("it complains: %q", p.complaints())
	}
}

// traffic asks the same things again and again and counts the answers by status.
type traffic struct {
	t     *testing.T
	calls map[string]func() error
	stop  chan struct{}
	all   sync.WaitGroup

	mu   sync.Mutex
	last map[string]string // call -> status and code of its newest answer
	seen map[string]int
}

func (p *process) startTraffic(key latchkey.Key, session *latchkey.Client) *traffic {
	ctx, program := p.t.Context(), p.withKey(key)
	tr := &traffic{t: p.t, stop: make(chan struct{}), last: map[string]string{}, seen: map[string]int{}, calls: map[string]func() error{
		"key":     func() error { _, err := program.AccountGet(ctx); return err },
		"session": func() error { _, err := session.AccountGet(ctx); return err },
		"sign-in": func() error { _, err := p.anonymous().AuthPasswordSignin(ctx, "grace", gracePassword); return err },
		"write": func() error {
			k, err := session.AccessKeyCreate(ctx, latchkey.AccessKeyInput{Name: "ci"})
			if err != nil {
				return err
			}
			return second(session.AccessKeyDelete(ctx, k.ID))
		},
		"ready": func() error { return program.Readyz(ctx) },
	}}
	for name, call := range tr.calls {
		tr.all.Go(func() {
			for {
				select {
				case <-tr.stop:
					return
				case <-time.After(5 * time.Millisecond): // others use the machine too
					tr.note(name, call())
				}
			}
		})
	}
	return tr
}

func (tr *traffic) note(name string, err error) {
	answer := "ok"
	if e, ok := errors.AsType[*latchkey.Error](err); ok {
		answer = fmt.Sprint(e.Status, " ", e.Code)
	} else if err != nil {
		answer = err.Error()
	}
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.last[name] = answer
	tr.seen[name+": "+answer]++
}

// await waits until each call gets one of these answers.
func (tr *traffic) await(answers ...string) {
	tr.t.Helper()
	until(tr.t, "all calls answer "+strings.Join(answers, " or "), func() bool {
		tr.mu.Lock()
		defer tr.mu.Unlock()
		for name := range tr.calls {
			found := false
			for _, a := range answers {
				found = found || tr.last[name] == a
			}
			if !found {
				return false
			}
		}
		return true
	})
}

// finish stops asking and says that nothing but success and these answers was ever seen.
func (tr *traffic) finish(answers ...string) {
	tr.t.Helper()
	close(tr.stop)
	tr.all.Wait()
	for got, n := range tr.seen {
		_, answer, _ := strings.Cut(got, ": ")
		allowed := answer == "ok"
		for _, a := range answers {
			allowed = allowed || answer == a
		}
		if !allowed {
			tr.t.Errorf("%d times %s", n, got)
		}
	}
	tr.t.Logf("answers: %v", tr.seen)
}

const (
	away   = "503 database_unavailable"
	hashes = "503 overloaded" // where a slow machine cannot hash in time

	unproved    = "503 verification_unavailable" // for keys and sessions, once the lease has ended
	unconfirmed = "503 revocation_unconfirmed"   // for a revocation whose commit was cut off
)

func TestDatabaseGoneAndBack(t *testing.T) {
	t.Parallel()
	proxy, through := newProxy(t, externalDatabase(t))
	proxy.up()
	p := serve(t, "LATCHKEY_DATABASE_URL="+through)
	p.setUp(adaPassword)
	p.seed()
	grace := p.grace()
	key := p.newKey(grace).Secret
	tr := p.startTraffic(key, grace)
	tr.await("ok")
	for range 2 {
		proxy.cut()
		tr.await(away, unproved)
		wantStatus(t, p.url+"/livez", 200)
		proxy.up()
		tr.await("ok")
	}
	resume := proxy.stall()
	tr.await(away, hashes, unproved)
	_, err := p.withKey(key).AccountGet(t.Context())
	wantAway(t, err, api.ErrorCodeVerificationUnavailable)
	wantStatus(t, p.url+"/livez", 200)
	resume()
	tr.await("ok")
	tr.finish(away, hashes, unproved, unconfirmed)
	if strings.Contains(p.stderr.String(), `"level":"ERROR"`) {
		t.Error("a fault of ours was logged")
	}
	p.stop()
}

func TestTooManyConnections(t *testing.T) {
	t.Parallel()
	admin := externalDatabase(t)
	u, err := url.Parse(admin)
	check(t, err)
	database := strings.TrimPrefix(u.Path, "/")
	role := "limited_" + database
	execute(t, admin, "CREATE ROLE "+role+" LOGIN PASSWORD 'limited' CONNECTION LIMIT 0", "ALTER DATABASE "+database+" OWNER TO "+role)
	t.Cleanup(func() { // before the database is dropped, which the role must not own then
		execute(t, admin, "ALTER DATABASE "+database+" OWNER TO CURRENT_USER")
	})
	u.User = url.UserPassword(role, "limited")
	p := start(t, "LATCHKEY_DATABASE_URL="+u.String())
	p.awaitListening()
	until(t, "it names the cause", func() bool { return strings.Contains(p.stderr.String(), "too many connections") })
	wantAway(t, p.anonymous().Readyz(t.Context()), api.ErrorCodeStarting)
	execute(t, admin, "ALTER ROLE "+role+" CONNECTION LIMIT -1")
	p.awaitReady()
	p.setUp(adaPassword)
	p.seed()
	grace := p.grace()
	key := p.newKey(grace).Secret

	execute(t, admin, "ALTER ROLE "+role+" CONNECTION LIMIT 3")
	program := p.withKey(key)
	var worked, refused, other atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 10 {
				_, err := program.AccountGet(t.Context())
				e, isRefusal := errors.AsType[*latchkey.Error](err)
				switch {
				case err == nil:
					worked.Add(1)
				case isRefusal && (e.Code == api.ErrorCodeDatabaseUnavailable || e.Code == api.ErrorCodeVerificationUnavailable):
					refused.Add(1)
				default:
					other.Add(1)
					t.Log(err)
				}
			}
		})
	}
	all.Wait()
	if worked.Load() == 0 || other.Load() != 0 {
		t.Errorf("with 3 connections %d requests worked, %d were refused, %d failed otherwise", worked.Load(), refused.Load(), other.Load())
	}

	execute(t, admin, "ALTER ROLE "+role+" CONNECTION LIMIT 0",
		"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '"+role+"'")
	tr := p.startTraffic(key, grace)
	tr.await(away, unproved)
	execute(t, admin, "ALTER ROLE "+role+" CONNECTION LIMIT -1")
	tr.await("ok")
	tr.finish(away, hashes, unproved, unconfirmed)
	p.stop()
}

func TestTwoInstancesStartAtOnce(t *testing.T) {
	t.Parallel()
	database := externalDatabase(t)
	a, b := start(t, "LATCHKEY_DATABASE_URL="+database), start(t, "LATCHKEY_DATABASE_URL="+database)
	a.awaitReady()
	b.awaitReady()
	if n := strings.Count(a.stderr.String()+b.stderr.String(), `"msg":"schema migrated"`); n != 1 {
		t.Errorf("%d instances have migrated", n)
	}
	if n := value[int](t, database, "SELECT count(*) FROM schema_state"); n != 1 {
		t.Errorf("%d rows in schema_state", n)
	}
	// Either code serves either instance, and there is one first administrator.
	ofA, ofB := a.setupCode(), b.setupCode()
	_, err := a.anonymous().SetupComplete(t.Context(), latchkey.SetupInput{Code: ofB, Identifier: "ada", Token: adaPassword})
	check(t, err)
	_, err = b.anonymous().SetupComplete(t.Context(), latchkey.SetupInput{Code: ofA, Identifier: "eve", Token: gracePassword})
	wantRefusal(t, err, 409, api.ErrorCodeSetupDone)
	b.seed()
	key := a.newKey(a.grace())
	b.wantWorks(key.Secret, "grace")
	check(t, second(a.withKey(key.Secret).AccessKeySelfRevoke(t.Context())))
	b.wantDead(key.Secret)
	a.stop()
	b.ada()
	b.stop()
}

func TestSchemaOfNewerProgram(t *testing.T) {
	t.Parallel()
	database := externalDatabase(t)
	p := serve(t, "LATCHKEY_DATABASE_URL="+database)
	p.setUp(adaPassword)
	p.stop()

	execute(t, database, "UPDATE schema_state SET version = 99, floor = 2", "UPDATE schema_migrations SET version = 99")
	p = serve(t, "LATCHKEY_DATABASE_URL="+database) // its floor allows us
	p.ada()
	p.stop()

	execute(t, database, "UPDATE schema_state SET floor = 99")
	p = start(t, "LATCHKEY_DATABASE_URL="+database)
	p.wantExit(1)
	p.wantComplaint("the schema is too new for this program", "version 99", "run a newer Latchkey")
	m := launch(t, []string{"LATCHKEY_DATABASE_URL=" + database}, "migrate")
	m.wantExit(1)
	m.wantComplaint("the schema is too new for this program")
}

func TestMigrateCommand(t *testing.T) {
	t.Parallel()
	database := externalDatabase(t)
	run := func(code int, args ...string) *process {
		t.Helper()
		p := launch(t, []string{"LATCHKEY_DATABASE_URL=" + database}, append([]string{"migrate"}, args...)...)
		p.wantExit(code)
		return p
	}
	says := func(p *process, want string) {
		t.Helper()
		if got := p.stdout.String(); got != want {
			t.Errorf("%v prints %q, want %q", p.cmd.Args[1:], got, want)
		}
	}
	says(run(0, "--status"), "schema: 0 (serves binaries that know 0; unfinished: false)\n")
	says(run(0), "schema: 0 -> 5\n")
	says(run(0), "schema: 5 -> 5\n")
	says(run(0, "--status"), "schema: 5 (serves binaries that know 4; unfinished: false)\n")
	says(run(0, "--to=1"), "schema: 1 (serves binaries that know 1; unfinished: false)\n")
	says(run(0, "--status", "-o", "json"), `{"floor":1,"schema":1,"unfinished":false}`+"\n")
	says(run(0, "--to=0"), "schema: 0 (serves binaries that know 0; unfinished: false)\n")
	if n := value[int](t, database, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'schema_migrations'"); n != 0 {
		t.Errorf("%d tables are left", n)
	}
	run(1, "--to=99").wantComplaint("there is no version 99: this program knows 0 to 5")
	says(run(0, "--to=2"), "schema: 2 (serves binaries that know 1; unfinished: false)\n")
	says(run(0, "-o", "json"), fmt.Sprintf(`{"from":2,"to":%d}`+"\n", db.Newest()))

	p := launch(t, nil, "migrate")
	p.wantExit(1)
	p.wantComplaint("migrate needs LATCHKEY_DATABASE_URL")
	_, down := newProxy(t, database)
	p = launch(t, []string{"LATCHKEY_DATABASE_URL=" + down}, "migrate")
	p.wantExit(1)
	if u, err := url.Parse(down); err != nil || strings.Contains(p.stderr.String(), u.User.String()) {
		t.Errorf("the line shows the password, or %v", err)
	}
	p.wantComplaint("connect to database")
}

// Who migrates by hand is waited for.
func TestServiceWaitsForMigration(t *testing.T) {
	t.Parallel()
	database := externalDatabase(t)
	p := start(t, "LATCHKEY_DATABASE_URL="+database, "LATCHKEY_MIGRATE=false")
	p.awaitListening()
	until(t, "it says what to do", func() bool { return strings.Contains(p.stderr.String(), "run latchkey migrate") })
	wantAway(t, p.anonymous().Readyz(t.Context()), api.ErrorCodeStarting)
	m := launch(t, []string{"LATCHKEY_DATABASE_URL=" + database}, "migrate")
	m.wantExit(0)
	p.awaitReady()
	p.setUp(adaPassword)
	p.stop()
}
