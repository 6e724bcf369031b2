package accesskey

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/latchkey-dev/latchkey/gen/managedb"
	"github.com/latchkey-dev/latchkey/internal/auth"
	"github.com/latchkey-dev/latchkey/internal/page"
	"github.com/latchkey-dev/latchkey/internal/problem"
	"github.com/latchkey-dev/latchkey/internal/search"
)

// Filter narrows a list and sorts it; the zero Filter leaves everything in, newest first.
type Filter struct {
	Status         Status
	Unrevoked      bool        // no revoking and no revoked keys
	ExpiringBefore *time.Time  // live keys that expire before it
	Search         search.Text // in the name, the hint or the id; in ListAny in the owner's handle, too
	AccountID      string      // of the owner; empty: anybody's; in ListAny only
	Order          Order       // in List only
}

// Sort is what a list is sorted by; the names are those of AccessKeySort in openapi.yaml.
type Sort string

// The sorts. Keys that are equal are in the order of their making.
const (
	ByCreatedAt  Sort = "created_at"
	ByName       Sort = "name" // whatever the case, in the database's order of letters
	ByExpiresAt  Sort = "expires_at"
	ByLastUsedAt Sort = "last_used_at"
)

// Order is how a list is sorted. Keys without the value are last in any.
type Order struct {
	By     Sort // empty: ByCreatedAt
	Rising bool
}

func (o Order) newestFirst() bool { return !o.Rising && (o.By == "" || o.By == ByCreatedAt) }

// List gives a page of the keys of caller, with the cursor of the next page. The cursor is a key, and the page begins after the place that
// this key has now.
//
// Errors: problem.RequestInvalid for the cursor of a sorted or searched list that is no key of caller: it has no place.
func (s *Store) List(ctx context.Context, caller auth.Caller, f Filter, after page.Cursor, limit int) ([]AccessKey, string, error) {
	if f.Order.newestFirst() && f.Search == (search.Text{}) {
		return s.newest(ctx, caller.AccountID, f, after, limit)
	}
	p := managedb.AccessKeyPageRisingParams{AccountID: caller.AccountID, Sort: string(f.Order.By), Search: f.Search.Needle, Variants: f.Search.Variants,
		Folded: f.Search.Folded, Revoked: !f.Unrevoked, Status: string(f.Status), ExpiringBefore: f.ExpiringBefore, Now: s.moment(), Page: int32(limit + 1)}
	if after != page.Start {
		p.After = string(after)
	}
	list := s.q.AccessKeyPageRising
	if !f.Order.Rising {
		list = func(ctx context.Context, db managedb.DBTX, p managedb.AccessKeyPageRisingParams) ([]managedb.AccessKey, error) {
			return s.q.AccessKeyPageFalling(ctx, db, managedb.AccessKeyPageFallingParams(p))
		}
	}
	rows, err := list(ctx, s.cfg.Pool, p)
	if err == nil && len(rows) == 0 && p.After != "" {
		err = s.mustBePlace(ctx, caller, p.After)
	}
	if err != nil {
		return nil, "", fmt.Errorf("list sorted access keys: %w", err)
	}
	return s.cut(ctx, rows, limit)
}

// mustBePlace refuses a cursor that is no key of caller.
func (s *Store) mustBePlace(ctx context.Context, caller auth.Caller, cursor string) error {
	_, err := s.q.AccessKeyGet(ctx, s.cfg.Pool, managedb.AccessKeyGetParams{ID: cursor, AccountID: caller.AccountID})
	if errors.Is(err, pgx.ErrNoRows) {
		return problem.New(problem.RequestInvalid).WithDetail("The key that the cursor names is not there: begin again without a cursor.").
			WithField("parameter", "cursor")
	}
	return err
}

// newest gives a page of the keys of one account, newest first.
func (s *Store) newest(ctx context.Context, accountID string, f Filter, after page.Cursor, limit int) ([]AccessKey, string, error) {
	rows, err := s.q.AccessKeyPage(ctx, s.cfg.Pool, managedb.AccessKeyPageParams{AccountID: accountID, Before: string(after), Revoked: !f.Unrevoked,
		Status: string(f.Status), ExpiringBefore: f.ExpiringBefore, Now: s.moment(), Page: int32(limit + 1)})
	if err != nil {
		return nil, "", fmt.Errorf("list access keys: %w", err)
	}
	return s.cut(ctx, rows, limit)
}

// ListAny gives a page of everybody's keys, newest first. The guard has checked that caller may see them.
func (s *Store) ListAny(ctx context.Context, _ auth.Caller, f Filter, after page.Cursor, limit int) ([]AccessKey, string, error) {
	if f.Search == (search.Text{}) && f.AccountID != "" {
		return s.newest(ctx, f.AccountID, f, after, limit)
	}
	rows, err := s.pageAny(ctx, f, after, limit)
	if err != nil {
		return nil, "", fmt.Errorf("list all access keys: %w", err)
	}
	return s.cut(ctx, rows, limit)
}

func (s *Store) pageAny(ctx context.Context, f Filter, after page.Cursor, limit int) ([]managedb.AccessKey, error) {
	if f.Search == (search.Text{}) {
		return s.q.AccessKeyPageAny(ctx, s.cfg.Pool, managedb.AccessKeyPageAnyParams{Before: string(after), Revoked: !f.Unrevoked,
			Status: string(f.Status), ExpiringBefore: f.ExpiringBefore, Now: s.moment(), Page: int32(limit + 1)})
	}
	return s.q.AccessKeySearchAny(ctx, s.cfg.Pool, managedb.AccessKeySearchAnyParams{Before: string(after), AccountID: f.AccountID,
		Search: f.Search.Needle, Variants: f.Search.Variants, Folded: f.Search.Folded, Revoked: !f.Unrevoked,
		Status: string(f.Status), ExpiringBefore: f.ExpiringBefore, Now: s.moment(), Page: int32(limit + 1)})
}

func (s *Store) cut(ctx context.Context, rows []managedb.AccessKey, limit int) ([]AccessKey, string, error) {
	rows, next := page.Cut(rows, limit, idOf)
	keys, err := s.withUses(ctx, rows)
	return keys, next, err
}

func idOf(r managedb.AccessKey) string { return r.ID }
