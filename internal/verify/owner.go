package verify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/latchkey-dev/latchkey/internal/permission"
)

// owner finds an account and what its roles give.
func (v *Verifier) owner(ctx context.Context, id xid) (*Account, *rights, error) {
	a := v.cfg.Memory.accounts.get(id)
	if a == nil {
		var err error
		if a, err = v.readAccount(ctx, id); err != nil {
			return nil, nil, err
		}
	}
	held, err := v.rights(ctx, a)
	if !errors.Is(err, errRoleGone) {
		return a, held, err
	}
	// The role was deleted after the account was read, so the account is read once more.
	v.cfg.Memory.accounts.drop(id)
	if a, err = v.readAccount(ctx, id); err != nil {
		return nil, nil, err
	}
	held, err = v.rights(ctx, a)
	return a, held, err
}

func (v *Verifier) readAccount(ctx context.Context, id xid) (*Account, error) {
	got, err := v.accounts.read(ctx, id)
	if err != nil {
		return nil, err
	}
	if got.entry == nil {
		return nil, fmt.Errorf("no account %s", id[:]) // accounts are never deleted
	}
	v.kept(v.accounts.keep(id, got))
	return got.entry, nil
}

// errRoleGone means that an account holds a role that is not there.
var errRoleGone = errors.New("a role is gone")

// rights gives what the roles of an account give. They are put together anew only when one of them is another one.
func (v *Verifier) rights(ctx context.Context, a *Account) (*rights, error) {
	last := a.rights.Load()
	if last != nil && v.same(a, last) {
		return last, nil
	}
	next := &rights{roles: make([]*Role, len(a.roleIDs))}
	var names []string
	for i, id := range a.roleIDs {
		role, err := v.role(ctx, id)
		if err != nil {
			return nil, err
		}
		next.roles[i] = role
		next.shown = append(next.shown, *role)
		names = append(names, role.permissions...)
	}
	next.permissions = permission.NewSet(names...)
	slices.SortFunc(next.shown, byRank)
	a.rights.Store(next)
	return next, nil
}

func (v *Verifier) same(a *Account, last *rights) bool {
	for i, id := range a.roleIDs {
		if v.cfg.Memory.roles.get(id) != last.roles[i] {
			return false
		}
	}
	return true
}

// byRank puts the built-in role first, and then sorts by name.
func byRank(a, b Role) int {
	if a.BuiltIn != b.BuiltIn {
		if a.BuiltIn {
			return -1
		}
		return 1
	}
	return cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name))
}

func (v *Verifier) role(ctx context.Context, id xid) (*Role, error) {
	if r := v.cfg.Memory.roles.get(id); r != nil {
		return r, nil
	}
	got, err := v.roles.read(ctx, id)
	if err != nil {
		return nil, err
	}
	if got.entry == nil {
		return nil, errRoleGone
	}
	v.kept(v.roles.keep(id, got))
	return got.entry, nil
}
