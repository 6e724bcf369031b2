// Package console serves the console: the pages that a browser shows at this address.
//
// It has no endpoint of its own and knows nothing but its files, which are built from web/ and are part of the program;
// whatever they show of an instance comes from the public API. Every answer forbids what the files do not need: scripts,
// styles and requests are this origin's own, nothing is inline, and no string becomes markup.
package console

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

//go:embed all:dist
var built embed.FS

// policy is the Content-Security-Policy of every file.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// kinds are the media types of what is built, on every machine.
var kinds = map[string]string{".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml", ".md": "text/plain; charset=utf-8"}

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
		content, err := fs.ReadFile(dist, name)
		if err != nil {
			return fmt.Errorf("read %s of the built console: %w", name, err)
		}
		f, err := newFile(name, content)
		if err != nil {
			return fmt.Errorf("pack %s of the built console: %w", name, err)
		}
		addresses := []string{"/" + name}
		if name == "index.html" {
			addresses = screens
		}
		for _, address := range addresses {
			e.GET(address, f.serve)
			e.HEAD(address, f.serve)
		}
		return nil
	})
}

// file is a built file, packed once for those who take it so.
type file struct {
	kind, cache, tag string
	plain, packed    []byte
}

func newFile(name string, content []byte) (*file, error) {
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(content)
	f := &file{kind: kinds[path.Ext(name)], cache: "no-cache", tag: base64.RawURLEncoding.EncodeToString(sum[:12]), plain: content, packed: packed.Bytes()}
	if strings.HasPrefix(name, "assets/") { // their names change with their content
		f.cache = "public, max-age=31536000, immutable"
	}
	if f.kind == "" {
		return nil, errors.New("nobody has said what kind of file this is")
	}
	return f, nil
}

func (f *file) serve(c echo.Context) error {
	h := c.Response().Header()
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", f.cache)
	h.Set("Content-Security-Policy", policy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Add("Vary", "Accept-Encoding")
	content, tag := f.plain, f.tag
	if strings.Contains(c.Request().Header.Get("Accept-Encoding"), "gzip") {
		content, tag = f.packed, f.tag+"-gzip"
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("ETag", `"`+tag+`"`)
	http.ServeContent(c.Response(), c.Request(), "", time.Time{}, bytes.NewReader(content))
	return nil
}
