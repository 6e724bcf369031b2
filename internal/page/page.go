// Package page cuts long lists into pages by the key of the last item seen (keyset paging), so that page one thousand
// costs what page one costs and nothing is skipped when rows are added meanwhile.
//
// Lists are ordered by moment of creation and id, newest first. Cursors are opaque to clients.
package page

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"time"
)

// Cursor names the last item of a page; the next one holds what comes after it.
type Cursor struct {
	At time.Time // UTC, microseconds
	ID string
}

// Start is the cursor before the newest item: the last moment that a database row can hold here.
var Start = Cursor{At: time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC)}

// ErrCursor says that a text is not a cursor of ours.
var ErrCursor = errors.New("not a cursor")

const momentLen, idLen = 8, 20

// String gives the form that clients send back.
func (c Cursor) String() string {
	b := binary.BigEndian.AppendUint64(nil, uint64(c.At.UnixMicro()))
	return base64.RawURLEncoding.EncodeToString(append(b, c.ID...))
}

// Parse reads what String wrote; "" is Start.
func Parse(s string) (Cursor, error) {
	if s == "" {
		return Start, nil
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != momentLen+idLen {
		return Cursor{}, ErrCursor
	}
	c := Cursor{At: time.UnixMicro(int64(binary.BigEndian.Uint64(b))).UTC(), ID: string(b[momentLen:])}
	if y := c.At.Year(); y < 1 || y > 9999 || !isID(c.ID) {
		return Cursor{}, ErrCursor
	}
	return c, nil
}

func isID(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'v') {
			return false
		}
	}
	return true
}

// Cut keeps the first limit of items, which were read with one item to spare, and gives the cursor of the next page, or
// "" when there is none.
func Cut[T any](items []T, limit int, at func(T) Cursor) ([]T, string) {
	if len(items) <= limit {
		return items, ""
	}
	items = items[:limit]
	return items, at(items[limit-1]).String()
}
