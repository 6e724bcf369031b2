package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// pollEvery is how often something is looked at that sends no signal.
const pollEvery = 5 * time.Millisecond

// acquire takes the lock on a file, made if missing, and waits up to patience for its holder: plain ErrInUse after that.
// The lock lives as long as the returned file is open, here or in a program that inherited it; unlike a process id in a
// file, it cannot outlive its holders.
func acquire(ctx context.Context, path string, patience time.Duration) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	if err := flock(ctx, f, patience); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

func flock(ctx context.Context, f *os.File, patience time.Duration) error {
	deadline := time.Now().Add(patience)
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR) {
			return fmt.Errorf("lock %s: %w", f.Name(), err)
		}
		if time.Now().After(deadline) {
			return ErrInUse
		}
		if err := pause(ctx); err != nil {
			return fmt.Errorf("wait for %s: %w", f.Name(), err)
		}
	}
}

// pause waits for the next look, or returns why there is none.
func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(pollEvery):
		return nil
	}
}
