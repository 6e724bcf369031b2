package main_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"go.yaml.in/yaml/v3"
)

// described is the block of docs/gateways.md for a gateway that is not run here, found by its first member.
func described(t *testing.T, first string) any {
	t.Helper()
	for _, b := range everyBlock(t) {
		if b.page != "docs/gateways.md" || b.language != "yaml" {
			continue
		}
		var doc map[string]any
		if err := yaml.Unmarshal([]byte(b.text), &doc); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		if _, ok := doc[first]; ok {
			noteRead(b.String())
			return doc
		}
	}
	t.Fatalf("docs/gateways.md has no block of yaml that begins with %s", first)
	return nil
}

// dig follows names and places into a document, which must have them.
func dig(t *testing.T, doc any, path ...any) any {
	t.Helper()
	for i, step := range path {
		var ok bool
		switch step := step.(type) {
		case string:
			var m map[string]any
			if m, ok = doc.(map[string]any); ok {
				doc, ok = m[step]
			}
		case int:
			var list []any
			if list, ok = doc.([]any); ok && step < len(list) {
				doc = list[step]
			}
		}
		if !ok {
			t.Fatalf("docs/gateways.md: nothing at %v", path[:i+1])
		}
	}
	return doc
}

// What Traefik's block says hangs together: who is named is there, and Latchkey is asked as it wants to be.
func TestTraefikBlock(t *testing.T) {
	t.Parallel()
	http := dig(t, described(t, "http"), "http")
	router := dig(t, http, "routers", "api")
	dig(t, http, "services", dig(t, router, "service"), "loadBalancer", "servers", 0, "url")
	for _, name := range dig(t, router, "middlewares").([]any) {
		dig(t, http, "middlewares", name)
	}
	asks := dig(t, http, "middlewares", "latchkey", "forwardAuth")
	want := []string{"address", "authRequestHeaders", "authResponseHeadersRegex"}
	if got := slices.Sorted(maps.Keys(asks.(map[string]any))); !slices.Equal(got, want) {
		t.Errorf("forwardAuth has %v", got)
	}
	if got := fmt.Sprint(dig(t, asks, "authRequestHeaders")); got != "[Authorization]" {
		t.Errorf("Latchkey is told %s", got)
	}
	if got := dig(t, http, "middlewares", "without-key", "headers", "customRequestHeaders", "Authorization"); got != "" {
		t.Errorf("the API gets Authorization: %v", got)
	}
}

// So does Envoy's: forged names go before Latchkey is asked, and a failure is a refusal.
func TestEnvoyBlock(t *testing.T) {
	t.Parallel()
	resources := dig(t, described(t, "static_resources"), "static_resources")
	clusters := map[any]bool{}
	for _, c := range dig(t, resources, "clusters").([]any) {
		clusters[dig(t, c, "name")] = true
		if dig(t, c, "name") != dig(t, c, "load_assignment", "cluster_name") {
			t.Errorf("the endpoints of cluster %v are another's", dig(t, c, "name"))
		}
	}
	manager := dig(t, resources, "listeners", 0, "filter_chains", 0, "filters", 0, "typed_config")
	host := dig(t, manager, "route_config", "virtual_hosts", 0)
	asks := dig(t, manager, "http_filters", 1, "typed_config")
	for _, name := range []any{dig(t, host, "routes", 0, "route", "cluster"), dig(t, asks, "http_service", "server_uri", "cluster")} {
		if !clusters[name] {
			t.Errorf("there is no cluster %v", name)
		}
	}
	var order []any
	for _, f := range dig(t, manager, "http_filters").([]any) {
		order = append(order, dig(t, f, "name"))
	}
	for what, pair := range map[string][2]any{
		"order":           {fmt.Sprint(order), "[envoy.filters.http.header_mutation envoy.filters.http.ext_authz envoy.filters.http.router]"},
		"names taken":     {dig(t, manager, "http_filters", 0, "typed_config", "mutations", "request_mutations", 0, "remove_on_match", "key_matcher", "contains"), "latchkey"},
		"open on failure": {dig(t, asks, "failure_mode_allow"), false},
		"told":            {fmt.Sprint(dig(t, asks, "allowed_headers")), "map[patterns:[map[exact:x-forwarded-for]]]"},
		"passed on":       {dig(t, asks, "http_service", "authorization_response", "allowed_upstream_headers", "patterns", 0, "prefix"), "x-latchkey-"},
		"key":             {fmt.Sprint(dig(t, host, "request_headers_to_remove")), "[authorization]"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %v, want %v", what, pair[0], pair[1])
		}
	}
}
