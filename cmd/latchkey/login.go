package main

import (
	"context"
	"fmt"
	"strings"
)

type loginCmd struct {
	Handle   string  `arg:"" optional:"" help:"The account; asked for where that is possible. Its password is asked for, or is the first line of standard input."`
	Password *string `hidden:""` // only to say why there is none
	remote
}

type (
	logoutCmd struct{ remote }
	whoamiCmd struct{ remote }
)

func (l loginCmd) run(ctx context.Context, d *desk) error {
	if l.Password != nil {
		return failed(exitUsage, "a password must not be an argument, where others on this machine can read it: it is asked for, or is the first line of standard input")
	}
	if l.As != "" {
		return failed(exitUsage, "login takes the account without --as: latchkey login %s", l.As)
	}
	last, _ := loadSaved() // what is broken is replaced
	v, err := l.visit(d, last.URL)
	if err == nil {
		err = storable()
	}
	if err == nil {
		v.who, err = l.handle(ctx, d, last.Handle)
	}
	if err == nil {
		err = v.signIn(ctx, v.who)
	}
	if err != nil {
		return v.explain(err)
	}
	s, err := v.keep()
	if err == nil {
		err = s.store()
	}
	if err != nil {
		v.signOut(ctx)
		return err
	}
	endLast(ctx, d, last)
	return v.show(func() { fmt.Fprintf(d.out, "signed in at %s as %s\n", s.URL, s.Handle) })
}

func (l loginCmd) handle(ctx context.Context, d *desk, last string) (string, error) {
	if l.Handle != "" {
		return l.Handle, nil
	}
	if !d.interactive() {
		return "", failed(exitUsage, "name the account: latchkey login HANDLE")
	}
	question := "Handle: "
	if last != "" {
		question = "Handle [" + last + "]: "
	}
	typed, err := d.ask(ctx, question)
	if typed = strings.TrimSpace(typed); err != nil || typed != "" {
		return typed, err
	}
	if last == "" {
		return "", failed(exitUsage, "no handle was given")
	}
	return last, nil
}

// endLast ends the session that a new one replaces. If it does not come to that, it ends by itself.
func endLast(ctx context.Context, d *desk, last saved) {
	if last.Value == "" {
		return
	}
	if v, err := (remote{URL: last.URL}).visit(d, ""); err == nil {
		v.resume(last)
		v.signOut(ctx)
	}
}

func (l logoutCmd) run(ctx context.Context, d *desk) error {
	last, err := loadSaved()
	if err != nil {
		return err
	}
	if last.Value == "" {
		return failed(exitSignIn, "you are not signed in")
	}
	v, err := remote{URL: last.URL, Output: l.Output}.visit(d, "")
	if err != nil {
		return err
	}
	v.who, v.saved = last.Handle, true
	v.resume(last)
	if err := (saved{URL: last.URL, Handle: last.Handle}).store(); err != nil {
		return err
	}
	err = v.explain(v.AuthLogout(ctx))
	if f, ok := err.(failure); ok && f.code != exitSignIn { //nolint:errorlint // explain has made it
		return failed(f.code, "the session is forgotten here, but has not ended there: %s", f.text)
	}
	return v.show(func() { fmt.Fprintf(d.out, "signed out at %s\n", last.URL) })
}

func (w whoamiCmd) run(ctx context.Context, d *desk) error {
	return w.session(ctx, d, func(v *visit) error {
		a, err := v.AccountGet(ctx)
		if err != nil {
			return err
		}
		return v.show(func() { v.facts(append(accountFacts(a), fact{"instance", v.url})) })
	})
}
