package permission_test

import (
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/latchkey-dev/latchkey/internal/permission"
	"github.com/latchkey-dev/latchkey/internal/permission/permissiontest"
)

func TestTruthTable(t *testing.T) {
	t.Parallel()
	for _, tc := range permissiontest.Cases {
		t.Run(tc.Say, func(t *testing.T) {
			t.Parallel()
			c, faults := permission.Compile(tc.Catalogue)
			if len(faults) > 0 {
				t.Fatalf("the catalogue has faults: %v", faults)
			}
			need, err := tc.Need(c)
			if !errors.Is(err, tc.Error) {
				t.Fatalf("error %v, want %v", err, tc.Error)
			}
			if err != nil {
				return
			}
			if need.Required != tc.Required || need.Route != tc.Route || need.Credits != tc.Credits {
				t.Errorf("it takes %q by route %q for %d credits, want %q, %q, %d", need.Required, need.Route, need.Credits, tc.Required, tc.Route, tc.Credits)
			}
			want := permission.Decision{Matched: tc.Matched, DeniedBy: tc.DeniedBy}
			if got := permission.Decide(keySet(tc.Key), permission.NewSet(tc.Owner...), need); got != want {
				t.Errorf("%+v, want %+v", got, want)
			}
		})
	}
}

// The table of the guide is true.
func TestTableOfTheGuide(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/permissions.md")
	if err != nil {
		t.Fatal(err)
	}
	_, file, _ := strings.Cut(string(text), "$ cat > api.yaml <<'END'\n")
	file, _, _ = strings.Cut(file, "> END")
	var d permission.Document
	if err := yaml.Unmarshal([]byte(strings.ReplaceAll(file, "> ", "")), &d); err != nil {
		t.Fatal(err)
	}
	c, faults := permission.Compile(d)
	if len(faults) > 0 {
		t.Fatalf("the catalogue of the guide has faults: %v", faults)
	}
	rows := regexp.MustCompile("(?m)^\\| (no list|`[^|]+`) \\| `([^|]+)` \\| ([A-Z]+) (/[^ ]*) \\| ([^|]+) \\|(?: `([^|]+)`)? \\|$").FindAllStringSubmatch(string(text), -1)
	if len(rows) < 15 {
		t.Fatalf("only %d rows", len(rows))
	}
	for _, row := range rows {
		var key *permission.Set
		if row[1] != "no list" {
			key = new(permission.NewSet(strings.Trim(row[1], "`")))
		}
		need, err := c.Request(row[3], row[4])
		answer := map[error]string{permission.ErrPath: "400", permission.ErrMethod: "400"}[err]
		if err == nil {
			answer = map[permission.Party]string{"": "yes", permission.ByKey: "no: key", permission.ByOwner: "no: owner"}[permission.Decide(key, permission.NewSet(row[2]), need).DeniedBy]
		}
		if answer != row[5] || need.Required != row[6] {
			t.Errorf("%s\nthe rule says %q, and that it takes %q", row[0], answer, need.Required)
		}
	}
}

// keySet is what a key has: nil is whatever its owner holds.
func keySet(names []string) *permission.Set {
	if names == nil {
		return nil
	}
	return new(permission.NewSet(names...))
}
