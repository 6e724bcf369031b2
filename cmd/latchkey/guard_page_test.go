package main_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
	"github.com/latchkey-dev/latchkey/sdk/go/api"
	"github.com/latchkey-dev/latchkey/sdk/go/guard"

	echoguard "github.com/latchkey-dev/latchkey/sdk/go/echo"
)

// Every Go block of docs/go.md stands in this file, letter by letter, in a function that TestGoPage calls.
func TestGoPageIsThisFile(t *testing.T) {
	t.Parallel()
	here, err := os.ReadFile("guard_page_test.go")
	check(t, err)
	for _, b := range blocksOf(t, "docs/go.md") {
		code := strings.TrimSuffix(b.text, "\n")
		parts := []string{"{\n" + regexp.MustCompile(`(?m)^(.)`).ReplaceAllString(code, "\t$1")} // it begins a function
		if imports, ok := strings.CutPrefix(code, "import ("); ok {
			parts = strings.FieldsFunc(strings.TrimSuffix(imports, ")"), func(r rune) bool { return r == '\n' })
		}
		for _, part := range parts {
			if n := strings.Count(string(here), part+"\n"); n != 1 {
				t.Errorf("%s: %d times in this file:\n%s", b, n, part)
			}
		}
	}
}

func TestGoPage(t *testing.T) {
	t.Parallel()
	ctx, p := t.Context(), serve(t, "LATCHKEY_DATA_DIR="+seeded(t))
	ada := p.ada()
	check(t, second(ada.PermissionCatalogueUpdate(ctx, 0, latchkey.PermissionCatalogueInput{Flat: []string{"SHIP_ORDERS"}, Resources: []api.CatalogueResource{
		{Name: "media", Paths: []string{"/media"}, Access: []api.AccessLevel{"read"}}}})))
	service := p.newKey(ada).Secret
	var client *latchkey.Client
	check(t, pageClient(ctx, p.url, service.Reveal(), func(c *latchkey.Client, account latchkey.Account) {
		if client = c; account.Handle != "ada" {
			t.Errorf("a key of %s", account.Handle)
		}
	}))
	var issued latchkey.AccessKeyIssued
	check(t, pageSession(ctx, p.url, "grace", gracePassword, func(k latchkey.AccessKeyIssued) { issued = k }))
	if got := pageErrors(ctx, client, issued.ID); got != "no such key" {
		t.Errorf("of somebody else's key: %s", got)
	}
	if got := pageErrors(ctx, p.anonymous(), issued.ID); !strings.HasPrefix(got, "401 credential_required, trace ") {
		t.Errorf("of nobody: %s", got)
	}
	if once, err := pageOnce(p.url, service.Reveal()); err != nil || second(once.AccountGet(ctx)) != nil {
		t.Errorf("with one attempt: %v", err)
	}
	var list bytes.Buffer
	if err := pageList(ctx, client, &list); err != nil || !strings.HasSuffix(list.String(), " ci active\n") {
		t.Errorf("listed %s, %v", &list, err)
	}

	g, err := guard.New(guard.Config{Client: client})
	check(t, err)
	plain, err := pageGuard(client, slog.New(slog.DiscardHandler))
	check(t, err)
	for _, h := range []http.Handler{plain, pageEcho(g)} {
		if w := pageAsk(h, issued.Secret, "/media/7"); w.Code != 200 || w.Body.String() != "7 for grace" {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if w := pageAsk(h, issued.Secret, "/else"); w.Code != 403 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	shipping, err := pageShipping(client)
	check(t, err)
	if w := pageAsk(shipping.Protect(http.NotFoundHandler()), issued.Secret, "/"); w.Code != 403 || !strings.Contains(w.Body.String(), "SHIP_ORDERS") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := pageAsk(shipping.Protect(http.NotFoundHandler()), service, "/"); w.Code != 402 || !strings.HasPrefix(w.Body.String(), "Please top up") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func pageAsk(h http.Handler, key latchkey.Key, path string) *httptest.ResponseRecorder {
	r, w := httptest.NewRequest("GET", path, nil), httptest.NewRecorder()
	r.Header.Set("Authorization", "Bearer "+key.Reveal())
	h.ServeHTTP(w, r)
	return w
}

func pageClient(ctx context.Context, url, secret string, use func(*latchkey.Client, latchkey.Account)) error {
	client, err := latchkey.New(latchkey.Config{BaseURL: url, Key: latchkey.NewKey(secret)})
	if err != nil {
		return err
	}
	account, err := client.AccountGet(ctx)
	use(client, account)
	return err
}

func pageSession(ctx context.Context, url, handle, password string, use func(latchkey.AccessKeyIssued)) error {
	admin, err := latchkey.New(latchkey.Config{BaseURL: url})
	if err != nil {
		return err
	}
	if _, err := admin.AuthPasswordSignin(ctx, handle, password); err != nil {
		return err
	}
	issued, err := admin.AccessKeyCreate(ctx, latchkey.AccessKeyInput{Name: "ci", Permissions: latchkey.Only("media:read")})
	use(issued)
	return err
}

func pageErrors(ctx context.Context, client *latchkey.Client, id string) string {
	_, err := client.AccessKeyGet(ctx, id)
	if errors.Is(err, &latchkey.Error{Code: api.ErrorCodeNotFound}) {
		return "no such key"
	}
	if refusal, ok := errors.AsType[*latchkey.Error](err); ok {
		return fmt.Sprintf("%d %s, trace %s", refusal.Status, refusal.Code, refusal.TraceID)
	}
	return fmt.Sprint(err)
}

func pageOnce(url, secret string) (*latchkey.Client, error) {
	once, err := latchkey.New(latchkey.Config{BaseURL: url, Key: latchkey.NewKey(secret), Attempts: 1})
	return once, err
}

func pageList(ctx context.Context, client *latchkey.Client, out io.Writer) error {
	for key, err := range client.AccessKeyList(ctx, latchkey.AccessKeyFilter{Unrevoked: true}) {
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintln(out, key.ID, key.Name, key.Status)
	}
	return nil
}

func pageGuard(client *latchkey.Client, log *slog.Logger) (http.Handler, error) {
	g, err := guard.New(guard.Config{Client: client, Log: log})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /media/{id}", func(w http.ResponseWriter, r *http.Request) {
		verdict, _ := guard.Verdict(r.Context())
		_, _ = fmt.Fprintf(w, "%s for %s", r.PathValue("id"), verdict.Account.Handle)
	})
	return g.Protect(mux), nil
}

func pageEcho(g *guard.Guard) http.Handler {
	e := echo.New()
	e.Use(echoguard.Protect(g))
	e.GET("/media/:id", func(c echo.Context) error {
		verdict, _ := echoguard.Verdict(c)
		return c.String(http.StatusOK, c.Param("id")+" for "+verdict.Account.Handle)
	})
	return e
}

func pageShipping(client *latchkey.Client) (*guard.Guard, error) {
	shipping, err := guard.New(guard.Config{
		Client:         client,
		Permission:     "SHIP_ORDERS",
		Cost:           new(int64(25)),
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		Refuse: func(w http.ResponseWriter, r *http.Request, refusal guard.Refusal) {
			if refusal.Status == http.StatusPaymentRequired {
				http.Error(w, "Please top up at https://shop.example.com/credits", refusal.Status)
				return
			}
			guard.Problem(w, r, refusal)
		},
	})
	return shipping, err
}
