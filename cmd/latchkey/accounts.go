package main

import (
	"context"
	"crypto/rand"
	"regexp"
	"strconv"
	"strings"

	"github.com/oapi-codegen/nullable"

	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
	"github.com/latchkey-dev/latchkey/sdk/go/api"
)

type accountsCmd struct {
	List     accountsListCmd     `cmd:"" help:"List accounts."`
	Get      accountsGetCmd      `cmd:"" help:"Show an account."`
	Create   accountsCreateCmd   `cmd:"" help:"Make an account. Its first password is asked for, or is a line of standard input."`
	Password accountsPasswordCmd `cmd:"" help:"Set a new password for somebody who has lost theirs. It is asked for, or is a line of standard input."`
	Suspend  accountsSuspendCmd  `cmd:"" help:"Stop an account: its sessions end, and its keys open nothing."`
	Restore  accountsRestoreCmd  `cmd:"" help:"End a suspension."`
	Limits   accountsLimitsCmd   `cmd:"" help:"Change what the keys of an account may use together, or show what they have used."`
	Credits  accountsCreditsCmd  `cmd:"" help:"Give or take credits, or show the ledger."`
}

// who is an account of somebody.
type who struct {
	Who string `arg:"" help:"Its handle or id."`
}

type accountsListCmd struct {
	Search string `placeholder:"TEXT" help:"In the handle or the name."`
	Limit  int    `default:"100" placeholder:"N" help:"Most accounts. Default: ${default}."`
	remote
}

type accountsGetCmd struct {
	who
	remote
}

type accountsCreateCmd struct {
	Handle string `arg:"" help:"What it signs in with."`
	Name   string `placeholder:"NAME" help:"What people see. Default: the handle."`
	remote
}

type accountsPasswordCmd struct {
	who
	remote
}

type accountsSuspendCmd struct {
	who
	Yes bool `short:"y" help:"Do not ask."`
	remote
}

type accountsRestoreCmd struct {
	who
	remote
}

type accountsLimitsCmd struct {
	who
	Query    string `placeholder:"N" help:"Most queries in a window, or none for no limit."`
	Mutation string `placeholder:"N" help:"Most mutations in a window, or none."`
	Window   string `enum:"month,day,life," default:"" placeholder:"UNIT" help:"month, day or life."`
	remote
}

type accountsCreditsCmd struct {
	who
	Grant  *int64 `xor:"credits" placeholder:"N" help:"Add as many."`
	Refund *int64 `xor:"credits" placeholder:"N" help:"Add as many, that were taken wrongly."`
	Debit  *int64 `xor:"credits" placeholder:"N" help:"Take as many."`
	Adjust *int64 `xor:"credits" placeholder:"N" help:"Add as many, or take them: --adjust=-5."`
	Once   string `name:"idempotency-key" placeholder:"TEXT" help:"Done again with the same text, it changes nothing. Default: by chance."`
	Limit  int    `default:"100" placeholder:"N" help:"Most lines of the ledger. Default: ${default}."`
	remote
}

var idShape = regexp.MustCompile(`^[0-9a-v]{20}$`)

// accountID takes the id of an account, or finds it by its handle.
func (v *visit) accountID(ctx context.Context, who string) (string, error) {
	if idShape.MatchString(who) {
		return who, nil
	}
	for a, err := range v.AccountList(ctx, who) {
		if err != nil {
			return "", err
		}
		if a.Handle == who {
			return a.ID, nil
		}
	}
	return "", failed(exitNotFound, "there is no account %s: see latchkey accounts list", printable(who))
}

// account does something with an account, and shows what has become of it.
func (w who) account(ctx context.Context, v *visit, do func(context.Context, string) (latchkey.Account, error)) error {
	id, err := v.accountID(ctx, w.Who)
	if err != nil {
		return err
	}
	a, err := do(ctx, id)
	if err != nil {
		return err
	}
	return v.show(func() { v.facts(accountFacts(a)) })
}

func accountFacts(a latchkey.Account) []fact {
	return []fact{{"id", a.ID}, {"handle", a.Handle}, {"name", a.Name}, {"joined", when(a.Joined)}, {"roles", roleNames(a)}, {"may", words(a.Permissions)},
		{"suspended", whenever(a.Suspended, "")}}
}

func roleNames(a latchkey.Account) string {
	names := make([]string, len(a.Roles))
	for i, r := range a.Roles {
		names[i] = r.Name
	}
	return strings.Join(names, ", ")
}

func (a accountsListCmd) run(ctx context.Context, d *desk) error {
	return a.session(ctx, d, func(v *visit) error {
		return list(v, listing[latchkey.Account]{"accounts", a.Limit, []string{"ID", "HANDLE", "NAME", "JOINED", "SUSPENDED", "ROLES"}, accountRow}, v.AccountList(ctx, a.Search))
	})
}

func accountRow(a latchkey.Account) []string {
	return []string{a.ID, a.Handle, a.Name, when(a.Joined), whenever(a.Suspended, "no"), roleNames(a)}
}

func (a accountsGetCmd) run(ctx context.Context, d *desk) error {
	return a.session(ctx, d, func(v *visit) error { return a.account(ctx, v, v.AdminAccountGet) })
}

func (a accountsCreateCmd) run(ctx context.Context, d *desk) error {
	return a.session(ctx, d, func(v *visit) error {
		password, err := d.hidden(ctx, "password", "First password of "+a.Handle+": ")
		if err != nil {
			return err
		}
		in := latchkey.AccountInput{Identifier: a.Handle, Token: password}
		if a.Name != "" {
			in.Name = &a.Name
		}
		made, err := v.AccountCreate(ctx, in)
		if err != nil {
			return err
		}
		return v.show(func() { v.facts(accountFacts(made)) })
	})
}

func (a accountsPasswordCmd) run(ctx context.Context, d *desk) error {
	return a.session(ctx, d, func(v *visit) error {
		return a.account(ctx, v, func(ctx context.Context, id string) (latchkey.Account, error) {
			password, err := d.hidden(ctx, "password", "New password of "+a.Who+": ")
			if err != nil {
				return latchkey.Account{}, err
			}
			return v.AccountPasswordReset(ctx, id, password)
		})
	})
}

func (a accountsSuspendCmd) run(ctx context.Context, d *desk) error {
	if err := d.agree(ctx, a.Yes, "stop the account "+a.Who+" and all its keys"); err != nil {
		return err
	}
	return a.session(ctx, d, func(v *visit) error { return a.account(ctx, v, v.AccountSuspend) })
}

func (a accountsRestoreCmd) run(ctx context.Context, d *desk) error {
	return a.session(ctx, d, func(v *visit) error { return a.account(ctx, v, v.AccountRestore) })
}

func (a accountsLimitsCmd) run(ctx context.Context, d *desk) error {
	in := latchkey.AccountLimitsUpdate{}
	for _, f := range []struct {
		flag, typed string
		to          *nullable.Nullable[int64]
	}{{"query", a.Query, &in.Query}, {"mutation", a.Mutation, &in.Mutation}} {
		if f.typed == "" {
			continue
		}
		n, err := most(f.flag, f.typed)
		if err != nil {
			return err
		}
		if *f.to = latchkey.Unlimited(); n != nil {
			*f.to = latchkey.LimitTo(*n)
		}
	}
	if a.Window != "" {
		in.Window = new(api.UsageWindowUnit(a.Window))
	}
	return a.session(ctx, d, func(v *visit) error {
		id, err := v.accountID(ctx, a.Who)
		if err != nil {
			return err
		}
		if in.Query == nil && in.Mutation == nil && in.Window == nil {
			used, err := v.AdminAccountUsage(ctx, id)
			if err != nil {
				return err
			}
			return v.show(func() { v.accountUsage(used) })
		}
		l, err := v.AccountLimitsUpdate(ctx, id, in)
		if err != nil {
			return err
		}
		return v.show(func() {
			v.facts([]fact{{"queries", number(l.Query, "any number")}, {"mutations", number(l.Mutation, "any number")}, {"window", string(l.Window)}})
		})
	})
}

// entry is the change that a flag names, if one does; else its Type is empty.
func (a accountsCreditsCmd) entry() (latchkey.CreditInput, error) {
	in := latchkey.CreditInput{IdempotencyKey: a.Once}
	if in.IdempotencyKey == "" {
		in.IdempotencyKey = rand.Text()
	}
	for kind, amount := range map[api.CreditInputType]*int64{api.CreditInputTypeGrant: a.Grant, api.CreditInputTypeRefund: a.Refund,
		api.CreditInputTypeDebit: a.Debit, api.CreditInputTypeAdjust: a.Adjust} {
		if amount == nil {
			continue
		}
		if *amount == 0 {
			return in, failed(exitUsage, "--%s 0 changes nothing: name a number of credits, or leave the flag out to see the ledger", kind)
		}
		in.Type, in.Amount = kind, *amount
	}
	return in, nil
}

func (a accountsCreditsCmd) run(ctx context.Context, d *desk) error {
	in, err := a.entry()
	if err != nil {
		return err
	}
	return a.session(ctx, d, func(v *visit) error {
		id, err := v.accountID(ctx, a.Who)
		if err != nil {
			return err
		}
		if in.Type == "" {
			head := []string{"AT", "TYPE", "AMOUNT", "BALANCE", "KEY"}
			return list(v, listing[latchkey.CreditEntry]{"entries", a.Limit, head, creditRow}, v.AdminAccountCreditsList(ctx, id))
		}
		got, err := v.AccountCreditsAdd(ctx, id, in)
		if err != nil {
			return err
		}
		return v.show(func() {
			v.facts([]fact{{"balance", strconv.FormatInt(got.Balance, 10)}, {"changed by", strconv.FormatInt(got.Entry.Amount, 10)}, {"idempotency key", text(got.Entry.IdempotencyKey)}})
		})
	})
}

func creditRow(e latchkey.CreditEntry) []string {
	return []string{when(e.CreatedAt), string(e.Type), strconv.FormatInt(e.Amount, 10), strconv.FormatInt(e.Balance, 10), text(e.AccessKeyID)}
}
