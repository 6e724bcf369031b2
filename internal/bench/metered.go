package main

import (
	"context"
	"fmt"
	"net/http"
)

const catalogueRoutes = 1000

// metered shows what permissions, and then a limit, add to a check of a key in memory.
func metered(ctx context.Context, w *world) error {
	if err := w.describe(); err != nil {
		return err
	}
	narrow, err := w.post("/api/auth/access-keys", w.rootCookie, map[string]any{"name": "narrow", "permissions": []string{"resource-7:read", "resource-500:read"}})
	if err != nil {
		return err
	}
	limited, err := w.post("/api/auth/access-keys", w.rootCookie, map[string]any{"name": "limited", "permissions": []string{"resource-7:read", "resource-500:read"},
		"limits": map[string]any{"query": 1_000_000_000_000}})
	if err != nil {
		return err
	}
	ask := func(secret string) func() (sample, error) {
		return func() (sample, error) {
			return w.wrk(ctx, w.url+"/forward-auth", []string{"-H", "Authorization: Bearer " + secret, "-H", "X-Original-Method: GET", "-H", "X-Original-URI: /resource-500/1/parts?page=2"})
		}
	}
	got := map[string]*series{}
	err = runs(got, []step{
		{"no-op", func() (sample, error) { return w.wrk(ctx, w.noopURL+"/noop", w.keyHeader()) }},
		{"plain", func() (sample, error) { return w.wrk(ctx, w.url+"/forward-auth", w.keyHeader()) }},
		{"narrow", ask(narrow.body["secret"].(string))},
		{"limited", ask(limited.body["secret"].(string))},
	})
	if err != nil {
		return err
	}
	fmt.Println("| ForwardAuth, key in memory | per second | p99 | ratio |\n|---|---|---|---|")
	row("no-op GET", *got["no-op"], nil, "")
	row("no permissions of its own, no request told", *got["plain"], *got["no-op"], "of the no-op GET")
	row(fmt.Sprintf("permissions, a catalogue of %d routes", catalogueRoutes), *got["narrow"], *got["plain"], "of plain")
	row("and a limit", *got["limited"], *got["plain"], "of plain")
	fmt.Println()
	return nil
}

// describe gives the instance a catalogue.
func (w *world) describe() error {
	var resources, routes []map[string]any
	for i := range catalogueRoutes {
		resources = append(resources, map[string]any{"name": fmt.Sprintf("resource-%d", i), "paths": []string{fmt.Sprintf("/resource-%d", i)}, "access": []string{"read", "write"}})
		routes = append(routes, map[string]any{"method": "POST", "path": fmt.Sprintf("/resource-%d/{id}/search", i), "access": "read"})
	}
	r, err := w.call(http.MethodPut, "/api/permissions", w.rootCookie, map[string]any{"resources": resources, "routes": routes})
	if err == nil && r.status != http.StatusOK {
		err = fmt.Errorf("describe the API: %d %v", r.status, r.body["error"])
	}
	return err
}
