package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// saved is what login leaves for the commands after it; without a Value there is no session, only the memory of the last one.
type saved struct {
	URL    string `json:"url"`
	Handle string `json:"handle"`
	Cookie string `json:"cookie,omitempty"` // its name
	Value  string `json:"value,omitempty"`  // opens everything that the account may do
}

func savedPath() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", failed(exitFailure, "there is no folder to keep the session in: set HOME or XDG_CONFIG_HOME, or use --as HANDLE for a single command")
	}
	return filepath.Join(dir, "latchkey", "session.json"), nil
}

// loadSaved gives the zero saved if nobody has logged in.
func loadSaved() (saved, error) {
	path, err := savedPath()
	if err != nil {
		return saved{}, nil //nolint:nilerr // without a folder nobody has logged in
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return saved{}, nil
	}
	if err == nil && info.Mode().Perm()&0o077 != 0 {
		return saved{}, failed(exitSignIn, "%s can be read by others: log in again with latchkey login, and end the old session in the console", path)
	}
	var s saved
	b, err := os.ReadFile(path)
	if err != nil {
		return saved{}, failed(exitSignIn, "%s cannot be read: %v; log in again with latchkey login", path, cause(err))
	}
	if json.Unmarshal(b, &s) != nil || s.URL == "" { // not its error: it may quote the session
		return saved{}, failed(exitSignIn, "%s is broken: log in again with latchkey login", path)
	}
	return s, nil
}

// store keeps s: all of it, or what there was before.
func (s saved) store() error {
	path, err := savedPath()
	if err != nil {
		return err
	}
	b, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("encode session: %w", err)
	}
	if err := replaceFile(path, append(b, '\n')); err != nil {
		return failed(exitFailure, "the session cannot be kept in %s: %v; make the folder writable, or use --as HANDLE for a single command", path, cause(err))
	}
	return nil
}

// storable fails as store would, before anybody has typed a password for nothing.
func storable() error {
	path, err := savedPath()
	if err == nil {
		var f *os.File
		if f, err = newBeside(path); err == nil {
			_ = f.Close()
			return os.Remove(f.Name())
		}
		err = failed(exitFailure, "the session cannot be kept in %s: %v; make the folder writable, or use --as HANDLE for a single command", path, cause(err))
	}
	return err
}

// newBeside makes a file (0600) in the folder (0700) of another.
func newBeside(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	return os.CreateTemp(filepath.Dir(path), ".new-*")
}

func replaceFile(path string, content []byte) error {
	f, err := newBeside(path)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// cause is an error of a file without its path.
func cause(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return e.Err
	}
	return err
}
