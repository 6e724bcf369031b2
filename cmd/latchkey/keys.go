package main

import (
	"context"
	"strconv"
	"strings"
	"time"

	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
	"github.com/latchkey-dev/latchkey/sdk/go/api"
)

type keysCmd struct {
	Create     keysCreateCmd     `cmd:"" help:"Make a key. Its secret is shown once, on the terminal or in a file."`
	List       keysListCmd       `cmd:"" help:"List the own keys, or everybody's."`
	Get        keysGetCmd        `cmd:"" help:"Show one of the own keys."`
	Update     keysUpdateCmd     `cmd:"" help:"Change one of the own keys."`
	Regenerate keysRegenerateCmd `cmd:"" help:"Give one of the own keys a new secret."`
	EndOverlap keysEndOverlapCmd `cmd:"" help:"Make the old secret of a regenerated key useless, before its overlap ends."`
	Revoke     keysRevokeCmd     `cmd:"" help:"Revoke keys, for good."`
	RevokeAll  keysRevokeAllCmd  `cmd:"" help:"Revoke every own key, or everybody's, for good."`
	Usage      keysUsageCmd      `cmd:"" help:"Tell what a key was used for, or what all own keys were."`
	Explain    keysExplainCmd    `cmd:"" help:"Say what one of the own keys could do, and why. The exit code is 1 if it could not."`
}

type keysListCmd struct {
	Status         string `enum:"active,disabled,expired,revoking,revoked,any" default:"any" placeholder:"STATUS" help:"active, disabled, expired, revoking or revoked."`
	NoRevoked      bool   `name:"no-revoked" help:"Leave out what is revoked."`
	ExpiringBefore string `placeholder:"TIME" help:"Live keys that expire before, as 14d or 2031-01-31."`
	Search         string `placeholder:"TEXT" help:"In the name, the hint or the id; with --admin in the owner's handle, too."`
	Sort           string `enum:"created_at,expires_at,last_used_at,name" default:"created_at" help:"created_at, expires_at, last_used_at or name; without --admin."`
	Order          string `enum:"asc,desc" default:"desc" help:"asc or desc; without --admin."`
	Admin          bool   `help:"Everybody's keys, as an administrator."`
	Account        string `placeholder:"WHO" help:"Those of one account, by its handle or id; with --admin."`
	Limit          int    `default:"100" placeholder:"N" help:"Most keys. Default: ${default}."`
	remote
}

type keysGetCmd struct {
	ID string `arg:"" help:"Its id, as list shows it."`
	remote
}

type keysUsageCmd struct {
	ID     string `arg:"" optional:"" help:"The key. Default: all own keys in the account's window."`
	From   string `placeholder:"TIME" help:"As 30d, a date or a time."`
	To     string `placeholder:"TIME" help:"As 1d, a date, which counts as a whole, or a time."`
	Bucket string `enum:"day,hour" default:"day" help:"day or hour."`
	remote
}

// ask is what a key should be good for.
type ask struct {
	Request    string `placeholder:"\"METHOD PATH\"" help:"A request to your API, as \"GET /media/1\"."`
	Resource   string `placeholder:"NAME" help:"A resource of the catalogue, with --access."`
	Access     string `enum:"read,write,delete," default:"" placeholder:"LEVEL" help:"read, write or delete."`
	Permission string `placeholder:"NAME" help:"A permission."`
}

type keysExplainCmd struct {
	ID string `arg:"" help:"The key."`
	ask
	remote
}

func (a ask) wire() (latchkey.Ask, error) {
	out := latchkey.Ask{Resource: a.Resource, Access: a.Access, Permission: a.Permission}
	if a.Request == "" {
		return out, nil
	}
	var found bool
	if out.Method, out.Path, found = strings.Cut(a.Request, " "); !found {
		return out, failed(exitUsage, `--request must be a method and a path, as "GET /media/1"`)
	}
	return out, nil
}

func (k keysListCmd) run(ctx context.Context, d *desk) error {
	f := latchkey.AccessKeyFilter{Unrevoked: k.NoRevoked, Search: k.Search}
	if k.Status != "any" {
		f.Status = latchkey.AccessKeyStatus(k.Status)
	}
	var err error
	if k.ExpiringBefore != "" {
		if f.ExpiringBefore, err = moment("expiring-before", k.ExpiringBefore, time.Now(), 1); err != nil {
			return err
		}
	}
	if k.Account != "" && !k.Admin {
		return failed(exitUsage, "--account is for --admin: without it there are the own keys only")
	}
	head := []string{"ID", "NAME", "HINT", "STATUS", "EXPIRES", "LAST USED"}
	return k.session(ctx, d, func(v *visit) error {
		if !k.Admin {
			f.Sort, f.Order = api.AccessKeySort(k.Sort), api.SortOrder(k.Order)
			return list(v, listing[latchkey.AccessKey]{"keys", k.Limit, head, keyRow}, v.AccessKeyList(ctx, f))
		}
		if k.Account != "" {
			if f.AccountID, err = v.accountID(ctx, k.Account); err != nil {
				return err
			}
		}
		return list(v, listing[latchkey.OwnedAccessKey]{"keys", k.Limit, append(head, "OWNER"), ownedRow}, v.AdminAccessKeyList(ctx, f))
	})
}

func keyRow(k latchkey.AccessKey) []string {
	return []string{k.ID, k.Name, k.Hint, string(k.Status), whenever(k.ExpiresAt, "never"), whenever(k.LastUsedAt, "never")}
}

func ownedRow(k latchkey.OwnedAccessKey) []string {
	return []string{k.ID, k.Name, k.Hint, string(k.Status), whenever(k.ExpiresAt, "never"), whenever(k.LastUsedAt, "never"), k.CreatedBy.Handle}
}

func keyFacts(k latchkey.AccessKey) []fact {
	facts := []fact{{"id", k.ID}, {"name", k.Name}, {"hint", k.Hint}, {"status", string(k.Status)}, {"version", strconv.FormatInt(k.Version, 10)},
		{"made", when(k.CreatedAt)}, {"expires", whenever(k.ExpiresAt, "never")}, {"last used", whenever(k.LastUsedAt, "never")}, {"from", text(k.LastUsedIP)}}
	may := "whatever its owner may"
	if k.Permissions != nil {
		may = words(k.Permissions)
	}
	facts = append(facts, fact{"may", may})
	if l := k.Limits; l != nil {
		facts = append(facts, fact{"queries", number(l.Query, "")}, fact{"mutations", number(l.Mutation, "")}, fact{"credits", number(l.Credits, "")})
	}
	return append(facts, fact{"old secret until", whenever(k.PreviousExpiresAt, "")}, fact{"revoked", whenever(k.DeletedAt, "")},
		fact{"because", text(k.RevokedBecause)}, fact{"incident", text(k.IncidentID)})
}

func (k keysGetCmd) run(ctx context.Context, d *desk) error {
	return k.session(ctx, d, func(v *visit) error {
		got, err := v.AccessKeyGet(ctx, k.ID)
		if err != nil {
			return err
		}
		return v.show(func() { v.facts(keyFacts(got)) })
	})
}

func (k keysUsageCmd) run(ctx context.Context, d *desk) error {
	from, err := since("from", k.From, time.Now())
	if err != nil {
		return err
	}
	to, err := until("to", k.To, time.Now())
	if err != nil {
		return err
	}
	return k.session(ctx, d, func(v *visit) error {
		if k.ID == "" {
			got, err := v.AccountUsage(ctx)
			if err != nil {
				return err
			}
			return v.show(func() { v.accountUsage(got) })
		}
		got, err := v.AccessKeyUsage(ctx, k.ID, latchkey.UsageSpan{From: from, To: to, Bucket: api.UsageBucket(k.Bucket)})
		if err != nil {
			return err
		}
		return v.show(func() { v.keyUsage(got) })
	})
}

func (v *visit) keyUsage(u latchkey.AccessKeyUsage) {
	rows := [][]string{}
	for _, p := range u.Data {
		if c := (api.UsageCounts{Query: p.Query, Mutation: p.Mutation, Credits: p.Credits, Denied: p.Denied}); c != (api.UsageCounts{}) {
			rows = append(rows, counts(when(p.Start), c))
		}
	}
	rows = append(rows, counts("together", u.Totals), counts("ever", u.Lifetime))
	v.table([]string{"FROM", "QUERIES", "MUTATIONS", "CREDITS"}, rows)
}

func counts(name string, c api.UsageCounts) []string {
	return []string{name, strconv.FormatInt(c.Query, 10), strconv.FormatInt(c.Mutation, 10), strconv.FormatInt(c.Credits, 10)}
}

func (v *visit) accountUsage(u latchkey.AccountUsage) {
	quota := func(q api.QuotaUse) string {
		return strconv.FormatInt(q.Used, 10) + " of " + number(q.Limit, "any number")
	}
	v.facts([]fact{{"queries", quota(u.Query)}, {"mutations", quota(u.Mutation)}, {"credits used", strconv.FormatInt(u.Credits.Used, 10)},
		{"credits left", strconv.FormatInt(u.Credits.Balance, 10)}, {"window", string(u.Window.Unit)}, {"since", when(u.Window.Start)}, {"until", whenever(u.Window.End, "")}})
	if len(u.Keys) == 0 {
		return
	}
	rows := make([][]string, len(u.Keys))
	for i, k := range u.Keys {
		rows[i] = append(counts(k.ID, api.UsageCounts{Query: k.Query, Mutation: k.Mutation, Credits: k.Credits}), k.Name)
	}
	v.table([]string{"KEY", "QUERIES", "MUTATIONS", "CREDITS", "NAME"}, rows)
}

func (k keysExplainCmd) run(ctx context.Context, d *desk) error {
	in, err := k.wire()
	if err != nil {
		return err
	}
	return k.session(ctx, d, func(v *visit) error {
		e, err := v.AccessKeyExplain(ctx, k.ID, in)
		if err != nil {
			return err
		}
		err = v.show(func() {
			v.facts([]fact{{"allowed", yesNo(e.Allowed)}, {"code", string(e.Code)}, {"because", e.Reason}, {"takes", text(e.Required)}, {"has", text(e.Matched)},
				{"denied by", text(e.DeniedBy)}, {"route", text(e.Route)}, {"resource", text(e.Resource)}, {"credits", number(e.Credits, "")}})
		})
		if err == nil && !e.Allowed {
			return failed(exitFailure, "the key could not do this: %s", e.Code)
		}
		return err
	})
}
