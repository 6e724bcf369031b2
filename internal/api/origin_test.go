package api

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

// ASVS 3.5.1: a browser that another site sends here changes nothing.
func TestRequestsFromOtherSites(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	here := h.url
	for _, tc := range []struct {
		name         string
		site, origin string
		status       int
	}{
		{"a program, which sends neither header", "", "", 200},
		{"our own page", "same-origin", here, 200},
		{"our own page, in an old browser", "", here, 200},
		{"a bookmark", "none", "", 200},
		{"our public address, through a proxy that changes Host", "cross-site", "http://localhost:8080", 200},
		{"our public address, in an old browser", "", "http://localhost:8080", 200},
		{"another site", "cross-site", "https://evil.example", 403},
		{"another site that hides its name", "cross-site", "null", 403},
		{"another site without an Origin", "cross-site", "", 403},
		{"a neighbour under the same domain", "same-site", "http://evil.localhost:8080", 403},
		{"another site, in an old browser", "", "https://evil.example", 403},
		{"a page without a name, in an old browser", "", "null", 403},
		{"another port, in an old browser", "", "http://localhost:8081", 403},
		{"our public address over https, in an old browser", "", "https://localhost:8080", 403},
		{"a name that begins like ours", "", here + ".evil.example", 403},
		{"a value that no browser sends", "SAME-ORIGIN", here, 403},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := h.root.in(t).with("Sec-Fetch-Site", tc.site).with("Origin", tc.origin)
			for _, name := range []string{"Sec-Fetch-Site", "Origin"} {
				if c.header.Get(name) == "" {
					c.header.Del(name)
				}
			}
			a := c.post("/api/auth/access-keys", map[string]any{"name": "x"}).want(tc.status)
			if tc.status == 403 {
				a.want(403, "cross_origin")
			}
			for name := range c.get("/api/accounts").want(200).header { // reading is harmless: no page can see the answer
				if strings.HasPrefix(name, "Access-Control-") {
					t.Errorf("%s was sent", name)
				}
			}
		})
	}
	if n := len(h.root.get("/api/auth/access-keys").want(200).list("keys")); n != 6 {
		t.Errorf("%d keys were made, want those of our own pages and programs", n)
	}
}

func TestWalkFromAnotherSite(t *testing.T) {
	t.Parallel()
	v := newWalkers(t)
	for _, w := range walkContract(t) {
		session, key := v.signedIn("ADMINISTRATOR"), v.holder("ADMINISTRATOR")
		for name, c := range map[string]*client{"nobody": v.h.anonymous(), "session": session, "key": key} {
			a := w.ask(c.with("Sec-Fetch-Site", "cross-site").with("Origin", "https://evil.example"))
			if refused := a.codeIfAny() == "cross_origin"; refused != (w.method != http.MethodGet) {
				t.Errorf("%s, %s: %d %s", w.id, name, a.status, a.body)
			}
		}
	}
}

// ASVS 3.5.2: signing somebody in as somebody else is an attack, too.
func TestSigningInFromAnotherSite(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	pair := `{"identifier":"root","token":"` + password + `"}`
	foreign := h.anonymous().with("Sec-Fetch-Site", "cross-site").with("Origin", "https://evil.example")
	for _, a := range []*answer{
		foreign.raw("POST", "/api/auth/password/signin", pair).want(403, "cross_origin"),
		foreign.raw("POST", "/api/auth/password/signup", pair).want(403, "cross_origin"),
		foreign.raw("POST", "/api/setup", pair).want(403, "cross_origin"),
	} {
		if a.header.Get("Set-Cookie") != "" {
			t.Errorf("%s set a cookie", a.what)
		}
	}
	for _, form := range []struct{ kind, body string }{ // what a page can send without asking first
		{"text/plain", pair},
		{"text/plain;charset=UTF-8", pair},
		{"application/x-www-form-urlencoded", "identifier=root&token=" + password},
		{"multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=identifier\r\n\r\nroot\r\n--x--\r\n"},
		{"", pair},
	} {
		a := h.anonymous().send("POST", "/api/auth/password/signin", strings.NewReader(form.body), form.kind).want(415, "media_type_unsupported")
		if a.header.Get("Set-Cookie") != "" {
			t.Errorf("%s set a cookie", form.kind)
		}
	}
}

// ASVS 3.4.2: a browser asks first before it sends JSON from elsewhere; it hears nothing that would let it.
func TestPreflight(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for _, w := range walkContract(t) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, h.url+w.with(nobodysID), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header = http.Header{"Origin": {"https://evil.example"}, "Sec-Fetch-Site": {"cross-site"}, "Access-Control-Request-Method": {w.method},
			"Access-Control-Request-Headers": {"authorization,content-type"}, "Cookie": h.root.header["Cookie"]}
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		for name := range resp.Header {
			if strings.HasPrefix(name, "Access-Control-") {
				t.Errorf("%s %s: %s was sent", resp.Status, w.path, name)
			}
		}
	}
}

// ASVS 4.1.3, 15.3.4: whose word on the client's address is taken.
func TestClientAddress(t *testing.T) {
	t.Parallel()
	const peer = "127.0.0.1"
	behind := map[string]*harness{}
	for _, tc := range []struct {
		name    string
		proxies []string
		header  string
		lines   []string
		want    string
	}{
		{"no proxy configured", nil, "X-Forwarded-For", []string{"203.0.113.9"}, peer},
		{"another proxy configured", []string{"10.0.0.0/8"}, "X-Forwarded-For", []string{"203.0.113.9"}, peer},
		{"the proxy says nothing", []string{"127.0.0.0/8"}, "X-Pad", []string{"203.0.113.9"}, peer},
		{"the proxy says who", []string{"127.0.0.0/8"}, "X-Forwarded-For", []string{"203.0.113.9"}, "203.0.113.9"},
		{"the client made one up before it", []string{"127.0.0.1/32"}, "X-Forwarded-For", []string{"192.0.2.1, 203.0.113.9"}, "203.0.113.9"},
		{"the client made one up in a line before it", []string{"127.0.0.1/32"}, "X-Forwarded-For", []string{"192.0.2.1", "203.0.113.9"}, "203.0.113.9"},
		{"the client made up one of ours", []string{"127.0.0.1/32"}, "X-Forwarded-For", []string{"127.0.0.1, 203.0.113.9"}, "203.0.113.9"},
		{"two proxies", []string{"127.0.0.1/32", "10.0.0.0/8"}, "X-Forwarded-For", []string{"192.0.2.1, 203.0.113.9, 10.1.2.3"}, "203.0.113.9"},
		{"two proxies, one configured", []string{"127.0.0.1/32"}, "X-Forwarded-For", []string{"203.0.113.9, 10.1.2.3"}, "10.1.2.3"},
		{"a private network is not trusted by itself", []string{"127.0.0.1/32"}, "X-Forwarded-For", []string{"203.0.113.9, 192.168.1.1"}, "192.168.1.1"},
		{"IPv6", []string{"127.0.0.1/32"}, "X-Forwarded-For", []string{"2001:db8::1"}, "2001:db8::1"},
		{"IPv6 at length", []string{"127.0.0.1/32"}, "X-Forwarded-For", []string{"2001:0DB8:0:0:0:0:0:1"}, "2001:db8::1"},
		{"a word", []string{"127.0.0.1/32"}, "X-Forwarded-For", []string{planted}, peer},
		{"a word before it", []string{"127.0.0.1/32"}, "X-Forwarded-For", []string{planted + ", 203.0.113.9"}, "203.0.113.9"},
		{"an address with a port", []string{"127.0.0.1/32"}, "X-Forwarded-For", []string{"203.0.113.9:4711"}, peer},
		{"nothing", []string{"127.0.0.1/32"}, "X-Forwarded-For", []string{""}, peer},
		{"a header of another name", []string{"127.0.0.1/32"}, "X-Real-Ip", []string{"203.0.113.9"}, peer},
		{"the standard one, which we do not read", []string{"127.0.0.1/32"}, "Forwarded", []string{"for=203.0.113.9"}, peer},
	} {
		h := behind[strings.Join(tc.proxies, " ")]
		if h == nil {
			h = newHarness(t, func(s *settings) { s.api = func(c *Config) { c.TrustedProxies = proxyPrefixes(tc.proxies) } })
			behind[strings.Join(tc.proxies, " ")] = h
		}
		pair := map[string]any{"identifier": "root", "token": password}
		t.Run(tc.name, func(t *testing.T) {
			a := h.anonymous().in(t).lines(tc.header, tc.lines...).post("/api/auth/password/signin", pair).want(200)
			root := h.root.in(t)
			events := root.get("/api/audit-events").want(200).list("events")
			actor, _ := events[0]["actor"].(map[string]any)
			if events[0]["type"] != "session_started" || actor["address"] != tc.want {
				t.Errorf("recorded %v, want %s", events[0], tc.want)
			}
			h.log.await(t, a.header.Get("X-Request-Id"), "address="+tc.want+"\n")
			if sessions := root.get("/api/auth/sessions").want(200).list("sessions"); sessions[0]["address"] != tc.want {
				t.Errorf("the session is from %v, want %s", sessions[0]["address"], tc.want)
			}
			a.keepsQuiet(h, planted)
		})
	}
}

func proxyPrefixes(texts []string) []netip.Prefix {
	var all []netip.Prefix
	for _, s := range texts {
		all = append(all, netip.MustParsePrefix(s))
	}
	return all
}
