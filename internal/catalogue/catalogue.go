// Package catalogue keeps the permission catalogue: the description of the API that keys open.
//
// It stands apart from internal/permission, which is pure: this package has the row in PostgreSQL, its versions and its audit
// events. What always holds: a document is stored only if it compiles.
package catalogue

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/latchkey-dev/latchkey/gen/managedb"
	"github.com/latchkey-dev/latchkey/internal/permission"
)

// Catalogue is a version of the catalogue.
type Catalogue struct {
	*permission.Catalogue
	Document  permission.Document
	Version   int64 // rises with every change
	UpdatedAt time.Time
}

// Read reads the catalogue from a pool or in a transaction.
func Read(ctx context.Context, db managedb.DBTX) (Catalogue, error) {
	row, err := managedb.New().CatalogueGet(ctx, db)
	if err != nil {
		return Catalogue{}, fmt.Errorf("read catalogue: %w", err)
	}
	return fromRow(row.Version, row.Document, row.UpdatedAt)
}

func fromRow(version int64, document json.RawMessage, at time.Time) (Catalogue, error) {
	c := Catalogue{Version: version, UpdatedAt: at}
	if err := json.Unmarshal(document, &c.Document); err != nil {
		return Catalogue{}, fmt.Errorf("decode catalogue: %w", err)
	}
	var faults []permission.Fault
	if c.Catalogue, faults = permission.Compile(c.Document); len(faults) > 0 {
		return Catalogue{}, errors.New("the stored catalogue has faults")
	}
	return c, nil
}
