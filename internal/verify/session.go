package verify

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/latchkey-dev/latchkey/internal/changefeed"
)

// seenEvery is how exact a session's last use is.
const seenEvery = time.Minute

// Session answers for a session cookie as it was sent.
//
// Errors: problem.CredentialInvalid for every session that cannot be used, wrapped in the reason, which is for the log only;
// problem.VerificationUnavailable.
func (v *Verifier) Session(ctx context.Context, raw string) (Holder, error) {
	id := sessionID(sha256.Sum256([]byte(raw))) // finding it needs all 256 bits
	for try := 0; ; try++ {
		lease := v.cfg.Node.Lease()
		s, h, err := v.lookSession(ctx, id, lease)
		now := v.cfg.Clock()
		if err == nil && lease.Fresh(now) {
			return v.sessionAt(s, h, v.unixMicro(lease, now))
		}
		if err := v.again(ctx, try, lease, err); err != nil {
			return Holder{}, err
		}
	}
}

func (v *Verifier) lookSession(ctx context.Context, id sessionID, lease *changefeed.Lease) (*session, Holder, error) {
	s := v.cfg.Memory.sessions.get(id)
	if s != nil && lease != nil && v.isIdle(s, v.unixMicro(lease, v.cfg.Clock())) {
		v.cfg.Memory.sessions.drop(id) // other nodes may have noted a later use
		s = nil
	}
	if s == nil {
		got, err := v.sessions.read(ctx, id)
		if err != nil || got.entry == nil {
			return nil, Holder{}, err
		}
		s = got.entry
		v.kept(v.sessions.keep(id, got))
	}
	a, held, err := v.owner(ctx, s.account)
	if err != nil {
		return nil, Holder{}, err
	}
	if a.suspended {
		return nil, Holder{}, nil
	}
	return s, holder(a, held.shown, held.permissions, s.id), nil
}

func (v *Verifier) isIdle(s *session, now int64) bool {
	return now-s.lastSeen.Load() >= v.cfg.SessionIdle.Microseconds()
}

// sessionAt is the answer at a moment.
func (v *Verifier) sessionAt(s *session, h Holder, now int64) (Holder, error) {
	if s == nil {
		return Holder{}, unusable("unknown session")
	}
	if now >= s.expiresAt || v.isIdle(s, now) {
		return Holder{}, unusable("session ended")
	}
	last := s.lastSeen.Load()
	if now-last > seenEvery.Microseconds() && !s.lastSeen.CompareAndSwap(last, now) {
		last = now // somebody else notes it
	}
	h.LastSeen = time.UnixMicro(last).UTC()
	return h, nil
}
