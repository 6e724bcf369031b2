package embedded

import "errors"

// The errors of Start that a caller may want to tell apart. Each arrives wrapped in a line that names the folder or the
// versions concerned and the next step.
var (
	// ErrInUse: another Latchkey, or a server that Latchkey did not start, is running on the folder.
	ErrInUse = errors.New("data folder is in use")
	// ErrMajorVersion: the data, or what is needed, is of another major version than the programs found.
	ErrMajorVersion = errors.New("wrong PostgreSQL version")
	// ErrNotInstalled: there are no server programs.
	ErrNotInstalled = errors.New("PostgreSQL server programs not found")
	// ErrPathTooLong: the folder's path leaves no room for the name of a socket.
	ErrPathTooLong = errors.New("data folder path is too long")
	// ErrUnreachable: the user that the server would run as cannot enter the folder.
	ErrUnreachable = errors.New("data folder is out of reach")
)
