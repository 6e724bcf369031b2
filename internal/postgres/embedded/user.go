package embedded

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
	"syscall"
)

// credential returns whom the server runs as: nil for ourselves, unless we are root, as which PostgreSQL refuses to run.
func credential(name string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := lookup(name)
	if err != nil {
		return nil, fmt.Errorf("PostgreSQL refuses to run as root: create the system user postgres: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("read id of user %s: %w", u.Username, err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, fmt.Errorf("read group of user %s: %w", u.Username, err)
	}
	if uid == 0 {
		return nil, fmt.Errorf("PostgreSQL refuses to run as root: choose another user than %s", u.Username)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid), Groups: []uint32{}}, nil
}

func lookup(name string) (*user.User, error) {
	if name != "" {
		return user.Lookup(name)
	}
	if u, err := user.Lookup("postgres"); err == nil {
		return u, nil
	}
	return user.Lookup("nobody")
}
