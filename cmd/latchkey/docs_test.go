package main_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSecurityModelNamesWhatThereIs holds docs/security-model.md against the repository: what it says is tested has a test of that
// name, and the files that it names are there.
func TestSecurityModelNamesWhatThereIs(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/security-model.md")
	check(t, err)
	page, tests := string(text), testNames(t)
	named := regexp.MustCompile("`(Test[A-Za-z0-9]+)`").FindAllStringSubmatch(page, -1)
	if len(named) < 50 {
		t.Errorf("the page names %d tests", len(named))
	}
	for _, n := range named {
		if !tests[n[1]] {
			t.Errorf("there is no test %s", n[1])
		}
	}
	for _, f := range regexp.MustCompile("`((?:internal|web|scripts|cmd|docs)/[a-z./-]+)`").FindAllStringSubmatch(page, -1) {
		if _, err := os.Stat("../../" + f[1]); err != nil {
			t.Error(err)
		}
	}
	if strings.Contains(page, "```") {
		t.Error("the page has a block that no test runs")
	}
}

// TestComparisonHasItsSources sees that whatever a table of docs/comparison.md says of another product has a link, or says that nothing
// was found.
func TestComparisonHasItsSources(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/comparison.md")
	check(t, err)
	cells := 0
	for line := range strings.Lines(string(text)) {
		row := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		way := strings.TrimSpace(row[0])
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|---") || way == "way" || way == "Latchkey" || way == "A table of your own" {
			continue
		}
		for _, cell := range row[1:] {
			if cells++; !strings.Contains(cell, "](https://") && !strings.Contains(cell, "not documented where we looked") {
				t.Errorf("%s: no source for%s", way, cell)
			}
		}
	}
	if cells < 60 {
		t.Errorf("%d cells", cells)
	}
}

// testNames gives the tests of every Go module of this repository.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func (Test[A-Za-z0-9]+)\(`)
	check(t, filepath.WalkDir("../..", func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir() && (e.Name() == "node_modules" || e.Name() == ".git"):
			return filepath.SkipDir
		case e.IsDir() || !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		source, err := os.ReadFile(path)
		for _, m := range declared.FindAllStringSubmatch(string(source), -1) {
			names[m[1]] = true
		}
		return err
	}))
	return names
}
