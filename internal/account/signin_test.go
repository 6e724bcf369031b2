package account

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/latchkey-dev/latchkey/internal/auth"
	"github.com/latchkey-dev/latchkey/internal/problem"
)

func (b *bench) storedHash(handle string) string {
	b.t.Helper()
	return scalar[string](b, "SELECT password_hash FROM account WHERE handle = $1", handle)
}

// An unknown handle costs a hash like a known one: with no place to hash, both are told so. And what was not judged does not
// count.
func TestOverloadIsNotAFailure(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	grace := b.signUp("grace")
	b.exec("TRUNCATE sign_in_attempt")
	hog(b.cfg.Hasher)
	for range 15 {
		for handle, password := range map[string]string{"grace": "wrong", "nobody": "wrong"} {
			if _, _, err := b.SignIn(t.Context(), someone, handle, password); !is(err, problem.Overloaded) {
				t.Fatalf("%s: %v", handle, err)
			}
		}
		if _, _, err := b.PasswordUpdate(t.Context(), grace, "wrong", "x"); !is(err, problem.Overloaded) {
			t.Fatalf("password change: %v", err)
		}
		if _, _, err := b.SignUp(t.Context(), someone, NewAccount{Handle: "new", Password: password}); !is(err, problem.Overloaded) {
			t.Fatalf("sign-up: %v", err)
		}
		if _, err := b.Create(t.Context(), grace, NewAccount{Handle: "new", Password: password}); !is(err, problem.Overloaded) {
			t.Fatalf("create: %v", err)
		}
	}
	if n := scalar[int](b, "SELECT coalesce(max(failures), 0) FROM sign_in_attempt"); n != 0 {
		t.Errorf("%d failures are counted", n)
	}
	b.cfg.Hasher.release()
	if _, _, err := b.SignIn(t.Context(), someone, "grace", password); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

func TestWhatIsRefusedWithoutAHash(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	code, _, err := b.NewSetupCode(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.signUp("grace")
	closed := b.again(func(c *Config) { c.SignupOpen = false })
	hog(b.cfg.Hasher)
	for say, tc := range map[string]struct {
		want problem.Code
		do   func() error
	}{
		"set-up of an instance that is set up": {problem.SetupDone, func() error {
			_, _, err := b.Setup(t.Context(), someone, code.Reveal(), NewAccount{Handle: "eve", Password: password})
			return err
		}},
		"a closed sign-up": {problem.SignupClosed, func() error {
			_, _, err := closed.SignUp(t.Context(), someone, NewAccount{Handle: "eve", Password: password})
			return err
		}},
		"a password that may not be chosen": {problem.PasswordRefused, func() error {
			_, _, err := b.SignUp(t.Context(), someone, NewAccount{Handle: "eve", Password: "short"})
			return err
		}},
		"a name that may not be shown": {problem.NameInvalid, func() error {
			_, _, err := b.SignUp(t.Context(), someone, NewAccount{Handle: "eve", Name: "\u202e", Password: password})
			return err
		}},
	} {
		if err := tc.do(); !is(err, tc.want) {
			t.Errorf("%s: %v, want %s", say, err, tc.want)
		}
	}
}

func TestSigningInHashesAnewWhenTheCostRises(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.signUp("grace")
	before := b.storedHash("grace")
	dearer := b.again(func(c *Config) { c.Hasher = NewHasher(Cost{MemoryKiB: 128, Passes: 2, Lanes: 1}, rand.Reader) })
	if _, _, err := dearer.SignIn(t.Context(), someone, "grace", "wrong"); !is(err, problem.SignInFailed) || b.storedHash("grace") != before {
		t.Errorf("a wrong password: %v; hashed anew: %t", err, b.storedHash("grace") != before)
	}
	if _, _, err := dearer.SignIn(t.Context(), someone, "grace", password); err != nil {
		t.Fatal(err)
	}
	after := b.storedHash("grace")
	if !strings.HasPrefix(after, "$argon2id$v=19$m=128,t=2,p=1$") {
		t.Errorf("stored is %q", after)
	}
	if _, _, err := dearer.SignIn(t.Context(), someone, "grace", password); err != nil || b.storedHash("grace") != after {
		t.Errorf("a second time: %v; hashed anew: %t", err, b.storedHash("grace") != after)
	}
}

func TestSigningInAtOnceWhileTheCostRises(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.signUp("grace")
	failed := make(chan error, 6)
	for i := range cap(failed) {
		store := b.again(func(c *Config) {
			c.Hasher = NewHasher(Cost{MemoryKiB: 128 + uint32(i), Passes: 1, Lanes: 1}, rand.Reader)
		})
		go func() {
			_, _, err := store.SignIn(context.Background(), someone, "grace", password)
			failed <- err
		}()
	}
	for range cap(failed) {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
}

// meanwhile holds the account in a transaction, lets do begin and come to wait for it, and commits change under its eyes.
func (b *bench) meanwhile(id string, change func(tx pgx.Tx), do func() error) error {
	b.t.Helper()
	ctx := context.Background()
	tx, err := b.pool.Begin(ctx)
	if err != nil {
		b.t.Fatal(err)
	}
	defer tx.Rollback(ctx)
	if _, err := tx.Exec(ctx, "SELECT FROM account WHERE id = $1 FOR UPDATE", id); err != nil {
		b.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- do() }()
	for !scalar[bool](b, "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')") {
		select {
		case err := <-done:
			b.t.Fatalf("it did not wait for the account: %v", err)
		default:
		}
	}
	change(tx)
	if err := tx.Commit(ctx); err != nil {
		b.t.Fatal(err)
	}
	return <-done
}

// A session that began with the old password would outlive its change, and one of a suspended account the restoration.
func TestASigninCannotOutliveWhatHappensMeanwhile(t *testing.T) {
	t.Parallel()
	other, err := NewHasher(cheap, rand.Reader).Hash(t.Context(), "seven bright lanterns swing")
	if err != nil {
		t.Fatal(err)
	}
	anew, err := NewHasher(Cost{MemoryKiB: 128, Passes: 1, Lanes: 1}, rand.Reader).Hash(t.Context(), password)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		say, sql string
		value    any
		want     problem.Code
	}{
		{say: "the password is changed", sql: "UPDATE account SET password_hash = $2 WHERE id = $1", value: other, want: problem.SignInFailed},
		{say: "the password is hashed anew", sql: "UPDATE account SET password_hash = $2 WHERE id = $1", value: anew},
		{say: "the account is suspended", sql: "UPDATE account SET suspended_at = $2 WHERE id = $1", value: time.Now(), want: problem.SignInFailed},
		{say: "something else is changed", sql: "UPDATE account SET name = $2 WHERE id = $1", value: "Grace"},
	} {
		b := newBench(t)
		grace := b.signUp("grace")
		change := func(tx pgx.Tx) {
			for _, sql := range []string{tc.sql, "DELETE FROM session WHERE account_id = $1 AND $2::text IS NOT NULL"} {
				if _, err := tx.Exec(context.Background(), sql, grace.AccountID, tc.value); err != nil {
					t.Fatal(err)
				}
			}
		}
		err := b.meanwhile(grace.AccountID, change, func() error {
			_, _, err := b.SignIn(context.Background(), someone, "grace", password)
			return err
		})
		sessions := scalar[int](b, "SELECT count(*) FROM session")
		if tc.want == "" && (err != nil || sessions != 1) || tc.want != "" && (!is(err, tc.want) || sessions != 0) {
			t.Errorf("%s: %v, %d sessions", tc.say, err, sessions)
		}
	}
}

func TestAPasswordChangeCannotOutliveASuspension(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	grace := b.signUp("grace")
	before := b.storedHash("grace")
	suspend := func(tx pgx.Tx) {
		for _, sql := range []string{"UPDATE account SET suspended_at = now() WHERE id = $1", "DELETE FROM session WHERE account_id = $1"} {
			if _, err := tx.Exec(context.Background(), sql, grace.AccountID); err != nil {
				t.Fatal(err)
			}
		}
	}
	err := b.meanwhile(grace.AccountID, suspend, func() error {
		_, _, err := b.PasswordUpdate(context.Background(), grace, password, "seven bright lanterns swing")
		return err
	})
	if !is(err, problem.CredentialInvalid) || scalar[int](b, "SELECT count(*) FROM session") != 0 || b.storedHash("grace") != before {
		t.Errorf("changed while being suspended: %v", err)
	}
}

func TestTheLoserOfTwoPasswordChangesIsTold(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	grace := b.signUp("grace")
	other, err := b.cfg.Hasher.Hash(t.Context(), "nine copper kettles whistle")
	if err != nil {
		t.Fatal(err)
	}
	err = b.meanwhile(grace.AccountID, func(tx pgx.Tx) {
		if _, err := tx.Exec(context.Background(), "UPDATE account SET password_hash = $2 WHERE id = $1", grace.AccountID, other); err != nil {
			t.Fatal(err)
		}
	}, func() error {
		_, _, err := b.PasswordUpdate(context.Background(), grace, password, "seven bright lanterns swing")
		return err
	})
	if !is(err, problem.PasswordChangedMeanwhile) || b.storedHash("grace") != other {
		t.Errorf("the loser: %v", err)
	}
}

func TestWhoeverIsNobodyHasNoAccount(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.signUp("grace")
	if list, err := b.SessionList(t.Context(), auth.Caller{}); len(list) != 0 || err != nil {
		t.Errorf("sessions of nobody: %v, %v", list, err)
	}
	if _, _, err := b.PasswordUpdate(t.Context(), auth.Caller{}, password, password); !is(err, problem.NotFound) {
		t.Errorf("password of nobody: %v", err)
	}
	if err := b.SessionDelete(t.Context(), auth.Caller{}, scalar[string](b, "SELECT id FROM session")); !is(err, problem.NotFound) {
		t.Errorf("session of nobody: %v", err)
	}
	for what, err := range map[string]error{
		"suspend": second(b.Suspend(t.Context(), auth.Caller{}, scalar[string](b, "SELECT id FROM account WHERE handle = 'grace'"))),
		"role":    second(b.AddRole(t.Context(), auth.Caller{}, "grace", AdministratorRole)),
		"taken":   second(b.RemoveRole(t.Context(), auth.Caller{}, "grace", AdministratorRole)),
	} {
		if !is(err, problem.PrivilegeExceeded) {
			t.Errorf("%s by nobody: %v", what, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }
