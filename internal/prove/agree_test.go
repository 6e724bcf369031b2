package prove

import (
	"slices"
	"testing"

	"github.com/anishathalye/porcupine"
	"pgregory.net/rapid"
)

// The two checks share no code, and agree on any history but for the rules that only Direct knows.
func TestChecksAgree(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		y := drawStory(t)
		found := slices.DeleteFunc(y.Direct(bounds), func(v Violation) bool { return v.Rule == rulePhantom || v.Rule == ruleForgot })
		result, _ := y.Register(key, bounds)
		if (len(found) > 0) != (result != porcupine.Ok) {
			var text lines
			_ = y.encode(&text)
			t.Fatalf("Direct finds %v, Porcupine says %s of\n%s", found, result, text)
		}
	})
}

type lines []byte

func (l *lines) Write(b []byte) (int, error) { *l = append(*l, b...); return len(b), nil }

// drawStory writes each right in turn, as an account does, and reads at any time.
func drawStory(t *rapid.T) *story {
	y, m := &story{}, &moments64{T: t}
	for _, right := range []Right{enabled, unexpired, active, use, view} {
		drawWrites(m, y, right, true)
	}
	if rapid.Bool().Draw(t, "revoke") {
		drawWrites(m, y, revoked, false)
	}
	for range rapid.IntRange(1, 12).Draw(t, "reads") {
		call := m.draw(0, 40*s)
		r := Read{Subject: key, Needs: keyNeeds, Door: VerifyKey, Call: call, Return: m.draw(call, call+4*s), Valid: rapid.Bool().Draw(t, "valid")}
		switch rapid.IntRange(0, 3).Draw(t, "door") {
		case 0:
			strict(&r)
		case 1:
			viewing(&r)
		}
		if !r.Valid {
			r.Code = rapid.SampledFrom([]string{"NOT_FOUND", "REVOKED", "DISABLED", "EXPIRED", "ACCOUNT_SUSPENDED", "KEY_USE_NOT_PERMITTED", "INSUFFICIENT_PERMISSIONS"}).Draw(t, "code")
		}
		y.Read(r)
	}
	return y
}

// drawWrites lets a right be withdrawn and granted, each write after the one before has ended.
func drawWrites(m *moments64, y *story, right Right, canGrant bool) {
	at := int64(0)
	for i := range rapid.IntRange(0, 5).Draw(m.T, "writes") {
		call := m.draw(at, at+6*s)
		w := Write{What: "write", Call: call, Return: m.draw(call, call+6*s), Rights: []Right{right}, Outcome: Done, Grant: canGrant && i%2 == 1}
		switch rapid.IntRange(0, 5).Draw(m.T, "outcome") {
		case 0:
			w.Outcome = Refused
		case 1:
			w.Outcome, w.Zombie = Unknown, true
		case 2:
			w.Outcome, w.Seen = Unknown, m.draw(w.Return, w.Return+s)
		case 3:
			if !w.Grant {
				w.Seen = m.draw(w.Call, w.Return)
			}
		}
		if right == unexpired && !w.Grant {
			w.Moment = m.draw(w.Call, w.Call+5*s)
		}
		y.Write(w)
		at = max(w.Return, w.Seen)
	}
}

// moments differ in their last digits, as those of the clock do.
type moments64 struct {
	*rapid.T
	taken int64
}

func (m *moments64) draw(from, to int64) int64 {
	m.taken++
	return rapid.Int64Range(from/1000+1, max(to, from+1000)/1000+1).Draw(m.T, "moment")*1000 + m.taken
}
