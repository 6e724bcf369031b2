package changefeed

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey/internal/boottime"
	"github.com/latchkey-dev/latchkey/internal/problem"
	"github.com/latchkey-dev/latchkey/internal/testdb"
)

// awaitReplicationWait returns when a session waits for a standby that does not exist.
func (b *bed) awaitReplicationWait() {
	b.t.Helper()
	for deadline := time.Now().Add(someTime); one[int64](b, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") == 0; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatal("nothing waits for a standby")
		}
	}
}

func (b *bed) cancelReplicationWait() {
	b.t.Helper()
	b.awaitReplicationWait()
	b.exec("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
}

// expectWaiting fails if something ends although no standby has confirmed it, and then lets it end with a warning.
func (b *bed) expectWaiting(what string, do func() error) error {
	b.t.Helper()
	done := make(chan error, 1)
	go func() { done <- do() }()
	b.awaitReplicationWait()
	select {
	case err := <-done:
		b.t.Fatalf("%s did not wait for the standby: %v", what, err)
	case <-time.After(200 * time.Millisecond):
	}
	b.cancelReplicationWait()
	select {
	case err := <-done:
		return err
	case <-time.After(someTime):
		b.t.Fatalf("%s does not end", what)
		return nil
	}
}

// One server for what a commit is worth: it waits for a standby that does not exist, whatever the server's default is, and
// when that wait is cancelled there is a warning, and the commit counts for nothing.
func TestWhatIsNotReplicatedDoesNotCount(t *testing.T) {
	t.Parallel()
	server := testdb.NewOwn(t, nil)
	b := bedOn(t, server.URL())
	b.lease(20*time.Second, 20*time.Second)
	s := b.node()
	before := b.announce("prepared")
	s.sync()
	server.Set("synchronous_standby_names", "nobody")
	server.Set("synchronous_commit", "off") // of others: the feed and the node have their own way

	err := b.expectWaiting("a withdrawal", func() error { _, err := b.withdraw("a"); return err })
	if !errors.Is(err, problem.New(problem.RevocationUnconfirmed)) {
		t.Errorf("a withdrawal that a standby did not confirm: %v", err)
	}
	if got := b.took("ack") + b.took("lease"); got != 0 {
		t.Errorf("it waited %d times for nodes", got)
	}
	if got := one[int64](b, "SELECT v FROM cluster"); got != before.V+1 {
		t.Errorf("the newest change is %d", got) // it is there, on this server
	}

	lease := s.Lease()
	err = b.expectWaiting("a sync", s.try)
	if !errors.Is(err, errUnproved) || s.Lease() != lease {
		t.Errorf("a sync that a standby did not confirm: %v", err)
	}
	if s.cursor.Load().V != before.V+1 {
		t.Errorf("the cursor is %v", s.cursor.Load()) // dropping too much is harmless
	}

	other := newSleeper(t, Dial(b.url))
	ctx, cancel := context.WithTimeout(t.Context(), someTime)
	defer cancel()
	db, err := Dial(b.url)(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = b.expectWaiting("a registration", func() error { return other.register(ctx, db) })
	if !errors.Is(err, errUnproved) || other.Floor() != nil || other.registered {
		t.Errorf("a registration that a standby did not confirm: %v", err)
	}

	server.Set("synchronous_standby_names", "")
	s.sync()
	if s.Lease() == lease {
		t.Error("no lease after all")
	}
	b.exec("DELETE FROM cache_node") // or it waits for them
	if r, err := b.withdraw("a"); err != nil || r.V != before.V+2 {
		t.Errorf("repeated: %v, %v", r, err)
	}
}

// A commit that waits for a standby is not cut off by the limit on statements, which the pool sets to two seconds.
func TestACommitMayTakeLongerThanAStatement(t *testing.T) {
	t.Parallel()
	server := testdb.NewOwn(t, nil)
	b := bedOn(t, server.URL())
	b.announce("prepared")
	server.Set("synchronous_standby_names", "nobody")
	done := make(chan error, 1)
	go func() { _, err := b.withdraw("a"); done <- err }()
	b.awaitReplicationWait()
	select {
	case err := <-done:
		t.Fatalf("cut off: %v", err)
	case <-time.After(2500 * time.Millisecond):
	}
	server.Set("synchronous_standby_names", "")
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A failover as it happens: the old primary goes on answering whoever is still connected, and the new one has another
// history.
func TestFailover(t *testing.T) {
	t.Parallel()
	primary := testdb.NewOwn(t, nil)
	old := bedOn(t, primary.URL())
	old.lease(20*time.Second, 20*time.Second)
	old.announce("before")
	standby := primary.Standby()
	next := bedOn(t, standby.URL())
	primary.Followed(standby)

	// A standby gives no lease, and nothing to fill from.
	lost := newSleeper(t, Dial(standby.URL()))
	if err := lost.try(); err == nil || lost.Lease() != nil || lost.Floor() != nil {
		t.Errorf("a lease from a standby: %v", err)
	}
	s := old.node()
	primary.Followed(standby)
	held := s.Lease()
	s.hangUp()
	s.cfg.Dial = Dial(standby.URL())
	if err := s.try(); !errors.Is(err, errStandby) || s.Lease() != held {
		t.Errorf("a lease from a standby: %v", err)
	}
	if got := one[string](next, "SELECT "+timelineSQL); got != "" {
		t.Errorf("the timeline of a standby is %q", got)
	}

	// Split: the old primary commits what the new one will never have.
	standby.Promote()
	lostR := old.announce("lost")
	if got := one[string](next, "SELECT "+timelineSQL); got != "00000002" {
		t.Errorf("the new timeline is %q", got)
	}
	if got := one[string](old, "SELECT "+timelineSQL); got != s.Floor().Timeline {
		t.Errorf("the old timeline is %q", got)
	}
	s.hangUp()
	s.expectAnew("promoted")
	if s.Floor().Timeline != "00000002" {
		t.Errorf("the floor is %+v", s.Floor())
	}
	if rows := next.rows(); !slices.ContainsFunc(rows, func(r string) bool { return r == s.rows[0]+" 1 2" }) {
		t.Errorf("the nodes are %q", rows)
	}

	// Back at the old one, which still answers: another history again.
	s.hangUp()
	s.cfg.Dial = Dial(primary.URL())
	held = s.Lease()
	if err := s.try(); !errors.Is(err, errAnew) || s.Lease() != held {
		t.Errorf("a lease from the old primary: %v", err)
	}
	s.cfg.Dial = Dial(standby.URL())
	s.sync()

	// A revision of the history that is gone is never applied.
	r := next.announce("instead")
	if r.V != lostR.V || r.Nonce == lostR.Nonce {
		t.Fatalf("%v and %v", lostR, r)
	}
	s.sync()
	soon, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if s.AwaitRevision(soon, lostR) || !s.AwaitRevision(t.Context(), r) {
		t.Error("the lost revision counts as applied")
	}
	if next.effective(t.Context(), lostR) || old.effective(t.Context(), r) {
		t.Error("one server vouches for the other's change")
	}
	if !s.Lease().Fresh(boottime.Now()) {
		t.Error("no lease in the end")
	}
}
