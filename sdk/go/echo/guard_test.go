package echoguard_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
	echoguard "github.com/latchkey-dev/latchkey/sdk/go/echo"
	"github.com/latchkey-dev/latchkey/sdk/go/guard"
)

// A refusal is the guard's, and what is let in has a verdict; the guard's own tests are beside it.
func TestProtect(t *testing.T) {
	t.Parallel()
	var verdict string
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, verdict)
	}))
	t.Cleanup(service.Close)
	client, err := latchkey.New(latchkey.Config{BaseURL: service.URL, Key: latchkey.NewKey("own")})
	if err != nil {
		t.Fatal(err)
	}
	g, err := guard.New(guard.Config{Client: client})
	if err != nil {
		t.Fatal(err)
	}
	e := echo.New()
	e.HTTPErrorHandler = func(err error, _ echo.Context) { t.Errorf("error handler: %v", err) }
	reached := 0
	e.POST("/media", func(c echo.Context) error {
		reached++
		v, ok := echoguard.Verdict(c)
		if !ok {
			t.Error("no verdict")
		}
		body, _ := io.ReadAll(c.Request().Body)
		return c.String(http.StatusOK, v.Account.Handle+" "+string(body))
	}, echoguard.Protect(g))

	for _, row := range []struct {
		verdict, authorization string
		status, reached        int
		body                   string
	}{
		{`{"valid":true,"code":"VALID","status":200,"key":{"id":"k","name":"ci"},"account":{"id":"a","handle":"ada","kind":"member"}}`, "Bearer k", 200, 1, "ada a body"},
		{`{"valid":false,"code":"REVOKED","status":401}`, "Bearer k", 401, 1, `"error":"credential_invalid"`},
		{``, "Bearer k", 503, 1, `"error":"verification_unavailable"`},
		{``, "", 401, 1, `"error":"credential_required"`},
	} {
		verdict = row.verdict
		r := httptest.NewRequest("POST", "/media", strings.NewReader("a body"))
		r.Header.Set("Authorization", row.authorization)
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		if w.Code != row.status || reached != row.reached || !strings.Contains(w.Body.String(), row.body) {
			t.Errorf("%s: %d %s, reached %d times", row.verdict, w.Code, w.Body, reached)
		}
	}
}
