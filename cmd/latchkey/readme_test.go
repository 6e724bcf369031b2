package main_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
)

// The story of the README is true, letter by letter.
func TestReadme(t *testing.T) {
	t.Parallel()
	runTranscript(t, "../../README.md", serve(t))
}

// Pages whose stories need no more than an instance each.
func TestPages(t *testing.T) {
	t.Parallel()
	for _, page := range []string{"least-privilege", "operations", "rotation"} {
		t.Run(page, func(t *testing.T) {
			t.Parallel()
			runTranscript(t, "../../docs/"+page+".md", serve(t))
		})
	}
}

// The page about incidents begins where there is no time to lose: with a key that somebody has found.
func TestIncidentsPage(t *testing.T) {
	t.Parallel()
	p := serve(t)
	ada := p.setUp(adaPassword)
	p.seed()
	grace := p.grace()
	leaked, err := grace.AccessKeyCreate(t.Context(), latchkey.AccessKeyInput{Name: "CI"})
	check(t, err)
	check(t, second(ada.AccessKeyVerify(t.Context(), latchkey.VerifyInput{Key: leaked.Secret})))
	until(t, "its use is counted", func() bool {
		used, err := grace.AccountUsage(t.Context())
		return err == nil && used.Query.Used == 1
	})
	runTranscript(t, "../../docs/incidents.md", p, "LEAKED="+leaked.Secret.Reveal())
}

func TestSampleTranscript(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("testdata/transcript.md")
	check(t, err)
	steps, err := parseTranscript(string(page))
	check(t, err)
	p := serve(t, "LATCHKEY_DATA_DIR="+seeded(t))
	check(t, replay(t, steps, "LATCHKEY="+p.url, "CODE=2222-3333-4444"))
	if len(steps) != 9 {
		t.Errorf("%d steps", len(steps))
	}
}

// What a page may say falsely, and how it is told.
func TestTranscriptThatIsNotTrue(t *testing.T) {
	t.Parallel()
	for page, want := range map[string]string{
		"no block at all":                          "no block",
		"```console\n$ true\n```\n":                "no block",
		"<!-- transcript -->\n\n```console\n```\n": "no block",
		block("a\n$ echo a\na"):                    "before the first command",
		block(""):                                  "no command",
		block("$ echo a\nb"):                       `$ echo a` + "\ngot:\na\nwant:\nb",
		block("$ echo a"):                          "got:\na\nwant:\n",
		block("$ true\na"):                         "want:\na",
		block("$ echo a\na\nb"):                    "want:\na\nb",
		block("$ echo ab\n…a"):                     "want:\n…a",
		block("$ printf 'a\\nb'\n…b"):              "want:\n…b",
		block("$ echo abc\na.c"):                   "want:\na.c",
		block("$ true\n$ echo x; false\nx"):        "$ echo x; false\nfails: exit status 1, after:\nx",
		block("$ seq 3\n…\n4"):                     "want:\n…\n4",
		block("$ exit 0\n$ true"):                  "$ exit 0\nends the session",
	} {
		steps, err := parseTranscript(page)
		if err == nil {
			err = replay(t, steps)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngives: %v", page, err)
		}
	}
}

func block(content string) string {
	return "<!-- transcript -->\n```console\n" + content + "\n```\n"
}

// A page may tell its story in several blocks: what an earlier one has set, a later one knows.
func TestTranscriptInParts(t *testing.T) {
	t.Parallel()
	steps, err := parseTranscript(block("$ NAME=ada") + "\nMeanwhile.\n\n" + "```console\n$ exit 1\n```\n\n" + block("$ echo $NAME\nada"))
	check(t, err)
	check(t, replay(t, steps))
	if _, err := parseTranscript(block("$ true") + block("a")); err == nil {
		t.Error("a second block without a command is taken")
	}
}

// runTranscript runs the transcript of a page against a new instance, of which the shell knows the address as $LATCHKEY, the set-up
// code as $CODE, and the program as latchkey; env is what else it knows.
func runTranscript(t *testing.T, page string, p *process, env ...string) {
	t.Helper()
	text, err := os.ReadFile(page)
	check(t, err)
	noteRead(strings.TrimPrefix(page, "../../"))
	steps, err := parseTranscript(string(text))
	if err != nil {
		t.Fatalf("%s: %v", page, err)
	}
	if err := replay(t, steps, append(env, "LATCHKEY="+p.url, "CODE="+p.setupCode())...); err != nil {
		t.Errorf("%s: %v", page, err)
	}
}

// step is a command with what it prints: "…" stands for anything in a line, and alone on a line for any lines.
type step struct{ command, want string }

var (
	transcript = regexp.MustCompile("(?s)<!-- transcript -->\n```console\n(.*?)\n?```")
	heredoc    = regexp.MustCompile(`<<-?['"]?(\w+)`)
)

// parseTranscript takes the steps from the blocks that are marked as a transcript: they are parts of one session.
func parseTranscript(page string) ([]step, error) {
	found := transcript.FindAllStringSubmatch(page, -1)
	if found == nil {
		return nil, errors.New("no block ```console right after <!-- transcript -->")
	}
	var steps []step
	for _, block := range found {
		part, err := parseBlock(block[1])
		if err != nil {
			return nil, err
		}
		steps = append(steps, part...)
	}
	return steps, nil
}

// parseBlock takes the steps from one block. A command goes on in the next line after a backslash and while it has an open
// here-document; such lines may begin with the shell's "> ".
func parseBlock(content string) ([]step, error) {
	var steps []step
	more, end := false, ""
	for line := range strings.SplitSeq(content, "\n") {
		last := len(steps) - 1
		command, isCommand := strings.CutPrefix(line, "$ ")
		switch {
		case more:
			line = strings.TrimPrefix(line, "> ")
			steps[last].command += "\n" + line
		case isCommand:
			steps = append(steps, step{command: command})
			line = command
		case last < 0 && line != "":
			return nil, fmt.Errorf("output before the first command: %s", line)
		case last >= 0:
			steps[last].want += line + "\n"
			continue
		}
		if doc := heredoc.FindStringSubmatch(line); doc != nil {
			end = doc[1]
		} else if line == end {
			end = ""
		}
		more = end != "" || strings.HasSuffix(line, `\`)
	}
	if len(steps) == 0 {
		return nil, errors.New("no command in the block")
	}
	return steps, nil
}

// replay runs all commands in one shell, in an empty folder, and compares what they print.
func replay(t *testing.T, steps []step, env ...string) error {
	t.Helper()
	const mark = "\x1e" // not to be found in any output
	script := new(strings.Builder)
	script.WriteString("trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n")
	for _, s := range steps {
		fmt.Fprintf(script, "%s\nprintf '\\036'\n", s.command)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-e", "-c", script.String())
	cmd.Dir = t.TempDir()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that what it has in the background ends with it
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.Env = append([]string{"PATH=" + filepath.Dir(binary) + ":" + os.Getenv("PATH"), "HOME=" + cmd.Dir, "LC_ALL=C"}, env...)
	out, err := cmd.CombinedOutput()
	printed := strings.Split(string(out), mark)
	for i, s := range steps {
		got := strings.TrimRight(printed[i], "\n")
		if i == len(printed)-1 && err != nil {
			return fmt.Errorf("$ %s\nfails: %w, after:\n%s", s.command, err, got)
		}
		if i == len(printed)-1 {
			return fmt.Errorf("$ %s\nends the session, after:\n%s", s.command, got)
		}
		if want := strings.TrimRight(s.want, "\n"); !pattern(want).MatchString(got) {
			return fmt.Errorf("$ %s\ngot:\n%s\nwant:\n%s", s.command, got, want)
		}
	}
	return nil
}

// pattern makes a regular expression of expected output.
func pattern(want string) *regexp.Regexp {
	lines := strings.Split(want, "\n")
	for i, line := range lines {
		if line == "…" {
			lines[i] = `(?s:.*)`
			continue
		}
		lines[i] = strings.ReplaceAll(regexp.QuoteMeta(line), "…", `[^\n]*`)
	}
	return regexp.MustCompile(`^` + strings.Join(lines, "\n") + `$`)
}
