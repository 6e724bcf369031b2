package main_test

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// fenced is a block of a page. The line before it says who runs it:
//
//	<!-- transcript -->             runTranscript, with all such blocks of the page
//	<!-- test: TestGoPage -->       a test of this package, which reads it with blocksOf
//	<!-- test: live.test.mjs -->    a test of sdk/typescript, which reads it with blocksOf of test/docs.mjs
//	<!-- text -->                   nobody: a drawing, or something to look at
type fenced struct {
	page     string // from the root of the repository
	line     int
	language string
	claim    string
	text     string // ends with a newline
}

func (b fenced) String() string { return fmt.Sprintf("%s:%d", b.page, b.line) }

// unmarked are the claims of blocks without a line before them: the README shows its first ones to those who read it as plain text.
var unmarked = map[string]string{"README.md sh": "test: TestReadmeTargets", "README.md ": "text"}

var (
	openFence = regexp.MustCompile("^ *(```+|~~~+)([^`]*)$")
	claimLine = regexp.MustCompile(`^ *<!-- (transcript|text|test: \S+) -->$`)
)

// blocksIn finds every fenced block of a page.
func blocksIn(page, text string) []fenced {
	var all []fenced
	var before, fence string
	for i, line := range strings.Split(text, "\n") {
		last := len(all) - 1
		switch {
		case fence != "" && strings.TrimSpace(line) == fence:
			fence = ""
		case fence != "":
			all[last].text += line + "\n"
		default:
			if open := openFence.FindStringSubmatch(line); open != nil {
				fence = open[1]
				b := fenced{page: page, line: i + 1, language: open[2], claim: unmarked[page+" "+open[2]]}
				if claim := claimLine.FindStringSubmatch(before); claim != nil {
					b.claim = claim[1]
				}
				all = append(all, b)
			}
		}
		before = line
	}
	return all
}

// complaint says what is wrong with the claim of a block, where tests has the source of every test that there is.
func (b fenced) complaint(tests map[string]string) string {
	name, isTest := strings.CutPrefix(b.claim, "test: ")
	switch {
	case b.claim == "":
		return "no test runs it: see the comment of fenced in blocks_test.go"
	case b.claim == "text" && !slices.Contains([]string{"", "text", "mermaid"}, b.language):
		return "is no mere text but " + b.language
	case b.claim == "transcript" && b.language != "console":
		return "is a transcript but not console"
	case isTest && tests[name] == "":
		return "there is no test " + name
	case isTest && strings.HasSuffix(name, ".mjs") && !strings.Contains(tests[name], `"`+b.page+`"`): // of ours, unread knows
		return "the page is not named in " + name
	}
	return ""
}

// Whatever a page shows is run by a test, so that it is true. Whether that test has read it is looked at when all have run: unread.
func TestEveryBlockIsRun(t *testing.T) {
	t.Parallel()
	tests := map[string]string{}
	for _, pattern := range []string{"*_test.go", "../../sdk/typescript/test/*.test.mjs"} {
		files, err := filepath.Glob(pattern)
		check(t, err)
		for _, file := range files {
			text, err := os.ReadFile(file)
			check(t, err)
			tests[filepath.Base(file)] = string(text)
			for _, found := range regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`).FindAllStringSubmatch(string(text), -1) {
				tests[found[1]] = string(text)
			}
		}
	}
	all := everyBlock(t)
	for _, b := range all {
		if wrong := b.complaint(tests); wrong != "" {
			t.Errorf("%s: %s", b, wrong)
		}
	}
	if len(all) < 60 {
		t.Errorf("only %d blocks were found", len(all))
	}
}

func TestBlockThatNobodyRuns(t *testing.T) {
	t.Parallel()
	tests := map[string]string{"TestTold": "func TestTold", "told.test.mjs": `blocksOf("told.md")`, "mute.test.mjs": "blocksOf()"}
	for text, want := range map[string]string{
		"```sh\nls\n```": "no test runs it",
		"<!-- transcript -->\n\n```console\n$ ls\n```": "no test runs it",
		"1. Do\n   ```sh\n   ls\n   ```":               "no test runs it",
		"~~~\nls\n~~~":                                 "no test runs it",
		"````sh\n```\n````":                            "no test runs it",
		"<!-- text -->\n```sh\nls\n```":                "is no mere text",
		"<!-- transcript -->\n```sh\n$ ls\n```":        "is a transcript but not console",
		"<!-- test: TestNone -->\n```sh\nls\n```":      "there is no test TestNone",
		"<!-- test: none.test.mjs -->\n```ts\n```":     "there is no test none.test.mjs",
		"<!-- text -->\n```\na -> b\n```":              "",
		"<!-- text -->\n```mermaid\n```":               "",
		"<!-- transcript -->\n```console\n$ ls\n```":   "",
		"<!-- test: TestTold -->\n```sh\nls\n```":      "",
		"<!-- test: told.test.mjs -->\n```ts\n```":     "",
	} {
		blocks := blocksIn("told.md", text)
		if len(blocks) != 1 {
			t.Errorf("%d blocks in\n%s", len(blocks), text)
			continue
		}
		if got := blocks[0].complaint(tests); !strings.HasPrefix(got, want) || (got != "") != (want != "") {
			t.Errorf("%q of\n%s", got, text)
		}
	}
}

// everyBlock is what all pages show.
func everyBlock(t *testing.T) []fenced {
	t.Helper()
	all, err := findBlocks()
	check(t, err)
	return all
}

func findBlocks() ([]fenced, error) {
	var all []fenced
	root := os.DirFS("../..")
	err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		switch name := d.Name(); {
		case err != nil:
			return err
		case d.IsDir() && (name == "node_modules" || name == "testdata" || name == "dist" || strings.HasPrefix(name, ".") && name != "."):
			return fs.SkipDir
		case d.IsDir() || filepath.Ext(name) != ".md":
			return nil
		}
		text, err := fs.ReadFile(root, path)
		all = append(all, blocksIn(path, string(text))...)
		return err
	})
	return all, err
}

// read remembers the blocks that tests have taken, and the pages whose transcripts they have run.
var read struct {
	sync.Mutex
	blocks map[string]bool
}

func noteRead(what ...string) {
	read.Lock()
	defer read.Unlock()
	if read.blocks == nil {
		read.blocks = map[string]bool{}
	}
	for _, w := range what {
		read.blocks[w] = true
	}
}

// blocksOf takes the blocks of a page that say they are run by this test, or by the one that it is part of.
func blocksOf(t *testing.T, page string) []fenced {
	t.Helper()
	name, _, _ := strings.Cut(t.Name(), "/")
	mine := slices.DeleteFunc(everyBlock(t), func(b fenced) bool { return b.page != page || b.claim != "test: "+name })
	if len(mine) == 0 {
		t.Fatalf("%s has no block that is run by %s", page, name)
	}
	for _, b := range mine {
		noteRead(b.String())
	}
	return mine
}

// unread are the blocks that say they are run by a test of this package, and were not when all tests have run. Of a part of the tests
// nothing can be said.
func unread() []string {
	for _, part := range []string{"test.run", "test.skip", "test.list"} {
		if flag.Lookup(part).Value.String() != "" {
			return nil
		}
	}
	all, err := findBlocks()
	if err != nil {
		return []string{err.Error()}
	}
	var left []string
	for _, b := range all {
		byUs := b.claim == "transcript" && !read.blocks[b.page] || strings.HasPrefix(b.claim, "test: Test") && !read.blocks[b.String()]
		if byUs {
			left = append(left, b.String())
		}
	}
	return left
}
