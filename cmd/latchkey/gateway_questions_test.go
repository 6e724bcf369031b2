package main_test

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
)

// Envoy is not run here, and Traefik only where there is one: what they send, and what they do with the answer, is as they document it.

func TestQuestionsOfTraefikAndEnvoy(t *testing.T) {
	t.Parallel()
	p := serve(t, "LATCHKEY_DATA_DIR="+seeded(t), "LATCHKEY_TRUSTED_PROXIES=127.0.0.0/8")
	k, address := newKeyring(t, p), address(p)
	_, traefiks, _ := strings.Cut(dig(t, described(t, "http"), "http", "middlewares", "latchkey", "forwardAuth", "address").(string), "127.0.0.1:8080")
	envoys := dig(t, described(t, "static_resources"), "static_resources", "listeners", 0, "filter_chains", 0, "filters", 0, "typed_config",
		"http_filters", 1, "typed_config", "http_service", "path_prefix").(string)
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} {
		for _, uri := range []string{"/", "/data-planes/1", "/search?q=a+b&q=c%20d&empty="} {
			traefik := "GET " + traefiks + " HTTP/1.1\r\nHost: " + address + "\r\nUser-Agent: Go-http-client/1.1\r\nAccept-Encoding: gzip\r\n" +
				"X-Forwarded-Method: " + method + "\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: api.example.com\r\n" +
				"X-Forwarded-Uri: " + uri + "\r\nX-Forwarded-For: 203.0.113.7\r\n"
			// Without authRequestHeaders it adds all that the client sent.
			everything := traefik + "Accept: */*\r\nContent-Type: text/plain\r\nContent-Encoding: gzip\r\nCookie: a=b\r\nExpect: 100-continue\r\n" +
				"Origin: https://elsewhere.example\r\nSec-Fetch-Site: cross-site\r\nIf-None-Match: *\r\nRange: bytes=0-0\r\n"
			envoy := method + " " + envoys + uri + " HTTP/1.1\r\nhost: api.example.com\r\ncontent-length: 0\r\nx-envoy-internal: true\r\n" +
				"x-forwarded-for: 203.0.113.7, 127.0.0.1\r\nx-envoy-expected-rq-timeout-ms: 3000\r\n"
			for name, question := range map[string]string{"Traefik": traefik, "Traefik, everything": everything, "Envoy": envoy} {
				what := fmt.Sprintf("%s about %s %s", name, method, uri)
				wantIdentity(t, what, answerTo(t, address, question, "Bearer "+k.key.Secret.Reveal()), k)
				for _, r := range k.refused {
					wantRefusalOf(t, what+" with "+r.name, answerTo(t, address, question, r.authorization), r)
				}
			}
		}
	}
	until(t, "the address of the client is noted", func() bool { return lastUsedFrom(t, k.grace, k.key.ID) == "203.0.113.7" })
}

func lastUsedFrom(t *testing.T, owner *latchkey.Client, id string) string {
	t.Helper()
	k, err := owner.AccessKeyGet(t.Context(), id)
	check(t, err)
	if k.LastUsedIP == nil {
		return ""
	}
	return *k.LastUsedIP
}

// answerTo sends a question as it is, but for the key that goes with it.
func answerTo(t *testing.T, address, question, authorization string) *http.Response {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	check(t, err)
	defer conn.Close()
	check(t, conn.SetDeadline(time.Now().Add(patience)))
	if authorization != "" {
		question += "Authorization: " + authorization + "\r\n"
	}
	_, err = io.WriteString(conn, question+"\r\n")
	check(t, err)
	method, _, _ := strings.Cut(question, " ")
	resp, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	check(t, err)
	_, err = io.ReadAll(resp.Body)
	check(t, err)
	return resp
}

// identityOf gives the identity headers of an answer.
func identityOf(header http.Header) http.Header {
	return maps.Collect(func(yield func(string, []string) bool) {
		for name, values := range header {
			if strings.HasPrefix(name, "X-Latchkey-") && !yield(name, values) {
				return
			}
		}
	})
}

// wantIdentity says that an answer is exactly 200, has the four headers, none missing, and is not to be kept.
func wantIdentity(t *testing.T, what string, resp *http.Response, k keyring) {
	t.Helper()
	want := http.Header{"X-Latchkey-Account-Id": {k.owner.ID}, "X-Latchkey-Account-Handle": {k.owner.Handle},
		"X-Latchkey-Key-Id": {k.key.ID}, "X-Latchkey-Permission": {"*:*"}}
	if got := identityOf(resp.Header); resp.StatusCode != 200 || !maps.EqualFunc(got, want, slices.Equal) || resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s: %s with %v", what, resp.Status, resp.Header)
	}
}

func wantRefusalOf(t *testing.T, what string, resp *http.Response, r refusedKey) {
	t.Helper()
	challenge := resp.Header.Get("WWW-Authenticate")
	if resp.StatusCode != r.status || (r.status == 401 && challenge != r.challenge) || len(identityOf(resp.Header)) != 0 || resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s: %s with %v", what, resp.Status, resp.Header)
	}
}

// Traefik takes away each header of the client that the expression matches, under its canonical name, and then sets those of the answer.
func TestTraefikReplacesForgedNames(t *testing.T) {
	t.Parallel()
	names := regexp.MustCompile(dig(t, described(t, "http"), "http", "middlewares", "latchkey", "forwardAuth", "authResponseHeadersRegex").(string))
	for _, name := range forgedNames {
		if !names.MatchString(http.CanonicalHeaderKey(name)) {
			t.Errorf("%s is left", name)
		}
	}
	for _, name := range []string{"Authorization", "X-Forwarded-For", "Content-Type"} {
		if names.MatchString(name) {
			t.Errorf("%s is gone", name)
		}
	}
}
