package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/latchkey-dev/latchkey/db"
	"github.com/latchkey-dev/latchkey/internal/postgres"
	"github.com/latchkey-dev/latchkey/internal/problem"
	"github.com/latchkey-dev/latchkey/internal/testdb"
)

// noChance makes every pause the longest.
var noChance io.Reader = iotest.ErrReader(io.EOF)

// journal is a log handler that hands over each record as text.
type journal chan string

func (j journal) Enabled(context.Context, slog.Level) bool { return true }
func (j journal) WithAttrs([]slog.Attr) slog.Handler       { return j }
func (j journal) WithGroup(string) slog.Handler            { return j }

func (j journal) Handle(_ context.Context, r slog.Record) error {
	text := r.Level.String() + " " + r.Message
	r.Attrs(func(a slog.Attr) bool {
		text += " | " + a.String()
		return true
	})
	j <- text
	return nil
}

// next returns the next record, which must hold all of parts.
func (j journal) next(t *testing.T, parts ...string) {
	t.Helper()
	select {
	case text := <-j:
		for _, part := range parts {
			if !strings.Contains(text, part) {
				t.Fatalf("the log says %q, want %q in it", text, part)
			}
		}
	case <-time.After(time.Minute):
		t.Fatalf("the log says nothing, want %q", parts)
	}
}

// run starts Readiness.Run. The test ends after it.
func run(t *testing.T, u string, migrate bool) (*postgres.Readiness, journal, chan error) {
	t.Helper()
	r, j, ended := postgres.NewReadiness(noChance), make(journal, 100), make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { ended <- r.Run(ctx, u, migrate, slog.New(j)) })
	t.Cleanup(func() {
		cancel()
		wg.Wait()
	})
	return r, j, ended
}

func expectReady(t *testing.T, r *postgres.Readiness, j journal, ended <-chan error) {
	t.Helper()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	select {
	case <-r.Ready():
	default:
		t.Error("Run has ended and Ready is not closed")
	}
	if err := r.Err(); err != nil {
		t.Errorf("Err = %v, want nil", err)
	}
	if len(j) != 0 {
		t.Errorf("the log goes on with %q", <-j)
	}
}

func expectStarting(t *testing.T, r *postgres.Readiness) {
	t.Helper()
	select {
	case <-r.Ready():
		t.Error("Ready is closed")
	default:
	}
	p, ok := errors.AsType[*problem.Error](r.Err())
	if !ok || p.Code != problem.Starting || p.RetryAfter <= 0 {
		t.Errorf("Err = %v, want %s with a time to wait", r.Err(), problem.Starting)
	}
}

// door is a server's socket in another place, which the test opens when it likes.
type door struct {
	dir   string
	knock chan struct{} // receives one for each connection that was turned away

	mu   sync.Mutex
	open bool
}

// through returns u with the door in place of the server.
func (d *door) through(u string) string { return with(u, "host", d.dir) }

// install puts the door in place. Until it is opened, those who come in are turned away.
func (d *door) install(t *testing.T, u string) {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(d.dir, ".s.PGSQL.5432"))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() {
		_ = l.Close()
		wg.Wait()
	})
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { d.answer(c, filepath.Join(host(u), ".s.PGSQL.5432")) })
		}
	})
}

func (d *door) answer(c net.Conn, server string) {
	defer func() { _ = c.Close() }()
	d.mu.Lock()
	open := d.open
	d.mu.Unlock()
	if !open {
		_, _ = c.Read(make([]byte, 1<<10)) // what is unread would make a reset of the end
		d.knock <- struct{}{}
		return
	}
	s, err := net.Dial("unix", server)
	if err != nil {
		return
	}
	defer func() { _ = s.Close() }()
	go func() {
		_, _ = io.Copy(s, c)
		_ = s.Close()
	}()
	_, _ = io.Copy(c, s)
}

func (d *door) unlock() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open = true
}

func newDoor(t *testing.T) *door {
	t.Helper()
	dir, err := os.MkdirTemp("", "door") // t.TempDir is too long for a socket on some systems
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return &door{dir: dir, knock: make(chan struct{}, 1000)}
}

func TestReadinessWaitsForADatabaseThatComesLater(t *testing.T) {
	t.Parallel()
	u := testdb.Empty(t)
	d := newDoor(t)
	r, j, ended := run(t, d.through(u), true)
	j.next(t, "WARN database not ready", "cause=dial unix", d.dir, "no such file", "next=start PostgreSQL")
	expectStarting(t, r)

	d.install(t, u)
	j.next(t, "WARN database not ready", "cause=", "EOF")
	for range 3 { // the same cause, again and again, is one line
		<-d.knock
	}
	expectStarting(t, r)

	d.unlock()
	j.next(t, "INFO schema migrated", "from=0")
	j.next(t, "INFO database ready")
	expectReady(t, r, j, ended)
	expectVersion(t, u, db.Newest(), false)
}

func TestReadinessWaitsForSomebodyElseToMigrate(t *testing.T) {
	t.Parallel()
	u := testdb.Empty(t)
	old := db.Newest() - 1
	migrateTo(t, u, old)
	r, j, ended := run(t, u, false)
	j.next(t, "WARN", "too old", fmt.Sprintf("version %d", old), "next=run latchkey migrate")
	expectStarting(t, r)
	expectVersion(t, u, old, false)
	migrateTo(t, u, db.Newest())
	j.next(t, "INFO database ready")
	expectReady(t, r, j, ended)
}

func TestReadinessTakesOverFromAnInstanceThatWasCutOff(t *testing.T) {
	t.Parallel()
	u := testdb.Empty(t)
	conn := connect(t, u)
	tx := hold(t, u, 1)
	r, j, ended := run(t, patient(u), true)
	exec1(t, conn, "SELECT pg_terminate_backend($1)", waitsForLock(t, conn))
	j.next(t, "WARN", "version 1", "57P01", "next=")
	expectStarting(t, r)
	release(t, tx)
	j.next(t, "INFO schema migrated", "from=0")
	j.next(t, "INFO database ready")
	expectReady(t, r, j, ended)
}

func TestReadinessWithNewerSchema(t *testing.T) {
	t.Parallel()
	for _, migrate := range []bool{true, false} {
		t.Run(map[bool]string{true: "migrating", false: "looking"}[migrate], func(t *testing.T) {
			t.Parallel()
			u := testdb.New(t)
			newer(t, u, 1)
			r, j, ended := run(t, u, migrate)
			j.next(t, "INFO database ready")
			expectReady(t, r, j, ended)

			exec1(t, connect(t, u), "UPDATE schema_state SET floor = version")
			r, j, ended = run(t, u, migrate)
			expectTooNew(t, <-ended)
			expectStarting(t, r)
			if len(j) != 0 {
				t.Errorf("logs %q and returns it, too", <-j)
			}
		})
	}
}

func TestReadinessGivesUpOnAURLThatCannotBeRead(t *testing.T) {
	t.Parallel()
	_, _, ended := run(t, "postgres://u:p@host:port/d", true)
	if err := <-ended; !errors.Is(err, postgres.ErrURL) {
		t.Errorf("Run returns %v, want ErrURL", err)
	}
}

func TestReadinessEndsWithItsContext(t *testing.T) {
	t.Parallel()
	r := postgres.NewReadiness(noChance)
	j := make(journal, 100)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx, "postgres://u:p@127.0.0.1:1/d", true, slog.New(j)) }()
	j.next(t, "WARN", "dial tcp 127.0.0.1:1", "refused")
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run returns %v, want nil", err)
	}
	expectStarting(t, r)
	if len(j) != 0 {
		t.Errorf("logs its own end: %q", <-j)
	}
}

func TestReadinessEndsWithItsContextInTheMiddleOfAMigration(t *testing.T) {
	t.Parallel()
	u := testdb.Empty(t)
	hold(t, u, 1)
	j := make(journal, 100)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- postgres.NewReadiness(noChance).Run(ctx, patient(u), true, slog.New(j)) }()
	waitsForLock(t, connect(t, u))
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run returns %v, want nil", err)
	}
	if len(j) != 0 {
		t.Errorf("logs its own end: %q", <-j)
	}
}

func TestReadinessSaysWhatToDo(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		fault func(t *testing.T, u string) string
		cause string
		next  string
	}{
		{"wrong password", func(_ *testing.T, u string) string { return as(u, "nobody_here", "hunter2") },
			"SQLSTATE 28P01", "correct user, password"},
		{"no such database", func(_ *testing.T, u string) string { return strings.Replace(u, database(u), "gone", 1) },
			"SQLSTATE 3D000", "create the database"},
		{"no such host", func(*testing.T, string) string { return "postgres://u:hunter2@latchkey.invalid/d" },
			"latchkey.invalid", "host name"},
		{"nobody there", func(*testing.T, string) string { return "postgres://u:hunter2@127.0.0.1:1/d" },
			"dial tcp 127.0.0.1:1", "start PostgreSQL"},
		{"no answer", func(t *testing.T, _ string) string { return deaf(t) + "&connect_timeout=1" },
			"timeout", "firewall"},
		{"too many connections", func(t *testing.T, u string) string {
			u = role(t, u, "CONNECTION LIMIT 1")
			connect(t, u)
			return u
		}, "SQLSTATE 53300", "free connections"},
		{"read-only", func(_ *testing.T, u string) string { return with(u, "default_transaction_read_only", "on") },
			"SQLSTATE 25006", "primary"},
		{"no right to create", func(t *testing.T, u string) string { return role(t, u, "") },
			"SQLSTATE 42501", "grant the role CREATE"},
		{"tables of somebody else", func(t *testing.T, u string) string {
			exec1(t, connect(t, u), "CREATE TABLE account ()")
			return u
		}, "migrate schema to version 1", "database of Latchkey's own"},
		{"an instance that migrates", func(t *testing.T, u string) string {
			hold(t, u, 1)
			startChild(t, patient(u))
			waitsForLock(t, connect(t, u))
			return with(u, "lock_timeout", "50ms")
		}, "another instance holds", "wait until"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, j, _ := run(t, tc.fault(t, testdb.Empty(t)), true)
			select {
			case text := <-j:
				cause, next, _ := strings.Cut(text, "next=")
				if !strings.HasPrefix(text, "WARN") || !strings.Contains(cause, tc.cause) || !strings.Contains(next, tc.next) {
					t.Errorf("the log says %q, want cause %q and next %q", text, tc.cause, tc.next)
				}
				if strings.Contains(text, "hunter2") || strings.Contains(text, "\n") {
					t.Errorf("the log shows a password, or takes more than a line: %q", text)
				}
			case <-time.After(time.Minute):
				t.Error("the log says nothing")
			}
		})
	}
}

// deaf returns the URL of a server that accepts connections and never says a word.
func deaf(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return "postgres://u:hunter2@" + l.Addr().String() + "/d?sslmode=disable"
}

func TestJitter(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		chance []byte
		want   time.Duration
	}{
		{"half at least", []byte{0}, time.Second},
		{"all at most", []byte{255}, 2 * time.Second},
		{"all without chance", nil, 2 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := postgres.Jitter(bytes.NewReader(tc.chance), 2*time.Second); got != tc.want {
				t.Errorf("waits %s, want %s", got, tc.want)
			}
		})
	}
}
