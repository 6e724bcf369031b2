package api

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

func TestExpiringBefore(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.clock.stop()
	in := func(d time.Duration) string { return rfc3339(h.clock.Now().Add(d)) }
	grace := h.member("grace", "USE_PERSONAL_ACCESS_KEYS")
	grace.newKey("endless")
	for name, life := range map[string]time.Duration{"minute": time.Minute, "hour": time.Hour, "day": 24 * time.Hour, "revoked": time.Hour, "disabled": time.Hour} {
		id := grace.post(ownKeys, object{"name": name, "expires_at": in(life)}).want(200).str("id")
		switch name {
		case "revoked":
			grace.delete(ownKeys + "/" + id).want(204)
		case "disabled":
			grace.patch(ownKeys+"/"+id, object{"enabled": false}).want(200)
		}
	}
	h.clock.advance(2 * time.Minute)
	list := func(say string, by *client, path, query string, want ...string) sentence {
		return sentence{say: say, by: by, method: "GET", path: path + "?" + query, status: 200, then: func(got *answer) {
			names := got.column("keys", "name")
			slices.Sort(names)
			if fmt.Sprint(names) != fmt.Sprint(want) {
				t.Errorf("%s: %v, want %v", say, names, want)
			}
		}}
	}
	h.hold(
		sentence{say: "no moment", by: grace, method: "GET", path: ownKeys + "?expiring_before=soon", status: 400, code: "request_invalid"},
		list("within an hour from now", grace, ownKeys, "expiring_before="+in(time.Hour), "disabled", "hour"),
		list("of one status", grace, ownKeys, "status=active&expiring_before="+in(time.Hour), "hour"),
		list("those that have are not about to", grace, ownKeys, "status=expired&expiring_before="+in(time.Hour)),
		list("within two days", grace, ownKeys, "expiring_before="+in(48*time.Hour), "day", "disabled", "hour"),
		list("not at that very moment", grace, ownKeys, "expiring_before="+in(58*time.Minute)),
		list("everybody's", h.root, "/api/admin/access-keys", "expiring_before="+in(time.Hour), "disabled", "hour"),
	)
}
