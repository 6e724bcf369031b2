// Package account owns who may act: accounts, the roles that give them permissions, and the sessions and passwords they
// sign in with.
//
// What always holds: nobody gives, takes or overrules a permission that they do not hold; once there is an administrator
// there is always one who is not suspended; a password is stored only as an argon2id hash and a session only as the digest
// of its cookie; every change is in the audit log, in the same transaction.
package account

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/rs/xid"

	"github.com/latchkey-dev/latchkey/gen/managedb"
	"github.com/latchkey-dev/latchkey/internal/audit"
	"github.com/latchkey-dev/latchkey/internal/auth"
	"github.com/latchkey-dev/latchkey/internal/changefeed"
	"github.com/latchkey-dev/latchkey/internal/name"
	"github.com/latchkey-dev/latchkey/internal/page"
	"github.com/latchkey-dev/latchkey/internal/permission"
	"github.com/latchkey-dev/latchkey/internal/problem"
	"github.com/latchkey-dev/latchkey/internal/search"
)

// Account is someone who may sign in.
type Account struct {
	ID          string // xid
	Handle      string // lower case
	Name        string
	CreatedAt   time.Time
	UpdatedAt   time.Time
	SuspendedAt *time.Time // nil: not suspended
	Roles       []Role     // the built-in one first, then by name
}

// Permissions is what the roles give together.
func (a Account) Permissions() permission.Set {
	var names []string
	for _, r := range a.Roles {
		names = append(names, r.Permissions.Names()...)
	}
	return permission.NewSet(names...)
}

// ByIDs reads several accounts with their roles, by id. The guard has checked that caller may see them. Ids of nobody are
// absent.
func (s *Store) ByIDs(ctx context.Context, _ auth.Caller, ids []string) (map[string]Account, error) {
	rows, err := s.q.AccountsOfIDs(ctx, s.cfg.Pool, ids)
	if err != nil {
		return nil, fmt.Errorf("read accounts: %w", err)
	}
	list, err := s.withRoles(ctx, s.cfg.Pool, rows)
	if err != nil {
		return nil, err
	}
	found := make(map[string]Account, len(list))
	for _, a := range list {
		found[a.ID] = a
	}
	return found, nil
}

// GetAny reads anybody's account with its roles. The guard has checked that caller may see it.
//
// Errors: problem.NotFound.
func (s *Store) GetAny(ctx context.Context, caller auth.Caller, id string) (Account, error) {
	found, err := s.ByIDs(ctx, caller, []string{id})
	if err != nil {
		return Account{}, err
	}
	a, known := found[id]
	if !known || id == canary {
		return Account{}, problem.New(problem.NotFound)
	}
	return a, nil
}

// List gives a page of all accounts whose handle or name has a text in it, newest first, with the cursor of the next page. The guard has
// checked that caller may see them.
func (s *Store) List(ctx context.Context, _ auth.Caller, has search.Text, after page.Cursor, limit int) ([]Account, string, error) {
	rows, err := s.q.AccountPage(ctx, s.cfg.Pool, managedb.AccountPageParams{Before: string(after), Search: has.Needle, Variants: has.Variants,
		Folded: has.Folded, Page: int32(limit + 1)})
	if err != nil {
		return nil, "", fmt.Errorf("list accounts: %w", err)
	}
	rows, next := page.Cut(rows, limit, func(r managedb.Account) string { return r.ID })
	list, err := s.withRoles(ctx, s.cfg.Pool, rows)
	return list, next, err
}

// NewAccount is what an account is made of.
type NewAccount struct {
	Handle   string // folded to lower case
	Name     string // empty: the handle
	Password string
}

// Create adds an account without roles, on behalf of caller.
//
// Errors: problem.NameInvalid, problem.PasswordRefused, problem.Overloaded; postgres.Problem knows a handle that is taken.
func (s *Store) Create(ctx context.Context, caller auth.Caller, in NewAccount) (Account, error) {
	row, err := s.prepare(ctx, in)
	if err != nil {
		return Account{}, err
	}
	var created Account
	err = s.change(ctx, func(tx act) error {
		created, err = s.insert(ctx, tx, caller, audit.AccountCreated, row)
		return err
	})
	return created, err
}

// prepare checks what an account is to be made of and hashes its password, before any transaction: hashing is slow.
func (s *Store) prepare(ctx context.Context, in NewAccount) (managedb.AccountInsertParams, error) {
	handle := foldHandle(in.Handle)
	if in.Name == "" {
		in.Name = handle
	}
	clean, err := name.Clean(in.Name)
	if err != nil {
		return managedb.AccountInsertParams{}, err
	}
	hash, err := s.cfg.Hasher.choose(ctx, s.policy, in.Password, handle, clean)
	if err != nil {
		return managedb.AccountInsertParams{}, err
	}
	return managedb.AccountInsertParams{Handle: handle, Name: clean, PasswordHash: hash}, nil
}

func (s *Store) insert(ctx context.Context, tx act, caller auth.Caller, what audit.Type, row managedb.AccountInsertParams) (Account, error) {
	row.ID, row.Now = xid.NewWithTime(tx.now).String(), tx.now
	inserted, err := s.q.AccountInsert(ctx, tx, row)
	if err != nil {
		return Account{}, fmt.Errorf("insert account: %w", err)
	}
	a := fromRow(inserted, nil)
	if caller.AccountID == "" {
		caller = caller.As(a.ID, a.Handle) // someone who signs up acts as who they become
	}
	return a, audit.Record(ctx, tx, caller, tx.now, audit.Event{Type: what, AccountID: a.ID,
		Target: audit.Target{Kind: "account", ID: a.ID}, New: map[string]any{"handle": a.Handle, "name": a.Name}})
}

// Suspend takes every right from an account until it is restored, and ends its sessions, on every node.
//
// Errors: problem.NotFound, problem.PrivilegeExceeded, problem.LastAdministrator, problem.RevocationUnconfirmed.
func (s *Store) Suspend(ctx context.Context, caller auth.Caller, id string) (Account, error) {
	return s.changeAccount(ctx, caller, id, func(tx act, a Account) error {
		tx.Withdraw(changefeed.Account, id) // again too: whoever repeats the call relies on it as well
		if a.SuspendedAt != nil {
			return nil
		}
		if _, err := s.q.AccountSuspend(ctx, tx, managedb.AccountSuspendParams{ID: id, Now: tx.now}); err != nil {
			return fmt.Errorf("suspend account: %w", err)
		}
		if err := s.endSessions(ctx, tx, id); err != nil {
			return err
		}
		if err := s.administratorStays(ctx, tx); err != nil {
			return err
		}
		return audit.Record(ctx, tx, caller, tx.now, accountEvent(audit.AccountSuspended, a))
	})
}

// Restore ends a suspension. Sessions stay ended.
//
// Errors: problem.NotFound, problem.PrivilegeExceeded.
func (s *Store) Restore(ctx context.Context, caller auth.Caller, id string) (Account, error) {
	return s.changeAccount(ctx, caller, id, func(tx act, a Account) error {
		if a.SuspendedAt == nil {
			return nil
		}
		tx.Announce(changefeed.Account, id)
		if _, err := s.q.AccountRestore(ctx, tx, managedb.AccountRestoreParams{ID: id, Now: tx.now}); err != nil {
			return fmt.Errorf("restore account: %w", err)
		}
		return audit.Record(ctx, tx, caller, tx.now, accountEvent(audit.AccountRestored, a))
	})
}

// PasswordReset sets a new password for somebody's account, and ends its sessions, on every node. The guard has checked that caller may.
//
// Errors: problem.NotFound, problem.PrivilegeExceeded, problem.PasswordRefused, problem.Overloaded, problem.RevocationUnconfirmed.
func (s *Store) PasswordReset(ctx context.Context, caller auth.Caller, id, password string) (Account, error) {
	before, err := s.GetAny(ctx, caller, id)
	if err != nil {
		return Account{}, err
	}
	if err := mayOverrule(caller, before.Permissions()); err != nil {
		return Account{}, err // and again under the lock: this one spares the hash
	}
	hash, err := s.cfg.Hasher.choose(ctx, s.policy, password, before.Handle, before.Name)
	if err != nil {
		return Account{}, err
	}
	return s.changeAccount(ctx, caller, id, func(tx act, a Account) error {
		tx.Withdraw(changefeed.Account, id) // where no session is left to end too: whoever repeats the call relies on it
		if err := s.q.AccountResetPassword(ctx, tx, managedb.AccountResetPasswordParams{ID: id, PasswordHash: hash, Now: tx.now}); err != nil {
			return fmt.Errorf("store password: %w", err)
		}
		if err := s.endSessions(ctx, tx, id); err != nil {
			return err
		}
		if err := s.q.SignInForget(ctx, tx, accountSubject(a.Handle).key); err != nil { // the new one need not wait for guesses at the old
			return fmt.Errorf("forget failed sign-ins: %w", err)
		}
		return audit.Record(ctx, tx, caller, tx.now, accountEvent(audit.PasswordReset, a))
	})
}

// changeAccount runs change on a locked account that caller may overrule, and reads it again.
func (s *Store) changeAccount(ctx context.Context, caller auth.Caller, id string, change func(act, Account) error) (Account, error) {
	var a Account
	err := s.change(ctx, func(tx act) error {
		if err := s.q.AdministratorsLock(ctx, tx); err != nil {
			return fmt.Errorf("lock administrators: %w", err)
		}
		before, err := s.locked(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := mayOverrule(caller, before.Permissions()); err != nil {
			return err
		}
		if err := change(tx, before); err != nil {
			return err
		}
		a, err = s.locked(ctx, tx, id)
		return err
	})
	return a, err
}

// canary owns the keys by which the service tests itself; nobody may change it, or the test would not tell anything.
const canary = "00000000000000000020"

func (s *Store) locked(ctx context.Context, tx pgx.Tx, id string) (Account, error) {
	if id == canary {
		return Account{}, problem.New(problem.NotFound)
	}
	row, err := s.q.AccountLock(ctx, tx, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return Account{}, problem.New(problem.NotFound)
	}
	if err != nil {
		return Account{}, fmt.Errorf("lock account: %w", err)
	}
	list, err := s.withRoles(ctx, tx, []managedb.Account{row})
	if err != nil {
		return Account{}, err
	}
	return list[0], nil
}

func (s *Store) withRoles(ctx context.Context, db managedb.DBTX, rows []managedb.Account) ([]Account, error) {
	ids := make([]string, len(rows))
	for i, r := range rows {
		ids[i] = r.ID
	}
	held, err := s.q.RolesOfAccounts(ctx, db, ids)
	if err != nil {
		return nil, fmt.Errorf("read roles of accounts: %w", err)
	}
	roles := make(map[string][]Role, len(rows))
	for _, r := range held {
		roles[r.AccountID] = append(roles[r.AccountID], roleFromRow(managedb.Role{ID: r.ID, Name: r.Name, Colour: r.Colour,
			Permissions: r.Permissions, BuiltIn: r.BuiltIn, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt}))
	}
	list := make([]Account, len(rows))
	for i, r := range rows {
		list[i] = fromRow(r, roles[r.ID])
	}
	return list, nil
}

func fromRow(r managedb.Account, roles []Role) Account {
	return Account{ID: r.ID, Handle: r.Handle, Name: r.Name, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, SuspendedAt: r.SuspendedAt, Roles: roles}
}

func accountEvent(what audit.Type, a Account) audit.Event {
	return audit.Event{Type: what, AccountID: a.ID, Target: audit.Target{Kind: "account", ID: a.ID}}
}

// mayOverrule refuses a caller who would give, take or overrule a permission that they do not hold.
func mayOverrule(caller auth.Caller, rights permission.Set) error {
	if missing := caller.Permissions.Missing(rights); len(missing) > 0 {
		return problem.New(problem.PrivilegeExceeded).WithDetail("This touches permissions that are not yours.").WithField("permissions", missing)
	}
	return nil
}
