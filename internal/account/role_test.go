package account

import (
	"testing"

	"github.com/latchkey-dev/latchkey/internal/audit"
	"github.com/latchkey-dev/latchkey/internal/auth"
	"github.com/latchkey-dev/latchkey/internal/page"
	"github.com/latchkey-dev/latchkey/internal/permission"
	"github.com/latchkey-dev/latchkey/internal/problem"
)

// What takes a permission away is waited for, whether or not it still does: whoever repeats a call relies on it too.
func TestWhatARoleWithdraws(t *testing.T) {
	t.Parallel()
	const a, b, all = permission.ManageRoles, permission.ViewAuditLog, permission.Administrator
	list := func(names ...string) []string { return append([]string{}, names...) }
	for _, tc := range []struct {
		say          string
		before, then []string // nil: not named
		want         bool
	}{
		{say: "another name", before: list(a, b)},
		{say: "another name of an empty role", before: list()},
		{say: "one more", before: list(a), then: list(a, b)},
		{say: "the first", before: list(), then: list(a)},
		{say: "all", before: list(a), then: list(all)},
		{say: "one less", before: list(a, b), then: list(a), want: true},
		{say: "none", before: list(a, b), then: list(), want: true},
		{say: "one for another", before: list(a), then: list(b), want: true},
		{say: "one of all", before: list(all), then: list(a, b), want: true},
		{say: "the same again", before: list(a, b), then: list(b, a), want: true},
		{say: "none again", before: list(), then: list(), want: true},
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
		after, err := in.applyTo(before)
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
	list, _, err := b.List(t.Context(), root, page.Start, 10)
	if err != nil || len(list) != 1 || list[0].Handle != "root" {
		t.Errorf("listed: %v, %v", list, err)
	}
}
