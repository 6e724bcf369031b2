package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
	"github.com/latchkey-dev/latchkey/sdk/go/api"
)

// The examples of docs/usage.md are true, letter by letter.
func TestUsagePage(t *testing.T) {
	t.Parallel()
	runTranscript(t, "../../docs/usage.md", serve(t))
}

// spender asks instances about one key, whose every use costs something, and notes what they let through.
type spender struct {
	asker, key latchkey.Key
	cost       int

	mu     sync.Mutex
	passed map[*process][]time.Time
}

// verify gives the code of a verdict; "" where the instance does not answer.
func (s *spender) verify(p *process) string {
	body := fmt.Sprintf(`{"key": %q, "cost": %d}`, s.key.Reveal(), s.cost)
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.url+"/api/access-keys/verify", bytes.NewReader([]byte(body)))
	check(p.t, err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+s.asker.Reveal())
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return ""
	}
	defer resp.Body.Close()
	var verdict struct{ Code string }
	if resp.StatusCode != http.StatusOK || json.NewDecoder(resp.Body).Decode(&verdict) != nil {
		return ""
	}
	if verdict.Code == "VALID" {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.passed[p] = append(s.passed[p], time.Now())
	}
	return verdict.Code
}

// since counts what an instance let through after a moment.
func (s *spender) since(p *process, moment time.Time) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, at := range s.passed[p] {
		if at.After(moment) {
			n++
		}
	}
	return n
}

func (s *spender) all(instances [3]*process) int {
	n := 0
	for _, p := range instances {
		n += s.since(p, time.Time{})
	}
	return n
}

// load asks every instance, a few times at once, until it is refused or the instance is gone.
func (s *spender) load(instances [3]*process, each int) *sync.WaitGroup {
	var all sync.WaitGroup
	for _, p := range instances {
		for range each {
			all.Go(func() {
				for s.verify(p) == "VALID" {
				}
			})
		}
	}
	return &all
}

// Three instances share a limit, and one of them is killed: the limit is not exceeded, credits are paid once each, and what was
// counted is lost for the last second at most.
func TestAKilledInstanceExceedsNothing(t *testing.T) {
	t.Parallel()
	const limit, credits, cost, each = 3000, 100_000, 7, 4
	database, instances, ada := newCluster(t)
	owner, err := ada.AccountGet(t.Context())
	check(t, err)
	key := instances[0].newKey(ada)
	s := &spender{asker: instances[0].newKey(ada).Secret, key: key.Secret, cost: cost, passed: map[*process][]time.Time{}}
	check(t, second(ada.AccountCreditsAdd(t.Context(), owner.ID, latchkey.CreditInput{Type: api.CreditInputTypeGrant, Amount: credits, IdempotencyKey: "a"})))
	check(t, second(ada.AccountLimitsUpdate(t.Context(), owner.ID, latchkey.AccountLimitsUpdate{Query: latchkey.LimitTo(limit)})))

	killed := instances[1]
	running := s.load(instances, each)
	until(t, "all instances are at work", func() bool { return s.all(instances) > limit/3 && s.since(killed, time.Time{}) > 0 })
	killed.kill()
	died := time.Now()
	running.Wait()
	taken := func() int { return value[int](t, database, "SELECT sum(taken)::int FROM quota") }
	until(t, "the others have used what is left", func() bool {
		first, last := s.verify(instances[0]), s.verify(instances[2])
		return first == "QUOTA_EXCEEDED" && last == "QUOTA_EXCEEDED" && taken() == limit
	})

	passed := s.all(instances)
	if passed > limit || passed < limit*98/100 {
		t.Errorf("%d of %d were let through", passed, limit)
	}
	charges := value[int](t, database, "SELECT count(*)::int FROM credit_entry WHERE type = 'charge'")
	if charges < passed || charges > passed+each { // those that were under way when it was killed
		t.Errorf("%d charges, %d were let through", charges, passed)
	}
	if left := value[int](t, database, "SELECT balance::int FROM credit_balance"); left != credits-charges*cost {
		t.Errorf("%d are left of %d after %d charges", left, credits, charges)
	}
	counted := 0
	lost := s.since(killed, died.Add(-1500*time.Millisecond))
	until(t, "the others have written what they counted", func() bool {
		counted = value[int](t, database, "SELECT coalesce(sum(query), 0)::int FROM usage_total WHERE access_key_id = '"+key.ID+"'")
		return counted >= passed-lost
	})
	if counted > charges {
		t.Errorf("%d are counted of %d", counted, charges)
	}
}
