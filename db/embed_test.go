package db_test

import (
	"fmt"
	"io/fs"
	"regexp"
	"testing"

	"github.com/latchkey-dev/latchkey/db"
)

func TestMigrationsAreNumberedWithoutGapsAndHaveAWayBack(t *testing.T) {
	t.Parallel()
	names, err := fs.Glob(db.Migrations(), "*")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	shape := regexp.MustCompile(`^(\d{4})_[a-z0-9_]+\.(up|down)\.sql$`)
	for _, name := range names {
		m := shape.FindStringSubmatch(name)
		if m == nil {
			t.Fatalf("%s is not named NNNN_name.up.sql or NNNN_name.down.sql", name)
		}
		found[m[1]+m[2]]++
	}
	for v := 1; v <= db.Newest(); v++ {
		for _, way := range []string{"up", "down"} {
			if n := found[fmt.Sprintf("%04d%s", v, way)]; n != 1 {
				t.Errorf("version %d has %d files %s, want 1", v, n, way)
			}
		}
	}
	if len(names) != 2*db.Newest() || len(names) == 0 {
		t.Errorf("%d files, want 2 for each of %d versions", len(names), db.Newest())
	}
}

// A migration that was cut off is told from one that finished by whether its one transaction was committed.
func TestMigrationsAreOneTransactionEach(t *testing.T) {
	t.Parallel()
	names, err := fs.Glob(db.Migrations(), "*")
	if err != nil {
		t.Fatal(err)
	}
	breaks := regexp.MustCompile(`(?im)^\s*(BEGIN|COMMIT|ROLLBACK|START TRANSACTION|VACUUM|ALTER SYSTEM)\b|\bCONCURRENTLY\b`)
	for _, name := range names {
		content, err := fs.ReadFile(db.Migrations(), name)
		if err != nil {
			t.Fatal(err)
		}
		if s := breaks.Find(content); s != nil {
			t.Errorf("%s has %q, which cannot be in one transaction with the rest", name, s)
		}
	}
}
