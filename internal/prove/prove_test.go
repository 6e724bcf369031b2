package prove

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// The short form of make prove: every fault once or twice, on a machine that has other things to do.
func TestProof(t *testing.T) {
	t.Parallel()
	binary, err := Build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(os.TempDir(), "latchkey-prove-test") // stays after a failure
	_ = os.RemoveAll(out)
	var summary bytes.Buffer
	err = Run(t.Context(), Config{Binary: binary, Out: out, Seed: 1, Time: 20 * time.Second, Accounts: 5, Steps: 6, Rate: 60, Busy: true,
		Pace: Pace{Longest: 1200 * time.Millisecond, Pause: 300 * time.Millisecond, Rest: 1500 * time.Millisecond, RestEvery: 5}, Stdout: &summary})
	t.Logf("%s", &summary)
	if err != nil {
		t.Fatal(err)
	}
}
