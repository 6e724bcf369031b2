package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/latchkey-dev/latchkey/gen/verifydb"
	"github.com/latchkey-dev/latchkey/internal/changefeed"
	"github.com/latchkey-dev/latchkey/internal/permission"
)

// ErrResource is the error of Check for a resource that the catalogue does not have.
var ErrResource = errors.New("the permission catalogue has no such resource")

// need is what it takes to do what is asked for, or why nobody can say: ErrResource, permission.ErrPath, permission.ErrMethod.
// The last error is this node's.
func (v *Verifier) need(ctx context.Context, ask Ask) (permission.Need, error, error) {
	if ask.Method == "" && ask.Resource == "" && (ask.Permission == "" || permission.Known(ask.Permission)) {
		return permission.NeedOf(ask.Permission), nil, nil
	}
	c, err := v.catalogue(ctx)
	switch {
	case err != nil:
		return permission.Need{}, nil, err
	case ask.Method != "":
		need, err := c.Request(ask.Method, ask.Path)
		return need, err, nil
	case ask.Permission != "":
		return c.Permission(ask.Permission), nil, nil
	}
	need, known := c.Access(ask.Resource, ask.Access)
	if !known {
		return permission.Need{}, ErrResource, nil
	}
	return need, nil, nil
}

func (v *Verifier) catalogue(ctx context.Context) (*permission.Catalogue, error) {
	if c := v.cfg.Memory.catalogues.get(only{}); c != nil {
		return c, nil
	}
	got, err := v.catalogues.read(ctx, only{})
	if err != nil {
		return nil, err
	}
	if got.entry == nil {
		return nil, errors.New("the catalogue is not there")
	}
	v.kept(v.catalogues.keep(only{}, got))
	return got.entry, nil
}

// catalogues reads the one catalogue that there is.
func (s source) catalogues(ctx context.Context, _ []only, floor changefeed.Floor) (map[only]*permission.Catalogue, error) {
	row, err := s.q.Catalogue(ctx, s.db, verifydb.CatalogueParams{FloorV: floor.V, FloorNonce: floor.Nonce})
	if err != nil {
		return nil, err
	}
	if err := s.proved(row.Timeline, row.ContainsFloor, floor); err != nil {
		return nil, err
	}
	var d permission.Document
	if err := json.Unmarshal(row.Document, &d); err != nil {
		return nil, fmt.Errorf("decode catalogue: %w", err)
	}
	c, faults := permission.Compile(d)
	if len(faults) > 0 {
		return nil, errors.New("the stored catalogue has faults")
	}
	return map[only]*permission.Catalogue{{}: c}, nil
}
