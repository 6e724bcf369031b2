package api

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/latchkey-dev/latchkey/internal/permission"
)

// right is something that can be used, and that can be taken away.
type right struct {
	use   func(at string) *answer // 200 while it is there
	take  func() *answer          // at the first instance
	dead  string                  // what use gives afterwards
	again func()                  // gives it back; nil: it is gone for good
	once  bool                    // to repeat take is refused, or is another call
	tidy  func()                  // undoes what the next scenario would notice; nil: nothing
}

// withdrawal is a way to take a right, by an operation that says of itself that it withdraws.
type withdrawal struct {
	operation, say string
	make           func(h *harness) right
}

const (
	noCredential = "401 credential_invalid"
	noPermission = "403 permission_denied"
	graceHas     = permission.UsePersonalAccessKeys
)

func ownAccount(c *client) func(string) *answer {
	return func(at string) *answer { return c.at(at).get("/api/accounts") }
}

// graces makes grace, a key of hers, and the path that she changes it at.
func (h *harness) graces() (*client, *client, string) {
	h.t.Helper()
	grace := h.member("grace", graceHas, "*:*")
	id, program := grace.newKey("bot")
	return grace, program, ownKeys + "/" + id
}

func (h *harness) roleOf(handle string) string {
	h.t.Helper()
	return "/api/roles/" + scalar[string](h, "SELECT id FROM role WHERE name = $1", "role of "+handle)
}

var withdrawals = []withdrawal{
	{"AccessKeyDelete", "a key, by its owner", func(h *harness) right {
		grace, program, path := h.graces()
		return right{use: ownAccount(program), take: func() *answer { return grace.delete(path) }, dead: noCredential}
	}},
	{"AccessKeyDelete", "a key, by another key", func(h *harness) right {
		grace, program, path := h.graces()
		_, other := grace.newKey("other")
		return right{use: ownAccount(program), take: func() *answer { return other.delete(path) }, dead: noCredential}
	}},
	{"AccessKeyDelete", "a key at a gateway", func(h *harness) right {
		grace, program, path := h.graces()
		return right{use: func(at string) *answer { return program.at(at).get(forwardAuthPath + "/x") }, take: func() *answer { return grace.delete(path) }, dead: noCredential}
	}},
	{"AccessKeySelfRevoke", "a key, by its holder", func(h *harness) right {
		_, program, _ := h.graces()
		return right{use: ownAccount(program), take: func() *answer { return program.delete("/api/access-keys/self") }, dead: noCredential, once: true}
	}},
	{"AdminAccessKeyDelete", "a key, by an administrator", func(h *harness) right {
		_, program, path := h.graces()
		return right{use: ownAccount(program), take: func() *answer {
			return h.root.delete("/api/admin/access-keys/" + strings.TrimPrefix(path, ownKeys+"/"))
		}, dead: noCredential}
	}},
	{"AccessKeyUpdate", "a key, disabled", func(h *harness) right {
		grace, program, path := h.graces()
		return right{use: ownAccount(program), take: func() *answer { return grace.patch(path, object{"enabled": false}) }, dead: noCredential,
			again: func() { grace.patch(path, object{"enabled": true}).want(200) }}
	}},
	{"AccessKeyUpdate", "a key, to end earlier than never", func(h *harness) right {
		grace, program, path := h.graces()
		return right{use: ownAccount(program), dead: noCredential, once: true, take: func() *answer { return h.endSoon(grace, path) },
			again: func() { grace.patch(path, object{"expires_at": nil}).want(200) }}
	}},
	{"AccessKeyUpdate", "a key, to end earlier than later", func(h *harness) right {
		grace, program, path := h.graces()
		later := func() {
			grace.patch(path, object{"expires_at": rfc3339(h.clock.Now().Add(24 * time.Hour)), "enabled": true}).want(200)
		}
		later()
		return right{use: ownAccount(program), dead: noCredential, once: true, take: func() *answer { return h.endSoon(grace, path) }, again: later}
	}},
	{"AccessKeyUpdate", "a permission of a key", func(h *harness) right {
		grace := h.member("grace", graceHas, permission.ViewAuditLog, permission.ManageRoles)
		id, program := grace.newKey("bot")
		narrow := func(names any) *answer { return grace.patch(ownKeys+"/"+id, object{"permissions": names}) }
		return right{use: func(at string) *answer { return program.at(at).get(allEvents) }, dead: noPermission,
			take: func() *answer { return narrow([]string{permission.ManageRoles}) }, again: func() { narrow(nil).want(200) }}
	}},
	{"AccessKeyUpdate", "one permission of a key for another", func(h *harness) right {
		grace := h.member("grace", graceHas, permission.ViewAuditLog, permission.ManageRoles)
		id, program := grace.newKey("bot")
		list := func(name string) *answer {
			return grace.patch(ownKeys+"/"+id, object{"permissions": []string{name}})
		}
		list(permission.ViewAuditLog).want(200)
		return right{use: func(at string) *answer { return program.at(at).get(allEvents) }, dead: noPermission,
			take: func() *answer { return list(permission.ManageRoles) }, again: func() { list(permission.ViewAuditLog).want(200) }}
	}},
	{"AccessKeyRegenerate", "the secret of a key", func(h *harness) right {
		grace, program, path := h.graces()
		return right{use: ownAccount(program), dead: noCredential, take: func() *answer { return grace.post(path+"/regenerate", object{}) }}
	}},
	{"AccessKeyRegenerate", "the secret before, in its overlap", func(h *harness) right {
		grace, program, path := h.graces()
		overlap := object{"overlap_seconds": 3600}
		grace.post(path+"/regenerate", overlap).want(200)
		return right{use: ownAccount(program), dead: noCredential, take: func() *answer { return grace.post(path+"/regenerate", overlap) }}
	}},
	{"AccessKeyPreviousSecretDelete", "the secret before", func(h *harness) right {
		grace, program, path := h.graces()
		grace.post(path+"/regenerate", object{"overlap_seconds": 3600}).want(200)
		return right{use: ownAccount(program), dead: noCredential, take: func() *answer { return grace.delete(path + "/previous-secret") }}
	}},
	{"AccessKeyRevokeAll", "all keys, by their owner", func(h *harness) right {
		grace, program, _ := h.graces()
		return right{use: ownAccount(program), dead: noCredential, take: func() *answer { return grace.post(ownKeys+"/revoke-all", object{}) }}
	}},
	{"AdminAccessKeyRevokeAll", "all keys of an account", func(h *harness) right {
		grace, program, _ := h.graces()
		return right{use: ownAccount(program), dead: noCredential,
			take: func() *answer { return h.root.post(allRevoke, object{"account": grace.id, "reason": "taken over"}) }}
	}},
	{"AdminAccessKeyRevokeAll", "so many keys that nodes forget everything", func(h *harness) right {
		grace, program, _ := h.graces()
		h.plant(grace.id, "p", 1001, "")
		return right{use: ownAccount(program), dead: noCredential,
			take: func() *answer { return h.root.post(allRevoke, object{"reason": "database lost"}) }}
	}},
	{"AccessKeyReport", "a key that somebody found", func(h *harness) right {
		_, program, _ := h.graces()
		return right{use: ownAccount(program), dead: noCredential,
			take: func() *answer { return h.anonymous().post(reportPath, object{"keys": []string{program.secret()}}) }}
	}},
	{"RoleUpdate", "the right to have keys", func(h *harness) right {
		_, program, _ := h.graces()
		role := h.roleOf("grace")
		return right{use: ownAccount(program), dead: noPermission, take: func() *answer { return h.root.patch(role, object{"permissions": []string{}}) },
			again: func() { h.root.patch(role, object{"permissions": []string{graceHas}}).want(200) }}
	}},
	{"RoleUpdate", "a permission of a session", func(h *harness) right {
		rolf := h.member("rolf", permission.ManageRoles, permission.ViewAuditLog)
		role := h.roleOf("rolf")
		return right{use: func(at string) *answer { return rolf.at(at).get(role) }, dead: noPermission,
			take:  func() *answer { return h.root.patch(role, object{"permissions": []string{permission.ViewAuditLog}}) },
			again: func() { h.root.patch(role, object{"permissions": []string{permission.ManageRoles}}).want(200) }}
	}},
	{"RoleUpdate", "one permission for another", func(h *harness) right {
		rolf := h.member("rolf", permission.ManageRoles)
		role := h.roleOf("rolf")
		return right{use: func(at string) *answer { return rolf.at(at).get(role) }, dead: noPermission,
			take: func() *answer {
				return h.root.patch(role, object{"permissions": []string{permission.ManageAccounts, permission.ViewAuditLog}})
			},
			again: func() { h.root.patch(role, object{"permissions": []string{permission.Administrator}}).want(200) }}
	}},
	{"RoleDelete", "all that a role gives", func(h *harness) right {
		_, program, _ := h.graces()
		role := h.roleOf("grace")
		return right{use: ownAccount(program), dead: noPermission, take: func() *answer { return h.root.delete(role) }, once: true}
	}},
	{"AccountRemoveRole", "a role of somebody with a key", func(h *harness) right {
		_, program, _ := h.graces()
		given := "/api/accounts/grace" + strings.TrimPrefix(h.roleOf("grace"), "/api")
		return right{use: ownAccount(program), dead: noPermission, take: func() *answer { return h.root.delete(given) },
			again: func() { h.root.do("PUT", given, nil).want(200) }}
	}},
	{"AccountRemoveRole", "the built-in role of somebody signed in", func(h *harness) right {
		ada := h.administrator("ada")
		given := "/api/accounts/ada/roles/" + administratorRole
		return right{use: func(at string) *answer { return ada.at(at).get("/api/admin/accounts") }, dead: noPermission, take: func() *answer { return h.root.delete(given) },
			again: func() { h.root.do("PUT", given, nil).want(200) }}
	}},
	{"PermissionCatalogueUpdate", "a resource of the API", func(h *harness) right {
		describe := func() *answer { return h.root.do("PUT", catalogueAt, mediaCatalogue).want(200) }
		describe()
		grace := h.member("grace", graceHas, "media:read")
		_, program := grace.newKey("bot")
		return right{use: func(at string) *answer { return program.at(at).get(forwardAuthPath + "/media/1") }, dead: noPermission,
			take: func() *answer { return h.root.do("PUT", catalogueAt, object{}) }, again: func() { describe() },
			tidy: func() { h.root.do("PUT", catalogueAt, object{}).want(200) }}
	}},
	{"AccountSuspend", "the keys of an account", func(h *harness) right {
		grace, program, _ := h.graces()
		return right{use: ownAccount(program), dead: noCredential, take: func() *answer { return h.root.post("/api/admin/accounts/"+grace.id+"/suspend", nil) },
			again: func() { h.root.post("/api/admin/accounts/"+grace.id+"/restore", nil).want(200) }}
	}},
	{"AccountSuspend", "the sessions of an account", func(h *harness) right {
		grace := h.member("grace")
		return right{use: ownAccount(grace), dead: noCredential, take: func() *answer { return h.root.post("/api/admin/accounts/"+grace.id+"/suspend", nil) }}
	}},
	{"AccountLimitsUpdate", "all that keys may use", func(h *harness) right {
		grace, program, _ := h.graces()
		path := "/api/admin/accounts/" + grace.id + "/limits"
		return right{use: func(at string) *answer { return program.at(at).get(forwardAuthPath + "/x") }, dead: "429 quota_exceeded",
			take:  func() *answer { return h.root.patch(path, object{"query": 0}) },
			again: func() { h.root.patch(path, object{"query": nil}).want(200) }}
	}},
	{"AuthLogout", "a session, by its browser", func(h *harness) right {
		grace := h.member("grace")
		return right{use: ownAccount(grace), dead: noCredential, take: func() *answer { return grace.post("/api/auth/logout", nil) }, once: true}
	}},
	{"SessionDelete", "a session, by another", func(h *harness) right {
		grace := h.member("grace")
		laptop := h.signIn("grace", password)
		id := grace.get("/api/auth/sessions").want(200).column("sessions", "id")[0]
		return right{use: ownAccount(laptop), dead: noCredential, take: func() *answer { return grace.delete("/api/auth/sessions/" + id) }, once: true}
	}},
	{"AuthPasswordUpdate", "the other sessions", func(h *harness) right {
		grace := h.member("grace")
		laptop := h.signIn("grace", password)
		return right{use: ownAccount(laptop), dead: noCredential, take: func() *answer { return changePassword(grace) }, once: true}
	}},
	{"AuthPasswordUpdate", "the very session", func(h *harness) right {
		grace := h.member("grace")
		return right{use: ownAccount(grace), dead: noCredential, take: func() *answer { return changePassword(grace) }, once: true}
	}},
	{"AccountPasswordReset", "the sessions of an account", func(h *harness) right {
		grace := h.member("grace")
		return right{use: ownAccount(grace), dead: noCredential, take: func() *answer {
			return h.root.do("PUT", "/api/admin/accounts/"+grace.id+"/password", object{"token": "a second pass phrase to change"})
		}}
	}},
	{"AuthPasswordSignin", "the oldest of twenty sessions", func(h *harness) right {
		grace := h.member("grace")
		for range 19 {
			h.clock.advance(time.Millisecond)
			h.signIn("grace", password)
		}
		h.clock.advance(time.Millisecond)
		return right{use: ownAccount(grace), dead: noCredential, take: func() *answer { return h.anonymous().post("/api/auth/password/signin", pair("grace", password)) }}
	}},
}

// endSoon makes a key end in a minute, and lets the minute pass.
func (h *harness) endSoon(owner *client, path string) *answer {
	got := owner.patch(path, object{"expires_at": rfc3339(h.clock.Now().Add(time.Minute))})
	h.clock.advance(2 * time.Minute)
	return got
}

func changePassword(c *client) *answer {
	return c.patch("/api/auth/password", object{"old": password, "new": "nine copper kettles whistle"})
}

// An operation that is said to withdraw has a test that it does; this is the list of them, kept by the contract.
func TestEveryWithdrawalHasATest(t *testing.T) {
	t.Parallel()
	withdraws, tested := map[string]bool{}, map[string]bool{}
	for _, item := range writtenContract(t).Paths.Map() {
		for _, op := range item.Operations() {
			if op.Extensions["x-withdraws"] == true {
				withdraws[op.OperationID] = true
			}
		}
	}
	for _, w := range withdrawals {
		tested[w.operation] = true
	}
	sameNames(t, "operations that withdraw", sortedKeys(withdraws), sortedKeys(tested))
	if len(withdraws) < 12 {
		t.Errorf("only %d operations withdraw", len(withdraws))
	}
	for id := range withdraws {
		if op := operationOf(writtenContract(t), id); !strings.Contains(op.Description+op.Summary, "every node") {
			t.Errorf("%s does not say when it answers", id)
		}
	}
}

func operationOf(doc *openapi3.T, id string) *openapi3.Operation {
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			if op.OperationID == id {
				return op
			}
		}
	}
	return nil
}

// onStages plays each withdrawal on a few stages that start makes, for to make one costs more than most plays. Only one is
// played on a stage at a time, so that none hides behind another's syncs. One that fails leaves its stage to nobody.
func onStages(t *testing.T, start func(*testing.T) *harness, play func(*testing.T, *harness, withdrawal) right) {
	t.Helper()
	stages := make(chan *harness, 4)
	for range cap(stages) {
		stages <- start(t)
	}
	for _, w := range withdrawals {
		t.Run(w.operation+"/"+w.say, func(t *testing.T) {
			t.Parallel()
			stage := <-stages
			var next *harness // nil: whoever comes next makes one alone
			defer func() { stages <- next }()
			if stage == nil {
				play(t, start(t), w)
				return
			}
			h := stage.in(t)
			r := play(t, h, w)
			if r.tidy != nil {
				r.tidy()
			}
			h.makeRoom()
			if !t.Failed() {
				next = stage
			}
		})
	}
}

// makeRoom lets others have the names that were used, and begin with an empty log.
func (h *harness) makeRoom() {
	h.t.Helper()
	h.exec("UPDATE account SET handle = id WHERE id <> $1", h.root.id)
	h.exec("UPDATE role SET name = id WHERE NOT built_in")
	h.log.forget()
}

// ASVS 8.3.2, and the promise P1: what one instance takes away, no other one gives once the call has returned.
func TestWhatIsTakenIsTakenEverywhereAtOnce(t *testing.T) {
	t.Parallel()
	onStages(t, func(t *testing.T) *harness {
		h := newHarness(t, func(s *settings) { s.deaf = true }) // or a call that does not wait might pass
		h.instance()
		return h
	}, func(t *testing.T, h *harness, w withdrawal) right {
		here, there := h.urls[0], h.urls[1]
		r := w.make(h)
		for round := range 2 {
			for range 2 { // the second time from memory
				for _, at := range []string{here, there} {
					r.use(at).want(200)
				}
			}
			got := r.take()
			if got.status/100 != 2 {
				t.Fatalf("%s: %d %s", got.what, got.status, got.body)
			}
			for _, at := range []string{there, here, there} {
				if now := gotStatus(r.use(at)); now != r.dead {
					t.Fatalf("round %d: %s at once at %s (first instance: %t), want %s", round, now, at, at == here, r.dead)
				}
			}
			h.log.await(t, got.header.Get("X-Request-Id"), "operation="+w.operation+" ")
			if r.again == nil {
				break
			}
			r.again()
			for _, at := range []string{here, there} {
				h.backWithinALease(r, at)
			}
		}
		if r.again == nil { // for good
			h.clock.advance(time.Minute)
			for _, at := range []string{there, here} {
				if now := gotStatus(r.use(at)); now != r.dead {
					t.Errorf("later: %s, want %s", now, r.dead)
				}
			}
		}
		h.noAlarm()
		return r
	})
}

// backWithinALease waits until a right that was given just now works, and fails the test if an instance answers without it for
// longer than it may.
func (h *harness) backWithinALease(r right, at string) {
	h.t.Helper()
	given := h.leases.Now()
	for {
		asked := h.leases.Now()
		got := r.use(at)
		if got.status == 200 {
			return
		}
		if asked-given > h.node.Lease().Length() && got.status != 503 {
			h.t.Fatalf("%s after it was given: %s", asked-given, gotStatus(got))
		}
		time.Sleep(5 * time.Millisecond) // leaves the processor to those who work
	}
}

// straggler is a node that never answers, so that withdrawals wait for every lease to end; the leases are short.
func (h *harness) straggler() {
	h.t.Helper()
	h.exec("UPDATE cluster SET lease_ms = 200")
	h.exec("UPDATE cluster SET wait_ms = 200")
	h.exec("INSERT INTO cache_node (id, applied_v, seq) VALUES ('straggler', 0, 1)")
}

// noStraggler makes the cluster what it was, and waits until the first instance knows.
func (h *harness) noStraggler() {
	h.t.Helper()
	h.exec("DELETE FROM cache_node WHERE id = 'straggler'")
	h.exec("UPDATE cluster SET wait_ms = 1000, lease_ms = 1000")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if l := h.node.AwaitSince(ctx, h.leases.Now()); l == nil || l.Length() != time.Second {
		h.t.Errorf("a lease of the old length: %v", l)
	}
}

// waits counts the calls that waited, by what told them that they need not any longer.
func (h *harness) waits(path string) float64 {
	h.t.Helper()
	n, _ := h.metricIfAny("latchkey_revocation_wait_seconds", "path", path)
	return n
}

// A node that says nothing is waited for; and by whoever repeats a call, too, for the first one may have been cut off (P5).
func TestEveryWithdrawalWaitsForEveryNode(t *testing.T) {
	t.Parallel()
	onStages(t, func(t *testing.T) *harness { return newHarness(t) }, func(t *testing.T, h *harness, w withdrawal) right {
		r := w.make(h)
		h.straggler()
		times := 2
		if r.once {
			times = 1
		}
		for i := range times {
			before, early := h.waits("lease"), h.waits("ack")
			if got := r.take(); got.status/100 != 2 {
				t.Fatalf("time %d: %s: %d %s", i+1, got.what, got.status, got.body)
			}
			if h.waits("lease") != before+1 || h.waits("ack") != early {
				t.Errorf("time %d: it did not wait for a node that says nothing", i+1)
			}
		}
		h.noStraggler()
		return r
	})
}

// Whoever repeats a call that removes something is told that it is not there. That waits as well.
func TestWhatIsGoneIsGoneEverywhereBeforeAnybodyIsTold(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	grace := h.member("grace")
	h.straggler()
	for say, ask := range map[string]func() *answer{
		"a session": func() *answer { return grace.delete("/api/auth/sessions/"+unknownID).want(404, "not_found") },
		"a role":    func() *answer { return h.root.delete("/api/roles/"+unknownID).want(404, "not_found") },
	} {
		asked := h.leases.Now()
		ask()
		if took := h.leases.Now() - asked; took < 200*time.Millisecond {
			t.Errorf("%s: answered after %s", say, took)
		}
	}
}

// What gives a right waits for nobody.
func TestGrantsDoNotWait(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	grace, _, path := h.graces()
	role := h.roleOf("grace")
	given := "/api/accounts/grace/roles/" + administratorRole
	later := func(d time.Duration) object { return object{"expires_at": rfc3339(h.clock.Now().Add(d))} }
	grace.patch(path, later(time.Hour)).want(200)
	gone := h.member("gone")
	h.root.post("/api/admin/accounts/"+gone.id+"/suspend", nil).want(200)
	h.root.patch(role, object{"permissions": []string{}}).want(200)
	h.root.patch(role, object{"permissions": []string{graceHas}}).want(200)
	grace.patch(path, object{"enabled": false}).want(200)
	h.straggler()
	before := h.waits("lease") + h.waits("ack")
	for say, a := range map[string]*answer{
		"a key":               grace.post(ownKeys, object{"name": "x"}),
		"enabling":            grace.patch(path, object{"enabled": true}),
		"a name":              grace.patch(path, object{"name": "y"}),
		"more time":           grace.patch(path, later(2*time.Hour)),
		"all the time":        grace.patch(path, object{"expires_at": nil}),
		"all the time, again": grace.patch(path, object{"expires_at": nil, "enabled": true}),
		"a wider role":        h.root.patch(role, object{"permissions": []string{graceHas, permission.ViewAuditLog}}),
		"a name of a role":    h.root.patch(role, object{"name": "other", "colour": "#000000"}),
		"a role":              h.root.do("PUT", given, nil),
		"a role, again":       h.root.do("PUT", given, nil),
		"a new role":          h.root.post("/api/roles", object{"name": "new", "permissions": []string{}}),
		"restoring":           h.root.post("/api/admin/accounts/"+gone.id+"/restore", nil),
		"restoring, again":    h.root.post("/api/admin/accounts/"+gone.id+"/restore", nil),
		"a new account":       h.root.post("/api/admin/accounts", pair("new", password)),
		"a sign-in":           h.anonymous().post("/api/auth/password/signin", pair("grace", password)),
		"verifying":           h.root.verify("x"),
	} {
		if a.status != 200 || h.waits("lease")+h.waits("ack") != before {
			t.Errorf("%s: %d; somebody waited: %t", say, a.status, h.waits("lease")+h.waits("ack") != before)
		}
	}
}
