package audit

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/latchkey-dev/latchkey/internal/auth"
	"github.com/latchkey-dev/latchkey/internal/page"
	"github.com/latchkey-dev/latchkey/internal/permission"
	"github.com/latchkey-dev/latchkey/internal/testdb"
)

func TestMain(m *testing.M) { testdb.Main(m) }

var (
	noon  = time.Date(2026, 11, 22, 12, 0, 0, 123456000, time.UTC)
	grace = auth.Caller{AccountID: "grace000000000000000", Handle: "grace", Permissions: permission.NewSet("MANAGE_ROLES"),
		Credential: auth.AccessKey, CredentialID: "key00000000000000000", Address: "2001:db8::1", UserAgent: "test"}
	role = Target{Kind: "role", ID: "role0000000000000000"}
)

func record(t *testing.T, pool *pgxpool.Pool, caller auth.Caller, now time.Time, e Event) error {
	t.Helper()
	return pgx.BeginFunc(context.Background(), pool, func(tx pgx.Tx) error { return Record(context.Background(), tx, caller, now, e) })
}

func TestWhatIsRecordedIsReadBack(t *testing.T) {
	t.Parallel()
	pool := testdb.Pool(t)
	log := NewLog(pool)
	values := map[string]any{"name": "\u202e\"quoted\" \U0001F511", "permissions": []any{"A", "B"}, "empty": "", "nested": map[string]any{"n": 1.5, "none": nil}}
	for _, tc := range []struct {
		say      string
		caller   auth.Caller
		event    Event
		old, new map[string]any
	}{
		{say: "everything", caller: grace, event: Event{Type: RoleUpdated, AccountID: grace.AccountID, Target: role, Old: values, New: map[string]any{"a": "b"}}, old: values, new: map[string]any{"a": "b"}},
		{say: "nothing but what must be", caller: auth.Anonymous("192.0.2.1", ""), event: Event{Type: SessionEnded, Target: role}},
		{say: "empty values, which are none", caller: grace, event: Event{Type: RoleUpdated, Target: role, Old: map[string]any{}, New: map[string]any{}}},
	} {
		if err := record(t, pool, tc.caller, noon, tc.event); err != nil {
			t.Fatalf("%s: %v", tc.say, err)
		}
		list, _, err := log.ListAny(t.Context(), auth.Caller{}, Filter{}, page.Start, 1)
		if err != nil || len(list) != 1 {
			t.Fatalf("%s: %v, %v", tc.say, list, err)
		}
		want := tc.event
		want.ID, want.At, want.Old, want.New, want.Actor = list[0].ID, noon, tc.old, tc.new, tc.caller
		want.Actor.Permissions, want.Actor.UserAgent = permission.Set{}, "" // not recorded
		if diff := cmp.Diff(list[0], want, cmp.AllowUnexported(permission.Set{}), cmp.Comparer(time.Time.Equal)); diff != "" {
			t.Errorf("%s (-read +want):\n%s", tc.say, diff)
		}
	}
}

func TestNoRecordWithoutItsTransaction(t *testing.T) {
	t.Parallel()
	pool := testdb.Pool(t)
	abandoned := errors.New("abandoned")
	err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		return errors.Join(Record(t.Context(), tx, grace, noon, Event{Type: RoleCreated, Target: role}), abandoned)
	})
	if !errors.Is(err, abandoned) {
		t.Fatal(err)
	}
	if list, _, err := NewLog(pool).ListAny(t.Context(), auth.Caller{}, Filter{}, page.Start, 1); len(list) != 0 || err != nil {
		t.Errorf("what was rolled back is recorded: %v, %v", list, err)
	}
}

func TestWhatCannotBeWrittenIsAnError(t *testing.T) {
	t.Parallel()
	pool := testdb.Pool(t)
	for say, e := range map[string]Event{
		"old values that are not JSON": {Type: RoleCreated, Target: role, Old: map[string]any{"f": func() {}}},
		"new values that are not JSON": {Type: RoleCreated, Target: role, New: map[string]any{"c": make(chan int)}},
		"a NUL, which jsonb refuses":   {Type: RoleCreated, Target: role, New: map[string]any{"name": "a\x00b"}},
	} {
		if err := record(t, pool, grace, noon, e); err == nil {
			t.Errorf("%s: recorded", say)
		}
	}
	if _, err := pool.Exec(t.Context(), "DROP TABLE audit_event"); err != nil {
		t.Fatal(err)
	}
	if err := record(t, pool, grace, noon, Event{Type: RoleCreated, Target: role}); err == nil || !strings.HasPrefix(err.Error(), "record role_created: ") {
		t.Errorf("without a table: %v", err)
	}
	if _, _, err := NewLog(pool).ListOwn(t.Context(), grace, "", page.Start, 1); err == nil {
		t.Error("without a table the list is empty")
	}
}

// A caller's own list is the union of what they did and of what was done to them, each event once, however it is cut.
func TestListOwn(t *testing.T) {
	t.Parallel()
	pool := testdb.Pool(t)
	ada := grace.As("ada00000000000000000", "ada")
	for i, e := range []struct {
		say   string
		by    auth.Caller
		about string
		at    time.Duration
	}{
		{say: "did it to herself", by: grace, about: grace.AccountID},
		{say: "did it to a role", by: grace, at: time.Second},
		{say: "ada did it to her", by: ada, about: grace.AccountID, at: time.Second},
		{say: "ada did it to herself", by: ada, about: ada.AccountID, at: time.Second},
		{say: "did it to ada", by: grace, about: ada.AccountID, at: time.Second},
		{say: "nobody did it to nobody", by: auth.Anonymous("192.0.2.1", ""), at: 2 * time.Second},
		{say: "somebody did it to her", by: auth.Anonymous("192.0.2.1", ""), about: grace.AccountID, at: 3 * time.Second},
		{say: "did it last", by: grace, about: grace.AccountID, at: 3 * time.Second},
	} {
		if err := record(t, pool, e.by, noon.Add(e.at), Event{Type: RoleUpdated, AccountID: e.about, Target: role, New: map[string]any{"say": e.say}}); err != nil {
			t.Fatal(i, err)
		}
	}
	log := NewLog(pool)
	hers := []string{"did it last", "somebody did it to her", "did it to ada", "ada did it to her", "did it to a role", "did it to herself"}
	for _, limit := range []int{1, 2, 3, 4, 6, 7} {
		var got []string
		for after, turned := page.Start, 0; turned < 10; turned++ {
			list, next, err := log.ListOwn(t.Context(), grace, "", after, limit)
			if err != nil || len(list) > limit {
				t.Fatalf("limit %d: %d events, %v", limit, len(list), err)
			}
			for _, e := range list {
				got = append(got, e.New["say"].(string))
			}
			if next == "" {
				break
			}
			if after, err = page.Parse(next); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(got, hers) {
			t.Errorf("limit %d: %q, want %q", limit, got, hers)
		}
	}
	if list, _, err := log.ListOwn(t.Context(), auth.Caller{}, "", page.Start, 10); len(list) != 0 || err != nil {
		t.Errorf("nobody's list: %v, %v", list, err)
	}
}

func TestListAnyFilters(t *testing.T) {
	t.Parallel()
	pool := testdb.Pool(t)
	log := NewLog(pool)
	for _, what := range []Type{SetupCompleted, AccountCreated, AccessKeyRevoked} {
		if err := record(t, pool, grace, noon, Event{Type: what, AccountID: grace.AccountID, Target: role, IncidentID: map[Type]string{AccessKeyRevoked: "i"}[what]}); err != nil {
			t.Fatal(err)
		}
	}
	for f, want := range map[Filter]int{
		{}: 3, {Type: AccountCreated}: 1, {AccountID: grace.AccountID}: 3, {AccountID: "ada00000000000000000"}: 0,
		{AccountID: grace.AccountID, Type: SetupCompleted}: 1, {Type: RoleCreated}: 0,
		{IncidentID: "i"}: 1, {IncidentID: "j"}: 0, {IncidentID: "i", Type: AccountCreated}: 0,
	} {
		if list, _, err := log.ListAny(t.Context(), auth.Caller{}, f, page.Start, 10); len(list) != want || err != nil {
			t.Errorf("%+v: %d events, %v; want %d", f, len(list), err, want)
		}
	}
}
