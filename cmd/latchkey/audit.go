package main

import (
	"cmp"
	"context"
	"iter"
	"time"

	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
)

type auditCmd struct {
	Target   string `placeholder:"ID" help:"What is about one key, account, role or session."`
	Admin    bool   `help:"What anybody did, as an administrator; the flags below are for this."`
	Account  string `placeholder:"WHO" help:"What one account did or had done to it, by its handle or id."`
	Type     string `placeholder:"TYPE" help:"As access_key_revoked."`
	Incident string `placeholder:"ID" help:"What belongs to a revocation of many keys."`
	From     string `placeholder:"TIME" help:"As 30d, a date or a time."`
	To       string `placeholder:"TIME" help:"As 1d, a date, which counts as a whole, or a time."`
	Limit    int    `default:"100" placeholder:"N" help:"Most events. Default: ${default}."`
	remote
}

func (a auditCmd) run(ctx context.Context, d *desk) error {
	f := latchkey.AuditFilter{TargetID: a.Target, Type: latchkey.AuditEventType(a.Type), IncidentID: a.Incident}
	if !a.Admin && (cmp.Or(a.Account, a.Type, a.Incident, a.From, a.To) != "") {
		return failed(exitUsage, "--account, --type, --incident, --from and --to are for --admin")
	}
	var err error
	if f.From, err = since("from", a.From, time.Now()); err != nil {
		return err
	}
	if f.To, err = until("to", a.To, time.Now()); err != nil {
		return err
	}
	return a.session(ctx, d, func(v *visit) error {
		var events iter.Seq2[latchkey.AuditEvent, error]
		if a.Admin {
			if a.Account != "" {
				if f.AccountID, err = v.accountID(ctx, a.Account); err != nil {
					return err
				}
			}
			events = v.AdminAuditEventList(ctx, f)
		} else {
			events = v.AuditEventList(ctx, a.Target)
		}
		return list(v, listing[latchkey.AuditEvent]{"events", a.Limit, []string{"AT", "BY", "WHAT", "ABOUT", "FROM"}, eventRow}, events)
	})
}

func eventRow(e latchkey.AuditEvent) []string {
	return []string{when(e.CreatedAt), cmp.Or(text(e.Actor.Handle), string(e.Actor.Credential)), string(e.Type), string(e.Target.Kind) + " " + e.Target.ID, e.Actor.Address}
}
