// Package page cuts long lists into pages by the id of the last item seen (keyset paging), so that page one thousand costs what
// page one costs and nothing is skipped when rows are added meanwhile.
//
// Lists are ordered by id, newest first: ids are xids, which begin with the second of their making. To clients a cursor is
// opaque.
package page

import (
	"errors"
	"math"
	"time"

	"github.com/rs/xid"
)

// Cursor is the id of the last item of a page; the next page holds what comes after it.
type Cursor string

// Start is the cursor before the newest item: no id sorts after it, in any collation.
const Start Cursor = "zzzzzzzzzzzzzzzzzzzz"

// ErrCursor says that a text is not a cursor of ours.
var ErrCursor = errors.New("not a cursor")

// Parse reads a cursor that a client sends back; "" is Start.
func Parse(s string) (Cursor, error) {
	if s == "" {
		return Start, nil
	}
	if len(s) != len(Start) {
		return "", ErrCursor
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'v') {
			return "", ErrCursor
		}
	}
	return Cursor(s), nil
}

// First is the place before whatever was made in the second of a moment, in the order of ids: nothing that was made then, or later, has a
// lower id. Ids cannot tell moments before 1970 and after 2105 apart.
func First(t time.Time) Cursor {
	seconds := min(max(0, t.Unix()), math.MaxUint32)
	var id xid.ID
	id[0], id[1], id[2], id[3] = byte(seconds>>24), byte(seconds>>16), byte(seconds>>8), byte(seconds)
	return Cursor(id.String())
}

// Cut keeps the first limit of items, which were read with one item to spare, and gives the cursor of the next page, or
// "" when there is none.
func Cut[T any](items []T, limit int, id func(T) string) ([]T, string) {
	if len(items) <= limit {
		return items, ""
	}
	items = items[:limit]
	return items, id(items[limit-1])
}
