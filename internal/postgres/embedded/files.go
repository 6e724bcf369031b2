package embedded

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// maxLog is the size in bytes beyond which a log is put aside at the next start.
const maxLog = 10 << 20

// writeDurably puts a 0600 file in place complete and on disk, or not at all.
func writeDurably(path, content string) error {
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if _, err := f.WriteString(content); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir makes the names in a folder survive a power cut.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	return d.Sync()
}

// openLog returns where the log goes, and what is to be closed in the end.
func (in *instance) openLog() (io.Writer, io.Closer, error) {
	if in.log != nil {
		return in.log, io.NopCloser(nil), nil
	}
	f, err := openRotated(filepath.Join(in.dir, "postgres.log"))
	return f, f, err
}

// openRotated opens a log to append to; one that has grown too large becomes path.1 first.
func openRotated(path string) (*os.File, error) {
	if fi, err := os.Stat(path); err == nil && fi.Size() > maxLog {
		if err := os.Rename(path, path+".1"); err != nil {
			return nil, fmt.Errorf("put log aside: %w", err)
		}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	return f, nil
}
