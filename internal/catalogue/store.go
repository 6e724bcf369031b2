package catalogue

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/latchkey-dev/latchkey/gen/managedb"
	"github.com/latchkey-dev/latchkey/internal/audit"
	"github.com/latchkey-dev/latchkey/internal/auth"
	"github.com/latchkey-dev/latchkey/internal/changefeed"
	"github.com/latchkey-dev/latchkey/internal/permission"
	"github.com/latchkey-dev/latchkey/internal/problem"
)

// id is what audit events and changes call the one catalogue that there is.
const (
	id   = "00000000000000000030"
	name = "catalogue"
)

// Config is what a Store needs.
type Config struct {
	Pool *pgxpool.Pool
	Feed *changefeed.Feed
	Now  func() time.Time
}

// Store keeps the catalogue in PostgreSQL.
type Store struct {
	cfg Config
	q   *managedb.Queries
}

// NewStore makes a Store; it connects when it is first used.
func NewStore(c Config) *Store { return &Store{cfg: c, q: managedb.New()} }

// Get reads the catalogue. Anybody who is known may.
func (s *Store) Get(ctx context.Context, _ auth.Caller) (Catalogue, error) {
	return Read(ctx, s.cfg.Pool)
}

// Replace makes d the catalogue; with ifVersion only in the place of that version. What it gives no more, no node gives when Replace
// returns. The guard has checked that caller may.
//
// Errors: problem.CatalogueInvalid, which names every fault; problem.VersionMismatch, problem.RevocationUnconfirmed.
func (s *Store) Replace(ctx context.Context, caller auth.Caller, d permission.Document, ifVersion *int64) (Catalogue, error) {
	compiled, faults := permission.Compile(d)
	if len(faults) > 0 {
		return Catalogue{}, problem.New(problem.CatalogueInvalid).WithField("problems", faults)
	}
	document, err := json.Marshal(d)
	if err != nil {
		return Catalogue{}, fmt.Errorf("encode catalogue: %w", err)
	}
	now := s.cfg.Now().UTC().Truncate(time.Microsecond)
	var after Catalogue
	_, err = s.cfg.Feed.Run(ctx, func(tx pgx.Tx, changes *changefeed.Changes) error {
		row, err := s.q.CatalogueLock(ctx, tx)
		if err != nil {
			return fmt.Errorf("lock catalogue: %w", err)
		}
		if ifVersion != nil && *ifVersion != row.Version {
			return problem.New(problem.VersionMismatch).WithField("version", row.Version)
		}
		before := Catalogue{Version: row.Version}
		if err := json.Unmarshal(row.Document, &before.Document); err != nil {
			return fmt.Errorf("decode catalogue: %w", err)
		}
		replaced, err := s.q.CatalogueReplace(ctx, tx, managedb.CatalogueReplaceParams{Document: document, Now: now})
		if err != nil {
			return fmt.Errorf("replace catalogue: %w", err)
		}
		after = Catalogue{Catalogue: compiled, Document: d, Version: replaced.Version, UpdatedAt: replaced.UpdatedAt}
		changes.Withdraw(changefeed.Catalogue, name)
		return audit.Record(ctx, tx, caller, now, audit.Event{Type: audit.CatalogueUpdated, Target: audit.Target{Kind: name, ID: id},
			Old: values(before), New: values(after)})
	})
	return after, err
}

// values is what an audit event says of a version: the document itself may be large.
func values(c Catalogue) map[string]any {
	return map[string]any{"version": c.Version, "resources": len(c.Document.Resources), "routes": len(c.Document.Routes), "flat": len(c.Document.Flat)}
}
