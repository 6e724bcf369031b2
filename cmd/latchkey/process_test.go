package main_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
)

func TestNewInstancePrintsItsCodeLast(t *testing.T) {
	t.Parallel()
	p := serve(t)
	code := p.setupCode()
	lines := strings.Split(strings.TrimSuffix(p.stdout.String(), "\n"), "\n")
	if len(lines) != 4 || !strings.HasSuffix(lines[0], "(data in "+p.dir+")") || lines[2] != p.url+"/setup#"+code || lines[3] != "set-up code: "+code {
		t.Errorf("stdout: %q", lines)
	}
	p.stop()

	again := serve(t, "LATCHKEY_DATA_DIR="+p.dir) // nobody has used the code
	if second := again.setupCode(); second == code {
		t.Error("the same code was printed twice")
	}
	again.setUp(adaPassword)
	again.stop()

	warm := serve(t, "LATCHKEY_DATA_DIR="+p.dir)
	warm.ada() // takes longer than printing would
	warm.stop()
	if out := warm.stdout.String(); strings.Count(out, "\n") != 1 || strings.Contains(out, "set-up") {
		t.Errorf("a warm start prints %s", out)
	}
}

func TestDataSurvivesRestart(t *testing.T) {
	t.Parallel()
	dir := seeded(t)
	p := serve(t, "LATCHKEY_DATA_DIR="+dir)
	grace := p.grace()
	key := p.newKey(grace)
	url := p.url
	p.stop()
	if n := servers(t, dir); n != 0 {
		t.Errorf("%d servers are left", n)
	}
	_, port, _ := strings.Cut(strings.TrimPrefix(url, "http://"), ":")
	p = serve(t, "LATCHKEY_DATA_DIR="+dir, "LATCHKEY_LISTEN=127.0.0.1:"+port) // the same address again
	p.wantWorks(key.Secret, "grace")
	if a, err := grace.AccountGet(t.Context()); err != nil || a.Handle != "grace" {
		t.Errorf("the session has not survived: %v", err)
	}
	p.stop()
}

// Ctrl-C at a terminal reaches the service alone: its server is in a process group of its own.
func TestInterruptStopsAllWithinTwoSeconds(t *testing.T) {
	t.Parallel()
	dir := seeded(t)
	var took []time.Duration
	for range 3 { // the machine may be busy, but not each time
		p := serve(t, "LATCHKEY_DATA_DIR="+dir)
		p.ada()
		if n := servers(t, dir); n != 1 {
			t.Fatalf("%d servers are running", n)
		}
		started := time.Now()
		p.signal(os.Interrupt)
		p.wantExit(0)
		took = append(took, time.Since(started))
		if n := servers(t, dir); n != 0 || exists(filepath.Join(dir, "postgres/pgdata/postmaster.pid")) {
			t.Fatalf("%d servers are left, or what they leave behind", n)
		}
		if len(p.complaints()) != 0 {
			t.Errorf("it complains: %q", p.complaints())
		}
		if took[len(took)-1] <= 2*time.Second {
			return
		}
	}
	t.Errorf("it takes %v to stop", took)
}

// Who changes their mind during the first seconds has asked for the stop as well.
func TestInterruptDuringColdStart(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	p := start(t, "LATCHKEY_DATA_DIR="+dir)
	until(t, "data is being made", func() bool {
		found, _ := filepath.Glob(dir + "/postgres/initdb-*/pgdata")
		return len(found) > 0 || exists(dir+"/postgres/pgdata")
	})
	p.signal(os.Interrupt)
	p.wantExit(0)
	if len(p.complaints()) != 0 {
		t.Errorf("it complains: %q", p.complaints())
	}
	until(t, "no server is left", func() bool { return servers(t, dir) == 0 })
	p = serve(t, "LATCHKEY_DATA_DIR="+dir)
	p.setUp(adaPassword)
	p.stop()
}

// inFlight is a sign-in whose body is still on its way when the service has begun to work on it.
type inFlight struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
	body string
}

func beginSignIn(t *testing.T, url string) *inFlight {
	t.Helper()
	address := strings.TrimPrefix(url, "http://")
	conn, err := net.Dial("tcp", address)
	check(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	check(t, conn.SetDeadline(time.Now().Add(patience)))
	f := &inFlight{t: t, conn: conn, in: bufio.NewReader(conn), body: `{"identifier":"ada","token":"` + adaPassword + `"}`}
	fmt.Fprintf(conn, "POST /api/auth/password/signin HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n",
		address, len(f.body))
	line, err := f.in.ReadString('\n') // sent when the handler wants the body
	if err != nil || !strings.HasPrefix(line, "HTTP/1.1 100 ") {
		t.Fatalf("got %q, %v", line, err)
	}
	_, err = f.in.ReadString('\n')
	check(t, err)
	return f
}

func (f *inFlight) finish() *http.Response {
	f.t.Helper()
	_, err := io.WriteString(f.conn, f.body)
	check(f.t, err)
	resp, err := http.ReadResponse(f.in, nil)
	check(f.t, err)
	return resp
}

func TestRequestInFlightFinishes(t *testing.T) {
	t.Parallel()
	p := serve(t, "LATCHKEY_DATA_DIR="+seeded(t))
	f := beginSignIn(t, p.url)
	p.signal(syscall.SIGTERM)
	until(t, "the door is closed", func() bool {
		conn, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
	if p.hasExited() {
		t.Fatal("it did not wait")
	}
	if resp := f.finish(); resp.StatusCode != 200 || len(resp.Cookies()) != 1 {
		t.Errorf("answered %s, with %d cookies", resp.Status, len(resp.Cookies()))
	}
	p.wantExit(0)
}

// Whoever sends traffic here must see that it should stop before the door closes.
func TestReadinessFailsFirst(t *testing.T) {
	t.Parallel()
	p := serve(t, "LATCHKEY_DATA_DIR="+seeded(t))
	p.signal(syscall.SIGTERM)
	until(t, "it is not ready", func() bool {
		resp, err := http.Get(p.url + "/readyz")
		if err != nil {
			t.Fatalf("the door closed first: %v", err)
		}
		_ = resp.Body.Close()
		return resp.StatusCode == 503
	})
	p.wantExit(0)
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	t.Parallel()
	dir := seeded(t)
	p := serve(t, "LATCHKEY_DATA_DIR="+dir)
	beginSignIn(t, p.url)
	p.signal(os.Interrupt)
	p.await(&p.stderr, regexp.MustCompile(`"msg":"(stopping)"`))
	p.signal(os.Interrupt)
	if p.wait(); p.cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() != syscall.SIGINT {
		t.Errorf("ended with %v", p.cmd.ProcessState)
	}
	p = serve(t, "LATCHKEY_DATA_DIR="+dir)
	p.ada()
	p.stop()
}

func TestPortTaken(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer taken.Close()
	for _, setting := range []string{"LATCHKEY_LISTEN", "LATCHKEY_METRICS_LISTEN"} {
		p := start(t, setting+"="+taken.Addr().String())
		p.wantExit(1)
		p.wantComplaint("cannot listen on "+taken.Addr().String(), "address already in use", setting)
		if exists(p.dir) {
			t.Error("the data folder was made all the same")
		}
	}
}

func TestSecondServiceOnTheSameData(t *testing.T) {
	t.Parallel()
	dir := seeded(t)
	p := serve(t, "LATCHKEY_DATA_DIR="+dir)
	key := p.newKey(p.grace())
	second := start(t, "LATCHKEY_DATA_DIR="+dir)
	second.wantExit(1)
	second.wantComplaint("data folder is in use by another Latchkey", "LATCHKEY_DATA_DIR", dir)
	p.wantWorks(key.Secret, "grace")
	if n := servers(t, dir); n != 1 {
		t.Errorf("%d servers are running", n)
	}
	p.stop()
}

func TestFolderThatWillNotDo(t *testing.T) {
	t.Parallel()
	p := start(t, "LATCHKEY_DATA_DIR="+folder(t)+strings.Repeat("/long", 30))
	p.wantExit(1)
	p.wantComplaint("too long", "LATCHKEY_DATA_DIR")

	file := folder(t)
	check(t, os.WriteFile(file, nil, 0o600))
	p = start(t, "LATCHKEY_DATA_DIR="+file)
	p.wantExit(1)
	p.wantComplaint("not a directory", file, "LATCHKEY_DATA_DIR")

	dir := seeded(t)
	check(t, os.WriteFile(dir+"/postgres/pgdata/PG_VERSION", []byte("9\n"), 0o600))
	p = start(t, "LATCHKEY_DATA_DIR="+dir)
	p.wantExit(1)
	p.wantComplaint("wrong PostgreSQL version", "version 9")
}

func TestServiceKilled(t *testing.T) {
	t.Parallel()
	dir := seeded(t)
	p := serve(t, "LATCHKEY_DATA_DIR="+dir)
	key := p.newKey(p.grace())
	p.kill()
	wantRecovered(t, dir, key.Secret)
}

func TestDatabaseKilled(t *testing.T) {
	t.Parallel()
	dir := seeded(t)
	p := serve(t, "LATCHKEY_DATA_DIR="+dir)
	key := p.newKey(p.grace())
	check(t, syscall.Kill(postmaster(t, dir), syscall.SIGKILL))
	p.wantExit(3)
	p.wantComplaint("the embedded database stopped by itself", "log")
	wantRecovered(t, dir, key.Secret)
}

func TestServiceAndDatabaseKilled(t *testing.T) {
	t.Parallel()
	dir := seeded(t)
	p := serve(t, "LATCHKEY_DATA_DIR="+dir)
	key := p.newKey(p.grace())
	check(t, syscall.Kill(postmaster(t, dir), syscall.SIGKILL))
	p.kill()
	wantRecovered(t, dir, key.Secret)
}

// wantRecovered starts on what a crash has left, without a pause, and finds the data and one server.
func wantRecovered(t *testing.T, dir string, key latchkey.Key) {
	t.Helper()
	p := serve(t, "LATCHKEY_DATA_DIR="+dir)
	p.wantWorks(key, "grace")
	p.newKey(p.grace())
	if n := servers(t, dir); n != 1 {
		t.Errorf("%d servers are running", n)
	}
	p.stop()
}

const (
	pepper1 = "1=b25lIHBlcHBlciBvbmUgcGVwcGVyIG9uZSBwZXBwZXI="
	pepper2 = "2=dHdvIHBlcHBlcnMgdHdvIHBlcHBlcnMgdHdvIHBlcHBlcnM="
)

func TestPeppers(t *testing.T) {
	t.Parallel()
	dir := seeded(t)
	keys := map[string]latchkey.Key{}
	run := func(peppers, make string, works, dead []string) {
		t.Helper()
		p := serve(t, "LATCHKEY_DATA_DIR="+dir, "LATCHKEY_PEPPERS="+peppers)
		if make != "" {
			keys[make] = p.newKey(p.grace()).Secret
		}
		for _, name := range works {
			p.wantWorks(keys[name], "grace")
		}
		for _, name := range dead {
			p.wantDead(keys[name])
		}
		p.stop()
	}
	run("", "plain", []string{"plain"}, nil)
	run(pepper1, "one", []string{"plain", "one"}, nil)
	run(pepper1+","+pepper2, "two", []string{"plain", "one", "two"}, nil)
	run(pepper2, "", []string{"plain", "two"}, []string{"one"})
	run("1"+strings.TrimPrefix(pepper2, "2"), "", []string{"plain"}, []string{"one", "two"}) // another value under the old number
	run(pepper1+","+pepper2, "", []string{"plain", "one", "two"}, nil)
}

func TestBrandChanged(t *testing.T) {
	t.Parallel()
	dir := seeded(t)
	p := serve(t, "LATCHKEY_DATA_DIR="+dir)
	old := p.newKey(p.grace())
	p.stop()
	p = serve(t, "LATCHKEY_DATA_DIR="+dir, "LATCHKEY_KEY_BRAND=acme")
	grace := p.grace()
	fresh := p.newKey(grace)
	p.wantWorks(old.Secret, "grace")
	p.wantWorks(fresh.Secret, "grace")
	if !strings.HasPrefix(fresh.Secret.Reveal(), "acmepat_") || !strings.HasPrefix(fresh.Hint, "acmepat_") || !strings.HasPrefix(old.Hint, "lkpat_") {
		t.Errorf("hints: %s and %s", old.Hint, fresh.Hint)
	}
	if k, err := grace.AccessKeyGet(t.Context(), old.ID); err != nil || k.Hint != old.Hint {
		t.Errorf("the old key now shows as %s, %v", k.Hint, err)
	}
	p.stop()
}
