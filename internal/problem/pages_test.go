package problem_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/latchkey-dev/latchkey/gen/api"
	"github.com/latchkey-dev/latchkey/internal/problem"
)

// Every code has a page in docs/errors, and what a page states can be held against the program: status, title and advice against
// codes.go, the metadata against every WithField in the source, the operations against the contract.

const pages = "../../docs/errors"

func TestEveryCodeHasItsPage(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(pages + "/*.md")
	if err != nil {
		t.Fatal(err)
	}
	var written, codes []string
	for _, f := range files {
		written = append(written, strings.TrimSuffix(filepath.Base(f), ".md"))
	}
	for _, c := range problem.Codes() {
		codes = append(codes, string(c))
	}
	slices.Sort(codes)
	if !slices.Equal(written, codes) {
		t.Errorf("the pages are of\n%v\nand the codes are\n%v", written, codes)
	}
}

func TestPagesSayWhatTheCodeSays(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([^)#]+)(#[^)]*)?\)`)
	carried := carriedFields(t)
	for _, code := range problem.Codes() {
		kind, text := problem.Lookup(code), page(t, code)
		if head := fmt.Sprintf("# %s\n\n**%d** · %s\n\n", code, kind.Status, kind.Title); !strings.HasPrefix(text, head) {
			t.Errorf("%s.md does not begin with\n%s", code, head)
		}
		if strings.Contains(text, "```") {
			t.Errorf("%s.md has a block that no test runs", code)
		}
		if advice := words(section(text, "What to do")); !strings.HasPrefix(advice, words(kind.Suggested)) {
			t.Errorf("%s.md does not advise %q first", code, kind.Suggested)
		}
		if len(words(section(text, "What it means"))) < 40 {
			t.Errorf("%s.md says too little of what it means", code)
		}
		var told []string
		for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\|").FindAllStringSubmatch(section(text, "Metadata"), -1) {
			told = append(told, row[1])
		}
		slices.Sort(told)
		if fields := slices.Sorted(maps.Keys(carried[code])); !slices.Equal(told, fields) {
			t.Errorf("%s.md tells of metadata %v, and the source puts in %v", code, told, fields)
		}
		for _, l := range link.FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join(pages, l[1])); err != nil {
				t.Errorf("%s.md: %v", code, err)
			}
		}
	}
}

// TestPagesNameTheOperations holds the section Where of each page against the contract. Both ways: an operation that is named lists
// the code's status, and each status of each operation is on the page of a code that has it.
func TestPagesNameTheOperations(t *testing.T) {
	t.Parallel()
	operations := contract(t)
	explained := map[string]bool{} // operation and status
	for _, code := range problem.Codes() {
		where := section(page(t, code), "Where")
		if where == "" {
			t.Errorf("%s.md does not say where", code)
		}
		for line := range strings.Lines(where) {
			bullet, ok := strings.CutPrefix(strings.TrimSpace(line), "- ")
			if !ok && strings.TrimSpace(line) != "" {
				t.Errorf("%s.md: not an item: %s", code, line)
			}
			who, remark, _ := strings.Cut(bullet, ": ")
			named, err := operations.named(who)
			if err != nil {
				t.Errorf("%s.md: %v", code, err)
			}
			status := strconv.Itoa(problem.Lookup(code).Status)
			if _, other, said := strings.Cut(remark, "with status "); said { // of a gateway, which knows few
				status = other[:3]
			}
			for _, id := range named {
				if operations[id].Responses.Value(status) == nil {
					t.Errorf("%s.md names %s, which does not answer %s", code, id, status)
				}
				explained[id+" "+status] = true
			}
		}
	}
	for id, op := range operations {
		for status := range op.Responses.Map() {
			if status >= "400" && !explained[id+" "+status] {
				t.Errorf("no page of a code with status %s names %s", status, id)
			}
		}
	}
}

// operation is one of the contract.
type operation struct {
	*openapi3.Operation
	method, path string
}

type operations map[string]operation

func contract(t *testing.T) operations {
	t.Helper()
	doc, err := api.GetSpec()
	if err != nil {
		t.Fatal(err)
	}
	all := operations{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			all[op.OperationID] = operation{op, method, path}
		}
	}
	return all
}

// groups are the ways in which pages speak of many operations.
var groups = map[string]func(operation) bool{
	"":                                   func(operation) bool { return true },
	" that takes a credential":           func(o operation) bool { return len(o.kinds()) > 0 },
	" that takes one kind of credential": func(o operation) bool { return len(o.kinds()) == 1 },
	" that takes an access key":          func(o operation) bool { return o.kinds()["access_key"] },
	" that asks for a permission":        func(o operation) bool { return o.Extensions["x-permission"] != "none" },
	" that can take a right away":        func(o operation) bool { return o.Extensions["x-withdraws"] == true },
	" that takes a body":                 func(o operation) bool { return o.RequestBody != nil },
	" that is not a GET":                 func(o operation) bool { return o.method != "GET" },
	" that is no probe":                  func(o operation) bool { return len(o.kinds()) > 0 || !slices.Contains(o.Tags, "health") },
	" with something named in its path":  func(o operation) bool { return strings.Contains(o.path, "{") },
}

// kinds are the credentials that an operation takes; HTTP Basic carries an access key.
func (o operation) kinds() map[string]bool {
	kinds := map[string]bool{}
	for _, way := range *o.Security {
		for scheme := range way {
			kinds[strings.TrimSuffix(scheme, "_basic")] = true
		}
	}
	return kinds
}

var code = regexp.MustCompile("`(\\w+)`")

// named gives the operations that an item of a section Where speaks of: "Every operation …, except `A`", "`A`, `B`", or "Any …" for
// what is no operation.
func (all operations) named(who string) ([]string, error) {
	if who == "" || strings.HasPrefix(who, "Any ") {
		return nil, nil
	}
	group, many := strings.CutPrefix(who, "Every operation")
	group, except, _ := strings.Cut(group, ", except ")
	listed := who
	if many {
		listed = except
	}
	var ids []string
	for _, match := range code.FindAllStringSubmatch(listed, -1) {
		if _, known := all[match[1]]; !known {
			return nil, fmt.Errorf("no such operation: %s", match[1])
		}
		ids = append(ids, match[1])
	}
	if !many {
		if len(ids) == 0 {
			return nil, fmt.Errorf("no operation in %q", who)
		}
		return ids, nil
	}
	belongs := groups[group]
	if belongs == nil {
		return nil, fmt.Errorf("nobody has said which operations those are: %q", who)
	}
	var members []string
	for id, o := range all {
		if belongs(o) && !slices.Contains(ids, id) {
			members = append(members, id)
		}
	}
	return members, nil
}

func page(t *testing.T, c problem.Code) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(pages, string(c)+".md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// section gives what stands under a heading of the second level.
func section(text, heading string) string {
	_, rest, _ := strings.Cut(text, "\n## "+heading+"\n")
	body, _, _ := strings.Cut(rest, "\n## ")
	return body
}

// words makes one space of each line end and run of spaces.
func words(s string) string { return strings.Join(strings.Fields(s), " ") }
