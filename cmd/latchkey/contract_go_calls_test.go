package main_test

import (
	"context"
	"errors"
	"time"

	"github.com/latchkey-dev/latchkey/internal/conformance"
	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
	"github.com/latchkey-dev/latchkey/sdk/go/api"
)

type (
	ctxt    = context.Context
	client  = *latchkey.Client
	request = conformance.Request
)

// goCalls has every operation that the Go client has a method for.
var goCalls = map[string]goCall{
	"SetupComplete": {takes: &latchkey.SetupInput{}, do: func(ctx ctxt, c client, in request) (any, error) {
		return gave(c.SetupComplete(ctx, body[latchkey.SetupInput](in)))
	}},
	"InstanceGet":        {do: func(ctx ctxt, c client, _ request) (any, error) { return gave(c.InstanceGet(ctx)) }},
	"AuthPasswordSignup": {takes: &api.AuthPair{}, do: signing(client.AuthPasswordSignup)},
	"AuthPasswordSignin": {takes: &api.AuthPair{}, do: signing(client.AuthPasswordSignin)},
	"AuthPasswordUpdate": {takes: &api.PasswordUpdate{}, do: func(ctx ctxt, c client, in request) (any, error) {
		p := body[api.PasswordUpdate](in)
		return nil, c.AuthPasswordUpdate(ctx, p.Old, p.New)
	}},
	"AuthLogout": {do: func(ctx ctxt, c client, _ request) (any, error) { return nil, c.AuthLogout(ctx) }},
	"SessionList": {do: func(ctx ctxt, c client, _ request) (any, error) {
		all, err := c.SessionList(ctx)
		return named("sessions", all, err)
	}},
	"SessionDelete": {do: func(ctx ctxt, c client, in request) (any, error) {
		return nil, c.SessionDelete(ctx, in.Path["session_id"])
	}},

	"AccountGet": {do: func(ctx ctxt, c client, _ request) (any, error) { return gave(c.AccountGet(ctx)) }},
	"AccountCreate": {takes: &latchkey.AccountInput{}, do: func(ctx ctxt, c client, in request) (any, error) {
		return gave(c.AccountCreate(ctx, body[latchkey.AccountInput](in)))
	}},
	"AccountList": {query: []string{"search"}, do: func(ctx ctxt, c client, in request) (any, error) {
		return listOf("accounts", c.AccountList(ctx, in.Query["search"]))
	}},
	"AdminAccountGet": {do: onAccount(client.AdminAccountGet)},
	"AccountPasswordReset": {takes: &api.PasswordReset{}, do: func(ctx ctxt, c client, in request) (any, error) {
		return gave(c.AccountPasswordReset(ctx, in.Path["account_id"], body[api.PasswordReset](in).Token))
	}},
	"AccountSuspend": {do: onAccount(client.AccountSuspend)},
	"AccountRestore": {do: onAccount(client.AccountRestore)},
	"AccountAddRole": {do: func(ctx ctxt, c client, in request) (any, error) {
		return gave(c.AccountAddRole(ctx, in.Path["handle"], in.Path["role_id"]))
	}},
	"AccountRemoveRole": {do: func(ctx ctxt, c client, in request) (any, error) {
		return gave(c.AccountRemoveRole(ctx, in.Path["handle"], in.Path["role_id"]))
	}},

	"RoleList": {do: func(ctx ctxt, c client, _ request) (any, error) {
		all, err := c.RoleList(ctx)
		return named("roles", all, err)
	}},
	"RoleCreate": {takes: &latchkey.RoleInput{}, do: func(ctx ctxt, c client, in request) (any, error) {
		return gave(c.RoleCreate(ctx, body[latchkey.RoleInput](in)))
	}},
	"RoleGet": {do: func(ctx ctxt, c client, in request) (any, error) { return gave(c.RoleGet(ctx, in.Path["role_id"])) }},
	"RoleUpdate": {takes: &latchkey.RoleUpdate{}, do: func(ctx ctxt, c client, in request) (any, error) {
		return gave(c.RoleUpdate(ctx, in.Path["role_id"], body[latchkey.RoleUpdate](in)))
	}},
	"RoleDelete": {do: func(ctx ctxt, c client, in request) (any, error) { return nil, c.RoleDelete(ctx, in.Path["role_id"]) }},

	"AccessKeyCreate": {takes: &latchkey.AccessKeyInput{}, do: func(ctx ctxt, c client, in request) (any, error) {
		return gave(c.AccessKeyCreate(ctx, body[latchkey.AccessKeyInput](in)))
	}},
	"AccessKeyList": {query: []string{"status", "revoked", "expiring_before", "search", "sort", "order"}, do: func(ctx ctxt, c client, in request) (any, error) {
		return listOf("keys", c.AccessKeyList(ctx, keyFilter(in)))
	}},
	"AccessKeyGet": {do: onKey(client.AccessKeyGet)},
	"AccessKeyUpdate": {takes: &latchkey.AccessKeyUpdate{}, do: func(ctx ctxt, c client, in request) (any, error) {
		return gave(c.AccessKeyUpdate(ctx, in.Path["access_key_id"], versionOf(in.Header["If-Match"]), body[latchkey.AccessKeyUpdate](in)))
	}},
	"AccessKeyDelete": {do: onKey(client.AccessKeyDelete)},
	"AccessKeyRegenerate": {takes: &api.AccessKeyRegenerateInput{}, do: func(ctx ctxt, c client, in request) (any, error) {
		overlap := time.Duration(orNone(body[api.AccessKeyRegenerateInput](in).OverlapSeconds)) * time.Second
		return gave(c.AccessKeyRegenerate(ctx, in.Path["access_key_id"], versionOf(in.Header["If-Match"]), overlap))
	}},
	"AccessKeyPreviousSecretDelete": {do: onKey(client.AccessKeyPreviousSecretDelete)},
	"AccessKeyExplain": {takes: &api.AccessKeyExplainInput{}, do: func(ctx ctxt, c client, in request) (any, error) {
		b := body[api.AccessKeyExplainInput](in)
		return gave(c.AccessKeyExplain(ctx, in.Path["access_key_id"], askOf(b.Request, b.Resource, b.Access, b.Permission)))
	}},
	"AccessKeyUsage": {query: []string{"from", "to", "bucket"}, do: func(ctx ctxt, c client, in request) (any, error) {
		return gave(c.AccessKeyUsage(ctx, in.Path["access_key_id"], latchkey.UsageSpan{From: momentOf(in.Query["from"]), To: momentOf(in.Query["to"]), Bucket: api.UsageBucket(in.Query["bucket"])}))
	}},
	"AccessKeyRevokeAll": {takes: &api.RevokeAllInput{}, do: func(ctx ctxt, c client, in request) (any, error) {
		return gave(c.AccessKeyRevokeAll(ctx, orNone(body[api.RevokeAllInput](in).Reason)))
	}},
	"AccessKeySelfGet":    {do: func(ctx ctxt, c client, _ request) (any, error) { return gave(c.AccessKeySelfGet(ctx)) }},
	"AccessKeySelfRevoke": {do: func(ctx ctxt, c client, _ request) (any, error) { return gave(c.AccessKeySelfRevoke(ctx)) }},
	"AccessKeyReport": {takes: &api.AccessKeyReportInput{}, do: func(ctx ctxt, c client, in request) (any, error) {
		var keys []latchkey.Key
		for _, raw := range body[api.AccessKeyReportInput](in).Keys {
			keys = append(keys, latchkey.NewKey(raw))
		}
		return nil, c.AccessKeyReport(ctx, orNone(body[api.AccessKeyReportInput](in).Source), keys...)
	}},
	"AccessKeyVerify": {takes: &api.AccessKeyVerifyInput{}, do: func(ctx ctxt, c client, in request) (any, error) {
		return gave(c.AccessKeyVerify(ctx, verifyInput(body[api.AccessKeyVerifyInput](in))))
	}},
	"AccessKeyVerifyBatch": {takes: &api.AccessKeyVerifyBatchInput{}, do: func(ctx ctxt, c client, in request) (any, error) {
		var questions []latchkey.VerifyInput
		for _, q := range body[api.AccessKeyVerifyBatchInput](in).Questions {
			questions = append(questions, verifyInput(q))
		}
		answers, err := c.AccessKeyVerifyBatch(ctx, questions)
		var all []map[string]any
		for _, a := range answers {
			if refused, ok := errors.AsType[*latchkey.Error](a.Err); ok {
				all = append(all, map[string]any{"problem": wordsOf(refused)})
				continue
			}
			all = append(all, map[string]any{"result": a.Result})
		}
		return named("answers", all, err)
	}},
	"TokenIntrospect": {takes: &struct {
		Token string `json:"token"`
	}{}, do: func(ctx ctxt, c client, in request) (any, error) {
		return gave(c.TokenIntrospect(ctx, latchkey.NewKey(body[struct{ Token string }](in).Token)))
	}},

	"AdminAccessKeyList": {query: []string{"status", "revoked", "expiring_before", "search", "account"}, do: func(ctx ctxt, c client, in request) (any, error) {
		return listOf("keys", c.AdminAccessKeyList(ctx, keyFilter(in)))
	}},
	"AdminAccessKeyDelete": {do: onKey(client.AdminAccessKeyDelete)},
	"AdminAccessKeyRevokeAll": {takes: &api.AdminRevokeAllInput{}, do: func(ctx ctxt, c client, in request) (any, error) {
		b := body[api.AdminRevokeAllInput](in)
		return gave(c.AdminAccessKeyRevokeAll(ctx, latchkey.RevokeAllInput{AccountID: orNone(b.Account), CreatedBefore: orNone(b.CreatedBefore), Reason: b.Reason}))
	}},

	"PermissionCatalogueGet": {do: func(ctx ctxt, c client, _ request) (any, error) { return gave(c.PermissionCatalogueGet(ctx)) }},
	"PermissionCatalogueUpdate": {takes: &latchkey.PermissionCatalogueInput{}, do: func(ctx ctxt, c client, in request) (any, error) {
		return gave(c.PermissionCatalogueUpdate(ctx, versionOf(in.Header["If-Match"]), body[latchkey.PermissionCatalogueInput](in)))
	}},

	"AccountUsage":      {do: func(ctx ctxt, c client, _ request) (any, error) { return gave(c.AccountUsage(ctx)) }},
	"AccountUsageDaily": {do: func(ctx ctxt, c client, _ request) (any, error) { return gave(c.AccountUsageDaily(ctx)) }},
	"AdminAccountUsage": {do: onAccount(client.AdminAccountUsage)},
	"AccountLimitsUpdate": {takes: &latchkey.AccountLimitsUpdate{}, do: func(ctx ctxt, c client, in request) (any, error) {
		return gave(c.AccountLimitsUpdate(ctx, in.Path["account_id"], body[latchkey.AccountLimitsUpdate](in)))
	}},
	"AccountCreditsAdd": {takes: &latchkey.CreditInput{}, do: func(ctx ctxt, c client, in request) (any, error) {
		return gave(c.AccountCreditsAdd(ctx, in.Path["account_id"], body[latchkey.CreditInput](in)))
	}},
	"AccountCreditsList": {lacks: []string{"balance", "used"}, do: func(ctx ctxt, c client, _ request) (any, error) { return listOf("entries", c.AccountCreditsList(ctx)) }},
	"AdminAccountCreditsList": {lacks: []string{"balance", "used"}, do: func(ctx ctxt, c client, in request) (any, error) {
		return listOf("entries", c.AdminAccountCreditsList(ctx, in.Path["account_id"]))
	}},

	"AuditEventList": {query: []string{"target"}, do: func(ctx ctxt, c client, in request) (any, error) {
		return listOf("events", c.AuditEventList(ctx, in.Query["target"]))
	}},
	"AdminAuditEventList": {query: []string{"target", "from", "to", "account", "type", "incident"}, do: func(ctx ctxt, c client, in request) (any, error) {
		q := in.Query
		return listOf("events", c.AdminAuditEventList(ctx, latchkey.AuditFilter{AccountID: q["account"], TargetID: q["target"], Type: latchkey.AuditEventType(q["type"]),
			IncidentID: q["incident"], From: momentOf(q["from"]), To: momentOf(q["to"])}))
	}},
	"InstanceHealthGet": {do: func(ctx ctxt, c client, _ request) (any, error) { return gave(c.InstanceHealthGet(ctx)) }},
	"Readyz":            {do: func(ctx ctxt, c client, _ request) (any, error) { return nil, c.Readyz(ctx) }},
}

func signing(sign func(client, ctxt, string, string) (string, error)) func(ctxt, client, request) (any, error) {
	return func(ctx ctxt, c client, in request) (any, error) {
		p := body[api.AuthPair](in)
		id, err := sign(c, ctx, p.Identifier, p.Token)
		return named("id", id, err)
	}
}

func onKey[T any](call func(client, ctxt, string) (T, error)) func(ctxt, client, request) (any, error) {
	return func(ctx ctxt, c client, in request) (any, error) { return gave(call(c, ctx, in.Path["access_key_id"])) }
}

func onAccount[T any](call func(client, ctxt, string) (T, error)) func(ctxt, client, request) (any, error) {
	return func(ctx ctxt, c client, in request) (any, error) { return gave(call(c, ctx, in.Path["account_id"])) }
}
