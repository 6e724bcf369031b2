package postgres_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/latchkey-dev/latchkey/internal/postgres"
	"github.com/latchkey-dev/latchkey/internal/testdb"
)

func TestWarned(t *testing.T) {
	t.Parallel()
	url := testdb.New(t)
	alone, err := postgres.Connect(t.Context(), url, "test")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = alone.Close(context.Background()) }()
	pool, err := postgres.Open(url, postgres.PoolOptions{MaxConns: 1, Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	pooled, err := pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer pooled.Release()
	for say, conn := range map[string]*pgx.Conn{"alone": alone, "of a pool": pooled.Conn()} {
		for _, tc := range []struct {
			level  string
			warned bool
		}{{"NOTICE", false}, {"WARNING", true}, {"INFO", false}} {
			raise := "DO $$ BEGIN RAISE " + tc.level + " 'said'; END $$"
			if _, err := conn.Exec(t.Context(), raise); err != nil {
				t.Fatal(err)
			}
			if got := postgres.Warned(conn); got != tc.warned || postgres.Warned(conn) {
				t.Errorf("%s, after %s: %t, and then not forgotten", say, tc.level, got)
			}
			var batch pgx.Batch
			batch.Queue(raise)
			batch.Queue("SELECT 1")
			if err := conn.SendBatch(t.Context(), &batch).Close(); err != nil {
				t.Fatal(err)
			}
			if got := postgres.Warned(conn); got != tc.warned {
				t.Errorf("%s, after a batch with %s: %t", say, tc.level, got)
			}
		}
	}
}

func TestConnectHasNoTimeOuts(t *testing.T) {
	t.Parallel()
	conn, err := postgres.Connect(t.Context(), testdb.New(t), "alone")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	for name, want := range map[string]string{"statement_timeout": "0", "lock_timeout": "0", "idle_in_transaction_session_timeout": "0", "application_name": "latchkey alone", "timezone": "UTC"} {
		var got string
		if err := conn.QueryRow(t.Context(), "SELECT current_setting($1)", name).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q, %v; want %q", name, got, err, want)
		}
	}
	for _, bad := range []string{"", "postgres://u:secret@h:port/d"} {
		if _, err := postgres.Connect(t.Context(), bad, "test"); !errors.Is(err, postgres.ErrURL) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := postgres.Connect(t.Context(), "postgres://u:p@127.0.0.1:1/d", "test"); err == nil {
		t.Error("connected to nothing")
	}
}

// A listener that is cut off comes back by itself, and ends when it is told to.
func TestListen(t *testing.T) {
	t.Parallel()
	url := testdb.New(t)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	heard := make(chan struct{}, 1000)
	ctx, stop := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { postgres.Listen(ctx, url, `odd "channel`, func() { heard <- struct{}{} }) })
	await := func() {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); ; {
			if _, err := conn.Exec(t.Context(), `SELECT pg_notify('odd "channel', '')`); err != nil {
				t.Fatal(err)
			}
			select {
			case <-heard:
				return
			case <-time.After(50 * time.Millisecond):
				if time.Now().After(deadline) {
					t.Fatal("nothing was heard")
				}
			}
		}
	}
	await()
	if _, err := conn.Exec(t.Context(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'latchkey listen' AND datname = current_database()"); err != nil {
		t.Fatal(err)
	}
	for len(heard) > 0 {
		<-heard
	}
	await()
	stop()
	all.Wait()
}

func TestListenToNothing(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "postgres://u:p@127.0.0.1:1/d"} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		postgres.Listen(ctx, url, "channel", func() { t.Error("heard something") })
		cancel()
	}
}
