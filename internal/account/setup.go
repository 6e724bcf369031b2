package account

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/latchkey-dev/latchkey/gen/managedb"
	"github.com/latchkey-dev/latchkey/internal/audit"
	"github.com/latchkey-dev/latchkey/internal/auth"
	"github.com/latchkey-dev/latchkey/internal/problem"
	"github.com/latchkey-dev/latchkey/internal/token"
)

// SetupCodeLife is how long a printed set-up code works.
const SetupCodeLife = time.Hour

// codeAlphabet leaves out what is easily misread: 0 and O, 1, I and L, U and V.
const codeAlphabet = "23456789ABCDEFGHJKMNPQRSTWXYZ"

const codeLen = 12 // 58 bits, guessed at most a hundred times in 15 minutes from one address

// NewSetupCode makes a one-time code for the first administrator, as XXXX-XXXX-XXXX; false when there is an account already.
func (s *Store) NewSetupCode(ctx context.Context) (token.Secret, bool, error) {
	exists, err := s.q.AccountExists(ctx, s.cfg.Pool)
	if err != nil || exists {
		return token.Secret{}, false, wrap(err, "look for accounts")
	}
	code, err := s.drawCode()
	if err != nil {
		return token.Secret{}, false, err
	}
	err = s.q.SetupCodeInsert(ctx, s.cfg.Pool, managedb.SetupCodeInsertParams{Digest: codeDigest(code), ExpiresAt: s.moment().Add(SetupCodeLife)})
	if err != nil {
		return token.Secret{}, false, fmt.Errorf("store set-up code: %w", err)
	}
	return token.NewSecret(code[:4] + "-" + code[4:8] + "-" + code[8:]), true, nil
}

// SetupDone tells whether there is an account: then nobody becomes administrator by a code. Accounts are never deleted, so a yes is
// remembered.
func (s *Store) SetupDone(ctx context.Context) (bool, error) {
	if s.isSet.Load() {
		return true, nil
	}
	exists, err := s.q.AccountExists(ctx, s.cfg.Pool)
	if err != nil {
		return false, fmt.Errorf("look for accounts: %w", err)
	}
	if exists {
		s.isSet.Store(true)
	}
	return exists, nil
}

// Rules is what an instance asks of those who want an account.
type Rules struct {
	SignupOpen  bool
	PasswordMin int // code points
}

// Rules tells what this instance asks.
func (s *Store) Rules() Rules {
	return Rules{SignupOpen: s.cfg.SignupOpen, PasswordMin: s.cfg.PasswordMin}
}

func (s *Store) drawCode() (string, error) {
	code := make([]byte, 0, codeLen)
	one := make([]byte, 1)
	for len(code) < codeLen {
		if _, err := io.ReadFull(s.cfg.Rand, one); err != nil {
			return "", fmt.Errorf("draw set-up code: %w", err)
		}
		if most := 256 - 256%len(codeAlphabet); int(one[0]) < most { // no letter likelier than another
			code = append(code, codeAlphabet[int(one[0])%len(codeAlphabet)])
		}
	}
	return string(code), nil
}

// codeDigest forgives what people do to a code when they type it.
func codeDigest(code string) []byte {
	sum := sha256.Sum256([]byte(strings.NewReplacer("-", "", " ", "").Replace(strings.ToUpper(code))))
	return sum[:]
}

// Setup makes the first administrator of an instance and signs it in.
//
// Errors: problem.SetupDone, problem.SetupCodeInvalid, those of Create, problem.TooManyAttempts.
func (s *Store) Setup(ctx context.Context, caller auth.Caller, code string, in NewAccount) (Account, token.Secret, error) {
	tries, err := s.attempt(ctx, networkSubject(caller))
	if err != nil {
		return Account{}, token.Secret{}, err
	}
	row, err := s.prepareFirst(ctx, in)
	if err != nil {
		return Account{}, token.Secret{}, errors.Join(err, tries.forgive(ctx))
	}
	var a Account
	var cookie token.Secret
	err = s.change(ctx, func(tx act) error {
		isFirst, err := s.lockIfFirst(ctx, tx)
		if err != nil {
			return err
		}
		if !isFirst {
			return problem.New(problem.SetupDone)
		}
		if err := s.takeCode(ctx, tx, code); err != nil {
			return err
		}
		if a, err = s.insert(ctx, tx, caller, audit.SetupCompleted, row); err != nil {
			return err
		}
		if err := s.makeAdministrator(ctx, tx, caller, &a); err != nil {
			return err
		}
		_, cookie, err = s.startSession(ctx, tx, caller, a)
		return err
	})
	if err != nil {
		return Account{}, token.Secret{}, err
	}
	return a, cookie, tries.proved(ctx)
}

// prepareFirst hashes nothing on an instance that is set up: hashing is what a flood would use up.
func (s *Store) prepareFirst(ctx context.Context, in NewAccount) (managedb.AccountInsertParams, error) {
	exists, err := s.q.AccountExists(ctx, s.cfg.Pool)
	if err != nil {
		return managedb.AccountInsertParams{}, fmt.Errorf("look for accounts: %w", err)
	}
	if exists {
		return managedb.AccountInsertParams{}, problem.New(problem.SetupDone)
	}
	return s.prepare(ctx, in)
}

func (s *Store) takeCode(ctx context.Context, tx act, code string) error {
	n, err := s.q.SetupCodeTake(ctx, tx, managedb.SetupCodeTakeParams{Digest: codeDigest(code), Now: tx.now})
	if err != nil {
		return fmt.Errorf("take set-up code: %w", err)
	}
	if n == 0 {
		return problem.New(problem.SetupCodeInvalid)
	}
	return nil
}
