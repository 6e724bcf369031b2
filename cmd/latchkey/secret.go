package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strings"

	"github.com/latchkey-dev/latchkey/internal/token"
	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
)

// secretFlags say where a new secret goes. It is printed on a terminal only: what is piped ends in logs.
type secretFlags struct {
	OutputFile string `name:"output-file" placeholder:"FILE" type:"path" help:"Write the secret to this new file (0600), and not to the terminal. Needed where there is none."`
	Dotenv     string `name:"dotenv" placeholder:"NAME" help:"Append the line NAME=secret to --output-file, by default .env, which may have other lines."`
}

// delivery is a place for a secret, ready before there is one.
type delivery struct {
	file    *os.File // nil: the terminal
	name    string   // of a variable
	newline bool     // before the line
	made    bool     // the file, by us
	done    bool
}

// prepare opens the place. What stands against it is told before a key is made.
func (s secretFlags) prepare(d *desk) (*delivery, error) {
	switch {
	case s.Dotenv != "":
		return s.prepareDotenv()
	case s.OutputFile != "":
		f, err := os.OpenFile(s.OutputFile, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			return nil, failed(exitUsage, "%s is there already, and nothing is overwritten: name a new file with --output-file", s.OutputFile)
		}
		if err != nil {
			return nil, failed(exitFailure, "%s cannot be written: %v", s.OutputFile, cause(err))
		}
		return &delivery{file: f, made: true}, nil
	case !d.private():
		return nil, failed(exitUsage, "the secret would be printed to what is no terminal: name a new file for it with --output-file FILE, or a line of .env with --dotenv NAME")
	}
	return &delivery{}, nil
}

var variable = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

func (s secretFlags) prepareDotenv() (*delivery, error) {
	path := s.OutputFile
	if path == "" {
		path = ".env"
	}
	if !variable.MatchString(s.Dotenv) {
		return nil, failed(exitUsage, "--dotenv must name a variable, as LATCHKEY_KEY: letters, digits and _")
	}
	_, err := os.Lstat(path)
	made := errors.Is(err, fs.ErrNotExist)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, failed(exitFailure, "%s cannot be written: %v", path, cause(err))
	}
	to := &delivery{file: f, name: s.Dotenv, made: made}
	if err := to.fits(path); err != nil {
		to.close()
		return nil, err
	}
	return to, nil
}

// fits says whether a line can be appended to a file that others may have written.
func (t *delivery) fits(path string) error {
	info, err := t.file.Stat()
	if err != nil {
		return fmt.Errorf("look at %s: %w", path, err)
	}
	if !info.Mode().IsRegular() {
		return failed(exitUsage, "%s is no file that a line could be appended to", path)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return failed(exitFailure, "%s can be read by others: chmod 600 %s first", path, path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return failed(exitFailure, "%s cannot be read: %v", path, cause(err))
	}
	if regexp.MustCompile(`(?m)^\s*(export\s+)?` + t.name + `\s*=`).Match(b) {
		return failed(exitConflict, "%s has a line for %s already: take it out first, or name another with --dotenv", path, t.name)
	}
	t.newline = len(b) > 0 && b[len(b)-1] != '\n'
	return nil
}

// hand gives a key and its secret to whoever asked for it.
func (t *delivery) hand(v *visit, k latchkey.AccessKey, secret latchkey.Key) error {
	if t.file == nil {
		return v.show(func() {
			v.facts(append([]fact{{"secret", secret.Reveal()}}, keyFacts(k)...))
			fmt.Fprintln(v.err, "The secret is not shown again.")
		})
	}
	line := secret.Reveal() + "\n"
	if t.name != "" {
		line = t.name + "=" + line
	}
	if t.newline {
		line = "\n" + line
	}
	_, err := t.file.WriteString(line)
	if err = errors.Join(err, t.file.Sync()); err != nil {
		return failed(exitFailure, "the secret could not be written to %s: %v; nobody has it, so regenerate or revoke the key %s", t.file.Name(), cause(err), k.ID)
	}
	t.done = true
	if v.json {
		return v.withoutSecret()
	}
	v.facts(append([]fact{{"secret", "in " + t.file.Name()}}, keyFacts(k)...))
	return nil
}

// withoutSecret prints what was answered last, but for the member that a file has got.
func (v *visit) withoutSecret() error {
	var body map[string]json.RawMessage
	if err := json.Unmarshal(v.answers.bodies[len(v.answers.bodies)-1], &body); err != nil {
		return errors.New("the answer cannot be printed as JSON") // the cause may quote it
	}
	delete(body, "secret")
	return plainJSON(v.out, body)
}

// close takes a file away again that has got nothing.
func (t *delivery) close() {
	if t.file == nil {
		return
	}
	_ = t.file.Close()
	if t.made && !t.done {
		_ = os.Remove(t.file.Name())
	}
}

// refuseSecrets fails on a key among the arguments, where others on this machine can read it. It is not repeated.
func refuseSecrets(args []string) error {
	for _, arg := range args {
		for part := range strings.FieldsFuncSeq(arg, func(r rune) bool { return r == '=' || r == ' ' || r == ',' }) {
			if _, err := token.Parse(part); err == nil {
				return errors.New("a key must not be an argument, where others on this machine can read it: give - and send it on standard input, and revoke this one if the machine has other users")
			}
		}
	}
	return nil
}
