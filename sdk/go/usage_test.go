package latchkey_test

import (
	"io"
	"net/http"
	"testing"
	"time"

	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
	"github.com/latchkey-dev/latchkey/sdk/go/api"
)

func TestUsageSaysWhatIsAsked(t *testing.T) {
	t.Parallel()
	var asked string
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		asked = r.Method + " " + r.URL.String() + " " + string(b)
		answerJSON(w, http.StatusOK, `{"entries":[{"id":"cc5lnd2s1s4652adtu50"}]}`)
	})
	c := newClient(t, latchkey.Config{BaseURL: url})
	first := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for _, row := range []struct {
		do   func() error
		want string
	}{
		{func() error { _, err := c.AccessKeyUsage(t.Context(), "k", latchkey.UsageSpan{}); return err }, "GET /api/auth/access-keys/k/usage "},
		{func() error {
			_, err := c.AccessKeyUsage(t.Context(), "k", latchkey.UsageSpan{From: first, To: first.AddDate(0, 0, 1), Bucket: api.UsageBucketHour})
			return err
		}, "GET /api/auth/access-keys/k/usage?from=2026-03-01T00%3A00%3A00Z&to=2026-03-02T00%3A00%3A00Z&bucket=hour "},
		{func() error { _, err := c.AccountUsage(t.Context()); return err }, "GET /api/accounts/usage "},
		{func() error { _, err := c.AdminAccountUsage(t.Context(), "a"); return err }, "GET /api/admin/accounts/a/usage "},
		{func() error {
			_, err := c.AccountLimitsUpdate(t.Context(), "a", latchkey.AccountLimitsUpdate{Query: latchkey.LimitTo(120), Mutation: latchkey.Unlimited()})
			return err
		}, `PATCH /api/admin/accounts/a/limits {"mutation":null,"query":120}`},
		{func() error {
			_, err := c.AccountCreditsAdd(t.Context(), "a", latchkey.CreditInput{Type: api.CreditInputTypeGrant, Amount: 500, IdempotencyKey: "i"})
			return err
		}, `POST /api/admin/accounts/a/credits {"amount":500,"idempotency_key":"i","type":"grant"}`},
		{func() error { return firstOf(c.AccountCreditsList(t.Context())) }, "GET /api/accounts/credits "},
		{func() error { return firstOf(c.AdminAccountCreditsList(t.Context(), "a")) }, "GET /api/admin/accounts/a/credits "},
	} {
		if err := row.do(); err != nil || asked != row.want {
			t.Errorf("asked %s, %v; want %s", asked, err, row.want)
		}
	}
}

func firstOf(entries func(func(latchkey.CreditEntry, error) bool)) error {
	for _, err := range entries {
		return err
	}
	return nil
}
