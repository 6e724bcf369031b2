package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/latchkey-dev/latchkey/internal/conformance"
)

type contractTestCmd struct {
	BaseURL         string        `name:"base-url" env:"LATCHKEY_URL" placeholder:"URL" help:"The server to test. Default: that of the last login, else http://localhost:8080."`
	As              string        `name:"as" placeholder:"HANDLE" help:"An administrator, who signs in. The password is asked for, or is the first line of standard input. Default: the session of the last login."`
	SetupCode       string        `name:"setup-code" placeholder:"-" help:"-: for a new server; its set-up code is asked for, or is the first line of standard input. Implies --change-catalogue."`
	ChangeCatalogue bool          `name:"change-catalogue" help:"Replace the permission catalogue for a while. What keys may do is something else meanwhile: not for a server in use."`
	Cases           string        `placeholder:"DIR" type:"existingdir" help:"Run the cases of its *.yaml files as well."`
	Only            string        `placeholder:"REGEXP" help:"Only cases that it fits, as \"AccessKeyGet 404: about an id of nothing\"."`
	Skip            string        `placeholder:"REGEXP" help:"No cases that it fits."`
	Table           bool          `help:"Print what every operation and status has come to."`
	JUnit           string        `name:"junit" placeholder:"FILE" help:"Write a report in JUnit's form, too. -: to standard output, in place of the text."`
	Output          string        `short:"o" enum:"text,json" default:"text" placeholder:"FORMAT" help:"text, or json."`
	Timeout         time.Duration `default:"30s" placeholder:"DURATION" help:"For one request. Default: ${default}."`
}

func (c contractTestCmd) run(ctx context.Context, d *desk) error {
	config, err := c.config(d)
	if err != nil {
		return err
	}
	at := remote{URL: c.BaseURL, As: c.As}
	if c.SetupCode != "" {
		return c.onNew(ctx, d, at, config)
	}
	return at.session(ctx, d, func(v *visit) error {
		me, err := v.AccountGet(ctx)
		if err != nil {
			return err
		}
		if !slices.Contains(me.Permissions, "ADMINISTRATOR") {
			return failed(exitForbidden, "%s is no administrator, and a contract test takes one", me.Handle)
		}
		s, err := v.keep()
		if err != nil {
			return err
		}
		config.Keeper = conformance.Credential{Session: s.Cookie + "=" + s.Value}
		return c.test(ctx, v, config)
	})
}

// onNew tests a server that has no administrator yet.
func (c contractTestCmd) onNew(ctx context.Context, d *desk, at remote, config conformance.Config) error {
	if c.SetupCode != "-" || c.As != "" {
		return failed(exitUsage, "say --setup-code - and send the code on standard input, without --as: others on this machine can read arguments")
	}
	v, err := at.visit(d, "")
	if err != nil {
		return err
	}
	is, err := v.InstanceGet(ctx)
	if err != nil {
		return v.explain(err)
	}
	if is.SetupDone {
		return failed(exitConflict, "%s is set up: name an administrator with --as HANDLE", v.url)
	}
	if config.SetupCode, err = d.hidden(ctx, "set-up code", "Set-up code: "); err != nil {
		return err
	}
	config.ChangeCatalogue = true
	return c.test(ctx, v, config)
}

// config reads everything that can be wrong before anybody is asked.
func (c contractTestCmd) config(d *desk) (conformance.Config, error) {
	config := conformance.Config{ChangeCatalogue: c.ChangeCatalogue, Now: time.Now, Chance: rand.Reader}
	if c.Timeout <= 0 {
		return config, failed(exitUsage, "--timeout must be longer than nothing, as 30s")
	}
	var err error
	if config.Contract, err = conformance.ReadContract(); err != nil {
		return config, err
	}
	if config.Cases, err = conformance.ReadCases(); err != nil {
		return config, err
	}
	if c.Cases != "" {
		own, err := conformance.CasesIn(os.DirFS(c.Cases))
		if err == nil {
			err = config.Contract.Knows(own)
		}
		if err != nil {
			return config, failed(exitUsage, "--cases %s: %v", c.Cases, err)
		}
		config.Cases = append(config.Cases, own...)
	}
	for name, text := range map[string]string{"--only": c.Only, "--skip": c.Skip} {
		if text == "" {
			continue
		}
		pattern, err := regexp.Compile(text)
		if err != nil {
			return config, failed(exitUsage, "%s is no regular expression: %v", name, err)
		}
		if name == "--only" {
			config.Only = pattern
		} else {
			config.Skip = pattern
		}
	}
	config.Progress = progress(d.err)
	return config, nil
}

// progress tells of each operation once its cases have run, of the last one when it is told of none.
func progress(w io.Writer) func(conformance.Result) {
	var operation string
	n := map[conformance.Outcome]int{}
	return func(r conformance.Result) {
		if r.Operation != operation && n[conformance.Passed]+n[conformance.Failed] > 0 {
			fmt.Fprintf(w, "%s: %d passed, %d failed\n", operation, n[conformance.Passed], n[conformance.Failed])
		}
		if r.Operation != operation {
			clear(n)
		}
		operation = r.Operation
		n[r.Outcome]++
	}
}

func (c contractTestCmd) test(ctx context.Context, v *visit, config conformance.Config) error {
	config.HTTP = conformance.NewHTTP(config.Contract, v.url, c.Timeout)
	config.Door = config.HTTP
	report, err := conformance.Run(ctx, config)
	config.Progress(conformance.Result{})
	if report != nil && len(report.Results) > 0 {
		err = errors.Join(err, c.print(v, report))
	}
	switch {
	case ctx.Err() != nil:
		return failed(exitInterrupted, "interrupted: what the run had made was taken away again%s", but(err))
	case err != nil && (report == nil || len(report.Results) == 0):
		return failed(exitFailure, "the test could not begin: %s", oneLine(err))
	case err != nil:
		return failed(exitFailure, "the test has not ended as it should: %s", oneLine(err))
	}
	if n := report.Count()[conformance.Failed]; n > 0 {
		return failed(exitFailure, "%s does not keep the contract: %s failed", v.url, cases(n))
	}
	return nil
}

func cases(n int) string {
	if n == 1 {
		return "1 case"
	}
	return fmt.Sprint(n, " cases")
}

func but(err error) string {
	if err == nil {
		return ""
	}
	return ", but for this: " + oneLine(err)
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

func (c contractTestCmd) print(v *visit, report *conformance.Report) error {
	switch {
	case c.JUnit == "-":
		return report.JUnit(v.out)
	case c.JUnit != "":
		f, err := os.Create(c.JUnit)
		if err != nil {
			return fmt.Errorf("%s cannot be written: %w", c.JUnit, cause(err))
		}
		if err := errors.Join(report.JUnit(f), f.Close()); err != nil {
			return fmt.Errorf("%s cannot be written: %w", c.JUnit, cause(err))
		}
	}
	if c.Output == "json" {
		return report.JSON(v.out)
	}
	if c.Table {
		report.TextTable(v.out)
		fmt.Fprintln(v.out)
	}
	report.Text(v.out)
	return nil
}
