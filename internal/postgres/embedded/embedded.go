// Package embedded runs a private PostgreSQL server as a child of this process, from programs already on the machine,
// for those who give Latchkey no database of their own.
//
// It stands apart because starting, owning and losing a server is about processes, locks and files, none of which the
// rest of Latchkey has to know: everybody else gets a connection string.
//
// What always holds: nothing is downloaded and no TCP port is opened; the socket lies in a 0700 folder and asks for a
// random password. One folder serves one Latchkey at a time. Data appears in place complete or not at all, is never
// removed, and is never opened by another major version. A process is signalled only after it has been recognised as
// the server of this very data.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// role owns the database of the same name; it is the server's only role.
const role = "latchkey"

// lockPatience bridges the moment in which a killed Latchkey still lets go of its files.
const lockPatience = 500 * time.Millisecond

// failedStartGrace is how long a server may take to stop when its start was given up.
const failedStartGrace = 10 * time.Second

// Config says where the server lives and what it runs from.
type Config struct {
	// Dir is the absolute folder that holds everything: locks, password, data and socket. Start makes it if it is
	// missing. As root, the user of RunAs must be able to enter it and the folders above.
	Dir string
	// BinDir is the folder of initdb and postgres; empty searches PATH and the usual places, newest version first.
	BinDir string
	// RunAs is the system user to run as when started as root; empty means postgres, or nobody if that is missing.
	// It is not looked at otherwise.
	RunAs string
	// Log receives the server's own log, from one goroutine. Nil means the file postgres.log in Dir.
	Log io.Writer
	// Settings are further server settings by name. Those that keep the server private cannot be changed.
	Settings map[string]string
}

// instance is a Config that has been checked against the machine.
type instance struct {
	layout
	programs programs
	as       *syscall.Credential // nil: the server runs as we do
	log      io.Writer
	settings map[string]string
}

// Start starts the server, making its data and its database first if there are none, and returns when connections are
// accepted. ctx bounds the start, and not the life of the server; to recover after a crash, or to stop a server that
// outlived its Latchkey, can take half a minute and more.
//
// What a first look can tell leaves the disk untouched: ErrPathTooLong, ErrNotInstalled, ErrMajorVersion and
// ErrUnreachable. ErrInUse means another Latchkey, or a server started by hand, has the folder. After any error nothing
// is left running.
func Start(ctx context.Context, c Config) (*Server, error) {
	in, err := inspect(ctx, c)
	if err != nil {
		return nil, err
	}
	if err := makeDir(in.dir, in.dirMode()); err != nil {
		return nil, fmt.Errorf("make data folder: %w", err)
	}
	lock, err := acquire(ctx, in.lockFile(), lockPatience)
	if errors.Is(err, ErrInUse) {
		return nil, fmt.Errorf("%w by another Latchkey (%s): stop it or choose another LATCHKEY_DATA_DIR", err, in.dir)
	}
	if err != nil {
		return nil, err
	}
	s, err := in.start(ctx, lock)
	if err != nil {
		_ = lock.Close()
		return nil, err
	}
	return s, nil
}

// inspect finds out all that can be known before anything is written.
func inspect(ctx context.Context, c Config) (*instance, error) {
	l, err := newLayout(c.Dir)
	if err != nil {
		return nil, err
	}
	as, err := credential(c.RunAs)
	if err != nil {
		return nil, err
	}
	major, err := dataMajor(l.data())
	if err != nil {
		return nil, err
	}
	p, err := findPrograms(ctx, c.BinDir, major, as)
	if err != nil {
		return nil, err
	}
	if err := p.canEnter(ctx, existing(l.dir), as); err != nil {
		return nil, err
	}
	return &instance{layout: l, programs: p, as: as, log: c.Log, settings: c.Settings}, nil
}

// start needs lock to be held; the returned server gives it back when it ends.
func (in *instance) start(ctx context.Context, lock *os.File) (*Server, error) {
	family, err := in.evict(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = family.Close() }() // from here on the server alone holds it
	password, err := in.ensureData(ctx, family)
	if err != nil {
		return nil, err
	}
	s, err := in.launch(family, lock, password)
	if err != nil {
		return nil, err
	}
	if err := s.ready(ctx, in.pidFile()); err != nil {
		_ = s.Stop(failedStartGrace)
		return nil, err
	}
	return s, nil
}
