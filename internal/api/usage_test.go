package api

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-dev/latchkey/internal/permission"
	"github.com/latchkey-dev/latchkey/internal/usage"
)

// used makes requests of a key as a gateway would report them, and writes what was counted.
func (h *harness) used(keyID, accountID string, asks ...usage.Ask) {
	h.t.Helper()
	for _, a := range asks {
		if a.At.IsZero() {
			a.At = h.clock.Now()
		}
		plan := usage.Plan{KeyID: keyID, AccountID: accountID, Account: usage.NoLimits, Key: usage.NoLimits}
		if limit := scalar[*int64](h, "SELECT limit_query FROM account WHERE id = $1", accountID); limit != nil {
			plan.Account.Query = *limit
		}
		plan.Window, _ = usage.ParseWindow(scalar[string](h, "SELECT limit_window FROM account WHERE id = $1", accountID))
		if _, err := h.meter.Spend(h.t.Context(), plan, a); err != nil {
			h.t.Fatal(err)
		}
	}
	if err := h.meter.Flush(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

// shape writes members of an object, one after another, as "name value".
func shape(o object, members ...string) string {
	var parts []string
	for _, m := range members {
		if v, there := o[m]; there {
			parts = append(parts, fmt.Sprintf("%s %v", m, v))
		}
	}
	return strings.Join(parts, ", ")
}

func TestAccessKeyUsage(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.clock.stop()
	grace, other := h.member("grace", graceHas), h.member("other", graceHas)
	id, program := grace.newKey("bot")
	clerk := h.member("clerk")
	h.root.post("/api/admin/accounts/"+grace.id+"/credits", object{"type": "grant", "amount": 100, "idempotency_key": "a"}).want(200)
	h.used(id, grace.id, usage.Ask{}, usage.Ask{Class: permission.Mutation, Credits: 30}, usage.Ask{Credits: 90})
	h.meter.Denied(id, h.clock.Now())
	h.used(id, grace.id, usage.Ask{At: h.clock.Now().Add(-25 * time.Hour)})
	path := ownKeys + "/" + id + "/usage"
	get := func(say string, by *client, path string, status int, problem string) sentence {
		return sentence{say: say, by: by, method: "GET", path: path, status: status, code: problem}
	}
	counts := func(say string, by *client, path, want string, points int) sentence {
		s := get(say, by, path, 200, "")
		s.then = func(got *answer) {
			if o := got.json(); shape(o, "key", "bucket")+", "+shape(o["totals"].(object), "query", "mutation", "credits", "denied") != want || len(got.list("data")) != points {
				t.Errorf("%s: %s", say, got.body)
			}
		}
		return s
	}
	refuses := func(say, query, parameter string) sentence {
		s := get(say, grace, path+"?"+query, 400, "request_invalid")
		s.then = func(got *answer) {
			if named := got.json()["metadata"].(object)["parameter"]; named != parameter {
				t.Errorf("%s: names %v, want %s", say, named, parameter)
			}
		}
		return s
	}
	at := func(d time.Duration) string { return url.QueryEscape(rfc3339(h.clock.Now().Add(d))) }
	all := "denied map[credits:1 permission:1 quota:0]"
	h.hold(
		get("nobody", h.anonymous(), path, 401, "credential_required"),
		get("a member without the permission", clerk, path, 403, "permission_denied"),
		get("a key of somebody else", other, path, 404, "not_found"),
		get("an administrator, too, sees only their own", h.root, path, 404, "not_found"),
		get("nothing of that id", grace, ownKeys+"/"+unknownID+"/usage", 404, "not_found"),
		counts("by day, unless stated", grace, path, "key "+id+", bucket day, query 2, mutation 1, credits 30, "+all, 2),
		counts("a key", program, path+"?bucket=hour", "key "+id+", bucket hour, query 2, mutation 1, credits 30, "+all, 2),
		counts("since this hour", grace, path+"?bucket=hour&from="+at(0), "key "+id+", bucket hour, query 1, mutation 1, credits 30, "+all, 1),
		counts("before it", grace, path+"?bucket=hour&to="+at(0), "key "+id+", bucket hour, query 1, mutation 0, credits 0, denied map[credits:0 permission:0 quota:0]", 1),
		refuses("a bucket that there is not", "bucket=week", "bucket"),
		refuses("no date", "from=yesterday", "from"),
		refuses("from after to", "from="+at(48*time.Hour)+"&to="+at(0), "from"),
		refuses("too many hours", "bucket=hour&from="+at(-2500*time.Hour), "from"),
		refuses("twice", "from="+at(-48*time.Hour)+"&from="+at(0), "from"),
	)
	grace.delete(ownKeys + "/" + id).want(204)
	h.hold(counts("a revoked key keeps its counts", grace, path, "key "+id+", bucket day, query 2, mutation 1, credits 30, "+all, 2))
}

// What all keys were used for by day is what each of them was.
func TestAccountUsageDaily(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.clock.stop()
	grace, other := h.member("grace", graceHas), h.member("other", graceHas)
	const path = "/api/accounts/usage/daily"
	id, program := grace.newKey("bot")
	second, _ := grace.newKey("second")
	gone, _ := grace.newKey("gone")
	old, _ := grace.newKey("old")
	grace.newKey("unused")
	others, _ := other.newKey("not hers")
	today := h.clock.Now().UTC().Truncate(24 * time.Hour)
	h.root.post("/api/admin/accounts/"+grace.id+"/credits", object{"type": "grant", "amount": 100, "idempotency_key": "a"}).want(200)
	h.meter.Denied(id, h.clock.Now())
	h.used(id, grace.id, usage.Ask{Class: permission.Mutation, Credits: 30}, usage.Ask{}, usage.Ask{At: today.Add(-1)}, usage.Ask{At: today}, usage.Ask{At: today.Add(24*time.Hour - 1)},
		usage.Ask{At: today.Add(-29 * 24 * time.Hour)}, usage.Ask{At: today.Add(-29*24*time.Hour - 1)})
	h.used(second, grace.id, usage.Ask{At: today.Add(-7 * 24 * time.Hour)}, usage.Ask{Credits: 90})
	h.used(gone, grace.id, usage.Ask{})
	h.used(old, grace.id, usage.Ask{At: today.Add(-31 * 24 * time.Hour)})
	h.used(others, other.id, usage.Ask{})
	grace.patch(ownKeys+"/"+second, object{"enabled": false}).want(200)
	grace.delete(ownKeys + "/" + gone).want(204)
	get := func(say string, by *client, path string, status int, problem string) sentence {
		return sentence{say: say, by: by, method: "GET", path: path, status: status, code: problem}
	}
	agrees := func(say string, by *client, ids ...string) sentence {
		s := get(say, by, path, 200, "")
		s.then = func(got *answer) {
			if from, to := got.str("from"), got.str("to"); from != rfc3339(today.Add(-29*24*time.Hour)) || to != rfc3339(today.Add(24*time.Hour)) {
				t.Errorf("%s: from %s to %s", say, from, to)
			}
			if keys := got.column("keys", "id"); !slices.Equal(keys, ids) {
				t.Errorf("%s: %v, want %v", say, keys, ids)
			}
			for _, k := range got.list("keys") {
				one := by.get(ownKeys + "/" + k["id"].(string) + "/usage").want(200).json()
				if one["from"] != got.str("from") || one["to"] != got.str("to") || !cmp.Equal(one["data"], k["data"]) {
					t.Errorf("%s: %s", say, cmp.Diff(one["data"], k["data"]))
				}
			}
		}
		return s
	}
	h.hold(
		get("nobody", h.anonymous(), path, 401, "credential_required"),
		get("a member without the permission", h.member("clerk"), path, 403, "permission_denied"),
		get("a parameter", grace, path+"?from=2026-01-01T00:00:00Z", 400, "request_invalid"),
		agrees("a session", grace, second, id),
		agrees("a key", program, second, id),
		agrees("somebody else", other, others),
	)
	if got := h.root.get(path).want(200); string(got.json()["from"].(string)) == "" || len(got.list("keys")) != 0 || !strings.Contains(string(got.body), `"keys":[]`) {
		t.Errorf("nothing was used: %s", got.body)
	}
	days := grace.get(path).want(200).list("keys")[1]["data"].([]any)
	if len(days) != 3 || days[0].(object)["start"] != rfc3339(today.Add(-29*24*time.Hour)) || days[2].(object)["query"] != 3.0 || days[2].(object)["mutation"] != 1.0 {
		t.Errorf("%v", days)
	}
}

func TestAccountUsage(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.clock.stop()
	grace := h.member("grace", graceHas)
	clerk := h.member("clerk", permission.ManageAccounts)
	id, program := grace.newKey("bot")
	gone, _ := grace.newKey("gone")
	h.root.patch("/api/admin/accounts/"+grace.id+"/limits", object{"query": 3, "window": "day"}).want(200)
	h.used(id, grace.id, usage.Ask{}, usage.Ask{Class: permission.Mutation})
	h.used(gone, grace.id, usage.Ask{}, usage.Ask{}, usage.Ask{})
	grace.delete(ownKeys + "/" + gone).want(204)
	admin := "/api/admin/accounts/" + grace.id + "/usage"
	get := func(say string, by *client, path string, status int, problem string) sentence {
		s := sentence{say: say, by: by, method: "GET", path: path, status: status, code: problem}
		if status == 200 {
			s.then = func(got *answer) {
				o := got.json()
				keys := got.list("keys")
				if o["account"] != grace.id || fmt.Sprint(o["query"]) != "map[limit:3 remaining:0 used:3]" || fmt.Sprint(o["mutation"]) != "map[used:1]" ||
					fmt.Sprint(o["credits"]) != "map[balance:0 used:0]" || o["window"].(object)["unit"] != "day" || len(keys) != 2 {
					t.Fatalf("%s: %s", say, got.body)
				}
				if a, b := shape(keys[0], "name", "status", "query", "mutation", "denied"), shape(keys[1], "name", "status", "query", "mutation", "denied"); a != "name gone, status revoked, query 2, mutation 0, denied map[credits:0 permission:0 quota:1]" ||
					b != "name bot, status active, query 1, mutation 1, denied map[credits:0 permission:0 quota:0]" {
					t.Errorf("%s: %s; %s", say, a, b)
				}
			}
		}
		return s
	}
	h.hold(
		get("nobody", h.anonymous(), "/api/accounts/usage", 401, "credential_required"),
		get("a session, its own", grace, "/api/accounts/usage", 200, ""),
		get("a key, its owner's", program, "/api/accounts/usage", 200, ""),
		get("nobody, anybody's", h.anonymous(), admin, 401, "credential_required"),
		get("a member without the permission", grace, admin, 403, "permission_denied"),
		get("an unknown account", clerk, "/api/admin/accounts/"+unknownID+"/usage", 404, "not_found"),
		get("somebody who manages accounts", clerk, admin, 200, ""),
		sentence{say: "a parameter that there is not", by: grace, method: "GET", path: "/api/accounts/usage?from=x", status: 400, code: "request_invalid"},
		sentence{say: "likewise", by: clerk, method: "GET", path: admin + "?from=x", status: 400, code: "request_invalid"},
	)
}

func TestAccountLimitsUpdate(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	clerk := h.member("clerk", permission.ManageAccounts, graceHas)
	_, program := clerk.newKey("bot")
	grace := h.member("grace", graceHas)
	path := "/api/admin/accounts/" + grace.id + "/limits"
	patch := func(say string, by *client, body any, status int, problem, want string) sentence {
		s := sentence{say: say, by: by, method: "PATCH", path: path, body: body, status: status, code: problem}
		s.then = func(got *answer) {
			if status == 200 && shape(got.json(), "query", "mutation", "window") != want {
				t.Errorf("%s: %s", say, got.body)
			}
			if pointer, _ := got.json()["metadata"].(object); status == 400 && fmt.Sprint(pointer["pointer"]) != want {
				t.Errorf("%s: %s", say, got.body)
			}
		}
		return s
	}
	h.hold(
		patch("nobody", h.anonymous(), object{"query": 1}, 401, "credential_required", ""),
		patch("a member without the permission, their own", grace, object{"query": 1}, 403, "permission_denied", ""),
		patch("no members", clerk, object{}, 400, "request_invalid", ""),
		patch("a negative limit", clerk, object{"query": -1}, 400, "request_invalid", "/query"),
		patch("a huge one", clerk, object{"mutation": 1_000_000_000_001}, 400, "request_invalid", "/mutation"),
		patch("a fraction", clerk, object{"query": 1.5}, 400, "request_invalid", "/query"),
		patch("a window that there is not", clerk, object{"window": "year"}, 400, "request_invalid", "/window"),
		patch("something else", clerk, object{"credits": 5}, 400, "request_invalid", ""),
		sentence{say: "an unknown account", by: clerk, method: "PATCH", path: "/api/admin/accounts/" + unknownID + "/limits", body: object{"query": 1}, status: 404, code: "not_found"},
		patch("a session", clerk, object{"query": 120, "mutation": 80, "window": "month"}, 200, "", "query 120, mutation 80, window month"),
		patch("a key", program, object{"query": 150}, 200, "", "query 150, mutation 80, window month"),
		patch("none", clerk, object{"query": nil, "window": "life"}, 200, "", "mutation 80, window life"),
		patch("nothing at all may be used", clerk, object{"query": 0}, 200, "", "query 0, mutation 80, window life"),
	)
	events := h.root.get("/api/admin/audit-events?type=account_limits_updated&account=" + grace.id).want(200).list("events")
	if len(events) != 4 || fmt.Sprint(events[2]["old"], events[2]["new"]) != "map[mutation:80 query:120 window:month] map[mutation:80 query:150 window:month]" {
		t.Errorf("audit events: %v", events)
	}
}

func TestAccountCreditsAdd(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	clerk := h.member("clerk", permission.ManageAccounts, graceHas)
	_, program := clerk.newKey("bot")
	grace := h.member("grace", graceHas)
	path := "/api/admin/accounts/" + grace.id + "/credits"
	in := func(kind string, amount any, key string) object {
		return object{"type": kind, "amount": amount, "idempotency_key": key}
	}
	post := func(say string, by *client, body object, status int, problem, want string) sentence {
		s := sentence{say: say, by: by, method: "POST", path: path, body: body, status: status, code: problem}
		s.then = func(got *answer) {
			o := got.json()
			if entry, _ := o["entry"].(object); status == 200 && shape(o, "balance")+": "+shape(entry, "type", "amount", "balance", "idempotency_key") != want {
				t.Errorf("%s: %s", say, got.body)
			}
			if metadata, _ := o["metadata"].(object); status >= 400 && want != "" && shape(metadata, "pointer", "balance") != want {
				t.Errorf("%s: %s", say, got.body)
			}
		}
		return s
	}
	h.hold(
		post("nobody", h.anonymous(), in("grant", 1, "a"), 401, "credential_required", ""),
		post("a member without the permission, their own", grace, in("grant", 1, "a"), 403, "permission_denied", ""),
		post("a charge", clerk, in("charge", 1, "a"), 400, "request_invalid", "pointer /type"),
		post("nothing", clerk, in("grant", 0, "a"), 400, "request_invalid", "pointer /amount"),
		post("a negative grant", clerk, in("grant", -5, "a"), 400, "request_invalid", "pointer /amount"),
		post("a huge one", clerk, in("grant", 1_000_000_000_001, "a"), 400, "request_invalid", "pointer /amount"),
		post("a key with a space", clerk, in("grant", 1, "a b"), 400, "request_invalid", "pointer /idempotency_key"),
		post("no key", clerk, object{"type": "grant", "amount": 1}, 400, "request_invalid", ""),
		sentence{say: "an unknown account", by: clerk, method: "POST", path: "/api/admin/accounts/" + unknownID + "/credits", body: in("grant", 1, "a"), status: 404, code: "not_found"},
		post("a debit of nothing", clerk, in("debit", 1, "a"), 409, "balance_too_low", "balance 0"),
		post("a session grants", clerk, in("grant", 500, "invoice-1"), 200, "", "balance 500: type grant, amount 500, balance 500, idempotency_key invoice-1"),
		post("a key debits", program, in("debit", 120, "invoice-2"), 200, "", "balance 380: type debit, amount -120, balance 380, idempotency_key invoice-2"),
		post("the first again", clerk, in("grant", 500, "invoice-1"), 200, "", "balance 380: type grant, amount 500, balance 500, idempotency_key invoice-1"),
		post("the first with another amount", clerk, in("grant", 501, "invoice-1"), 409, "idempotency_conflict", ""),
		post("more than there is", clerk, in("adjust", -381, "b"), 409, "balance_too_low", "balance 380"),
		post("an adjustment", clerk, in("adjust", -380, "b"), 200, "", "balance 0: type adjust, amount -380, balance 0, idempotency_key b"),
		post("a refund", clerk, in("refund", 1, "c"), 200, "", "balance 1: type refund, amount 1, balance 1, idempotency_key c"),
	)
	events := h.root.get("/api/admin/audit-events?type=account_credits_added&account=" + grace.id).want(200).list("events")
	if len(events) != 4 || fmt.Sprint(events[2]["old"]) != "map[balance:500]" || shape(events[2]["new"].(object), "amount", "balance", "type") != "amount -120, balance 380, type debit" {
		t.Errorf("audit events: %v", events)
	}
}

func TestAccountCreditsList(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	clerk := h.member("clerk", permission.ManageAccounts)
	grace := h.member("grace", graceHas)
	id, program := grace.newKey("bot")
	admin := "/api/admin/accounts/" + grace.id + "/credits"
	for i := range 3 {
		clerk.post(admin, object{"type": "grant", "amount": 100, "idempotency_key": fmt.Sprint(i)}).want(200)
		h.clock.advance(time.Second)
	}
	h.used(id, grace.id, usage.Ask{Credits: 30})
	get := func(say string, by *client, path string, status int, problem, want string) sentence {
		s := sentence{say: say, by: by, method: "GET", path: path, status: status, code: problem}
		s.then = func(got *answer) {
			if status != 200 {
				return
			}
			line := shape(got.json(), "balance", "used")
			for _, e := range got.list("entries") {
				line += "; " + shape(e, "type", "amount", "balance")
			}
			if line != want {
				t.Errorf("%s: %s", say, line)
			}
		}
		return s
	}
	charge := "balance 270, used 30; type charge, amount -30, balance 270"
	whole := charge + "; type grant, amount 100, balance 300; type grant, amount 100, balance 200; type grant, amount 100, balance 100"
	h.hold(
		get("nobody", h.anonymous(), "/api/accounts/credits", 401, "credential_required", ""),
		get("a session, its own", grace, "/api/accounts/credits", 200, "", whole),
		get("a key, its owner's", program, "/api/accounts/credits", 200, "", whole),
		get("a page", grace, "/api/accounts/credits?limit=1", 200, "", charge),
		get("who has none", clerk, "/api/accounts/credits", 200, "", "balance 0, used 0"),
		get("a cursor that is none of ours", grace, "/api/accounts/credits?cursor=x", 400, "request_invalid", ""),
		get("nobody, anybody's", h.anonymous(), admin, 401, "credential_required", ""),
		get("a member without the permission", grace, admin, 403, "permission_denied", ""),
		get("a limit of 0", clerk, admin+"?limit=0", 400, "request_invalid", ""),
		get("an unknown account", clerk, "/api/admin/accounts/"+unknownID+"/credits", 404, "not_found", ""),
		get("somebody who manages accounts", clerk, admin, 200, "", whole),
	)
	next := clerk.get(admin + "?limit=3").want(200).str("next_cursor")
	if rest := clerk.get(admin + "?cursor=" + next).want(200); len(rest.list("entries")) != 1 || rest.str("next_cursor") != "" {
		t.Errorf("the second page: %s", rest.body)
	}
}
