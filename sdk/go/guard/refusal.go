package guard

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
	"github.com/latchkey-dev/latchkey/sdk/go/api"
)

const (
	realm   = `Bearer realm="latchkey"`
	forLife = 24 * time.Hour      // to be waited for where only a higher limit helps
	soon    = 14 * 24 * time.Hour // before its end a key says so
)

// Refusal is why a request was not let in. Nothing in it but Err and Verdict is unfit for the client: those are for whoever runs the API.
type Refusal struct {
	Status     int                    // 400 ambiguous, 401, 402 credits, 403, 429 limit, 503 no verdict
	Code       latchkey.ErrorCode     // of the contract
	Detail     string                 // empty: the code says it all
	Metadata   map[string]any         // facts for programs, by code
	RetryAfter time.Duration          // of 429 and 503
	Verdict    *latchkey.VerifyResult // nil if none was given
	Err        error                  // why none was given
}

// decide tells what a verdict means for a request: a refusal, or none. It is an error if it means nothing.
func decide(v latchkey.VerifyResult) (*Refusal, error) {
	switch {
	case v.Valid && v.Code == api.VerifyCodeValid && v.Key != nil && v.Account != nil:
		return nil, nil
	case v.Valid || v.Status < 400 || v.Status > 499:
		return nil, errors.New("guard: the verdict makes no sense")
	}
	r := &Refusal{Status: v.Status, Verdict: &v, Metadata: map[string]any{}}
	switch v.Status {
	case http.StatusUnauthorized: // for the holder, all keys that open nothing are the same
		r.Code = api.ErrorCodeCredentialInvalid
	case http.StatusPaymentRequired:
		r.Code = api.ErrorCodeInsufficientCredits
		if c := v.Credits; c != nil {
			r.Metadata = map[string]any{"required": c.Required, "balance": c.Balance}
		}
	case http.StatusTooManyRequests:
		r.Code = api.ErrorCodeQuotaExceeded
		r.spent(v.Quota)
	default: // a newer service may have more verdicts
		r.Status, r.Code = http.StatusForbidden, api.ErrorCodePermissionDenied
		r.lacking(v)
	}
	return r, nil
}

func (r *Refusal) spent(q *api.VerifiedQuota) {
	r.RetryAfter = time.Second
	if q == nil {
		return
	}
	r.Metadata = map[string]any{"class": q.Class, "scope": q.Scope, "limit": q.Limit, "used": q.Used}
	r.RetryAfter = forLife
	if q.ResetsAt != nil {
		r.Metadata["resets_at"] = q.ResetsAt.UTC()
		r.RetryAfter = time.Until(*q.ResetsAt)
	}
}

func (r *Refusal) lacking(v latchkey.VerifyResult) {
	if v.Code == api.VerifyCodeKeyUseNotPermitted {
		r.Detail, r.Metadata["permission"] = "The owner of the access key may not use access keys any more.", "USE_PERSONAL_ACCESS_KEYS"
		return
	}
	if v.Required != nil {
		r.Metadata["permission"] = *v.Required
	}
	if v.DeniedBy != nil {
		r.Metadata["denied_by"] = *v.DeniedBy
	}
}

// undecided is for a request that can be read in two ways, or in none.
func undecided() *Refusal {
	return &Refusal{Status: http.StatusForbidden, Code: api.ErrorCodePermissionDenied, Detail: "The request cannot be judged: its method or its path is not plain."}
}

// unavailable is for a request of which nobody knows whether it may.
func unavailable(err error) *Refusal {
	r := &Refusal{Status: http.StatusServiceUnavailable, Code: api.ErrorCodeVerificationUnavailable, RetryAfter: time.Second, Err: err}
	if e, ok := errors.AsType[*latchkey.Error](err); ok && e.RetryAfter > 0 && e.Status == http.StatusServiceUnavailable {
		r.RetryAfter = e.RetryAfter
	}
	return r
}

// challenge sets the headers of a refusal; WWW-Authenticate as RFC 6750 section 3 has it.
func (r *Refusal) challenge(h http.Header) {
	h.Set("Cache-Control", "no-store")
	if r.RetryAfter > 0 || r.Status == http.StatusTooManyRequests {
		h.Set("Retry-After", strconv.FormatInt(max(1, seconds(r.RetryAfter+time.Second-1)), 10))
	}
	switch r.Code {
	case api.ErrorCodeCredentialRequired:
		h.Set("WWW-Authenticate", realm)
	case api.ErrorCodeCredentialInvalid:
		h.Set("WWW-Authenticate", realm+`, error="invalid_token"`)
	case api.ErrorCodeCredentialsAmbiguous:
		h.Set("WWW-Authenticate", realm+`, error="invalid_request"`)
	case api.ErrorCodePermissionDenied:
		challenge := realm + `, error="insufficient_scope"`
		if scope, _ := r.Metadata["permission"].(string); scope != "" && !strings.ContainsAny(scope, `"\`) {
			challenge += `, scope="` + scope + `"`
		}
		h.Set("WWW-Authenticate", challenge)
	}
}

// tell sets the headers that a verdict gives to every answer: of a limit as draft-ietf-httpapi-ratelimit-headers-11 has it, and of
// a key that ends soon.
func tell(h http.Header, v latchkey.VerifyResult) {
	if q := v.Quota; q != nil {
		policy := fmt.Sprintf(`"%s";q=%d`, q.Class, q.Limit)
		if q.WindowSeconds != nil {
			policy += fmt.Sprintf(`;w=%d`, *q.WindowSeconds)
		}
		h.Set("RateLimit-Policy", policy)
		left := fmt.Sprintf(`"%s";r=%d`, q.Class, q.Remaining)
		if q.ResetsAt != nil {
			left += fmt.Sprintf(`;t=%d`, max(0, seconds(time.Until(*q.ResetsAt))))
		}
		h.Set("RateLimit", left)
	}
	if k := v.Key; k != nil && k.ExpiresAt != nil && time.Until(*k.ExpiresAt) <= soon {
		h.Set("Latchkey-Key-Expires", k.ExpiresAt.Format(time.RFC3339Nano))
	}
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

// words are what problems of a code say.
var words = map[latchkey.ErrorCode]struct{ title, suggested string }{
	api.ErrorCodeCredentialsAmbiguous: {"The request carries more than one credential", "Send one Authorization header."},
	api.ErrorCodeCredentialRequired:   {"This needs a credential", "Send an access key as Authorization: Bearer."},
	api.ErrorCodeCredentialInvalid:    {"The credential cannot be used", "Use another access key."},
	api.ErrorCodeInsufficientCredits:  {"There are not enough credits", "Ask an administrator for credits."},
	api.ErrorCodePermissionDenied:     {"You are not authorized", "Use a key with the permission that metadata names, or ask an administrator for a role that gives it."},
	api.ErrorCodeQuotaExceeded:        {"The limit is used up", "Wait for the seconds in Retry-After, or ask an administrator for a higher limit."},
	api.ErrorCodeVerificationUnavailable: {"It cannot be said now whether the key is good",
		"Try again after the seconds in Retry-After."},
}

// Problem answers with a problem+json (RFC 9457) as Latchkey itself does. It is what Config.Refuse is by default, for those who only want to
// refuse some requests in another way.
func Problem(w http.ResponseWriter, r *http.Request, refusal Refusal) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(refusal.Status)
	if r.Method == http.MethodHead {
		return
	}
	say := words[refusal.Code]
	p := api.Problem{Type: "urn:latchkey:problem:" + string(refusal.Code), Title: say.title, Status: refusal.Status, Detail: refusal.Detail, TraceID: trace(refusal.Err),
		Metadata: refusal.Metadata, Error: refusal.Code, Message: say.title, Suggested: say.suggested}
	if p.Detail == "" {
		p.Detail = say.title
	}
	if p.Metadata == nil {
		p.Metadata = map[string]any{}
	}
	_ = json.NewEncoder(w).Encode(p) // a client that is gone needs no answer
}

// trace is the id under which Latchkey has logged its fault, or a new one.
func trace(err error) string {
	if e, ok := errors.AsType[*latchkey.Error](err); ok && e.TraceID != "" {
		return e.TraceID
	}
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails (crypto/rand)
	return hex.EncodeToString(id[:])
}
