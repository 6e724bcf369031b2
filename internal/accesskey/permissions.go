package accesskey

import (
	"context"
	"slices"

	"github.com/latchkey-dev/latchkey/gen/managedb"
	"github.com/latchkey-dev/latchkey/internal/auth"
	"github.com/latchkey-dev/latchkey/internal/catalogue"
	"github.com/latchkey-dev/latchkey/internal/permission"
	"github.com/latchkey-dev/latchkey/internal/problem"
)

// checkPermissions gives a list of permissions as it is stored: sorted, each once. nil is no list, and reads nothing.
//
// Errors: problem.RequestInvalid for an empty list; problem.PermissionUnknown, problem.PermissionNotForKeys and
// problem.PermissionNotHeld, which name the permissions.
func checkPermissions(ctx context.Context, db managedb.DBTX, caller auth.Caller, list *[]string) ([]string, error) {
	if list == nil {
		return nil, nil
	}
	names := slices.Compact(slices.Sorted(slices.Values(*list)))
	if len(names) == 0 {
		return nil, problem.New(problem.RequestInvalid).WithDetail("An empty list would be a key that opens nothing; leave it out, or give null, for whatever you may.").
			WithField("pointer", "/permissions")
	}
	known, err := catalogue.Read(ctx, db)
	if err != nil {
		return nil, err
	}
	for _, rule := range []struct {
		code problem.Code
		fits func(name string) bool
	}{
		{problem.PermissionUnknown, known.Gives},
		{problem.PermissionNotForKeys, permission.ForKeys},
		{problem.PermissionNotHeld, caller.Permissions.Holds},
	} {
		if bad := slices.DeleteFunc(slices.Clone(names), rule.fits); len(bad) > 0 {
			return nil, problem.New(rule.code).WithField("pointer", "/permissions").WithField("permissions", bad)
		}
	}
	return names, nil
}

// widens tells whether a key surely opens more than before, and all that it did: it has whatever its owner holds now, or every
// permission that it had and more. That one permission covers another is not enough: *:write covers media:write, but does not give
// what media:write gives where media has no level for deletions.
func widens(before, after []string) bool {
	switch {
	case before == nil:
		return after == nil // nothing changes, and nothing is taken away
	case after == nil:
		return true
	}
	missing := slices.ContainsFunc(before, func(name string) bool { return !slices.Contains(after, name) })
	return !missing && len(after) > len(before)
}
