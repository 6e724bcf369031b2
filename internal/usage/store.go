package usage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/latchkey-dev/latchkey/gen/managedb"
	"github.com/latchkey-dev/latchkey/gen/meterdb"
	"github.com/latchkey-dev/latchkey/internal/audit"
	"github.com/latchkey-dev/latchkey/internal/auth"
	"github.com/latchkey-dev/latchkey/internal/changefeed"
	"github.com/latchkey-dev/latchkey/internal/problem"
)

// StoreConfig is what a Store needs.
type StoreConfig struct {
	Pool *pgxpool.Pool
	Feed *changefeed.Feed
	Now  func() time.Time
}

// Store shows what was used, and keeps limits and credits. A method that takes an id reaches keys of its caller only; one whose
// name says Any reaches every account, and the guard has checked that its caller may.
type Store struct {
	cfg   StoreConfig
	q     *managedb.Queries
	meter *meterdb.Queries
}

// NewStore makes a Store; it connects when it is first used.
func NewStore(c StoreConfig) *Store { return &Store{cfg: c, q: managedb.New(), meter: meterdb.New()} }

// AccountLimits is what the keys of an account may use together in each window; nil: as much as they like.
type AccountLimits struct {
	Query    *int64
	Mutation *int64
	Window   Window
}

// LimitsInput is what limits are changed to; nil leaves a member as it is.
type LimitsInput struct {
	Query    **int64 // a pointer to nil: unlimited
	Mutation **int64
	Window   *Window
}

func (in LimitsInput) applyTo(l AccountLimits) AccountLimits {
	if in.Query != nil {
		l.Query = *in.Query
	}
	if in.Mutation != nil {
		l.Mutation = *in.Mutation
	}
	if in.Window != nil {
		l.Window = *in.Window
	}
	return l
}

// LimitsUpdate changes the limits of anybody's account. They count from the next request on every node once it returns, lower
// ones and higher ones alike. What was taken of a limit in its window stays taken; another window starts a new count.
//
// Errors: problem.NotFound, problem.RevocationUnconfirmed.
func (s *Store) LimitsUpdate(ctx context.Context, caller auth.Caller, accountID string, in LimitsInput) (AccountLimits, error) {
	now := s.moment()
	var after AccountLimits
	_, err := s.cfg.Feed.Run(ctx, func(tx pgx.Tx, changes *changefeed.Changes) error {
		row, err := s.q.AccountLock(ctx, tx, accountID)
		if err != nil {
			return orNotFound(err, "lock account")
		}
		before := limitsOf(row)
		after = in.applyTo(before)
		changes.Withdraw(changefeed.Account, accountID)
		err = s.q.AccountSetLimits(ctx, tx, managedb.AccountSetLimitsParams{ID: accountID, LimitQuery: after.Query, LimitMutation: after.Mutation,
			LimitWindow: after.Window.String(), Now: now})
		if err != nil {
			return fmt.Errorf("set limits: %w", err)
		}
		return audit.Record(ctx, tx, caller, now, audit.Event{Type: audit.AccountLimitsUpdated, AccountID: accountID,
			Target: audit.Target{Kind: "account", ID: accountID}, Old: before.values(), New: after.values()})
	})
	return after, err
}

func limitsOf(a managedb.Account) AccountLimits {
	w, _ := ParseWindow(a.LimitWindow) // the table has no others
	return AccountLimits{Query: a.LimitQuery, Mutation: a.LimitMutation, Window: w}
}

func (l AccountLimits) values() map[string]any {
	return map[string]any{"query": l.Query, "mutation": l.Mutation, "window": l.Window.String()}
}

// How long counts are kept: longer than KeyUsage can ask for.
const (
	hoursKept = 92 * 24 * time.Hour
	daysKept  = 800 * 24 * time.Hour
	quotaKept = 62 * 24 * time.Hour // after the beginning of a window, which lasts a month at most
	purgePage = 1000
)

// Purge forgets counts and windows that are older than anything that can be asked for, a bounded number at a time, and answers
// how many there were.
func (s *Store) Purge(ctx context.Context) (int64, error) {
	now := s.moment()
	hours, err := s.meter.UsageHourPurge(ctx, s.cfg.Pool, meterdb.UsageHourPurgeParams{Before: now.Add(-hoursKept), Page: purgePage})
	if err != nil {
		return 0, fmt.Errorf("purge hours: %w", err)
	}
	days, err := s.meter.UsageDayPurge(ctx, s.cfg.Pool, meterdb.UsageDayPurgeParams{Before: now.Add(-daysKept), Page: purgePage})
	if err != nil {
		return hours, fmt.Errorf("purge days: %w", err)
	}
	windows, err := s.meter.QuotaPurge(ctx, s.cfg.Pool, meterdb.QuotaPurgeParams{Before: now.Add(-quotaKept), Life: Life.Start(now), Page: purgePage})
	if err != nil {
		return hours + days, fmt.Errorf("purge windows: %w", err)
	}
	return hours + days + windows, nil
}

func (s *Store) moment() time.Time { return s.cfg.Now().UTC().Truncate(time.Microsecond) }

func orNotFound(err error, verb string) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return problem.New(problem.NotFound)
	}
	return fmt.Errorf("%s: %w", verb, err)
}
