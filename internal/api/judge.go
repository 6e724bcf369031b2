package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/latchkey-dev/latchkey/internal/permission"
	"github.com/latchkey-dev/latchkey/internal/problem"
	"github.com/latchkey-dev/latchkey/internal/usage"
	"github.com/latchkey-dev/latchkey/internal/verify"
)

// use is what comes of a key that is good.
type use struct {
	cost    *int64 // in credits; nil: what the catalogue says
	dry     bool   // nothing is used or counted
	address string // of the client that sent the key; empty: not known
}

// judge is what every door asks: is the key good for this, and is there enough left of what bounds it? If so, it is used.
//
// Errors: those of verify.Verifier.Check and usage.Meter.Spend.
func (s *Server) judge(ctx context.Context, d door, raw string, ask verify.Ask, u use) (verify.Verdict, usage.Receipt, error) {
	verdict, err := s.cfg.Verifier.Check(ctx, raw, ask)
	if err != nil {
		return verify.Verdict{}, usage.Receipt{}, err
	}
	var receipt usage.Receipt
	now := s.cfg.Now()
	switch verdict.Code {
	case verify.Valid:
		if receipt, err = s.spend(ctx, verdict, u, now); err != nil {
			return verify.Verdict{}, usage.Receipt{}, err
		}
		verdict.Code = outcomes[receipt.Outcome]
	case verify.InsufficientPermissions:
		if !u.dry {
			s.cfg.Meter.Denied(verdict.Key.ID, now)
		}
	case verify.NotFound:
		if verdict.Retired != nil {
			s.cfg.Retired.Note(verdict.Retired.ID, u.address)
		}
	}
	s.verdicts.note(ctx, d, verdict, u.address)
	if verdict.Code == verify.Valid && !u.dry {
		s.noteUse(verdict.Key, now, u.address)
	}
	return verdict, receipt, nil
}

var outcomes = map[usage.Outcome]verify.Code{usage.Granted: verify.Valid, usage.OverQuota: verify.QuotaExceeded, usage.OverCredits: verify.InsufficientCredits}

func (s *Server) spend(ctx context.Context, v verify.Verdict, u use, now time.Time) (usage.Receipt, error) {
	plan := usage.Plan{KeyID: v.Key.ID, AccountID: v.Account.ID, Account: usage.Limits(v.Account.Limits), Key: usage.Limits(v.Key.Limits()), Window: windowOf(v.Account)}
	ask := usage.Ask{Class: v.Need.Class(), Credits: v.Need.Credits, Dry: u.dry, At: now}
	if u.cost != nil {
		ask.Credits = *u.cost
	}
	return s.cfg.Meter.Spend(ctx, plan, ask)
}

// windowOf is the window of an account's limits.
func windowOf(a *verify.Account) usage.Window {
	w, _ := usage.ParseWindow(a.Window) // the database has no others
	return w
}

// rateLimit tells of a limit as draft-ietf-httpapi-ratelimit-headers-11 has it.
func rateLimit(h http.Header, q *usage.Quota, now time.Time) {
	var room [64]byte
	policy := strconv.AppendInt(append(append(append(room[:0], '"'), q.Class.String()...), `";q=`...), q.Limit, 10)
	if q.ResetsAt != nil {
		policy = appendSeconds(append(policy, ";w="...), q.Window)
	}
	values := [2]string{string(policy)} // one allocation for two values
	left := strconv.AppendInt(append(append(append(room[:0], '"'), q.Class.String()...), `";r=`...), q.Remaining, 10)
	if q.ResetsAt != nil {
		left = appendSeconds(append(left, ";t="...), max(0, q.ResetsAt.Sub(now)))
	}
	values[1] = string(left)
	h["Ratelimit-Policy"], h["Ratelimit"] = values[0:1:1], values[1:2:2]
}

func appendSeconds(to []byte, d time.Duration) []byte {
	return strconv.AppendInt(to, int64(d/time.Second), 10)
}

// refusal is what the holder of a key is told of a verdict that is not valid.
func refusal(v verify.Verdict, r usage.Receipt, now time.Time) *problem.Error {
	switch v.Code {
	case verify.InsufficientPermissions:
		return problem.New(problem.PermissionDenied).WithField("permission", v.Need.Required).WithField("denied_by", v.Decision.DeniedBy)
	case verify.KeyUseNotPermitted:
		return problem.New(problem.PermissionDenied).WithDetail(meanings[v.Code].message).WithField("permission", permission.UsePersonalAccessKeys)
	case verify.QuotaExceeded:
		return overQuota(r.Quota, now)
	case verify.InsufficientCredits:
		return problem.New(problem.InsufficientCredits).WithField("required", r.Credits.Required).WithField("balance", r.Credits.Balance)
	}
	return problem.New(problem.CredentialInvalid)
}

// forLife is what is to be waited for where only a higher limit helps.
const forLife = 24 * time.Hour

func overQuota(q *usage.Quota, now time.Time) *problem.Error {
	p := problem.New(problem.QuotaExceeded).WithField("class", q.Class.String()).WithField("scope", q.Scope).WithField("limit", q.Limit).WithField("used", q.Used)
	if q.ResetsAt == nil {
		return p.After(forLife)
	}
	return p.WithField("resets_at", q.ResetsAt.UTC()).After(q.ResetsAt.Sub(now))
}

// soon is how long before its end a key says so.
const soon = 14 * 24 * time.Hour

// expires tells whoever uses a key that it ends soon.
func expires(h http.Header, k *verify.Key, now time.Time) {
	if end := k.ExpiresAt(); end != nil && end.Sub(now) <= soon {
		h["Latchkey-Key-Expires"] = []string{end.Format(time.RFC3339Nano)}
	}
}
