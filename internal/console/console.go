// Package console serves the console: the pages that a browser shows at this address.
//
// It has no endpoint of its own and knows nothing but its files, which are built from web/ and are part of the program;
// whatever they show of an instance comes from the public API. What the pages may do is as narrow as internal/static has it.
package console

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/latchkey-dev/latchkey/internal/static"
)

//go:embed all:dist
var built embed.FS

// screens are the addresses that the console itself tells apart.
var screens = []string{"/", "/setup", "/sign-in", "/settings", "/settings/*", "/admin", "/admin/*"}

// Register adds the routes of the console to e.
func Register(e *echo.Echo) error {
	dist, err := fs.Sub(built, "dist")
	if err != nil {
		return fmt.Errorf("open the built console: %w", err)
	}
	return fs.WalkDir(dist, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		cache := static.AskAgain
		if strings.HasPrefix(name, "assets/") { // their names change with their content
			cache = static.Forever
		}
		file, err := static.Open(dist, name, cache, nil)
		if err != nil {
			return fmt.Errorf("open the built console: %w", err)
		}
		addresses := []string{"/" + name}
		if name == "index.html" {
			addresses = screens
		}
		for _, address := range addresses {
			e.GET(address, echo.WrapHandler(file))
			e.HEAD(address, echo.WrapHandler(file))
		}
		return nil
	})
}
