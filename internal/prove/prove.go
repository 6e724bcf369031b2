// Package prove runs real nodes of Latchkey on a real PostgreSQL, breaks what can break between them, and checks on the recorded
// history that a right which was withdrawn is never honoured once the withdrawal has answered.
//
// It stands apart from the service: it knows the contract and the processes, and shares no code with what it judges but the
// start of a PostgreSQL server.
//
// What always holds: everything listens on loopback or on a unix socket, every process and folder that it makes is gone when Run
// returns, and the same seed gives the same schedule of faults and, for each account, the same choices.
package prove

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// Config says what to run and for how long.
type Config struct {
	Binary string        // the built latchkey
	Out    string        // folder that is made for what a failure leaves to look at
	Seed   uint64        // of the schedule and of every choice
	Time   time.Duration // how long load and faults go on

	Verifications int // stop early after so many; 0: no limit
	Withdrawals   int // likewise

	Nodes    int           // 3 unless set
	Accounts int           // how many live at once, 10 unless set
	Steps    int           // how many rights are taken away in the life of one, 15 unless set
	Rate     int           // verifications per second and node, 300 unless set
	Lease    time.Duration // L at the start, 500 ms unless set; below 0: the cluster's own
	Pace     Pace
	Doors    []Door  // all unless set
	Refusals float64 // the share of 503 that is forgiven while all is well, 0.001 unless set
	Busy     bool    // the machine has other things to do: nothing is demanded of availability, and little of numbers

	Stdout io.Writer // progress and summary
}

func (c Config) withDefaults() Config {
	c.Nodes = cmp.Or(c.Nodes, 3)
	c.Accounts = cmp.Or(c.Accounts, 10)
	c.Steps = cmp.Or(c.Steps, 15)
	c.Rate = cmp.Or(c.Rate, 300)
	c.Lease = cmp.Or(c.Lease, 500*time.Millisecond)
	c.Refusals = cmp.Or(c.Refusals, 0.001)
	c.Pace = c.Pace.withDefaults()
	if len(c.Doors) == 0 {
		c.Doors = allDoors
	}
	if c.Stdout == nil {
		c.Stdout = io.Discard
	}
	return c
}

// ErrFailed is what Run gives when a promise was broken; the summary and the folder say which.
var ErrFailed = errors.New("the proof failed")

// drainPatience is how long what was begun may take to end once the time is over.
const drainPatience = 45 * time.Second

// Run does all of it and prints a summary. The error is ErrFailed for a broken promise, and anything else for a run that could
// not be made or was cut short.
func Run(ctx context.Context, c Config) error {
	c = c.withDefaults()
	clock := newClock()
	dir, err := workFolder()
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	fmt.Fprintf(c.Stdout, "seed %d, %s, %d nodes\n", c.Seed, c.Time, c.Nodes)
	plan := Plan(c.Seed, c.Time, c.Nodes, c.Pace)
	cl, err := startCluster(ctx, c, clock, dir)
	if err != nil {
		return fmt.Errorf("start the cluster (its logs are in %s): %w", c.Out, err)
	}
	l := newLoad(c, clock, cl.target())
	err = prove(ctx, c, plan, cl, l)
	err = errors.Join(err, cl.close(l.journal))
	l.journal.report(c.Stdout, clock.now())
	if !l.journal.failed() {
		return err
	}
	return errors.Join(ErrFailed, err, leave(c, dir, l.journal))
}

// prove lets load and faults go until the time is over, and waits for what was begun.
func prove(ctx context.Context, c Config, plan []Spell, cl *cluster, l *load) error {
	faults, endFaults := context.WithTimeout(ctx, c.Time)
	defer endFaults()
	context.AfterFunc(l.journal.stop, endFaults)
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.run(faults, ctx)
	}()
	err := cl.inflict(faults, plan, l.journal)
	endFaults()
	<-done
	if ctx.Err() != nil {
		return errors.Join(err, context.Cause(ctx))
	}
	l.journal.demand(c)
	return err
}

// workFolder is short enough for a socket, and lets the server's own user pass.
func workFolder() (string, error) {
	dir, err := os.MkdirTemp("/tmp", "lkprove")
	if err != nil {
		return "", err
	}
	return dir, os.Chmod(dir, 0o711) //nolint:gosec // what lies in it is private
}

// leave puts histories, pictures and the nodes' logs where somebody can look at them.
func leave(c Config, dir string, j *journal) error {
	if c.Out == "" {
		return nil
	}
	if err := os.MkdirAll(c.Out, 0o700); err != nil {
		return err
	}
	if err := errors.Join(j.write(c.Out), copyLogs(dir, c.Out)); err != nil {
		return err
	}
	fmt.Fprintf(c.Stdout, "histories, pictures and logs are in %s\n", c.Out)
	return nil
}

func copyLogs(from, to string) error {
	logs, err := filepath.Glob(filepath.Join(from, "*.log"))
	for _, log := range logs {
		b, readErr := os.ReadFile(log)
		err = errors.Join(err, readErr, os.WriteFile(filepath.Join(to, filepath.Base(log)), b, 0o600))
	}
	return err
}
