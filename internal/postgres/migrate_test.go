package postgres_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/latchkey-dev/latchkey/db"
	"github.com/latchkey-dev/latchkey/internal/postgres"
	"github.com/latchkey-dev/latchkey/internal/testdb"
)

func migrate(t *testing.T, u string, from, to int) {
	t.Helper()
	gotFrom, gotTo, err := postgres.Migrate(t.Context(), u)
	if err != nil {
		t.Fatal(err)
	}
	if gotFrom != from || gotTo != to {
		t.Fatalf("Migrate went from %d to %d, want from %d to %d", gotFrom, gotTo, from, to)
	}
	expectVersion(t, u, to, false)
}

func migrateTo(t *testing.T, u string, version int) {
	t.Helper()
	if err := postgres.MigrateTo(t.Context(), u, version); err != nil {
		t.Fatal(err)
	}
	expectVersion(t, u, version, false)
}

func expectVersion(t *testing.T, u string, version int, dirty bool) {
	t.Helper()
	gotVersion, gotDirty, floor, err := postgres.Version(t.Context(), u)
	if err != nil {
		t.Fatal(err)
	}
	if gotVersion != version || gotDirty != dirty {
		t.Fatalf("the schema has version %d, dirty %v; want %d, %v", gotVersion, gotDirty, version, dirty)
	}
	if floor > version || (floor < 1) != (version == 0) {
		t.Errorf("the floor is %d at version %d", floor, version)
	}
}

func dump(t *testing.T, u string) string {
	t.Helper()
	s, err := testdb.Dump(t.Context(), u)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// expectSchema compares with the schema that a migration without any fault makes.
func expectSchema(t *testing.T, u string) {
	t.Helper()
	if got, want := dump(t, u), dump(t, testdb.New(t)); got != want {
		t.Errorf("the schema is\n%s\nwant\n%s", got, want)
	}
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	u := testdb.Empty(t)
	expectVersion(t, u, 0, false)
	migrate(t, u, 0, db.Newest())
	migrate(t, u, db.Newest(), db.Newest())
}

func TestMigrateNeedsNoRightsWhereNothingIsToBeDone(t *testing.T) {
	t.Parallel()
	u := testdb.New(t)
	reader := role(t, u, "")
	name := "role_" + database(u)
	exec1(t, connect(t, u), "GRANT SELECT ON schema_state, schema_migrations TO "+name)
	migrate(t, with(reader, "default_transaction_read_only", "on"), db.Newest(), db.Newest())
}

func TestMigrateToGoesUpDownAndUpTheSameWay(t *testing.T) {
	t.Parallel()
	u := testdb.Empty(t)
	up := make([]string, db.Newest()+1)
	for v := range up {
		migrateTo(t, u, v)
		up[v] = dump(t, u)
		if v > 0 && up[v] == up[v-1] {
			t.Errorf("migration %d changes nothing", v)
		}
	}
	for v := db.Newest(); v >= 0; v-- {
		migrateTo(t, u, v)
		if got := dump(t, u); got != up[v] {
			t.Errorf("down to %d leaves\n%s\nwant\n%s", v, got, up[v])
		}
	}
	for v := range up {
		migrateTo(t, u, v)
		if got := dump(t, u); got != up[v] {
			t.Errorf("up again to %d makes\n%s\nwant\n%s", v, got, up[v])
		}
	}
	migrateTo(t, u, 0)
	migrateTo(t, u, 0)
	migrateTo(t, u, db.Newest())
	if got := dump(t, u); got != up[db.Newest()] {
		t.Errorf("in one go it makes\n%s\nwant\n%s", got, up[db.Newest()])
	}
}

func TestMigrateToRefusesVersionsThatAreNotThere(t *testing.T) {
	t.Parallel()
	u := testdb.New(t)
	for _, version := range []int{-1, db.Newest() + 1} {
		err := postgres.MigrateTo(t.Context(), u, version)
		if err == nil || !strings.Contains(err.Error(), strconv.Itoa(version)) {
			t.Errorf("MigrateTo %d: %v", version, err)
		}
	}
	expectVersion(t, u, db.Newest(), false)
}

func TestMigrateInManyInstancesAtOnce(t *testing.T) {
	t.Parallel()
	u := testdb.Empty(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	froms := map[int]int{}
	for range 4 {
		wg.Go(func() {
			from, to, err := postgres.Migrate(t.Context(), u)
			if err != nil || to != db.Newest() {
				t.Errorf("Migrate goes to %d: %v", to, err)
			}
			mu.Lock()
			defer mu.Unlock()
			froms[from]++
		})
	}
	wg.Wait()
	if froms[0] != 1 || froms[db.Newest()] != 3 {
		t.Errorf("went from versions %v, want once from 0", froms)
	}
	expectSchema(t, u)
}

// newer makes the schema look as a future migration would leave it.
func newer(t *testing.T, u string, floor int) {
	t.Helper()
	c := connect(t, u)
	exec1(t, c, "CREATE TABLE future ()")
	exec1(t, c, "UPDATE schema_state SET version = $1, floor = $2", db.Newest()+1, floor)
	exec1(t, c, "UPDATE schema_migrations SET version = $1", db.Newest()+1)
}

func TestSchemaNewerThanTheProgram(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		floor  int
		served bool
	}{
		{"is served if it allows this version", db.Newest(), true},
		{"is served if it allows older versions", 1, true},
		{"is refused if it needs a newer version", db.Newest() + 1, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			u := testdb.New(t)
			newer(t, u, tc.floor)
			before := dump(t, u)
			from, to, err := postgres.Migrate(t.Context(), u)
			if tc.served && (err != nil || from != db.Newest()+1 || to != db.Newest()+1) {
				t.Errorf("Migrate goes from %d to %d: %v", from, to, err)
			}
			if !tc.served {
				expectTooNew(t, err)
			}
			expectTooNew(t, postgres.MigrateTo(t.Context(), u, db.Newest()))
			expectVersion(t, u, db.Newest()+1, false)
			if got := dump(t, u); got != before {
				t.Errorf("the schema became\n%s", got)
			}
		})
	}
}

func expectTooNew(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, postgres.ErrSchemaTooNew) {
		t.Fatalf("%v, want ErrSchemaTooNew", err)
	}
	for _, part := range []string{"version " + strconv.Itoa(db.Newest()+1), strconv.Itoa(db.Newest()), "Latchkey"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not mention %q", err, part)
		}
	}
}

// A newer instance died in the step after ours, or is in the middle of it: what counts is what was committed.
func TestNewerMigrationThatWasCutOff(t *testing.T) {
	t.Parallel()
	u := testdb.New(t)
	exec1(t, connect(t, u), "UPDATE schema_migrations SET version = $1, dirty = true", db.Newest()+1)
	expectVersion(t, u, db.Newest(), true)
	migrate(t, u, db.Newest(), db.Newest())
}

func TestDatabaseOfSomebodyElseIsLeftAlone(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, sql, undo string }{
		{"with golang-migrate's table", "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean);" +
			"INSERT INTO schema_migrations VALUES (37, false)", "DROP TABLE schema_migrations"},
		{"with golang-migrate's table, dirty", "CREATE TABLE schema_migrations (version bigint PRIMARY KEY, dirty boolean);" +
			"INSERT INTO schema_migrations VALUES (37, true)", "DROP TABLE schema_migrations"},
		{"with Rails' table", "CREATE TABLE schema_migrations (version varchar PRIMARY KEY)", "DROP TABLE schema_migrations"},
		{"with a table of the same name", "CREATE TABLE account ()", "DROP TABLE account"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			u := testdb.Empty(t)
			c := connect(t, u)
			exec1(t, c, tc.sql)
			before := dump(t, u)
			_, _, err := postgres.Migrate(t.Context(), u)
			if err == nil || strings.Contains(err.Error(), "CREATE TABLE") {
				t.Errorf("Migrate says %v", err)
			}
			if got := dump(t, u); got != before {
				t.Errorf("the schema became\n%s", got)
			}
			if strings.Contains(tc.sql, "37") && query1[int](t, c, "SELECT version FROM schema_migrations") != 37 {
				t.Error("the other application's version is lost")
			}
			exec1(t, c, tc.undo)
			migrate(t, u, 0, db.Newest())
		})
	}
}

// hold takes what migration v needs at its end: what it has done until then is what a fault may leave half-way.
func hold(t *testing.T, u string, v int) pgx.Tx {
	t.Helper()
	tx, err := connect(t, u).Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	sql := "SELECT FROM schema_state FOR UPDATE"
	if v == 1 {
		sql = "CREATE TABLE sign_in_attempt ()"
	}
	if _, err := tx.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback(context.Background()) })
	return tx
}

func release(t *testing.T, tx pgx.Tx) {
	t.Helper()
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
}
