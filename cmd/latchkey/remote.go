package main

import (
	"cmp"
	"context"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"

	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
)

// remote is a running instance, and the account that asks it.
type remote struct {
	URL    string `name:"url" env:"LATCHKEY_URL" placeholder:"URL" help:"The instance to ask. Default: that of the last login, else http://localhost:8080."`
	As     string `name:"as" placeholder:"HANDLE" help:"Sign in as this account for this one command. Its password is asked for, or is the first line of standard input where that is no terminal."`
	Output string `short:"o" enum:"table,json" default:"table" placeholder:"FORMAT" help:"table, or json: what the API answers, as it is."`
}

const (
	localURL       = "http://localhost:8080"
	remotePatience = 30 * time.Second // for one call
)

// visit is one command's use of an instance.
type visit struct {
	*latchkey.Client
	*desk
	url, who string
	saved    bool // by the session of the last login
	json     bool
	jar      *cookiejar.Jar
	answers  *recorder
}

// command is one that asks an instance, or that is for those who do.
type command interface {
	run(ctx context.Context, d *desk) error
}

// visit begins to talk to an instance, of which the last login may know the address.
func (r remote) visit(d *desk, last string) (*visit, error) {
	v := &visit{desk: d, url: strings.TrimRight(cmp.Or(r.URL, last, localURL), "/"), json: r.Output == "json", answers: &recorder{}}
	v.jar, _ = cookiejar.New(nil) // never fails (net/http/cookiejar)
	var err error
	v.Client, err = latchkey.New(latchkey.Config{BaseURL: v.url, HTTPClient: &http.Client{Timeout: remotePatience, Jar: v.jar, Transport: v.answers}})
	if err != nil {
		return nil, failed(exitUsage, "--url must be a scheme and a host, as %s", localURL)
	}
	return v, nil
}

// session does something as whoever is signed in.
func (r remote) session(ctx context.Context, d *desk, do func(*visit) error) error {
	if r.As != "" {
		return r.once(ctx, d, do)
	}
	last, err := loadSaved()
	if err != nil {
		return err
	}
	v, err := r.visit(d, last.URL)
	if err != nil {
		return err
	}
	if last.Value == "" || last.URL != v.url { // a session is shown to the instance that gave it, and to no other
		return failed(exitSignIn, "you are not signed in at %s: do so with latchkey login, or name an account with --as HANDLE", v.url)
	}
	v.who, v.saved = last.Handle, true
	v.resume(last)
	return v.explain(do(v))
}

// once signs in, does something, and signs out again.
func (r remote) once(ctx context.Context, d *desk, do func(*visit) error) error {
	last, err := loadSaved()
	if err != nil {
		last = saved{} // it is only asked for the address
	}
	v, err := r.visit(d, last.URL)
	if err != nil {
		return err
	}
	if err := v.signIn(ctx, r.As); err != nil {
		return err
	}
	defer v.signOut(ctx)
	return v.explain(do(v))
}

func (v *visit) signIn(ctx context.Context, handle string) error {
	v.who = handle
	password, err := v.hidden(ctx, "password", "Password of "+handle+": ")
	if err != nil {
		return v.explain(err)
	}
	_, err = v.AuthPasswordSignin(ctx, handle, password)
	return v.explain(err)
}

// signOut ends the session, also after the program was told to stop. If it does not come to that, the session ends by itself.
func (v *visit) signOut(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = v.AuthLogout(ctx)
}

func (v *visit) resume(s saved) {
	u, err := url.Parse(v.url)
	if err == nil {
		v.jar.SetCookies(u, []*http.Cookie{{Name: s.Cookie, Value: s.Value, Path: "/", Secure: u.Scheme == "https", HttpOnly: true}})
	}
}

// keep is the session that the visit has begun.
func (v *visit) keep() (saved, error) {
	s := saved{URL: v.url, Handle: v.who}
	if u, err := url.Parse(v.url); err == nil {
		for _, c := range v.jar.Cookies(u) {
			s.Cookie, s.Value = c.Name, c.Value
		}
	}
	if s.Value == "" {
		return s, failed(exitSignIn, "%s gives sessions to https only: log in with --url and its public address", v.url)
	}
	return s, nil
}
