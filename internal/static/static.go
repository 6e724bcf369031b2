// Package static answers with files that are part of the program: the console and the documentation.
//
// Every answer forbids what the files do not need: scripts, styles and requests are this origin's own, nothing is inline, and
// no string becomes markup. A file is read and packed when it is first asked for, so that many of them do not slow down a start.
package static

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"
)

// policy is the Content-Security-Policy of every file.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// kinds are the media types of what is built, on every machine.
var kinds = map[string]string{".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml", ".md": "text/plain; charset=utf-8", ".png": "image/png", ".yaml": "application/yaml", ".toml": "application/toml"}

// Caching of a file whose name changes with its content, and of any other.
const (
	Forever  = "public, max-age=31536000, immutable"
	AskAgain = "no-cache"
)

// File is a file that GET and HEAD can be answered with.
type File struct {
	kind, cache string
	load        func() (*forms, error)
}

// forms are the two that a file is sent in, packed and plain.
type forms struct {
	tag           string
	plain, packed []byte
}

// Open finds a file; cache is its Cache-Control, and edit, unless nil, makes what is sent of what is in the file.
//
// Errors: nobody has said what kind of file this is.
func Open(files fs.FS, name, cache string, edit func([]byte) []byte) (*File, error) {
	kind := kinds[path.Ext(name)]
	if kind == "" {
		return nil, fmt.Errorf("nobody has said what kind of file %s is", name)
	}
	load := func() (*forms, error) {
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		if edit != nil {
			content = edit(content)
		}
		sum := sha256.Sum256(content)
		packed, err := pack(content)
		return &forms{tag: base64.RawURLEncoding.EncodeToString(sum[:12]), plain: content, packed: packed}, err
	}
	return &File{kind: kind, cache: cache, load: sync.OnceValues(load)}, nil
}

func pack(content []byte) ([]byte, error) {
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(content); err != nil {
		return nil, err
	}
	err = w.Close()
	return packed.Bytes(), err
}

// ServeHTTP answers with the file.
func (f *File) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if content := f.head(w, r); content != nil {
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	}
}

// NotFound answers with the file that nothing else was found.
func (f *File) NotFound(w http.ResponseWriter, r *http.Request) {
	content := f.head(w, r)
	if content == nil {
		return
	}
	w.Header().Del("ETag")
	w.WriteHeader(http.StatusNotFound)
	if r.Method != http.MethodHead {
		_, _ = w.Write(content) // a client that is gone needs no answer
	}
}

// head writes the headers, and returns the form of the file that the client takes; nil if it was answered.
func (f *File) head(w http.ResponseWriter, r *http.Request) []byte {
	file, err := f.load()
	if err != nil { // the program itself is broken
		w.WriteHeader(http.StatusInternalServerError)
		return nil
	}
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", f.cache)
	h.Set("Content-Security-Policy", policy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Add("Vary", "Accept-Encoding")
	content, tag := file.plain, file.tag
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		content, tag = file.packed, file.tag+"-gzip"
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("ETag", `"`+tag+`"`)
	return content
}
