package verify

import (
	"context"
	"encoding/hex"
	"sync/atomic"
	"time"
	"unique"

	"github.com/latchkey-dev/latchkey/gen/verifydb"
	"github.com/latchkey-dev/latchkey/internal/changefeed"
	"github.com/latchkey-dev/latchkey/internal/permission"
	"github.com/latchkey-dev/latchkey/internal/token"
)

// The ids that entries are found by, with their length in the type: maps of them hold no pointers.
type (
	tokenID   [16]byte
	xid       [20]byte
	sessionID [32]byte // SHA-256 of the cookie
)

func tokenIDOf(s string) tokenID {
	var id tokenID
	copy(id[:], s)
	return id
}

func xidOf(s string) xid {
	var id xid
	copy(id[:], s)
	return id
}

// Key is an access key as memory has it. It does not change, but for the note of its last use.
type Key struct {
	ID        string // xid
	Name      string
	createdAt int64 // microseconds since 1970, as all times here
	expiresAt int64 // 0: never
	account   xid
	brand     unique.Handle[string]
	digest    token.Digest // as stored; one block of SHA-256 without a pepper once the secret was seen
	pepper    int16        // of digest
	withdrawn Code         // Revoked, Disabled, or empty
	lastUse   atomic.Int64 // seconds
}

// CreatedAt is when the key was made.
func (k *Key) CreatedAt() time.Time { return time.UnixMicro(k.createdAt).UTC() }

// ExpiresAt is from when on the key opens nothing; nil: never.
func (k *Key) ExpiresAt() *time.Time {
	if k.expiresAt == 0 {
		return nil
	}
	t := time.UnixMicro(k.expiresAt).UTC()
	return &t
}

// Touch notes a use and tells whether it is the first one noted in its second.
func (k *Key) Touch(second int64) bool {
	last := k.lastUse.Load()
	return last < second && k.lastUse.CompareAndSwap(last, second)
}

type session struct {
	id        string
	account   xid
	lastSeen  atomic.Int64
	expiresAt int64
}

// Account is an account as memory has it.
type Account struct {
	ID        string // xid
	Handle    string
	Name      string
	CreatedAt time.Time
	UpdatedAt time.Time
	suspended bool
	roleIDs   []xid
	rights    atomic.Pointer[rights] // of the last time that they were put together
}

// rights is what the roles of an account gave when they were put together.
type rights struct {
	roles       []*Role // in the order of Account.roleIDs, nil for one that is gone
	shown       []Role
	permissions permission.Set
}

// Role is what a holder shows of a role.
type Role struct {
	ID, Name, Colour string
	BuiltIn          bool
	permissions      []string
}

// Memory is all that a node keeps of the database. It is a changefeed.Memory.
type Memory struct {
	keys     *table[tokenID, Key]
	sessions *table[sessionID, session]
	accounts *table[xid, Account]
	roles    *table[xid, Role]
}

// NewMemory makes a Memory that holds about so many keys at most, and half as many sessions and accounts.
func NewMemory(keysMost int) *Memory {
	return &Memory{keys: newTable[tokenID, Key](keysMost), sessions: newTable[sessionID, session](keysMost / 2),
		accounts: newTable[xid, Account](keysMost / 2), roles: newTable[xid, Role](keysMost / 2)}
}

// Flush forgets everything.
func (m *Memory) Flush() {
	m.keys.flush()
	m.sessions.flush()
	m.accounts.flush()
	m.roles.flush()
}

// Drop forgets what a change is about. An id that is none cannot be in memory.
func (m *Memory) Drop(c changefeed.Change) bool {
	switch c.Kind {
	case changefeed.Key:
		m.keys.drop(tokenIDOf(c.ID))
	case changefeed.Account:
		m.accounts.drop(xidOf(c.ID))
	case changefeed.Role:
		m.roles.drop(xidOf(c.ID))
	case changefeed.Session:
		digest, _ := hex.DecodeString(c.ID)
		var id sessionID
		copy(id[:], digest)
		m.sessions.drop(id)
	default:
		return false
	}
	return true
}

// source reads entries from the database.
type source struct {
	db verifydb.DBTX
	q  *verifydb.Queries
}

// proved tells whether a row may be believed.
func proved(timeline string, containsFloor bool, floor changefeed.Floor) error {
	if !containsFloor || timeline != floor.Timeline {
		return errUnproved
	}
	return nil
}

func (s source) keys(ctx context.Context, ids []tokenID, floor changefeed.Floor) (map[tokenID]*Key, error) {
	names := make([]string, len(ids))
	for i := range ids {
		names[i] = string(ids[i][:])
	}
	rows, err := s.q.KeysByTokenID(ctx, s.db, verifydb.KeysByTokenIDParams{FloorV: floor.V, FloorNonce: floor.Nonce, TokenIds: names})
	if err != nil {
		return nil, err
	}
	found := make(map[tokenID]*Key, len(rows))
	for _, r := range rows {
		if err := proved(r.Timeline, r.ContainsFloor, floor); err != nil {
			return nil, err
		}
		if r.ID != nil {
			found[tokenIDOf(*r.TokenID)] = newKey(r)
		}
	}
	return found, nil
}

func newKey(r verifydb.KeysByTokenIDRow) *Key {
	k := &Key{ID: *r.ID, Name: *r.Name, brand: unique.Make(*r.Brand), createdAt: r.CreatedAt.UnixMicro(), account: xidOf(*r.AccountID), digest: token.Digest(r.Digest), pepper: *r.DigestVersion}
	if r.ExpiresAt != nil {
		k.expiresAt = r.ExpiresAt.UnixMicro()
	}
	switch {
	case r.RevokedAt != nil:
		k.withdrawn = Revoked
	case r.DisabledAt != nil:
		k.withdrawn = Disabled
	}
	return k
}

func (s source) sessions(ctx context.Context, ids []sessionID, floor changefeed.Floor) (map[sessionID]*session, error) {
	digests := make([][]byte, len(ids))
	for i := range ids {
		digests[i] = ids[i][:]
	}
	rows, err := s.q.SessionsByDigest(ctx, s.db, verifydb.SessionsByDigestParams{FloorV: floor.V, FloorNonce: floor.Nonce, Digests: digests})
	if err != nil {
		return nil, err
	}
	found := make(map[sessionID]*session, len(rows))
	for _, r := range rows {
		if err := proved(r.Timeline, r.ContainsFloor, floor); err != nil {
			return nil, err
		}
		if r.ID == nil {
			continue
		}
		e := &session{id: *r.ID, account: xidOf(*r.AccountID), expiresAt: r.ExpiresAt.UnixMicro()}
		e.lastSeen.Store(r.LastSeenAt.UnixMicro())
		found[sessionID(r.Digest)] = e
	}
	return found, nil
}

func (s source) accounts(ctx context.Context, ids []xid, floor changefeed.Floor) (map[xid]*Account, error) {
	rows, err := s.q.AccountsByID(ctx, s.db, verifydb.AccountsByIDParams{FloorV: floor.V, FloorNonce: floor.Nonce, Ids: names(ids)})
	if err != nil {
		return nil, err
	}
	found := make(map[xid]*Account, len(rows))
	for _, r := range rows {
		if err := proved(r.Timeline, r.ContainsFloor, floor); err != nil {
			return nil, err
		}
		if r.ID == nil {
			continue
		}
		a := &Account{ID: *r.ID, Handle: *r.Handle, Name: *r.Name, CreatedAt: *r.CreatedAt, UpdatedAt: *r.UpdatedAt, suspended: r.SuspendedAt != nil}
		for _, id := range r.RoleIds {
			a.roleIDs = append(a.roleIDs, xidOf(id))
		}
		found[xidOf(a.ID)] = a
	}
	return found, nil
}

func (s source) roles(ctx context.Context, ids []xid, floor changefeed.Floor) (map[xid]*Role, error) {
	rows, err := s.q.RolesByID(ctx, s.db, verifydb.RolesByIDParams{FloorV: floor.V, FloorNonce: floor.Nonce, Ids: names(ids)})
	if err != nil {
		return nil, err
	}
	found := make(map[xid]*Role, len(rows))
	for _, r := range rows {
		if err := proved(r.Timeline, r.ContainsFloor, floor); err != nil {
			return nil, err
		}
		if r.ID != nil {
			found[xidOf(*r.ID)] = &Role{ID: *r.ID, Name: *r.Name, Colour: *r.Colour, BuiltIn: *r.BuiltIn, permissions: r.Permissions}
		}
	}
	return found, nil
}

func names(ids []xid) []string {
	list := make([]string, len(ids))
	for i := range ids {
		list[i] = string(ids[i][:])
	}
	return list
}
