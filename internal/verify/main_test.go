package verify

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/latchkey-dev/latchkey/internal/boottime"
	"github.com/latchkey-dev/latchkey/internal/changefeed"
	"github.com/latchkey-dev/latchkey/internal/postgres"
	"github.com/latchkey-dev/latchkey/internal/testdb"
	"github.com/latchkey-dev/latchkey/internal/token"
)

func TestMain(m *testing.M) { testdb.Main(m) }

var discard = slog.New(slog.DiscardHandler)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const (
	graceID   = "grace000000000000000"
	roleID    = "role0000000000000000"
	keyID     = "key00000000000000000"
	sessionOf = "session0000000000000"
	cookie    = "a cookie's value"
	someTime  = 30 * time.Second // for what takes milliseconds on a machine that has nothing else to do
)

// bench is a verifier at noon, whose database holds grace with a role, a key and a session, and whose lease is long.
type bench struct {
	*Verifier
	t      testing.TB
	pool   *pgxpool.Pool
	feed   *changefeed.Feed
	node   *changefeed.Node
	memory *Memory
	parsed token.Parsed
	secret string
}

// plainly is a Digester without a pepper.
func plainly(tb testing.TB) token.Digester { return digesterOf(tb, nil) }

func digesterOf(tb testing.TB, peppers map[int16][]byte) token.Digester {
	tb.Helper()
	d, err := token.NewDigester(peppers)
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

func newBench(tb testing.TB) *bench { return newBenchWith(tb, plainly(tb)) }

func newBenchWith(tb testing.TB, digester token.Digester) *bench {
	tb.Helper()
	return newBenchOn(tb, testdb.Pool(tb), digester)
}

func newBenchOn(tb testing.TB, pool *pgxpool.Pool, digester token.Digester) *bench {
	tb.Helper()
	b := &bench{t: tb, pool: pool, memory: NewMemory(10_000)}
	secret, parsed, err := token.Mint(rand.Reader, "lk")
	if err != nil {
		tb.Fatal(err)
	}
	b.secret, b.parsed = secret.Reveal(), parsed
	b.exec("UPDATE cluster SET wait_ms = 20000, lease_ms = 20000")
	b.fill(digester)
	b.node = b.join(b.memory)
	b.feed = changefeed.NewFeed(changefeed.FeedConfig{Pool: b.pool, Clock: boottime.Now, Now: time.Now, Rand: rand.Reader, Node: b.node})
	b.Verifier = New(Config{Pool: b.pool, Memory: b.memory, Node: b.node, Clock: boottime.Now, Now: func() time.Time { return noon },
		Digester: digester, SessionIdle: time.Hour})
	return b
}

// fill makes the rows as they are at first. The verifier is not told.
func (b *bench) fill(digester token.Digester) {
	b.t.Helper()
	digest, version := digester.Digest(b.parsed)
	sum := sha256.Sum256([]byte(cookie))
	b.exec("DELETE FROM session; DELETE FROM access_key; DELETE FROM account_role; DELETE FROM role WHERE NOT built_in")
	b.exec("INSERT INTO account VALUES ($1, 'grace', 'Grace', '', $2, $2) ON CONFLICT (id) DO UPDATE SET suspended_at = NULL", graceID, noon)
	b.exec("INSERT INTO role VALUES ($1, 'Integrator', 'teal', '{USE_PERSONAL_ACCESS_KEYS,MANAGE_ROLES}', false, $2, $2)", roleID, noon)
	b.exec("INSERT INTO account_role VALUES ($1, $2, $3)", graceID, roleID, noon)
	b.exec("INSERT INTO access_key VALUES ($1, $2, 'lk', $3, $4, $5, 'bot', $6, $6)", keyID, graceID, string(b.parsed.ID), digest[:], version, noon)
	b.exec("INSERT INTO session VALUES ($1, $2, $3, $4, $4, $5, '', '')", sessionOf, graceID, sum[:], noon, noon.Add(24*time.Hour))
}

// anew brings back the rows as they were at first, and forgets others.
func (b *bench) anew() {
	b.t.Helper()
	b.fill(b.cfg.Digester)
	b.memory.Flush()
}

// join runs a node on the bench's database until the test ends.
func (b *bench) join(memory changefeed.Memory) *changefeed.Node {
	b.t.Helper()
	return b.joinAt(b.pool.Config().ConnString(), memory)
}

func (b *bench) joinAt(url string, memory changefeed.Memory) *changefeed.Node {
	b.t.Helper()
	node, err := changefeed.NewNode(changefeed.NodeConfig{Dial: changefeed.Dial(url), Memory: memory, Clock: boottime.Now,
		Rand: rand.Reader, Log: discard})
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		node.Run(ctx)
	}()
	var others sync.WaitGroup
	others.Go(func() { postgres.Listen(ctx, url, "latchkey_change", node.Kick) })
	b.t.Cleanup(func() {
		stop()
		<-done
		others.Wait()
	})
	soon, cancel := context.WithTimeout(ctx, someTime)
	defer cancel()
	if node.AwaitSince(soon, 0) == nil {
		b.t.Fatal("no lease")
	}
	return node
}

func (b *bench) exec(sql string, args ...any) {
	b.t.Helper()
	if _, err := b.pool.Exec(context.Background(), sql, args...); err != nil {
		b.t.Fatalf("%s: %v", sql, err)
	}
}

// check is the code for a key, or the error.
func (b *bench) check(raw string, ask Ask) string {
	b.t.Helper()
	d, err := b.Check(context.Background(), raw, ask)
	if err != nil {
		return err.Error()
	}
	return string(d.Code)
}

func (b *bench) expect(want Code) {
	b.t.Helper()
	if got := b.check(b.secret, Ask{}); got != string(want) {
		b.t.Errorf("%s, want %s", got, want)
	}
}

func cookieID(value string) string {
	sum := sha256.Sum256([]byte(value))
	return hex.EncodeToString(sum[:])
}
