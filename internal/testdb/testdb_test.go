package testdb_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/latchkey-dev/latchkey/db"
	"github.com/latchkey-dev/latchkey/internal/postgres"
	"github.com/latchkey-dev/latchkey/internal/testdb"
)

// child, in the environment, makes this program run TestInChild alone, in the way that is named.
const child = "LATCHKEY_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(child) == "without Main" {
		os.Exit(m.Run())
	}
	testdb.Main(m)
}

func TestDatabasesAreFreshAndApart(t *testing.T) {
	t.Parallel()
	for range 4 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			pool := testdb.Pool(t)
			tag, err := pool.Exec(t.Context(), "UPDATE schema_state SET floor = 0 WHERE version = $1 AND floor > 0", db.Newest())
			if err != nil || tag.RowsAffected() != 1 {
				t.Errorf("not a fresh database with the newest schema: %s, %v", tag, err)
			}
		})
	}
}

func TestEmptyHasNoSchema(t *testing.T) {
	t.Parallel()
	version, _, _, err := postgres.Version(t.Context(), testdb.Empty(t))
	if err != nil || version != 0 {
		t.Errorf("version %d, %v; want 0", version, err)
	}
}

func TestDatabaseIsDroppedThoughSomebodyIsConnected(t *testing.T) {
	t.Parallel()
	url := ""
	var conn *pgx.Conn
	t.Run("test", func(t *testing.T) {
		url = testdb.New(t)
		var err error
		if conn, err = pgx.Connect(context.Background(), url); err != nil {
			t.Fatal(err)
		}
	})
	defer func() { _ = conn.Close(context.Background()) }()
	if err := conn.Ping(t.Context()); err == nil {
		t.Error("the connection is still good")
	}
	_, err := pgx.Connect(t.Context(), url)
	if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || pg.Code != "3D000" {
		t.Errorf("%v, want SQLSTATE 3D000: no such database", err)
	}
}

// TestInChild is what the process of TestMainEndsWell runs.
func TestInChild(t *testing.T) {
	t.Parallel()
	way := os.Getenv(child)
	if way == "" {
		return
	}
	if way != "no database" {
		testdb.New(t)
	}
	switch way {
	case "failing":
		t.Error("as it was told")
	case "panicking":
		panic("as it was told")
	case "killed":
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	}
}

func TestMainEndsWell(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		way  string
		exit int
		says string
	}{
		{"passing", 0, "PASS"},
		{"failing", 1, "as it was told"},
		{"panicking", 2, "as it was told"},
		{"killed", -1, ""},
		{"no database", 0, "PASS"},
		{"without Main", 1, "call testdb.Main from TestMain"},
	} {
		t.Run(tc.way, func(t *testing.T) {
			t.Parallel()
			if os.Getenv(child) != "" {
				return
			}
			tmp, err := os.MkdirTemp("", "main") // t.TempDir is too long for a socket on some systems
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.RemoveAll(tmp) })
			if err := os.Chmod(tmp, 0o711); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(os.Args[0], "-test.run=^TestInChild$")
			cmd.Env = append(os.Environ(), child+"="+tc.way, "TMPDIR="+tmp)
			out, _ := cmd.CombinedOutput()
			if got := cmd.ProcessState.ExitCode(); got != tc.exit {
				t.Errorf("exit code %d, want %d: %s", got, tc.exit, out)
			}
			if !strings.Contains(string(out), tc.says) {
				t.Errorf("it says %s, want %q", out, tc.says)
			}
			expectEmpty(t, tmp)
		})
	}
}

// expectEmpty waits: the folder of a process that was cut off goes a moment later.
func expectEmpty(t *testing.T, dir string) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(time.Minute)
	for {
		left, err := os.ReadDir(dir)
		if err == nil && len(left) == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("left behind: %v, %v", left, err)
		}
	}
}

func TestDumpIsTheSchemaAndNothingElse(t *testing.T) {
	t.Parallel()
	schema, err := testdb.Dump(t.Context(), testdb.New(t))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(schema) {
		for _, start := range []string{"--", `\`, "SET", "SELECT", "GRANT"} {
			if strings.HasPrefix(line, start) {
				t.Errorf("there is a line %q", line)
			}
		}
	}
	for _, part := range []string{"CREATE TABLE public.access_key", "role_name_key"} {
		if !strings.Contains(schema, part) {
			t.Errorf("there is no %q", part)
		}
	}
	if strings.Contains(schema, "schema_migrations") || strings.Contains(schema, "\n\n\n") {
		t.Error("there is golang-migrate's table, or a gap")
	}
}

func TestDumpSaysWhatPgDumpDoes(t *testing.T) {
	t.Parallel()
	_, err := testdb.Dump(t.Context(), "postgres://u:p@127.0.0.1:1/d")
	if err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("%v, want what pg_dump says", err)
	}
}
