package api

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/latchkey-dev/latchkey/internal/permission"
	"github.com/latchkey-dev/latchkey/internal/problem"
)

// asGateway sends a request as it is written and gives the answer; nothing may keep it waiting.
func (h *harness) asGateway(method, request string) (*http.Response, string, error) {
	h.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
	if err != nil {
		h.t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := io.WriteString(conn, request); err != nil {
		h.t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, string(body), err
}

// holders are the keys that a gateway may be shown, with what it must be told.
func (h *harness) holders() map[string]int {
	_, good := h.member("grace", permission.UsePersonalAccessKeys, "*:*").newKey("good")
	_, dead := h.root.newKey("dead")
	dead.delete("/api/access-keys/self").want(204)
	_, poor := h.member("poor", permission.UsePersonalAccessKeys).newKey("poor")
	h.root.delete("/api/accounts/poor/roles/" + scalar[string](h, "SELECT id FROM role WHERE name = 'role of poor'")).want(200)
	line := func(c *client) string { return "Authorization: Bearer " + c.secret() + "\r\n" }
	return map[string]int{line(good): 200, line(dead): 401, line(poor): 403, "": 401, "Authorization: Basic eDp5\r\n": 401,
		"Authorization: Bearer x\r\n": 401, line(good) + line(good): 401, line(good) + line(dead): 401}
}

// nginx makes a 500 of all that is not 2xx, 401 or 403, and shows us the request of a client of which nothing is known.
func TestAGatewayIsToldWhatItUnderstandsWhateverItSends(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	session := h.root.header.Get("Cookie")
	holders := h.holders()
	// refused is what becomes of a good key: the request can be read in two ways, or nobody knows what it does.
	checkOr := func(refused bool, say, method, path, more string) {
		t.Helper()
		for line, want := range holders {
			if want == 200 && refused {
				want = 403
			}
			resp, body, err := h.asGateway(method, method+" "+path+" HTTP/1.1\r\nHost: x\r\n"+line+more)
			if err != nil {
				t.Fatalf("%s, %q: %v", say, line, err)
			}
			if resp.StatusCode != want {
				t.Errorf("%s, %q: %s, want %d: %s", say, line, resp.Status, want, body)
			}
			identity := resp.Header.Get("X-Latchkey-Account-Handle")
			if (identity == "grace") != (want == 200) || want != 200 && resp.Header.Get("X-Latchkey-Key-Id")+resp.Header.Get("X-Latchkey-Account-Id") != "" {
				t.Errorf("%s, %q: %d for %q", say, line, resp.StatusCode, identity)
			}
			if want == 200 && body != "" || resp.Header.Get("Cache-Control") != "no-store" || resp.Header.Get("Set-Cookie") != "" || resp.Header.Get("Location") != "" {
				t.Errorf("%s, %q: %v %s", say, line, resp.Header, body)
			}
			if (resp.Header.Get("WWW-Authenticate") != "") != (want == 401 || want == 403) {
				t.Errorf("%s, %q: WWW-Authenticate: %s", say, line, resp.Header.Get("WWW-Authenticate"))
			}
		}
	}
	check := func(say, method, path, more string) { t.Helper(); checkOr(false, say, method, path, more) }
	refuse := func(say, method, path, more string) { t.Helper(); checkOr(true, say, method, path, more) }
	for _, method := range []string{"OPTIONS", "TRACE", "CONNECT", "PROPFIND", "QUERY", "NONSENSE", "M-SEARCH", "get", "!#$%&'*+-.^_`|~"} {
		refuse(method, method, forwardAuthPath, "\r\n")
		refuse(method+" below", method, forwardAuthPath+"/api/accounts", "\r\n")
		refuse(method+" without a length", method, forwardAuthPath, "Content-Length: 0\r\n\r\n")
	}
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} {
		check(method, method, forwardAuthPath, "\r\n")
		check(method+" below", method, forwardAuthPath+"/api/accounts", "\r\n")
		check(method+" without a length", method, forwardAuthPath, "Content-Length: 0\r\n\r\n")
	}
	for _, path := range []string{"//", "//x//", "/.", "/..", "/../../api/accounts", "/%2e%2e/%2e%2e/api", "/%2F%5C", "/a;b=c", "/a%3Bb", "/%00", "/%0d%0aX-Evil:%201", "/\\", "/x/.", "/x/%2e",
		"/x%2Fy", "/x%252Fy", "/x//y", "/\xff", "/%ff", "/%7B%7D{}|^`\"<>\\"} {
		refuse("the path "+path, "GET", forwardAuthPath+path, "\r\n")
	}
	for _, path := range []string{"/", "/x", "/\xc3\xa9", "/%7B%7D{}|^`\"<>", "/*", "/:id", "/{id}", "/" + strings.Repeat("x", 8000), "/" + strings.Repeat("a/", 4000), "/forward-auth", "/livez", "/api/setup",
		"?", "?a=b&a=b", "?%zz", "?;;", "?=", "?access_token=x", "?\xff", "?" + strings.Repeat("a=b&", 2000), "/x?" + strings.Repeat("x", 8000), "/?#", "/x#y"} {
		check("the path "+path[:min(20, len(path))], "GET", forwardAuthPath+path, "\r\n")
	}
	check("the whole URL", "GET", "http://x"+forwardAuthPath, "\r\n")
	check("the whole URL of somewhere else", "GET", "https://example.com:8443"+forwardAuthPath+"/x", "\r\n")
	long := strings.Repeat("x", 1000)
	for say, more := range map[string]string{
		"a session of ours":          "Cookie: " + session + "\r\n",
		"two sessions of ours":       "Cookie: " + session + "; " + session + "\r\n",
		"cookies that are none":      "Cookie: ;;=;a==b;\"\r\nCookie: x\r\n",
		"another site":               "Sec-Fetch-Site: cross-site\r\nOrigin: https://evil.example\r\nReferer: https://evil.example/\r\n",
		"another site that is none":  "Sec-Fetch-Site: nonsense\r\nOrigin: null\r\n",
		"20 KiB of headers":          strings.Repeat("X-Pad: "+long+"\r\n", 20),
		"one header of 20 KiB":       "X-Pad: " + strings.Repeat(long, 20) + "\r\n",
		"a thousand headers":         strings.Repeat("X-Pad: x\r\n", 1000),
		"a trace that is none":       "Traceparent: nonsense\r\n",
		"an empty trace":             "Traceparent:\r\n",
		"a long trace":               "Traceparent: 00-" + strings.Repeat("a", 9000) + "\r\n",
		"two traces":                 "Traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\nTraceparent: x\r\n",
		"addresses that are none":    "X-Forwarded-For: nonsense, , 1.2.3\r\nForwarded: for=\"_x\"\r\nX-Real-Ip: x\r\n",
		"a socket":                   "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n",
		"conditions":                 "If-None-Match: *\r\nIf-Match: \"1\"\r\nIf-Modified-Since: x\r\nRange: bytes=0-0\r\n",
		"a wish for another form":    "Accept: text/html;q=x\r\nAccept-Encoding: br\r\nAccept-Language: \xff\r\n",
		"a method inside the method": "X-HTTP-Method-Override: DELETE\r\n",
		"bytes that are no text":     "X-Pad: \x80\xff\r\n",
		"a type without a body":      "Content-Type: nonsense;;\r\nContent-Encoding: x\r\n",
		"a preflight":                "Origin: https://example.com\r\nAccess-Control-Request-Method: DELETE\r\nAccess-Control-Request-Headers: x\r\n",
		"an identity of its own":     "X-Latchkey-Account-Id: root\r\nX-Latchkey-Account-Handle: root\r\n",
	} {
		check(say, "GET", forwardAuthPath, more+"\r\n")
		check(say+", POST", "POST", forwardAuthPath+"/x", more+"\r\n")
	}
	for say, more := range map[string]string{
		"two original requests":            "X-Original-Method: DELETE\r\nX-Original-URI: /media/1?a=b\r\nX-Forwarded-Method: POST\r\nX-Forwarded-Uri: /x\r\n",
		"two methods":                      "X-Original-Method: GET\r\nX-Original-Method: POST\r\nX-Original-URI: /x\r\n",
		"two paths":                        "X-Original-Method: GET\r\nX-Original-URI: /x\r\nX-Original-URI: /y\r\n",
		"a path without a method":          "X-Original-URI: /x\r\n",
		"a method without a path":          "X-Forwarded-Method: GET\r\n",
		"an original request that is none": "X-Original-Method: \r\nX-Original-URI: ::\r\nX-Forwarded-Method: \xff\r\nX-Forwarded-Uri: " + long + "\r\n",
		"another path than its own":        "X-Original-Method: POST\r\nX-Original-URI: /y\r\n",
		"another method than its own":      "X-Forwarded-Method: GET\r\nX-Forwarded-Uri: /x\r\n",
	} {
		refuse(say+", POST", "POST", forwardAuthPath+"/x", more+"\r\n")
	}
	check("an original request of nginx", "GET", forwardAuthPath, "X-Original-Method: DELETE\r\nX-Original-URI: /media/1?a=b\r\n\r\n")
	check("an original request of Traefik", "GET", forwardAuthPath, "X-Forwarded-Method: DELETE\r\nX-Forwarded-Uri: /media/1?a=b\r\n\r\n")
	check("one that is told twice", "POST", forwardAuthPath+"/x", "X-Forwarded-Method: POST\r\nX-Forwarded-Uri: /x?a=b\r\n\r\n")
	// Bodies, announced and never sent, or not to the end: whoever reads them waits in vain.
	for say, more := range map[string]string{
		"a body":                      "Content-Length: 1000\r\n\r\n",
		"half a body":                 "Content-Length: 1000\r\nContent-Type: application/json\r\n\r\n{\"",
		"a body of many gigabytes":    "Content-Length: 99999999999\r\n\r\n",
		"a body in chunks":            "Transfer-Encoding: chunked\r\n\r\n",
		"a chunk that does not end":   "Transfer-Encoding: chunked\r\n\r\nff\r\nx",
		"a chunk that is none":        "Transfer-Encoding: chunked\r\n\r\nnonsense\r\n",
		"a body that waits for a nod": "Content-Length: 1000\r\nExpect: 100-continue\r\n\r\n",
	} {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			check(say, method, forwardAuthPath, more)
		}
		refuse(say, "OPTIONS", forwardAuthPath, more)
	}
	for line, want := range holders { // nginx speaks this to those behind it unless it is told otherwise
		resp, body, err := h.asGateway("GET", "GET "+forwardAuthPath+" HTTP/1.0\r\nConnection: close\r\n"+line+"\r\n")
		if err != nil || resp.StatusCode != want {
			t.Errorf("HTTP/1.0, %q: %v %v: %s", line, resp, err, body)
		}
	}
	if log := h.log.String(); strings.Contains(log, "operation=ForwardAuth") || strings.Contains(log, "nonsense") {
		t.Errorf("logged:\n%s", log)
	}
	h.noAlarm()
}

// What is not below the path is not asked by a gateway.
func TestPathsThatOnlyLookLikeTheGateways(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	_, program := h.root.newKey("x")
	for _, path := range []string{"/forward-authx", "/forward-auth-x/", "/forward", "/FORWARD-AUTH", "//forward-auth", "/api/forward-auth", "/x/../forward-auth", "/./forward-auth"} {
		program.get(path).want(404, "not_found")
	}
}

// On 200 it always sets every identity header, even empty, so that none of the client's own gets through.
func TestWhatAGatewayIsToldOfWhomItLetsThrough(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	grace := h.member("grace", permission.UsePersonalAccessKeys, "*:*")
	id, program := grace.newKey("bot")
	for _, c := range []*client{program, program.with("X-Latchkey-Permission", "ADMINISTRATOR").with("X-Latchkey-Key-Id", "x")} {
		for _, method := range []string{"GET", "HEAD", "POST"} {
			a := c.do(method, forwardAuthPath, nil).want(200).cachedNowhere()
			for name, want := range map[string]string{"X-Latchkey-Account-Id": grace.id, "X-Latchkey-Account-Handle": "grace", "X-Latchkey-Key-Id": id, "X-Latchkey-Permission": "*:*"} {
				if got := a.header[name]; !slices.Equal(got, []string{want}) {
					t.Errorf("%s: %s is %q, want %q", method, name, got, want)
				}
			}
		}
	}
}

// Whatever goes wrong with us is 503, and whatever is wrong with the request is 401 or 403: 402 and 429 only for those who know them.
func TestEveryFaultInTheWordsOfGateways(t *testing.T) {
	t.Parallel()
	for _, instead := range []int{0, 403} {
		m := &moody{}
		h := newHarness(t, func(s *settings) { s.api = func(c *Config) { c.Ready, c.Gateway429 = m.ready, instead } })
		_, program := h.root.newKey("x")
		faults := map[string]func() error{"a panic": func() error { panic(planted) }, "an error": func() error { return fmt.Errorf("x: %w", io.ErrNoProgress) },
			"one of the router": func() error { return echo.ErrTooManyRequests }}
		for _, code := range problem.Codes() {
			faults[string(code)] = func() error { return problem.New(code).WithField("some", "fact") }
		}
		for say, fault := range faults {
			want := map[int]int{401: 401, 402: cmp.Or(instead, 402), 403: 403, 429: cmp.Or(instead, 429), 500: 503, 503: 503}[problem.Lookup(problem.Code(say)).Status]
			if want == 0 {
				want = 401
			}
			m.becomes(fault)
			a := program.get(forwardAuthPath + "/x").want(want).cachedNowhere()
			if a.json()["status"] != float64(want) || a.header.Get("X-Request-Id") != a.str("trace_id") || len(a.str("trace_id")) != 32 || strings.Contains(string(a.body), planted) {
				t.Errorf("%s: %v %s", say, a.header, a.body)
			}
			if (a.header.Get("WWW-Authenticate") != "") != (want == 401 || say == "permission_denied") || (a.header.Get("Retry-After") != "") != (want == 503 || want == 429) {
				t.Errorf("%s: %v", say, a.header)
			}
			if a.header.Get("Link") != "" { // a gateway passes it on to who would follow it to another origin
				t.Errorf("%s: %v", say, a.header)
			}
			m.becomes(func() error { return nil })
			program.get(forwardAuthPath).want(200)
		}
		for _, line := range []string{"panicked with string", "multiple Read calls"} {
			h.log.await(t, line, "operation=ForwardAuth", "level=ERROR")
		}
		if strings.Contains(h.log.String(), planted) {
			t.Error("the log holds what may be anything")
		}
	}
}

func TestGatewayStatus(t *testing.T) {
	t.Parallel()
	understood := map[int][]int{0: {401, 402, 403, 429, 503}, 429: {401, 402, 403, 429, 503}, 403: {401, 403, 503}, 401: {401, 403, 503}}
	for instead, all := range understood {
		s := &Server{cfg: Config{Gateway429: instead}}
		for status := 400; status < 600; status++ {
			got := s.gatewayStatus(status)
			if !slices.Contains(all, got) {
				t.Errorf("%d, with %d for 429: %d", status, instead, got)
			}
			if slices.Contains(all, status) && got != status || status >= 500 && got != 503 || (status == 402 || status == 429) && !slices.Contains(all, status) && got != instead {
				t.Errorf("%d, with %d for 429: %d", status, instead, got)
			}
		}
	}
}

// A gateway that does not know us keeps sending over one connection, and must not take one answer for another.
func TestAGatewaysConnectionIsKept(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	_, program := h.root.newKey("x")
	line := "Authorization: Bearer " + program.secret() + "\r\n"
	conn := h.dial(strings.Repeat("GET /forward-auth HTTP/1.1\r\nHost: x\r\n"+line+"\r\n", 3) + "POST /forward-auth HTTP/1.1\r\nHost: x\r\n" + line + "Content-Length: 5\r\n\r\nGET /")
	r := bufio.NewReader(conn)
	for i := range 4 {
		resp, err := http.ReadResponse(r, nil)
		if err != nil || resp.StatusCode != 200 || resp.Close != (i == 3) { // after a body that nobody read
			t.Fatalf("answer %d: %v %v", i, resp, err)
		}
	}
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	if rest, err := io.ReadAll(r); err != nil || len(rest) > 0 {
		t.Errorf("after the body that was not read: %v %q", err, rest)
	}
}
