package permission_test

import (
	"errors"
	"testing"

	"github.com/latchkey-dev/latchkey/internal/permission"
	"github.com/latchkey-dev/latchkey/internal/permission/permissiontest"
)

func TestTruthTable(t *testing.T) {
	t.Parallel()
	for _, tc := range permissiontest.Cases {
		t.Run(tc.Say, func(t *testing.T) {
			t.Parallel()
			c, faults := permission.Compile(tc.Catalogue)
			if len(faults) > 0 {
				t.Fatalf("the catalogue has faults: %v", faults)
			}
			need, err := tc.Need(c)
			if !errors.Is(err, tc.Error) {
				t.Fatalf("error %v, want %v", err, tc.Error)
			}
			if err != nil {
				return
			}
			if need.Required != tc.Required || need.Route != tc.Route || need.Credits != tc.Credits {
				t.Errorf("it takes %q by route %q for %d credits, want %q, %q, %d", need.Required, need.Route, need.Credits, tc.Required, tc.Route, tc.Credits)
			}
			want := permission.Decision{Matched: tc.Matched, DeniedBy: tc.DeniedBy}
			if got := permission.Decide(keySet(tc.Key), permission.NewSet(tc.Owner...), need); got != want {
				t.Errorf("%+v, want %+v", got, want)
			}
		})
	}
}

// keySet is what a key has: nil is whatever its owner holds.
func keySet(names []string) *permission.Set {
	if names == nil {
		return nil
	}
	return new(permission.NewSet(names...))
}
