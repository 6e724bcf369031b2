package console_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/latchkey-dev/latchkey/internal/console"
)

func newConsole(t *testing.T) http.Handler {
	t.Helper()
	e := echo.New()
	if err := console.Register(e); err != nil {
		t.Fatal(err)
	}
	return e
}

func get(t *testing.T, h http.Handler, path string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result()
}

func read(t *testing.T, r io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Every address of the console is the one page, and what is none of them is not found.
func TestScreens(t *testing.T) {
	t.Parallel()
	h := newConsole(t)
	for _, path := range []string{"/", "/setup", "/sign-in", "/settings/access-keys", "/settings/access-keys/cc5lnd2s1s4652adtu50", "/settings/sessions",
		"/admin/access-keys", "/admin/accounts", "/admin/roles", "/admin/permissions", "/admin/audit", "/admin/health"} {
		resp := get(t, h, path)
		if body := read(t, resp.Body); resp.StatusCode != 200 || !strings.Contains(body, `<div id="root">`) {
			t.Errorf("%s: %d %.80s", path, resp.StatusCode, body)
		}
		if resp.Header.Get("Cache-Control") != "no-cache" || resp.Header.Get("Content-Type") != "text/html; charset=utf-8" {
			t.Errorf("%s: %v", path, resp.Header)
		}
	}
	for _, path := range []string{"/nothing", "/assets/nothing.js", "/index.html/x", "/dist/index.html", "/api/nothing"} {
		if resp := get(t, h, path); resp.StatusCode != 404 {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
}

// What the page may do is as narrow as docs and contract say, and the page itself asks for no more. ASVS 5.0, 3.4.3.
func TestPolicy(t *testing.T) {
	t.Parallel()
	h := newConsole(t)
	resp := get(t, h, "/")
	page := read(t, resp.Body)
	policy := resp.Header.Get("Content-Security-Policy")
	for _, rule := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "base-uri 'none'",
		"form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'"} {
		if !strings.Contains("; "+policy+";", "; "+rule+";") {
			t.Errorf("the policy lacks %s: %s", rule, policy)
		}
	}
	if strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") {
		t.Errorf("the policy is too wide: %s", policy)
	}
	if found := regexp.MustCompile(`(?i)<style|style=|\son[a-z]+=|<script(?:\s[^>]*)?>[^<]`).FindString(page); found != "" {
		t.Errorf("the page has something inline: %s", found)
	}
	if found := regexp.MustCompile(`(?:src|href)="[^/]`).FindString(page); found != "" {
		t.Errorf("the page loads from elsewhere: %s", found)
	}
}

// Files whose names change with their content are kept for good; all are asked for once and come packed.
func TestFiles(t *testing.T) {
	t.Parallel()
	h := newConsole(t)
	page := read(t, get(t, h, "/").Body)
	names := regexp.MustCompile(`/assets/[^"]+`).FindAllString(page, -1)
	if len(names) < 3 {
		t.Fatalf("the page names %q", names)
	}
	for _, name := range append(names, "/licenses.md") {
		plain, packed := get(t, h, name), get(t, h, name, "Accept-Encoding", "br, gzip")
		zr, err := gzip.NewReader(packed.Body)
		if err != nil {
			t.Fatal(name, err)
		}
		if read(t, plain.Body) != read(t, zr) {
			t.Errorf("%s is another file packed", name)
		}
		if plain.Header.Get("Vary") != "Accept-Encoding" || plain.Header.Get("Content-Encoding") != "" || plain.Header.Get("ETag") == packed.Header.Get("ETag") {
			t.Errorf("%s: %v and packed %v", name, plain.Header, packed.Header)
		}
		if again := get(t, h, name, "If-None-Match", plain.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
			t.Errorf("%s again: %d", name, again.StatusCode)
		}
		want := "public, max-age=31536000, immutable"
		if !strings.HasPrefix(name, "/assets/") {
			want = "no-cache"
		}
		if got := plain.Header.Get("Cache-Control"); got != want {
			t.Errorf("%s: Cache-Control %q", name, got)
		}
	}
}
