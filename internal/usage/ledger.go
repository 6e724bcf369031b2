package usage

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
	"github.com/latchkey-dev/latchkey/internal/page"
	"github.com/latchkey-dev/latchkey/internal/problem"
)

// EntryType says why a balance changed.
type EntryType string

// The types. A Charge is made by a Meter only.
const (
	Grant   EntryType = "grant"
	Debit   EntryType = "debit"
	Refund  EntryType = "refund"
	Adjust  EntryType = "adjust"
	Charged EntryType = "charge"
)

// Entry is a line of the ledger.
type Entry struct {
	ID             string // xid
	At             time.Time
	Type           EntryType
	Amount         int64  // what the balance changed by
	Balance        int64  // after it
	IdempotencyKey string // empty for a charge
	AccessKeyID    string // that was charged for
}

// CreditInput is a change of a balance.
type CreditInput struct {
	Type           EntryType
	Amount         int64 // not 0; negative for Adjust only
	IdempotencyKey string
}

// balanceMost is the largest number that every reader of JSON can hold.
const balanceMost = int64(1)<<53 - 1

// change is what the balance changes by.
func (in CreditInput) change() (int64, error) {
	refuse := problem.New(problem.RequestInvalid).WithField("pointer", "/amount")
	switch {
	case in.Amount == 0:
		return 0, refuse.WithDetail("An amount of 0 changes nothing.")
	case in.Amount < 0 && in.Type != Adjust:
		return 0, refuse.WithDetail("Only an adjustment has a negative amount.")
	case in.Amount > balanceMost || in.Amount < -balanceMost:
		return 0, refuse.WithDetail("The amount is too large.")
	case in.Type == Debit:
		return -in.Amount, nil
	}
	return in.Amount, nil
}

// Add changes the balance of anybody's account, and answers with the balance and with the entry that made it so. The same
// idempotency key again changes nothing and gives the same entry.
//
// Errors: problem.NotFound, problem.RequestInvalid, problem.BalanceTooLow, problem.IdempotencyConflict.
func (s *Store) Add(ctx context.Context, caller auth.Caller, accountID string, in CreditInput) (int64, Entry, error) {
	change, err := in.change()
	if err != nil {
		return 0, Entry{}, err
	}
	var balance int64
	var entry Entry
	err = pgx.BeginFunc(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		purse, err := s.lockPurse(ctx, tx, accountID)
		if err != nil {
			return err
		}
		before, err := s.q.CreditEntryByKey(ctx, tx, managedb.CreditEntryByKeyParams{AccountID: accountID, IdempotencyKey: in.IdempotencyKey})
		if err == nil {
			balance, entry = purse.Balance, entryFromRow(before)
			return sameAs(entry, in.Type, change)
		}
		if !errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("look for idempotency key: %w", err)
		}
		entry, err = s.add(ctx, tx, caller, purse, in, change)
		balance = entry.Balance
		return err
	})
	return balance, entry, err
}

// lockPurse locks the balance of an account, which may be its first.
func (s *Store) lockPurse(ctx context.Context, tx pgx.Tx, accountID string) (managedb.CreditBalance, error) {
	if _, err := s.q.AccountLock(ctx, tx, accountID); err != nil {
		return managedb.CreditBalance{}, orNotFound(err, "lock account")
	}
	if err := s.q.CreditBalanceOpen(ctx, tx, accountID); err != nil {
		return managedb.CreditBalance{}, fmt.Errorf("begin balance: %w", err)
	}
	purse, err := s.q.CreditBalanceLock(ctx, tx, accountID)
	if err != nil {
		return managedb.CreditBalance{}, fmt.Errorf("lock balance: %w", err)
	}
	return purse, nil
}

func sameAs(e Entry, t EntryType, change int64) error {
	if e.Type != t || e.Amount != change {
		return problem.New(problem.IdempotencyConflict)
	}
	return nil
}

// add changes a locked balance.
func (s *Store) add(ctx context.Context, tx pgx.Tx, caller auth.Caller, purse managedb.CreditBalance, in CreditInput, change int64) (Entry, error) {
	switch after := purse.Balance + change; { // neither is more than balanceMost
	case after < 0:
		return Entry{}, problem.New(problem.BalanceTooLow).WithField("balance", purse.Balance)
	case after > balanceMost:
		return Entry{}, problem.New(problem.RequestInvalid).WithDetail("The balance would become too large.").WithField("pointer", "/amount")
	}
	now := s.moment()
	balance, err := s.q.CreditBalanceAdd(ctx, tx, managedb.CreditBalanceAddParams{AccountID: purse.AccountID, Amount: change})
	if err != nil {
		return Entry{}, fmt.Errorf("change balance: %w", err)
	}
	e := Entry{ID: xid.NewWithTime(now).String(), At: now, Type: in.Type, Amount: change, Balance: balance, IdempotencyKey: in.IdempotencyKey}
	err = s.q.CreditEntryInsert(ctx, tx, managedb.CreditEntryInsertParams{ID: e.ID, AccountID: purse.AccountID, Now: now, Type: string(e.Type),
		Amount: e.Amount, Balance: e.Balance, IdempotencyKey: &e.IdempotencyKey})
	if err != nil {
		return Entry{}, fmt.Errorf("insert credit entry: %w", err)
	}
	return e, audit.Record(ctx, tx, caller, now, audit.Event{Type: audit.AccountCreditsAdded, AccountID: purse.AccountID,
		Target: audit.Target{Kind: "account", ID: purse.AccountID}, Old: map[string]any{"balance": purse.Balance},
		New: map[string]any{"balance": e.Balance, "type": e.Type, "amount": e.Amount, "entry_id": e.ID}})
}

// Ledger is the balance of an account and a page of what made it so.
type Ledger struct {
	Balance int64
	Used    int64 // by keys, ever
	Entries []Entry
	Next    string // cursor of the next page; empty: there is none
}

// Ledger reads a page of the caller's own ledger, newest first.
func (s *Store) Ledger(ctx context.Context, caller auth.Caller, after page.Cursor, limit int) (Ledger, error) {
	return s.LedgerAny(ctx, caller, caller.AccountID, after, limit)
}

// LedgerAny reads a page of anybody's.
//
// Errors: problem.NotFound.
func (s *Store) LedgerAny(ctx context.Context, _ auth.Caller, accountID string, after page.Cursor, limit int) (Ledger, error) {
	if _, err := s.q.AccountGet(ctx, s.cfg.Pool, accountID); err != nil {
		return Ledger{}, orNotFound(err, "read account")
	}
	purse, err := s.purse(ctx, accountID)
	if err != nil {
		return Ledger{}, err
	}
	rows, err := s.q.CreditEntryPage(ctx, s.cfg.Pool, managedb.CreditEntryPageParams{AccountID: accountID, Before: string(after), Page: int32(limit + 1)})
	if err != nil {
		return Ledger{}, fmt.Errorf("read ledger: %w", err)
	}
	rows, next := page.Cut(rows, limit, func(r managedb.CreditEntry) string { return r.ID })
	l := Ledger{Balance: purse.Balance, Used: purse.Used, Entries: make([]Entry, len(rows)), Next: next}
	for i, r := range rows {
		l.Entries[i] = entryFromRow(r)
	}
	return l, nil
}

// purse reads a balance; it is zero where there never were any credits.
func (s *Store) purse(ctx context.Context, accountID string) (managedb.CreditBalance, error) {
	purse, err := s.q.CreditBalanceGet(ctx, s.cfg.Pool, accountID)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return managedb.CreditBalance{}, fmt.Errorf("read balance: %w", err)
	}
	return purse, nil
}

func entryFromRow(r managedb.CreditEntry) Entry {
	return Entry{ID: r.ID, At: r.CreatedAt, Type: EntryType(r.Type), Amount: r.Amount, Balance: r.Balance,
		IdempotencyKey: value(r.IdempotencyKey), AccessKeyID: value(r.AccessKeyID)}
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
