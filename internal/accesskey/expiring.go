package accesskey

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/xid"

	"github.com/latchkey-dev/latchkey/gen/managedb"
	"github.com/latchkey-dev/latchkey/internal/audit"
	"github.com/latchkey-dev/latchkey/internal/auth"
)

const (
	soon       = 14 * 24 * time.Hour // before its end a key is told of
	expiryPage = 500
)

func newExpiring(m prometheus.Registerer) prometheus.Gauge {
	g := prometheus.NewGauge(prometheus.GaugeOpts{Name: "latchkey_access_keys_expiring",
		Help: "Live keys that expire within 14 days, as of the last minute."})
	if m != nil {
		m.MustRegister(g)
	}
	return g
}

// TellExpiring records, once for each expiry, that keys end within two weeks; it answers how many it recorded this time, and counts those
// that do.
func (s *Store) TellExpiring(ctx context.Context) (int64, error) {
	now := s.moment()
	told := 0
	err := pgx.BeginFunc(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		ids, err := s.q.AccessKeysExpiring(ctx, tx, managedb.AccessKeysExpiringParams{Now: now, Soon: now.Add(soon), Page: expiryPage})
		if err != nil || len(ids) == 0 {
			return wrap(err, "look for keys that expire soon")
		}
		told = len(ids)
		events := make([]string, len(ids))
		for i := range ids {
			events[i] = xid.NewWithTime(now).String()
		}
		err = s.q.AccessKeysExpiryTold(ctx, tx, managedb.AccessKeysExpiryToldParams{Ids: ids, EventIds: events, Now: now,
			Type: string(audit.AccessKeyExpiring), Credential: string(auth.None), TargetKind: targetKind})
		return wrap(err, "record keys that expire soon")
	})
	if err != nil {
		return 0, err
	}
	n, err := s.q.AccessKeysExpiringCount(ctx, s.cfg.Pool, managedb.AccessKeysExpiringCountParams{Now: now, Soon: now.Add(soon)})
	if err != nil {
		return 0, fmt.Errorf("count keys that expire soon: %w", err)
	}
	s.expiring.Set(float64(n))
	return int64(told), nil
}
