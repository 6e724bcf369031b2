package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

const (
	port          = "5432" // part of the socket's name, nothing listens on it
	socketName    = ".s.PGSQL." + port
	maxSocketPath = 103 // bytes: macOS has room for 103 and a zero, Linux for four more
)

// layout names what lies in the data folder, whose path has no symbolic links.
type layout struct{ dir string }

func (l layout) lockFile() string     { return filepath.Join(l.dir, "lock") }
func (l layout) familyLock() string   { return filepath.Join(l.dir, "lock.postgres") }
func (l layout) passwordFile() string { return filepath.Join(l.dir, "password") }
func (l layout) data() string         { return filepath.Join(l.dir, "pgdata") }
func (l layout) pidFile() string      { return filepath.Join(l.dir, "pgdata", "postmaster.pid") }
func (l layout) run() string          { return filepath.Join(l.dir, "run") }

func newLayout(dir string) (layout, error) {
	if !filepath.IsAbs(dir) {
		return layout{}, fmt.Errorf("data folder %q is not an absolute path: set LATCHKEY_DATA_DIR to one", dir)
	}
	// pgx, like libpq, reads a comma as the end of one host and the start of the next.
	if strings.ContainsAny(dir, ",\n") {
		return layout{}, fmt.Errorf("data folder %q has a comma or line break in its name: choose another LATCHKEY_DATA_DIR", dir)
	}
	path, err := resolve(filepath.Clean(dir))
	if errors.Is(err, syscall.ENAMETOOLONG) {
		path, err = dir, nil
	}
	if err != nil {
		return layout{}, fmt.Errorf("resolve data folder %s: %w: choose another LATCHKEY_DATA_DIR", dir, err)
	}
	l := layout{dir: path}
	if n := len(filepath.Join(l.run(), socketName)); n > maxSocketPath {
		return layout{}, fmt.Errorf("%w by %d bytes to hold a socket: choose a shorter LATCHKEY_DATA_DIR than %s",
			ErrPathTooLong, n-maxSocketPath, path)
	}
	return l, nil
}

// resolve follows symbolic links as far as the path exists.
func resolve(path string) (string, error) {
	resolved, err := filepath.EvalSymlinks(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return resolved, err
	}
	parent, err := resolve(filepath.Dir(path))
	return filepath.Join(parent, filepath.Base(path)), err
}

// existing returns the nearest folder at or above path that is there.
func existing(path string) string {
	for {
		if _, err := os.Stat(path); err == nil || path == filepath.Dir(path) {
			return path
		}
		path = filepath.Dir(path)
	}
}

// dirMode lets the user that the server runs as pass through a folder that stays root's: root then never follows a
// path that the server could have bent.
func (in *instance) dirMode() fs.FileMode {
	if in.as != nil {
		return 0o711
	}
	return 0o700
}

// makeDir makes dir and the folders above it with mode, whatever the umask; those that exist stay as they are.
func makeDir(dir string, mode fs.FileMode) error {
	err := os.Mkdir(dir, mode)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeDir(filepath.Dir(dir), mode); err != nil {
			return err
		}
		err = os.Mkdir(dir, mode)
	}
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return os.Chmod(dir, mode)
}

// give makes path the server's own. It must lie where only we can write.
func (in *instance) give(path string) error {
	if in.as == nil {
		return nil
	}
	return os.Lchown(path, int(in.as.Uid), int(in.as.Gid))
}

// dataMajor returns the major version that wrote the data, 0 if there is none yet.
func dataMajor(data string) (int, error) {
	b, err := os.ReadFile(filepath.Join(data, "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read data version: %w", err)
	}
	major, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil || major < 1 {
		return 0, fmt.Errorf("%s is damaged: restore the data folder from a backup", filepath.Join(data, "PG_VERSION"))
	}
	return major, nil
}
