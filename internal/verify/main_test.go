package verify

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/latchkey-dev/latchkey/internal/testdb"
	"github.com/latchkey-dev/latchkey/internal/token"
)

func TestMain(m *testing.M) { testdb.Main(m) }

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const (
	graceID = "grace000000000000000"
	roleID  = "role0000000000000000"
	keyID   = "key00000000000000000"
	cookie  = "a cookie's value"
)

// bench is a verifier at noon, whose database holds grace with a role, a key and a session.
type bench struct {
	*Verifier
	t      *testing.T
	pool   *pgxpool.Pool
	secret string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, pool: testdb.Pool(t)}
	digester, err := token.NewDigester(nil)
	if err != nil {
		t.Fatal(err)
	}
	b.Verifier = New(Config{Pool: b.pool, Now: func() time.Time { return noon }, Digester: digester, SessionIdle: time.Hour})
	secret, parsed, err := token.Mint(rand.Reader, "lk")
	if err != nil {
		t.Fatal(err)
	}
	b.secret = secret.Reveal()
	digest, version := digester.Digest(parsed)
	b.exec("INSERT INTO account VALUES ($1, 'grace', 'Grace', '', $2, $2)", graceID, noon)
	b.exec("INSERT INTO role VALUES ($1, 'Integrator', 'teal', '{USE_PERSONAL_ACCESS_KEYS,MANAGE_ROLES}', false, $2, $2)", roleID, noon)
	b.exec("INSERT INTO account_role VALUES ($1, $2, $3)", graceID, roleID, noon)
	b.exec("INSERT INTO access_key VALUES ($1, $2, 'lk', $3, $4, $5, 'bot', $6, $6)", keyID, graceID, string(parsed.ID), digest[:], version, noon)
	sum := sha256.Sum256([]byte(cookie))
	b.exec("INSERT INTO session VALUES ('session0000000000000', $1, $2, $3, $3, $4, '', '')", graceID, sum[:], noon, noon.Add(24*time.Hour))
	return b
}

func (b *bench) exec(sql string, args ...any) {
	b.t.Helper()
	if _, err := b.pool.Exec(context.Background(), sql, args...); err != nil {
		b.t.Fatalf("%s: %v", sql, err)
	}
}
