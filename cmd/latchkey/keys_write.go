package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/oapi-codegen/nullable"

	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
	"github.com/latchkey-dev/latchkey/sdk/go/api"
)

// keyFlags are what a key is made with, and what can be changed.
type keyFlags struct {
	Expires       string   `placeholder:"TIME" help:"From now as 12h, 90d or 8w; a date as 2031-01-31, the end of that day here; a time; or never."`
	Permission    []string `short:"p" placeholder:"NAME" help:"What it may do at the most, as media:read; again for more. Default: whatever its owner may."`
	LimitQuery    string   `placeholder:"N" help:"Most queries in a window, or none for no limit."`
	LimitMutation string   `placeholder:"N" help:"Most mutations in a window, or none."`
	LimitCredits  string   `placeholder:"N" help:"Most credits in a window, or none."`
}

type keysCreateCmd struct {
	Name string `arg:"" help:"What it is for."`
	keyFlags
	secretFlags
	remote
}

type keysUpdateCmd struct {
	ID      string `arg:"" help:"The key."`
	Name    string `placeholder:"NAME" help:"Its new name."`
	Enable  bool   `xor:"enabled" help:"Let it work again."`
	Disable bool   `xor:"enabled" help:"Let it rest."`
	keyFlags
	AllPermissions bool  `name:"all-permissions" help:"Whatever its owner may, without a list of its own."`
	Version        int64 `name:"if-version" placeholder:"N" help:"Only this version, as get shows it. Default: any."`
	remote
}

type keysRegenerateCmd struct {
	ID      string        `arg:"" help:"The key."`
	Overlap time.Duration `placeholder:"TIME" help:"How long the old secret lives on, as 24h; at most seven days. Default: not at all."`
	Version int64         `name:"if-version" placeholder:"N" help:"Only this version, as get shows it. Default: any."`
	Yes     bool          `short:"y" help:"Do not ask."`
	secretFlags
	remote
}

type keysEndOverlapCmd struct {
	ID  string `arg:"" help:"The key."`
	Yes bool   `short:"y" help:"Do not ask."`
	remote
}

type keysRevokeCmd struct {
	IDs   []string `arg:"" name:"id" help:"The keys."`
	Admin bool     `help:"Anybody's, as an administrator."`
	Yes   bool     `short:"y" help:"Do not ask."`
	remote
}

type keysRevokeAllCmd struct {
	Reason        string `placeholder:"TEXT" help:"For the audit log; needed with --admin."`
	Admin         bool   `help:"Everybody's keys, as an administrator."`
	Account       string `placeholder:"WHO" help:"Those of one account, by its handle or id; with --admin."`
	CreatedBefore string `placeholder:"TIME" help:"Those made before, as 7d, a date or a time; with --admin."`
	Yes           bool   `short:"y" help:"Do not ask."`
	remote
}

func (k keyFlags) permissions() nullable.Nullable[[]string] {
	if k.Permission == nil {
		return nil
	}
	return latchkey.Only(k.Permission...)
}

// limit changes those of the limits that flags name, and says whether there are any.
func (k keyFlags) limit(l *api.AccessKeyLimits) (bool, error) {
	named := false
	for _, f := range []struct {
		flag, typed string
		to          **int64
	}{{"limit-query", k.LimitQuery, &l.Query}, {"limit-mutation", k.LimitMutation, &l.Mutation}, {"limit-credits", k.LimitCredits, &l.Credits}} {
		if f.typed == "" {
			continue
		}
		n, err := most(f.flag, f.typed)
		if err != nil {
			return false, err
		}
		named, *f.to = true, n
	}
	return named, nil
}

func (k keysCreateCmd) run(ctx context.Context, d *desk) error {
	expires, err := expiry(k.Expires, time.Now())
	if err != nil {
		return err
	}
	in := latchkey.AccessKeyInput{Name: k.Name, ExpiresAt: expires, Permissions: k.permissions()}
	var limits api.AccessKeyLimits
	if named, err := k.limit(&limits); err != nil {
		return err
	} else if named {
		in.Limits = latchkey.Limited(limits)
	}
	to, err := k.prepare(d)
	if err != nil {
		return err
	}
	defer to.close()
	return k.session(ctx, d, func(v *visit) error {
		issued, err := v.AccessKeyCreate(ctx, in)
		if err != nil {
			return err
		}
		return to.hand(v, issued.AccessKey, issued.Secret)
	})
}

func (k keysRegenerateCmd) run(ctx context.Context, d *desk) error {
	to, err := k.prepare(d)
	if err != nil {
		return err
	}
	defer to.close()
	if k.Overlap == 0 {
		if err := d.agree(ctx, k.Yes, "make the old secret of "+k.ID+" useless at once"); err != nil {
			return err
		}
	}
	return k.session(ctx, d, func(v *visit) error {
		issued, err := v.AccessKeyRegenerate(ctx, k.ID, k.Version, k.Overlap)
		if err != nil {
			return err
		}
		return to.hand(v, issued.AccessKey, issued.Secret)
	})
}

func (k keysEndOverlapCmd) run(ctx context.Context, d *desk) error {
	if err := d.agree(ctx, k.Yes, "make the old secret of "+k.ID+" useless at once"); err != nil {
		return err
	}
	return k.session(ctx, d, func(v *visit) error {
		if _, err := v.AccessKeyPreviousSecretDelete(ctx, k.ID); err != nil || v.json {
			return err
		}
		fmt.Fprintf(v.out, "ended the overlap of %s\n", k.ID)
		return nil
	})
}

func (k keysUpdateCmd) run(ctx context.Context, d *desk) error {
	if k.AllPermissions && k.Permission != nil {
		return failed(exitUsage, "--all-permissions and --permission cannot be used together")
	}
	expires, err := expiry(k.Expires, time.Now())
	if err != nil {
		return err
	}
	in := latchkey.AccessKeyUpdate{ExpiresAt: expires, Permissions: k.permissions()}
	if k.AllPermissions {
		in.Permissions = latchkey.Everything()
	}
	if k.Name != "" {
		in.Name = &k.Name
	}
	if k.Enable || k.Disable {
		in.Enabled = new(k.Enable)
	}
	var some api.AccessKeyLimits
	limited, err := k.limit(&some)
	if err != nil {
		return err
	}
	if in.Name == nil && in.Enabled == nil && in.ExpiresAt == nil && in.Permissions == nil && !limited {
		return failed(exitUsage, "say what to change: see latchkey keys update --help")
	}
	return k.session(ctx, d, func(v *visit) error {
		if limited {
			if err := k.mergeLimits(ctx, v, &in); err != nil {
				return err
			}
		}
		got, err := v.AccessKeyUpdate(ctx, k.ID, k.Version, in)
		if err != nil {
			return err
		}
		return v.show(func() { v.facts(keyFacts(got)) })
	})
}

// mergeLimits keeps the limits that no flag names, since the API replaces them together.
func (k *keysUpdateCmd) mergeLimits(ctx context.Context, v *visit, in *latchkey.AccessKeyUpdate) error {
	now, err := v.AccessKeyGet(ctx, k.ID)
	if err != nil {
		return err
	}
	var limits api.AccessKeyLimits
	if now.Limits != nil {
		limits = *now.Limits
	}
	if k.Version == 0 {
		k.Version = now.Version
	}
	if _, err := k.limit(&limits); err != nil {
		return err
	}
	in.Limits = latchkey.NoLimits()
	if limits != (api.AccessKeyLimits{}) {
		in.Limits = latchkey.Limited(limits)
	}
	return nil
}

func (k keysRevokeCmd) run(ctx context.Context, d *desk) error {
	if err := d.agree(ctx, k.Yes, "revoke "+strings.Join(k.IDs, ", ")+" for good"); err != nil {
		return err
	}
	return k.session(ctx, d, func(v *visit) error {
		revoke := v.AccessKeyDelete
		if k.Admin {
			revoke = v.AdminAccessKeyDelete
		}
		for _, id := range k.IDs {
			if _, err := revoke(ctx, id); err != nil {
				return err
			}
			if !v.json {
				fmt.Fprintf(v.out, "revoked %s\n", id)
			}
		}
		return nil
	})
}

func (k keysRevokeAllCmd) run(ctx context.Context, d *desk) error {
	before, err := since("created-before", k.CreatedBefore, time.Now())
	if err != nil {
		return err
	}
	if !k.Admin && (k.Account != "" || k.CreatedBefore != "") {
		return failed(exitUsage, "--account and --created-before are for --admin: without it all own keys are revoked")
	}
	if k.Admin && k.Reason == "" {
		return failed(exitUsage, "give the reason with --reason: the audit log tells it to those whose keys are revoked")
	}
	if err := d.agree(ctx, k.Yes, "revoke "+k.what()+" for good"); err != nil {
		return err
	}
	return k.session(ctx, d, func(v *visit) error {
		i, err := k.revoke(ctx, v, before)
		if err != nil {
			return err
		}
		return v.show(func() { fmt.Fprintf(v.out, "revoked: %d, incident %s\n", i.Revoked, i.ID) })
	})
}

func (k keysRevokeAllCmd) what() string {
	what := "all your keys"
	if k.Admin {
		what = "everybody's keys"
	}
	if k.Account != "" {
		what = "all keys of " + k.Account
	}
	if k.CreatedBefore != "" {
		what += " made before " + k.CreatedBefore
	}
	return what
}

func (k keysRevokeAllCmd) revoke(ctx context.Context, v *visit, before time.Time) (latchkey.Incident, error) {
	if !k.Admin {
		return v.AccessKeyRevokeAll(ctx, k.Reason)
	}
	in := latchkey.RevokeAllInput{CreatedBefore: before, Reason: k.Reason}
	if k.Account != "" {
		id, err := v.accountID(ctx, k.Account)
		if err != nil {
			return latchkey.Incident{}, err
		}
		in.AccountID = id
	}
	return v.AdminAccessKeyRevokeAll(ctx, in)
}
