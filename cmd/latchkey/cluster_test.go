package main_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
)

// cluster is three instances on one database, set up.
func newCluster(t *testing.T) (string, [3]*process, *latchkey.Client) {
	t.Helper()
	database := externalDatabase(t)
	first := serve(t, "LATCHKEY_DATABASE_URL="+database)
	ada := first.setUp(adaPassword)
	all := [3]*process{first}
	for i := 1; i < len(all); i++ {
		all[i] = serve(t, "LATCHKEY_DATABASE_URL="+database)
	}
	return database, all, ada
}

// wantVerdict says what an instance answers about a key, asked by ada's own.
func (p *process) wantVerdict(asker, k latchkey.Key, want string) {
	p.t.Helper()
	got, err := p.withKey(asker).AccessKeyVerify(p.t.Context(), latchkey.VerifyInput{Key: k})
	if err != nil || string(got.Code) != want {
		p.t.Errorf("%s answers %s, %v; want %s", p.url, got.Code, err, want)
	}
}

// What one instance revokes is dead on the others when the call returns, from whichever memory they answer.
func TestARevocationHoldsOnEveryInstance(t *testing.T) {
	t.Parallel()
	_, all, ada := newCluster(t)
	asker := all[0].newKey(ada).Secret
	for range 20 {
		k := all[0].newKey(ada)
		for _, p := range all {
			p.wantVerdict(asker, k.Secret, "VALID")
		}
		revision, err := ada.AccessKeyDelete(t.Context(), k.ID)
		check(t, err)
		for _, p := range all {
			p.wantVerdict(asker, k.Secret, "REVOKED")
		}
		got, err := all[2].withKey(asker).AccessKeyVerify(t.Context(), latchkey.VerifyInput{Key: k.Secret, AtLeast: revision, Strict: true})
		if err != nil || got.Code != "REVOKED" {
			t.Errorf("at least %s: %s, %v", revision, got.Code, err)
		}
	}
}

// An instance that is stopped holds a revocation up for a lease and no longer, and never says valid when it goes on.
func TestARevocationDoesNotWaitForAStoppedInstance(t *testing.T) {
	t.Parallel()
	_, all, ada := newCluster(t)
	asker, k := all[0].newKey(ada).Secret, all[0].newKey(ada)
	all[1].wantVerdict(asker, k.Secret, "VALID")
	all[1].signal(syscall.SIGSTOP)
	started := time.Now()
	_, err := ada.AccessKeyDelete(t.Context(), k.ID)
	check(t, err)
	if took := time.Since(started); took < 900*time.Millisecond {
		t.Errorf("it took %s, although an instance with a lease of 1 s had not heard of it", took)
	}
	all[1].signal(syscall.SIGCONT)
	all[1].wantVerdict(asker, k.Secret, "REVOKED")
	all[2].wantVerdict(asker, k.Secret, "REVOKED")
}

// An instance that died is taken out, so that revocations are fast again.
func TestADeadInstanceIsForgotten(t *testing.T) {
	t.Parallel()
	database, all, ada := newCluster(t)
	execute(t, database, "UPDATE cluster SET v = v + 1, lease_ms = 200, wait_ms = 200", "INSERT INTO change SELECT v, 'cluster', '', 1, now() FROM cluster")
	all[1].kill()
	until(t, "the dead instance is gone", func() bool { return value[int](t, database, "SELECT count(*)::int FROM cache_node") == 2 })
	k := all[0].newKey(ada)
	check(t, second(ada.AccessKeyDelete(t.Context(), k.ID)))
	all[2].stop() // and one that is asked to leave goes by itself
	if n := value[int](t, database, "SELECT count(*)::int FROM cache_node"); n != 1 {
		t.Errorf("%d instances are left", n)
	}
}

func TestClusterCommand(t *testing.T) {
	t.Parallel()
	database, all, _ := newCluster(t)
	env := []string{"LATCHKEY_DATABASE_URL=" + database}
	shows := func(p *process, lines ...string) {
		t.Helper()
		p.wantExit(0)
		for _, line := range lines {
			if !regexp.MustCompile(`(?m)^` + line + `$`).MatchString(p.stdout.String()) {
				t.Errorf("no line %q in:\n%s", line, p.stdout.String())
			}
		}
	}
	shows(launch(t, env, "cluster"), `lease: 1s \(revocations wait at most 1s\)`, `protocol: 1`, `instances: 3`, `  [0-9a-f]{20}-\d+ applied \d+, \d+ behind`)
	shows(launch(t, env, "cluster", "set", "lease=2500ms"), `lease: 2\.5s \(revocations wait at most 2\.5s\)`)
	shows(launch(t, env, "cluster", "set", "lease=300ms"), `lease: 300ms \(revocations wait at most 300ms\)`)
	for _, p := range all {
		until(t, "the new lease", func() bool { return strings.Contains(string(fetch(t, p.url+"/readyz")), `"length_ms":300`) })
	}
	shows(launch(t, env, "cluster", "-o", "json"), `\{"lease_ms":300,"wait_ms":300,"protocol":1,"changes":\d+,"instances":\[(\{"id":"[0-9a-f]{20}-\d+","applied":\d+,"behind":\d+\},?){3}\]\}`)
	for _, bad := range []string{"lease=1", "lease=100ms", "lease=21s", "lease=300us", "lease=", "wait=1s", "x"} {
		p := launch(t, env, "cluster", "set", bad)
		p.wantExit(1)
		p.wantComplaint("lease")
	}
	p := launch(t, nil, "cluster")
	p.wantExit(1)
	p.wantComplaint("LATCHKEY_DATABASE_URL")
}

func TestDoctor(t *testing.T) {
	t.Parallel()
	p := serve(t)
	d := launch(t, nil, "doctor", "--url", p.url)
	d.wantExit(0)
	for _, line := range []string{"ready: yes", "lease: ", "database: PostgreSQL 1", "survives crashes: yes", "note: no synchronous standby"} {
		if !strings.Contains(d.stdout.String(), line) {
			t.Errorf("no %q in:\n%s", line, d.stdout.String())
		}
	}
	d = launch(t, nil, "doctor", "--url", p.url, "-o", "json")
	d.wantExit(0)
	if got := d.stdout.String(); !json.Valid([]byte(got)) || !strings.Contains(got, `"durable":true`) || strings.Count(got, "\n") != 1 {
		t.Errorf("as JSON: %s", got)
	}
	p.stop()
	d = launch(t, nil, "doctor", "--url", p.url)
	d.wantExit(1)
	d.wantComplaint("no instance answers", "latchkey serve")
}

// A server that may lose what it confirmed is not what the promise needs, and doctor says so. The server of these tests is one.
func TestDoctorOfADatabaseThatForgets(t *testing.T) {
	t.Parallel()
	p := serve(t, "LATCHKEY_DATABASE_URL="+externalDatabase(t))
	d := launch(t, nil, "doctor", "--url", p.url)
	d.wantExit(1)
	d.wantComplaint("can be undone by a crash")
	if out := d.stdout.String(); !strings.Contains(out, "survives crashes: no") || !strings.Contains(out, "note: fsync is off") {
		t.Errorf("%s", out)
	}
}
