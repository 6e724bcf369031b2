package api

import (
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/latchkey-dev/latchkey/gen/api"
	"github.com/latchkey-dev/latchkey/internal/changefeed"
	"github.com/latchkey-dev/latchkey/internal/permission"
	"github.com/latchkey-dev/latchkey/internal/usage"
	"github.com/latchkey-dev/latchkey/internal/verify"
)

// verifyBody is a body of AccessKeyVerify, what becomes of it, and whether it is plain enough for the cheaper way.
type verifyBody struct {
	say, body string
	status    int
	plain     bool
}

var verifyBodies = []verifyBody{
	{"a key", `{"key":"x"}`, 200, true},
	{"all members", `{"key":"x","permission":"FLY","record":true,"consistency":"strict","address":"192.0.2.7"}`, 200, true},
	{"in another order, with blanks", " {\r\n\t\"record\" : false ,\"key\" : \"x\" } \n", 200, true},
	{"a key in other letters", `{"key":"é€𝄞"}`, 200, true},
	{"an IPv6 address", `{"key":"x","address":"2001:db8::1"}`, 200, true},
	{"an address of an IPv4 network in IPv6", `{"key":"x","address":"::ffff:192.0.2.7"}`, 200, true},
	{"the longest permission", `{"key":"x","permission":"` + strings.Repeat("A", 63) + `"}`, 200, true},
	{"an empty key", `{"key":""}`, 200, false},
	{"an escape", `{"key":"\u0078"}`, 200, false},
	{"an escape in a name", `{"k\u0065y":"x"}`, 200, false},
	{"a key that is called null", `{"key":"null"}`, 200, false},

	{"no key", `{}`, 400, false},
	{"no key, but the rest", `{"permission":"FLY"}`, 400, false},
	{"a key null", `{"key":null}`, 400, false},
	{"a key that is a number", `{"key":1}`, 400, false},
	{"a key that is true", `{"key":true}`, 400, false},
	{"a key that is a list", `{"key":["x"]}`, 400, false},
	{"a key that is an object", `{"key":{"x":"x"}}`, 400, false},
	{"a permission null", `{"key":"x","permission":null}`, 400, false},
	{"an empty permission", `{"key":"x","permission":""}`, 400, false},
	{"a permission in lower case", `{"key":"x","permission":"fly"}`, 400, false},
	{"a permission and a line end", `{"key":"x","permission":"FLY\n"}`, 400, false},
	{"a permission that is too long", `{"key":"x","permission":"` + strings.Repeat("A", 64) + `"}`, 400, false},
	{"a permission of other letters", `{"key":"x","permission":"FLÝ"}`, 400, false},
	{"two permissions", `{"key":"x","permission":["FLY","SWIM"]}`, 400, false},
	{"record null", `{"key":"x","record":null}`, 400, false},
	{"record as a text", `{"key":"x","record":"true"}`, 400, false},
	{"record as a number", `{"key":"x","record":1}`, 400, false},
	{"another consistency", `{"key":"x","consistency":"eventual"}`, 400, false},
	{"an empty consistency", `{"key":"x","consistency":""}`, 400, false},
	{"a consistency in capitals", `{"key":"x","consistency":"STRICT"}`, 400, false},
	{"a consistency null", `{"key":"x","consistency":null}`, 400, false},
	{"a revision that is none", `{"key":"x","at_least":"AAAAAAAAAAAAAAAAAAAAAA"}`, 400, true}, // known to the handler only
	{"a revision of signs", `{"key":"x","at_least":"!"}`, 400, false},
	{"an empty revision", `{"key":"x","at_least":""}`, 400, false},
	{"a revision that is too long", `{"key":"x","at_least":"` + strings.Repeat("A", 101) + `"}`, 400, false},
	{"a revision that is a number", `{"key":"x","at_least":1}`, 400, false},
	{"a revision null", `{"key":"x","at_least":null}`, 400, false},
	{"an address that is none", `{"key":"x","address":"localhost"}`, 400, false},
	{"an empty address", `{"key":"x","address":""}`, 400, false},
	{"an address with a port", `{"key":"x","address":"[::1]:80"}`, 400, false},
	{"an address that is too long", `{"key":"x","address":"` + strings.Repeat("1", 46) + `"}`, 400, false},
	{"an address null", `{"key":"x","address":null}`, 400, false},
	{"a member that is not known", `{"key":"x","kee":"x"}`, 400, false},
	{"one that is not known yet", `{"key":"x","ratelimit":0}`, 400, false},
	{"a request", `{"key":"x","request":{"method":"GET","path":"/media/1?a=b"}}`, 200, true},
	{"a request with a cost", `{"key":"x","request":{"method":"POST","path":"/media"},"cost":25}`, 200, true},
	{"the longest path", `{"key":"x","request":{"method":"GET","path":"/` + strings.Repeat("a", 4095) + `"}}`, 200, true},
	{"a longer path", `{"key":"x","request":{"method":"GET","path":"/` + strings.Repeat("a", 4096) + `"}}`, 400, false},
	{"an empty path", `{"key":"x","request":{"method":"GET","path":""}}`, 400, false},
	{"no path", `{"key":"x","request":{"method":"GET"}}`, 400, false},
	{"a method in small letters", `{"key":"x","request":{"method":"get","path":"/"}}`, 400, false},
	{"no method", `{"key":"x","request":{"path":"/"}}`, 400, false},
	{"a request with more", `{"key":"x","request":{"method":"GET","path":"/","body":""}}`, 400, false},
	{"a request null", `{"key":"x","request":null}`, 400, false},
	{"a request as a text", `{"key":"x","request":"GET /"}`, 400, false},
	{"a resource with an access", `{"key":"x","resource":"data-planes","access":"read"}`, 200, true},
	{"a resource without an access", `{"key":"x","resource":"data-planes"}`, 400, true}, // known to the handler only
	{"an access without a resource", `{"key":"x","access":"read"}`, 400, true},
	{"a request and a permission", `{"key":"x","request":{"method":"GET","path":"/"},"permission":"FLY"}`, 400, true},
	{"a resource in capitals", `{"key":"x","resource":"DATA","access":"read"}`, 400, false},
	{"a star as a resource", `{"key":"x","resource":"*","access":"read"}`, 400, false},
	{"another access", `{"key":"x","resource":"data-planes","access":"admin"}`, 400, false},
	{"a permission with a resource", `{"key":"x","permission":"data-planes:read"}`, 200, true},
	{"a permission with stars", `{"key":"x","permission":"*:*"}`, 200, true},
	{"a permission with half a star", `{"key":"x","permission":"data*:read"}`, 400, false},
	{"no cost", `{"key":"x","cost":0}`, 200, true},
	{"the highest cost", `{"key":"x","cost":1000000000}`, 200, true},
	{"a higher cost", `{"key":"x","cost":1000000001}`, 400, false},
	{"a negative cost", `{"key":"x","cost":-1}`, 400, false},
	{"half a cost", `{"key":"x","cost":0.5}`, 400, false},
	{"a cost as a text", `{"key":"x","cost":"1"}`, 400, false},
	{"a member in another case", `{"Key":"x"}`, 400, false},
	{"a member in two cases", `{"key":"x","KEY":"y"}`, 400, false},
	{"a member with a Kelvin sign", "{\"\u212aey\":\"x\"}", 400, false},
	{"a member whose letters fold", "{\"key\":\"x\",\"con\u017fistency\":\"strict\"}", 400, false},
	{"a member twice", `{"key":"x","key":"y"}`, 400, false},
	{"a member twice, the same", `{"key":"x","key":"x"}`, 400, false},
	{"a member twice, once escaped", `{"key":"x","\u006bey":"y"}`, 400, false},
	{"another member twice", `{"key":"x","record":true,"record":false}`, 400, false},
	{"nothing", ``, 400, false},
	{"blanks", `  `, 400, false},
	{"null", `null`, 400, false},
	{"a text", `"x"`, 400, false},
	{"a list", `[{"key":"x"}]`, 400, false},
	{"half an object", `{"key":"x"`, 400, false},
	{"two objects", `{"key":"x"}{"key":"x"}`, 400, false},
	{"something behind it", `{"key":"x"} x`, 400, false},
	{"a comma too many", `{"key":"x",}`, 400, false},
	{"single quotes", `{'key':'x'}`, 400, false},
	{"a comment", `{"key":"x"/**/}`, 400, false},
	{"a mark before it", "\ufeff{\"key\":\"x\"}", 400, false},
	{"bytes that are no text", "{\"key\":\"\xff\"}", 400, false},
	{"half a letter", "{\"key\":\"\xf0\x9d\"}", 400, false},
	{"half a pair", `{"key":"\ud800"}`, 400, false},
	{"a zero", `{"key":"\u0000"}`, 400, false},
	{"a bare zero", "{\"key\":\"\x00\"}", 400, false},
	{"a line end in a text", "{\"key\":\"a\nb\"}", 400, false},
	{"a zero behind it", "{\"key\":\"x\"}\x00", 400, false},
	{"another character set", "\x00{\x00\"\x00k\x00e\x00y\x00\"\x00:\x00\"\x00x\x00\"\x00}", 400, false},
	{"a form", `key=x`, 400, false},
	{"much too deep", strings.Repeat("[", 100) + strings.Repeat("]", 100), 400, false},
	{"too deep inside", `{"key":"x","x":` + strings.Repeat(`{"x":`, maxDepth) + "1" + strings.Repeat("}", maxDepth) + "}", 400, false},
	{"exactly 8 KiB", keyOfSize(maxVerifyBody), 200, true},
	{"one byte more", keyOfSize(maxVerifyBody + 1), 413, true},
	{"64 KiB", keyOfSize(maxBody), 413, true},
}

// keyOfSize is a body of so many bytes.
func keyOfSize(n int) string { return `{"key":"` + strings.Repeat("x", n-len(`{"key":""}`)) + `"}` }

// ASVS 15.3.3 and 4.1: what verification is asked is held against the contract, whichever of the two ways it goes.
func TestBodiesOfVerify(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	service, check, batch := h.asker(), newWays(t, "AccessKeyVerify"), newWays(t, "AccessKeyVerifyBatch")
	for _, tc := range verifyBodies {
		a := service.raw("POST", verifyPath, tc.body).cachedNowhere()
		code := map[int]string{400: "request_invalid", 413: "body_too_large"}[tc.status]
		if a.status != tc.status || a.codeIfAny() != code {
			t.Errorf("%s: %d %s, want %d %s", tc.say, a.status, a.body, tc.status, code)
		}
		if tc.status == 413 {
			continue
		}
		plain, fits := check.of(t, tc.body)
		if plain != tc.plain || fits != (tc.status == 200 || tc.plain) {
			t.Errorf("%s: plain: %t, want %t; fits the contract: %t", tc.say, plain, tc.plain, fits)
		}
		// The same is asked in a batch; what only the handler knows spoils its own answer alone.
		together := `{"questions":[{"key":"x"},` + tc.body + `]}`
		if plain, fits := batch.of(t, together); plain != tc.plain || fits != (tc.status == 200 || tc.plain) {
			t.Errorf("%s, in a batch: plain: %t, want %t; fits the contract: %t", tc.say, plain, tc.plain, fits)
		}
		if a, want := service.raw("POST", batchPath, together), map[bool]int{true: 200, false: 400}[tc.status == 200 || tc.plain]; a.status != want {
			t.Errorf("%s, in a batch: %d %s, want %d", tc.say, a.status, a.body, want)
		}
	}
	for say, a := range map[string]*answer{
		"a text":      service.send("POST", verifyPath, strings.NewReader(`{"key":"x"}`), "text/plain"),
		"a form":      service.send("POST", verifyPath, strings.NewReader(`{"key":"x"}`), formType),
		"no type":     service.send("POST", verifyPath, strings.NewReader(`{"key":"x"}`), ""),
		"compressed":  service.with("Content-Encoding", "gzip").raw("POST", verifyPath, `{"key":"x"}`),
		"no encoding": service.with("Content-Encoding", "identity").raw("POST", verifyPath, `{"key":"x"}`),
		"a charset":   service.send("POST", verifyPath, strings.NewReader(`{"key":"x"}`), "application/json; charset=latin1"),
	} {
		if a.status != 415 {
			t.Errorf("%s: %d %s", say, a.status, a.body)
		}
	}
	service.send("POST", verifyPath, chunked(`{"key":"x"}`), "application/json; charset=UTF-8").want(200)
	service.send("POST", verifyPath, chunked(keyOfSize(maxVerifyBody)), "application/json").want(200)
	service.send("POST", verifyPath, chunked(keyOfSize(maxVerifyBody+1)), "application/json").want(413, "body_too_large")
	service.raw("POST", verifyPath+"?x=1", `{"key":"x"}`).want(400, "request_invalid")
	service.get(verifyPath).want(405, "method_not_allowed")
	h.noAlarm()
}

// ways are the two in which a body of an operation is read.
type ways struct {
	operation string
	e         *echo.Echo
	rule      policy
}

func newWays(t testing.TB, operation string) ways {
	t.Helper()
	doc, err := builtIn()
	if err != nil {
		t.Fatal(err)
	}
	rules, err := policies(doc)
	if err != nil {
		t.Fatal(err)
	}
	rule := rules[operation]
	rule.id = "checked the long way"
	return ways{operation: operation, e: echo.New(), rule: rule}
}

// of tells whether a body is taken as plain, and whether it fits the contract. It fails the test if the first is, and the
// second is not or decodes to something else.
func (w ways) of(t testing.TB, body string) (bool, bool) {
	t.Helper()
	context := func() echo.Context {
		r := httptest.NewRequest("POST", verifyPath, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		return w.e.NewContext(r, httptest.NewRecorder())
	}
	short, long := context(), context()
	plain := takePlain(short, w.operation, []byte(body))
	err := checkRequest(long, w.rule, []byte(body))
	if !plain {
		return false, err == nil
	}
	into := func() any { return new(api.AccessKeyVerifyJSONRequestBody) }
	if w.operation == "AccessKeyVerifyBatch" {
		into = func() any { return new(api.AccessKeyVerifyBatchJSONRequestBody) }
	}
	a, b := into(), into()
	err1, err2 := binder{}.Bind(a, short), binder{}.Bind(b, long)
	if err != nil || err1 != nil || err2 != nil || !reflect.DeepEqual(a, b) {
		t.Errorf("taken as plain: %q\nby the contract: %v\n%+v %v\n%+v %v", body, err, a, err1, b, err2)
	}
	return true, err == nil
}

// What is taken as plain fits the contract and means the same.
func FuzzTakePlain(f *testing.F) {
	for _, tc := range verifyBodies {
		f.Add(tc.body)
		f.Add(`{"questions":[` + tc.body + `]}`)
	}
	one, batch := newWays(f, "AccessKeyVerify"), newWays(f, "AccessKeyVerifyBatch")
	f.Fuzz(func(t *testing.T, body string) {
		if len(body) <= maxVerifyBody { // no more is ever read of one
			one.of(t, body)
		}
		batch.of(t, body)
	})
}

// A use shows at the key, to the second; a dry run is none, and nor is a refusal.
func TestUsesOfAKey(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.clock.stop()
	began := h.clock.Now()
	service := h.asker()
	grace := h.member("grace", permission.UsePersonalAccessKeys, "*:*")
	id, program := grace.newKey("bot")
	key := program.secret()
	used := func() (string, string) {
		t.Helper()
		if err := h.uses.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := grace.get(ownKeys + "/" + id).want(200)
		if listed := grace.get(ownKeys).want(200).list("keys")[0]; listed["last_used_at"] != got.json()["last_used_at"] || listed["last_used_ip"] != got.json()["last_used_ip"] {
			t.Errorf("listed as %v, shown as %s", listed, got.body)
		}
		return got.str("last_used_at"), got.str("last_used_ip")
	}
	second := 0
	for _, tc := range []struct {
		say     string
		use     func()
		counts  bool
		address string
	}{
		{say: "made"},
		{say: "a dry run", use: func() { service.verify(key, object{"record": false, "address": "192.0.2.9"}).want(200) }},
		{say: "a permission that it does not give", use: func() { service.verify(key, object{"permission": "FLY"}).want(200) }},
		{say: "another secret", use: func() { service.verify(sealed(key[:30] + "0000000000" + key[40:len(key)-6])).want(200) }},
		{say: "verified", use: func() { service.verify(key).want(200) }, counts: true},
		{say: "verified for an address", use: func() { service.verify(key, object{"address": "192.0.2.7"}).want(200) }, counts: true, address: "192.0.2.7"},
		{say: "said to be recorded", use: func() { service.verify(key, object{"record": true, "address": "2001:db8::1"}).want(200) }, counts: true, address: "2001:db8::1"},
		{say: "a dry run of a used key", use: func() { service.verify(key, object{"record": false}).want(200) }, address: "2001:db8::1"},
		{say: "introspected, from where is not known", use: func() { service.introspect(key).want(200) }, counts: true, address: "2001:db8::1"},
		{say: "at a gateway", use: func() { program.get(forwardAuthPath).want(200) }, counts: true, address: "127.0.0.1"},
		{say: "for nothing", use: func() {}, address: "127.0.0.1"},
		{say: "directly", use: func() { program.get("/api/accounts").want(200) }, counts: true, address: "127.0.0.1"},
		{say: "directly, where it is not taken", use: func() { program.get("/api/auth/sessions").want(403) }, counts: true, address: "127.0.0.1"},
	} {
		h.clock.advance(time.Second + 10*time.Millisecond)
		if tc.use != nil {
			tc.use()
		}
		if tc.counts {
			second = int(h.clock.Now().Unix() - began.Unix())
		}
		at, ip := used()
		want := ""
		if second > 0 {
			want = began.Add(time.Duration(second) * time.Second).UTC().Format(time.RFC3339)
		}
		if at != want || ip != tc.address {
			t.Errorf("%s: last used %q from %q, want %q from %q", tc.say, at, ip, want, tc.address)
		}
	}
	// The newest wins, whoever writes it first.
	late, early := usage.NewRecorder(h.pool), usage.NewRecorder(h.pool)
	late.Note(id, h.clock.Now().Unix()+60, "192.0.2.60")
	early.Note(id, h.clock.Now().Unix()+30, "192.0.2.30")
	for _, r := range []*usage.Recorder{late, early} {
		if err := r.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if at, ip := used(); at != h.clock.Now().Add(time.Minute).UTC().Truncate(time.Second).Format(time.RFC3339) || ip != "192.0.2.60" {
		t.Errorf("two instances: last used %q from %q", at, ip)
	}
	if at := h.root.get("/api/admin/access-keys").want(200).list("keys")[0]; at["last_used_ip"] != "192.0.2.60" {
		t.Errorf("the administrator sees %v", at)
	}
	if asked := h.signIn("asker", password).get(ownKeys).want(200).list("keys")[0]; asked["last_used_ip"] != "127.0.0.1" {
		t.Errorf("whoever asks uses a key as well: %v", asked)
	}
}

// A use is noted once a second, so that a flood of them costs what one costs.
func TestUsesOfOneSecondAreOne(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.clock.stop()
	service := h.asker()
	id, program := h.root.newKey("bot")
	for _, address := range []string{"192.0.2.1", "192.0.2.2", "192.0.2.3"} {
		service.verify(program.secret(), object{"address": address}).want(200)
	}
	if err := h.uses.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := h.root.get(ownKeys + "/" + id).want(200); got.str("last_used_ip") != "192.0.2.1" {
		t.Errorf("%s", got.body)
	}
}

// Whoever asks strictly is told what holds now, also where it is a right that was given.
func TestAStrictAnswerIsOfNow(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	there, service := h.instance(), h.asker()
	id, program := h.root.newKey("bot")
	key := program.secret()
	for _, enabled := range []bool{false, true, false, true, false, true} {
		h.root.patch(ownKeys+"/"+id, object{"enabled": enabled}).want(200)
		for _, at := range []string{there, h.url} {
			if got := service.at(at).verify(key, object{"consistency": "strict"}).want(200); got.json()["valid"] != enabled {
				t.Errorf("enabled: %t: %s", enabled, got.body)
			}
		}
	}
}

// With a revision, the answer is of then or later; of one that this history does not have, there is none.
func TestAnAnswerOfARevision(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	there, service := h.instance(), h.asker()
	id, program := h.root.newKey("bot")
	_, other := h.root.newKey("other")
	revision := h.root.delete(ownKeys + "/" + id).want(204).header.Get("Latchkey-Revision")
	r, err := changefeed.ParseRevision(revision)
	if err != nil || r.String() != revision {
		t.Fatalf("the revision %q: %v", revision, err)
	}
	if diverged, future := (changefeed.Revision{V: r.V, Nonce: r.Nonce ^ 1}), (changefeed.Revision{V: r.V + 1000, Nonce: 1}); diverged.String() == future.String() {
		t.Error("two revisions look alike")
	} else {
		atOnce(4, func(i int) *answer { // each waits as long as it may
			return service.at([]string{h.url, there}[i%2]).verify(other.secret(), object{"at_least": []string{diverged.String(), future.String()}[i/2]}).want(503, "verification_unavailable")
		})
	}
	for _, at := range []string{h.url, there} {
		for key, want := range map[string]string{program.secret(): "REVOKED", other.secret(): "VALID"} {
			for _, more := range []object{{"at_least": revision}, {"at_least": revision, "consistency": "strict"}} {
				if got := service.at(at).verify(key, more).want(200).str("code"); got != want {
					t.Errorf("%s, want %s", got, want)
				}
			}
		}
		for _, garbage := range []string{"x", "0", strings.Repeat("A", 22), revision[:21], revision + "A", strings.Repeat("_", 22), "AAAAAAAAAAAAAAAAAAAAAB"} {
			a := service.at(at).verify(other.secret(), object{"at_least": garbage}).want(400, "request_invalid")
			if a.metadata("pointer") != "/at_least" {
				t.Errorf("%s: %s", garbage, a.body)
			}
			a.keepsQuiet(h, other.secret())
		}
	}
	for say, revoke := range map[string]func(id string, program *client) *answer{
		"again":            func(string, *client) *answer { return h.root.delete(ownKeys + "/" + id) },
		"by an operator":   func(id string, _ *client) *answer { return h.root.delete("/api/admin/access-keys/" + id) },
		"by its holder":    func(_ string, program *client) *answer { return program.delete("/api/access-keys/self") },
		"by another key":   func(id string, _ *client) *answer { return other.delete(ownKeys + "/" + id) },
		"by an operator's": func(id string, _ *client) *answer { return other.delete("/api/admin/access-keys/" + id) },
	} {
		id, program := h.root.newKey("bot")
		later, err := changefeed.ParseRevision(revoke(id, program).want(204).header.Get("Latchkey-Revision"))
		if err != nil || later.V <= r.V {
			t.Errorf("%s: revision %+v after %+v, %v", say, later, r, err)
		}
	}
}

// Who asks for the newest and cannot get it is told so, and not something older.
func TestNoAnswerIsBetterThanAnOldOne(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	service := h.asker()
	_, program := h.root.newKey("bot")
	service.verify(program.secret()).want(200)
	h.cutOff()
	for say, a := range map[string]*answer{
		"verify":     service.verify(program.secret()),
		"strict":     service.verify(program.secret(), object{"consistency": "strict"}),
		"malformed":  service.verify("x"), // the caller's own key needs a fresh memory
		"introspect": service.introspect(program.secret()),
		"gateway":    program.get(forwardAuthPath),
		"direct":     program.get("/api/accounts"),
	} {
		a.cachedNowhere().unproved(say)
	}
	if got := h.verdicts(doorVerify, verify.Valid); got != 1 {
		t.Errorf("%v valid verdicts, want the one before", got)
	}
	h.noAlarm()
}
