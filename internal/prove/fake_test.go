package prove

import (
	"context"
	"fmt"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// fake is a service of three nodes in this process that keeps the promises, unless it is told to break one. It shows that the
// load finds what is broken, and nothing where nothing is.
type fake struct {
	broken string

	mu    sync.Mutex
	world *world // replaced, never changed
	count int

	nodes []*fakeNode
}

type fakeNode struct {
	f      *fake
	seen   atomic.Pointer[world]
	asked  atomic.Int64
	server *httptest.Server
}

// world is what the database holds.
type world struct {
	v        int
	accounts map[string]fakeAccount // by id
	roles    map[string][]string    // id -> permissions
	keys     map[string]fakeKey     // by id
	sessions map[string]string      // cookie -> account id
}

type fakeAccount struct {
	handle    string
	suspended bool
	role      string
}

type fakeKey struct {
	secret, owner     string
	disabled, revoked bool
	effective         bool
	expires           time.Time
}

func (w *world) clone() *world {
	return &world{w.v + 1, maps.Clone(w.accounts), maps.Clone(w.roles), maps.Clone(w.keys), maps.Clone(w.sessions)}
}

const (
	fakeAdmin = "admin-key"
	fakeLease = 200 * time.Millisecond
	fakeSync  = 60 * time.Millisecond
)

func newFake(t *testing.T, broken string) *fake {
	t.Helper()
	f := &fake{broken: broken, world: &world{accounts: map[string]fakeAccount{}, roles: map[string][]string{}, keys: map[string]fakeKey{}, sessions: map[string]string{}}}
	ctx, cancel := context.WithCancel(context.Background())
	var syncing sync.WaitGroup
	for range 3 {
		n := &fakeNode{f: f}
		n.sync()
		n.server = httptest.NewServer(n.routes())
		f.nodes = append(f.nodes, n)
		syncing.Go(func() {
			for pause(ctx, fakeSync) {
				n.sync()
			}
		})
	}
	t.Cleanup(func() {
		cancel()
		syncing.Wait()
		for _, n := range f.nodes {
			n.server.Close()
		}
	})
	return f
}

func (n *fakeNode) sync() {
	n.f.mu.Lock()
	defer n.f.mu.Unlock()
	n.seen.Store(n.f.world)
}

// change changes the world; what withdraws a right waits until every node has seen it.
func (f *fake) change(withdraws bool, change func(*world)) int {
	f.mu.Lock()
	next := f.world.clone()
	change(next)
	f.world = next
	f.mu.Unlock()
	if withdraws && f.broken != "no wait" {
		f.await(next.v)
	}
	return next.v
}

func (f *fake) await(v int) {
	for _, n := range f.nodes {
		for n.seen.Load().v < v {
			time.Sleep(time.Millisecond)
		}
	}
}

func (f *fake) now() *world {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.world
}

func (f *fake) name(kind string) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count++
	return fmt.Sprintf("%s%d", kind, f.count)
}

// holds answers the queries of the harness.
func (f *fake) holds(_ context.Context, sql string, args ...any) bool {
	w := f.now()
	first, _ := args[0].(string)
	switch sql {
	case sqlRevoked:
		return w.keys[first].revoked
	case sqlRegenerated:
		return w.keys[first].secret != args[1].(string)
	case sqlDisabled:
		return w.keys[first].disabled
	case sqlEnabled:
		return !w.keys[first].disabled
	case sqlExpires:
		return !w.keys[first].expires.IsZero()
	case sqlForever:
		return w.keys[first].expires.IsZero()
	case sqlSuspended:
		return w.accounts[first].suspended
	case sqlRestored:
		return !w.accounts[first].suspended
	case sqlHasNot:
		return !slices.Contains(w.roles[first], args[1].(string))
	case sqlHasBoth:
		return len(w.roles[first]) == 3
	case sqlRoleTaken:
		return w.accounts[first].role == ""
	case sqlRoleGiven:
		return w.accounts[first].role != ""
	case sqlNoRole:
		return w.roles[first] == nil
	case sqlSignedOut:
		return w.sessions["session="+first] == ""
	}
	return false
}

// verdict judges a key by a state of the world.
func (w *world) verdict(secret, permission string) string {
	for _, k := range w.keys {
		if k.secret != secret {
			continue
		}
		owner := w.accounts[k.owner]
		holds := w.roles[owner.role]
		switch {
		case k.revoked:
			return "REVOKED"
		case k.disabled:
			return "DISABLED"
		case !k.expires.IsZero() && !wall().Before(k.expires):
			return "EXPIRED"
		case owner.suspended:
			return "ACCOUNT_SUSPENDED"
		case !slices.Contains(holds, permissionUse):
			return "KEY_USE_NOT_PERMITTED"
		case permission != "" && !slices.Contains(holds, permission):
			return "INSUFFICIENT_PERMISSIONS"
		}
		return "VALID"
	}
	return "NOT_FOUND"
}

// view is the state by which a node judges.
func (n *fakeNode) view(fresh bool) *world {
	if fresh && n.f.broken != "strict from memory" {
		n.sync()
	}
	w := n.seen.Load()
	if n.f.broken == "suspension forgotten" { // the node never hears of it
		w = w.clone()
		for id, a := range w.accounts {
			a.suspended = false
			w.accounts[id] = a
		}
	}
	return w
}

func (n *fakeNode) judge(secret, permission string, fresh bool) string {
	verdict := n.view(fresh).verdict(secret, permission)
	switch {
	case n.f.broken == "refuses the good" && verdict == "VALID" && n.asked.Add(1)%100 == 0:
		return "REVOKED"
	case n.f.broken == "revives" && verdict == "DISABLED" && n.asked.Add(1)%10 == 0:
		return "VALID"
	}
	if n.f.broken == "expires late" && verdict == "EXPIRED" && n.f.now().verdictAt(secret, wall().Add(-100*time.Millisecond)) == "VALID" {
		return "VALID"
	}
	return verdict
}

func (w *world) verdictAt(secret string, at time.Time) string {
	w = w.clone()
	for id, k := range w.keys {
		if k.secret == secret && at.Before(k.expires) {
			k.expires = time.Time{}
			w.keys[id] = k
		}
	}
	return w.verdict(secret, "")
}

func fakeConfig(length time.Duration) Config {
	return Config{Time: length, Accounts: 4, Steps: 4, Rate: 100, Lease: fakeLease, Pace: Pace{Kinds: []Kind{}}, Seed: 1}.withDefaults()
}

// onFake puts load on a fake until something is found wrong or the time is over.
func onFake(t *testing.T, broken string, length time.Duration) *load {
	t.Helper()
	f := newFake(t, broken)
	target := target{adminKey: fakeAdmin, holds: f.holds, withdrawing: func(int) {}}
	for _, n := range f.nodes {
		target.urls = append(target.urls, n.server.URL)
	}
	clock := newClock()
	l := newLoad(fakeConfig(length), clock, target)
	life, cancel := context.WithTimeout(l.journal.stop, length)
	defer cancel()
	l.run(life, t.Context())
	return l
}

func (j *journal) rules() []string {
	var rules []string
	for _, v := range j.violations {
		rules = append(rules, v.Rule)
	}
	slices.Sort(rules)
	return slices.Compact(rules)
}

func TestLoadFindsNothingWhereNothingIsWrong(t *testing.T) {
	t.Parallel()
	l := onFake(t, "", 4*time.Second)
	var summary strings.Builder
	l.journal.report(&summary, l.clock.now())
	t.Log(summary.String())
	if l.journal.failed() {
		t.Errorf("it finds %v", l.journal.violations)
	}
	verdicts, withdrawals := l.journal.totals()
	if verdicts < 1000 || withdrawals < 15 || l.journal.keys < 10 {
		t.Errorf("%d verdicts, %d withdrawals, %d credentials given to Porcupine", verdicts, withdrawals, l.journal.keys)
	}
}

func TestLoadFindsWhatIsBroken(t *testing.T) {
	t.Parallel()
	for broken, rules := range map[string][]string{
		"no wait":               {ruleP1},
		"suspension forgotten":  {ruleP1, ruleStrict},
		"strict from memory":    {ruleStrict, ruleRefusal}, // after a withdrawal or after a grant, whichever comes first
		"refuses the good":      {ruleRefusal},
		"revives":               {ruleP1, ruleStrict},
		"expires late":          {ruleP1},
		"lists too early":       {ruleListed},
		"regenerates too early": {ruleP1, ruleRefusal}, // the old secret still opens, or the new one does not yet, whichever comes first
		"surprises":             {"an answer that nobody expects"},
	} {
		t.Run(broken, func(t *testing.T) {
			t.Parallel()
			l := onFake(t, broken, 60*time.Second)
			found := l.journal.rules()
			if !slices.ContainsFunc(rules, func(r string) bool { return slices.Contains(found, r) }) {
				t.Errorf("it finds %v, want one of %q", l.journal.violations, rules)
			}
			byPorcupine := slices.Contains(found, ruleRegister)
			if !byPorcupine && broken != "surprises" {
				t.Errorf("Porcupine does not see it: %v", found)
			}
			dir := t.TempDir()
			if err := l.journal.write(dir); err != nil {
				t.Error(err)
			}
			if byPorcupine {
				wantFiles(t, dir, "*.html", "m*.jsonl", "violations.jsonl", "faults.jsonl")
			}
		})
	}
}
