package api

import (
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey/internal/permission"
)

func (h *harness) limit(account string, limits object) {
	h.t.Helper()
	h.root.patch("/api/admin/accounts/"+account+"/limits", limits).want(200)
}

func (h *harness) grant(account string, credits int) {
	h.t.Helper()
	h.root.post("/api/admin/accounts/"+account+"/credits", object{"type": "grant", "amount": credits, "idempotency_key": "grant"}).want(200)
}

var (
	reads  = object{"request": object{"method": "GET", "path": "/media/1"}}
	writes = object{"request": object{"method": "POST", "path": "/media"}}
)

// A limit counts at every door, for all keys of an account together; what is refused uses nothing, and a higher limit counts at once.
func TestLimitsAtEveryDoor(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.clock.stop()
	service := h.asker()
	grace := h.member("grace", permission.UsePersonalAccessKeys, "*:*")
	_, one := grace.newKey("one")
	_, two := grace.newKey("two")
	h.limit(grace.id, object{"query": 3, "window": "day"})
	code := func(key *client, more ...object) string {
		t.Helper()
		return service.verify(key.secret(), more...).want(200).str("code")
	}
	want := func(say, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: %s, want %s", say, got, want)
		}
	}
	first := service.verify(one.secret(), reads).want(200).json()["quota"].(map[string]any)
	if first["class"] != "query" || first["scope"] != "account" || first["limit"] != 3.0 || first["used"] != 1.0 || first["remaining"] != 2.0 || first["resets_at"] == nil {
		t.Errorf("after the first: %v", first)
	}
	want("a dry run", code(one, reads, object{"record": false}), "VALID")
	want("a write is of another class", code(one, writes), "VALID")
	a := two.get(forwardAuthPath + "/media/1").want(200)
	if got := a.header.Get("RateLimit"); !regexp.MustCompile(`^"query";r=1;t=\d+$`).MatchString(got) || a.header.Get("RateLimit-Policy") != `"query";q=3;w=86400` {
		t.Errorf("RateLimit: %s, RateLimit-Policy: %s", got, a.header.Get("RateLimit-Policy"))
	}
	want("the last one, without a request", code(two), "VALID")
	want("one more", code(one, reads), "QUOTA_EXCEEDED")
	want("one more, as a dry run", code(two, reads, object{"record": false}), "QUOTA_EXCEEDED")
	over := two.get(forwardAuthPath+"/media/1").want(429, "quota_exceeded")
	m := over.json()["metadata"].(map[string]any)
	if m["class"] != "query" || m["scope"] != "account" || m["limit"] != 3.0 || m["used"] != 3.0 || m["resets_at"] == nil || over.header.Get("Retry-After") == "" ||
		!regexp.MustCompile(`^"query";r=0;t=\d+$`).MatchString(over.header.Get("RateLimit")) {
		t.Errorf("refused: %v %s", over.header, over.body)
	}
	h.limit(grace.id, object{"query": 4})
	want("with a higher limit", code(one, reads), "VALID")
	want("and one more", code(one, reads), "QUOTA_EXCEEDED")
	h.clock.advance(24 * time.Hour)
	h.root = h.signIn("root", password)
	want("the next day", code(one, reads), "VALID")
	h.limit(grace.id, object{"query": nil})
	want("without a limit", code(one, reads), "VALID")
	h.limit(grace.id, object{"query": 0})
	want("with a limit of nothing", code(one, reads), "QUOTA_EXCEEDED")
	h.noAlarm()
}

// A hundred at once over three instances: as many pass as may.
func TestALimitHoldsOverInstances(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	instances := []string{h.url, h.instance(), h.instance()}
	grace := h.member("grace", permission.UsePersonalAccessKeys, "*:*")
	_, program := grace.newKey("bot")
	h.limit(grace.id, object{"query": 10})
	var passed, refused atomic.Int64
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			switch a := program.at(instances[i%3]).get(forwardAuthPath + "/x"); a.status {
			case 200:
				passed.Add(1)
			case 429:
				refused.Add(1)
			default:
				t.Errorf("%d %s", a.status, a.body)
			}
		})
	}
	all.Wait()
	if passed.Load() != 10 || refused.Load() != 90 {
		t.Errorf("%d passed, %d were refused", passed.Load(), refused.Load())
	}
}

// Credits are paid by whoever asks for what costs, never twice, and never more than there are.
func TestCreditsAtEveryDoor(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.catalogueIs(permission.Document{Routes: []permission.Route{{Method: "POST", Path: "/media", Credits: 30}}})
	service := h.asker()
	grace := h.member("grace", permission.UsePersonalAccessKeys, "*:*")
	_, program := grace.newKey("bot")
	h.grant(grace.id, 100)
	var passed atomic.Int64
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			if service.verify(program.secret(), writes).want(200).str("code") == "VALID" {
				passed.Add(1)
			}
		})
	}
	all.Wait()
	refused := service.verify(program.secret(), writes).want(200).json()
	if passed.Load() != 3 || refused["code"] != "INSUFFICIENT_CREDITS" || refused["status"] != 402.0 || refused["credits"].(map[string]any)["balance"] != 10.0 {
		t.Errorf("%d passed, then %v", passed.Load(), refused)
	}
	if a := program.do("POST", forwardAuthPath+"/media", nil).want(402, "insufficient_credits"); a.json()["metadata"].(map[string]any)["required"] != 30.0 {
		t.Errorf("a gateway: %s", a.body)
	}
	paid := service.verify(program.secret(), writes, object{"cost": 7}).want(200).json()["credits"].(map[string]any)
	if paid["required"] != 7.0 || paid["balance"] != 3.0 {
		t.Errorf("with a cost of its own: %v", paid)
	}
	dry := service.verify(program.secret(), reads, object{"cost": 3, "record": false}).want(200)
	if got := service.verify(program.secret(), reads, object{"cost": 3}).want(200); dry.str("code") != "VALID" || got.str("code") != "VALID" {
		t.Errorf("a dry run took something: %s, %s", dry.body, got.body)
	}
	if got := grace.get("/api/accounts/credits").want(200).json(); got["balance"] != 0.0 || got["used"] != 100.0 || len(got["entries"].([]any)) != 6 {
		t.Errorf("the ledger: %v", got)
	}
	h.noAlarm()
}

// What ends soon says so to whoever uses it.
func TestAKeyTellsThatItExpires(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	grace := h.member("grace", permission.UsePersonalAccessKeys, "*:*")
	key := func(in time.Duration) *client {
		return h.anonymous().withKey(grace.post(ownKeys, object{"name": "x", "expires_at": rfc3339(h.clock.Now().Add(in))}).want(200).str("secret"))
	}
	for in, told := range map[time.Duration]bool{13 * 24 * time.Hour: true, 15 * 24 * time.Hour: false} {
		k := key(in)
		for _, path := range []string{forwardAuthPath, "/api/accounts"} {
			if got := k.get(path).want(200).header.Get("Latchkey-Key-Expires"); (got != "") != told {
				t.Errorf("%s before its end, %s: %q", in, path, got)
			}
		}
	}
}
