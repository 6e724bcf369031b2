package testdb

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/latchkey-dev/latchkey/internal/postgres/embedded"
)

// Dump returns the schema of a database as pg_dump writes it, without what depends on the version of pg_dump, on the
// server or on the owner, and without golang-migrate's notebook.
func Dump(ctx context.Context, url string) (string, error) {
	bin, err := embedded.FindBin("", 0)
	if err != nil {
		return "", fmt.Errorf("find pg_dump: %w", err)
	}
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "pg_dump"),
		"--schema-only", "--no-owner", "--no-privileges", "--exclude-table=schema_migrations", "--dbname="+url)
	out, err := cmd.Output()
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		return "", fmt.Errorf("run pg_dump: %w: %s", err, e.Stderr)
	}
	if err != nil {
		return "", fmt.Errorf("run pg_dump: %w", err)
	}
	return essence(string(out)), nil
}

// essence drops comments, settings and commands of psql, and all but one of the empty lines in a row.
func essence(dump string) string {
	var b strings.Builder
	gap := false
	for line := range strings.Lines(dump) {
		switch {
		case noise(line):
		case line == "\n":
			gap = b.Len() > 0
		default:
			if gap {
				b.WriteString("\n")
			}
			gap = false
			b.WriteString(line)
		}
	}
	return b.String()
}

func noise(line string) bool {
	for _, start := range []string{"--", "SET ", "SELECT pg_catalog.set_config", `\restrict`, `\unrestrict`} {
		if strings.HasPrefix(line, start) {
			return true
		}
	}
	return false
}
