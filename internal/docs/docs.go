// Package docs serves the documentation below /docs/: pages that are built from the Markdown files of docs/ and from
// openapi.yaml, and are part of the program, so that an instance explains itself without asking anybody.
package docs

import (
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/latchkey-dev/latchkey/internal/static"
)

//go:embed all:dist
var built embed.FS

const (
	prefix  = "/docs/"
	page    = "index.html" // of a folder; the address is that of the folder
	unknown = "404.html"
	problem = "urn:latchkey:problem:" // what the type of a problem begins with
)

// toPage is a link as the files have it, which is how it works from a disk.
var toPage = regexp.MustCompile(`(href="[^":]*/)` + regexp.QuoteMeta(page) + `(["#])`)

// Register adds the routes of the documentation to e.
func Register(e *echo.Echo) error {
	dist, err := fs.Sub(built, "dist")
	if err != nil {
		return fmt.Errorf("open the built documentation: %w", err)
	}
	get := func(address string, h echo.HandlerFunc) {
		e.GET(address, h)
		e.HEAD(address, h)
	}
	return fs.WalkDir(dist, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		edit := shorten
		if path.Ext(name) != ".html" {
			edit = nil
		}
		file, err := static.Open(dist, name, static.AskAgain, edit)
		if err != nil {
			return fmt.Errorf("open the built documentation: %w", err)
		}
		address := prefix + strings.TrimSuffix(name, page)
		switch {
		case name == unknown:
			get(prefix+"*", elsewhere(dist, file))
			return nil
		case path.Base(name) == page:
			get(strings.TrimSuffix(address, "/"), redirect(address))
			get(address+page, redirect(address))
		}
		get(address, echo.WrapHandler(file))
		return nil
	})
}

// elsewhere leads from the type of a problem to the page about it, and says of everything else that it is not there.
func elsewhere(dist fs.FS, notFound *static.File) echo.HandlerFunc {
	return func(c echo.Context) error {
		name := strings.TrimPrefix(c.Request().URL.Path, prefix)
		if code, ok := strings.CutPrefix(strings.TrimPrefix(name, "errors/"), problem); ok && code != "" && !strings.Contains(code, "/") {
			if _, err := fs.Stat(dist, "errors/"+code+"/"+page); err == nil {
				return c.Redirect(http.StatusMovedPermanently, prefix+"errors/"+code+"/")
			}
		}
		notFound.NotFound(c.Response(), c.Request())
		return nil
	}
}

func redirect(address string) echo.HandlerFunc {
	return func(c echo.Context) error { return c.Redirect(http.StatusMovedPermanently, address) }
}

func shorten(html []byte) []byte { return toPage.ReplaceAll(html, []byte("$1$2")) }
