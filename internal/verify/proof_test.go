package verify

import (
	"context"
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/latchkey-dev/latchkey/gen/verifydb"
	"github.com/latchkey-dev/latchkey/internal/changefeed"
	"github.com/latchkey-dev/latchkey/internal/postgres"
	"github.com/latchkey-dev/latchkey/internal/problem"
	"github.com/latchkey-dev/latchkey/internal/testdb"
)

// Every row says whether it may be believed, and so does the answer that there is none.
func TestEveryReadProvesItself(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	s := source{db: b.pool, q: verifydb.New()}
	floor := *b.node.Floor()
	for say, at := range map[string]struct {
		floor  changefeed.Floor
		proved bool
	}{
		"the head":            {floor, true},
		"another nonce":       {changefeed.Floor{Revision: changefeed.Revision{V: floor.V, Nonce: floor.Nonce + 1}, Timeline: floor.Timeline}, false},
		"a change to come":    {changefeed.Floor{Revision: changefeed.Revision{V: floor.V + 1, Nonce: floor.Nonce}, Timeline: floor.Timeline}, false},
		"another timeline":    {changefeed.Floor{Revision: floor.Revision, Timeline: "00000002"}, false},
		"a standby's nothing": {changefeed.Floor{Revision: floor.Revision}, false},
	} {
		for _, there := range []bool{true, false} {
			key, cookieSum, account, role := tokenIDOf(string(b.parsed.ID)), sha256.Sum256([]byte(cookie)), xidOf(graceID), xidOf(roleID)
			if !there {
				key, cookieSum, account, role = tokenIDOf("0000000000000000"), sessionID{}, xidOf("nobody00000000000000"), xidOf("nothing0000000000000")
			}
			n := 0
			keys, err1 := s.keys(t.Context(), []tokenID{key}, at.floor)
			sessions, err2 := s.sessions(t.Context(), []sessionID{cookieSum}, at.floor)
			accounts, err3 := s.accounts(t.Context(), []xid{account}, at.floor)
			roles, err4 := s.roles(t.Context(), []xid{role}, at.floor)
			n = len(keys) + len(sessions) + len(accounts) + len(roles)
			for i, err := range []error{err1, err2, err3, err4} {
				if at.proved && err != nil || !at.proved && !errors.Is(err, errUnproved) {
					t.Errorf("%s, there: %t: read %d: %v", say, there, i, err)
				}
			}
			if want := map[bool]int{true: 4}[at.proved && there]; n != want {
				t.Errorf("%s, there: %t: %d rows, want %d", say, there, n, want)
			}
		}
	}
}

// After a failover the old primary answers whoever is still connected, with rows that are dead by now; and a standby
// answers with rows that may be old. The node is where the truth is, and the pool is not.
func TestRowsOfAnotherServerAreNotBelieved(t *testing.T) {
	t.Parallel()
	primary := testdb.NewOwn(t, nil)
	b := newBenchOn(t, poolOn(t, primary.URL()), plainly(t))
	standby := primary.Standby()
	primary.Followed(standby)
	b.expect(Valid)
	b.memory.Flush()

	cfg := b.cfg
	cfg.Pool = poolOn(t, standby.URL())
	onStandby := New(cfg)
	expectUnavailable(t, onStandby, b.secret, "a standby")

	standby.Promote()
	b.exec("UPDATE access_key SET name = 'only here'") // the old primary goes on as if nothing had happened
	cfg.Memory = NewMemory(100)
	cfg.Node = b.joinAt(standby.URL(), cfg.Memory)
	cfg.Pool = b.pool
	expectUnavailable(t, New(cfg), b.secret, "the old primary")
	cfg.Pool = onStandby.cfg.Pool
	if d, err := New(cfg).Check(t.Context(), b.secret, Ask{}); err != nil || d.Code != Valid || d.Key.Name != "bot" {
		t.Errorf("the new primary: %+v, %v", d, err)
	}
}

func poolOn(t *testing.T, url string) *pgxpool.Pool {
	t.Helper()
	pool, err := postgres.Open(url, postgres.PoolOptions{MaxConns: 4, Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func expectUnavailable(t *testing.T, v *Verifier, raw, say string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	d, err := v.Check(ctx, raw, Ask{})
	if !errors.Is(err, errUnproved) || !errors.Is(err, problem.New(problem.VerificationUnavailable)) {
		t.Errorf("%s: %s, %v", say, d.Code, err)
	}
	if n := v.cfg.Memory.keys.len(); n != 0 {
		t.Errorf("%s: %d keys are remembered", say, n)
	}
}
