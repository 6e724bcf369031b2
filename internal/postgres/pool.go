// Package postgres is the way to PostgreSQL: it opens pools, brings the schema up to date, and says which errors of the
// database a sender can understand.
//
// It stands apart so that stores hold queries and rules only, and what a database can do to its clients (be away, be
// full, be newer than we are) is dealt with and tested in one place.
//
// What always holds: no error and no log line of this package contains a connection string or a password, and the
// table schema_state, not golang-migrate's notebook, is what counts as the version of a schema.
package postgres

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// connectTimeout bounds one attempt to connect to one host, authentication included.
const connectTimeout = 2 * time.Second

// ErrURL means that a connection string cannot be read. It is all that is said: what pgx says may hold the password.
var ErrURL = errors.New("the database URL cannot be read: LATCHKEY_DATABASE_URL looks like " +
	"postgres://user:password@host:5432/database, with special characters in the password percent-encoded")

// PoolOptions tells one pool from another.
type PoolOptions struct {
	MaxConns int32  // 0: what the URL says, or else 4 or the number of CPUs
	Name     string // shown in pg_stat_activity, after "latchkey"
}

// Open makes a pool. It does not connect: that happens when a connection is asked for, so a database that is away now
// may come later.
//
// Every connection has time-outs, so that no statement outlives its request by much: statements 2 s, locks 1 s, idle in
// a transaction 2 s. Sequential scans are avoided: plans are kept as long as their connection, and one that is made while
// a table is empty would scan it when it is full. What the URL sets itself stays. The only errors are ErrURL and a negative MaxConns.
func Open(url string, o PoolOptions) (*pgxpool.Pool, error) {
	c, err := parse(url, o.Name, map[string]string{
		"statement_timeout":                   "2s",
		"lock_timeout":                        "1s",
		"idle_in_transaction_session_timeout": "2s",
		"enable_seqscan":                      "off",
	})
	if err != nil {
		return nil, err
	}
	if o.MaxConns != 0 {
		c.MaxConns = o.MaxConns
	}
	return pgxpool.NewWithConfig(context.Background(), c)
}

// parse reads url, which may hold settings of a pool, and adds those server settings that it does not have itself.
func parse(url, name string, settings map[string]string) (*pgxpool.Config, error) {
	if url == "" { // pgx would look for a server of its own choice
		return nil, ErrURL
	}
	c, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, ErrURL
	}
	if c.ConnConfig.ConnectTimeout == 0 {
		c.ConnConfig.ConnectTimeout = connectTimeout
	}
	c.ConnConfig.OnNotice = keepWarnings
	all := map[string]string{"application_name": "latchkey " + name, "timezone": "UTC"}
	maps.Copy(all, settings)
	params := c.ConnConfig.RuntimeParams
	for key, value := range all {
		if !sets(params, key) {
			params[key] = value
		}
	}
	return c, nil
}

// sets reports whether params has a setting, by its name or among the options ("-c name=value"), in any case.
func sets(params map[string]string, name string) bool {
	names := slices.Collect(maps.Keys(params))
	for option := range strings.FieldsSeq(params["options"]) {
		key, _, _ := strings.Cut(option, "=")
		names = append(names, strings.TrimPrefix(strings.TrimPrefix(key, "-c"), "--"))
	}
	return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
}
