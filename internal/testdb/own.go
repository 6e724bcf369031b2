package testdb

import (
	"context"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/latchkey-dev/latchkey/internal/postgres"
	"github.com/latchkey-dev/latchkey/internal/postgres/embedded"
)

// Own is a server of one test alone, for tests that change its settings, copy it or promote it. It ends with the test, or
// with this process.
type Own struct {
	*embedded.Server
	t        testing.TB
	dir      string
	settings map[string]string
}

// NewOwn starts a server whose database has the newest schema. Settings are added to those that spare the disk.
func NewOwn(t testing.TB, settings map[string]string) *Own {
	t.Helper()
	o := &Own{t: t, dir: ownDir(t), settings: map[string]string{"fsync": "off", "shared_buffers": "16MB", "wal_keep_size": "64MB"}}
	maps.Copy(o.settings, settings)
	o.start()
	if _, _, err := postgres.Migrate(context.Background(), o.URL()); err != nil {
		t.Fatal(err)
	}
	return o
}

// ownDir is a folder that the server's user may pass through. Its name is short, for a socket will lie in it.
func ownDir(t testing.TB) string {
	t.Helper()
	f, err := newFolder()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.remove() })
	return f.path
}

func (o *Own) start() {
	o.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var err error
	o.Server, err = embedded.Start(ctx, embedded.Config{Dir: o.dir, Settings: o.settings})
	if err != nil {
		o.t.Fatal(err)
	}
	o.t.Cleanup(func() { _ = o.Stop(stopGrace) })
}

// Standby starts a copy that follows o.
func (o *Own) Standby() *Own {
	o.t.Helper()
	u, err := url.Parse(o.URL())
	if err != nil {
		o.t.Fatal(err)
	}
	password, _ := u.User.Password()
	tmp, copied := ownDir(o.t), &Own{t: o.t, dir: ownDir(o.t), settings: o.settings}
	data := filepath.Join(tmp, "pgdata")
	bin, err := embedded.FindBin("", 0)
	if err != nil {
		o.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "pg_basebackup"), "-h", u.Query().Get("host"), "-p", u.Query().Get("port"), "-U", u.User.Username(),
		"-D", data, "-R", "-X", "stream", "-c", "fast", "--no-sync")
	cmd.Env = append(os.Environ(), "PGPASSWORD="+password)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: serverUser(o.t, tmp)}
	if out, err := cmd.CombinedOutput(); err != nil {
		o.t.Fatalf("pg_basebackup: %v: %s", err, out)
	}
	if err := os.Rename(data, filepath.Join(copied.dir, "pgdata")); err != nil {
		o.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(copied.dir, "password"), []byte(password+"\n"), 0o600); err != nil {
		o.t.Fatal(err)
	}
	copied.start()
	return copied
}

// serverUser gives dir to whom the server runs as, who is never root.
func serverUser(t testing.TB, dir string) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		u, err = user.Lookup("nobody")
	}
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.ParseUint(u.Uid, 10, 32)
	gid, _ := strconv.ParseUint(u.Gid, 10, 32)
	if err := os.Chown(dir, int(uid), int(gid)); err != nil {
		t.Fatal(err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
}

// Followed waits until standby has all that o has.
func (o *Own) Followed(standby *Own) {
	o.t.Helper()
	lsn := o.ask("SELECT pg_current_wal_lsn()::text")
	for deadline := time.Now().Add(patience); standby.ask("SELECT (pg_last_wal_replay_lsn() >= '"+lsn+"')::text") != "true"; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			o.t.Fatal("the standby does not follow")
		}
	}
}

// Promote makes a standby a primary. The one that it followed goes on as if nothing had happened.
func (o *Own) Promote() {
	o.t.Helper()
	if o.ask("SELECT pg_promote(true, 60)::text") != "true" {
		o.t.Fatal("the standby was not promoted")
	}
}

// Set changes a setting of the server and waits until it holds. Nothing is logged for it, so no standby has to confirm it.
func (o *Own) Set(name, value string) {
	o.t.Helper()
	o.ask("ALTER SYSTEM SET " + name + " = '" + value + "'")
	o.ask("SELECT pg_reload_conf()::text")
	for deadline := time.Now().Add(patience); o.ask("SELECT current_setting('"+name+"')") != value; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			o.t.Fatalf("%s is not %s", name, value)
		}
	}
}

// ask runs a statement on a connection of its own, and gives what the first row says, if there is one.
func (o *Own) ask(sql string) string {
	o.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, o.URL())
	if err != nil {
		o.t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	rows, _ := conn.Query(ctx, sql)
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		o.t.Fatalf("%s: %v", sql, err)
	}
	if len(all) == 0 {
		return ""
	}
	return all[0]
}
