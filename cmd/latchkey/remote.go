package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
	"github.com/latchkey-dev/latchkey/sdk/go/api"
)

// remote is a running instance, and the account that asks it.
type remote struct {
	URL string `name:"url" env:"LATCHKEY_URL" default:"http://localhost:8080" placeholder:"URL" help:"The instance to ask."`
	As  string `name:"as" placeholder:"HANDLE" help:"The account to sign in as. Its password is asked for, or is the first line of standard input where that is no terminal."`
}

const (
	remotePatience = 30 * time.Second // for one call
	passwordMost   = 1024             // bytes
)

// session signs in, does something, and signs out again. prompt is where the password is asked for.
func (r remote) session(ctx context.Context, prompt io.Writer, do func(*latchkey.Client) error) error {
	if r.As == "" {
		return errors.New("name the account to sign in as with --as HANDLE")
	}
	c, err := latchkey.New(latchkey.Config{BaseURL: r.URL, HTTPClient: &http.Client{Timeout: remotePatience}})
	if err != nil {
		return errors.New("--url must be a scheme and a host, as http://localhost:8080")
	}
	password, err := readPassword(ctx, os.Stdin, prompt, "Password of "+r.As+": ")
	if err != nil {
		return err
	}
	if _, err := c.AuthPasswordSignin(ctx, r.As, password); err != nil {
		return r.explain(err)
	}
	defer signOut(ctx, c)
	return r.explain(do(c))
}

// signOut ends the session, also after the program was told to stop. If it does not come to that, the session ends by itself.
func signOut(ctx context.Context, c *latchkey.Client) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	_ = c.AuthLogout(ctx)
}

// explain says what to do about an error, on one line.
func (r remote) explain(err error) error {
	refused, ok := errors.AsType[*latchkey.Error](err)
	var unreachable interface{ Timeout() bool } // as errors of a connection have it
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case ok && refused.Code == "":
		return fmt.Errorf("what answers at %s is not Latchkey: it says %d", r.URL, refused.Status)
	case ok && refused.Code == api.ErrorCodePermissionDenied:
		return fmt.Errorf("%s may not do this: it takes %v", r.As, refused.Metadata["permission"])
	case ok && refused.Metadata["pointer"] != nil:
		return fmt.Errorf("%s at %v: %v", strings.TrimSuffix(refused.Detail, "."), refused.Metadata["pointer"], refused.Metadata["reason"])
	case ok:
		return fmt.Errorf("%s: %s", strings.TrimSuffix(refused.Detail, "."), refused.Suggested)
	case errors.As(err, &unreachable):
		return fmt.Errorf("no instance answers at %s: start one with latchkey serve, or name another with --url", r.URL)
	}
	return err
}

// readPassword asks on a terminal, without echo, and otherwise takes the first line.
func readPassword(ctx context.Context, in *os.File, prompt io.Writer, question string) (string, error) {
	fd := int(in.Fd())
	state, err := term.GetState(fd)
	if err != nil { // no terminal
		line, err := bufio.NewReader(io.LimitReader(in, passwordMost+2)).ReadString('\n')
		if line = strings.TrimRight(line, "\r\n"); line == "" {
			return "", errors.Join(errors.New("no password on standard input: send it as the first line"), ignoreEnd(err))
		}
		return line, nil
	}
	fmt.Fprint(prompt, question)
	defer fmt.Fprintln(prompt)
	typed := make(chan string, 1)
	go func() {
		b, _ := term.ReadPassword(fd) // what failed is no password
		typed <- string(b)
	}()
	select {
	case password := <-typed:
		if password == "" {
			return "", errors.New("no password was given")
		}
		return password, nil
	case <-ctx.Done():
		_ = term.Restore(fd, state) // or the shell would not echo either
		return "", ctx.Err()
	}
}

func ignoreEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
