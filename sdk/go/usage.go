package latchkey

import (
	"context"
	"iter"
	"time"

	"github.com/oapi-codegen/nullable"

	"github.com/latchkey-dev/latchkey/sdk/go/api"
)

// What was used, and what bounds it, as the contract has it.
type (
	AccessKeyUsage      = api.AccessKeyUsage
	AccountUsage        = api.AccountUsage
	AccountUsageDaily   = api.AccountUsageDaily
	AccountLimits       = api.AccountLimits
	AccountLimitsUpdate = api.AccountLimitsUpdate
	CreditInput         = api.CreditInput
	CreditEntry         = api.CreditEntry
	CreditResult        = api.CreditResult
)

// UsageSpan says which counts are wanted. The zero UsageSpan is the last 30 days.
type UsageSpan struct {
	From   time.Time // the first moment that counts; the zero Time: 30 days before To, or 48 hours
	To     time.Time // the first that does not; the zero Time: now and the bucket that it is in
	Bucket api.UsageBucket
}

// LimitTo is the value of a limit.
func LimitTo(n int64) nullable.Nullable[int64] { return nullable.NewNullableWithValue(n) }

// Unlimited takes a limit away.
func Unlimited() nullable.Nullable[int64] { return nullable.NewNullNullable[int64]() }

// AccessKeyUsage tells what one of the own keys was used for.
func (c *Client) AccessKeyUsage(ctx context.Context, id string, s UsageSpan) (AccessKeyUsage, error) {
	return result[AccessKeyUsage](c.core.AccessKeyUsage(ctx, id, &api.AccessKeyUsageParams{From: optional(s.From), To: optional(s.To), Bucket: optional(s.Bucket)}))
}

// AccountUsage tells what the own account used in its window, and what is left.
func (c *Client) AccountUsage(ctx context.Context) (AccountUsage, error) {
	return result[AccountUsage](c.core.AccountUsage(ctx))
}

// AccountUsageDaily tells what those of the own keys that are not revoked were used for by day, in the last 30.
func (c *Client) AccountUsageDaily(ctx context.Context) (AccountUsageDaily, error) {
	return result[AccountUsageDaily](c.core.AccountUsageDaily(ctx))
}

// AdminAccountUsage is AccountUsage for anybody's account.
func (c *Client) AdminAccountUsage(ctx context.Context, id string) (AccountUsage, error) {
	return result[AccountUsage](c.core.AdminAccountUsage(ctx, id))
}

// AccountLimitsUpdate changes what the keys of an account may use together. It counts from the next request on every node.
func (c *Client) AccountLimitsUpdate(ctx context.Context, id string, in AccountLimitsUpdate) (AccountLimits, error) {
	return result[AccountLimits](c.core.AccountLimitsUpdate(ctx, id, in))
}

// AccountCreditsAdd gives credits to an account, or takes some. To repeat it with the same idempotency key is safe.
func (c *Client) AccountCreditsAdd(ctx context.Context, id string, in CreditInput) (CreditResult, error) {
	return result[CreditResult](c.core.AccountCreditsAdd(ctx, id, in))
}

// AccountCreditsList goes through the own ledger, newest first. The balance is in AccountUsage.
func (c *Client) AccountCreditsList(ctx context.Context) iter.Seq2[CreditEntry, error] {
	return pages(func(cursor *string) ([]CreditEntry, *string, error) {
		got, err := result[api.CreditLedger](c.core.AccountCreditsList(ctx, &api.AccountCreditsListParams{Cursor: cursor}))
		return got.Entries, got.NextCursor, err
	})
}

// AdminAccountCreditsList is AccountCreditsList for anybody's account.
func (c *Client) AdminAccountCreditsList(ctx context.Context, id string) iter.Seq2[CreditEntry, error] {
	return pages(func(cursor *string) ([]CreditEntry, *string, error) {
		got, err := result[api.CreditLedger](c.core.AdminAccountCreditsList(ctx, id, &api.AdminAccountCreditsListParams{Cursor: cursor}))
		return got.Entries, got.NextCursor, err
	})
}
