package prove

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// socketName is what a client of PostgreSQL looks for in the folder that it is given as its host.
const socketName = ".s.PGSQL.5432"

// link is the way from one node to PostgreSQL: a unix socket in front of the server's own, where the way can be cut, held up in
// either direction, or slowed down.
type link struct {
	dir    string
	target string // path of the server's socket

	mu        sync.Mutex
	listener  net.Listener
	pairs     map[*pair]bool
	numbers   int
	ways      [2]way
	changed   chan struct{} // closed and replaced whenever something that is waited for may have changed
	loseNext  int           // so many answers to COMMIT are lost, each with its connection
	losts     int
	connected sync.WaitGroup
}

const (
	toServer = 0
	toClient = 1
)

// way is one direction.
type way struct {
	held   bool
	delay  time.Duration
	uneven bool // delay is for every other connection only
}

// pair is one connection of the node and the one that it stands for.
type pair struct {
	number         int
	client, server net.Conn // server is nil until it was made
	gone           bool
}

// newLink makes the folder dir, which is the host for the node, and lets everything pass.
func newLink(dir, target string) (*link, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	l := &link{dir: dir, target: target, pairs: map[*pair]bool{}, changed: make(chan struct{})}
	return l, l.open()
}

// open listens again after a cut.
func (l *link) open() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.listener != nil {
		return nil
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "unix", filepath.Join(l.dir, socketName))
	if err != nil {
		return err
	}
	l.listener = listener
	l.connected.Go(func() { l.accept(listener) })
	return nil
}

// cut takes the socket away and ends all connections.
func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.listener != nil {
		_ = l.listener.Close()
		l.listener = nil
	}
	l.dropAll()
}

// drop ends all connections; new ones are taken.
func (l *link) drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dropAll()
}

// dropAll needs mu.
func (l *link) dropAll() {
	for p := range l.pairs {
		l.end(p)
	}
	l.wake()
}

// hold lets nothing pass in the directions that are named, on old and new connections, and nobody is told.
func (l *link) hold(ways ...int) { l.set(func(w *way) { w.held = true }, ways) }

// slow makes every message wait.
func (l *link) slow(delay time.Duration) {
	l.set(func(w *way) { w.delay = delay }, []int{toServer, toClient})
}

// slowSome makes the answers on every other connection wait, so that what was asked later on another one is known first.
func (l *link) slowSome(delay time.Duration) {
	l.set(func(w *way) { w.delay, w.uneven = delay, true }, []int{toClient})
}

// release lets everything pass again, what was held up first.
func (l *link) release() {
	l.set(func(w *way) { *w = way{} }, []int{toServer, toClient})
	l.loseCommits(0)
}

func (l *link) set(change func(*way), ways []int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range ways {
		change(&l.ways[w])
	}
	l.wake()
}

// loseCommits makes the next n commits happen without the node being told: its connection ends instead.
func (l *link) loseCommits(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.loseNext = n
}

// lost is how many answers were lost that way.
func (l *link) lost() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.losts
}

// wake needs mu.
func (l *link) wake() {
	close(l.changed)
	l.changed = make(chan struct{})
}

// close ends everything and returns when nothing is left.
func (l *link) close() {
	l.cut()
	l.connected.Wait()
}

func (l *link) accept(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		l.mu.Lock()
		l.numbers++
		p := &pair{number: l.numbers, client: conn}
		if l.listener != listener { // overtaken by a cut
			_ = conn.Close()
			l.mu.Unlock()
			return
		}
		l.pairs[p] = true
		l.connected.Go(func() { l.serve(p) })
		l.mu.Unlock()
	}
}

// serve carries a connection until one side ends it.
func (l *link) serve(p *pair) {
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.end(p)
		l.wake()
		delete(l.pairs, p)
	}()
	if !l.pass(p, toServer) { // held: not even the connection is made
		return
	}
	server, err := new(net.Dialer).DialContext(context.Background(), "unix", l.target)
	if err != nil {
		return
	}
	l.mu.Lock()
	p.server = server
	if p.gone {
		_ = server.Close()
	}
	l.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.copy(p, toClient)
		l.finish(p)
	}()
	l.copy(p, toServer)
	l.finish(p)
	<-done
}

// finish ends a pair whose one side has ended.
func (l *link) finish(p *pair) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.end(p)
	l.wake()
}

// end needs mu.
func (l *link) end(p *pair) {
	p.gone = true
	_ = p.client.Close()
	if p.server != nil {
		_ = p.server.Close()
	}
}

func (l *link) copy(p *pair, way int) {
	from, to := p.client, p.server
	if way == toClient {
		from, to = to, from
	}
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if err != nil || way == toClient && l.loses(buf[:n]) || !l.pass(p, way) {
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// loses tells whether these bytes tell of a commit that nobody shall hear of.
func (l *link) loses(b []byte) bool {
	if !bytes.Contains(b, []byte("COMMIT\x00")) {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.loseNext == 0 {
		return false
	}
	l.loseNext--
	l.losts++
	return true
}

// pass waits until something may go on its way; false: its connection has ended.
func (l *link) pass(p *pair, way int) bool {
	came := wall()
	for {
		l.mu.Lock()
		gone, w, changed := p.gone, l.ways[way], l.changed
		l.mu.Unlock()
		late := w.delay - wall().Sub(came)
		switch {
		case gone:
			return false
		case w.held:
			<-changed
		case late <= 0 || w.uneven && p.number%2 == 0:
			return true
		default:
			select {
			case <-changed:
			case <-time.After(late):
			}
		}
	}
}
