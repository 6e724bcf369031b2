package verify

import (
	"context"
	"sync/atomic"
	"time"
	"unique"

	"github.com/latchkey-dev/latchkey/gen/verifydb"
	"github.com/latchkey-dev/latchkey/internal/changefeed"
	"github.com/latchkey-dev/latchkey/internal/permission"
	"github.com/latchkey-dev/latchkey/internal/token"
)

// Key is an access key as memory has it. It does not change, but for the note of its last use.
type Key struct {
	ID        string // xid
	Name      string
	createdAt int64 // microseconds since 1970, as all times here
	expiresAt int64 // 0: never
	account   xid
	brand     unique.Handle[string]
	sealed
	withdrawn   Code            // Revoked, Disabled, or empty
	permissions *permission.Set // nil: whatever its owner holds
	limits      *Limits         // nil: none of its own
	past        *past           // nil: it has the secret that it was made with
	lastUse     atomic.Int64    // seconds
}

// sealed is what is known of a secret.
type sealed struct {
	digest token.Digest // one block of SHA-256 without a pepper once the newest secret of a key was seen
	pepper int16        // of digest
}

// past is the secrets that a key had before.
type past struct {
	previous sealed
	until    int64 // previous is as good as the newest one until then; 0: not at all
	retired  []sealed
}

// Limits is what may be used in a window.
type Limits struct{ Query, Mutation, Credits int64 }

// Unlimited is no limit.
const Unlimited = -1

func limitsOf(query, mutation, credits *int64) Limits {
	return Limits{limitOf(query), limitOf(mutation), limitOf(credits)}
}

func limitOf(n *int64) int64 {
	if n == nil {
		return Unlimited
	}
	return *n
}

var unlimited = limitsOf(nil, nil, nil)

// Limits is what the key may use by itself.
func (k *Key) Limits() Limits {
	if k.limits == nil {
		return unlimited
	}
	return *k.limits
}

// Inherits reports whether the key has no permissions of its own: it has whatever its owner holds.
func (k *Key) Inherits() bool { return k.permissions == nil }

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

// presented is a key as a token named it.
type presented struct {
	key     *Key  // nil: there is none with this id and this secret
	until   int64 // the secret is good until then; 0: for as long as the key is
	retired *Key  // whose secret it was once, where key is nil or until is past
}

// present finds the key that a token is. One of another brand is none, or one key would have many spellings, of which scanners know one.
func (v *Verifier) present(ctx context.Context, parsed token.Parsed) (presented, error) {
	id := tokenIDOf(string(parsed.ID))
	if k := v.cfg.Memory.keys.get(id); k != nil {
		return v.match(k, parsed), nil
	}
	got, err := v.keys.read(ctx, id)
	if err != nil {
		return presented{}, err
	}
	if got.entry == nil {
		v.cfg.Digester.Dummy(parsed)
		return presented{}, nil
	}
	p := v.match(got.entry, parsed)
	if p.key == nil {
		return p, nil // not kept: only who has a secret makes memory grow
	}
	if p.until == 0 {
		p.key = p.key.seen(parsed)
	}
	v.kept(v.keys.keep(id, found[Key]{p.key, got.generation}))
	return p, nil
}

// match compares a token with the secrets of the key that it names.
func (v *Verifier) match(k *Key, parsed token.Parsed) presented {
	if k.brand.Value() != parsed.Brand {
		v.cfg.Digester.Dummy(parsed)
		return presented{}
	}
	if k.is(v.cfg.Digester, parsed) {
		return presented{key: k}
	}
	if k.past == nil {
		return presented{}
	}
	if k.past.until != 0 && k.past.previous.is(v.cfg.Digester, parsed) {
		return presented{key: k, until: k.past.until, retired: k}
	}
	for _, old := range k.past.retired {
		if old.is(v.cfg.Digester, parsed) {
			return presented{retired: k}
		}
	}
	return presented{}
}

func (s sealed) is(d token.Digester, parsed token.Parsed) bool {
	return d.Matches(parsed, s.digest[:], s.pepper)
}

// plain makes the digests in memory: one block of SHA-256, whatever the database keeps.
var plain token.Digester

// seen is the key with a digest in memory's form, once its newest secret has been seen.
func (k *Key) seen(parsed token.Parsed) *Key {
	if k.pepper == 0 {
		return k
	}
	digest, _ := plain.Digest(parsed)
	return &Key{ID: k.ID, Name: k.Name, brand: k.brand, createdAt: k.createdAt, expiresAt: k.expiresAt, account: k.account, sealed: sealed{digest: digest},
		withdrawn: k.withdrawn, permissions: k.permissions, limits: k.limits, past: k.past}
}

// keys reads keys from the database.
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
	var rotated []string
	for _, r := range rows {
		if err := s.proved(r.Timeline, r.ContainsFloor, floor); err != nil {
			return nil, err
		}
		if r.ID == nil {
			continue
		}
		found[tokenIDOf(*r.TokenID)] = newKey(r)
		if r.RotatedAt != nil {
			rotated = append(rotated, *r.TokenID)
		}
	}
	return found, s.retired(ctx, rotated, found)
}

// retired adds the secrets that keys had before. They decide nothing.
func (s source) retired(ctx context.Context, ids []string, found map[tokenID]*Key) error {
	if len(ids) == 0 {
		return nil
	}
	rows, err := s.q.RetiredSecrets(ctx, s.db, ids)
	if err != nil {
		return err
	}
	for _, r := range rows {
		k := found[tokenIDOf(r.TokenID)]
		if k.past == nil {
			k.past = &past{}
		}
		k.past.retired = append(k.past.retired, sealed{token.Digest(r.Digest), r.DigestVersion})
	}
	return nil
}

func newKey(r verifydb.KeysByTokenIDRow) *Key {
	k := &Key{ID: *r.ID, Name: *r.Name, brand: unique.Make(*r.Brand), createdAt: r.CreatedAt.UnixMicro(), account: xidOf(*r.AccountID),
		sealed: sealed{token.Digest(r.Digest), *r.DigestVersion}}
	if r.ExpiresAt != nil {
		k.expiresAt = r.ExpiresAt.UnixMicro()
	}
	switch {
	case r.RevokedAt != nil:
		k.withdrawn = Revoked
	case r.DisabledAt != nil:
		k.withdrawn = Disabled
	}
	if r.Permissions != nil {
		set := permission.NewSet(r.Permissions...)
		k.permissions = &set
	}
	if l := limitsOf(r.LimitQuery, r.LimitMutation, r.LimitCredits); l != unlimited {
		k.limits = &l
	}
	if r.PreviousDigest != nil && r.PreviousVersion != nil && r.PreviousExpiresAt != nil {
		k.past = &past{previous: sealed{token.Digest(r.PreviousDigest), *r.PreviousVersion}, until: r.PreviousExpiresAt.UnixMicro()}
	}
	return k
}
