package accesskey

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-dev/latchkey/internal/auth"
	"github.com/latchkey-dev/latchkey/internal/changefeed"
	"github.com/latchkey-dev/latchkey/internal/page"
	"github.com/latchkey-dev/latchkey/internal/postgres"
	"github.com/latchkey-dev/latchkey/internal/problem"
	"github.com/latchkey-dev/latchkey/internal/token"
)

func TestCreateStoresADigestAndNoSecret(t *testing.T) {
	t.Parallel()
	s, pool := newStore(t)
	expiry := noon.Add(time.Hour).In(time.FixedZone("", 3600))
	key, secret, err := s.Create(t.Context(), grace, CreateInput{Name: " bot ", ExpiresAt: &expiry})
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := token.Parse(secret.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	want := AccessKey{ID: key.ID, AccountID: grace.AccountID, Name: "bot", Hint: parsed.Prefix(), CreatedAt: noon, UpdatedAt: noon, ExpiresAt: at(time.Hour), Version: 1}
	if diff := cmp.Diff(key, want, whole); diff != "" {
		t.Errorf("created (-is +want):\n%s", diff)
	}
	if read, err := s.Get(t.Context(), grace, key.ID); err != nil || !cmp.Equal(read, key, whole) {
		t.Errorf("read back: %v, %v", read, err)
	}
	digest, version := s.cfg.Digester.Digest(parsed)
	if stored := scalar[[]byte](t, pool, "SELECT digest FROM access_key"); !bytes.Equal(stored, digest[:]) || version != 0 {
		t.Error("what is stored is not the digest")
	}
	row := scalar[string](t, pool, "SELECT k::text || (SELECT string_agg(e::text, '') FROM audit_event e) FROM access_key k")
	if private := secret.Reveal()[len(parsed.Prefix())+1:]; strings.Contains(row, private) {
		t.Error("the database holds the secret")
	}
}

func TestNoKeyWithoutRandomness(t *testing.T) {
	t.Parallel()
	for say, r := range map[string]io.Reader{"an error": iotest.ErrReader(io.ErrUnexpectedEOF), "too few bytes": strings.NewReader("x"), "always the same": constant{}} {
		s, pool := newStore(t, randFrom(r))
		if _, secret, err := s.Create(t.Context(), grace, CreateInput{Name: "bot"}); err == nil || secret.Reveal() != "" {
			t.Errorf("%s: %v", say, err)
		}
		if n := scalar[int](t, pool, "SELECT count(*) FROM access_key"); n != 0 {
			t.Errorf("%s: a key is stored", say)
		}
	}
}

// constant reads as 0xff for ever: no base62 digit comes of it.
type constant struct{}

func (constant) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 0xff
	}
	return len(b), nil
}

// Ids are never used twice: a second key with the same public id is refused, and is a fault of ours rather than the caller's.
func TestATokenIDIsNeverUsedTwice(t *testing.T) {
	t.Parallel()
	s, pool := newStore(t)
	chance := make([]byte, 80)
	for i := range chance {
		chance[i] = byte(i)
	}
	for i := range 2 {
		s.cfg.Rand = bytes.NewReader(chance)
		_, _, err := s.Create(t.Context(), grace, CreateInput{Name: "bot"})
		if (err == nil) != (i == 0) {
			t.Errorf("key %d: %v", i, err)
		}
		if i == 1 && postgres.Problem(err) != nil {
			t.Errorf("the caller is told %v", postgres.Problem(err))
		}
	}
	if n := scalar[int](t, pool, "SELECT count(*) FROM access_key"); n != 1 {
		t.Errorf("%d keys, want one", n)
	}
}

// Whose key it is stands in every statement: whoever is not the owner finds nothing, nobody least of all.
func TestAStoreReachesTheCallersKeysOnly(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	key, _, err := s.Create(t.Context(), grace, CreateInput{Name: "bot"})
	if err != nil {
		t.Fatal(err)
	}
	name := "x"
	for say, caller := range map[string]auth.Caller{"somebody else": ada, "nobody": {}} {
		_, err1 := s.Get(t.Context(), caller, key.ID)
		_, err2 := s.Update(t.Context(), caller, key.ID, UpdateInput{Name: &name})
		_, err3 := s.Revoke(t.Context(), caller, key.ID)
		for _, err := range []error{err1, err2, err3} {
			if !errors.Is(err, problem.New(problem.NotFound)) {
				t.Errorf("%s: %v", say, err)
			}
		}
		if list, next, err := s.List(t.Context(), caller, Filter{}, page.Start, 10); len(list) != 0 || next != "" || err != nil {
			t.Errorf("%s: %v, %v", say, list, err)
		}
	}
	if _, _, err := s.Create(t.Context(), auth.Caller{}, CreateInput{Name: "bot"}); err == nil {
		t.Error("nobody has made a key")
	}
	if read, err := s.Get(t.Context(), grace, key.ID); err != nil || !cmp.Equal(read, key, whole) {
		t.Errorf("the key is now %v, %v", read, err)
	}
}

func TestRevokingTwiceKeepsTheMoment(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	key, _, err := s.Create(t.Context(), grace, CreateInput{Name: "bot"})
	if err != nil {
		t.Fatal(err)
	}
	now := noon
	s.cfg.Now = func() time.Time { return now }
	for _, revoke := range []func(context.Context, auth.Caller, string) (changefeed.Revision, error){s.Revoke, s.Revoke, s.RevokeAny} {
		now = now.Add(time.Hour)
		caller := grace
		if _, err := revoke(t.Context(), caller, key.ID); err != nil {
			t.Fatal(err)
		}
		read, err := s.Get(t.Context(), grace, key.ID)
		if err != nil || !same(read.RevokedAt, at(time.Hour)) || !read.UpdatedAt.Equal(noon.Add(time.Hour)) || read.Version != 2 {
			t.Errorf("revoked: %+v, %v", read, err)
		}
	}
	if _, err := s.RevokeAny(t.Context(), ada, "nothing0000000000000"); !errors.Is(err, problem.New(problem.NotFound)) {
		t.Errorf("revoking what is not there: %v", err)
	}
}

// A revocation that is known to hold everywhere is revoked; until then it is being revoked, and Settle ends that.
func TestSettle(t *testing.T) {
	t.Parallel()
	s, pool := newStore(t)
	exec(t, pool, "UPDATE cluster SET lease_ms = 200")
	exec(t, pool, "UPDATE cluster SET wait_ms = 200")
	var ids []string
	for range 3 {
		key, _, err := s.Create(t.Context(), grace, CreateInput{Name: "bot"})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, key.ID)
	}
	status := func() string {
		var all []string
		for _, id := range ids {
			key, err := s.Get(t.Context(), grace, id)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, string(key.StatusAt(noon)))
		}
		return strings.Join(all, " ")
	}
	for _, id := range ids[:2] {
		if _, err := s.Revoke(t.Context(), grace, id); err != nil {
			t.Fatal(err)
		}
	}
	if got := status(); got != "revoked revoked active" {
		t.Errorf("revoked: %s", got)
	}
	exec(t, pool, "UPDATE access_key SET revocation_effective_at = NULL")
	if got := status(); got != "revoking revoking active" {
		t.Errorf("left behind: %s", got)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if n, err := s.Settle(gone); n != 0 || err == nil || status() != "revoking revoking active" {
		t.Errorf("settled without having waited: %d, %v, %s", n, err, status())
	}
	exec(t, pool, "INSERT INTO cache_node (id, applied_v, seq) VALUES ('straggler', 0, 1)") // and says nothing
	began := time.Now()
	if n, err := s.Settle(t.Context()); n != 2 || err != nil || status() != "revoked revoked active" {
		t.Errorf("settled: %d, %v, %s", n, err, status())
	}
	if took := time.Since(began); took < 200*time.Millisecond {
		t.Errorf("settled after %s", took)
	}
	if n, err := s.Settle(t.Context()); n != 0 || err != nil {
		t.Errorf("settled again: %d, %v", n, err)
	}
	pool.Close()
	if n, err := s.Settle(t.Context()); n != 0 || err == nil {
		t.Errorf("settled without a database: %d, %v", n, err)
	}
}

func TestEveryRevocationHasALaterRevision(t *testing.T) {
	t.Parallel()
	s, _ := newStore(t)
	var last changefeed.Revision
	for range 3 {
		key, _, err := s.Create(t.Context(), grace, CreateInput{Name: "bot"})
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			r, err := s.Revoke(t.Context(), grace, key.ID)
			if err != nil || r.V <= last.V || r.Nonce == last.Nonce {
				t.Errorf("%+v after %+v, %v", r, last, err)
			}
			last = r
		}
	}
	if r, err := s.Revoke(t.Context(), ada, "nothing0000000000000"); err == nil || r != (changefeed.Revision{}) {
		t.Errorf("revoking what is not there: %+v, %v", r, err)
	}
}

// The keys by which instances test themselves are nobody's business.
func TestTheCanarysKeysAreInNoList(t *testing.T) {
	t.Parallel()
	s, pool := newStore(t)
	canary := auth.Caller{AccountID: "00000000000000000020", Handle: "canary", Credential: auth.Session}
	if _, _, err := s.Create(t.Context(), canary, CreateInput{Name: "canary"}); err != nil {
		t.Fatal(err)
	}
	key, _, err := s.Create(t.Context(), grace, CreateInput{Name: "bot"})
	if err != nil || scalar[int](t, pool, "SELECT count(*) FROM access_key") != 2 {
		t.Fatal(err)
	}
	for _, status := range []Status{"", Active} {
		if list, _, err := s.ListAny(t.Context(), ada, Filter{Status: status}, page.Start, 10); err != nil || len(list) != 1 || list[0].ID != key.ID {
			t.Errorf("%q: %v, %v", status, list, err)
		}
	}
}
