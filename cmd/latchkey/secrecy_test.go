package main_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey/internal/postgres/embedded"
	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
	"github.com/latchkey-dev/latchkey/sdk/go/api"
)

// TestSecrecy runs the whole life of keys, passwords and sessions with everything that can go wrong on the way, at the
// level debug and under a pepper, and then looks for what is secret wherever the service has left a trace.
// ASVS 5.0: 16.2.5.
func TestSecrecy(t *testing.T) {
	t.Parallel()
	s := newSecrets()
	p := serve(t, "LATCHKEY_LOG_LEVEL=debug", "LATCHKEY_SIGNUP=open", "LATCHKEY_PEPPERS=7="+s.pepper(rand.Text()+rand.Text()))
	metrics := p.await(&p.stderr, metricsLine)
	r := &recorder{p: p, secrets: s}
	r.live()
	r.mistakes()

	places := map[string][]byte{"error bodies": r.errors.Bytes(), "metrics": fetch(t, "http://"+metrics+"/metrics"), "pg_dump": dump(t, p.dir)}
	p.stop() // which writes everything to its place
	places["stderr"] = []byte(p.stderr.String())
	places["stdout"] = withoutSetupCode(t, p)
	size := readFolder(t, p.dir, places)
	t.Logf("%d secrets, %d places, %d MB of data", len(s.all), len(places), size>>20)

	// That the right places are searched: each holds what it must hold.
	for place, witness := range map[string]string{"error bodies": "credential_invalid", "metrics": `operation="AccessKeySelfRevoke",status="204"`,
		"pg_dump": "witness of the dump", "stderr": `"msg":"request"`, "stdout": "is ready at", "data: pgdata/base": "witness of the dump",
		"data: pgdata/pg_wal": "witness of the dump", "data: postgres.log": "duplicate key value"} {
		if !bytes.Contains(places[place], []byte(witness)) {
			t.Errorf("%s lacks %q", place, witness)
		}
	}
	for _, hit := range s.find(places) {
		t.Error(hit)
	}
	// That the search can fail: a secret put anywhere is found there.
	for place, content := range places {
		for name, secret := range s.all {
			planted := slices.Concat(content[:min(len(content), 1<<10)], []byte(secret), []byte("…"))
			if hits := s.find(map[string][]byte{place: planted}); !slices.Contains(hits, place+" holds "+name) {
				t.Errorf("planted in %s, %s is not found: %q", place, name, hits)
			}
		}
	}
}

// secrets is what must be found nowhere, by name.
type secrets struct {
	mu  sync.Mutex
	all map[string]string
}

func newSecrets() *secrets { return &secrets{all: map[string]string{}} }

func (s *secrets) add(name, value string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all[name] = value
	return value
}

// password makes one that would do for a handle too, the field beside.
func (s *secrets) password(name string) string { return s.add("password: "+name, rand.Text()) }

// pepper gives the base64 of a value, and remembers every form in which it could turn up.
func (s *secrets) pepper(raw string) string {
	encoded := base64.StdEncoding.EncodeToString([]byte(raw))
	s.add("pepper", raw)
	s.add("pepper in hexadecimal", hex.EncodeToString([]byte(raw)))
	return s.add("pepper in base64", strings.TrimRight(encoded, "=")) + encoded[len(strings.TrimRight(encoded, "=")):]
}

// key remembers a key, and apart its secret part, which is what a digest is made of.
func (s *secrets) key(name string, k latchkey.Key) latchkey.Key {
	raw := s.add("key: "+name, k.Reveal())
	part := raw[len(raw)-49 : len(raw)-6]
	s.add("secret part: "+name, part)
	s.add("secret part in hexadecimal: "+name, hex.EncodeToString([]byte(part)))
	return k
}

// find names each place that holds a secret, and which.
func (s *secrets) find(places map[string][]byte) []string {
	var hits []string
	for place, content := range places {
		for name, secret := range s.all {
			if bytes.Contains(content, []byte(secret)) {
				hits = append(hits, place+" holds "+name)
			}
		}
	}
	return hits
}

// recorder makes requests, remembers every cookie and keeps every error body.
type recorder struct {
	p       *process
	secrets *secrets
	errors  bytes.Buffer

	adaPassword, evePassword string
	key                      latchkey.Key // revoked in the end
	cookie                   string       // of a session that has ended
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	for _, c := range resp.Cookies() {
		if c.Value != "" {
			r.cookie = r.secrets.add("session: "+c.Value[:4]+"…", c.Value)
		}
	}
	if resp.StatusCode >= 400 {
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return nil, err
		}
		_ = resp.Header.Write(&r.errors)
		r.errors.Write(body)
		resp.Body = io.NopCloser(bytes.NewReader(body))
	}
	return resp, nil
}

func (r *recorder) client(k latchkey.Key) *latchkey.Client {
	r.p.t.Helper()
	return r.p.client(latchkey.Config{Key: k, HTTPClient: &http.Client{Transport: r, Timeout: patience}})
}

// live is what happens when all goes well.
func (r *recorder) live() {
	t, ctx := r.p.t, r.p.t.Context()
	r.adaPassword, r.evePassword = r.secrets.password("ada"), r.secrets.password("eve")
	code := r.p.setupCode()
	r.secrets.add("set-up code", code)
	r.secrets.add("set-up code without dashes", strings.ReplaceAll(code, "-", ""))
	ada := r.client(latchkey.Key{})
	_, err := ada.SetupComplete(ctx, latchkey.SetupInput{Code: code, Identifier: "ada", Name: new("witness of the dump"), Token: r.adaPassword})
	check(t, err)
	newPassword := r.secrets.password("ada's second")
	check(t, ada.AuthPasswordUpdate(ctx, r.adaPassword, newPassword))
	r.adaPassword = newPassword
	_, err = r.client(latchkey.Key{}).AuthPasswordSignup(ctx, "eve", r.evePassword)
	check(t, err)

	k, err := ada.AccessKeyCreate(ctx, latchkey.AccessKeyInput{Name: "all its life"})
	check(t, err)
	r.key = r.secrets.key("all its life", k.Secret)
	k2, err := ada.AccessKeyCreate(ctx, latchkey.AccessKeyInput{Name: "to be disabled"})
	check(t, err)
	other := r.secrets.key("disabled", k2.Secret)
	program := r.client(r.key)
	_, err = program.AccountGet(ctx)
	check(t, err)
	_, err = ada.AccessKeyUpdate(ctx, k.ID, 0, latchkey.AccessKeyUpdate{Name: new("renamed"), ExpiresAt: latchkey.Never()})
	check(t, err)
	_, err = ada.AccessKeyUpdate(ctx, k2.ID, 0, latchkey.AccessKeyUpdate{Enabled: new(false)})
	check(t, err)
	_, err = r.client(other).AccountGet(ctx)
	wantRefusal(t, err, 401, api.ErrorCodeCredentialInvalid)
	renewed, err := ada.AccessKeyRegenerate(ctx, k2.ID, 0, time.Hour)
	check(t, err)
	check(t, r.client(latchkey.Key{}).AccessKeyReport(ctx, "a paste", other, r.secrets.key("renewed", renewed.Secret), r.secrets.key("malformed", latchkey.NewKey("x"+renewed.Secret.Reveal()[:71]))))
	for _, err := range program.AdminAccessKeyList(ctx, latchkey.AccessKeyFilter{}) {
		check(t, err)
	}
	for _, err := range ada.AdminAuditEventList(ctx, latchkey.AuditFilter{}) {
		check(t, err)
	}
	_, err = program.AccessKeyCreate(ctx, latchkey.AccessKeyInput{Name: "offspring"})
	wantRefusal(t, err, 403, api.ErrorCodeCredentialNotAllowed)
	check(t, second(program.AccessKeySelfRevoke(ctx)))
	_, err = program.AccountGet(ctx)
	wantRefusal(t, err, 401, api.ErrorCodeCredentialInvalid)
	check(t, ada.AuthLogout(ctx))
}

// mistakes puts secrets where they do not belong, and makes the database complain.
func (r *recorder) mistakes() {
	t, ctx := r.p.t, r.p.t.Context()
	for name, err := range map[string]error{
		"wrong password":      second(r.client(latchkey.Key{}).AuthPasswordSignin(ctx, "ada", r.secrets.password("wrong"))),
		"password as handle":  second(r.client(latchkey.Key{}).AuthPasswordSignin(ctx, r.evePassword, r.evePassword)),
		"key as password":     second(r.client(latchkey.Key{}).AuthPasswordSignin(ctx, "ada", r.key.Reveal())),
		"key as handle":       second(r.client(latchkey.Key{}).AuthPasswordSignin(ctx, r.key.Reveal(), r.adaPassword)),
		"handle taken":        second(r.client(latchkey.Key{}).AuthPasswordSignup(ctx, "eve", r.evePassword)),
		"known password":      second(r.client(latchkey.Key{}).AuthPasswordSignup(ctx, "mallory", r.secrets.add("password: refused", "eve-password1"))),
		"code that was taken": second(r.client(latchkey.Key{}).SetupComplete(ctx, latchkey.SetupInput{Code: r.secrets.all["set-up code"], Identifier: "x", Token: r.evePassword})),
	} {
		if err == nil {
			t.Errorf("%s is fine", name)
		}
	}
	eve := r.client(latchkey.Key{})
	_, err := eve.AuthPasswordSignin(ctx, "eve", r.evePassword)
	check(t, err)
	if eve.AuthPasswordUpdate(ctx, r.adaPassword, r.secrets.password("eve's second")) == nil || eve.AuthPasswordUpdate(ctx, r.evePassword, r.secrets.add("password: short", "x9!Qw")) == nil {
		t.Error("a password was changed")
	}

	raw := r.key.Reveal()
	damaged := r.secrets.add("key: damaged", raw[:len(raw)-1]+"!")
	swapped := r.secrets.add("key: one letter changed", raw[:30]+string(rot(raw[30]))+raw[31:])
	cut := r.secrets.add("key: cut short", raw[:len(raw)-7])
	for _, k := range []string{raw, damaged, swapped, cut, raw + raw, " " + raw, `"` + raw + `"`, raw + "\x01"} {
		r.send("GET", "/api/accounts", "", http.Header{"Authorization": {"Bearer " + k}})
		r.send("GET", "/api/accounts", "", http.Header{"Authorization": {k}})
		r.send("GET", "/api/accounts", "", http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte("key:"+k))}})
		r.send("GET", "/api/accounts", "", http.Header{"Authorization": {"Bearer " + k + ", Bearer " + k}})
		r.send("GET", "/api/accounts", "", http.Header{"Authorization": {"Bearer " + k, "Bearer " + k}})
		r.send("GET", "/api/accounts", "", http.Header{"X-Api-Key": {k}})
		r.send("GET", "/api/accounts", "", http.Header{"Cookie": {"latchkey-session=" + k}})
		r.send("GET", "/api/accounts", "", http.Header{"Authorization": {"Bearer " + k}, "Cookie": {"latchkey-session=" + r.cookie}})
		r.send("GET", "/api/accounts", "", http.Header{"Traceparent": {k}, "X-Forwarded-For": {k}, "X-Request-Id": {k}, "User-Agent": {k}, "Origin": {k}})
		r.send("GET", "/api/accounts?key="+url.QueryEscape(k), "", nil)
		r.send("GET", "/api/accounts?"+url.QueryEscape(k), "", nil)
		r.send("GET", "/api/auth/access-keys/"+url.PathEscape(k), "", nil)
		r.send("GET", "/"+url.PathEscape(k), "", nil)
		r.send("DELETE", "/api/accounts/"+url.PathEscape(k)+"/roles/"+url.PathEscape(k), "", nil)
	}
	signedIn := http.Header{"Cookie": {"latchkey-session=" + r.cookie}}
	for _, value := range []string{raw, damaged, r.cookie, r.adaPassword} {
		r.send("GET", "/api/audit-events?limit=1&cursor="+url.QueryEscape(value), "", signedIn)
		r.send("GET", "/api/audit-events?limit="+url.QueryEscape(value), "", signedIn)
		r.send("GET", "/api/audit-events?limit=%zz"+url.QueryEscape(value), "", signedIn)
		r.send("GET", "/api/accounts", "", http.Header{"Cookie": {"latchkey-session=" + value + "x"}})
		r.send("GET", "/api/accounts", "", http.Header{"Cookie": {"latchkey-session=" + value + "; latchkey-session=" + value}})
		for _, path := range []string{"/api/auth/password/signin", "/api/auth/password/signup", "/api/setup"} {
			for _, body := range []string{
				`"` + value + `"`, `{"` + value + `":1}`, `{"identifier":"` + value, `{"identifier":"` + value + `"}`, `{"identifier":"ada","token":["` + value + `"]}`,
				`{"identifier":"ada","token":"` + value + `","token":"` + value + `"}`, `{"identifier":"ada","token":"` + value + `","more":"` + value + `"}`,
				`{"identifier":"ada ` + value + `","token":"` + value + `","code":"` + value + `"}`, `{"identifier":"ada","token":"\ud800` + value + `"}`,
				`{"identifier":"ada","token":"` + value + `"} ` + value, `{"code":"` + value + `","identifier":"x","token":"` + value + `"}`,
			} {
				r.send("POST", path, body, nil)
			}
		}
		r.send("POST", "/api/auth/access-keys", `{"name":"ci","expires_at":"`+value+`"}`, http.Header{"Authorization": {"Bearer " + raw}})
		r.send("PATCH", "/api/auth/password", `{"old":"`+value+`","new":"`+value+`","more":"`+value+`"}`, signedIn)
	}
	check(t, eve.AuthLogout(ctx))
	r.send("GET", "/api/accounts", "", signedIn) // replayed
}

// send makes a request that must fail.
func (r *recorder) send(method, path, body string, header http.Header) {
	r.p.t.Helper()
	req, err := http.NewRequestWithContext(r.p.t.Context(), method, r.p.url+path, strings.NewReader(body))
	check(r.p.t, err)
	req.Header = http.Header{"Content-Type": {"application/json"}}
	maps.Copy(req.Header, header)
	jar, _ := cookiejar.New(nil)
	resp, err := (&http.Client{Transport: r, Jar: jar, Timeout: patience}).Do(req)
	if err != nil && strings.Contains(err.Error(), "invalid header") {
		return // no client could send it
	}
	check(r.p.t, err)
	defer resp.Body.Close()
	if resp.StatusCode < 400 || resp.StatusCode >= 500 {
		r.p.t.Errorf("%s %s with %s and %v: %s", method, path, body, header, resp.Status)
	}
}

// rot gives another letter of the alphabet of keys.
func rot(c byte) byte {
	if c == 'a' {
		return 'b'
	}
	return 'a'
}

func second[T any](_ T, err error) error { return err }

func fetch(t *testing.T, url string) []byte {
	t.Helper()
	resp, err := http.Get(url)
	check(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	check(t, err)
	return body
}

// dump is all that the embedded database of a data folder says of itself.
func dump(t *testing.T, dir string) []byte {
	t.Helper()
	bin, err := embedded.FindBin("", 0)
	check(t, err)
	password, err := os.ReadFile(dir + "/postgres/password")
	check(t, err)
	cmd := exec.Command(filepath.Join(bin, "pg_dump"), "--inserts", "--host="+dir+"/postgres/run", "--username=latchkey", "latchkey")
	cmd.Env = append(os.Environ(), "PGPASSWORD="+strings.TrimSpace(string(password)))
	out, err := cmd.Output()
	check(t, err)
	return out
}

var setupLines = regexp.MustCompile(`(?m)^(http://\S+/setup#|set-up code: ).*\n`)

// withoutSetupCode leaves out the two lines that are there to hand the code over.
func withoutSetupCode(t *testing.T, p *process) []byte {
	t.Helper()
	out := setupLines.ReplaceAllString(p.stdout.String(), "")
	if n := strings.Count(p.stdout.String(), "\n") - strings.Count(out, "\n"); n != 2 {
		t.Errorf("%d lines hand the code over", n)
	}
	return []byte(out)
}

// readFolder adds the raw bytes of every file below dir, by the part of the folder that it belongs to.
func readFolder(t *testing.T, dir string, places map[string][]byte) int {
	t.Helper()
	size := 0
	check(t, filepath.WalkDir(dir+"/postgres", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		size += len(b)
		parts := strings.Split(strings.TrimPrefix(path, dir+"/postgres/"), "/")
		part := "data: " + strings.Join(parts[:min(len(parts), 2)], "/")
		places[part] = append(append(places[part], b...), 0)
		return nil
	}))
	return size
}
