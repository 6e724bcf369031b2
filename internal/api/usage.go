package api

import (
	"context"

	"github.com/oapi-codegen/nullable"

	"github.com/latchkey-dev/latchkey/gen/api"
	"github.com/latchkey-dev/latchkey/internal/auth"
	"github.com/latchkey-dev/latchkey/internal/usage"
)

// AccessKeyUsage shows what one of the caller's own keys was used for.
func (s *Server) AccessKeyUsage(ctx context.Context, req api.AccessKeyUsageRequestObject) (api.AccessKeyUsageResponseObject, error) {
	bucket := usage.Daily
	if req.Params.Bucket != nil {
		bucket = usage.Bucket(*req.Params.Bucket)
	}
	u, err := s.cfg.Usage.KeyUsage(ctx, auth.FromContext(ctx), req.AccessKeyID, req.Params.From, req.Params.To, bucket)
	if err != nil {
		return nil, err
	}
	return api.AccessKeyUsage200JSONResponse{Key: u.KeyID, From: u.From.UTC(), To: u.To.UTC(), Bucket: api.UsageBucket(u.Bucket),
		Totals: wireCounts(u.Totals), Lifetime: wireCounts(u.Lifetime), Data: wirePoints(u.Points)}, nil
}

// AccountUsageDaily shows what the caller's own keys were used for by day.
func (s *Server) AccountUsageDaily(ctx context.Context, _ api.AccountUsageDailyRequestObject) (api.AccountUsageDailyResponseObject, error) {
	from, to, days, err := s.cfg.Usage.AccountDays(ctx, auth.FromContext(ctx))
	if err != nil {
		return nil, err
	}
	keys := make([]api.AccessKeyDays, len(days))
	for i, d := range days {
		keys[i] = api.AccessKeyDays{ID: d.KeyID, Data: wirePoints(d.Points)}
	}
	return api.AccountUsageDaily200JSONResponse{From: from.UTC(), To: to.UTC(), Keys: keys}, nil
}

// AccountUsage shows what the caller's own account used.
func (s *Server) AccountUsage(ctx context.Context, _ api.AccountUsageRequestObject) (api.AccountUsageResponseObject, error) {
	u, err := s.cfg.Usage.AccountUsage(ctx, auth.FromContext(ctx))
	if err != nil {
		return nil, err
	}
	return api.AccountUsage200JSONResponse{AccountUsageJSONResponse: wireUsage(u)}, nil
}

// AdminAccountUsage shows what anybody's account used.
func (s *Server) AdminAccountUsage(ctx context.Context, req api.AdminAccountUsageRequestObject) (api.AdminAccountUsageResponseObject, error) {
	u, err := s.cfg.Usage.AccountUsageAny(ctx, auth.FromContext(ctx), req.AccountID)
	if err != nil {
		return nil, err
	}
	return api.AdminAccountUsage200JSONResponse{AccountUsageJSONResponse: wireUsage(u)}, nil
}

// AccountCreditsList shows the caller's own ledger.
func (s *Server) AccountCreditsList(ctx context.Context, req api.AccountCreditsListRequestObject) (api.AccountCreditsListResponseObject, error) {
	after, limit, err := pageOf(req.Params.Cursor, req.Params.Limit)
	if err != nil {
		return nil, err
	}
	l, err := s.cfg.Usage.Ledger(ctx, auth.FromContext(ctx), after, limit)
	if err != nil {
		return nil, err
	}
	return api.AccountCreditsList200JSONResponse{CreditLedgerJSONResponse: wireLedger(l)}, nil
}

// AdminAccountCreditsList shows anybody's.
func (s *Server) AdminAccountCreditsList(ctx context.Context, req api.AdminAccountCreditsListRequestObject) (api.AdminAccountCreditsListResponseObject, error) {
	after, limit, err := pageOf(req.Params.Cursor, req.Params.Limit)
	if err != nil {
		return nil, err
	}
	l, err := s.cfg.Usage.LedgerAny(ctx, auth.FromContext(ctx), req.AccountID, after, limit)
	if err != nil {
		return nil, err
	}
	return api.AdminAccountCreditsList200JSONResponse{CreditLedgerJSONResponse: wireLedger(l)}, nil
}

// AccountCreditsAdd changes a balance.
func (s *Server) AccountCreditsAdd(ctx context.Context, req api.AccountCreditsAddRequestObject) (api.AccountCreditsAddResponseObject, error) {
	balance, entry, err := s.cfg.Usage.Add(ctx, auth.FromContext(ctx), req.AccountID, usage.CreditInput{
		Type: usage.EntryType(req.Body.Type), Amount: req.Body.Amount, IdempotencyKey: req.Body.IdempotencyKey})
	if err != nil {
		return nil, err
	}
	return api.AccountCreditsAdd200JSONResponse{Balance: balance, Entry: wireEntry(entry)}, nil
}

// AccountLimitsUpdate changes the limits of an account.
func (s *Server) AccountLimitsUpdate(ctx context.Context, req api.AccountLimitsUpdateRequestObject) (api.AccountLimitsUpdateResponseObject, error) {
	in := usage.LimitsInput{Query: limitOf(req.Body.Query), Mutation: limitOf(req.Body.Mutation)}
	if req.Body.Window != nil {
		w, ok := usage.ParseWindow(string(*req.Body.Window))
		if !ok {
			return nil, invalid("There is no such window.").WithField("pointer", "/window")
		}
		in.Window = &w
	}
	l, err := s.cfg.Usage.LimitsUpdate(ctx, auth.FromContext(ctx), req.AccountID, in)
	if err != nil {
		return nil, err
	}
	return api.AccountLimitsUpdate200JSONResponse{Query: l.Query, Mutation: l.Mutation, Window: api.UsageWindowUnit(l.Window.String())}, nil
}

// limitOf tells a limit that is to stay (nil) from one that is to go (a pointer to nil).
func limitOf(n nullable.Nullable[int64]) **int64 {
	if !n.IsSpecified() {
		return nil
	}
	var limit *int64
	if v, err := n.Get(); err == nil {
		limit = &v
	}
	return &limit
}

func wireCounts(c usage.Counts) api.UsageCounts {
	return api.UsageCounts{Query: c.Query, Mutation: c.Mutation, Credits: c.Credits, Denied: wireDenied(c.Denied)}
}

func wirePoints(points []usage.Point) []api.UsagePoint {
	data := make([]api.UsagePoint, len(points))
	for i, p := range points {
		data[i] = api.UsagePoint{Start: p.Start.UTC(), Query: p.Query, Mutation: p.Mutation, Credits: p.Credits, Denied: wireDenied(p.Denied)}
	}
	return data
}

func wireDenied(d usage.Denied) api.UsageDenied {
	return api.UsageDenied{Permission: d.Permission, Quota: d.Quota, Credits: d.Credits}
}

func wireUsage(u usage.AccountUsage) api.AccountUsageJSONResponse {
	keys := make([]api.KeyUse, len(u.Keys))
	for i, k := range u.Keys {
		keys[i] = api.KeyUse{ID: k.ID, Name: k.Name, Status: api.AccessKeyStatus(k.Status), LastUsedAt: utc(k.LastUsedAt),
			Query: k.Query, Mutation: k.Mutation, Credits: k.Credits, Denied: wireDenied(k.Denied)}
	}
	return api.AccountUsageJSONResponse{Account: u.AccountID, Query: wireLimit(u.Query), Mutation: wireLimit(u.Mutation),
		Window:  api.UsageWindow{Unit: api.UsageWindowUnit(u.Window.String()), Start: u.Start.UTC(), End: utc(u.End)},
		Credits: api.CreditUse{Balance: u.Balance, Used: u.Total.Credits}, Keys: keys}
}

func wireLimit(l usage.LimitUse) api.QuotaUse {
	if l.Limit == nil {
		return api.QuotaUse{Used: l.Used}
	}
	return api.QuotaUse{Limit: l.Limit, Used: l.Used, Remaining: &l.Remaining}
}

func wireLedger(l usage.Ledger) api.CreditLedgerJSONResponse {
	entries := make([]api.CreditEntry, len(l.Entries))
	for i, e := range l.Entries {
		entries[i] = wireEntry(e)
	}
	return api.CreditLedgerJSONResponse{Balance: l.Balance, Used: l.Used, Entries: entries, NextCursor: optional(l.Next)}
}

func wireEntry(e usage.Entry) api.CreditEntry {
	return api.CreditEntry{ID: e.ID, CreatedAt: e.At.UTC(), Type: api.CreditEntryType(e.Type), Amount: e.Amount, Balance: e.Balance,
		IdempotencyKey: optional(e.IdempotencyKey), AccessKeyID: optional(e.AccessKeyID)}
}
