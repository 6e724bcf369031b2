package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/latchkey-dev/latchkey/internal/boottime"
	"github.com/latchkey-dev/latchkey/internal/changefeed"
	"github.com/latchkey-dev/latchkey/internal/postgres"
)

type clusterCmd struct {
	Show clusterShowCmd `cmd:"" default:"withargs" help:"Print the settings and the instances."`
	Set  clusterSetCmd  `cmd:"" help:"Change a setting on every instance, without a restart."`
}

type clusterShowCmd struct{ format }

type clusterSetCmd struct {
	Setting string `arg:"" placeholder:"lease=1s" help:"lease=TIME: how long an instance may answer from memory without having heard from the database, 200ms to 20s. A revocation waits for so long if an instance is dead, stopped or cut off."`
	format
}

func (s clusterSetCmd) run(ctx context.Context, c config, stdout io.Writer) error {
	value, known := strings.CutPrefix(s.Setting, "lease=")
	lease, err := time.ParseDuration(value)
	if !known || err != nil {
		return errors.New("the only setting is lease, as in: latchkey cluster set lease=1s")
	}
	return withFeed(c, func(f *changefeed.Feed) error {
		if err := f.SetLease(ctx, lease); err != nil {
			return err
		}
		return s.print(ctx, f, stdout)
	})
}

func (s clusterShowCmd) run(ctx context.Context, c config, stdout io.Writer) error {
	return withFeed(c, func(f *changefeed.Feed) error { return s.print(ctx, f, stdout) })
}

func withFeed(c config, do func(*changefeed.Feed) error) error {
	if c.DatabaseURL == "" {
		return errors.New("cluster needs LATCHKEY_DATABASE_URL: an embedded database serves one instance, whose lease needs no tuning")
	}
	pool, err := postgres.Open(c.DatabaseURL, postgres.PoolOptions{MaxConns: 1, Name: "cluster"})
	if err != nil {
		return err
	}
	defer pool.Close()
	return do(changefeed.NewFeed(changefeed.FeedConfig{Pool: pool, Clock: boottime.Now, Now: time.Now, Rand: rand.Reader}))
}

// clusterFacts are what all instances agree on, and how far each of them is.
type clusterFacts struct {
	Lease     int64             `json:"lease_ms"`
	Wait      int64             `json:"wait_ms"` // of a revocation, at most
	Protocol  int               `json:"protocol"`
	Changes   int64             `json:"changes"`
	Instances []clusterInstance `json:"instances"`
}

type clusterInstance struct {
	ID      string `json:"id"`
	Applied int64  `json:"applied"`
	Behind  int64  `json:"behind"`
}

func (o format) print(ctx context.Context, f *changefeed.Feed, stdout io.Writer) error {
	s, err := f.Settings(ctx)
	if err != nil {
		return fmt.Errorf("%s; latchkey migrate --status says whether the schema is there", postgres.Reason(err))
	}
	if o.json() {
		facts := clusterFacts{s.Lease.Milliseconds(), s.Wait.Milliseconds(), s.Protocol, s.Revision, make([]clusterInstance, len(s.Nodes))}
		for i, n := range s.Nodes {
			facts.Instances[i] = clusterInstance{n.ID, n.Applied, s.Revision - n.Applied}
		}
		return plainJSON(stdout, facts)
	}
	fmt.Fprintf(stdout, "lease: %s (revocations wait at most %s)\nprotocol: %d\nchanges: %d\ninstances: %d\n", s.Lease, s.Wait, s.Protocol, s.Revision, len(s.Nodes))
	for _, n := range s.Nodes {
		fmt.Fprintf(stdout, "  %s applied %d, %d behind\n", n.ID, n.Applied, s.Revision-n.Applied)
	}
	return nil
}
