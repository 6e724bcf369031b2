// Package verify decides whether a credential opens anything now, and for whom.
//
// It is what every request goes through, so it stands apart from the packages that issue: it answers from memory, which a
// changefeed.Node keeps honest, has its own queries and its own connections for what memory does not have, never writes,
// and learns what others did through PostgreSQL only.
// What always holds: an answer is given only while the lease that was read before the memory has not ended; the secret part
// of a key is compared in constant time; an unknown id is never remembered, and a key not before its secret was seen.
package verify

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/latchkey-dev/latchkey/gen/verifydb"
	"github.com/latchkey-dev/latchkey/internal/changefeed"
	"github.com/latchkey-dev/latchkey/internal/permission"
	"github.com/latchkey-dev/latchkey/internal/problem"
	"github.com/latchkey-dev/latchkey/internal/token"
)

// deadline is how long one look-up may take.
const deadline = 2 * time.Second

// Config is what a Verifier needs.
type Config struct {
	Pool        *pgxpool.Pool
	Memory      *Memory
	Node        *changefeed.Node     // keeps Memory honest
	Clock       func() time.Duration // the node's: boottime.Now
	Now         func() time.Time     // nil: the database's time of day; tests have their own
	Digester    token.Digester
	SessionIdle time.Duration // a session that is not used for so long has ended
}

// Verifier answers for credentials. Its methods may be called from any goroutine.
type Verifier struct {
	cfg      Config
	keys     reader[tokenID, Key]
	sessions reader[sessionID, session]
	accounts reader[xid, Account]
	roles    reader[xid, Role]
}

// New makes a Verifier; it connects when it is first used.
func New(c Config) *Verifier {
	db := source{db: c.Pool, q: verifydb.New()}
	return &Verifier{cfg: c,
		keys:     reader[tokenID, Key]{table: c.Memory.keys, floor: c.Node.Floor, fetch: db.keys},
		sessions: reader[sessionID, session]{table: c.Memory.sessions, floor: c.Node.Floor, fetch: db.sessions},
		accounts: reader[xid, Account]{table: c.Memory.accounts, floor: c.Node.Floor, fetch: db.accounts},
		roles:    reader[xid, Role]{table: c.Memory.roles, floor: c.Node.Floor, fetch: db.roles},
	}
}

// Code is the verdict on a key, in the words of the contract.
type Code string

// The codes. A key gets the first that fits, in this order; Valid if none does.
const (
	Malformed               Code = "MALFORMED"
	NotFound                Code = "NOT_FOUND" // or another secret
	Revoked                 Code = "REVOKED"
	Disabled                Code = "DISABLED"
	Expired                 Code = "EXPIRED"
	AccountSuspended        Code = "ACCOUNT_SUSPENDED"
	KeyUseNotPermitted      Code = "KEY_USE_NOT_PERMITTED" // its owner may not use keys any more
	InsufficientPermissions Code = "INSUFFICIENT_PERMISSIONS"
	Valid                   Code = "VALID"
)

// Ask is what is to be found out about a key. The zero Ask asks whether it can be used at all.
type Ask struct {
	Permission string              // that it must give; empty: none
	Strict     bool                // as the database has it now, whatever the lease
	AtLeast    changefeed.Revision // with everything up to there applied; zero: none
}

// Verdict is the answer. Key, Account and Permissions are there if Code is Valid, KeyUseNotPermitted or
// InsufficientPermissions; tell nobody of them otherwise.
type Verdict struct {
	Code        Code
	Key         *Key
	Account     *Account
	Permissions permission.Set // of the owner
	roles       []Role
}

// Check answers for an access key as it was sent. That a key cannot be used is a Verdict, not an error.
//
// Errors: problem.VerificationUnavailable when no answer can be given that is sure to be fresh, wrapped in the reason.
func (v *Verifier) Check(ctx context.Context, raw string, ask Ask) (Verdict, error) {
	parsed, err := token.Parse(raw)
	if err != nil {
		return Verdict{Code: Malformed}, nil
	}
	if ask.Strict || ask.AtLeast != (changefeed.Revision{}) {
		if err := v.catchUp(ctx, ask); err != nil {
			return Verdict{}, err
		}
	}
	for try := 0; ; try++ {
		lease := v.cfg.Node.Lease() // before the memory is looked at
		verdict, err := v.look(ctx, parsed, ask)
		now := v.cfg.Clock() // after all that is decided
		if err == nil && lease.Fresh(now) {
			return verdict.at(v.unixMicro(lease, now)), nil
		}
		if err := v.again(ctx, try, lease, err); err != nil {
			return Verdict{}, err
		}
	}
}

// look decides but for the expiry, which needs the clock, and the clock is read last.
func (v *Verifier) look(ctx context.Context, parsed token.Parsed, ask Ask) (Verdict, error) {
	key, err := v.key(ctx, parsed)
	if err != nil || key == nil {
		return Verdict{Code: NotFound}, err
	}
	if key.withdrawn != "" {
		return Verdict{Code: key.withdrawn}, nil
	}
	account, held, err := v.owner(ctx, key.account)
	if err != nil {
		return Verdict{}, err
	}
	verdict := Verdict{Code: Valid, Key: key, Account: account, Permissions: held.permissions, roles: held.shown}
	switch {
	case account.suspended:
		verdict.Code = AccountSuspended
	case !held.permissions.Holds(permission.UsePersonalAccessKeys):
		verdict.Code = KeyUseNotPermitted
	case ask.Permission != "" && !held.permissions.Holds(ask.Permission):
		verdict.Code = InsufficientPermissions
	}
	return verdict, nil
}

// at is the verdict at a moment: a key that has expired is expired, whatever its owner is.
func (d Verdict) at(unixMicro int64) Verdict {
	if d.Key != nil && d.Key.expiresAt != 0 && unixMicro >= d.Key.expiresAt {
		d.Code = Expired
	}
	return d
}

// unixMicro is the time of day that expiry is decided by.
func (v *Verifier) unixMicro(lease *changefeed.Lease, now time.Duration) int64 {
	if v.cfg.Now != nil {
		return v.cfg.Now().UnixMicro()
	}
	return lease.UnixMicro(now)
}

// key finds the key that a token is: nil if there is none with its id and its secret, or if it had another brand, or one key
// would have many spellings, of which scanners know one.
func (v *Verifier) key(ctx context.Context, parsed token.Parsed) (*Key, error) {
	id := tokenIDOf(string(parsed.ID))
	if k := v.cfg.Memory.keys.get(id); k != nil {
		if !plain.Matches(parsed, k.digest[:], 0) || k.brand.Value() != parsed.Brand {
			return nil, nil
		}
		return k, nil
	}
	got, err := v.keys.read(ctx, id)
	if err != nil {
		return nil, err
	}
	if got.entry == nil {
		v.cfg.Digester.Dummy(parsed)
		return nil, nil
	}
	if !v.cfg.Digester.Matches(parsed, got.entry.digest[:], got.entry.pepper) || got.entry.brand.Value() != parsed.Brand {
		return nil, nil
	}
	got.entry = got.entry.seen(parsed)
	v.kept(v.keys.keep(id, got))
	return got.entry, nil
}

// plain makes the digests in memory: one block of SHA-256, whatever the database keeps.
var plain token.Digester

// seen is the key with a digest in memory's form, once its secret has been seen.
func (k *Key) seen(parsed token.Parsed) *Key {
	if k.pepper == 0 {
		return k
	}
	digest, _ := plain.Digest(parsed)
	return &Key{ID: k.ID, Name: k.Name, brand: k.brand, createdAt: k.createdAt, expiresAt: k.expiresAt, account: k.account, digest: digest, withdrawn: k.withdrawn}
}

func (v *Verifier) kept(yes bool) {
	if !yes {
		v.cfg.Node.FillDiscarded()
	}
}

// again waits for the next lease before the second try, and fails instead of a third.
func (v *Verifier) again(ctx context.Context, try int, lease *changefeed.Lease, err error) error {
	if err == nil {
		err = errLapsed
	}
	retry := errors.Is(err, errLapsed) || errors.Is(err, errUnproved) || errors.Is(err, errNoFloor) || errors.Is(err, errRoleGone)
	if try > 0 || !retry {
		return unavailable(err)
	}
	var since time.Duration
	if lease != nil {
		since = lease.Since() + 1
	}
	ctx, cancel := context.WithTimeout(ctx, patience(lease))
	defer cancel()
	v.cfg.Node.AwaitSince(ctx, since) // any sync that completes will do
	return nil
}

var errLapsed = errors.New("the lease has ended")

// patience is how long a request waits for a sync.
func patience(lease *changefeed.Lease) time.Duration {
	if lease == nil {
		return time.Second
	}
	return max(lease.Length(), 500*time.Millisecond)
}

// catchUp waits until memory is as fresh as was asked for.
func (v *Verifier) catchUp(ctx context.Context, ask Ask) error {
	arrived := v.cfg.Clock()
	lease := v.cfg.Node.Lease()
	ctx, cancel := context.WithTimeout(ctx, patience(lease))
	defer cancel()
	if ask.AtLeast != (changefeed.Revision{}) && !v.cfg.Node.AwaitRevision(ctx, ask.AtLeast) {
		return unavailable(errors.New("the revision is not applied here"))
	}
	if !ask.Strict {
		return nil
	}
	if lease := v.cfg.Node.AwaitSince(ctx, arrived+1); lease == nil || lease.Since() <= arrived { // begun later, by any clock
		return unavailable(errors.New("no sync since the request arrived"))
	}
	return nil
}

func unavailable(err error) error {
	return fmt.Errorf("%w: %w", err, problem.New(problem.VerificationUnavailable))
}
