package prove

import (
	"encoding/json"
	"io"
	"slices"
	"sync"
	"time"
)

// Facet is one of the things that must all hold for a credential to be good.
type Facet uint8

// The facets of an access key, and those of a session.
const (
	Unrevoked   Facet = iota // of a key
	Enabled                  // of a key
	Unexpired                // of a key
	OwnerActive              // of an account
	MayUse                   // of an account: it may have keys
	MayView                  // of an account: a permission that some verifications ask for
	SignedIn                 // of a session
	Newest                   // of the secret of a key
	facets
)

func (f Facet) String() string {
	return [...]string{"unrevoked", "enabled", "unexpired", "owner active", "may use", "may view", "signed in", "newest", "never written"}[f]
}

// Mask is a set of facets.
type Mask uint8

func maskOf(fs ...Facet) Mask {
	var m Mask
	for _, f := range fs {
		m |= 1 << f
	}
	return m
}

func (m Mask) has(f Facet) bool { return m&(1<<f) != 0 }

func (m Mask) list() []Facet {
	var fs []Facet
	for f := range facets {
		if m.has(f) {
			fs = append(fs, f)
		}
	}
	return fs
}

const ofAccount = Mask(1<<OwnerActive | 1<<MayUse | 1<<MayView)

// Right is a facet of one key, one session or, with Of empty, of the account that a history is about.
type Right struct {
	Facet Facet  `json:"facet"`
	Of    string `json:"of,omitempty"`
}

func rightOf(f Facet, subject string) Right {
	if ofAccount.has(f) {
		return Right{Facet: f}
	}
	return Right{Facet: f, Of: subject}
}

// Outcome is what the sender of a write knows.
type Outcome string

// Outcomes.
const (
	Done    Outcome = "done"    // it answered success
	Refused Outcome = "refused" // it answered that nothing was changed
	Unknown Outcome = "unknown" // it failed, was cut off or answered 503
)

// Write withdraws or grants rights. Times are readings of the one clock.
type Write struct {
	ID      int     `json:"id"` // in its history, from 1
	What    string  `json:"what"`
	Grant   bool    `json:"grant,omitempty"`
	Rights  []Right `json:"rights"`
	Node    int     `json:"node"`
	Call    int64   `json:"call"`
	Return  int64   `json:"return"`
	Outcome Outcome `json:"outcome"`
	Answer  string  `json:"answer"`           // status and code, or the error
	Seen    int64   `json:"seen,omitempty"`   // the database was known to say so; 0: never
	Moment  int64   `json:"moment,omitempty"` // when an earlier expiry comes
	// Zombie: nobody knows whether it happened, or whether it still will.
	Zombie bool `json:"zombie,omitempty"`
}

// settled is when a write is known to have happened; not of a Zombie.
func (w *Write) settled() int64 {
	if w.Outcome == Done {
		return w.Return
	}
	return w.Seen
}

// Read is a verdict on a credential. Those that gave none are counted and not kept.
type Read struct {
	Subject string `json:"subject"`
	Door    Door   `json:"door"`
	Node    int    `json:"node"`
	Call    int64  `json:"call"`
	Return  int64  `json:"return"`
	Needs   Mask   `json:"needs"`
	After   int    `json:"after,omitempty"` // ID of the write whose revision was named
	Valid   bool   `json:"valid"`
	Code    string `json:"code,omitempty"`
}

func (r *Read) strict() bool { return r.Door == VerifyStrict }

// blame tells which facets an invalid verdict may be about; none for a verdict that can never be right here.
func (r *Read) blame() Mask {
	switch r.Code {
	case "REVOKED":
		return r.Needs & maskOf(Unrevoked)
	case "DISABLED":
		return r.Needs & maskOf(Enabled)
	case "EXPIRED":
		return r.Needs & maskOf(Unexpired)
	case "ACCOUNT_SUSPENDED":
		return r.Needs & maskOf(OwnerActive)
	case "KEY_USE_NOT_PERMITTED":
		return r.Needs & maskOf(MayUse)
	case "INSUFFICIENT_PERMISSIONS":
		return r.Needs & maskOf(MayView)
	case "NOT_FOUND":
		return r.Needs & maskOf(Newest)
	case "MALFORMED":
		return 0
	}
	return r.Needs
}

// Listing is what a node showed as the status of a key.
type Listing struct {
	Subject string `json:"subject"`
	Node    int    `json:"node"`
	Call    int64  `json:"call"`
	Return  int64  `json:"return"`
	Status  string `json:"status"`
}

// Bounds are the times that the promises speak of.
type Bounds struct {
	// Stale is the longest lease of the run: a verdict reflects a state no older than this when it was decided.
	Stale time.Duration
}

// History is everything that happened to one account, its keys and its sessions. Each right is written by one goroutine at a
// time, and all are granted at the beginning.
type History struct {
	Account string

	mu       sync.Mutex
	writes   []Write
	reads    []Read
	listings []Listing
}

// Write adds a write and gives its ID.
func (h *History) Write(w Write) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	w.ID = len(h.writes) + 1
	h.writes = append(h.writes, w)
	return w.ID
}

// Read adds a verdict.
func (h *History) Read(r Read) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.reads = append(h.reads, r)
}

// List adds a status.
func (h *History) List(l Listing) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.listings = append(h.listings, l)
}

// take empties the history into a new one, for an account that is never written to.
func (h *History) take() *History {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := &History{Account: h.Account, reads: h.reads, listings: h.listings}
	h.reads, h.listings = nil, nil
	return t
}

// subjects lists the keys and sessions that were read.
func (h *History) subjects() []string {
	seen := map[string]bool{}
	var all []string
	for i := range h.reads {
		if s := h.reads[i].Subject; !seen[s] {
			seen[s] = true
			all = append(all, s)
		}
	}
	slices.Sort(all)
	return all
}

// encode writes the history as JSON lines, in the order of the calls.
func (h *History) encode(out io.Writer) error {
	type line struct {
		at    int64
		Kind  string `json:"kind"`
		Event any    `json:"event"`
	}
	var lines []line
	for i := range h.writes {
		kind := "withdraw"
		if h.writes[i].Grant {
			kind = "grant"
		}
		lines = append(lines, line{h.writes[i].Call, kind, h.writes[i]})
	}
	for i := range h.reads {
		lines = append(lines, line{h.reads[i].Call, "verify", h.reads[i]})
	}
	for i := range h.listings {
		lines = append(lines, line{h.listings[i].Call, "list", h.listings[i]})
	}
	slices.SortStableFunc(lines, func(a, b line) int { return int(min(max(a.at-b.at, -1), 1)) })
	e := json.NewEncoder(out)
	for _, l := range lines {
		if err := e.Encode(l); err != nil {
			return err
		}
	}
	return nil
}
