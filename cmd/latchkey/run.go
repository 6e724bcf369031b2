package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/latchkey-dev/latchkey/internal/postgres"
)

// Exit codes.
const (
	exitStopped      = 0 // as asked
	exitFailure      = 1
	exitUsage        = 2 // wrong usage or configuration
	exitDatabaseDied = 3 // the embedded database
)

// cli is the command line. Settings stand at the top, so that every command reads them alike.
type cli struct {
	Config    config          `embed:"" group:"Settings"`
	Serve     struct{}        `cmd:"" help:"Run the service."`
	Migrate   migrateCmd      `cmd:"" help:"Bring the database schema up to date, or to a version. The embedded database does this by itself."`
	Cluster   clusterCmd      `cmd:"" help:"Show or set what all instances on one database agree on."`
	Login     loginCmd        `cmd:"" group:"asking" help:"Sign in to an instance; the commands after it use the session."`
	Logout    logoutCmd       `cmd:"" group:"asking" help:"End the session."`
	Whoami    whoamiCmd       `cmd:"" group:"asking" help:"Show who is signed in, and where."`
	Keys      keysCmd         `cmd:"" group:"asking" help:"Make, show, change and revoke access keys."`
	Verify    verifyCmd       `cmd:"" group:"asking" help:"Say whether somebody's key is good. The exit code is 1 if it is not."`
	Audit     auditCmd        `cmd:"" group:"asking" help:"Show what was done, newest first."`
	Accounts  accountsCmd     `cmd:"" group:"asking" help:"Make, show, stop and bound accounts."`
	Roles     rolesCmd        `cmd:"" group:"asking" help:"Make, show and change roles, and who holds them."`
	Catalogue catalogueCmd    `cmd:"" group:"asking" help:"Describe the API that keys open."`
	Contract  contractTestCmd `cmd:"" name:"contract-test" group:"asking" help:"Test whether a server keeps the contract: every operation, every status."`
	Doctor    doctorCmd       `cmd:"" help:"Ask a running instance how it is, and say what to do about it."`
	Show      struct{}        `cmd:"" name:"config" help:"Print the effective settings, secrets hidden."`
	Version   struct{}        `cmd:"" help:"Print the version."`

	Completion completionCmd `cmd:"" help:"Print a script that completes commands and flags in a shell."`
}

type migrateCmd struct {
	To     int  `default:"-1" placeholder:"N" help:"Go to this schema version, up or down. Going down loses what newer tables hold."`
	Status bool `help:"Only print where the schema stands."`
	format
}

const about = `Latchkey issues access keys (API keys) and answers for them.

Each setting is a flag or the environment variable beside it. Start with: latchkey serve

Exit codes: 0 done; 1 failure; 2 wrong usage or configuration; 3 the embedded database has died; 4 not signed in, or sign-in refused;
5 not permitted; 6 not found; 7 a conflict, or changed meanwhile; 8 no instance answers, or it cannot serve now; 130 interrupted.`

// asking is the group of the commands for those who use an instance; settings is what is for those who run one.
const (
	asking   = "asking"
	settings = "Settings"
)

// run is the whole program but for signals; it answers the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var c cli
	exited := -1
	parser, err := kong.New(&c, kong.Name("latchkey"), kong.Description(about), kong.Writers(stdout, stderr), kong.Exit(func(code int) { exited = code }),
		kong.Groups{asking: "Commands that ask a running instance:"}, kong.Help(help),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true, FlagsLast: true, WrapUpperBound: 120}))
	if err != nil {
		fmt.Fprintln(stderr, "latchkey:", err)
		return exitFailure
	}
	if len(args) > 0 && args[0] == completing {
		complete(stdout, parser.Model, args[1:])
		return exitStopped
	}
	if err := refuseUnknown(os.Environ(), parser.Model); err != nil {
		complain(stderr, err)
		return exitUsage
	}
	if err := refuseSecrets(args); err != nil {
		complain(stderr, err)
		return exitUsage
	}
	parsed, err := parser.Parse(args)
	if exited >= 0 { // --help has been printed
		return exited
	}
	if err == nil {
		if asks, ok := asker(parsed.Selected()); ok {
			err := asks.run(ctx, newDesk(stdout, stderr))
			if errors.Is(err, context.Canceled) {
				err = failed(exitInterrupted, "interrupted") // while somebody was asked
			}
			return exitCode(err, stderr)
		}
		err = c.Config.check()
	}
	if err != nil {
		complain(stderr, err)
		fmt.Fprintln(stderr, "latchkey: see latchkey --help")
		return exitUsage
	}
	switch parsed.Command() {
	case "config":
		fmt.Fprint(stdout, c.Config)
		return exitStopped
	case "version":
		fmt.Fprintln(stdout, "latchkey", version)
		return exitStopped
	case "migrate":
		err = c.Migrate.run(ctx, c.Config, stdout)
	case "cluster show":
		err = c.Cluster.Show.run(ctx, c.Config, stdout)
	case "cluster set <setting>":
		err = c.Cluster.Set.run(ctx, c.Config, stdout)
	case "doctor":
		err = c.Doctor.run(ctx, c.Config, stdout)
	default:
		err = serve(ctx, c.Config, newLog(c.Config, stderr), stdout)
	}
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return exitStopped // asked to stop while something was still starting
	}
	return exitCode(err, stderr)
}

func exitCode(err error, stderr io.Writer) int {
	if err == nil {
		return exitStopped
	}
	complain(stderr, err)
	if errors.Is(err, errDatabaseDied) {
		return exitDatabaseDied
	}
	if f, ok := errors.AsType[failure](err); ok {
		return f.code
	}
	return exitFailure
}

// asker is the command that was chosen, if it is one that asks an instance.
func asker(n *kong.Node) (command, bool) {
	if n == nil || !n.Target.IsValid() {
		return nil, false
	}
	asks, ok := n.Target.Interface().(command)
	return asks, ok
}

// help leaves the settings of the service out where they say nothing.
func help(options kong.HelpOptions, parsed *kong.Context) error {
	hideSettings(parsed.Model, parsed.Selected())
	return kong.DefaultHelpPrinter(options, parsed)
}

// hideSettings is for the commands, and groups of them, that do not read the settings of the service.
func hideSettings(model *kong.Application, n *kong.Node) {
	if n == nil || n == model.Node {
		return
	}
	for n.Children != nil {
		n = n.Children[0]
	}
	if _, ok := asker(n); !ok {
		return
	}
	for _, f := range model.Flags {
		f.Hidden = f.Hidden || f.Group != nil && f.Group.Key == settings
	}
}

// complain prints errors that were joined, one a line.
func complain(stderr io.Writer, err error) {
	for line := range strings.SplitSeq(err.Error(), "\n") {
		fmt.Fprintln(stderr, "latchkey:", line)
	}
}

func newLog(c config, w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.LogLevel)) // checked before
	options := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "text" || (c.LogFormat == "auto" && isTerminal(w)) {
		return slog.New(slog.NewTextHandler(w, options))
	}
	return slog.New(slog.NewJSONHandler(w, options))
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// serviceLink is what Kubernetes sets in every pod of a namespace that has a Service named latchkey.
var serviceLink = regexp.MustCompile(`^LATCHKEY_(SERVICE_(HOST|PORT.*)|PORT(_.*)?)$`)

// refuseUnknown fails on a LATCHKEY_ variable that nothing reads: a setting that is silently ignored is worse than none.
func refuseUnknown(env []string, model *kong.Application) error {
	known := []string{}
	_ = kong.Visit(model, func(n kong.Visitable, next kong.Next) error {
		if f, ok := n.(*kong.Flag); ok {
			known = append(known, f.Envs...)
		}
		return next(nil)
	})
	var faults []error
	for _, entry := range env {
		name, _, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, "LATCHKEY_") || slices.Contains(known, name) || serviceLink.MatchString(name) {
			continue
		}
		faults = append(faults, fmt.Errorf("%s is not a setting; did you mean %s?", name, nearest(strings.ToUpper(name), known)))
	}
	return errors.Join(faults...)
}

// nearest gives the known name with the fewest single-letter changes from name (Levenshtein).
func nearest(name string, known []string) string {
	best, least := "", int(^uint(0)>>1)
	for _, k := range known {
		if d := distance(name, k); d < least {
			best, least = k, d
		}
	}
	return best
}

func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// run migrates an external database; the embedded one belongs to whoever serves it.
func (m migrateCmd) run(ctx context.Context, c config, stdout io.Writer) error {
	if c.DatabaseURL == "" {
		return errors.New("migrate needs LATCHKEY_DATABASE_URL: the embedded database migrates itself when the service starts")
	}
	if !m.Status && m.To < 0 {
		from, to, err := postgres.Migrate(ctx, c.DatabaseURL)
		if err != nil {
			return err
		}
		if m.json() {
			return plainJSON(stdout, map[string]int{"from": from, "to": to})
		}
		fmt.Fprintf(stdout, "schema: %d -> %d\n", from, to)
		return nil
	}
	if !m.Status {
		if err := postgres.MigrateTo(ctx, c.DatabaseURL, m.To); err != nil {
			return err
		}
	}
	at, dirty, floor, err := postgres.Version(ctx, c.DatabaseURL)
	if err != nil {
		return err
	}
	if m.json() {
		return plainJSON(stdout, map[string]any{"schema": at, "floor": floor, "unfinished": dirty})
	}
	fmt.Fprintf(stdout, "schema: %d (serves binaries that know %d; unfinished: %v)\n", at, floor, dirty)
	return nil
}
