package usage

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/xid"

	"github.com/latchkey-dev/latchkey/gen/meterdb"
	"github.com/latchkey-dev/latchkey/internal/permission"
	"github.com/latchkey-dev/latchkey/internal/problem"
)

// MeterConfig is what a Meter needs.
type MeterConfig struct {
	Pool    *pgxpool.Pool
	Clock   func() time.Duration  // boottime.Now
	Metrics prometheus.Registerer // nil: none
}

// Meter decides whether limits and credits allow a request, and counts it. Its methods may be called from any goroutine; any
// number of instances may work on one database.
//
// What always holds: of a limit no more is granted than it has, whatever becomes of instances; a balance is never negative; a
// request that is refused has used nothing; what nothing bounds costs no database access and no memory.
type Meter struct {
	pool    *pgxpool.Pool
	q       *meterdb.Queries
	metrics *meterMetrics
	counts  *counter
	quotas  *reserve
}

// NewMeter makes a Meter; it writes counts and returns units while Run does.
func NewMeter(c MeterConfig) *Meter {
	metrics := newMeterMetrics(c.Metrics)
	return &Meter{pool: c.Pool, q: meterdb.New(), metrics: metrics, counts: newCounter(), quotas: newReserve(c, metrics)}
}

// Spend lets a request through or refuses it: first the limits of the account and of the key, then the credits; then it counts
// as used. A refusal is counted too.
//
// The only error is problem.VerificationUnavailable: the database was needed and could not be asked. Then the request must not
// be let through; it may have been charged if the connection broke while that was done.
func (m *Meter) Spend(ctx context.Context, p Plan, a Ask) (Receipt, error) {
	receipt := Receipt{Outcome: Granted}
	if p.bounded(a) {
		var err error
		if receipt, err = m.spend(ctx, p, a); err != nil {
			m.metrics.unavailable.Inc()
			return Receipt{}, fmt.Errorf("%w: %w", err, problem.New(problem.VerificationUnavailable).After(time.Second))
		}
	}
	if !a.Dry {
		m.count(p.KeyID, a.At, countsOf(a, receipt.Outcome))
	}
	return receipt, nil
}

// Denied counts a request that was refused for want of a permission.
func (m *Meter) Denied(keyID string, at time.Time) {
	m.count(keyID, at, Counts{Denied: Denied{Permission: 1}})
}

func (m *Meter) count(keyID string, at time.Time, n Counts) {
	if !m.counts.add(tallyOf(keyID, at), n) {
		m.metrics.uncounted.Inc()
	}
}

func countsOf(a Ask, o Outcome) Counts {
	switch {
	case o == OverQuota:
		return Counts{Denied: Denied{Quota: 1}}
	case o == OverCredits:
		return Counts{Denied: Denied{Credits: 1}}
	case a.Class == permission.Mutation:
		return Counts{Mutation: 1, Credits: a.Credits}
	}
	return Counts{Query: 1, Credits: a.Credits}
}

// spend is Spend where something bounds the request. Its arguments are copies, so that those of Spend need no memory.
func (m *Meter) spend(ctx context.Context, p Plan, a Ask) (Receipt, error) {
	receipt, taken, err := m.takeUnits(ctx, p, a)
	if err == nil && receipt.Outcome == Granted && a.Credits > 0 {
		err = m.pay(ctx, p, a, &receipt)
	}
	if err != nil || receipt.Outcome != Granted {
		for _, k := range taken {
			m.quotas.release(k)
		}
	}
	return receipt, err
}

// takeUnits takes a unit of each limit that bounds a request, and names them. The limit of the key comes first: a key that has used
// up its own must not hold units of the account, not even for a moment, or its other keys would be refused.
func (m *Meter) takeUnits(ctx context.Context, p Plan, a Ask) (Receipt, []budgetKey, error) {
	take, receipt := m.quotas.take, Receipt{Outcome: Granted}
	if a.Dry {
		take = m.quotas.peek
	}
	var taken []budgetKey
	for _, limit := range [...]struct {
		scope, subject string
		most           int64
	}{{ScopeKey, p.KeyID, p.Key.of(a.Class)}, {ScopeAccount, p.AccountID, p.Account.of(a.Class)}} {
		if limit.most < 0 {
			continue
		}
		k := budgetKey{subject: limit.subject, class: a.Class, limit: limit.most, start: p.Window.Start(a.At).Unix()}
		now, ok, err := take(ctx, k)
		if err != nil {
			return Receipt{}, taken, err
		}
		q := Quota{Class: a.Class, Scope: limit.scope, Limit: limit.most, Used: now.used, Remaining: max(limit.most-now.used, 0), ResetsAt: p.Window.End(a.At)}
		if q.ResetsAt != nil {
			q.Window = q.ResetsAt.Sub(p.Window.Start(a.At))
		}
		if !ok {
			q.Remaining = 0
			return Receipt{Outcome: OverQuota, Quota: &q}, taken, nil
		}
		if receipt.Quota == nil || q.Remaining < receipt.Quota.Remaining {
			receipt.Quota = &q
		}
		if !a.Dry {
			taken = append(taken, k)
		}
	}
	return receipt, taken, nil
}

// pay charges the account for a request, within the cap of the key.
func (m *Meter) pay(ctx context.Context, p Plan, a Ask, r *Receipt) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience) // cut off, nobody would know whether it was paid
	defer cancel()
	charge := m.charge
	if a.Dry {
		charge = m.couldCharge
	}
	paid, remains, err := charge(ctx, p, a)
	if err != nil {
		return fmt.Errorf("charge credits: %w", err)
	}
	if !paid {
		r.Outcome = OverCredits
	}
	r.Credits = &Charge{Required: a.Credits, Balance: remains}
	return nil
}

func (m *Meter) charge(ctx context.Context, p Plan, a Ask) (bool, int64, error) {
	start := p.Window.Start(a.At)
	ask := meterdb.CreditChargeParams{AccountID: p.AccountID, AccessKeyID: p.KeyID, Start: start, Cost: a.Credits, Now: a.At.UTC(), ID: xid.NewWithTime(a.At).String()}
	row, err := m.q.CreditCharge(ctx, m.pool, ask)
	if err == nil && row.Unopened {
		if err = m.q.QuotaOpen(ctx, m.pool, meterdb.QuotaOpenParams{Subject: p.KeyID, Class: "credits", Start: start}); err == nil {
			row, err = m.q.CreditCharge(ctx, m.pool, ask)
		}
	}
	if err == nil && row.Unopened {
		err = errors.New("the window has no row")
	}
	return row.Paid, row.Remains, err
}

func (m *Meter) couldCharge(ctx context.Context, p Plan, a Ask) (bool, int64, error) {
	remains, err := m.q.CreditPeek(ctx, m.pool, meterdb.CreditPeekParams{AccountID: p.AccountID, AccessKeyID: p.KeyID, Start: p.Window.Start(a.At)})
	return remains >= a.Credits, remains, err
}

// Run writes what was counted and returns units that are held, every second until ctx ends, and then once more. End it after the
// last Spend.
func (m *Meter) Run(ctx context.Context, log *slog.Logger) {
	for tick := time.NewTicker(every); ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			tick.Stop()
			m.quotas.fills.Wait()
		}
		if err := m.Flush(context.WithoutCancel(ctx)); err != nil {
			log.Warn("could not write what was counted, or return quota; it will be tried again", "error", err)
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// Flush writes what was counted and returns the units that are held.
func (m *Meter) Flush(ctx context.Context) error {
	err := errors.Join(m.counts.flush(ctx, m.pool), m.quotas.giveBack(ctx))
	if err != nil {
		m.metrics.failures.Inc()
	}
	return err
}
