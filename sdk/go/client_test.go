package latchkey_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
	"github.com/latchkey-dev/latchkey/sdk/go/api"
)

const key = "lkpat_OtZxRtj2W3TKDpxX_yWbwYZKhq0kCGMania8S3I20f1lEcBF1G73g497iVsr4KYwIo"

// serve runs a server that answers with one handler.
func serve(t *testing.T, answer http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	return s.URL
}

func newClient(t *testing.T, c latchkey.Config) *latchkey.Client {
	t.Helper()
	client, err := latchkey.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func answerJSON(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

func TestBaseURL(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"", "keys.example.com", "keys.example.com:8080", "ftp://keys.example.com", "https://", "https://u:hush@keys.example.com",
		"https://keys.example.com?a=b", "https://keys.example.com:hush"} {
		if _, err := latchkey.New(latchkey.Config{BaseURL: bad}); err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, good := range []string{"https://keys.example.com", "https://keys.example.com/", "http://127.0.0.1:8080"} {
		newClient(t, latchkey.Config{BaseURL: good})
	}
}

func TestKeyTravelsAloneAndToOneHost(t *testing.T) {
	t.Parallel()
	elsewhere := serve(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("followed a redirect, with %v", r.Header) })
	var seen []http.Header
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r.Header.Clone())
		http.SetCookie(w, &http.Cookie{Name: "latchkey-session", Value: "planted", Path: "/"})
		http.Redirect(w, r, elsewhere, http.StatusTemporaryRedirect)
	})
	c := newClient(t, latchkey.Config{BaseURL: url, Key: latchkey.NewKey(key), HTTPClient: &http.Client{}})
	for range 2 {
		_, err := c.AccountGet(t.Context())
		if e, ok := errors.AsType[*latchkey.Error](err); !ok || e.Status != http.StatusTemporaryRedirect || e.Code != "" {
			t.Errorf("a redirect gives %v", err)
		}
	}
	for _, h := range seen {
		if h.Get("Authorization") != "Bearer "+key || h.Get("Cookie") != "" {
			t.Errorf("sent %v", h)
		}
	}
}

func TestSessionIsKept(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		cookie, err := r.Cookie("latchkey-session")
		switch {
		case r.Header.Get("Authorization") != "":
			t.Error("sent Authorization without a key")
		case r.URL.Path == "/api/auth/password/signin":
			http.SetCookie(w, &http.Cookie{Name: "latchkey-session", Value: "s1", Path: "/", HttpOnly: true, MaxAge: 60})
			answerJSON(w, http.StatusOK, `{"id":"cc5lnd2s1s4652adtu50"}`)
		case r.URL.Path == "/api/auth/logout" && err == nil && cookie.Value == "s1":
			http.SetCookie(w, &http.Cookie{Name: "latchkey-session", Path: "/", MaxAge: -1})
			w.WriteHeader(http.StatusNoContent)
		case r.URL.Path == "/api/auth/sessions" && err == nil && cookie.Value == "s1":
			answerJSON(w, http.StatusOK, `{"sessions":[{"id":"cc5lnd2s1s4652adtu50","current":true}]}`)
		case err == nil:
			t.Errorf("%s with %v", r.URL, cookie)
		default:
			refuse(w, http.StatusUnauthorized, "credential_required")
		}
	})
	c := newClient(t, latchkey.Config{BaseURL: url})
	id, err := c.AuthPasswordSignin(t.Context(), "ada", "pass phrase")
	if err != nil || id != "cc5lnd2s1s4652adtu50" {
		t.Errorf("sign-in: %q, %v", id, err)
	}
	if list, err := c.SessionList(t.Context()); err != nil || len(list) != 1 || !list[0].Current {
		t.Errorf("sessions: %v, %v", list, err)
	}
	if err := c.AuthLogout(t.Context()); err != nil {
		t.Errorf("sign-out: %v", err)
	}
	if _, err := c.SessionList(t.Context()); !errors.Is(err, &latchkey.Error{Code: api.ErrorCodeCredentialRequired}) {
		t.Errorf("after sign-out: %v", err)
	}
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"type": "urn:latchkey:problem:" + code, "title": "T", "status": status, "detail": "Said so.",
		"trace_id": strings.Repeat("a", 32), "metadata": map[string]any{"permission": "MANAGE_ROLES"}, "error": code, "message": "T", "suggested": "Do so."})
}

func TestRefusalIsTyped(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		refuse(w, http.StatusForbidden, "permission_denied")
	})
	_, err := newClient(t, latchkey.Config{BaseURL: url}).RoleCreate(t.Context(), latchkey.RoleInput{Name: "Integrator"})
	got, ok := errors.AsType[*latchkey.Error](err)
	if !ok {
		t.Fatalf("got %v", err)
	}
	want := &latchkey.Error{Code: api.ErrorCodePermissionDenied, Status: 403, Detail: "Said so.", Suggested: "Do so.", TraceID: strings.Repeat("a", 32),
		Metadata: map[string]any{"permission": "MANAGE_ROLES"}, RetryAfter: 7 * time.Second}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if text := err.Error(); text != "latchkey: 403 permission_denied: Said so. Do so. (trace "+strings.Repeat("a", 32)+")" {
		t.Errorf("text: %s", text)
	}
	if errors.Is(err, &latchkey.Error{Code: api.ErrorCodeNotFound}) || errors.Is(&latchkey.Error{}, &latchkey.Error{}) {
		t.Error("another code is taken for the same")
	}
}

// What stands between a client and the service answers in its own way.
func TestForeignAnswers(t *testing.T) {
	t.Parallel()
	const page, plain = "<html>" + key + "</html>", "application/json"
	for name, answer := range map[string]struct {
		status     int
		kind, body string
	}{
		"gateway page":             {502, "text/html; charset=utf-8", page},
		"gateway JSON":             {502, plain, `{"error":"bad gateway"}`},
		"problem of somebody else": {503, "application/problem+json", `{"title":"no"}`},
		"broken problem":           {503, "application/problem+json", `{"error":"not_found"`},
		"no body":                  {504, "", ""},
		"login page":               {200, "text/html", page},
		"page as JSON":             {200, plain, page},
		"JSON as text":             {200, "text/plain", `{}`},
		"half a result":            {200, plain, `{"id":`},
		"another shape":            {200, plain, `{"id":7}`},
		"no content":               {204, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", answer.kind)
				w.Header().Set("Retry-After", "Wed, 21 Oct 2015 07:28:00 GMT")
				w.WriteHeader(answer.status)
				_, _ = io.WriteString(w, answer.body)
			})
			_, err := newClient(t, latchkey.Config{BaseURL: url}).AccessKeySelfGet(t.Context())
			e, ok := errors.AsType[*latchkey.Error](err)
			if !ok || e.Status != answer.status || e.Code != "" || !strings.Contains(e.Error(), "no answer of Latchkey") || strings.Contains(e.Error(), key) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestNobodyAnswers(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	_, err := newClient(t, latchkey.Config{BaseURL: s.URL, Key: latchkey.NewKey(key)}).AccountGet(t.Context())
	if _, ok := errors.AsType[*latchkey.Error](err); err == nil || ok || strings.Contains(err.Error(), key) {
		t.Errorf("got %v", err)
	}
	_, err = newClient(t, latchkey.Config{BaseURL: s.URL, Key: latchkey.NewKey(key + "\n")}).AccountGet(t.Context())
	if err == nil || strings.Contains(err.Error(), key) {
		t.Errorf("a key that cannot be sent: %v", err)
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	asked := 0
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		if r.URL.Query().Get("status") != "active" {
			t.Errorf("asked for %s", r.URL)
		}
		switch r.URL.Query().Get("cursor") {
		case "":
			answerJSON(w, http.StatusOK, `{"keys":[{"name":"c"},{"name":"b"}],"next_cursor":"two"}`)
		case "two":
			answerJSON(w, http.StatusOK, `{"keys":[{"name":"a"}],"next_cursor":"three"}`)
		case "three":
			answerJSON(w, http.StatusOK, `{"keys":[]}`)
		}
	})
	c := newClient(t, latchkey.Config{BaseURL: url})
	var names []string
	for k, err := range c.AccessKeyList(t.Context(), latchkey.AccessKeyFilter{Status: api.AccessKeyStatusActive}) {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, k.Name)
	}
	if !slices.Equal(names, []string{"c", "b", "a"}) || asked != 3 {
		t.Errorf("got %v in %d requests", names, asked)
	}
	for range c.AccessKeyList(t.Context(), latchkey.AccessKeyFilter{Status: api.AccessKeyStatusActive}) {
		break
	}
	if asked != 4 {
		t.Errorf("who wants one item costs %d requests", asked-3)
	}
}

func TestPagesEndAtAnError(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("cursor") == "" {
			answerJSON(w, http.StatusOK, `{"keys":[{"name":"a"}],"next_cursor":"two"}`)
			return
		}
		refuse(w, http.StatusServiceUnavailable, "database_unavailable")
	})
	var got []string
	for k, err := range newClient(t, latchkey.Config{BaseURL: url}).AdminAccessKeyList(t.Context(), latchkey.AccessKeyFilter{}) {
		got = append(got, fmt.Sprint(k.Name, errors.Is(err, &latchkey.Error{Code: api.ErrorCodeDatabaseUnavailable})))
	}
	if !slices.Equal(got, []string{"afalse", "true"}) {
		t.Errorf("got %v", got)
	}
}

func TestAccessKeyUpdateSaysWhatChanges(t *testing.T) {
	t.Parallel()
	var body, match string
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		body, match = string(b), r.Header.Get("If-Match")
		answerJSON(w, http.StatusOK, `{}`)
	})
	c := newClient(t, latchkey.Config{BaseURL: url})
	at := time.Date(2031, 1, 31, 23, 59, 59, 0, time.UTC)
	for _, row := range []struct {
		version     int64
		in          latchkey.AccessKeyUpdate
		body, match string
	}{
		{0, latchkey.AccessKeyUpdate{Name: new("ci")}, `{"name":"ci"}`, ""},
		{3, latchkey.AccessKeyUpdate{ExpiresAt: latchkey.At(at)}, `{"expires_at":"2031-01-31T23:59:59Z"}`, `"3"`},
		{0, latchkey.AccessKeyUpdate{ExpiresAt: latchkey.Never()}, `{"expires_at":null}`, ""},
		{0, latchkey.AccessKeyUpdate{Enabled: new(false)}, `{"enabled":false}`, ""},
	} {
		if _, err := c.AccessKeyUpdate(t.Context(), "cc5lnd2s1s4652adtu50", row.version, row.in); err != nil || body != row.body || match != row.match {
			t.Errorf("sent %s, If-Match %s, %v; want %s, %s", body, match, err, row.body, row.match)
		}
	}
}

func TestRevokingGivesTheRevision(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "nobodys") {
			w.Header().Set("Latchkey-Revision", "of nothing")
			refuse(w, http.StatusNotFound, "not_found")
			return
		}
		w.Header().Set("Latchkey-Revision", r.Method+"-"+path.Base(r.URL.Path))
		w.WriteHeader(http.StatusNoContent)
	})
	c := newClient(t, latchkey.Config{BaseURL: url})
	for _, row := range []struct {
		revoke func() (latchkey.Revision, error)
		want   latchkey.Revision
	}{
		{func() (latchkey.Revision, error) { return c.AccessKeyDelete(t.Context(), "own") }, "DELETE-own"},
		{func() (latchkey.Revision, error) { return c.AdminAccessKeyDelete(t.Context(), "anybodys") }, "DELETE-anybodys"},
		{func() (latchkey.Revision, error) { return c.AccessKeySelfRevoke(t.Context()) }, "DELETE-self"},
		{func() (latchkey.Revision, error) { return c.AccessKeyPreviousSecretDelete(t.Context(), "x") }, "DELETE-previous-secret"},
	} {
		if got, err := row.revoke(); got != row.want || err != nil {
			t.Errorf("got %q, %v, want %q", got, err, row.want)
		}
	}
	if got, err := c.AccessKeyDelete(t.Context(), "nobodys"); got != "" || !errors.Is(err, &latchkey.Error{Code: api.ErrorCodeNotFound}) {
		t.Errorf("a refusal gives %q, %v", got, err)
	}
}

func TestAccessKeyVerifySaysWhatIsAsked(t *testing.T) {
	t.Parallel()
	var body string
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		body = string(b)
		answerJSON(w, http.StatusOK, `{"valid":true,"code":"VALID","status":200,"key":{"id":"cc5lnd2s1s4652adtu50","name":"ci"}}`)
	})
	c := newClient(t, latchkey.Config{BaseURL: url})
	for _, row := range []struct {
		in   latchkey.VerifyInput
		body string
	}{
		{latchkey.VerifyInput{}, `{"key":""}`},
		{latchkey.VerifyInput{Key: latchkey.NewKey(key)}, `{"key":"` + key + `"}`},
		{latchkey.VerifyInput{Ask: latchkey.Ask{Permission: "VIEW_AUDIT_LOG"}}, `{"key":"","permission":"VIEW_AUDIT_LOG"}`},
		{latchkey.VerifyInput{Ask: latchkey.Ask{Method: "GET", Path: "/media/1"}}, `{"key":"","request":{"method":"GET","path":"/media/1"}}`},
		{latchkey.VerifyInput{Ask: latchkey.Ask{Resource: "media", Access: "read"}, Cost: new(int64(7))}, `{"access":"read","cost":7,"key":"","resource":"media"}`},
		{latchkey.VerifyInput{DryRun: true}, `{"key":"","record":false}`},
		{latchkey.VerifyInput{Strict: true}, `{"consistency":"strict","key":""}`},
		{latchkey.VerifyInput{AtLeast: "7.f00"}, `{"at_least":"7.f00","key":""}`},
		{latchkey.VerifyInput{Address: netip.MustParseAddr("192.0.2.7")}, `{"address":"192.0.2.7","key":""}`},
		{latchkey.VerifyInput{Address: netip.MustParseAddr("fe80::1%eth0")}, `{"address":"fe80::1","key":""}`},
	} {
		got, err := c.AccessKeyVerify(t.Context(), row.in)
		if err != nil || body != row.body || !got.Valid || got.Code != api.VerifyCodeValid || got.Key == nil || got.Key.Name != "ci" {
			t.Errorf("sent %s, want %s; got %+v, %v", body, row.body, got, err)
		}
	}
}

// A bad key is an answer; that there is none is an error.
func TestAccessKeyVerifyTellsABadKeyFromNoAnswer(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if b, _ := io.ReadAll(r.Body); strings.Contains(string(b), "strict") {
			refuse(w, http.StatusServiceUnavailable, "verification_unavailable")
			return
		}
		answerJSON(w, http.StatusOK, `{"valid":false,"code":"REVOKED","status":401,"message":"The key is revoked."}`)
	})
	c := newClient(t, latchkey.Config{BaseURL: url})
	got, err := c.AccessKeyVerify(t.Context(), latchkey.VerifyInput{Key: latchkey.NewKey(key)})
	if err != nil || got.Valid || got.Code != api.VerifyCodeRevoked || got.Status != http.StatusUnauthorized || got.Key != nil {
		t.Errorf("a bad key gives %+v, %v", got, err)
	}
	got, err = c.AccessKeyVerify(t.Context(), latchkey.VerifyInput{Key: latchkey.NewKey(key), Strict: true})
	if !errors.Is(err, &latchkey.Error{Code: api.ErrorCodeVerificationUnavailable}) || got.Valid || strings.Contains(err.Error(), key) {
		t.Errorf("no answer gives %+v, %v", got, err)
	}
}

// Each question of a batch is what it would be alone, and has an answer of its own.
func TestAccessKeyVerifyBatch(t *testing.T) {
	t.Parallel()
	var body string
	answer := `{"answers":[{"result":{"valid":true,"code":"VALID","status":200}},{"problem":{"error":"request_invalid","status":400,"detail":"D.","trace_id":"7"}},{}]}`
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		body = r.URL.Path + " " + string(b)
		answerJSON(w, http.StatusOK, answer)
	})
	c := newClient(t, latchkey.Config{BaseURL: url})
	questions := []latchkey.VerifyInput{{Key: latchkey.NewKey(key), DryRun: true}, {Ask: latchkey.Ask{Method: "GET", Path: "/a//b"}}, {}}
	got, err := c.AccessKeyVerifyBatch(t.Context(), questions)
	if want := `/api/access-keys/verify/batch {"questions":[{"key":"` + key + `","record":false},{"key":"","request":{"method":"GET","path":"/a//b"}},{"key":""}]}`; body != want {
		t.Errorf("asked %s, want %s", body, want)
	}
	if err != nil || len(got) != 3 || !got[0].Result.Valid || got[0].Err != nil {
		t.Fatalf("got %+v, %v", got, err)
	}
	if e, ok := errors.AsType[*latchkey.Error](got[1].Err); !ok || e.Code != api.ErrorCodeRequestInvalid || e.Status != 400 || e.Detail != "D." || e.TraceID != "7" {
		t.Errorf("the second: %v", got[1].Err)
	}
	if got[2].Err == nil {
		t.Error("no answer is one")
	}
	if got, err := c.AccessKeyVerifyBatch(t.Context(), questions[:2]); err == nil {
		t.Errorf("three answers to two questions give %v", got)
	}
}

func TestTokenIntrospectSendsAForm(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		if r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" || r.URL.RawQuery != "" || r.Header.Get("Authorization") != "Bearer of the asker" {
			t.Errorf("sent %s with %v", r.URL, r.Header)
		}
		switch string(b) {
		case "token=" + key:
			answerJSON(w, http.StatusOK, `{"active":true,"scope":"VIEW_AUDIT_LOG","username":"ada","iat":1767225600,"token_type":"Bearer"}`)
		case "token=a%26b%3D+c":
			answerJSON(w, http.StatusOK, `{"active":false}`)
		default:
			t.Errorf("sent %q", b)
		}
	})
	c := newClient(t, latchkey.Config{BaseURL: url, Key: latchkey.NewKey("of the asker")})
	got, err := c.TokenIntrospect(t.Context(), latchkey.NewKey(key))
	if err != nil || !got.Active || got.Scope == nil || *got.Scope != "VIEW_AUDIT_LOG" || got.Exp != nil {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := c.TokenIntrospect(t.Context(), latchkey.NewKey("a&b= c")); err != nil || got.Active {
		t.Errorf("got %+v, %v", got, err)
	}
}

// Every operation of the contract has its method here, under its own name; probes and gateways do without.
func TestFaceIsComplete(t *testing.T) {
	t.Parallel()
	core, face := reflect.TypeFor[api.ClientInterface](), reflect.TypeFor[*latchkey.Client]()
	for i := range core.NumMethod() {
		name := strings.TrimSuffix(core.Method(i).Name, "WithFormdataBody")
		if _, ok := face.MethodByName(name); !ok && !strings.HasSuffix(name, "WithBody") && name != "Livez" && name != "ForwardAuth" {
			t.Errorf("%s is missing", name)
		}
	}
}
