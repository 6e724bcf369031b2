package usage

import (
	"time"

	"github.com/latchkey-dev/latchkey/internal/permission"
)

// Unlimited is the limit where there is none.
const Unlimited int64 = -1

// Limits is how much may be used in a window, each Unlimited where nothing bounds it.
type Limits struct {
	Query    int64
	Mutation int64
	Credits  int64 // of a key; what bounds an account is its balance
}

// NoLimits bounds nothing.
var NoLimits = Limits{Query: Unlimited, Mutation: Unlimited, Credits: Unlimited}

func (l Limits) of(c permission.Class) int64 {
	if c == permission.Mutation {
		return l.Mutation
	}
	return l.Query
}

// Plan is what bounds the use of a key: the limits of its owner's account, which all its keys share, and its own. Both count in
// the window of the account.
type Plan struct {
	KeyID     string // xid
	AccountID string // xid
	Account   Limits
	Key       Limits
	Window    Window
}

// bounded tells whether anything bounds a request.
func (p Plan) bounded(a Ask) bool {
	return a.Credits > 0 || p.Account.of(a.Class) >= 0 || p.Key.of(a.Class) >= 0
}

// Ask is one request of a key.
type Ask struct {
	Class   permission.Class
	Credits int64     // that it costs; 0: nothing
	Dry     bool      // spend and count nothing, only say how it would be
	At      time.Time // decides which window and which hour it belongs to
}

// Outcome says whether a request may be made.
type Outcome uint8

// The outcomes.
const (
	Granted     Outcome = iota
	OverQuota           // of the account or of the key: the Quota says which
	OverCredits         // the balance or the cap of the key is too low
)

// Receipt is the answer to a request.
type Receipt struct {
	Outcome Outcome
	Quota   *Quota  // the limit that refused, or the one nearest to its end; nil: none applies
	Credits *Charge // nil: it costs nothing, or was refused before it came to that
}

// Quota is how a limit stands after a request.
type Quota struct {
	Class     permission.Class
	Scope     string // ScopeAccount or ScopeKey
	Limit     int64
	Used      int64 // as far as this instance knows; what other instances hold counts as used
	Remaining int64
	ResetsAt  *time.Time    // nil: never
	Window    time.Duration // how long the window is; 0: for life
}

// Whose limit it is.
const (
	ScopeAccount = "account"
	ScopeKey     = "key"
)

// Charge is what a request costs.
type Charge struct {
	Required int64
	Balance  int64 // of the account once it was paid; if it was not, what there was for this key
}

// Window is the span in which what was used is held against limits.
type Window uint8

// The windows. Months and days begin at midnight UTC; a life never ends.
const (
	Month Window = iota
	Day
	Life
)

var windowNames = [...]string{"month", "day", "life"}

// String is the window as the contract has it.
func (w Window) String() string { return windowNames[w] }

// ParseWindow reads what String wrote.
func ParseWindow(s string) (Window, bool) {
	for i, n := range windowNames {
		if n == s {
			return Window(i), true
		}
	}
	return 0, false
}

// Start is the first moment of the window that t is in; of a life it is the beginning of the year 1.
func (w Window) Start(t time.Time) time.Time {
	y, m, d := t.UTC().Date()
	switch w {
	case Month:
		return time.Date(y, m, 1, 0, 0, 0, 0, time.UTC)
	case Day:
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	}
	return time.Time{}
}

// End is the first moment after the window that t is in; nil: there is none.
func (w Window) End(t time.Time) *time.Time {
	var end time.Time
	switch start := w.Start(t); w {
	case Month:
		end = start.AddDate(0, 1, 0)
	case Day:
		end = start.AddDate(0, 0, 1)
	default:
		return nil
	}
	return &end
}
