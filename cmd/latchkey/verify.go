package main

import (
	"context"
	"net/netip"
	"strconv"

	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
)

type verifyCmd struct {
	Key string `arg:"" optional:"" help:"- or nothing: the key is asked for, or is a line of standard input. Never the key itself."`
	ask
	Address string `placeholder:"IP" help:"Of the client that sent the key."`
	Cost    *int64 `placeholder:"N" help:"In credits. Default: what the catalogue says."`
	DryRun  bool   `name:"dry-run" help:"Use and count nothing."`
	Strict  bool   `help:"Judge by the database as it is now, and not from memory."`
	remote
}

func (k verifyCmd) run(ctx context.Context, d *desk) error {
	if k.Key != "" && k.Key != "-" { // what is nearly a key is one to somebody
		return failed(exitUsage, "a key must not be an argument, where others on this machine can read it: latchkey verify - takes it from standard input")
	}
	asked, err := k.wire()
	if err != nil {
		return err
	}
	in := latchkey.VerifyInput{Ask: asked, Cost: k.Cost, DryRun: k.DryRun, Strict: k.Strict}
	if k.Address != "" {
		if in.Address, err = netip.ParseAddr(k.Address); err != nil {
			return failed(exitUsage, "--address must be an IP address, as 192.0.2.7")
		}
	}
	return k.session(ctx, d, func(v *visit) error {
		secret, err := d.hidden(ctx, "key", "Key: ")
		if err != nil {
			return err
		}
		in.Key = latchkey.NewKey(secret)
		got, err := v.AccessKeyVerify(ctx, in)
		if err != nil {
			return err
		}
		if err := v.show(func() { v.facts(verdictFacts(got)) }); err != nil || got.Valid {
			return err
		}
		return failed(exitFailure, "the key is not to be let in: %s", got.Code)
	})
}

func verdictFacts(r latchkey.VerifyResult) []fact {
	facts := []fact{{"valid", yesNo(r.Valid)}, {"code", string(r.Code)}, {"status", strconv.Itoa(r.Status)}}
	if r.Account != nil {
		facts = append(facts, fact{"account", r.Account.Handle})
	}
	if r.Key != nil {
		facts = append(facts, fact{"id", r.Key.ID}, fact{"name", r.Key.Name}, fact{"expires", whenever(r.Key.ExpiresAt, "never")})
	}
	if r.Quota != nil {
		facts = append(facts, fact{"left", strconv.FormatInt(r.Quota.Remaining, 10) + " of " + strconv.FormatInt(r.Quota.Limit, 10) + " " + string(r.Quota.Class)})
	}
	if r.Credits != nil {
		facts = append(facts, fact{"credits", strconv.FormatInt(r.Credits.Balance, 10) + ", needs " + strconv.FormatInt(r.Credits.Required, 10)})
	}
	return append(facts, fact{"takes", text(r.Required)}, fact{"has", text(r.Matched)}, fact{"denied by", text(r.DeniedBy)})
}
