package api

import (
	"testing"

	"github.com/latchkey-dev/latchkey/internal/permission"
)

// What could this key do? Its owner asks, without the secret; nobody else can.
func TestAccessKeyExplain(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.catalogueIs(permission.Document{Resources: []permission.Resource{{Name: "media", Paths: []string{"/media"}, Access: []string{"read", "write"}}},
		Routes: []permission.Route{{Method: "POST", Path: "/media", Credits: 25}}})
	grace, bob := h.member("grace", permission.UsePersonalAccessKeys, "media:*"), h.member("bob", permission.UsePersonalAccessKeys)
	id, program := grace.newKey("bot")
	narrow := grace.post(ownKeys, object{"name": "narrow", "permissions": []string{"media:read"}}).want(200).str("id")
	about := func(id string) string { return ownKeys + "/" + id + "/explain" }
	post := object{"request": object{"method": "POST", "path": "/media"}}
	for _, tc := range []struct {
		say  string
		id   string
		ask  object
		want object
	}{
		{"a key that inherits", id, post, object{"allowed": true, "code": "VALID", "status": 200.0, "required": "media:write", "matched": "media:*", "resource": "media", "route": "POST /media",
			"credits": 25.0, "class": "mutation", "reason": "It takes media:write. The owner of the key holds media:*, and the key has whatever they hold."}},
		{"a narrow key", narrow, post, object{"allowed": false, "code": "INSUFFICIENT_PERMISSIONS", "denied_by": "key", "status": 403.0,
			"reason": "It takes media:write, which none of the key's own permissions gives."}},
		{"more than its owner holds", id, object{"permission": "VIEW_AUDIT_LOG"}, object{"allowed": false, "denied_by": "owner",
			"reason": "It takes VIEW_AUDIT_LOG, which nothing gives that the owner of the key holds."}},
		{"a resource", narrow, object{"resource": "media", "access": "read"}, object{"allowed": true, "matched": "media:read", "reason": "It takes media:read. The key has media:read, and its owner holds what is needed."}},
		{"nothing", narrow, object{}, object{"allowed": true, "reason": "The key can be used, and nothing more was asked for."}},
	} {
		for _, by := range []*client{grace, program} {
			got := by.post(about(tc.id), tc.ask).want(200).json()
			for member, want := range tc.want {
				if got[member] != want {
					t.Errorf("%s: %s is %v, want %v", tc.say, member, got[member], want)
				}
			}
		}
	}
	h.hold(
		sentence{say: "nobody", by: h.anonymous(), method: "POST", path: about(id), body: post, status: 401, code: "credential_required"},
		sentence{say: "somebody else", by: bob, method: "POST", path: about(id), body: post, status: 404, code: "not_found"},
		sentence{say: "a key that there is not", by: grace, method: "POST", path: about(nobodysID), body: post, status: 404, code: "not_found"},
		sentence{say: "a path with two readings", by: grace, method: "POST", path: about(id), body: object{"request": object{"method": "GET", "path": "/a/../b"}}, status: 400, code: "request_invalid"},
		sentence{say: "a resource that there is not", by: grace, method: "POST", path: about(id), body: object{"resource": "people", "access": "read"}, status: 400, code: "request_invalid"},
		sentence{say: "two things at once", by: grace, method: "POST", path: about(id), body: object{"resource": "media", "access": "read", "permission": "FLY"}, status: 400, code: "request_invalid"},
		sentence{say: "a member that is not known", by: grace, method: "POST", path: about(id), body: object{"key": "x"}, status: 400, code: "request_invalid"},
	)
	grace.delete(ownKeys + "/" + id).want(204)
	if got := grace.post(about(id), post).want(200).json(); got["allowed"] != false || got["code"] != "REVOKED" || got["reason"] != "The access key is revoked." {
		t.Errorf("revoked: %v", got)
	}
	h.noAlarm()
}
