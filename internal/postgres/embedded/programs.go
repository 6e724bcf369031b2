package embedded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

// minMajor is the oldest version that has every setting we start with, on every system.
const minMajor = 15

// versionPatience is how long a program may take to say its version, which may lie on a sleeping disk.
const versionPatience = 10 * time.Second

// places are where packages put the server programs; Debian and Homebrew leave them out of PATH.
var places = []string{
	"/usr/lib/postgresql/*/bin",
	"/usr/lib/postgresql*/bin",
	"/usr/libexec/postgresql*",
	"/usr/pgsql-*/bin",
	"/opt/homebrew/opt/postgresql@*/bin",
	"/usr/local/opt/postgresql@*/bin",
	"/Applications/Postgres.app/Contents/Versions/*/bin",
	"/usr/local/pgsql/bin",
}

// programs is a folder that holds initdb and postgres.
type programs struct {
	dir   string
	major int
}

// FindBin returns the folder that holds initdb and postgres of a major version; 0 means the newest that will do. dir is
// the one folder to look in; empty means PATH and the usual places. The error is ErrNotInstalled, or ErrMajorVersion if
// there are programs but none of the right version.
func FindBin(dir string, major int) (string, error) {
	p, err := findPrograms(context.Background(), dir, major, nil)
	return p.dir, err
}

// findPrograms counts only programs that the user as can run.
func findPrograms(ctx context.Context, dir string, major int, as *syscall.Credential) (programs, error) {
	var best, other programs
	for _, d := range candidates(dir) {
		p, err := probe(ctx, d, as)
		switch {
		case err != nil:
		case p.major != major && (major != 0 || p.major < minMajor):
			other = newer(other, p)
		default:
			best = newer(best, p)
		}
	}
	if best.major != 0 {
		return best, nil
	}
	if ctx.Err() != nil {
		return programs{}, fmt.Errorf("look for PostgreSQL: %w", context.Cause(ctx))
	}
	return programs{}, missing(dir, major, other.major)
}

func newer(a, b programs) programs {
	if b.major > a.major {
		return b
	}
	return a
}

// missing says what to install; found is the version of programs that will not do, or 0.
func missing(dir string, major, found int) error {
	const otherwise = "or set LATCHKEY_DATABASE_URL"
	switch {
	case major != 0 && found != 0:
		return fmt.Errorf("%w: the data is of version %d, the programs found are of version %d: install PostgreSQL %d (%s)",
			ErrMajorVersion, major, found, major, packages(major))
	case major != 0:
		return fmt.Errorf("%w: install PostgreSQL %d (%s), the version of the data", ErrNotInstalled, major, packages(major))
	case found != 0:
		return fmt.Errorf("%w: the programs found are of version %d: install PostgreSQL %d or newer %s",
			ErrMajorVersion, found, minMajor, otherwise)
	case dir != "":
		return fmt.Errorf("%w in %s: name the folder of initdb and postgres %s", ErrNotInstalled, dir, otherwise)
	}
	return fmt.Errorf("%w: install them (Debian: apt-get install postgresql, macOS: brew install postgresql@17) %s",
		ErrNotInstalled, otherwise)
}

func packages(major int) string {
	return fmt.Sprintf("Debian: apt-get install postgresql-%d, macOS: brew install postgresql@%d", major, major)
}

// candidates are real folders: next to a symbolic link, a program does not find its other files.
func candidates(dir string) []string {
	abs, _ := filepath.Abs(dir) // fails if our own folder is gone, and then nothing is found
	dirs := []string{abs}
	if dir == "" {
		dirs = filepath.SplitList(os.Getenv("PATH"))
		for _, p := range places {
			m, _ := filepath.Glob(p) // fails on a malformed pattern only
			dirs = append(dirs, m...)
		}
	}
	var found []string
	for _, d := range dirs {
		p, err := filepath.EvalSymlinks(filepath.Join(d, "postgres"))
		if err == nil && filepath.IsAbs(p) && !slices.Contains(found, filepath.Dir(p)) {
			found = append(found, filepath.Dir(p))
		}
	}
	return found
}

func probe(ctx context.Context, dir string, as *syscall.Credential) (programs, error) {
	p := programs{dir: dir}
	if _, err := os.Stat(p.path("initdb")); err != nil {
		return p, err
	}
	out, err := p.version(ctx, "/", as)
	if err != nil {
		return p, err
	}
	_, err = fmt.Sscanf(out, "postgres (PostgreSQL) %d", &p.major)
	return p, err
}

func (p programs) path(name string) string { return filepath.Join(p.dir, name) }

// version asks postgres for its version, run by as in the folder cwd.
func (p programs) version(ctx context.Context, cwd string, as *syscall.Credential) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, versionPatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.path("postgres"), "--version")
	cmd.Dir, cmd.Env = cwd, []string{"LC_ALL=C"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	out, err := cmd.Output()
	return string(out), err
}

// canEnter finds out by trying, since permission bits are not all that counts.
func (p programs) canEnter(ctx context.Context, dir string, as *syscall.Credential) error {
	_, err := p.version(ctx, dir, as)
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: the user that PostgreSQL runs as cannot enter %s: choose another LATCHKEY_DATA_DIR",
			ErrUnreachable, dir)
	}
	if err != nil {
		return fmt.Errorf("try %s in %s: %w", p.path("postgres"), dir, err)
	}
	return nil
}
