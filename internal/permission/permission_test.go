package permission

import (
	"slices"
	"testing"
)

func TestHolds(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		say   string
		set   Set
		asked string
		want  bool
	}{
		{say: "nobody holds nothing", set: Set{}, asked: ManageRoles},
		{say: "an empty set", set: NewSet(), asked: ManageRoles},
		{say: "what is in it", set: NewSet(ManageRoles, ViewAuditLog), asked: ViewAuditLog, want: true},
		{say: "what is not", set: NewSet(ManageRoles, ViewAuditLog), asked: ManageAccounts},
		{say: "not ADMINISTRATOR, whatever else", set: NewSet(ManageAccounts, ManageRoles, UsePersonalAccessKeys, VerifyAccessKeys, ViewAuditLog), asked: Administrator},
		{say: "having keys is not verifying them", set: NewSet(UsePersonalAccessKeys), asked: VerifyAccessKeys},
		{say: "ADMINISTRATOR implies the others", set: NewSet(Administrator), asked: ManageRoles, want: true},
		{say: "and itself", set: NewSet(Administrator), asked: Administrator, want: true},
		{say: "and what is not known", set: NewSet(Administrator), asked: "FLY", want: true},
		{say: "the case counts", set: NewSet("administrator"), asked: ManageRoles},
		{say: "no part of a name", set: NewSet("MANAGE_ROLES_AND_MORE"), asked: ManageRoles},
		{say: "the empty name", set: NewSet(ManageRoles), asked: ""},
	} {
		if got := tc.set.Holds(tc.asked); got != tc.want {
			t.Errorf("%s: %t", tc.say, got)
		}
	}
}

func TestMissing(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		say       string
		has, asks Set
		want      []string
	}{
		{say: "nobody asks nothing"},
		{say: "nothing asked", has: NewSet(ManageRoles)},
		{say: "all there", has: NewSet(ManageRoles, ViewAuditLog), asks: NewSet(ViewAuditLog)},
		{say: "some missing, sorted", has: NewSet(ManageRoles), asks: NewSet(ViewAuditLog, ManageRoles, ManageAccounts), want: []string{ManageAccounts, ViewAuditLog}},
		{say: "nobody has nothing", asks: NewSet(ViewAuditLog), want: []string{ViewAuditLog}},
		{say: "ADMINISTRATOR misses nothing", has: NewSet(Administrator), asks: NewSet(All()...)},
		{say: "a wider scope misses nothing", has: NewSet("*:read", "media:*"), asks: NewSet("data:read", "media:write", "media:*")},
		{say: "each level is not all levels", has: NewSet("media:read", "media:write", "media:delete"), asks: NewSet("media:*"), want: []string{"media:*"}},
		{say: "what deletes where there is no such level, and the star that does not", has: NewSet("*:write"), asks: NewSet("media:write"), want: []string{"media:write"}},
		{say: "the star for both does", has: NewSet("*:write", "*:delete"), asks: NewSet("media:write")},
		{say: "the same within a bound", has: NewSet("*:*").Within(new(NewSet("*:write"))), asks: NewSet("media:write"), want: []string{"media:write"}},
		{say: "a bound", has: NewSet(Administrator).Within(new(NewSet("media:read"))), asks: NewSet("media:read", ManageRoles), want: []string{ManageRoles}},
		{say: "all others together miss ADMINISTRATOR", has: NewSet(All()[1:]...), asks: NewSet(Administrator), want: []string{Administrator}},
	} {
		if got := tc.has.Missing(tc.asks); !slices.Equal(got, tc.want) {
			t.Errorf("%s: %v, want %v", tc.say, got, tc.want)
		}
	}
}

func TestSetsAreSortedAndHoldANameOnce(t *testing.T) {
	t.Parallel()
	names := []string{ViewAuditLog, ManageRoles, ViewAuditLog}
	s := NewSet(names...)
	if got := s.String(); got != "MANAGE_ROLES VIEW_AUDIT_LOG" {
		t.Errorf("the set is %q", got)
	}
	if names[0] != ViewAuditLog {
		t.Error("NewSet has sorted the names of its caller")
	}
	s.Names()[0] = Administrator
	if s.Holds(Administrator) {
		t.Error("whoever asks for the names can change the set")
	}
	if got := s.With(ManageAccounts, ManageRoles); got.String() != "MANAGE_ACCOUNTS MANAGE_ROLES VIEW_AUDIT_LOG" || s.Holds(ManageAccounts) {
		t.Errorf("with two more it is %q, itself %q", got, s)
	}
	if got := (Set{}).Names(); got == nil || len(got) != 0 {
		t.Errorf("nobody's names are %#v, want an empty list", got)
	}
}

// With must not write behind the names that it was given: they may be part of something longer.
func TestWithLeavesItsArgumentAlone(t *testing.T) {
	t.Parallel()
	row := []string{ManageAccounts, ManageRoles}
	NewSet(ViewAuditLog).With(row[:1]...)
	if row[1] != ManageRoles {
		t.Errorf("the row is now %v", row)
	}
}

func TestEveryPermissionIsKnown(t *testing.T) {
	t.Parallel()
	all := All()
	if !slices.IsSorted(all) || len(slices.Compact(slices.Clone(all))) != len(all) {
		t.Errorf("not sorted, or not once each: %v", all)
	}
	for _, name := range all {
		if !Known(name) {
			t.Errorf("%s is not known", name)
		}
	}
	for _, name := range []string{"", "FLY", "administrator", "ADMINISTRATOR "} {
		if Known(name) {
			t.Errorf("%q is known", name)
		}
	}
	if all[0] = "FLY"; Known("FLY") {
		t.Error("whoever asks for the list can change it")
	}
}
