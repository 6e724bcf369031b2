// Command run proves on real processes that a right which was withdrawn is never honoured after the withdrawal has answered. It
// builds latchkey, starts three nodes on a PostgreSQL of their own, and breaks what can break between them while it asks.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/latchkey-dev/latchkey/internal/prove"
)

var (
	length  = flag.Duration("time", 10*time.Minute, "how long load and faults go on")
	seed    = flag.Uint64("seed", 0, "of the schedule and the operations; 0 draws one and prints it")
	most    = flag.Int("verifications", 5_000_000, "stop after so many verdicts; 0: no limit")
	ends    = flag.Int("withdrawals", 100_000, "stop after so many withdrawals; 0: no limit")
	rate    = flag.Int("rate", 300, "verifications per second and node")
	live    = flag.Int("accounts", 10, "how many accounts live at once")
	lease   = flag.Duration("lease", 500*time.Millisecond, "the lease L of the cluster; below 0: leave it alone")
	out     = flag.String("out", "", "folder for what a failure leaves; default: one in the system's temporary folder")
	binary  = flag.String("binary", "", "a latchkey that was built; default: build it")
	kinds   = flag.String("faults", "", "only these kinds of faults, with commas between; none: no faults; default: all")
	doors   = flag.String("doors", "", "only these doors, with commas between; default: all")
	refused = flag.Float64("refusals", 0.001, "the share of questions without a verdict that is forgiven while all is well")
)

func main() {
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "prove:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	c := prove.Config{Binary: *binary, Out: *out, Seed: *seed, Time: *length, Verifications: *most, Withdrawals: *ends, Accounts: *live,
		Rate: *rate, Lease: *lease, Refusals: *refused, Stdout: os.Stdout}
	now := time.Now()
	if c.Seed == 0 {
		c.Seed = uint64(now.UnixNano()) % 1_000_000_000
	}
	if c.Out == "" {
		c.Out = filepath.Join(os.TempDir(), fmt.Sprintf("latchkey-prove-%s-%d", now.Format("20060102-150405"), c.Seed))
	}
	if err := choose(&c); err != nil {
		return err
	}
	if c.Binary == "" {
		dir, err := os.MkdirTemp("", "lkprove-build-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		if c.Binary, err = prove.Build(ctx, dir); err != nil {
			return err
		}
	}
	return prove.Run(ctx, c)
}

// choose reads the lists of faults and doors.
func choose(c *prove.Config) error {
	for _, name := range split(*kinds) {
		if name == "none" {
			c.Pace.Kinds = []prove.Kind{}
			continue
		}
		kind, err := prove.ParseKind(name)
		if err != nil {
			return err
		}
		c.Pace.Kinds = append(c.Pace.Kinds, kind)
	}
	for _, name := range split(*doors) {
		door, err := prove.ParseDoor(name)
		if err != nil {
			return err
		}
		c.Doors = append(c.Doors, door)
	}
	return nil
}

func split(list string) []string {
	if list == "" {
		return nil
	}
	return strings.Split(list, ",")
}
