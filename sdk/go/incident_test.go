package latchkey_test

import (
	"io"
	"iter"
	"net/http"
	"testing"
	"time"

	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
	"github.com/latchkey-dev/latchkey/sdk/go/api"
)

// firstError is what a list begins with, if that is an error.
func firstError[T any](list iter.Seq2[T, error]) error {
	for _, err := range list {
		return err
	}
	return nil
}

// What is asked for is what travels: no more, and no less.
func TestCallsOfAnIncident(t *testing.T) {
	t.Parallel()
	var seen string
	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen = r.Method + " " + r.URL.RequestURI() + " " + r.Header.Get("If-Match") + " " + string(body)
		w.Header().Set("Latchkey-Revision", "rev")
		answerJSON(w, http.StatusOK, `{"incident_id":"i","revoked":3,"id":"k","secret":"`+key+`","keys":[],"status":"received"}`)
	})
	c, ctx, moment := newClient(t, latchkey.Config{BaseURL: url}), t.Context(), time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	want := latchkey.Incident{ID: "i", Revoked: 3, Revision: "rev"}
	for _, tc := range []struct {
		call func() error
		sent string
	}{
		{func() error {
			got, err := c.AccessKeyRevokeAll(ctx, "")
			if got != want {
				t.Errorf("own: %+v", got)
			}
			return err
		}, "POST /api/auth/access-keys/revoke-all  {}"},
		{func() error {
			got, err := c.AdminAccessKeyRevokeAll(ctx, latchkey.RevokeAllInput{AccountID: "a", CreatedBefore: moment, Reason: "r"})
			if got != want {
				t.Errorf("anybody's: %+v", got)
			}
			return err
		}, `POST /api/admin/access-keys/revoke-all  {"account":"a","created_before":"2026-01-02T03:04:05Z","reason":"r"}`},
		{func() error {
			got, err := c.AccessKeyRegenerate(ctx, "k", 7, time.Minute)
			if got.ID != "k" || got.Secret.Reveal() != key {
				t.Errorf("regenerated: %+v", got)
			}
			return err
		}, `POST /api/auth/access-keys/k/regenerate "7" {"overlap_seconds":60}`},
		{func() error { _, err := c.AccessKeyRegenerate(ctx, "k", 0, 0); return err }, `POST /api/auth/access-keys/k/regenerate  {"overlap_seconds":0}`},
		{func() error { return c.AccessKeyReport(ctx, "a paste", latchkey.NewKey(key)) }, `POST /api/access-keys/report  {"keys":["` + key + `"],"source":"a paste"}`},
		{func() error { return c.AccessKeyReport(ctx, "", latchkey.NewKey("x")) }, `POST /api/access-keys/report  {"keys":["x"]}`},
		{func() error {
			_, err := c.AccessKeyUpdate(ctx, "k", 0, latchkey.AccessKeyUpdate{Permissions: latchkey.Only("*:read"), Limits: latchkey.Limited(api.AccessKeyLimits{Query: new(int64(5))})})
			return err
		}, `PATCH /api/auth/access-keys/k  {"limits":{"query":5},"permissions":["*:read"]}`},
		{func() error {
			_, err := c.AccessKeyUpdate(ctx, "k", 0, latchkey.AccessKeyUpdate{Permissions: latchkey.Everything(), Limits: latchkey.NoLimits()})
			return err
		}, `PATCH /api/auth/access-keys/k  {"limits":null,"permissions":null}`},
		{func() error {
			for _, err := range c.AccessKeyList(ctx, latchkey.AccessKeyFilter{ExpiringBefore: moment}) {
				return err
			}
			return nil
		}, "GET /api/auth/access-keys?expiring_before=2026-01-02T03%3A04%3A05Z  "},
		{func() error {
			f := latchkey.AccessKeyFilter{Unrevoked: true, Search: "100% é", Sort: api.AccessKeySortName, Order: api.SortOrderAsc, AccountID: "not sent"}
			return firstError(c.AccessKeyList(ctx, f))
		}, "GET /api/auth/access-keys?revoked=false&search=100%25+%C3%A9&sort=name&order=asc  "},
		{func() error {
			f := latchkey.AccessKeyFilter{Status: api.AccessKeyStatusActive, Search: "a", AccountID: "ada", Sort: api.AccessKeySortName, Order: api.SortOrderAsc}
			return firstError(c.AdminAccessKeyList(ctx, f))
		}, "GET /api/admin/access-keys?status=active&search=a&account=ada  "},
		{func() error { return firstError(c.AdminAccessKeyList(ctx, latchkey.AccessKeyFilter{})) }, "GET /api/admin/access-keys  "},
		{func() error { return firstError(c.AccountList(ctx, "ada")) }, "GET /api/admin/accounts?search=ada  "},
		{func() error { return firstError(c.AccountList(ctx, "")) }, "GET /api/admin/accounts  "},
		{func() error { _, err := c.AdminAccountGet(ctx, "ada"); return err }, "GET /api/admin/accounts/ada  "},
		{func() error { return firstError(c.AuditEventList(ctx, "k")) }, "GET /api/audit-events?target=k  "},
		{func() error { return firstError(c.AuditEventList(ctx, "")) }, "GET /api/audit-events  "},
		{func() error {
			return firstError(c.AdminAuditEventList(ctx, latchkey.AuditFilter{TargetID: "k", From: moment, To: moment.Add(time.Hour)}))
		}, "GET /api/admin/audit-events?target=k&from=2026-01-02T03%3A04%3A05Z&to=2026-01-02T04%3A04%3A05Z  "},
		{func() error { _, err := c.InstanceGet(ctx); return err }, "GET /api/instance  "},
		{func() error { _, err := c.InstanceHealthGet(ctx); return err }, "GET /api/admin/health  "},
		{func() error { _, err := c.AccountUsageDaily(ctx); return err }, "GET /api/accounts/usage/daily  "},
	} {
		if err := tc.call(); err != nil || seen != tc.sent {
			t.Errorf("sent %s, %v; want %s", seen, err, tc.sent)
		}
	}
}
