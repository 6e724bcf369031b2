package prove

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// echo is a server that answers each line with itself, and "commit" as PostgreSQL would.
func echo(t *testing.T) string {
	t.Helper()
	path := filepath.Join(shortDir(t), socketName)
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				for lines := bufio.NewScanner(conn); lines.Scan(); {
					if lines.Text() == "commit" {
						fmt.Fprint(conn, "COMMIT\x00")
					}
					fmt.Fprintln(conn, lines.Text())
				}
			}()
		}
	}()
	return path
}

func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "lk")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func newTestLink(t *testing.T) *link {
	t.Helper()
	l, err := newLink(filepath.Join(shortDir(t), "n"), echo(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.close)
	return l
}

// peer is a node at the end of a link.
type peer struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

func dial(t *testing.T, l *link) *peer {
	t.Helper()
	conn, err := net.Dial("unix", filepath.Join(l.dir, socketName))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &peer{t, conn, bufio.NewReader(conn)}
}

func (p *peer) say(line string) {
	p.t.Helper()
	if _, err := fmt.Fprintln(p.conn, line); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) hear(want string) {
	p.t.Helper()
	_ = p.conn.SetReadDeadline(wall().Add(10 * time.Second))
	if got, err := p.in.ReadString('\n'); got != want+"\n" {
		p.t.Fatalf("heard %q, %v; want %q", got, err, want)
	}
}

func (p *peer) hearNothing() {
	p.t.Helper()
	_ = p.conn.SetReadDeadline(wall().Add(50 * time.Millisecond))
	if b, err := p.in.ReadByte(); !errors.Is(err, os.ErrDeadlineExceeded) {
		p.t.Fatalf("heard %q, %v; want silence", b, err)
	}
}

func (p *peer) hearEnd() {
	p.t.Helper()
	_ = p.conn.SetReadDeadline(wall().Add(10 * time.Second))
	if b, err := p.in.ReadByte(); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		p.t.Fatalf("heard %q, %v; want the end", b, err)
	}
}

func TestLinkPasses(t *testing.T) {
	t.Parallel()
	p := dial(t, newTestLink(t))
	p.say("one")
	p.hear("one")
	p.say("commit")
	p.hear("COMMIT\x00commit")
}

func TestLinkCutAndOpen(t *testing.T) {
	t.Parallel()
	l := newTestLink(t)
	p := dial(t, l)
	p.say("one")
	p.hear("one")
	l.cut()
	p.hearEnd()
	if conn, err := net.Dial("unix", filepath.Join(l.dir, socketName)); err == nil {
		_ = conn.Close()
		t.Error("a link that was cut takes connections")
	}
	if err := l.open(); err != nil {
		t.Fatal(err)
	}
	p = dial(t, l)
	p.say("two")
	p.hear("two")
}

func TestLinkHoldsOldAndNewConnections(t *testing.T) {
	t.Parallel()
	l := newTestLink(t)
	old := dial(t, l)
	old.say("one")
	old.hear("one")
	l.hold(toServer, toClient)
	old.say("two")
	fresh := dial(t, l)
	fresh.say("three")
	old.hearNothing()
	fresh.hearNothing()
	l.release()
	old.hear("two")
	fresh.hear("three")
}

func TestLinkHoldsAnswersOnly(t *testing.T) {
	t.Parallel()
	l := newTestLink(t)
	p := dial(t, l)
	p.say("one")
	p.hear("one")
	l.hold(toClient)
	p.say("two")
	p.hearNothing()
	l.release()
	p.hear("two")
}

func TestLinkDropsWhatItHeld(t *testing.T) {
	t.Parallel()
	l := newTestLink(t)
	p := dial(t, l)
	p.say("one")
	p.hear("one")
	l.hold(toServer, toClient)
	p.say("two")
	p.hearNothing()
	l.drop()
	p.hearEnd()
	fresh := dial(t, l)
	fresh.hearNothing()
	l.release()
	fresh.say("three")
	fresh.hear("three")
}

func TestLinkIsSlow(t *testing.T) {
	t.Parallel()
	l := newTestLink(t)
	p := dial(t, l)
	l.slow(50 * time.Millisecond)
	began := wall()
	p.say("one")
	p.hear("one")
	if took := wall().Sub(began); took < 100*time.Millisecond {
		t.Errorf("there and back took %s", took)
	}
}

func TestLinkIsSlowOnEveryOtherConnection(t *testing.T) {
	t.Parallel()
	l := newTestLink(t)
	first, second := dial(t, l), dial(t, l)
	first.say("one")
	first.hear("one")
	second.say("one")
	second.hear("one")
	l.slowSome(time.Minute)
	first.say("two")
	second.say("two")
	second.hear("two")
	first.hearNothing()
}

func TestLinkLosesTheAnswerToACommit(t *testing.T) {
	t.Parallel()
	l := newTestLink(t)
	l.loseCommits(1)
	p := dial(t, l)
	p.say("one")
	p.hear("one")
	p.say("commit")
	p.hearEnd()
	if n := l.lost(); n != 1 {
		t.Errorf("%d answers were lost", n)
	}
	p = dial(t, l)
	p.say("commit")
	p.hear("COMMIT\x00commit")
}

func TestLinkToNowhere(t *testing.T) {
	t.Parallel()
	l, err := newLink(filepath.Join(shortDir(t), "n"), "/tmp/nobody/listens")
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	p := dial(t, l)
	if _, err := p.in.ReadByte(); !errors.Is(err, io.EOF) {
		t.Errorf("%v, want the end", err)
	}
}
