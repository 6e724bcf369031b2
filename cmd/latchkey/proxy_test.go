package main_test

import (
	"context"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/latchkey-dev/latchkey/internal/testdb"
)

// externalServer gives a server that belongs to somebody else, shared by all tests.
func externalServer(t *testing.T) *testdb.Server {
	t.Helper()
	external.once.Do(func() { external.server, external.err = testdb.Start() })
	check(t, external.err)
	return external.server
}

// externalDatabase gives the URL of an empty database, dropped at the end whoever is connected.
func externalDatabase(t *testing.T) string {
	t.Helper()
	s := externalServer(t)
	url, err := s.Empty(t.Context())
	check(t, err)
	t.Cleanup(func() {
		if err := s.Drop(context.Background(), url); err != nil {
			t.Error(err)
		}
	})
	return url
}

// execute runs statements in a database.
func execute(t *testing.T, database string, statements ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience) // not the test's: clean-up uses it too
	defer cancel()
	conn, err := pgx.Connect(ctx, database)
	check(t, err)
	defer conn.Close(ctx)
	for _, sql := range statements {
		if _, err := conn.Exec(ctx, sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

func value[T any](t *testing.T, database, sql string) T {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	check(t, err)
	defer conn.Close(context.Background())
	var v T
	if err := conn.QueryRow(t.Context(), sql).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// proxy stands between a service and its database, on a unix socket, so that no port can be taken by somebody else
// while it is down. It begins down.
type proxy struct {
	t      *testing.T
	dir    string
	target string // path of the server's socket

	flow sync.RWMutex // held while nothing passes

	mu       sync.Mutex
	listener net.Listener
	conns    map[net.Conn]bool
}

const socketName = ".s.PGSQL.5432"

// newProxy gives a proxy and the URL that leads through it to the database.
func newProxy(t *testing.T, database string) (*proxy, string) {
	t.Helper()
	u, err := url.Parse(database)
	check(t, err)
	query := u.Query()
	dir := folder(t)
	check(t, os.Mkdir(dir, 0o700))
	p := &proxy{t: t, dir: dir, target: filepath.Join(query.Get("host"), socketName), conns: map[net.Conn]bool{}}
	t.Cleanup(p.cut)
	query.Set("host", dir)
	u.RawQuery = query.Encode()
	return p, u.String()
}

func (p *proxy) up() {
	p.t.Helper()
	l, err := net.Listen("unix", filepath.Join(p.dir, socketName))
	check(p.t, err)
	p.mu.Lock()
	p.listener = l
	p.mu.Unlock()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(l, conn)
		}
	}()
}

// cut ends all connections and takes the socket away.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != nil {
		_ = p.listener.Close()
		p.listener = nil
	}
	for c := range p.conns {
		_ = c.Close()
	}
}

// stall lets nothing pass until the returned function is called: connections stand and are silent.
func (p *proxy) stall() func() {
	p.flow.Lock()
	return p.flow.Unlock
}

func (p *proxy) serve(l net.Listener, client net.Conn) {
	server, err := net.Dial("unix", p.target)
	if err != nil {
		_ = client.Close()
		return
	}
	defer p.keep(l, client)()
	defer p.keep(l, server)()
	done := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
		go func() {
			p.copy(way[0], way[1])
			done <- struct{}{}
		}()
	}
	<-done
	_, _ = client.Close(), server.Close()
	<-done
}

// keep remembers a connection until the returned function is called. One that was accepted and then overtaken by cut is
// closed.
func (p *proxy) keep(l net.Listener, c net.Conn) func() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[c] = true
	if p.listener != l {
		_ = c.Close()
	}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, c)
	}
}

func (p *proxy) copy(from, to net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		p.flow.RLock()
		_, err = to.Write(buf[:n])
		p.flow.RUnlock()
		if err != nil {
			return
		}
	}
}
