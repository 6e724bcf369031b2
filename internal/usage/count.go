package usage

import (
	"cmp"
	"context"
	"fmt"
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/latchkey-dev/latchkey/gen/meterdb"
)

// Counts is what keys were used for.
type Counts struct {
	Query    int64 // requests that were let through
	Mutation int64
	Credits  int64 // that were paid
	Denied   Denied
}

// Denied counts the requests that were refused, by what they lacked.
type Denied struct{ Permission, Quota, Credits int64 }

func (c *Counts) add(o Counts) {
	c.Query += o.Query
	c.Mutation += o.Mutation
	c.Credits += o.Credits
	c.Denied.Permission += o.Denied.Permission
	c.Denied.Quota += o.Denied.Quota
	c.Denied.Credits += o.Denied.Credits
}

const (
	shards  = 64
	anHour  = 3600 // seconds
	aPeriod = 256  // bytes between two locks, so that two cores that take different ones do not wait for each other's cache
)

// counter holds what was counted and not written yet.
type counter struct {
	seed   maphash.Seed
	shards [shards]countShard
	writes sync.Mutex // one flush at a time
}

type countShard struct {
	mu      sync.Mutex
	tallies map[tallyKey]*Counts
	_       [aPeriod - 16]byte
}

type tallyKey struct {
	keyID string
	hour  int64 // since 1970
}

type tally struct {
	tallyKey
	Counts
}

func newCounter() *counter {
	c := &counter{seed: maphash.MakeSeed()}
	for i := range c.shards {
		c.shards[i].tallies = map[tallyKey]*Counts{}
	}
	return c
}

// add counts something. It tells whether there was room: while the database is away, what waits does not grow without end.
func (c *counter) add(k tallyKey, n Counts) bool {
	s := &c.shards[maphash.String(c.seed, k.keyID)%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	t, known := s.tallies[k]
	if !known {
		if len(s.tallies) >= most/shards {
			return false
		}
		t = new(Counts)
		s.tallies[k] = t
	}
	t.add(n)
	return true
}

func tallyOf(keyID string, at time.Time) tallyKey { return tallyKey{keyID, at.Unix() / anHour} }

// collect takes everything out, sorted. What was not counted since the last time is forgotten, so that keys in use need no
// new memory each second.
func (c *counter) collect() []tally {
	var all []tally
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		for k, t := range s.tallies {
			if *t == (Counts{}) {
				delete(s.tallies, k)
				continue
			}
			all = append(all, tally{k, *t})
			*t = Counts{}
		}
		s.mu.Unlock()
	}
	slices.SortFunc(all, func(a, b tally) int { return cmp.Or(cmp.Compare(a.keyID, b.keyID), cmp.Compare(a.hour, b.hour)) })
	return all
}

// flush writes what was counted, a page at a time.
//
// What could not be written is written later. If a connection breaks at the moment of a commit, nobody knows whether the page
// was written: it is written again, so that a page may count twice and none is lost.
func (c *counter) flush(ctx context.Context, pool *pgxpool.Pool) error {
	c.writes.Lock()
	defer c.writes.Unlock()
	all := c.collect()
	for page := range slices.Chunk(all, pageMost) {
		if err := write(ctx, pool, page); err != nil {
			for _, t := range all {
				c.add(t.tallyKey, t.Counts)
			}
			return err
		}
		all = all[len(page):]
	}
	return nil
}

func write(ctx context.Context, pool *pgxpool.Pool, page []tally) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var row meterdb.UsageAddParams
	for _, t := range page {
		row.Ids = append(row.Ids, t.keyID)
		row.Starts = append(row.Starts, time.Unix(t.hour*anHour, 0).UTC())
		row.Query = append(row.Query, t.Query)
		row.Mutation = append(row.Mutation, t.Mutation)
		row.Credits = append(row.Credits, t.Credits)
		row.DeniedPermission = append(row.DeniedPermission, t.Denied.Permission)
		row.DeniedQuota = append(row.DeniedQuota, t.Denied.Quota)
		row.DeniedCredits = append(row.DeniedCredits, t.Denied.Credits)
	}
	if err := meterdb.New().UsageAdd(ctx, pool, row); err != nil {
		return fmt.Errorf("add to counts: %w", err)
	}
	return nil
}
