package permission

import (
	"errors"
	"net/url"
	"strings"
	"unicode/utf8"
)

// Errors of Catalogue.Request.
var (
	// ErrPath is for a path that two programs could read in two ways: it has no answer.
	ErrPath = errors.New("the path must begin with /, be UTF-8, and have no . or .. segment, no //, \\, ;, #, control character, encoded slash, double encoding or bad encoding")
	// ErrMethod is for a method of which nobody said what it does.
	ErrMethod = errors.New("the method is none of GET, HEAD, POST, PUT, PATCH and DELETE, and the catalogue has no route for it")
)

// clean gives the path that a request names, decoded and without its query, nor a slash at its end. It takes no path that programs
// behind it could take for another one. It allocates for percent signs only.
//
// Errors: ErrPath.
func clean(path string) (string, error) {
	path, _, _ = strings.Cut(path, "?")
	if strings.IndexByte(path, '#') >= 0 { // for some the end of the path
		return "", ErrPath
	}
	if strings.IndexByte(path, '%') >= 0 {
		upper := strings.ToUpper(path)
		decoded, err := url.PathUnescape(path)
		if err != nil || strings.Contains(upper, "%2F") || strings.IndexByte(decoded, '%') >= 0 && encodesAgain(decoded) {
			return "", ErrPath
		}
		path = decoded
	}
	if path == "" || path[0] != '/' || !utf8.ValidString(path) {
		return "", ErrPath
	}
	for i := range len(path) {
		switch c := path[i]; {
		case c < 0x20, c == 0x7f, c == '\\', c == ';':
			return "", ErrPath
		case c == '/' && i > 0 && path[i-1] == '/':
			return "", ErrPath
		}
	}
	if strings.Contains(path, "/.") && dotted(path) {
		return "", ErrPath
	}
	if len(path) > 1 && path[len(path)-1] == '/' {
		path = path[:len(path)-1]
	}
	return path, nil
}

// dotted tells whether a segment is . or .. .
func dotted(path string) bool {
	for rest := path[1:]; ; {
		segment, more, found := strings.Cut(rest, "/")
		if segment == "." || segment == ".." {
			return true
		}
		if !found {
			return false
		}
		rest = more
	}
}

// encodesAgain tells whether a decoded path could be decoded once more.
func encodesAgain(path string) bool {
	for i := 0; i+2 < len(path); i++ {
		if path[i] == '%' && isHex(path[i+1]) && isHex(path[i+2]) {
			return true
		}
	}
	return false
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}
