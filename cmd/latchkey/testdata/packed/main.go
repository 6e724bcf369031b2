// Command packed is what somebody writes who has nothing but the modules: a client, and an API behind each guard, which it asks by itself.
package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"

	"github.com/labstack/echo/v4"
	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
	echoguard "github.com/latchkey-dev/latchkey/sdk/go/echo"
	"github.com/latchkey-dev/latchkey/sdk/go/guard"
)

func main() {
	client := must(latchkey.New(latchkey.Config{BaseURL: os.Getenv("LATCHKEY_URL"), Key: latchkey.NewKey(os.Getenv("LATCHKEY_KEY"))}))
	account := must(client.AccountGet(context.Background()))
	fmt.Println("the client answers for", account.Handle)

	g := must(guard.New(guard.Config{Client: client}))
	plain := g.Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		verdict, _ := guard.Verdict(r.Context())
		fmt.Fprint(w, "net/http for ", verdict.Account.Handle)
	}))
	e := echo.New()
	e.Use(echoguard.Protect(g))
	e.GET("/", func(c echo.Context) error {
		verdict, _ := echoguard.Verdict(c)
		return c.String(http.StatusOK, "echo for "+verdict.Account.Handle)
	})
	for _, api := range []http.Handler{plain, e} {
		server := httptest.NewServer(api)
		for _, key := range []string{os.Getenv("GOOD_KEY"), os.Getenv("BAD_KEY")} {
			request := must(http.NewRequest("GET", server.URL, nil))
			request.Header.Set("Authorization", "Bearer "+key)
			response := must(http.DefaultClient.Do(request))
			body := must(io.ReadAll(response.Body))
			if response.StatusCode != http.StatusOK {
				body = nil
			}
			fmt.Println(response.StatusCode, string(body), response.Header.Get("WWW-Authenticate"))
		}
		server.Close()
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
