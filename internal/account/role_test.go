package account

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/latchkey-dev/latchkey/internal/audit"
	"github.com/latchkey-dev/latchkey/internal/auth"
	"github.com/latchkey-dev/latchkey/internal/page"
	"github.com/latchkey-dev/latchkey/internal/permission"
	"github.com/latchkey-dev/latchkey/internal/problem"
	"github.com/latchkey-dev/latchkey/internal/search"
)

// What takes a permission away is waited for, whether or not it still does: whoever repeats a call relies on it too.
func TestWhatARoleWithdraws(t *testing.T) {
	t.Parallel()
	const a, c, all = permission.ManageRoles, permission.ViewAuditLog, permission.Administrator
	list := func(names ...string) []string { return append([]string{}, names...) }
	b := newBench(t)
	tx, err := b.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback(t.Context())
	for _, tc := range []struct {
		say          string
		before, then []string // nil: not named
		want         bool
	}{
		{say: "another name", before: list(a, c)},
		{say: "another name of an empty role", before: list()},
		{say: "one more", before: list(a), then: list(a, c)},
		{say: "the first", before: list(), then: list(a)},
		{say: "all", before: list(a), then: list(all)},
		{say: "one less", before: list(a, c), then: list(a), want: true},
		{say: "none", before: list(a, c), then: list(), want: true},
		{say: "one for another", before: list(a), then: list(c), want: true},
		{say: "one of all", before: list(all), then: list(a, c), want: true},
		{say: "the same again", before: list(a, c), then: list(c, a), want: true},
		{say: "none again", before: list(), then: list(), want: true},
		{say: "one level of all", before: list("*:*"), then: list("*:read"), want: true},
		{say: "all levels of one", before: list("*:read"), then: list("*:*")},
		{say: "all again", before: list(all), then: list(all), want: true},
		{say: "all, by one name more", before: list(all), then: list(all, a), want: true},
	} {
		in, name := RoleInput{}, "x"
		if tc.then == nil {
			in.Name = &name
		} else {
			in.Permissions = &tc.then
		}
		before := Role{Permissions: permission.NewSet(tc.before...)}
		after, err := in.wanted(t.Context(), act{Tx: tx}, before)
		if got := in.withdraws(before, after); got != tc.want || err != nil {
			t.Errorf("%s: %t, want %t; %v", tc.say, got, tc.want, err)
		}
	}
}

// The canary is nobody's: it is in no list, and nothing can be done to it.
func TestNobodyTouchesTheCanary(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	if exists := scalar[bool](b, "SELECT EXISTS (SELECT FROM account WHERE id = $1)", canary); !exists {
		t.Fatal("there is no canary")
	}
	root := b.signUp("root") // the first, in spite of the canary
	root.Permissions = permission.NewSet(permission.Administrator)
	if n := scalar[int](b, "SELECT count(*) FROM audit_event WHERE type = $1", string(audit.AccountRoleAdded)); n != 1 {
		t.Error("the first account is not administrator")
	}
	handle := scalar[string](b, "SELECT handle FROM account WHERE id = $1", canary)
	role, err := b.RoleCreate(t.Context(), root, RoleInput{Name: &handle})
	if err != nil {
		t.Fatal(err)
	}
	for say, err := range map[string]error{
		"suspended":     second(b.Suspend(t.Context(), root, canary)),
		"restored":      second(b.Restore(t.Context(), root, canary)),
		"given a role":  second(b.AddRole(t.Context(), root, handle, role.ID)),
		"taken a role":  second(b.RemoveRole(t.Context(), root, handle, role.ID)),
		"administrator": second(b.AddRole(t.Context(), root, handle, AdministratorRole)),
	} {
		if !is(err, problem.NotFound) {
			t.Errorf("%s: %v", say, err)
		}
	}
	for _, password := range []string{"", password, "canary", handle} {
		if _, _, err := b.SignIn(t.Context(), auth.Anonymous("192.0.2.7", ""), handle, password); !is(err, problem.SignInFailed) {
			t.Errorf("signed in: %v", err)
		}
	}
	list, _, err := b.List(t.Context(), root, search.Text{}, page.Start, 10)
	if err != nil || len(list) != 1 || list[0].Handle != "root" {
		t.Errorf("listed: %v, %v", list, err)
	}
}

// A role gives what the catalogue has, and what it has not is named.
func TestRolesOfTheCatalogue(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.exec(`UPDATE catalogue SET document = '{"resources":[{"name":"media","access":["read","write"]}],"flat":["CREATE_POST"]}'`)
	root, rolf := b.signUp("root"), b.signUp("rolf")
	root.Permissions = permission.NewSet(permission.Administrator)
	rolf.Permissions = permission.NewSet(permission.ManageRoles, "media:*", "*:write", "CREATE_POST")
	for _, tc := range []struct {
		by    auth.Caller
		gives []string
		want  problem.Code // empty: it can be given
		names string       // the permission that is named
	}{
		{by: root, gives: []string{"media:read", "media:write", "media:*", "*:delete", "CREATE_POST", permission.ViewAuditLog}},
		{by: root, gives: []string{"media:read", "media:delete"}, want: problem.PermissionUnknown, names: "media:delete"},
		{by: root, gives: []string{"people:read"}, want: problem.PermissionUnknown, names: "people:read"},
		{by: root, gives: []string{"PUBLISH"}, want: problem.PermissionUnknown, names: "PUBLISH"},
		{by: rolf, gives: []string{"media:read", "media:write", "media:*", "CREATE_POST", "*:write"}},
		{by: rolf, gives: []string{"media:read", "*:read"}, want: problem.PrivilegeExceeded, names: "*:read"},
		{by: rolf, gives: []string{permission.ViewAuditLog}, want: problem.PrivilegeExceeded, names: permission.ViewAuditLog},
	} {
		label := permission.NewSet(tc.gives...).String() + " by " + tc.by.Handle
		role, err := b.RoleCreate(t.Context(), tc.by, RoleInput{Name: &label, Permissions: &tc.gives})
		if tc.want == "" {
			if err != nil || len(role.Permissions.Missing(permission.NewSet(tc.gives...))) > 0 {
				t.Errorf("%s: %v, %v", label, role.Permissions, err)
			}
			continue
		}
		p, _ := errors.AsType[*problem.Error](err)
		if !is(err, tc.want) || !strings.Contains(fmt.Sprint(p.Fields), tc.names) {
			t.Errorf("%s: %v, want %s that names %s", label, err, tc.want, tc.names)
		}
	}
}

// What a role was given once stays in it when the catalogue has it no more, and is told as soon as somebody gives it again.
func TestRoleOfWhatTheCatalogueHadOnce(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.exec(`UPDATE catalogue SET document = '{"flat":["CREATE_POST"]}'`)
	root := b.signUp("root")
	root.Permissions = permission.NewSet(permission.Administrator)
	name, other, gives := "writers", "posters", []string{"CREATE_POST"}
	role, err := b.RoleCreate(t.Context(), root, RoleInput{Name: &name, Permissions: &gives})
	if err != nil {
		t.Fatal(err)
	}
	b.exec(`UPDATE catalogue SET document = '{}'`)
	role, err = b.RoleUpdate(t.Context(), root, role.ID, RoleInput{Name: &other})
	if err != nil || role.Permissions.String() != "CREATE_POST" {
		t.Errorf("renamed, it gives %s; %v", role.Permissions, err)
	}
	if _, err := b.RoleUpdate(t.Context(), root, role.ID, RoleInput{Permissions: &gives}); !is(err, problem.PermissionUnknown) {
		t.Errorf("given again: %v", err)
	}
}
