package accesskey

import (
	"sync"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/latchkey-dev/latchkey/internal/page"
)

func TestTellExpiring(t *testing.T) {
	t.Parallel()
	s, pool := newStore(t)
	now := noon
	s.cfg.Now = func() time.Time { return now }
	ids := map[string]string{}
	for name, expiry := range map[string]*time.Time{"never": nil, "tomorrow": at(24 * time.Hour), "in two weeks": at(soon), "later": at(soon + time.Microsecond), "revoked": at(time.Hour)} {
		key, _, err := s.Create(t.Context(), grace, CreateInput{Name: name, ExpiresAt: expiry})
		if err != nil {
			t.Fatal(err)
		}
		ids[name] = key.ID
	}
	if _, err := s.Revoke(t.Context(), grace, ids["revoked"]); err != nil {
		t.Fatal(err)
	}
	tell := func(say string, want int64) {
		t.Helper()
		if n, err := s.TellExpiring(t.Context()); n != want || err != nil {
			t.Errorf("%s: told of %d, want %d; %v", say, n, want, err)
		}
	}
	tell("the first time", 2)
	tell("again", 0)
	var m dto.Metric
	if err := s.expiring.Write(&m); err != nil || m.GetGauge().GetValue() != 2 {
		t.Errorf("the metric is %v, %v", m.GetGauge(), err)
	}
	if got := scalar[string](t, pool, `SELECT string_agg(concat_ws(' ', credential, e.account_id, k.name, e.new->>'expires_at'), ', ' ORDER BY k.name)
		FROM audit_event e JOIN access_key k ON k.id = e.target_id WHERE e.type = 'access_key_expiring'`); got !=
		"none "+grace.AccountID+" in two weeks 2026-12-06T12:00:00.123456Z, none "+grace.AccountID+" tomorrow 2026-11-23T12:00:00.123456Z" {
		t.Errorf("recorded %s", got)
	}
	name, expiry := "renamed", at(48*time.Hour)
	if _, err := s.Update(t.Context(), grace, ids["tomorrow"], UpdateInput{Name: &name}); err != nil {
		t.Fatal(err)
	}
	tell("with another name", 0)
	if _, err := s.Update(t.Context(), grace, ids["tomorrow"], UpdateInput{ExpiresAt: &expiry}); err != nil {
		t.Fatal(err)
	}
	tell("with another expiry", 1)
	now = noon.Add(time.Microsecond)
	tell("once it comes near", 1)
	now = noon.Add(soon)
	tell("once it is past", 0)
}

// Instances tell together what one would.
func TestTellingOfExpiringKeysAtOnce(t *testing.T) {
	t.Parallel()
	s, pool := newStore(t)
	exec(t, pool, `INSERT INTO access_key (id, account_id, brand, token_id, digest, digest_version, name, created_at, updated_at, expires_at)
		SELECT 'x' || lpad(i::text, 19, '0'), $1, 'lk', 'x' || lpad(i::text, 15, '0'), decode(repeat('00', 32), 'hex'), 0, 'x', $2, $2, $2::timestamptz + interval '1 hour'
		  FROM generate_series(1, 1200) i`, grace.AccountID, noon)
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			for n, err := s.TellExpiring(t.Context()); n > 0 || err != nil; n, err = s.TellExpiring(t.Context()) {
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	if told := scalar[int](t, pool, "SELECT count(DISTINCT target_id) FROM audit_event WHERE type = 'access_key_expiring'"); told != 1200 {
		t.Errorf("told of %d keys, want 1200", told)
	}
	if n := scalar[int](t, pool, "SELECT count(*) FROM audit_event"); n != 1200 {
		t.Errorf("%d events, want 1200", n)
	}
}

func TestOneListIsNarrowedByExpiry(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	if _, _, err := s.Create(t.Context(), grace, CreateInput{Name: "x", ExpiresAt: at(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	for before, want := range map[time.Duration]int{time.Hour: 0, time.Hour + time.Microsecond: 1} {
		list, _, err := s.List(t.Context(), grace, Filter{ExpiringBefore: at(before)}, page.Start, 10)
		if len(list) != want || err != nil {
			t.Errorf("before %s: %d, %v", before, len(list), err)
		}
	}
}
