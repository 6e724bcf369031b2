package usage

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/latchkey-dev/latchkey/gen/managedb"
	"github.com/latchkey-dev/latchkey/internal/auth"
	"github.com/latchkey-dev/latchkey/internal/problem"
)

// Bucket is how counts over time are parted.
type Bucket string

// The buckets. Both begin on the whole, in UTC.
const (
	Hour  Bucket = "hour"
	Daily Bucket = "day"
)

const bucketsMost = 2400

func (b Bucket) length() time.Duration {
	if b == Hour {
		return time.Hour
	}
	return 24 * time.Hour
}

// usual is how far back one looks who does not say.
func (b Bucket) usual() time.Duration {
	if b == Hour {
		return 48 * time.Hour
	}
	return 30 * 24 * time.Hour
}

// floor is the beginning of the bucket that t is in.
func (b Bucket) floor(t time.Time) time.Time { return t.UTC().Truncate(b.length()) }

// span completes from and to, the current bucket included, and rounds them down to whole buckets.
func (b Bucket) span(from, to *time.Time, now time.Time) (time.Time, time.Time, error) {
	end := b.floor(now).Add(b.length())
	if to != nil {
		end = b.floor(*to)
	}
	start := end.Add(-b.usual())
	if from != nil {
		start = b.floor(*from)
	}
	refuse := problem.New(problem.RequestInvalid).WithField("parameter", "from")
	if !start.Before(end) {
		return start, end, refuse.WithDetail("There is no whole bucket between from and to.")
	}
	if end.Sub(start) > bucketsMost*b.length() {
		return start, end, refuse.WithDetail("There are more than 2,400 buckets between from and to.")
	}
	return start, end, nil
}

// KeyUsage is what a key was used for.
type KeyUsage struct {
	KeyID    string
	From, To time.Time // From counts, To does not
	Bucket   Bucket
	Totals   Counts // of the points
	Lifetime Counts
	Points   []Point // in their order; those with nothing in them are left out
}

// Point is a bucket and its counts.
type Point struct {
	Start time.Time
	Counts
}

// KeyUsage reads the counts of a key of caller. Without from and to it looks back 30 days, or 48 hours by the hour. Hours are
// kept for 90 days. Counts are at most two seconds behind.
//
// Errors: problem.NotFound, also for a key of somebody else; problem.RequestInvalid, which names the parameter.
func (s *Store) KeyUsage(ctx context.Context, caller auth.Caller, keyID string, from, to *time.Time, b Bucket) (KeyUsage, error) {
	start, end, err := b.span(from, to, s.moment())
	if err != nil {
		return KeyUsage{}, err
	}
	if _, err := s.q.AccessKeyGet(ctx, s.cfg.Pool, managedb.AccessKeyGetParams{ID: keyID, AccountID: caller.AccountID}); err != nil {
		return KeyUsage{}, orNotFound(err, "read access key")
	}
	u := KeyUsage{KeyID: keyID, From: start, To: end, Bucket: b}
	if u.Points, err = s.points(ctx, u); err != nil {
		return KeyUsage{}, fmt.Errorf("read counts: %w", err)
	}
	for _, p := range u.Points {
		u.Totals.add(p.Counts)
	}
	total, err := s.q.UsageTotal(ctx, s.cfg.Pool, keyID)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return KeyUsage{}, fmt.Errorf("read total: %w", err)
	}
	u.Lifetime = Counts{total.Query, total.Mutation, total.Credits, Denied{total.DeniedPermission, total.DeniedQuota, total.DeniedCredits}}
	return u, nil
}

// KeyDays is what a key was used for by day.
type KeyDays struct {
	KeyID  string
	Points []Point // in their order; those with nothing in them are left out
}

// AccountDays reads the last 30 days of those keys of caller that are not revoked, newest key first; From counts, To does not. Keys with
// nothing in them are left out. The counts are those of KeyUsage.
func (s *Store) AccountDays(ctx context.Context, caller auth.Caller) (time.Time, time.Time, []KeyDays, error) {
	from, to, err := Daily.span(nil, nil, s.moment())
	if err != nil {
		return from, to, nil, err
	}
	rows, err := s.q.UsageDaysOfAccount(ctx, s.cfg.Pool, managedb.UsageDaysOfAccountParams{AccountID: caller.AccountID, FromStart: from, ToStart: to})
	if err != nil {
		return from, to, nil, fmt.Errorf("read days of account: %w", err)
	}
	var keys []KeyDays
	for _, r := range rows {
		if n := len(keys); n == 0 || keys[n-1].KeyID != r.AccessKeyID {
			keys = append(keys, KeyDays{KeyID: r.AccessKeyID})
		}
		last := &keys[len(keys)-1]
		last.Points = append(last.Points, pointOf(r))
	}
	return from, to, keys, nil
}

func (s *Store) points(ctx context.Context, u KeyUsage) ([]Point, error) {
	if u.Bucket == Hour {
		rows, err := s.q.UsageHours(ctx, s.cfg.Pool, managedb.UsageHoursParams{AccessKeyID: u.KeyID, FromStart: u.From, ToStart: u.To})
		points := make([]Point, len(rows))
		for i, r := range rows {
			points[i] = pointOf(managedb.UsageDay(r))
		}
		return points, err
	}
	rows, err := s.q.UsageDays(ctx, s.cfg.Pool, managedb.UsageDaysParams{AccessKeyID: u.KeyID, FromStart: u.From, ToStart: u.To})
	points := make([]Point, len(rows))
	for i, r := range rows {
		points[i] = pointOf(r)
	}
	return points, err
}

func pointOf(r managedb.UsageDay) Point {
	return Point{r.Start.UTC(), Counts{r.Query, r.Mutation, r.Credits, Denied{r.DeniedPermission, r.DeniedQuota, r.DeniedCredits}}}
}

// AccountUsage is what the keys of an account used in its window.
type AccountUsage struct {
	AccountID       string
	Window          Window
	Start           time.Time // of the window; for a life, of the account
	End             *time.Time
	Query, Mutation LimitUse
	Balance         int64  // credits, now
	Total           Counts // of all keys
	Keys            []KeyUse
}

// LimitUse is how much of a limit is used. What was used before the limit was set counts as used, but does not lessen what remains.
type LimitUse struct {
	Limit     *int64 // nil: there is none
	Used      int64
	Remaining int64 // what instances hold for their next requests is missing in it for up to a second
}

// KeyUse is what one key used in the window of its owner.
type KeyUse struct {
	ID, Name   string
	Status     string // as the lists of keys have it
	LastUsedAt *time.Time
	Counts
}

// AccountUsage reads what the caller's own account used.
func (s *Store) AccountUsage(ctx context.Context, caller auth.Caller) (AccountUsage, error) {
	return s.AccountUsageAny(ctx, caller, caller.AccountID)
}

// AccountUsageAny reads what anybody's account used. Counts are at most two seconds behind.
//
// Errors: problem.NotFound.
func (s *Store) AccountUsageAny(ctx context.Context, _ auth.Caller, accountID string) (AccountUsage, error) {
	now := s.moment()
	row, err := s.q.AccountGet(ctx, s.cfg.Pool, accountID)
	if err != nil {
		return AccountUsage{}, orNotFound(err, "read account")
	}
	limits := limitsOf(row)
	u := AccountUsage{AccountID: accountID, Window: limits.Window, Start: limits.Window.Start(now), End: limits.Window.End(now)}
	if u.Keys, err = s.keyUses(ctx, u, now); err != nil {
		return AccountUsage{}, fmt.Errorf("read use of keys: %w", err)
	}
	for _, k := range u.Keys {
		u.Total.add(k.Counts)
	}
	taken, err := s.q.QuotasOfAccount(ctx, s.cfg.Pool, managedb.QuotasOfAccountParams{AccountID: accountID, Start: u.Start})
	if err != nil {
		return AccountUsage{}, fmt.Errorf("read quotas: %w", err)
	}
	u.Query, u.Mutation = limitUse(limits.Query, u.Total.Query, "query", taken), limitUse(limits.Mutation, u.Total.Mutation, "mutation", taken)
	if limits.Window == Life {
		u.Start = row.CreatedAt
	}
	purse, err := s.purse(ctx, accountID)
	u.Balance = purse.Balance
	return u, err
}

func (s *Store) keyUses(ctx context.Context, u AccountUsage, now time.Time) ([]KeyUse, error) {
	var rows []managedb.UsageOfAccountRow
	if u.Window == Life {
		ever, err := s.q.UsageOfAccountEver(ctx, s.cfg.Pool, managedb.UsageOfAccountEverParams{AccountID: u.AccountID, Now: now})
		if err != nil {
			return nil, err
		}
		for _, r := range ever {
			rows = append(rows, managedb.UsageOfAccountRow(r))
		}
	} else {
		var err error
		rows, err = s.q.UsageOfAccount(ctx, s.cfg.Pool, managedb.UsageOfAccountParams{AccountID: u.AccountID, Since: u.Start, Now: now})
		if err != nil {
			return nil, err
		}
	}
	uses := make([]KeyUse, len(rows))
	for i, r := range rows {
		uses[i] = KeyUse{ID: r.ID, Name: r.Name, Status: r.Status, LastUsedAt: r.LastUsedAt,
			Counts: Counts{r.Query, r.Mutation, r.Credits, Denied{r.DeniedPermission, r.DeniedQuota, r.DeniedCredits}}}
	}
	return uses, nil
}

func limitUse(limit *int64, used int64, class string, taken []managedb.QuotasOfAccountRow) LimitUse {
	u := LimitUse{Limit: limit, Used: used}
	if limit == nil {
		return u
	}
	u.Remaining = *limit
	for _, t := range taken {
		if t.Class == class {
			u.Remaining = max(*limit-t.Taken, 0)
		}
	}
	return u
}

// WindowCounts is what a key used in the current window of its owner.
type WindowCounts struct{ Query, Mutation, Credits int64 }

// Windows reads what keys used, by id, for a page of them; the caller has read them as theirs. A key that there is not is not in it.
func (s *Store) Windows(ctx context.Context, _ auth.Caller, ids []string) (map[string]WindowCounts, error) {
	now := s.moment()
	rows, err := s.q.UsageWindows(ctx, s.cfg.Pool, managedb.UsageWindowsParams{Ids: ids, Day: Day.Start(now), Month: Month.Start(now)})
	if err != nil {
		return nil, fmt.Errorf("read use in windows: %w", err)
	}
	all := make(map[string]WindowCounts, len(rows))
	for _, r := range rows {
		all[r.ID] = WindowCounts{r.Query, r.Mutation, r.Credits}
	}
	return all, nil
}
