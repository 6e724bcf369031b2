package verify

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/latchkey-dev/latchkey/gen/verifydb"
	"github.com/latchkey-dev/latchkey/internal/changefeed"
	"github.com/latchkey-dev/latchkey/internal/token"
)

// newUnleased makes the Verifier that SessionNow and KeyNow look with: it remembers nothing, and needs no floor to read.
func newUnleased(c Config) *Verifier {
	c.Memory = newForgetful()
	return newVerifier(c, source{db: c.Pool, q: verifydb.New(), unleased: true}, func() *changefeed.Floor { return &changefeed.Floor{} })
}

// SessionNow is Session by what the database says at this moment, with or without a lease. It is for what people look at to find out why
// there is no lease, and must open nothing else: a server that was replaced and does not know it yet is believed, so somebody whose session
// has ended since may still see that.
//
// Errors: those of Session.
func (v *Verifier) SessionNow(ctx context.Context, raw string, now time.Time) (Holder, error) {
	u := v.unleased
	s, h, err := u.lookSession(ctx, sha256.Sum256([]byte(raw)), nil)
	if err != nil {
		return Holder{}, unavailable(err)
	}
	return u.sessionAt(s, h, now.UnixMicro())
}

// KeyNow is Key as SessionNow is Session.
//
// Errors: those of Key.
func (v *Verifier) KeyNow(ctx context.Context, raw string, now time.Time) (Holder, error) {
	parsed, err := token.Parse(raw)
	if err != nil {
		return holderBy(Verdict{Code: Malformed})
	}
	verdict, err := v.unleased.look(ctx, parsed, Ask{})
	if err != nil {
		return Holder{}, unavailable(err)
	}
	return holderBy(verdict.at(now.UnixMicro()))
}
