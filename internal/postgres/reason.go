package postgres

import (
	"context"
	"errors"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
)

// Reason puts err into one line for the log. It is the same for the same cause, so without our own port numbers, and names
// neither user nor database.
func Reason(err error) string {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return strings.Join([]string{op.Op, op.Net, address(op), op.Err.Error()}, " ")
	}
	if c, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		err = c.Unwrap() // around it stand the user and the database
		if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
			err = pg
		}
	}
	return strings.Join(strings.Fields(err.Error()), " ")
}

func address(op *net.OpError) string {
	if op.Addr == nil {
		return "-"
	}
	return op.Addr.String()
}

// nextSteps tells whoever runs the service what to do, by SQLSTATE or its class.
var nextSteps = map[string]string{
	"28":    "correct user, password or client certificate in LATCHKEY_DATABASE_URL, or allow the connection in pg_hba.conf",
	"3D":    "create the database, or correct its name in LATCHKEY_DATABASE_URL",
	"42501": "grant the role CREATE on its schema, or let its owner run latchkey migrate",
	"53":    "free connections, memory or disk on the database server",
	"57P03": "wait: the server is starting, stopping or recovering",
	"25006": "make LATCHKEY_DATABASE_URL lead to the primary",
	"55P03": "end the session that holds a lock on the tables; pg_stat_activity shows it",
	"42P07": "use a database of Latchkey's own: something else has made tables in this one",
}

// nextStep says what to do about err.
func nextStep(err error) string {
	switch pg, ok := errors.AsType[*pgconn.PgError](err); {
	case errors.Is(err, ErrLockHeld):
		return "wait until the other instance is done"
	case errors.Is(err, errSchemaTooOld):
		return "run latchkey migrate"
	case ok && nextSteps[pg.Code] != "":
		return nextSteps[pg.Code]
	case ok && len(pg.Code) == 5 && nextSteps[pg.Code[:2]] != "":
		return nextSteps[pg.Code[:2]]
	case ok:
		return "look into the log of the database server"
	}
	return networkStep(err)
}

func networkStep(err error) string {
	if _, ok := errors.AsType[*net.DNSError](err); ok {
		return "correct the host name in LATCHKEY_DATABASE_URL, or its DNS entry"
	}
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.ENOENT) {
		return "start PostgreSQL, or correct host and port in LATCHKEY_DATABASE_URL"
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "see whether a firewall or an overloaded server keeps PostgreSQL from answering"
	}
	return "see whether PostgreSQL runs where LATCHKEY_DATABASE_URL says, and what its log says"
}
