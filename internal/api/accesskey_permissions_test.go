package api

import (
	"fmt"
	"testing"
)

// describe writes a catalogue: data-planes has no level for deletions.
func (h *harness) describe() {
	h.t.Helper()
	h.exec(`UPDATE catalogue SET version = version + 1, document = '{"flat": ["CREATE_POST"], "resources":
		[{"name": "data-planes", "paths": ["/data-planes"], "access": ["read", "write"]}, {"name": "media", "access": ["read", "write", "delete"]}]}'`)
}

// holding makes a member with these permissions, of the catalogue too.
func (h *harness) holding(handle string, permissions ...string) *client {
	h.t.Helper()
	c := h.member(handle, "USE_PERSONAL_ACCESS_KEYS") // of whom nothing is remembered before the first request
	h.exec("UPDATE role SET permissions = $2 WHERE name = $1", "role of "+handle, append(permissions, "USE_PERSONAL_ACCESS_KEYS"))
	return c
}

// named gives what a problem names in its metadata.
func named(got *answer) string { return fmt.Sprint(got.json()["metadata"].(object)["permissions"]) }

func TestPermissionsOfAKey(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.describe()
	grace := h.holding("grace", "VIEW_AUDIT_LOG", "media:*", "*:read", "CREATE_POST")
	post := func(say string, by *client, names any, status int, code, want string) sentence {
		return sentence{say: say, by: by, method: "POST", path: ownKeys, body: object{"name": "x", "permissions": names}, status: status, code: code, then: func(got *answer) {
			if status != 200 {
				if named(got) != want || got.json()["metadata"].(object)["pointer"] != "/permissions" {
					t.Errorf("%s: %s", say, got.body)
				}
				return
			}
			if is := fmt.Sprint(got.json()["permissions"], got.json()["effective_permissions"]); is != want {
				t.Errorf("%s: %s, want %s", say, is, want)
			}
		}}
	}
	type list = []string
	h.hold(
		post("an empty list", grace, list{}, 400, "request_invalid", "<nil>"),
		sentence{say: "what cannot be a permission", by: grace, method: "POST", path: ownKeys, body: object{"name": "x", "permissions": list{"media:eat"}}, status: 400, code: "request_invalid"},
		post("an unknown name", grace, list{"FLY", "media:read", "moon:read"}, 400, "permission_unknown", "[FLY moon:read]"),
		post("a level that the resource lacks", grace, list{"data-planes:delete"}, 400, "permission_unknown", "[data-planes:delete]"),
		post("what is for people", grace, list{"ADMINISTRATOR", "USE_PERSONAL_ACCESS_KEYS", "media:read"}, 400, "permission_not_for_keys", "[ADMINISTRATOR USE_PERSONAL_ACCESS_KEYS]"),
		post("what is for people, by an administrator", h.root, list{"ADMINISTRATOR"}, 400, "permission_not_for_keys", "[ADMINISTRATOR]"),
		post("more than the owner holds", grace, list{"data-planes:write", "MANAGE_ROLES", "media:read"}, 400, "permission_not_held", "[MANAGE_ROLES data-planes:write]"),
		post("a star that the owner does not hold", grace, list{"*:write"}, 400, "permission_not_held", "[*:write]"),
		post("null", grace, nil, 200, "", "<nil> [*:read CREATE_POST USE_PERSONAL_ACCESS_KEYS VIEW_AUDIT_LOG media:*]"),
		post("sorted, each once", grace, list{"media:write", "CREATE_POST", "media:write"}, 200, "", "[CREATE_POST media:write] [CREATE_POST media:write]"),
		post("a part of a star", grace, list{"data-planes:read", "media:delete"}, 200, "", "[data-planes:read media:delete] [data-planes:read media:delete]"),
		post("an administrator's", h.root, list{"*:write"}, 200, "", "[*:write] [*:write]"),
	)
}

// What a key may do is decided by what its owner holds at the time: the list stays, its effect does not.
func TestEffectivePermissionsFollowTheOwner(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.describe()
	grace := h.holding("grace", "media:*", "VIEW_AUDIT_LOG")
	id := grace.post(ownKeys, object{"name": "x", "permissions": []string{"media:read", "VIEW_AUDIT_LOG"}}).want(200).str("id")
	h.root.patch(h.roleOf("grace"), object{"permissions": []string{"USE_PERSONAL_ACCESS_KEYS", "VIEW_AUDIT_LOG"}}).want(200)
	for say, got := range map[string]map[string]any{"the owner": grace.get(ownKeys + "/" + id).want(200).json(),
		"an administrator": h.root.get("/api/admin/access-keys").want(200).list("keys")[0]} {
		if is := fmt.Sprint(got["permissions"], got["effective_permissions"]); is != "[VIEW_AUDIT_LOG media:read] [VIEW_AUDIT_LOG]" {
			t.Errorf("%s sees %s", say, is)
		}
	}
}

func TestUpdatePermissionsAndLimits(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.describe()
	grace := h.holding("grace", "media:*")
	got := grace.post(ownKeys, object{"name": "x", "permissions": []string{"media:read"}, "limits": object{"query": 20, "credits": 0}}).want(200)
	path := ownKeys + "/" + got.str("id")
	patch := func(say string, body object, status int, code, want string) sentence {
		return sentence{say: say, by: grace, method: "PATCH", path: path, body: body, status: status, code: code, then: func(got *answer) {
			if is := fmt.Sprint(got.json()["permissions"], got.json()["limits"]); status == 200 && is != want {
				t.Errorf("%s: %s, want %s", say, is, want)
			}
		}}
	}
	h.hold(
		patch("a name leaves both", object{"name": "y"}, 200, "", "[media:read] map[credits:0 query:20]"),
		patch("an empty list", object{"permissions": []string{}}, 400, "request_invalid", ""),
		patch("more than the owner holds", object{"permissions": []string{"media:read", "*:read"}}, 400, "permission_not_held", ""),
		patch("a negative limit", object{"limits": object{"query": -1}}, 400, "request_invalid", ""),
		patch("a huge limit", object{"limits": object{"query": 1_000_000_000_001}}, 400, "request_invalid", ""),
		patch("a limit of what there is not", object{"limits": object{"lunch": 1}}, 400, "request_invalid", ""),
		patch("a good list with a bad name", object{"permissions": []string{"media:write"}, "name": " "}, 400, "name_invalid", ""),
		patch("more", object{"permissions": []string{"media:write", "media:read"}}, 200, "", "[media:read media:write] map[credits:0 query:20]"),
		patch("other limits, all of them", object{"limits": object{"mutation": 7}}, 200, "", "[media:read media:write] map[mutation:7]"),
		patch("no limits", object{"limits": nil}, 200, "", "[media:read media:write] <nil>"),
		patch("whatever the owner holds", object{"permissions": nil}, 200, "", "<nil> <nil>"),
	)
	events := h.root.get(allEvents + "?type=access_key_updated").want(200).list("events")
	var seen []string
	for _, e := range events {
		seen = append(seen, fmt.Sprint(e["old"], e["new"]))
	}
	want := fmt.Sprint([]string{"map[permissions:[media:read media:write]] map[permissions:<nil>]", "map[limits:map[mutation:7]] map[limits:<nil>]",
		"map[limits:map[credits:0 query:20]] map[limits:map[mutation:7]]", "map[permissions:[media:read]] map[permissions:[media:read media:write]]",
		"map[name:x] map[name:y]"})
	if fmt.Sprint(seen) != want {
		t.Errorf("recorded %s\nwant %s", seen, want)
	}
}

// Only what is surely wider is not waited for.
func TestWideningDoesNotWait(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.describe()
	got := h.root.post(ownKeys, object{"name": "x", "permissions": []string{"media:read"}}).want(200)
	h.straggler()
	for _, tc := range []struct {
		say  string
		to   any
		wait bool
	}{
		{"one more", []string{"media:read", "media:write"}, false},
		{"the same again", []string{"media:write", "media:read"}, true},
		{"one less", []string{"media:read"}, true},
		{"a star instead", []string{"*:read"}, true},
		{"whatever the owner holds", nil, false},
		{"and again", nil, false},
	} {
		before := h.waits("lease")
		h.root.patch(ownKeys+"/"+got.str("id"), object{"permissions": tc.to}).want(200)
		if waited := h.waits("lease") != before; waited != tc.wait {
			t.Errorf("%s: waited: %t", tc.say, waited)
		}
	}
}
