package api

import (
	"net/http"
	"strings"

	"github.com/latchkey-dev/latchkey/internal/problem"
	"github.com/latchkey-dev/latchkey/internal/verify"
)

// original is the request that a gateway asks about. Gateways tell of it in three ways, and pass on what clients wrote in
// the ways of the others: what they tell must be the same, or a client could have another request judged than the one it makes.
//
// Errors: problem.PermissionDenied, with a question that has no answer: of a key that is not good anyway nothing more is told.
func original(r *http.Request) (verify.Ask, error) {
	told := verify.Ask{}
	for _, way := range [3]func(*http.Request) (string, string, bool){forwarded, originally, itself} {
		method, path, there := way(r)
		switch {
		case !there:
		case method == "" || path == "":
			return unanswerable, undecided("A gateway must tell both the method and the path of the request.")
		case told.Method == "":
			told.Method, told.Path = method, path
		case told.Method != method || !samePath(told.Path, path):
			return unanswerable, undecided("The request is told in two ways that differ.")
		}
	}
	if told.Method == "" {
		told.Method, told.Path = r.Method, "/"
	}
	return told, nil
}

// unanswerable asks about a method that nobody can know.
var unanswerable = verify.Ask{Method: "?", Path: "/"}

func undecided(detail string) error { return problem.New(problem.PermissionDenied).WithDetail(detail) }

// forwarded is the way of Traefik and Caddy.
func forwarded(r *http.Request) (string, string, bool) {
	return told(r.Header["X-Forwarded-Method"], r.Header["X-Forwarded-Uri"])
}

// originally is the way of nginx.
func originally(r *http.Request) (string, string, bool) {
	return told(r.Header["X-Original-Method"], r.Header["X-Original-Uri"])
}

func told(methods, paths []string) (string, string, bool) {
	if len(methods) == 0 && len(paths) == 0 {
		return "", "", false
	}
	if len(methods) != 1 || len(paths) != 1 {
		return "", "", true
	}
	return methods[0], paths[0], true
}

// itself is the way of Envoy: the question has the method of the request, and its path behind that of the door.
func itself(r *http.Request) (string, string, bool) {
	rest, plain := strings.CutPrefix(r.URL.EscapedPath(), forwardAuthPath)
	return r.Method, rest, rest != "" || !plain
}

// samePath tells whether two paths are the same but for their queries.
func samePath(a, b string) bool {
	a, _, _ = strings.Cut(a, "?")
	b, _, _ = strings.Cut(b, "?")
	return a == b
}
