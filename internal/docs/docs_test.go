package docs_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/latchkey-dev/latchkey/internal/docs"
	"github.com/latchkey-dev/latchkey/internal/problem"
)

func newDocs(t *testing.T) http.Handler {
	t.Helper()
	e := echo.New()
	if err := docs.Register(e); err != nil {
		t.Fatal(err)
	}
	return e
}

func ask(t *testing.T, h http.Handler, method, path string, header ...string) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	resp := w.Result()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(body)
}

// A page has one address, which its other spellings lead to.
func TestAddresses(t *testing.T) {
	t.Parallel()
	h := newDocs(t)
	for path, kind := range map[string]string{"/docs/": "text/html; charset=utf-8", "/docs/permissions/": "text/html; charset=utf-8", "/docs/api/": "text/html; charset=utf-8",
		"/docs/errors/": "text/html; charset=utf-8", "/docs/openapi.yaml": "application/yaml", "/docs/docs.css": "text/css; charset=utf-8", "/docs/docs.js": "text/javascript; charset=utf-8"} {
		resp, body := ask(t, h, "GET", path)
		if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != kind || body == "" {
			t.Errorf("%s: %s %v", path, resp.Status, resp.Header)
		}
		if strings.Contains(body, page) && kind == "text/html; charset=utf-8" {
			t.Errorf("%s has links that are led on", path)
		}
		head, nothing := ask(t, h, "HEAD", path)
		if head.StatusCode != 200 || nothing != "" || head.Header.Get("ETag") != resp.Header.Get("ETag") {
			t.Errorf("HEAD %s: %s %q %v", path, head.Status, nothing, head.Header)
		}
	}
	for from, to := range map[string]string{"/docs": "/docs/", "/docs/permissions": "/docs/permissions/", "/docs/permissions/index.html": "/docs/permissions/", "/docs/index.html": "/docs/",
		"/docs/api/verify": "/docs/api/verify/"} {
		if resp, _ := ask(t, h, "GET", from); resp.StatusCode != 301 || resp.Header.Get("Location") != to {
			t.Errorf("%s: %s %q, want %q", from, resp.Status, resp.Header.Get("Location"), to)
		}
	}
}

const page = "index.html"

// Every code has a page, where the type of its problem leads.
func TestErrors(t *testing.T) {
	t.Parallel()
	h := newDocs(t)
	for _, code := range problem.Codes() {
		address := "/docs/errors/" + string(code) + "/"
		if resp, body := ask(t, h, "GET", address); resp.StatusCode != 200 || !strings.Contains(body, ">"+string(code)+"</h1>") {
			t.Errorf("%s: %s", address, resp.Status)
		}
		for _, from := range []string{"/docs/urn:latchkey:problem:", "/docs/errors/urn:latchkey:problem:", "/docs/errors/urn%3Alatchkey%3Aproblem%3A"} {
			if resp, _ := ask(t, h, "GET", from+string(code)); resp.StatusCode != 301 || resp.Header.Get("Location") != address {
				t.Errorf("%s%s: %s %q", from, code, resp.Status, resp.Header.Get("Location"))
			}
		}
	}
}

// What is not there is told in a page of the same kind, that works at every depth.
func TestElsewhere(t *testing.T) {
	t.Parallel()
	h := newDocs(t)
	for _, path := range []string{"/docs/nothing", "/docs/permissions/nothing/x", "/docs/404.html", "/docs/dist/index.html", "/docs/errors/urn:latchkey:problem:", "/docs/urn:latchkey:problem:nothing",
		"/docs/urn:latchkey:problem:../permissions", "/docs/../docs.go"} {
		resp, body := ask(t, h, "GET", path)
		if resp.StatusCode != 404 || !strings.Contains(body, `href="/docs/permissions/"`) || strings.Contains(body, `="../`) || resp.Header.Get("ETag") != "" {
			t.Errorf("%s: %s %.300s", path, resp.Status, body)
		}
		if head, nothing := ask(t, h, "HEAD", path); head.StatusCode != 404 || nothing != "" {
			t.Errorf("HEAD %s: %s %q", path, head.Status, nothing)
		}
	}
	for _, path := range []string{"/elsewhere", "/docsx"} {
		if resp, body := ask(t, h, "GET", path); resp.StatusCode != 404 || strings.Contains(body, "<html") {
			t.Errorf("%s: %s %.80s", path, resp.Status, body)
		}
	}
}

// Pages may do what the console may, come packed and are sent once.
func TestHeaders(t *testing.T) {
	t.Parallel()
	h := newDocs(t)
	for _, path := range []string{"/docs/", "/docs/search-index.js", "/docs/screenshots/access-keys-desktop-light.png", "/docs/nothing"} {
		resp, body := ask(t, h, "GET", path)
		policy := resp.Header.Get("Content-Security-Policy")
		for _, rule := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "base-uri 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'"} {
			if !strings.Contains("; "+policy+";", "; "+rule+";") || strings.Contains(policy, "unsafe") {
				t.Errorf("%s lacks %s: %s", path, rule, policy)
			}
		}
		if resp.Header.Get("Cache-Control") != "no-cache" || resp.Header.Get("Vary") != "Accept-Encoding" {
			t.Errorf("%s: %v", path, resp.Header)
		}
		packed, raw := ask(t, h, "GET", path, "Accept-Encoding", "gzip")
		zr, err := gzip.NewReader(strings.NewReader(raw))
		if err != nil {
			t.Fatal(path, err)
		}
		if again, err := io.ReadAll(zr); err != nil || string(again) != body {
			t.Errorf("%s is another page packed: %v", path, err)
		}
		tag := packed.Header.Get("ETag")
		if tag == "" { // nobody keeps what was not found
			continue
		}
		if resp, body := ask(t, h, "GET", path, "Accept-Encoding", "gzip", "If-None-Match", tag); resp.StatusCode != 304 || body != "" || tag == resp.Header.Get("ETag")+"x" {
			t.Errorf("%s again: %s", path, resp.Status)
		}
	}
}
