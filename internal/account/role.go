package account

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/rs/xid"

	"github.com/latchkey-dev/latchkey/gen/managedb"
	"github.com/latchkey-dev/latchkey/internal/audit"
	"github.com/latchkey-dev/latchkey/internal/auth"
	"github.com/latchkey-dev/latchkey/internal/catalogue"
	"github.com/latchkey-dev/latchkey/internal/changefeed"
	"github.com/latchkey-dev/latchkey/internal/name"
	"github.com/latchkey-dev/latchkey/internal/permission"
	"github.com/latchkey-dev/latchkey/internal/problem"
)

// AdministratorRole is the id of the built-in role; a migration makes it.
const AdministratorRole = "00000000000000000010"

// Role is a named set of permissions.
type Role struct {
	ID          string // xid
	Name        string // unique, whatever the case
	Colour      string // CSS
	Permissions permission.Set
	BuiltIn     bool
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// RoleInput is what a role is made of, or changed to; nil leaves a member as it is.
type RoleInput struct {
	Name        *string
	Colour      *string
	Permissions *[]string
}

// wanted is what r becomes, with permissions that the catalogue gives.
//
// Errors: problem.NameInvalid, problem.PermissionUnknown.
func (in RoleInput) wanted(ctx context.Context, tx act, r Role) (Role, error) {
	if in.Name != nil {
		clean, err := name.Clean(*in.Name)
		if err != nil {
			return Role{}, err
		}
		r.Name = clean
	}
	if in.Colour != nil {
		r.Colour = *in.Colour
	}
	if in.Permissions == nil {
		return r, nil
	}
	c, err := catalogue.Read(ctx, tx)
	if err != nil {
		return Role{}, err
	}
	if i := slices.IndexFunc(*in.Permissions, func(p string) bool { return !c.Gives(p) }); i >= 0 {
		return Role{}, problem.New(problem.PermissionUnknown).WithField("pointer", fmt.Sprintf("/permissions/%d", i)).WithField("permission", (*in.Permissions)[i])
	}
	r.Permissions = permission.NewSet(*in.Permissions...)
	return r, nil
}

// withdraws tells whether in takes a permission away. It does so too when it changes nothing: whoever repeats a call relies
// on it as well.
func (in RoleInput) withdraws(before, after Role) bool {
	lost, won := after.Permissions.Missing(before.Permissions), before.Permissions.Missing(after.Permissions)
	return in.Permissions != nil && (len(lost) > 0 || len(won) == 0)
}

// RoleList reads all roles, the built-in one first, then by name.
func (s *Store) RoleList(ctx context.Context, _ auth.Caller) ([]Role, error) {
	rows, err := s.q.RoleList(ctx, s.cfg.Pool)
	if err != nil {
		return nil, fmt.Errorf("list roles: %w", err)
	}
	roles := make([]Role, len(rows))
	for i, r := range rows {
		roles[i] = roleFromRow(r)
	}
	return roles, nil
}

// RoleGet reads one role.
func (s *Store) RoleGet(ctx context.Context, _ auth.Caller, id string) (Role, error) {
	row, err := s.q.RoleGet(ctx, s.cfg.Pool, id)
	if err != nil {
		return Role{}, orNotFound(err, "read role")
	}
	return roleFromRow(row), nil
}

// RoleCreate adds a role that gives no more than caller holds.
//
// Errors: problem.NameInvalid, problem.PermissionUnknown, problem.PrivilegeExceeded; postgres.Problem knows a name that is taken.
func (s *Store) RoleCreate(ctx context.Context, caller auth.Caller, in RoleInput) (Role, error) {
	var r Role
	err := s.change(ctx, func(tx act) error {
		var err error
		if r, err = in.wanted(ctx, tx, Role{}); err != nil {
			return err
		}
		if err := mayOverrule(caller, r.Permissions); err != nil {
			return err
		}
		row, err := s.q.RoleInsert(ctx, tx, managedb.RoleInsertParams{ID: xid.NewWithTime(tx.now).String(),
			Name: r.Name, Colour: r.Colour, Permissions: r.Permissions.Names(), Now: tx.now})
		if err != nil {
			return fmt.Errorf("insert role: %w", err)
		}
		r = roleFromRow(row)
		return audit.Record(ctx, tx, caller, tx.now, roleEvent(audit.RoleCreated, r.ID, nil, &r))
	})
	return r, err
}

// RoleUpdate changes a role; caller holds all that it gives, before and after. What it does not give any more, no node
// takes for granted when RoleUpdate returns.
//
// Errors: those of RoleCreate, problem.NotFound, problem.RoleBuiltIn, problem.LastAdministrator, problem.RevocationUnconfirmed.
func (s *Store) RoleUpdate(ctx context.Context, caller auth.Caller, id string, in RoleInput) (Role, error) {
	var after Role
	err := s.changeRole(ctx, caller, id, func(tx act, before Role) error {
		wanted, err := in.wanted(ctx, tx, before)
		if err != nil {
			return err
		}
		if err := mayOverrule(caller, wanted.Permissions); err != nil {
			return err
		}
		row, err := s.q.RoleUpdate(ctx, tx, managedb.RoleUpdateParams{ID: id, Name: wanted.Name, Colour: wanted.Colour,
			Permissions: wanted.Permissions.Names(), Now: tx.now})
		if err != nil {
			return fmt.Errorf("update role: %w", err)
		}
		after = roleFromRow(row)
		if in.withdraws(before, after) {
			tx.Withdraw(changefeed.Role, id)
		} else {
			tx.Announce(changefeed.Role, id)
		}
		return audit.Record(ctx, tx, caller, tx.now, roleEvent(audit.RoleUpdated, id, &before, &after))
	})
	return after, err
}

// RoleDelete removes a role and what it gave, on every node; caller holds all that it gives.
//
// Errors: problem.NotFound, problem.RoleBuiltIn, problem.PrivilegeExceeded, problem.LastAdministrator,
// problem.RevocationUnconfirmed.
func (s *Store) RoleDelete(ctx context.Context, caller auth.Caller, id string) error {
	return s.goneEverywhere(ctx, s.changeRole(ctx, caller, id, func(tx act, before Role) error {
		if _, err := s.q.RoleDelete(ctx, tx, id); err != nil {
			return fmt.Errorf("delete role: %w", err)
		}
		tx.Withdraw(changefeed.Role, id)
		return audit.Record(ctx, tx, caller, tx.now, roleEvent(audit.RoleDeleted, id, &before, nil))
	}))
}

// changeRole runs change on a locked role that caller may overrule, and refuses it if it unmade the last administrator.
func (s *Store) changeRole(ctx context.Context, caller auth.Caller, id string, change func(act, Role) error) error {
	return s.change(ctx, func(tx act) error {
		if err := s.q.AdministratorsLock(ctx, tx); err != nil {
			return fmt.Errorf("lock administrators: %w", err)
		}
		row, err := s.q.RoleLock(ctx, tx, id)
		if err != nil {
			return orNotFound(err, "lock role")
		}
		before := roleFromRow(row)
		if before.BuiltIn {
			return problem.New(problem.RoleBuiltIn)
		}
		if err := mayOverrule(caller, before.Permissions); err != nil {
			return err
		}
		if err := change(tx, before); err != nil {
			return err
		}
		return s.administratorStays(ctx, tx)
	})
}

// AddRole gives a role to the account with a handle. Giving it again changes nothing.
//
// Errors: problem.NotFound, problem.PrivilegeExceeded.
func (s *Store) AddRole(ctx context.Context, caller auth.Caller, handle, roleID string) (Account, error) {
	return s.changeRoleOf(ctx, caller, handle, roleID, func(tx act, a Account, r Role) error {
		n, err := s.q.AccountRoleInsert(ctx, tx, managedb.AccountRoleInsertParams{AccountID: a.ID, RoleID: r.ID, Now: tx.now})
		if err != nil {
			return fmt.Errorf("give role: %w", err)
		}
		if n == 0 {
			return nil
		}
		tx.Announce(changefeed.Account, a.ID)
		return audit.Record(ctx, tx, caller, tx.now, roleOfEvent(audit.AccountRoleAdded, a, r))
	})
}

// RemoveRole takes a role from the account with a handle. Taking one that is not held changes nothing.
//
// Errors: problem.NotFound, problem.PrivilegeExceeded, problem.LastAdministrator.
func (s *Store) RemoveRole(ctx context.Context, caller auth.Caller, handle, roleID string) (Account, error) {
	return s.changeRoleOf(ctx, caller, handle, roleID, func(tx act, a Account, r Role) error {
		n, err := s.q.AccountRoleDelete(ctx, tx, managedb.AccountRoleDeleteParams{AccountID: a.ID, RoleID: r.ID})
		if err != nil {
			return fmt.Errorf("take role: %w", err)
		}
		tx.Withdraw(changefeed.Account, a.ID) // again too: whoever repeats the call relies on it as well
		if n == 0 {
			return nil
		}
		if err := s.administratorStays(ctx, tx); err != nil {
			return err
		}
		return audit.Record(ctx, tx, caller, tx.now, roleOfEvent(audit.AccountRoleRemoved, a, r))
	})
}

// changeRoleOf runs change on a locked account and a locked role that caller may overrule, and reads the account again.
func (s *Store) changeRoleOf(ctx context.Context, caller auth.Caller, handle, roleID string, change func(act, Account, Role) error) (Account, error) {
	var a Account
	err := s.change(ctx, func(tx act) error {
		if err := s.q.AdministratorsLock(ctx, tx); err != nil {
			return fmt.Errorf("lock administrators: %w", err)
		}
		row, err := s.q.RoleLock(ctx, tx, roleID)
		if err != nil {
			return orNotFound(err, "lock role")
		}
		r := roleFromRow(row)
		if err := mayOverrule(caller, r.Permissions); err != nil {
			return err
		}
		found, err := s.q.AccountGetByHandle(ctx, tx, foldHandle(handle))
		if err != nil {
			return orNotFound(err, "read account")
		}
		if a, err = s.locked(ctx, tx, found.ID); err != nil {
			return err
		}
		if err := change(tx, a, r); err != nil {
			return err
		}
		a, err = s.locked(ctx, tx, found.ID)
		return err
	})
	return a, err
}

func roleFromRow(r managedb.Role) Role {
	return Role{ID: r.ID, Name: r.Name, Colour: r.Colour, Permissions: permission.NewSet(r.Permissions...), BuiltIn: r.BuiltIn, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt}
}

func roleEvent(what audit.Type, id string, before, after *Role) audit.Event {
	return audit.Event{Type: what, Target: audit.Target{Kind: "role", ID: id}, Old: roleValues(before), New: roleValues(after)}
}

func roleValues(r *Role) map[string]any {
	if r == nil {
		return nil
	}
	return map[string]any{"name": r.Name, "colour": r.Colour, "permissions": r.Permissions.Names()}
}

func roleOfEvent(what audit.Type, a Account, r Role) audit.Event {
	e := accountEvent(what, a)
	values := map[string]any{"role_id": r.ID, "role": r.Name}
	if what == audit.AccountRoleAdded {
		e.New = values
	} else {
		e.Old = values
	}
	return e
}
