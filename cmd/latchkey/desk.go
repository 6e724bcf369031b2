package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

const lineMost = 1024 // bytes of a password or a key that is read

// desk is where commands are given.
type desk struct {
	in       *os.File
	lines    *bufio.Reader // of in, where that is no terminal; made once, so that several things can be read
	out, err io.Writer
}

func newDesk(out, err io.Writer) *desk {
	return &desk{in: os.Stdin, lines: bufio.NewReaderSize(os.Stdin, 2*lineMost), out: out, err: err}
}

// interactive says whether somebody can be asked.
func (d *desk) interactive() bool { return term.IsTerminal(int(d.in.Fd())) }

// private says whether what is printed is seen by somebody and kept nowhere.
func (d *desk) private() bool {
	f, ok := d.out.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// hidden asks for a secret on a terminal, without echo, and otherwise takes the next line.
func (d *desk) hidden(ctx context.Context, what, question string) (string, error) {
	if !d.interactive() {
		line, err := awaited(ctx, d.line)
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		if line == "" {
			return "", failed(exitUsage, "no %s on standard input: send it as a line", what)
		}
		return line, nil
	}
	fd := int(d.in.Fd())
	state, err := term.GetState(fd)
	if err != nil {
		return "", fmt.Errorf("look at the terminal: %w", err)
	}
	fmt.Fprint(d.err, question)
	defer fmt.Fprintln(d.err)
	typed, err := awaited(ctx, func() (string, error) {
		b, err := term.ReadPassword(fd)
		return string(b), err
	})
	if ctx.Err() != nil {
		_ = term.Restore(fd, state) // or the shell would not echo either
		return "", ctx.Err()
	}
	if err != nil || typed == "" {
		return "", failed(exitUsage, "no %s was given", what)
	}
	return typed, nil
}

// ask takes an answer on a terminal.
func (d *desk) ask(ctx context.Context, question string) (string, error) {
	fmt.Fprint(d.err, question)
	answer, err := awaited(ctx, d.line)
	if ctx.Err() != nil || errors.Is(err, io.EOF) {
		fmt.Fprintln(d.err)
	}
	return answer, err
}

// agree asks before something that cannot be taken back.
func (d *desk) agree(ctx context.Context, yes bool, what string) error {
	if yes {
		return nil
	}
	if !d.interactive() {
		return failed(exitUsage, "this would %s: add --yes where nobody can be asked", what)
	}
	answer, err := d.ask(ctx, "This will "+what+". Go on? [y/N] ")
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if answer = strings.ToLower(answer); answer != "y" && answer != "yes" {
		return failed(exitFailure, "nothing was changed")
	}
	return nil
}

// line gives the next line without its end; at the end of the input it may come with io.EOF.
func (d *desk) line() (string, error) {
	b, err := d.lines.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) || len(b) > lineMost+2 {
		return "", failed(exitUsage, "a line on standard input is longer than %d bytes", lineMost)
	}
	return strings.TrimRight(string(b), "\r\n"), err
}

// awaited waits for somebody who types, or for the program to be told to stop.
func awaited(ctx context.Context, read func() (string, error)) (string, error) {
	type said struct {
		text string
		err  error
	}
	typed := make(chan said, 1)
	go func() {
		text, err := read()
		typed <- said{text, err}
	}()
	select {
	case s := <-typed:
		return s.text, s.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}
