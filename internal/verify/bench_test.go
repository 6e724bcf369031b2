package verify

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	mathrand "math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"unique"

	"github.com/latchkey-dev/latchkey/internal/changefeed"
	"github.com/latchkey-dev/latchkey/internal/permission"
	"github.com/latchkey-dev/latchkey/internal/token"
)

// It does not run beside others: what they allocate is counted, too.
func TestAHitAllocatesAtMostOnce(t *testing.T) {
	b := newBench(t)
	b.expect(Valid)
	ask := Ask{Permission: permission.ManageRoles}
	if n := testing.AllocsPerRun(1000, func() {
		if d, err := b.Check(context.Background(), b.secret, ask); err != nil || d.Code != Valid {
			t.Fatal(d.Code, err)
		}
	}); n > 1 {
		t.Errorf("%.1f allocations", n)
	}
}

// A flood of keys that nobody issued costs few statements, and costs those whose keys are in memory nothing.
func TestAFloodOfUnknownKeysDoesNotReachTheDatabase(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.expect(Valid)
	var atOnce, most, statements atomic.Int64
	free := make(chan struct{})
	real := b.Verifier.keys.fetch
	b.Verifier.keys.fetch = func(ctx context.Context, ids []tokenID, floor changefeed.Floor) (map[tokenID]*Key, error) {
		statements.Add(1)
		most.Store(max(most.Load(), atOnce.Add(1)))
		defer atOnce.Add(-1)
		<-free
		return real(ctx, ids, floor)
	}
	const flood = 1000
	answers := make(chan string, flood)
	for range flood {
		raw := b.secretOf(t)
		go func() { answers <- b.check(raw, Ask{}) }()
	}
	for range 100 {
		b.expect(Valid)
	}
	close(free)
	for range flood {
		if got := <-answers; got != string(NotFound) {
			t.Fatalf("an unknown key: %s", got)
		}
	}
	if n := statements.Load(); most.Load() > readsMost || n > flood/2 {
		t.Errorf("%d statements, %d at once", n, most.Load())
	}
	if n := b.memory.keys.len(); n != 1 {
		t.Errorf("%d keys are remembered", n)
	}
}

// chance is fast, and good enough to measure with.
type chance struct{ *mathrand.ChaCha8 }

func (c chance) Read(p []byte) (int, error) {
	for i := 0; i < len(p); i += 8 {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], c.Uint64())
		copy(p[i:], b[:])
	}
	return len(p), nil
}

// crowd puts so many keys of grace into memory, and gives some of their secrets.
func (b *bench) crowd(n, some int) []string {
	b.t.Helper()
	b.expect(Valid)
	var seed [32]byte
	if _, err := rand.Read(seed[:]); err != nil {
		b.t.Fatal(err)
	}
	from := chance{mathrand.NewChaCha8(seed)}
	secrets := make([]string, 0, some)
	for i := range n {
		secret, parsed, err := token.Mint(from, "lk")
		if err != nil {
			b.t.Fatal(err)
		}
		digest, _ := plain.Digest(parsed)
		id := tokenIDOf(string(parsed.ID))
		k := &Key{ID: fmt.Sprintf("%020d", i), Name: fmt.Sprintf("deploy bot number %d", i), brand: unique.Make("lk"), createdAt: 1, account: xidOf(graceID), sealed: sealed{digest: digest}}
		if !b.memory.keys.insert(id, k, b.memory.keys.generation(id)) {
			b.t.Fatal("not inserted")
		}
		if i%(max(1, n/some)) == 0 && len(secrets) < some {
			secrets = append(secrets, secret.Reveal())
		}
	}
	return secrets
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// BenchmarkCheck is a hit: of one key, and of a thousand in turn, which the processor's caches do not all hold.
func BenchmarkCheck(b *testing.B) {
	for _, keys := range []int{1_000, 1_000_000} {
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			bench := newBench(b)
			before := heap()
			bench.memory = NewMemory(4_000_000)
			bench.node = bench.join(bench.memory)
			cfg := bench.cfg
			cfg.Memory, cfg.Node, cfg.Now = bench.memory, bench.node, nil
			bench.Verifier = New(cfg)
			secrets := bench.crowd(keys, 1000)
			bytes := float64(heap()-before) / float64(keys)
			for name, asked := range map[string][]string{"one": secrets[:1], "thousand": secrets} {
				b.Run(name, func(b *testing.B) {
					b.ReportAllocs()
					for i := range b.N {
						d, err := bench.Check(context.Background(), asked[i%len(asked)], Ask{Permission: permission.ManageRoles})
						if err != nil || d.Code != Valid {
							b.Fatal(d.Code, err)
						}
					}
					if keys == 1_000_000 { // with fewer, the tables themselves weigh more
						b.ReportMetric(bytes, "B/key")
					}
				})
			}
			b.Run("parallel", func(b *testing.B) {
				b.ReportAllocs()
				b.RunParallel(func(p *testing.PB) {
					for i := mathrand.IntN(1000); p.Next(); i++ {
						if d, err := bench.Check(context.Background(), secrets[i%len(secrets)], Ask{}); err != nil || d.Code != Valid {
							b.Fatal(d.Code, err)
						}
					}
				})
			})
		})
	}
}
