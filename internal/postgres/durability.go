package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Durability is what a server's settings make of a commit that it has confirmed.
type Durability struct {
	Version  string   // of the server
	Durable  bool     // a confirmed commit survives the crash of any process, and of the machine
	Findings []string // what to change, one sentence each
}

// ReadDurability asks the server.
func ReadDurability(ctx context.Context, pool *pgxpool.Pool) (Durability, error) {
	var version, fsync, pages, commit, standbys string
	err := pool.QueryRow(ctx, `SELECT current_setting('server_version'), current_setting('fsync'), current_setting('full_page_writes'),
		current_setting('synchronous_commit'), current_setting('synchronous_standby_names')`).Scan(&version, &fsync, &pages, &commit, &standbys)
	if err != nil {
		return Durability{}, fmt.Errorf("read the server's settings: %w", err)
	}
	d := Durability{Version: version, Durable: true, Findings: []string{}}
	find := func(breaks bool, what string) {
		d.Durable = d.Durable && !breaks
		d.Findings = append(d.Findings, what)
	}
	if fsync != "on" {
		find(true, "fsync is off: a crash can undo a revocation; set it to on")
	}
	if pages != "on" {
		find(true, "full_page_writes is off: a crash can damage the data; set it to on unless the file system never tears a page")
	}
	if commit == "off" || commit == "local" {
		find(false, "synchronous_commit is "+commit+": revocations are committed with on all the same, other changes may be lost in a crash or failover")
	}
	if standbys == "" {
		find(false, "no synchronous standby: a failover can undo the last revocations; set synchronous_standby_names if you fail over")
	}
	return d, nil
}
