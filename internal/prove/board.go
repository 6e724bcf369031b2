package prove

import (
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
)

// subject is a credential that is asked about: an access key or a session.
type subject struct {
	id     string // of a secret, by a name of our own: a key that is regenerated is another subject
	key    string // id of the key; empty: a session
	secret string // the key, or the whole cookie
	isKey  bool
	needs  Mask
	of     *member

	replaced atomic.Bool // by another secret of the key, or about to be: what is listed is not about this one
}

func keySubject(m *member, name, key, secret string) *subject {
	return &subject{id: name, key: key, secret: secret, isKey: true, needs: maskOf(Newest, Unrevoked, Enabled, Unexpired, OwnerActive, MayUse), of: m}
}

func sessionSubject(m *member, id, cookie string) *subject {
	return &subject{id: id, secret: cookie, needs: maskOf(SignedIn, OwnerActive), of: m}
}

// board is where the readers find what to ask about.
type board struct {
	mu   sync.Mutex
	all  []*subject
	byID map[string]*subject // keys, with the newest secret
}

func (b *board) add(s *subject) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.byID == nil {
		b.byID = map[string]*subject{}
	}
	b.all = append(b.all, s)
	if s.isKey {
		b.byID[s.key] = s
	}
}

// remove takes everything of a member away. Who picked before is waited for with the member's reading.
func (b *board) remove(m *member) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all = slices.DeleteFunc(b.all, func(s *subject) bool { return s.of == m })
	maps.DeleteFunc(b.byID, func(_ string, s *subject) bool { return s.of == m })
}

// forget takes one credential away that nobody needs to ask about any more; lists are still looked at.
func (b *board) forget(gone *subject) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all = slices.DeleteFunc(b.all, func(s *subject) bool { return s == gone })
}

// pick draws a credential; done must be called after it was asked about. Nil: there is none.
func (b *board) pick(d *rand.Rand) (*subject, func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.all) == 0 {
		return nil, nil
	}
	s := b.all[d.IntN(len(b.all))]
	s.of.reading.Add(1)
	return s, s.of.reading.Done
}

// find gives the newest credential of a key, as pick does.
func (b *board) find(id string) (*subject, func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.byID[id]
	if s == nil {
		return nil, nil
	}
	s.of.reading.Add(1)
	return s, s.of.reading.Done
}
