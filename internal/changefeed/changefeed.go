// Package changefeed makes a change hold on every node by the time that the call which made it returns.
//
// It has two sides, which meet in PostgreSQL only. A Feed writes: it commits a change together with its place in the order of
// all changes, and waits until every node has applied it or can no longer answer without it. A Node reads: it applies
// changes to a memory of what the database says, and holds a lease that says until when the memory may be believed.
// The protocol, its promises and its assumptions are in docs/revocation.md; internal/prove holds a model of it and a proof
// on real processes.
//
// What always holds: a lease begins before the first thing was sent for the sync that carried it; a node says that it
// applied a change only after it did; nothing here answers sooner than it may because something failed.
package changefeed

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
)

// protocol is the version of what nodes and feeds agree on. A node of another version than the database's answers nothing.
const protocol = 1

// Kind says of what a Change is. A node forgets everything when it meets a kind that it does not know.
type Kind string

// The kinds, with what identifies one.
const (
	Key        Kind = "key"        // the public id of its token
	Account    Kind = "account"    // xid
	Role       Kind = "role"       // xid
	Session    Kind = "session"    // SHA-256 of the cookie, in hex
	Catalogue  Kind = "catalogue"  // of permissions; no id
	Everything Kind = "everything" // all of it, where naming each would be too much; no id
	cluster    Kind = "cluster"    // the lease; nothing to forget
)

// Change names something whose memory is out of date.
type Change struct {
	Kind Kind
	ID   string
}

// Changes are what a transaction changed of what nodes remember.
type Changes struct {
	all       []Change
	withdraws bool
}

// Withdraw adds something that may open less than before: the call returns once no node answers otherwise.
func (c *Changes) Withdraw(kind Kind, ids ...string) {
	c.Announce(kind, ids...)
	c.withdraws = c.withdraws || len(ids) > 0
}

// Announce adds something that changed and takes no right away: nodes learn of it within a lease, and nobody waits.
func (c *Changes) Announce(kind Kind, ids ...string) {
	for _, id := range ids {
		c.all = append(c.all, Change{kind, id})
	}
}

// Revision is a place in the order of changes. The nonce tells it from the same place in a history that a failover threw
// away. The zero Revision is none.
type Revision struct{ V, Nonce int64 }

// ErrRevision is the error of ParseRevision.
var ErrRevision = errors.New("not a revision")

// String is the opaque form that callers hand back: 22 characters of base64url, or nothing for the zero Revision.
func (r Revision) String() string {
	if r == (Revision{}) {
		return ""
	}
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(r.V))
	binary.BigEndian.PutUint64(b[8:], uint64(r.Nonce))
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// ParseRevision reads what String wrote. Errors: ErrRevision.
func ParseRevision(s string) (Revision, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != 16 {
		return Revision{}, ErrRevision
	}
	r := Revision{V: int64(binary.BigEndian.Uint64(b[:8])), Nonce: int64(binary.BigEndian.Uint64(b[8:]))}
	if r.V < 1 {
		return Revision{}, ErrRevision
	}
	return r, nil
}
