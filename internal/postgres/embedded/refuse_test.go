package embedded

import (
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestPathTooLong(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	room := maxSocketPath - len("/run/"+socketName)
	fits := filepath.Join(dir, strings.Repeat("x", room-len(dir)-1))
	if _, err := newLayout(fits); err != nil {
		t.Errorf("path that fits: %v", err)
	}
	for _, long := range []string{fits + "x", filepath.Join(dir, strings.Repeat("x", 300))} {
		if msg := refused(t, quick(long), ErrPathTooLong); !strings.Contains(msg, "LATCHKEY_DATA_DIR") {
			t.Errorf("message has no next step: %s", msg)
		}
	}
	if exists(dir) {
		t.Error("something was made")
	}
}

func TestPathThatCannotBe(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{"", "relative", "/tmp/with,comma"} {
		if msg := refused(t, quick(dir), nil); !strings.Contains(msg, "LATCHKEY_DATA_DIR") {
			t.Errorf("message has no next step: %s", msg)
		}
	}
}

func TestOddPathBehindSymbolicLink(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	odd := filepath.Join(filepath.Dir(dir), `it's "100%" [o]dd?`)
	if err := os.Mkdir(odd, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(odd, dir); err != nil {
		t.Fatal(err)
	}
	s := start(t, quick(filepath.Join(dir, "a/b")))
	execute(t, s.URL(), keep)
	wantValue(t, s.URL(), "show data_directory", filepath.Join(odd, "a/b/pgdata"))
	stop(t, s)
	if err := os.Mkdir(filepath.Join(odd, "a/b/initdb-left"), 0o700); err != nil {
		t.Fatal(err)
	}
	wantValue(t, start(t, quick(filepath.Join(dir, "a/b"))).URL(), "select v from kept", "here")
	if found(dir + "/a/b/initdb-*") {
		t.Error("half-made data is still there")
	}
}

func TestOtherMajorVersion(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	bin, err := FindBin("", 0)
	if err != nil {
		t.Fatal(err)
	}
	p, err := probe(t.Context(), bin, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "pgdata"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "pgdata/PG_VERSION"), []byte("99\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := snapshot(t, dir)
	c := quick(dir)
	c.BinDir = bin
	msg := refused(t, c, ErrMajorVersion)
	for _, want := range []string{"version 99", "version " + strconv.Itoa(p.major), "install PostgreSQL 99"} {
		if !strings.Contains(msg, want) {
			t.Errorf("message lacks %q: %s", want, msg)
		}
	}
	if after := snapshot(t, dir); after != before {
		t.Errorf("data was touched: before %s after %s", before, after)
	}
}

func TestProgramsAreMissing(t *testing.T) {
	t.Parallel()
	c := quick(folder(t))
	c.BinDir = t.TempDir()
	want := "PostgreSQL server programs not found in " + c.BinDir +
		": name the folder of initdb and postgres or set LATCHKEY_DATABASE_URL"
	if msg := refused(t, c, ErrNotInstalled); msg != want {
		t.Errorf("got %s, want %s", msg, want)
	}
	if exists(c.Dir) {
		t.Error("something was made")
	}
}

func TestMissingSaysWhatToInstall(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		major, found int
		want         string
	}{
		{0, 0, "PostgreSQL server programs not found: install them (Debian: apt-get install postgresql, " +
			"macOS: brew install postgresql@17) or set LATCHKEY_DATABASE_URL"},
		{16, 0, "PostgreSQL server programs not found: install PostgreSQL 16 (Debian: apt-get install postgresql-16, " +
			"macOS: brew install postgresql@16), the version of the data"},
		{16, 15, "wrong PostgreSQL version: the data is of version 16, the programs found are of version 15: " +
			"install PostgreSQL 16 (Debian: apt-get install postgresql-16, macOS: brew install postgresql@16)"},
		{0, 12, "wrong PostgreSQL version: the programs found are of version 12: install PostgreSQL 15 or newer " +
			"or set LATCHKEY_DATABASE_URL"},
	} {
		if got := missing("", c.major, c.found).Error(); got != c.want {
			t.Errorf("missing(%d, %d): got %s, want %s", c.major, c.found, got, c.want)
		}
	}
}

func TestFindBinPicksVersion(t *testing.T) {
	t.Parallel()
	bin, err := FindBin("", 0)
	if err != nil {
		t.Fatal(err)
	}
	// A folder of symbolic links, as package managers make, leads to the real one.
	links := t.TempDir()
	if err := os.Symlink(filepath.Join(bin, "postgres"), filepath.Join(links, "postgres")); err != nil {
		t.Fatal(err)
	}
	if got, err := FindBin(links, 0); got != bin || err != nil {
		t.Errorf("got %s, %v, want %s", got, err, bin)
	}
}

func TestPasswordIsMissing(t *testing.T) {
	t.Parallel()
	dir := seeded(t)
	stop(t, start(t, quick(dir)))
	kept, err := os.ReadFile(dir + "/password")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(dir + "/password"); err != nil {
		t.Fatal(err)
	}
	if msg := refused(t, quick(dir), nil); !strings.Contains(msg, "restore it") || exists(dir+"/password") {
		t.Errorf("missing password: %s", msg)
	}
	if err := os.WriteFile(dir+"/password", []byte("other\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if msg := refused(t, quick(dir), nil); !strings.Contains(msg, "password authentication failed") {
		t.Errorf("wrong password: %s", msg)
	}
	if n := servers(t, dir); n != 0 {
		t.Errorf("%d servers are left running", n)
	}
	if err := os.WriteFile(dir+"/password", kept, 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, quick(dir))
}

func TestServerThatCannotStartSaysWhy(t *testing.T) {
	t.Parallel()
	c := quick(seeded(t))
	c.Settings["shared_buffers"] = "nonsense"
	if msg := refused(t, c, nil); !strings.Contains(msg, `invalid value for parameter "shared_buffers"`) {
		t.Errorf("message has no reason: %s", msg)
	}
	start(t, quick(c.Dir))
}

// somebody is who a service runs as that is not root: nobody, or whoever runs this test if that is not root either.
func somebody(t *testing.T) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	as, err := credential("nobody")
	if err != nil {
		t.Fatal(err)
	}
	return as
}

func TestServiceIsNotRoot(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	as := somebody(t)
	if as != nil {
		if err := os.Chown(filepath.Dir(dir), int(as.Uid), int(as.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	for _, sql := range []string{keep, "insert into kept values ('again')"} {
		child := spawn(t, quick(dir), as)
		child.awaitReady(t)
		execute(t, urlOf(t, dir), sql)
		child.stop(t)
	}
	if fi, err := os.Stat(dir); err != nil || fi.Mode().Perm() != 0o700 {
		t.Errorf("folder: %v, %v", fi.Mode(), err)
	}
}

func TestServerIsNeverRoot(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	start(t, quick(dir))
	for _, name := range []string{"pgdata", "run"} {
		fi, err := os.Stat(filepath.Join(dir, name))
		if err != nil || fi.Sys().(*syscall.Stat_t).Uid == 0 {
			t.Errorf("%s belongs to root, %v", name, err)
		}
	}
	if os.Geteuid() != 0 {
		return
	}
	for _, name := range []string{".", "password", "lock", "lock.postgres", "postgres.log"} {
		fi, err := os.Stat(filepath.Join(dir, name))
		if err != nil || fi.Sys().(*syscall.Stat_t).Uid != 0 {
			t.Errorf("%s does not belong to root, %v", name, err)
		}
	}
	c := quick(folder(t))
	c.RunAs = "root"
	refused(t, c, nil)
}

// For root, a folder that only root can enter; for others, one that nobody can.
func TestFolderOutOfReach(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	mode := os.FileMode(0o700)
	if os.Geteuid() != 0 {
		mode = 0
	}
	if err := os.Mkdir(dir, mode); err != nil {
		t.Fatal(err)
	}
	msg := refused(t, quick(filepath.Join(dir, "a/b")), nil)
	if os.Geteuid() != 0 {
		return // resolving the path has failed before
	}
	if !strings.Contains(msg, ErrUnreachable.Error()) || !strings.Contains(msg, "choose another LATCHKEY_DATA_DIR") {
		t.Errorf("message has no next step: %s", msg)
	}
	if exists(filepath.Join(dir, "a")) {
		t.Error("something was made")
	}
}

func TestRunAsUserOfChoice(t *testing.T) {
	t.Parallel()
	who, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	if who.Uid == "0" {
		who.Username = "nobody"
	}
	c := quick(folder(t))
	c.RunAs = who.Username
	s := start(t, c)
	if got := value(t, s.URL(), "select pg_read_file('/proc/self/status')"); !strings.Contains(got, "Name:\tpostgres") {
		t.Errorf("status: %s", got)
	}
	fi, err := os.Stat(filepath.Join(c.Dir, "pgdata"))
	if err != nil {
		t.Fatal(err)
	}
	owner, err := user.LookupId(strconv.Itoa(int(fi.Sys().(*syscall.Stat_t).Uid)))
	if err != nil || owner.Username != who.Username {
		t.Errorf("data belongs to %v, %v", owner, err)
	}
}
