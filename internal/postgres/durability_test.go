package postgres_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey/internal/postgres"
	"github.com/latchkey-dev/latchkey/internal/testdb"
)

func TestDurability(t *testing.T) {
	t.Parallel()
	server := testdb.NewOwn(t, map[string]string{"fsync": "on"})
	for _, tc := range []struct {
		set      map[string]string
		durable  bool
		findings []string // how each begins
	}{
		{nil, true, []string{"no synchronous standby"}},
		{map[string]string{"synchronous_standby_names": "somebody"}, true, nil},
		{map[string]string{"synchronous_standby_names": "somebody", "synchronous_commit": "local"}, true, []string{"synchronous_commit is local"}},
		{map[string]string{"synchronous_commit": "off"}, true, []string{"synchronous_commit is off", "no synchronous standby"}},
		{map[string]string{"full_page_writes": "off"}, false, []string{"full_page_writes is off", "no synchronous standby"}},
	} {
		url := server.URL()
		for name, value := range tc.set {
			if name == "synchronous_commit" {
				url += "&synchronous_commit=" + value
				continue
			}
			server.Set(name, value)
		}
		pool, err := postgres.Open(url, postgres.PoolOptions{MaxConns: 1, Name: "test"})
		if err != nil {
			t.Fatal(err)
		}
		d, err := postgres.ReadDurability(t.Context(), pool)
		pool.Close()
		same := slices.EqualFunc(d.Findings, tc.findings, strings.HasPrefix)
		if err != nil || d.Durable != tc.durable || !same || d.Findings == nil || d.Version == "" {
			t.Errorf("%v: %+v, %v", tc.set, d, err)
		}
		for name := range tc.set {
			if name != "synchronous_commit" {
				server.Set(name, map[string]string{"full_page_writes": "on"}[name])
			}
		}
	}
}

func TestDurabilityOfNothing(t *testing.T) {
	t.Parallel()
	pool, err := postgres.Open("postgres://u:p@127.0.0.1:1/d", postgres.PoolOptions{Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if d, err := postgres.ReadDurability(ctx, pool); err == nil {
		t.Errorf("%+v", d)
	}
}
