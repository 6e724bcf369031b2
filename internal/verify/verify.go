// Package verify decides whether a credential opens anything now, and for whom.
//
// It is what every request goes through, so it stands apart from the packages that issue: it answers from memory, which a
// changefeed.Node keeps honest, has its own queries and its own connections for what memory does not have, never writes,
// and learns what others did through PostgreSQL only.
// What always holds: an answer is given only while the lease that was read before the memory has not ended, but for SessionNow and KeyNow,
// which answer from no memory, for one page; the secret part of a key is compared in constant time; an unknown id is never remembered, and a
// key not before its secret was seen.
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

	catalogues reader[only, permission.Catalogue]

	unleased *Verifier // for SessionNow and KeyNow
}

// New makes a Verifier; it connects when it is first used.
func New(c Config) *Verifier {
	v := newVerifier(c, source{db: c.Pool, q: verifydb.New()}, c.Node.Floor)
	v.unleased = newUnleased(c)
	return v
}

func newVerifier(c Config, db source, floor func() *changefeed.Floor) *Verifier {
	return &Verifier{cfg: c,
		keys:       reader[tokenID, Key]{table: c.Memory.keys, floor: floor, fetch: db.keys},
		sessions:   reader[sessionID, session]{table: c.Memory.sessions, floor: floor, fetch: db.sessions},
		accounts:   reader[xid, Account]{table: c.Memory.accounts, floor: floor, fetch: db.accounts},
		roles:      reader[xid, Role]{table: c.Memory.roles, floor: floor, fetch: db.roles},
		catalogues: reader[only, permission.Catalogue]{table: c.Memory.catalogues, floor: floor, fetch: db.catalogues},
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
	QuotaExceeded           Code = "QUOTA_EXCEEDED"       // never of Check: of who counts
	InsufficientCredits     Code = "INSUFFICIENT_CREDITS" // likewise
	Valid                   Code = "VALID"
)

// Ask is what is to be found out about a key: about a request to the API, about access to a resource, or about a permission. The zero
// Ask asks whether it can be used at all.
type Ask struct {
	Method, Path string // of a request; empty: not about one
	Resource     string // of the catalogue; empty: not about one
	Access       permission.Access
	Permission   string              // empty: not about one
	Strict       bool                // as the database has it now, whatever the lease
	AtLeast      changefeed.Revision // with everything up to there applied; zero: none
}

// Verdict is the answer. Key, Account, Permissions, Need and Decision are there if Code is Valid, KeyUseNotPermitted or
// InsufficientPermissions; tell nobody of them otherwise.
type Verdict struct {
	Code        Code
	Key         *Key
	Account     *Account
	Permissions permission.Set // what key and owner both give
	Need        permission.Need
	Decision    permission.Decision
	Retired     *Key // whose secret this was once, if it is no more
	roles       []Role
	until       int64 // the secret is good until then; 0: for as long as the key is
	senseless   error // what was asked for has no answer, however good the key
}

// Check answers for an access key as it was sent. That a key cannot be used is a Verdict, not an error.
//
// Errors: problem.VerificationUnavailable when no answer can be given that is sure to be fresh, wrapped in the reason; ErrResource,
// permission.ErrPath and permission.ErrMethod for a question about a good key that has no answer.
func (v *Verifier) Check(ctx context.Context, raw string, ask Ask) (Verdict, error) {
	parsed, err := token.Parse(raw)
	if err != nil {
		return Verdict{Code: Malformed}, nil
	}
	return v.fresh(ctx, ask, func() (Verdict, error) { return v.look(ctx, parsed, ask) })
}

// look decides about a token, but for what needs the clock.
func (v *Verifier) look(ctx context.Context, parsed token.Parsed, ask Ask) (Verdict, error) {
	p, err := v.present(ctx, parsed)
	if err != nil || p.key == nil {
		return Verdict{Code: NotFound, Retired: p.retired}, err
	}
	verdict, err := v.judge(ctx, p.key, ask)
	verdict.until, verdict.Retired = p.until, p.retired
	return verdict, err
}

// Explain answers as Check would for whoever had the newest secret of a key, by the public id of its token. NotFound: there is none.
//
// Errors: those of Check.
func (v *Verifier) Explain(ctx context.Context, tokenPublicID string, ask Ask) (Verdict, error) {
	id := tokenIDOf(tokenPublicID)
	return v.fresh(ctx, ask, func() (Verdict, error) {
		key := v.cfg.Memory.keys.get(id)
		if key == nil {
			got, err := v.keys.read(ctx, id) // and not kept: only who has a secret makes memory grow
			if err != nil || got.entry == nil {
				return Verdict{Code: NotFound}, err
			}
			key = got.entry
		}
		return v.judge(ctx, key, ask)
	})
}

// fresh gives what look decides, if the lease that was read before still held after.
func (v *Verifier) fresh(ctx context.Context, ask Ask, look func() (Verdict, error)) (Verdict, error) {
	if ask.Strict || ask.AtLeast != (changefeed.Revision{}) {
		if err := v.catchUp(ctx, ask); err != nil {
			return Verdict{}, err
		}
	}
	for try := 0; ; try++ {
		lease := v.cfg.Node.Lease() // before the memory is looked at
		verdict, err := look()
		now := v.cfg.Clock() // after all that is decided
		if err == nil && lease.Fresh(now) {
			return verdict.at(v.unixMicro(lease, now)).answer()
		}
		if err := v.again(ctx, try, lease, err); err != nil {
			return Verdict{}, err
		}
	}
}

// judge decides but for what needs the clock, and the clock is read last.
func (v *Verifier) judge(ctx context.Context, key *Key, ask Ask) (Verdict, error) {
	if key.withdrawn != "" {
		return Verdict{Code: key.withdrawn}, nil
	}
	need, senseless, err := v.need(ctx, ask)
	if err != nil {
		return Verdict{}, err
	}
	account, held, err := v.owner(ctx, key.account)
	if err != nil {
		return Verdict{}, err
	}
	verdict := Verdict{Code: Valid, Key: key, Account: account, Permissions: held.permissions.Within(key.permissions), roles: held.shown, Need: need, senseless: senseless}
	switch {
	case account.suspended:
		verdict.Code = AccountSuspended
	case !held.permissions.Holds(permission.UsePersonalAccessKeys):
		verdict.Code = KeyUseNotPermitted
	default:
		verdict.Decision = permission.Decide(key.permissions, held.permissions, need)
		if verdict.Decision.DeniedBy != "" {
			verdict.Code = InsufficientPermissions
		}
	}
	return verdict, nil
}

// at is the verdict at a moment: a key that has expired is expired, whatever its owner is, and a secret that was replaced is
// none once its time is over.
func (d Verdict) at(unixMicro int64) Verdict {
	switch {
	case d.until != 0 && unixMicro >= d.until:
		return Verdict{Code: NotFound, Retired: d.Retired}
	case d.Key != nil && d.Key.expiresAt != 0 && unixMicro >= d.Key.expiresAt:
		d.Code = Expired
	}
	if d.until != 0 {
		d.Retired = nil // it still is good
	}
	return d
}

// answer is the verdict, or the error of a question that has none. Of a key that is not good anyway that is not told.
func (d Verdict) answer() (Verdict, error) {
	if d.Code == Valid && d.senseless != nil {
		return Verdict{}, d.senseless
	}
	return d, nil
}

// unixMicro is the time of day that expiry is decided by.
func (v *Verifier) unixMicro(lease *changefeed.Lease, now time.Duration) int64 {
	if v.cfg.Now != nil {
		return v.cfg.Now().UnixMicro()
	}
	return lease.UnixMicro(now)
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
