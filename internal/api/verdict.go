package api

import (
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/latchkey-dev/latchkey/internal/verify"
)

// door is one of the ways to ask about a key.
type door string

const (
	doorVerify      door = "verify"
	doorIntrospect  door = "introspect"
	doorForwardAuth door = "forward_auth"
)

// meaning is what a verdict is to those who asked: the HTTP status that fits it, and a sentence.
type meaning struct {
	status  int
	message string
}

var meanings = map[verify.Code]meaning{
	verify.Valid:                   {200, ""},
	verify.Malformed:               {401, "This is not an access key."},
	verify.NotFound:                {401, "There is no such access key."},
	verify.Revoked:                 {401, "The access key is revoked."},
	verify.Disabled:                {401, "The access key is disabled."},
	verify.Expired:                 {401, "The access key has expired."},
	verify.AccountSuspended:        {401, "The owner of the access key is suspended."},
	verify.KeyUseNotPermitted:      {403, "The owner of the access key may not use access keys any more."},
	verify.InsufficientPermissions: {403, "You are not authorized."},
	verify.QuotaExceeded:           {429, "The limit is used up."},
	verify.InsufficientCredits:     {402, "There are not enough credits."},
}

// verdicts counts the answers about keys, and logs a refusal now and then: one a second says as much as all of them.
type verdicts struct {
	cfg     Config
	counts  map[door]map[verify.Code]prometheus.Counter
	passed  prometheus.Counter // of counts, the busiest: ForwardAuth, Valid
	logged  atomic.Int64       // the second of the last line
	skipped atomic.Int64       // refusals since
}

func newVerdicts(cfg Config) *verdicts {
	counter := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "latchkey_verifications_total",
		Help: "Answers about access keys, by the operation that asked and the verdict."}, []string{"door", "code"})
	cfg.Metrics.MustRegister(counter)
	v := &verdicts{cfg: cfg, counts: map[door]map[verify.Code]prometheus.Counter{}}
	for _, d := range []door{doorVerify, doorIntrospect, doorForwardAuth} {
		v.counts[d] = map[verify.Code]prometheus.Counter{}
		for code := range meanings {
			v.counts[d][code] = counter.WithLabelValues(string(d), string(code))
		}
	}
	v.passed = v.counts[doorForwardAuth][verify.Valid]
	return v
}

// note counts a verdict; keyID and address go to the log if it is a refusal whose turn it is.
func (v *verdicts) note(ctx context.Context, d door, verdict verify.Verdict, address string) {
	if d == doorForwardAuth && verdict.Code == verify.Valid {
		v.passed.Inc()
		return
	}
	v.counts[d][verdict.Code].Inc()
	if verdict.Code == verify.Valid {
		return
	}
	second, last := v.cfg.Now().Unix(), v.logged.Load()
	if second == last || !v.logged.CompareAndSwap(last, second) {
		v.skipped.Add(1)
		return
	}
	attrs := []slog.Attr{slog.String("door", string(d)), slog.String("code", string(verdict.Code)), slog.String("address", address),
		slog.Int64("more_since_last", v.skipped.Swap(0))}
	if verdict.Key != nil {
		attrs = append(attrs, slog.String("access_key_id", verdict.Key.ID))
	}
	v.cfg.Log.LogAttrs(ctx, slog.LevelInfo, "key refused", attrs...)
}
