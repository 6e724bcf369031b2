package account

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/latchkey-dev/latchkey/gen/managedb"
	"github.com/latchkey-dev/latchkey/internal/audit"
	"github.com/latchkey-dev/latchkey/internal/auth"
	"github.com/latchkey-dev/latchkey/internal/problem"
	"github.com/latchkey-dev/latchkey/internal/token"
)

// SignIn checks a password and starts a session. The secret is the cookie's value.
//
// Errors: problem.SignInFailed, alike for a wrong password, an unknown handle and a suspended account;
// problem.TooManyAttempts, problem.Overloaded.
func (s *Store) SignIn(ctx context.Context, caller auth.Caller, handle, password string) (Session, token.Secret, error) {
	handle = foldHandle(handle)
	tries, err := s.attempt(ctx, accountSubject(handle), networkSubject(caller))
	if err != nil {
		return Session{}, token.Secret{}, err
	}
	a, hash, err := s.candidate(ctx, handle)
	if err != nil {
		return Session{}, token.Secret{}, errors.Join(err, tries.forgive(ctx))
	}
	right, stale, err := s.cfg.Hasher.Check(ctx, hash, password)
	if err != nil {
		return Session{}, token.Secret{}, errors.Join(err, tries.forgive(ctx)) // not judged, so not counted
	}
	if !right || a.SuspendedAt != nil {
		return Session{}, token.Secret{}, problem.New(problem.SignInFailed)
	}
	if err := tries.proved(ctx); err != nil {
		return Session{}, token.Secret{}, err
	}
	if stale {
		if hash, err = s.rehash(ctx, a, hash, password); err != nil {
			return Session{}, token.Secret{}, err
		}
	}
	var session Session
	var cookie token.Secret
	err = s.change(ctx, func(tx act) error {
		if err := s.stillRight(ctx, tx, a, hash, password); err != nil {
			return err
		}
		session, cookie, err = s.startSession(ctx, tx, caller, a)
		return err
	})
	return session, cookie, err
}

// stillRight locks the account and makes sure that what was checked before still holds: a password that is being replaced
// must not start a session that outlives it.
func (s *Store) stillRight(ctx context.Context, tx pgx.Tx, a Account, checked, password string) error {
	row, err := s.q.AccountLock(ctx, tx, a.ID)
	if err != nil {
		return fmt.Errorf("lock account: %w", err)
	}
	right := row.PasswordHash == checked
	if !right { // another one, or the same hashed anew by a sign-in at the same time
		if right, _, err = s.cfg.Hasher.Check(ctx, row.PasswordHash, password); err != nil {
			return err
		}
	}
	if !right || row.SuspendedAt != nil {
		return problem.New(problem.SignInFailed)
	}
	return nil
}

// candidate reads the account that someone claims to be. Nobody: the zero Account and no hash, so that the work that
// follows is the same.
func (s *Store) candidate(ctx context.Context, handle string) (Account, string, error) {
	row, err := s.q.AccountGetByHandle(ctx, s.cfg.Pool, handle)
	if errors.Is(err, pgx.ErrNoRows) {
		return Account{}, "", nil
	}
	if err != nil {
		return Account{}, "", fmt.Errorf("read account: %w", err)
	}
	return fromRow(row, nil), row.PasswordHash, nil
}

// rehash stores the password at today's cost and gives the new hash. Someone who changed it meanwhile wins.
func (s *Store) rehash(ctx context.Context, a Account, checked, password string) (string, error) {
	hash, err := s.cfg.Hasher.Hash(ctx, password)
	if err != nil {
		return "", err
	}
	_, err = s.q.AccountSetPassword(ctx, s.cfg.Pool, managedb.AccountSetPasswordParams{ID: a.ID, PasswordHash: hash, Checked: checked, Now: s.moment()})
	if err != nil {
		return "", fmt.Errorf("store password at a new cost: %w", err)
	}
	return hash, nil
}

// SignUp adds an account for whoever asks and signs it in, where the instance is open. The first account of an instance
// becomes its administrator. A sign-up keeps counting as an attempt, so that one address cannot make accounts without end.
//
// Errors: problem.SignupClosed, those of Create, problem.TooManyAttempts.
func (s *Store) SignUp(ctx context.Context, caller auth.Caller, in NewAccount) (Session, token.Secret, error) {
	if !s.cfg.SignupOpen {
		return Session{}, token.Secret{}, problem.New(problem.SignupClosed)
	}
	tries, err := s.attempt(ctx, networkSubject(caller))
	if err != nil {
		return Session{}, token.Secret{}, err
	}
	row, err := s.prepare(ctx, in)
	if err != nil {
		return Session{}, token.Secret{}, errors.Join(err, tries.forgive(ctx))
	}
	var session Session
	var cookie token.Secret
	err = s.change(ctx, func(tx act) error {
		isFirst, err := s.lockIfFirst(ctx, tx)
		if err != nil {
			return err
		}
		a, err := s.insert(ctx, tx, caller, audit.AccountSignedUp, row)
		if err != nil {
			return err
		}
		if isFirst {
			if err := s.makeAdministrator(ctx, tx, caller, &a); err != nil {
				return err
			}
		}
		session, cookie, err = s.startSession(ctx, tx, caller, a)
		return err
	})
	return session, cookie, err
}

// lockIfFirst tells whether there is no account yet; if so, only one transaction can go on from here.
func (s *Store) lockIfFirst(ctx context.Context, tx pgx.Tx) (bool, error) {
	exists, err := s.q.AccountExists(ctx, tx)
	if err != nil || exists {
		return false, wrap(err, "look for accounts")
	}
	if err := s.q.AdministratorsLock(ctx, tx); err != nil {
		return false, fmt.Errorf("lock administrators: %w", err)
	}
	exists, err = s.q.AccountExists(ctx, tx)
	return !exists, wrap(err, "look for accounts")
}

func (s *Store) makeAdministrator(ctx context.Context, tx act, caller auth.Caller, a *Account) error {
	row, err := s.q.RoleGet(ctx, tx, AdministratorRole)
	if err != nil {
		return fmt.Errorf("read built-in role: %w", err)
	}
	if _, err := s.q.AccountRoleInsert(ctx, tx, managedb.AccountRoleInsertParams{AccountID: a.ID, RoleID: row.ID, Now: tx.now}); err != nil {
		return fmt.Errorf("give built-in role: %w", err)
	}
	if err := s.q.SetupCodeClear(ctx, tx); err != nil {
		return fmt.Errorf("clear set-up codes: %w", err)
	}
	a.Roles = []Role{roleFromRow(row)}
	return audit.Record(ctx, tx, caller.As(a.ID, a.Handle), tx.now, roleOfEvent(audit.AccountRoleAdded, *a, a.Roles[0]))
}

// PasswordUpdate replaces the password of caller, ends every session of the account and starts a new one.
//
// Errors: problem.SignInFailed when old is wrong, problem.PasswordRefused, problem.PasswordChangedMeanwhile,
// problem.TooManyAttempts, problem.Overloaded.
func (s *Store) PasswordUpdate(ctx context.Context, caller auth.Caller, old, password string) (Session, token.Secret, error) {
	fail := func(err error) (Session, token.Secret, error) { return Session{}, token.Secret{}, err }
	tries, err := s.attempt(ctx, accountSubject(caller.Handle))
	if err != nil {
		return fail(err)
	}
	row, err := s.q.AccountGet(ctx, s.cfg.Pool, caller.AccountID)
	if err != nil {
		return fail(errors.Join(orNotFound(err, "read account"), tries.forgive(ctx)))
	}
	right, _, err := s.cfg.Hasher.Check(ctx, row.PasswordHash, old)
	if err != nil {
		return fail(errors.Join(err, tries.forgive(ctx)))
	}
	if !right {
		return fail(problem.New(problem.SignInFailed).WithDetail("The old password is wrong."))
	}
	if err := tries.proved(ctx); err != nil {
		return fail(err)
	}
	hash, err := s.cfg.Hasher.choose(ctx, s.policy, password, row.Handle, row.Name)
	if err != nil {
		return fail(err)
	}
	return s.replacePassword(ctx, caller, row, hash)
}

func (s *Store) replacePassword(ctx context.Context, caller auth.Caller, row managedb.Account, hash string) (Session, token.Secret, error) {
	var session Session
	var cookie token.Secret
	err := s.change(ctx, func(tx act) error {
		locked, err := s.q.AccountLock(ctx, tx, row.ID)
		if err != nil {
			return fmt.Errorf("lock account: %w", err)
		}
		if locked.SuspendedAt != nil { // meanwhile: no session may start
			return problem.New(problem.CredentialInvalid)
		}
		n, err := s.q.AccountSetPassword(ctx, tx, managedb.AccountSetPasswordParams{ID: row.ID, PasswordHash: hash, Checked: row.PasswordHash, Now: tx.now})
		if err != nil {
			return fmt.Errorf("store password: %w", err)
		}
		if n == 0 {
			return problem.New(problem.PasswordChangedMeanwhile)
		}
		if err := s.endSessions(ctx, tx, row.ID); err != nil {
			return err
		}
		a := fromRow(row, nil)
		if err := audit.Record(ctx, tx, caller, tx.now, accountEvent(audit.PasswordChanged, a)); err != nil {
			return err
		}
		session, cookie, err = s.startSession(ctx, tx, caller, a)
		return err
	})
	return session, cookie, err
}

func foldHandle(handle string) string { return strings.ToLower(handle) }

func wrap(err error, verb string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", verb, err)
}

// Subjects of counting are digests: the table of attempts must not become a list of who tried what from where.
func accountSubject(handle string) subject { return newSubject("account", handle, 10) }
func networkSubject(from auth.Caller) subject {
	return newSubject("network", from.Network().String(), 100)
}

func newSubject(kind, value string, free int32) subject {
	sum := sha256.Sum256([]byte(kind + "\x00" + value))
	return subject{key: sum[:], free: free, isAccount: kind == "account"}
}
