// Package console serves what a browser sees at this address: for now one page that says how to complete the set-up.
//
// It has no endpoint of its own and knows nothing but its files: whatever it shows of an instance comes from the public API.
package console

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"

	"github.com/labstack/echo/v4"
)

//go:embed page.html
var page string

//go:embed page.css
var style []byte

const policy = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Register adds the routes of the page to e. The set-up code travels in the fragment of its address, which browsers do not send.
func Register(e *echo.Echo, publicURL string) error {
	parsed, err := template.New("page").Parse(page)
	if err != nil {
		return fmt.Errorf("parse the page: %w", err)
	}
	var b bytes.Buffer
	if err := parsed.Execute(&b, publicURL); err != nil {
		return fmt.Errorf("render the page: %w", err)
	}
	file := func(kind string, content []byte) echo.HandlerFunc {
		return func(c echo.Context) error {
			c.Response().Header().Set("Content-Security-Policy", policy)
			return c.Blob(http.StatusOK, kind, content)
		}
	}
	html := file("text/html; charset=utf-8", b.Bytes())
	e.GET("/", html)
	e.GET("/setup", html)
	e.GET("/page.css", file("text/css; charset=utf-8", style))
	return nil
}
