package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// warnedKey marks a connection whose server sent a warning.
const warnedKey = "latchkey warned"

func keepWarnings(conn *pgconn.PgConn, n *pgconn.Notice) {
	if n.SeverityUnlocalized == "WARNING" || n.Severity == "WARNING" {
		conn.CustomData()[warnedKey] = n.Code
	}
}

// Warned tells whether the server has sent a warning on a connection of this package since Warned was last called.
// PostgreSQL tells of a commit that a synchronous standby did not confirm by a warning only.
func Warned(conn *pgx.Conn) bool {
	data := conn.PgConn().CustomData()
	_, warned := data[warnedKey]
	delete(data, warnedKey)
	return warned
}

// Connect opens one connection outside every pool, without the time-outs of Open: its user has its own.
//
// Errors: ErrURL, and those of the server, which Reason tells in one line without naming the user.
func Connect(ctx context.Context, url, name string) (*pgx.Conn, error) {
	c, err := parse(url, name, map[string]string{"enable_seqscan": "off"})
	if err != nil {
		return nil, err
	}
	c.ConnConfig.DialFunc = lifeSigns.DialContext
	return pgx.ConnectConfig(ctx, c.ConnConfig)
}

// Listen calls heard for every notification on a channel, until ctx ends. While the server cannot be reached, or cannot
// notify, it tries again every few seconds: notifications are hints.
func Listen(ctx context.Context, url, channel string, heard func()) {
	for ctx.Err() == nil {
		listen(ctx, url, channel, heard)
		wait(ctx, maxPause)
	}
}

func listen(ctx context.Context, url, channel string, heard func()) {
	dialling, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, err := Connect(dialling, url, "listen")
	if err != nil {
		return
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 100*time.Millisecond)
		defer cancel()
		_ = conn.Close(ctx)
	}()
	if _, err := conn.Exec(dialling, "LISTEN "+pgx.Identifier{channel}.Sanitize()); err != nil {
		return
	}
	for {
		if _, err := conn.WaitForNotification(ctx); err != nil {
			return
		}
		heard()
	}
}
