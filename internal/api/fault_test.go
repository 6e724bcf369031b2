package api

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/latchkey-dev/latchkey/internal/postgres"
	"github.com/latchkey-dev/latchkey/internal/testdb"
	"github.com/latchkey-dev/latchkey/internal/token"
	"github.com/latchkey-dev/latchkey/internal/verify"
)

// away fails the test unless the answer is the one for a database that cannot do it now.
func (a *answer) away(what string) {
	a.t.Helper()
	if a.status != 503 || a.codeIfAny() != "database_unavailable" || a.header.Get("Retry-After") == "" {
		a.t.Errorf("%s: %s: %d %s", what, a.what, a.status, a.body)
	}
}

// unproved fails the test unless the answer is that of an instance that cannot prove what it remembers.
func (a *answer) unproved(what string) {
	a.t.Helper()
	if a.status != 503 || a.codeIfAny() != "verification_unavailable" || a.header.Get("Retry-After") == "" {
		a.t.Errorf("%s: %s: %d %s", what, a.what, a.status, a.body)
	}
}

// cutOff takes the database away, and lets every lease end.
func (h *harness) cutOff() {
	h.t.Helper()
	admin, name := testdb.Pool(h.t), h.pool.Config().ConnConfig.Database
	for _, sql := range []string{"ALTER DATABASE " + pgx.Identifier{name}.Sanitize() + " ALLOW_CONNECTIONS false",
		"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" + name + "'"} {
		if _, err := admin.Exec(h.t.Context(), sql); err != nil {
			h.t.Fatal(err)
		}
	}
	h.leases.end()
}

// noAlarm fails the test if anything was logged as a fault of ours.
func (h *harness) noAlarm() {
	h.t.Helper()
	if log := h.log.String(); strings.Contains(log, "level=ERROR") {
		h.t.Errorf("logged as a fault of ours:\n%s", log)
	}
}

func TestWalkWithoutADatabase(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	_, key := h.root.newKey("x")
	pair := `{"identifier":"root","token":"` + password + `"}`
	h.cutOff()
	closed := slices.DeleteFunc(walkContract(t), walked.anyone)
	atOnce(len(closed), func(i int) *answer { // each waits for a sync that does not come
		w := closed[i]
		w.ask(h.root).unproved("session")
		w.ask(key).unproved("key")
		w.ask(h.anonymous()).want(401, "credential_required")
		return w.ask(h.anonymous().withKey("lkpat_x")).want(401, "credential_invalid") // refused by its shape
	})
	key.get("/forward-auth").unproved("gateway")
	h.anonymous().get("/forward-auth").want(401, "credential_required")
	h.anonymous().withKey("lkpat_x").get("/forward-auth").want(401, "credential_invalid")
	h.anonymous().raw("POST", "/api/auth/password/signin", pair).away("sign-in")
	h.anonymous().raw("POST", "/api/setup", `{"code":"x","identifier":"ada","token":"`+password+`"}`).away("set-up")
	h.anonymous().get("/readyz").away("readiness")
	h.anonymous().get("/livez").want(200)
	h.noAlarm()
}

// What an instance remembers needs no connection, and what it does not needs none of those that changes are made with.
func TestAllConnectionsInUse(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	_, key := h.root.newKey("remembered")
	_, other := h.root.newKey("not looked up yet")
	key.get("/api/accounts").want(200)
	release := h.hogAll(h.pool)
	key.get("/api/accounts").want(200)
	key.get("/api/auth/access-keys").away("a list")
	other.get("/api/accounts").want(200)
	release()
	key.get("/api/auth/access-keys").want(200)
	_, third := h.root.newKey("not looked up yet")
	release = h.hogAll(h.checks)
	key.get("/api/accounts").want(200)
	key.get("/api/auth/access-keys").want(200)
	third.get("/api/accounts").unproved("key")
	third.get("/forward-auth").unproved("gateway")
	release()
	third.get("/api/accounts").want(200)
	h.noAlarm()
}

// hogAll takes every connection of a pool.
func (h *harness) hogAll(pool *pgxpool.Pool) func() {
	h.t.Helper()
	var held []*pgxpool.Conn
	for range pool.Config().MaxConns {
		c, err := pool.Acquire(h.t.Context())
		if err != nil {
			h.t.Fatal(err)
		}
		held = append(held, c)
	}
	return func() {
		for _, c := range held {
			c.Release()
		}
	}
}

// A database that does not answer holds nobody for longer than it may take.
func TestChangeOnADatabaseThatHangs(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.setLockTimeout("60s")
	unlock := h.lockAccounts()
	asked := time.Now()
	h.root.post("/api/auth/access-keys", map[string]any{"name": "x"}).away("hanging")
	if took := time.Since(asked); took > passwordLife-databaseLife {
		t.Errorf("answered after %v", took)
	}
	unlock()
	h.noAlarm()
}

// The server refuses connections (53300) as it does once max_connections is reached.
func TestTooManyConnections(t *testing.T) {
	t.Parallel()
	limited := limitedPool(t)
	h := newHarness(t, func(s *settings) {
		s.api = func(c *Config) {
			digester, err := token.NewDigester(nil)
			if err != nil {
				t.Fatal(err)
			}
			c.Verifier = verify.New(verify.Config{Pool: limited, Memory: verify.NewMemory(1000), Node: c.Node, Clock: c.Clock, Now: c.Now, Digester: digester, SessionIdle: time.Hour})
			c.Ping = func(ctx context.Context) (postgres.Durability, error) { return postgres.ReadDurability(ctx, limited) }
		}
	})
	h.root.get("/api/accounts").unproved("session")
	h.root.post("/api/auth/access-keys", map[string]any{"name": "x"}).unproved("session")
	h.anonymous().get("/readyz").away("readiness")
	h.noAlarm()
}

// limitedPool belongs to a role that may not connect once more.
func limitedPool(t *testing.T) *pgxpool.Pool {
	t.Helper()
	admin := testdb.Pool(t)
	role := "crowded_" + admin.Config().ConnConfig.Database // roles are of the whole server
	if _, err := admin.Exec(t.Context(), "CREATE ROLE "+role+" LOGIN PASSWORD 'crowded' CONNECTION LIMIT 0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := admin.Exec(context.Background(), "DROP ROLE "+role); err != nil {
			t.Error(err)
		}
	})
	config := admin.Config()
	config.ConnConfig.User, config.ConnConfig.Password = role, "crowded"
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	if err := pool.Ping(t.Context()); err == nil || !strings.Contains(err.Error(), "53300") {
		t.Fatalf("connecting: %v, want 53300", err)
	}
	return pool
}

func TestReadOnlyDatabase(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	id, key := h.root.newKey("x")
	events := len(h.root.get("/api/audit-events").want(200).list("events"))
	h.setReadOnly(true)
	key.get("/api/accounts").want(200)
	h.root.get("/api/auth/access-keys").want(200)
	for _, a := range []*answer{
		h.root.post("/api/auth/access-keys", map[string]any{"name": "y"}),
		h.root.patch("/api/auth/access-keys/"+id, map[string]any{"name": "y"}),
		h.root.delete("/api/auth/access-keys/" + id),
		key.delete("/api/access-keys/self"),
		h.root.post("/api/roles", map[string]any{"name": "y", "permissions": []string{}}),
		h.root.post("/api/admin/accounts", map[string]any{"identifier": "ada", "token": password}),
		h.root.post("/api/auth/logout", nil),
		h.anonymous().post("/api/auth/password/signin", map[string]any{"identifier": "root", "token": password}),
	} {
		a.away("read-only")
		if a.header.Get("Set-Cookie") != "" {
			t.Errorf("%s set a cookie", a.what)
		}
	}
	h.setReadOnly(false)
	if got := h.root.get("/api/auth/access-keys").want(200).list("keys"); len(got) != 1 || got[0]["name"] != "x" || got[0]["status"] != "active" {
		t.Errorf("half-done: %v", got)
	}
	if n := len(h.root.get("/api/audit-events").want(200).list("events")); n != events {
		t.Errorf("%d audit events, want %d", n, events)
	}
	h.noAlarm()
}

func (h *harness) setReadOnly(on bool) {
	h.t.Helper()
	change := map[bool]string{true: "SET default_transaction_read_only = on", false: "RESET default_transaction_read_only"}[on]
	database := pgx.Identifier{h.pool.Config().ConnConfig.Database}.Sanitize()
	if _, err := h.pool.Exec(h.t.Context(), "BEGIN READ WRITE; ALTER DATABASE "+database+" "+change+"; COMMIT"); err != nil {
		h.t.Fatal(err)
	}
	h.pool.Reset()
}

// What is cut off half-way is a bad request at the most, and no fault of ours.
func TestBodiesThatEndEarly(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	head := "POST /api/auth/access-keys HTTP/1.1\r\nHost: x\r\nCookie: " + h.root.header.Get("Cookie") + "\r\nContent-Type: application/json\r\n"
	for _, tc := range []struct{ name, rest string }{
		{"of a stated length", "Content-Length: 100\r\n\r\n{\"name\":\"" + planted},
		{"of a stated length, complete as JSON", "Content-Length: 100\r\n\r\n{\"name\":\"" + planted + "\"}"},
		{"in chunks", "Transfer-Encoding: chunked\r\n\r\n14\r\n{\"name\":\"" + planted},
		{"in chunks, complete as JSON", "Transfer-Encoding: chunked\r\n\r\n15\r\n{\"name\":\"" + planted + "\"}\r\n"},
		{"in a chunk that is none", "Transfer-Encoding: chunked\r\n\r\nxyz\r\n"},
	} {
		conn := h.dial(head + tc.rest)
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != 400 || !strings.Contains(string(body), "request_invalid") || strings.Contains(string(body), planted) {
			t.Errorf("%s: %s %s", tc.name, resp.Status, body)
		}
	}
	gone := h.dial(head + "traceparent: 00-" + strings.Repeat("ab", 16) + "-" + strings.Repeat("ab", 8) + "-01\r\nContent-Length: 100\r\n\r\n{")
	_ = gone.Close()
	h.log.await(t, strings.Repeat("ab", 16), "operation=AccessKeyCreate")
	h.root.get("/api/auth/access-keys").want(200)
	if n := scalar[int](h, "SELECT count(*) - count(e.id) FROM access_key k LEFT JOIN audit_event e ON e.target_id = k.id"); n != 0 {
		t.Errorf("%d keys have no record", n)
	}
	h.noAlarm()
}

func (h *harness) dial(request string) net.Conn {
	h.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.url, "http://"))
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, request); err != nil {
		h.t.Fatal(err)
	}
	return conn
}

// Whoever leaves while the database works may or may not have got a key made, but never one without its record, and is
// nobody's alarm.
func TestClientThatLeavesBeforeTheAnswer(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.setLockTimeout("20s")
	unlock := h.lockAccounts()
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	r, err := http.NewRequestWithContext(ctx, "POST", h.url+"/api/auth/access-keys", strings.NewReader(`{"name":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"Cookie": h.root.header["Cookie"], "Content-Type": {"application/json"}}
	left := make(chan error, 1)
	go func() {
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err == nil {
			_ = resp.Body.Close()
		}
		left <- err
	}()
	h.awaitLockQueue()
	leave()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Fatalf("the request ended by itself: %v", err)
	}
	h.log.await(t, "operation=AccessKeyCreate")
	unlock()
	h.root.get("/api/auth/access-keys").want(200)
	if n := scalar[int](h, "SELECT count(*) - count(e.id) FROM access_key k LEFT JOIN audit_event e ON e.target_id = k.id"); n != 0 {
		t.Errorf("%d keys have no record", n)
	}
	h.noAlarm()
}

// lockAccounts keeps every account from being changed until the test says so.
func (h *harness) lockAccounts() func() {
	h.t.Helper()
	tx, err := h.pool.Begin(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = tx.Rollback(context.Background()) })
	_, err = tx.Exec(h.t.Context(), "SET LOCAL idle_in_transaction_session_timeout = 0; SELECT FROM account FOR UPDATE")
	if err != nil {
		h.t.Fatal(err)
	}
	return func() {
		if err := tx.Rollback(h.t.Context()); err != nil {
			h.t.Error(err)
		}
	}
}

// setLockTimeout holds for every connection there can be.
func (h *harness) setLockTimeout(limit string) {
	h.t.Helper()
	for range h.pool.Config().MaxConns {
		c, err := h.pool.Acquire(h.t.Context())
		if err != nil {
			h.t.Fatal(err)
		}
		defer c.Release()
		if _, err := c.Exec(h.t.Context(), "SET lock_timeout = '"+limit+"'; SET statement_timeout = '"+limit+"'"); err != nil {
			h.t.Fatal(err)
		}
	}
}

// awaitLockQueue waits until something in the test's database waits for a lock.
func (h *harness) awaitLockQueue() {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), 10*time.Second)
	defer cancel()
	for waiting := false; !waiting; {
		err := h.pool.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')").Scan(&waiting)
		if err != nil {
			h.t.Fatal(err)
		}
	}
}

// A row that somebody else holds for too long is 503, whoever holds it.
func TestLockThatIsHeldTooLong(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	unlock := h.lockAccounts()
	h.root.post("/api/auth/access-keys", map[string]any{"name": "x"}).away("locked")
	unlock()
	h.noAlarm()
}
