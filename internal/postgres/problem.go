package postgres

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/puddle/v2"

	"github.com/latchkey-dev/latchkey/internal/problem"
)

// retryAfter is what we ask of a sender while the database is away.
const retryAfter = time.Second

// taken names the unique constraints that a sender can run into.
var taken = map[string]problem.Code{
	"account_handle_key": problem.HandleTaken,
	"role_name_key":      problem.RoleNameTaken,
}

// awayClasses are the SQLSTATE classes in which the fault is the server's, and passes.
var awayClasses = []string{
	"08", // connection exception
	"53", // insufficient resources: connections, disk, memory
	"57", // operator intervention: shutdown, crash, start-up, statement time-out
}

// awayStates are single SQLSTATEs of the same kind.
var awayStates = map[string]bool{
	"25006": true, // read-only: a standby, or a primary that was fenced off
	"25P03": true, // we were idle in a transaction for too long, and it was rolled back
	"40001": true, // serialization failure
	"40P01": true, // deadlock
	"55P03": true, // lock time-out
	"58030": true, // input/output error
}

// Problem translates an error of the database into one that a sender can understand, or returns nil if there is none:
// then it is a mistake of ours, or the request was cancelled, which is nobody's problem. What it returns says nothing
// about the database; err has the cause.
//
// problem.DatabaseUnavailable means that the database could not do it now; if the error came from COMMIT, it may have
// done it nevertheless.
func Problem(err error) *problem.Error {
	if code, ok := taken[constraint(err)]; ok {
		return problem.New(code)
	}
	if away(err) {
		return problem.New(problem.DatabaseUnavailable).After(retryAfter)
	}
	return nil
}

// constraint returns the name of the unique constraint that err is about, or nothing.
func constraint(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "23505" {
		return pg.ConstraintName
	}
	return ""
}

// away reports whether err means that the database cannot be reached, or refuses for a reason that passes.
func away(err error) bool {
	if errors.Is(err, context.Canceled) {
		return false
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok { // whatever the reason: it may be a wrong password
		return true
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return len(pg.Code) == 5 && (awayStates[pg.Code] || slices.Contains(awayClasses, pg.Code[:2]))
	}
	return broken(err)
}

// lost are the errors of a connection that has ended, of one that answers too late, and of a pool that was closed.
var lost = []error{
	context.DeadlineExceeded, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, pgconn.ErrConnClosed, puddle.ErrClosedPool,
	syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE,
}

// broken reports whether err comes from the connection rather than from the server at its other end.
func broken(err error) bool {
	for _, target := range lost {
		if errors.Is(err, target) {
			return true
		}
	}
	_, ok := errors.AsType[net.Error](err)
	return ok
}
