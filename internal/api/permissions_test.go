package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

const catalogueAt = "/api/permissions"

// mediaCatalogue describes a small API.
var mediaCatalogue = object{
	"resources": []object{{"name": "media", "title": "Media", "paths": []string{"/media"}, "access": []string{"read", "write"}}},
	"routes":    []object{{"method": "POST", "path": "/media/search", "access": "read"}, {"method": "POST", "path": "/media", "credits": 25}},
	"flat":      []string{"CREATE_POST"},
}

func TestPermissionCatalogueGet(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	plain := h.member("plain", "USE_PERSONAL_ACCESS_KEYS")
	_, program := plain.newKey("bot")
	empty := func(got *answer) {
		if got.header.Get("ETag") != `"1"` || got.json()["version"] != 1.0 || fmt.Sprint(got.json()["resources"], got.json()["routes"], got.json()["flat"]) != "[] [] []" {
			t.Errorf("the catalogue is %s with ETag %s", got.body, got.header.Get("ETag"))
		}
	}
	get := func(say string, by *client, status int, problem string) sentence {
		return sentence{say: say, by: by, method: "GET", path: catalogueAt, status: status, code: problem}
	}
	first := get("any account reads it; at first it is empty", plain, 200, "")
	first.then = empty
	h.hold(get("nobody", h.anonymous(), 401, "credential_required"), first, get("and its key", program, 200, ""))
	names := h.root.get(catalogueAt).want(200).json()["permissions"].([]any)
	for _, name := range []any{"*:*", "*:read", "*:write", "*:delete", "ADMINISTRATOR", "USE_PERSONAL_ACCESS_KEYS"} {
		if !slices.Contains(names, name) {
			t.Errorf("%v lacks %s", names, name)
		}
	}
}

func TestPermissionCatalogueUpdate(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	clerk := h.member("clerk", "MANAGE_ROLES", "MANAGE_ACCOUNTS", "USE_PERSONAL_ACCESS_KEYS")
	_, program := h.root.newKey("bot")
	put := func(say string, by *client, body any, status int, problem string) sentence {
		return sentence{say: say, by: by, method: "PUT", path: catalogueAt, body: body, status: status, code: problem}
	}
	full := put("an administrator describes an API", h.root, mediaCatalogue, 200, "")
	full.then = func(got *answer) {
		read := clerk.get(catalogueAt).want(200)
		if string(got.body) != string(read.body) || got.header.Get("ETag") != `"2"` || read.header.Get("ETag") != `"2"` {
			t.Errorf("written: %s %s, read: %s %s", got.header.Get("ETag"), got.body, read.header.Get("ETag"), read.body)
		}
		for _, part := range []string{`"version":2`, `"name":"media","paths":["/media"],"title":"Media"`, `{"credits":25,"method":"POST","path":"/media"}`,
			`"flat":["CREATE_POST"]`, `"media:*"`, `"media:read"`, `"media:write"`} {
			if !strings.Contains(string(got.body), part) {
				t.Errorf("%s lacks %s", got.body, part)
			}
		}
		if strings.Contains(string(got.body), "media:delete") {
			t.Errorf("a level that there is not: %s", got.body)
		}
	}
	stale := put("a version that was read before", h.root.with("If-Match", `"1"`), object{}, 412, "version_mismatch")
	stale.then = func(got *answer) {
		if got.metadata("version") != 2.0 {
			t.Errorf("it does not tell the version: %s", got.body)
		}
	}
	h.hold(
		put("nobody", h.anonymous(), object{}, 401, "credential_required"),
		put("a member who is no administrator", clerk, object{}, 403, "permission_denied"),
		put("not even with a body that is none", clerk, "x", 403, "permission_denied"),
		put("a key, even of an administrator", program, object{}, 403, "credential_not_allowed"),
		put("no object", h.root, []int{}, 400, "request_invalid"),
		put("a member that is not known", h.root, object{"resource": []int{}}, 400, "request_invalid"),
		put("an access that there is not", h.root, object{"resources": []object{{"name": "a", "access": []string{"*"}}}}, 400, "request_invalid"),
		put("credits below nothing", h.root, object{"routes": []object{{"method": "POST", "path": "/a", "credits": -1}}}, 400, "request_invalid"),
		put("an ETag that is none", h.root.with("If-Match", "2"), object{}, 400, "request_invalid"),
		full, stale,
		put("the version that was read last", h.root.with("If-Match", `"2"`), object{}, 200, ""),
		put("more digits than a version has", h.root.with("If-Match", `"9999999999999999999"`), object{}, 412, "version_mismatch"),
	)
}

// A catalogue with faults is refused whole, and each of them is told with its place.
func TestCatalogueWithFaults(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	got := h.root.do("PUT", catalogueAt, object{
		"resources": []object{{"name": "media", "paths": []string{"/media", "/media/secret-value"}, "access": []string{"read"}}, {"name": "media", "paths": []string{"/media"}, "access": []string{"read"}}},
		"routes":    []object{{"method": "GET", "path": "/a//b", "access": "write"}}, "flat": []string{"lower"},
	}).want(400, "catalogue_invalid")
	var places []string
	for _, p := range got.metadata("problems").([]any) {
		places = append(places, p.(object)["pointer"].(string))
		if reason, _ := p.(object)["reason"].(string); reason == "" {
			t.Errorf("no reason: %v", p)
		}
	}
	want := []string{"/resources/1/name", "/resources/1/paths/0", "/resources/0/paths/1", "/routes/0/path", "/flat/0"}
	if !slices.Equal(places, want) {
		t.Errorf("the faults are at %q, want %q", places, want)
	}
	if strings.Contains(string(got.body), "secret-value") || strings.Contains(string(got.body), "lower") {
		t.Errorf("the answer repeats what was sent: %s", got.body)
	}
	if tag := h.root.get(catalogueAt).want(200).header.Get("ETag"); tag != `"1"` {
		t.Errorf("it is version %s now", tag)
	}
}

// A large API has a catalogue of up to 1 MiB; everything else is bounded as before.
func TestCatalogueMayBeLarge(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	var routes []object
	for i := range 10_000 {
		routes = append(routes, object{"method": "POST", "path": fmt.Sprintf("/v1/collections/{id}/action-%d", i), "access": "read"})
	}
	h.root.do("PUT", catalogueAt, object{"routes": routes}).want(200)
	h.root.raw("PUT", catalogueAt, strings.Repeat(" ", 1<<20-2)+"{}").want(200)
	if got := h.root.raw("PUT", catalogueAt, strings.Repeat(" ", 1<<20-1)+"{}").want(413, "body_too_large"); got.metadata("max_bytes") != float64(1<<20) {
		t.Errorf("the limit is said to be %v", got.metadata("max_bytes"))
	}
}

func TestCatalogueUpdateIsAudited(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.root.do("PUT", catalogueAt, mediaCatalogue).want(200)
	events := h.root.get("/api/admin/audit-events?type=catalogue_updated").want(200).list("events")
	if len(events) != 1 || events[0]["type"] != "catalogue_updated" {
		t.Fatalf("the events are %v", events)
	}
	target, before, after := events[0]["target"].(object), events[0]["old"].(object), events[0]["new"].(object)
	if target["kind"] != "catalogue" || target["id"] != "00000000000000000030" || fmt.Sprint(before) != "map[flat:0 resources:0 routes:0 version:1]" ||
		fmt.Sprint(after) != "map[flat:1 resources:1 routes:2 version:2]" {
		t.Errorf("the event is %v", events[0])
	}
}
