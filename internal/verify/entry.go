package verify

import (
	"context"
	"encoding/hex"
	"sync/atomic"
	"time"

	"github.com/latchkey-dev/latchkey/gen/verifydb"
	"github.com/latchkey-dev/latchkey/internal/changefeed"
	"github.com/latchkey-dev/latchkey/internal/permission"
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
	Limits    Limits // of all its keys together
	Window    string // of the limits: month, day or life
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

	catalogues *table[only, permission.Catalogue]
}

// only is the id of the one entry of its kind.
type only struct{}

// NewMemory makes a Memory that holds about so many keys at most, and half as many sessions and accounts.
func NewMemory(keysMost int) *Memory {
	return &Memory{keys: newTable[tokenID, Key](keysMost), sessions: newTable[sessionID, session](keysMost / 2),
		accounts: newTable[xid, Account](keysMost / 2), roles: newTable[xid, Role](keysMost / 2),
		catalogues: newTable[only, permission.Catalogue](shardCount)}
}

// newForgetful makes a Memory that holds nothing.
func newForgetful() *Memory {
	return &Memory{keys: &table[tokenID, Key]{}, sessions: &table[sessionID, session]{}, accounts: &table[xid, Account]{}, roles: &table[xid, Role]{},
		catalogues: &table[only, permission.Catalogue]{}}
}

// Flush forgets everything.
func (m *Memory) Flush() {
	m.keys.flush()
	m.sessions.flush()
	m.accounts.flush()
	m.roles.flush()
	m.catalogues.flush()
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
	case changefeed.Catalogue:
		m.catalogues.drop(only{})
	case changefeed.Everything:
		m.Flush()
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
	db       verifydb.DBTX
	q        *verifydb.Queries
	unleased bool // believes whatever a server says that is no standby; see SessionNow
}

// proved tells whether a row may be believed.
func (s source) proved(timeline string, containsFloor bool, floor changefeed.Floor) error {
	if s.unleased && timeline != "" {
		return nil
	}
	if !containsFloor || timeline != floor.Timeline {
		return errUnproved
	}
	return nil
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
		if err := s.proved(r.Timeline, r.ContainsFloor, floor); err != nil {
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
		if err := s.proved(r.Timeline, r.ContainsFloor, floor); err != nil {
			return nil, err
		}
		if r.ID == nil {
			continue
		}
		a := &Account{ID: *r.ID, Handle: *r.Handle, Name: *r.Name, CreatedAt: *r.CreatedAt, UpdatedAt: *r.UpdatedAt, suspended: r.SuspendedAt != nil,
			Limits: limitsOf(r.LimitQuery, r.LimitMutation, nil), Window: *r.LimitWindow}
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
		if err := s.proved(r.Timeline, r.ContainsFloor, floor); err != nil {
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
