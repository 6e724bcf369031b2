// Command go is a small API that is protected with access keys. It keeps notes in memory; all that it knows of Latchkey is in run.
//
//	LATCHKEY_URL=http://localhost:8080 LATCHKEY_KEY=lkpat_… go run ./examples/go
//
// The key belongs to an account with VERIFY_ACCESS_KEYS. The permission catalogue that goes with it is catalogue.json.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
	"github.com/latchkey-dev/latchkey/sdk/go/guard"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends it at once
	if err := run(ctx, os.Getenv, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "notes:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, env func(string) string, stdout io.Writer) error {
	client, err := latchkey.New(latchkey.Config{BaseURL: env("LATCHKEY_URL"), Key: latchkey.NewKey(env("LATCHKEY_KEY"))})
	if err != nil {
		return err
	}
	g, err := guard.New(guard.Config{Client: client, Log: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err != nil {
		return err
	}
	address := env("LISTEN")
	if address == "" {
		address = "127.0.0.1:3000"
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(stdout, "notes at http://%s\n", listener.Addr())

	server := &http.Server{Handler: g.Protect(newNotes()), ReadHeaderTimeout: 10 * time.Second}
	stopped := make(chan error, 1)
	context.AfterFunc(ctx, func() {
		bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		stopped <- server.Shutdown(bounded)
	})
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}

// notes are what members have written, by the id of their account.
type notes struct {
	mu sync.Mutex
	of map[string][]string
}

const maxNote = 4096 // bytes

func newNotes() http.Handler {
	n := &notes{of: map[string][]string{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /notes", n.list)
	mux.HandleFunc("POST /notes", n.add)
	return mux
}

// list gives the notes of whoever the key answers for.
func (n *notes) list(w http.ResponseWriter, r *http.Request) {
	verdict, _ := guard.Verdict(r.Context())
	n.mu.Lock()
	mine := append([]string{}, n.of[verdict.Account.ID]...)
	n.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"owner": verdict.Account.Handle, "notes": mine})
}

// add keeps the body as a note.
func (n *notes) add(w http.ResponseWriter, r *http.Request) {
	verdict, _ := guard.Verdict(r.Context())
	text, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxNote))
	if err != nil {
		http.Error(w, "a note has at most 4096 bytes", http.StatusRequestEntityTooLarge)
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.of[verdict.Account.ID] = append(n.of[verdict.Account.ID], string(text))
	w.WriteHeader(http.StatusCreated)
}
