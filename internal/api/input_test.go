package api

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/latchkey-dev/latchkey/gen/api"
)

// planted is put into requests that are refused, to be looked for in what comes out.
const planted = "pL4nted9Qx"

// keepsQuiet fails the test if a submitted value is in an answer or in the log.
func (a *answer) keepsQuiet(h *harness, submitted string) {
	a.t.Helper()
	if strings.Contains(string(a.body), submitted) {
		a.t.Errorf("%s: the answer quotes what was sent: %s", a.what, a.body)
	}
	for name, values := range a.header {
		if strings.Contains(strings.Join(values, " "), submitted) {
			a.t.Errorf("%s: the header %s quotes what was sent: %s", a.what, name, values)
		}
	}
	if log := h.log.String(); strings.Contains(log, submitted) {
		a.t.Errorf("%s: the log quotes what was sent:\n%s", a.what, log)
	}
}

// metadata gives one fact of a problem.
func (a *answer) metadata(name string) any {
	a.t.Helper()
	m, _ := a.json()["metadata"].(map[string]any)
	return m[name]
}

// chunked hides the length of a body, so that it is sent in chunks.
func chunked(body string) io.Reader { return io.MultiReader(strings.NewReader(body)) }

// ASVS 15.2.2: a body is read up to 64 KiB.
func TestBodyLimit(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	fits := `{"name":"` + strings.Repeat(" ", maxBody-len(`{"name":"x"}`)) + `x"}`
	padded := `{"name":"x"}` + strings.Repeat(" ", maxBody-len(`{"name":"x"}`))
	for _, tc := range []struct {
		name   string
		body   io.Reader
		status int
	}{
		{"64 KiB, of a name that is too long", strings.NewReader(fits), 400},
		{"64 KiB, most of it blank", strings.NewReader(padded), 200},
		{"64 KiB, chunked", chunked(padded), 200},
		{"one byte more", strings.NewReader(padded + " "), 413},
		{"one byte more, chunked", chunked(padded + " "), 413},
		{"a megabyte", strings.NewReader(strings.Repeat(planted, 100_000)), 413},
		{"a megabyte, chunked", chunked(strings.Repeat(planted, 100_000)), 413},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := h.root.in(t).send("POST", "/api/auth/access-keys", tc.body, "application/json").want(tc.status)
			a.keepsQuiet(h, planted)
			if tc.status == 413 && a.metadata("max_bytes") != float64(maxBody) {
				t.Errorf("metadata of 413: %s", a.body)
			}
		})
	}
}

func TestBodyOfAnOperationThatTakesNone(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for _, tc := range []struct {
		name string
		body io.Reader
	}{
		{"an object", strings.NewReader(`{"` + planted + `":1}`)},
		{"an empty object", strings.NewReader(`{}`)},
		{"one byte, chunked", chunked(" ")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			root := h.root.in(t)
			root.send("GET", "/api/accounts", tc.body, "application/json").want(400, "request_invalid").keepsQuiet(h, planted)
		})
	}
	h.root.send("GET", "/api/accounts", chunked(""), "").want(200)
	h.root.send("GET", "/api/accounts", nil, "text/plain").want(200)
}

// Where JSON is expected, only JSON is read.
func TestMediaTypes(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for _, tc := range []struct {
		name   string
		types  []string
		coding string
		status int
	}{
		{"JSON", []string{"application/json"}, "", 200},
		{"JSON in capitals", []string{"Application/JSON"}, "", 200},
		{"JSON in UTF-8", []string{"application/json; charset=utf-8"}, "", 200},
		{"JSON in UTF-8, in capitals", []string{"application/json; charset=UTF-8"}, "", 200},
		{"JSON in UTF-8, quoted", []string{`application/json;charset="utf-8"`}, "", 200},
		{"JSON in Latin-1", []string{"application/json; charset=iso-8859-1"}, "", 415},
		{"JSON in UTF-16", []string{"application/json; charset=utf-16"}, "", 415},
		{"JSON in an empty charset", []string{`application/json; charset=""`}, "", 415},
		{"JSON with a broken parameter", []string{"application/json; charset"}, "", 415},
		{"JSON in two charsets", []string{"application/json; charset=utf-8; charset=utf-7"}, "", 415},
		{"nothing said", nil, "", 415},
		{"an empty type", []string{""}, "", 415},
		{"text", []string{"text/plain"}, "", 415},
		{"text that says it is JSON", []string{"text/json"}, "", 415},
		{"a kind of JSON", []string{"application/merge-patch+json"}, "", 415},
		{"JSON and more in one header", []string{"application/json, text/plain"}, "", 415},
		{"a form", []string{"application/x-www-form-urlencoded"}, "", 415},
		{"a form with files", []string{"multipart/form-data; boundary=x"}, "", 415},
		{"XML", []string{"application/xml"}, "", 415},
		{"a star", []string{"*/*"}, "", 415},
		{"said twice, alike", []string{"application/json", "application/json"}, "", 415},
		{"said twice, unlike", []string{"application/json", "text/plain"}, "", 415},
		{"gzip", []string{"application/json"}, "gzip", 415},
		{"an encoding that is none", []string{"application/json"}, "identity", 415},
		{"an unknown encoding", []string{"application/json"}, planted, 415},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := h.root.in(t)
			for _, v := range tc.types {
				c = c.with("Content-Type", v)
			}
			if tc.coding != "" {
				c = c.with("Content-Encoding", tc.coding)
			}
			c.send("POST", "/api/auth/access-keys", strings.NewReader(`{"name":"x"}`), "").want(tc.status).keepsQuiet(h, planted)
		})
	}
	before := len(h.root.get("/api/auth/access-keys").want(200).list("keys"))
	if before != 5 {
		t.Errorf("%d keys were made", before)
	}
}

// ASVS 1.5.3, 2.2.1, 15.3.3: one reading of a body, and nothing in it that the contract does not have.
func TestBodiesThatAreRefused(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	nested := func(depth int) string {
		return `{"name":` + strings.Repeat("[", depth-1) + `"` + planted + `"` + strings.Repeat("]", depth-1) + `}`
	}
	const name, whole = "/name", ""
	for _, tc := range []struct{ name, body, pointer string }{
		{"nothing", "", whole},
		{"blanks", " \n\t", whole},
		{"a byte order mark", "\uFEFF" + `{"name":"` + planted + `"}`, whole},
		{"null", "null", whole},
		{"an array", `["` + planted + `"]`, whole},
		{"a text", `"` + planted + `"`, whole},
		{"a number", "1", whole},
		{"broken JSON", `{"name":"` + planted, name},
		{"single quotes", `{'name':'` + planted + `'}`, whole},
		{"a comma too many", `{"name":"` + planted + `",}`, whole},
		{"a comment", `{"name":"` + planted + `" /* */}`, whole},
		{"a second value after it", `{"name":"` + planted + `"}{}`, whole},
		{"letters after it", `{"name":"x"}` + planted, whole},
		{"bytes that are not UTF-8", "{\"name\":\"" + planted + "\xff\"}", whole},
		{"a surrogate in UTF-8", "{\"name\":\"" + planted + "\xed\xa0\x80\"}", whole},
		{"a lone high surrogate", `{"name":"` + planted + `\ud800"}`, name},
		{"a lone low surrogate", `{"name":"` + planted + `\udc00"}`, name},
		{"a NUL, escaped", `{"name":"` + planted + `\u0000"}`, name},
		{"a NUL, as it is", "{\"name\":\"" + planted + "\x00\"}", name},
		{"a NUL in a member's name", `{"name":"x","` + planted + `\u0000":1}`, whole},
		{"a member twice", `{"name":"` + planted + `","name":"x"}`, name},
		{"a member twice, once escaped", `{"name":"` + planted + `","n\u0061me":"x"}`, name},
		{"as deep as is read", nested(maxDepth), name},
		{"deeper than is read", nested(maxDepth + 1), name + strings.Repeat("/0", maxDepth-1)},
		{"far deeper", nested(20_000), name + strings.Repeat("/0", maxDepth-1)},
		{"no name", `{}`, name},
		{"an empty name", `{"name":""}`, name},
		{"a name that is null", `{"name":null}`, name},
		{"a name that is a number", `{"name":12345678987}`, name},
		{"a name that is an array", `{"name":["` + planted + `"]}`, name},
		{"a name that is too long", `{"name":"` + strings.Repeat(planted, 41) + `"}`, name},
		{"an expiry that is an object", `{"name":"x","expires_at":{"` + planted + `":1}}`, "/expires_at"},
		{"a member that is not known", `{"name":"x","` + planted + `":1}`, whole},
		{"a member that the answer has", `{"name":"x","secret":"` + planted + `"}`, whole},
		{"a member of another operation", `{"name":"x","enabled":true}`, whole},
		{"a member in capitals", `{"NAME":"` + planted + `"}`, whole},
		{"a member in capitals beside it", `{"name":"x","Name":"` + planted + `"}`, whole},
		{"a member with a blank", `{"name":"x","name ":"` + planted + `"}`, whole},
		{"a member with a long s", `{"name":"x","expire\u017f_at":"` + planted + `"}`, whole},
		{"a member that says __proto__", `{"name":"x","__proto__":{"` + planted + `":1}}`, whole},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := h.root.in(t).raw("POST", "/api/auth/access-keys", tc.body).want(400, "request_invalid")
			a.keepsQuiet(h, planted)
			a.keepsQuiet(h, "12345678987")
			if got := a.metadata("pointer"); got != tc.pointer {
				t.Errorf("pointer %q, want %q: %s", got, tc.pointer, a.body)
			}
		})
	}
	if n := len(h.root.get("/api/auth/access-keys").want(200).list("keys")); n != 0 {
		t.Errorf("%d keys were made", n)
	}
}

// encoding/json would take each of these for "token", "identifier" or "name": the letters fold to the same.
func TestMembersAreNotFolded(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for _, tc := range []struct{ name, path, body string }{
		{"a Kelvin sign", "/api/auth/password/signin", "{\"identifier\":\"root\",\"to\u212Aen\":\"" + password + "\"}"},
		{"a Kelvin sign beside it", "/api/auth/password/signin", "{\"identifier\":\"root\",\"token\":\"" + planted + "\",\"to\u212Aen\":\"" + password + "\"}"},
		{"a Kelvin sign, escaped", "/api/auth/password/signin", `{"identifier":"root","to\u212Aen":"` + password + `"}`},
		{"a capital", "/api/auth/password/signin", `{"identifier":"root","toKen":"` + password + `"}`},
		{"a capital beside it", "/api/auth/password/signin", `{"identifier":"root","token":"` + planted + `","Token":"` + password + `"}`},
		{"a long s", "/api/roles", "{\"name\":\"x\",\"permi\u017Fsions\":[]}"},
		{"a long s beside it", "/api/roles", "{\"name\":\"x\",\"permissions\":[],\"permi\u017F\u017Fions\":[\"ADMINISTRATOR\"]}"},
		{"a capital in an update", "/api/auth/access-keys", `{"name":"x","Expires_at":null}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := h.root
			if strings.Contains(tc.path, "signin") {
				c = h.anonymous()
			}
			c.in(t).raw("POST", tc.path, tc.body).want(400, "request_invalid").keepsQuiet(h, password)
		})
	}
}

// The decoder keeps names apart by itself, too: it must see what the validator saw.
func TestTheDecoderDoesNotFold(t *testing.T) {
	t.Parallel()
	for body, fits := range map[string]bool{`{"name":"x"}`: true, `{"NAME":"x"}`: false, `{"name":"x","Name":"y"}`: false, `{"name":"x","other":1}`: false} {
		c := echo.New().NewContext(httptest.NewRequest(http.MethodPost, "/?name=z", nil), httptest.NewRecorder())
		c.Set(bodyKey, []byte(body))
		var in api.AccessKeyInput
		if err := (binder{}).Bind(&in, c); (err == nil) != fits || fits && in.Name != "x" {
			t.Errorf("%s: %v, %q", body, err, in.Name)
		}
	}
}

// ASVS 15.3.7: one value for a parameter. An answer to a query that cannot be right names the parameter, not its value.
func TestQueriesThatAreRefused(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	const keys, events = "/api/auth/access-keys", "/api/admin/audit-events"
	for _, tc := range []struct{ name, target, parameter string }{
		{"unknown", keys + "?" + planted + "=1", ""},
		{"unknown, without a value", keys + "?" + planted, ""},
		{"known, in capitals", keys + "?LIMIT=1", ""},
		{"known elsewhere", keys + "?type=access_key_created", ""},
		{"on an operation that knows none", "/api/accounts?limit=1", ""},
		{"repeated", keys + "?limit=1&limit=1", "limit"},
		{"repeated, once escaped", keys + "?limit=1&lim%69t=2", "limit"},
		{"not decodable", keys + "?limit=%zz", ""},
		{"split by a semicolon", keys + "?limit=1;cursor=x", ""},
		{"limit of nothing", keys + "?limit=", "limit"},
		{"limit without a value", keys + "?limit", "limit"},
		{"limit 0", keys + "?limit=0", "limit"},
		{"limit below 0", keys + "?limit=-1", "limit"},
		{"limit 101", keys + "?limit=101", "limit"},
		{"limit in letters", keys + "?limit=" + planted, "limit"},
		{"limit with a fraction", keys + "?limit=10.5", "limit"},
		{"limit with an exponent", keys + "?limit=1e1", "limit"},
		{"limit in hexadecimal", keys + "?limit=0x10", "limit"},
		{"limit with a blank", keys + "?limit=%2010", "limit"},
		{"limit past 64 bits", keys + "?limit=18446744073709551617", "limit"},
		{"limits in a list", keys + "?limit=1,2", "limit"},
		{"cursor of nothing", keys + "?cursor=", "cursor"},
		{"cursor that is no base64", keys + "?cursor=" + planted + "!", "cursor"},
		{"cursor that is too short", keys + "?cursor=" + planted, "cursor"},
		{"cursor that is too long", keys + "?cursor=" + strings.Repeat(planted, 11), "cursor"},
		{"cursor past the year 9999", keys + "?cursor=" + "f_______________" + strings.Repeat("A", 22), "cursor"},
		{"cursor with a quote in its id", keys + "?cursor=" + "AAAAAAAAAAAn" + strings.Repeat("J", 26), "cursor"},
		{"status that is none", keys + "?status=" + planted, "status"},
		{"status in capitals", keys + "?status=Active", "status"},
		{"statuses in a list", keys + "?status=active,revoked", "status"},
		{"account that is no id", events + "?account=" + planted, "account"},
		{"type that is none", events + "?type=" + planted, "type"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := h.root.in(t).get(tc.target).want(400, "request_invalid")
			a.keepsQuiet(h, planted)
			if got, _ := a.metadata("parameter").(string); got != tc.parameter {
				t.Errorf("parameter %q, want %q: %s", got, tc.parameter, a.body)
			}
		})
	}
	for _, target := range []string{"?limit=1", "?limit=100", "?limit=007", "?status=active", "?"} {
		h.root.get(keys + target).want(200)
	}
}

func TestIfMatchThatIsRefused(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	id, _ := h.root.newKey("x")
	for _, tc := range []struct {
		name  string
		lines []string
	}{
		{"without quotes", []string{"1"}},
		{"weak", []string{`W/"1"`}},
		{"a star", []string{"*"}},
		{"a list", []string{`"1", "2"`}},
		{"in letters", []string{`"` + planted + `"`}},
		{"with too many digits", []string{`"` + strings.Repeat("1", 20) + `"`}},
		{"twice", []string{`"1"`, `"1"`}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := h.root.in(t)
			for _, l := range tc.lines {
				c = c.with(http.CanonicalHeaderKey("If-Match"), l)
			}
			c.patch("/api/auth/access-keys/"+id, map[string]any{"name": "y"}).want(400, "request_invalid").keepsQuiet(h, planted)
		})
	}
}
