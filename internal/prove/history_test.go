package prove

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// Times in these histories are seconds; L is one of them.
const s = int64(time.Second)

var bounds = Bounds{Stale: time.Second}

const (
	key     = "k1"
	session = "s1"
)

var keyNeeds = maskOf(Unrevoked, Enabled, Unexpired, OwnerActive, MayUse)

// story builds histories by hand.
type story struct{ History }

func (y *story) withdraw(call, answer int64, rights ...Right) *Write {
	return y.write(Write{What: "withdraw", Call: call * s, Return: answer * s, Outcome: Done, Rights: rights})
}

func (y *story) grant(call, answer int64, rights ...Right) *Write {
	return y.write(Write{What: "grant", Grant: true, Call: call * s, Return: answer * s, Outcome: Done, Rights: rights})
}

func (y *story) write(w Write) *Write {
	y.Write(w)
	return &y.writes[len(y.writes)-1]
}

func (y *story) valid(call, answer int64) *Read {
	return y.read(Read{Subject: key, Needs: keyNeeds, Door: VerifyKey, Call: call * s, Return: answer * s, Valid: true, Code: "VALID"})
}

func (y *story) invalid(code string, call, answer int64) *Read {
	return y.read(Read{Subject: key, Needs: keyNeeds, Door: VerifyKey, Call: call * s, Return: answer * s, Code: code})
}

func (y *story) read(r Read) *Read {
	y.Read(r)
	return &y.reads[len(y.reads)-1]
}

func (y *story) listed(status string, call, answer int64) {
	y.List(Listing{Subject: key, Call: call * s, Return: answer * s, Status: status})
}

// viewing makes a verdict one that was asked with a permission.
func viewing(r *Read) *Read {
	r.Door, r.Needs = VerifyView, r.Needs|maskOf(MayView)
	return r
}

func strict(r *Read) *Read {
	r.Door = VerifyStrict
	return r
}

func unconfirmed(w *Write) *Write {
	w.Outcome = Unknown
	return w
}

func zombie(w *Write) *Write {
	w.Outcome, w.Zombie = Unknown, true
	return w
}

func seen(w *Write, at int64) *Write {
	w.Seen = at * s
	return w
}

func due(w *Write, at int64) *Write {
	w.Moment = at * s
	return w
}

var (
	revoked   = Right{Unrevoked, key}
	enabled   = Right{Enabled, key}
	unexpired = Right{Unexpired, key}
	active    = Right{Facet: OwnerActive}
	use       = Right{Facet: MayUse}
	view      = Right{Facet: MayView}
	signedIn  = Right{SignedIn, session}
)

// Each story is judged by both checks. A rule names the violation that Direct must find; Porcupine must find one too, except
// where only Direct knows the rule.
var stories = []struct {
	name       string
	rule       string // empty: nothing is wrong
	directOnly bool
	tell       func(*story)
}{
	{"nothing happened", "", false, func(y *story) { y.valid(1, 2); strict(y.valid(3, 4)) }},
	{"valid after revoke", ruleP1, false, func(y *story) { y.withdraw(1, 2, revoked); y.valid(3, 4) }},
	{"valid before, during and overlapping a revoke", "", false, func(y *story) {
		y.valid(1, 2)
		y.withdraw(3, 10, revoked)
		y.valid(4, 5)
		y.invalid("REVOKED", 5, 6)
		y.valid(6, 7) // nodes may disagree while the call runs
		y.valid(9, 20)
		y.invalid("REVOKED", 21, 22)
	}},
	{"valid called before the answer and given after", "", false, func(y *story) { y.withdraw(1, 3, revoked); y.valid(2, 9) }},
	{"valid after suspend", ruleP1, false, func(y *story) { y.withdraw(1, 2, active); y.valid(3, 4) }},
	{"valid after the role was taken", ruleP1, false, func(y *story) { y.withdraw(1, 2, use, view); y.valid(3, 4) }},
	{"valid for a permission that was taken", ruleP1, false, func(y *story) { y.withdraw(1, 2, view); viewing(y.valid(3, 4)) }},
	{"valid without the permission that was taken", "", false, func(y *story) {
		y.withdraw(1, 2, view)
		y.valid(3, 4)
		viewing(y.invalid("INSUFFICIENT_PERMISSIONS", 3, 4))
	}},
	{"session valid after sign-out", ruleP1, false, func(y *story) {
		y.withdraw(1, 2, signedIn)
		y.read(Read{Subject: session, Door: SessionGet, Needs: maskOf(SignedIn, OwnerActive), Call: 3 * s, Return: 4 * s, Valid: true})
	}},
	{"another session after sign-out", "", false, func(y *story) {
		y.withdraw(1, 2, signedIn)
		y.read(Read{Subject: "s2", Door: SessionGet, Needs: maskOf(SignedIn, OwnerActive), Call: 3 * s, Return: 4 * s, Valid: true})
	}},
	{"another key after revoke", "", false, func(y *story) { y.withdraw(1, 2, Right{Unrevoked, "k2"}); y.valid(3, 4) }},

	{"several lives", "", false, func(y *story) {
		for t := int64(0); t < 100; t += 20 {
			y.valid(t+1, t+2)
			y.withdraw(t+3, t+5, enabled)
			y.invalid("DISABLED", t+6, t+7)
			y.grant(t+8, t+9, enabled)
			y.valid(t+9, t+10)
			y.valid(t+12, t+13)
		}
	}},
	{"valid in the second life's end", ruleP1, false, func(y *story) {
		y.withdraw(1, 2, enabled)
		y.grant(3, 4, enabled)
		y.withdraw(5, 6, enabled)
		y.valid(7, 8)
	}},
	{"enabled while suspended", ruleP1, false, func(y *story) {
		y.withdraw(1, 2, active)
		y.grant(3, 4, enabled)
		y.valid(7, 8)
	}},
	{"refused within L after a grant", "", false, func(y *story) {
		y.withdraw(1, 2, enabled)
		y.grant(3, 5, enabled)
		y.read(Read{Subject: key, Needs: keyNeeds, Door: VerifyKey, Call: 5*s + s/2, Return: 7 * s, Code: "DISABLED"})
	}},
	{"refused later than L after a grant", ruleRefusal, false, func(y *story) {
		y.withdraw(1, 2, enabled)
		y.grant(3, 5, enabled)
		y.invalid("DISABLED", 7, 8)
	}},
	{"refused by strict after a grant", ruleRefusal, false, func(y *story) {
		y.withdraw(1, 2, enabled)
		y.grant(3, 5, enabled)
		strict(y.read(Read{Subject: key, Needs: keyNeeds, Call: 5*s + s/2, Return: 6 * s, Code: "DISABLED"}))
	}},
	{"a grant that may be under way excuses", "", false, func(y *story) {
		y.withdraw(1, 2, enabled)
		zombie(y.grant(3, 4, enabled))
		y.withdraw(5, 6, enabled)
		y.valid(90, 91)
	}},
	{"a grant that was refused excuses nothing", ruleP1, false, func(y *story) {
		y.withdraw(1, 2, enabled)
		y.grant(3, 4, enabled).Outcome = Refused
		y.valid(5, 6)
	}},

	{"a good key refused", ruleRefusal, false, func(y *story) { y.invalid("REVOKED", 1, 2) }},
	{"a good key not found", ruleRefusal, false, func(y *story) { y.withdraw(1, 2, revoked); y.invalid("NOT_FOUND", 3, 4) }},
	{"refused for the wrong reason", ruleRefusal, false, func(y *story) { y.withdraw(1, 2, enabled); y.invalid("EXPIRED", 3, 4) }},
	{"refused without a reason", "", false, func(y *story) { y.withdraw(1, 2, enabled); y.invalid("credential_invalid", 3, 4) }},
	{"refused before the withdrawal", ruleRefusal, false, func(y *story) { y.invalid("REVOKED", 1, 2); y.withdraw(3, 4, revoked) }},
	{"refused because of a withdrawal that was refused", ruleRefusal, false, func(y *story) {
		y.withdraw(1, 2, enabled).Outcome = Refused
		y.invalid("DISABLED", 3, 4)
	}},

	{"a withdrawal that failed promises nothing", "", false, func(y *story) {
		zombie(y.withdraw(1, 2, revoked))
		y.valid(3, 4)
		y.invalid("REVOKED", 5, 6)
		y.valid(7, 8)
	}},
	{"its repetition does", ruleP1, false, func(y *story) {
		zombie(y.withdraw(1, 2, revoked))
		y.withdraw(3, 4, revoked)
		y.valid(5, 6)
	}},
	{"a failed withdrawal may still come after a grant", "", false, func(y *story) {
		zombie(y.withdraw(1, 2, enabled))
		y.withdraw(3, 4, enabled)
		y.grant(5, 6, enabled)
		y.invalid("DISABLED", 50, 51)
		y.valid(60, 61)
	}},

	{"strict before the answer and after the commit", ruleStrict, false, func(y *story) {
		seen(y.withdraw(1, 9, revoked), 2)
		strict(y.read(Read{Subject: key, Needs: keyNeeds, Call: 2*s + s/2, Return: 3 * s, Valid: true}))
	}},
	{"not strict before the answer and after the commit", "", false, func(y *story) {
		seen(y.withdraw(1, 9, revoked), 2)
		y.read(Read{Subject: key, Needs: keyNeeds, Call: 2*s + s/2, Return: 3 * s, Valid: true})
	}},
	{"strict before the commit was seen", "", false, func(y *story) { seen(y.withdraw(1, 9, revoked), 4); strict(y.valid(3, 5)) }},
	{"older than L before the answer", ruleStale, false, func(y *story) { seen(y.withdraw(1, 9, revoked), 2); y.valid(4, 5) }},
	{"older than L though the call failed", ruleStale, false, func(y *story) {
		unconfirmed(seen(y.withdraw(1, 3, revoked), 2))
		y.valid(4, 5)
	}},
	{"at_least the revocation itself", ruleAtLeast, false, func(y *story) {
		y.withdraw(1, 2, revoked)
		y.valid(3, 4).After = 1
	}},
	{"at_least a later revocation", ruleAtLeast, true, func(y *story) {
		seen(y.withdraw(10, 19, revoked), 11)
		y.withdraw(12, 13, Right{Unrevoked, "k2"})
		r := y.valid(14, 15)
		r.After, r.Call, r.Return = 2, 11*s+s/2, 12*s // pretend, to be inside L
		y.writes[1].Call = 11*s + 1
	}},
	{"at_least an earlier revocation", "", false, func(y *story) {
		y.withdraw(5, 6, Right{Unrevoked, "k2"})
		seen(y.withdraw(7, 19, revoked), 8)
		y.read(Read{Subject: key, Needs: keyNeeds, Door: VerifyAtLeast, After: 1, Call: 8*s + s/2, Return: 9 * s, Valid: true})
	}},

	{"valid before the moment of an expiry", "", false, func(y *story) {
		due(y.withdraw(1, 2, unexpired), 5)
		y.valid(3, 4)
		y.invalid("EXPIRED", 4, 5) // the node's clock may be ahead
		y.invalid("EXPIRED", 6, 7)
	}},
	{"valid after the moment of an expiry", ruleP1, false, func(y *story) { due(y.withdraw(1, 2, unexpired), 5); y.valid(6, 7) }},
	{"valid after the answer, when the moment came before it", ruleP1, false, func(y *story) { due(y.withdraw(1, 8, unexpired), 5); y.valid(9, 10) }},
	{"valid before the answer, when the moment came before it", "", false, func(y *story) { due(y.withdraw(1, 8, unexpired), 5); y.valid(6, 7) }},
	{"strict before the moment", "", false, func(y *story) { due(seen(y.withdraw(1, 2, unexpired), 2), 5); strict(y.valid(3, 4)) }},
	{"an expiry taken back before its moment", "", false, func(y *story) {
		due(y.withdraw(1, 2, unexpired), 9)
		y.grant(3, 4, unexpired)
		y.valid(10, 11)
	}},

	{"valid after a list showed it revoked", ruleListed, false, func(y *story) {
		y.withdraw(1, 9, revoked)
		y.listed("revoked", 2, 3)
		y.valid(4, 5)
	}},
	{"valid after a list showed it revoking", "", false, func(y *story) {
		y.withdraw(1, 9, revoked)
		y.listed("revoking", 2, 3)
		y.valid(4, 5)
	}},
	{"valid when a list showed it revoked", "", false, func(y *story) {
		y.withdraw(1, 9, revoked)
		y.listed("revoked", 2, 6)
		y.valid(4, 5)
	}},
	{"listed as revoked without a revocation", rulePhantom, true, func(y *story) { y.listed("revoked", 2, 3); y.withdraw(4, 5, revoked) }},
	{"listed as active after its revocation", ruleForgot, true, func(y *story) { y.withdraw(1, 2, revoked); y.listed("active", 3, 4) }},
}

func TestBothChecks(t *testing.T) {
	t.Parallel()
	for _, tc := range stories {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			y := &story{}
			tc.tell(y)
			found := y.Direct(bounds)
			switch {
			case tc.rule == "" && len(found) > 0:
				t.Errorf("Direct finds %v", found)
			case tc.rule != "" && (len(found) != 1 || found[0].Rule != tc.rule):
				t.Errorf("Direct finds %v, want one: %s", found, tc.rule)
			}
			want := porcupine.Ok
			if tc.rule != "" && !tc.directOnly {
				want = porcupine.Illegal
			}
			got := porcupine.Ok
			for _, subject := range y.subjects() {
				if result, _ := y.Register(subject, bounds); result != porcupine.Ok {
					got = result
				}
			}
			if got != want {
				t.Errorf("Porcupine says %s, want %s", got, want)
			}
		})
	}
}

// A long history is cut so that what matters is still in it.
func TestLongHistoryIsCut(t *testing.T) {
	t.Parallel()
	y := &story{}
	for i := range int64(20_000) {
		y.read(Read{Subject: key, Needs: keyNeeds, Door: VerifyKey, Call: i * s, Return: i*s + s/2, Valid: true})
	}
	y.withdraw(20_001, 20_002, revoked)
	for i := int64(20_003); i < 40_000; i++ {
		y.invalid("REVOKED", i, i+1)
	}
	if n := len(y.operations(key, bounds, maxOperations)); n != maxOperations {
		t.Errorf("%d operations, want %d", n, maxOperations)
	}
	if result, _ := y.Register(key, bounds); result != porcupine.Ok {
		t.Errorf("Porcupine says %s of a good history", result)
	}
	y.valid(20_003, 20_004)
	if result, _ := y.Register(key, bounds); result != porcupine.Illegal {
		t.Errorf("Porcupine says %s of a bad history", result)
	}
}

func TestPictureShowsTheHistory(t *testing.T) {
	t.Parallel()
	y := &story{}
	y.withdraw(1, 2, revoked)
	y.valid(3, 4)
	_, info := y.Register(key, bounds)
	var page bytes.Buffer
	if err := porcupine.Visualize(model, info, &page); err != nil || !strings.Contains(page.String(), "begin withdraw") {
		t.Errorf("no picture: %v", err)
	}
}

func TestHistoryIsWrittenInOrder(t *testing.T) {
	t.Parallel()
	y := &story{}
	y.valid(3, 4)
	y.listed("revoked", 4, 5)
	y.withdraw(1, 2, revoked)
	var out strings.Builder
	if err := y.encode(&out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	for i, kind := range []string{"withdraw", "verify", "list"} {
		if len(lines) != 3 || !strings.HasPrefix(lines[i], `{"kind":"`+kind+`","event":{`) {
			t.Fatalf("got %q", lines)
		}
	}
}
