// Package db holds the database's schema: the migrations that make it, and the queries from which code is generated.
//
// It stands apart so that the files lie where sqlc and people look for them and are part of the program all the same.
//
// What always holds: migrations are numbered 1, 2, 3 and so on, each with its way back; each file is one transaction
// that sets schema_state itself. A file that was released never changes.
package db

import (
	"embed"
	"fmt"
	"io/fs"
)

//go:embed migrations/*.sql
var files embed.FS

// Migrations returns the files NNNN_name.up.sql and NNNN_name.down.sql, without a folder.
func Migrations() fs.FS {
	sub, _ := fs.Sub(files, "migrations") // fails on a malformed path only
	return sub
}

// Newest returns the highest version among the migrations: the one that this program is written for.
func Newest() int {
	newest := 0
	entries, _ := fs.ReadDir(Migrations(), ".") // cannot fail on what is embedded
	for _, e := range entries {
		var version int
		if _, err := fmt.Sscanf(e.Name(), "%d_", &version); err == nil {
			newest = max(newest, version)
		}
	}
	return newest
}
