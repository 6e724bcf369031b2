package accesskey

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-dev/latchkey/internal/audit"
	"github.com/latchkey-dev/latchkey/internal/page"
	"github.com/latchkey-dev/latchkey/internal/problem"
)

var statuses = []struct {
	say                          string
	revoked, disabled, expiresAt *time.Time
	effective                    *time.Time // since when the revocation is known to hold on every node
	want                         Status
	live                         bool // counts against the owner's limit
}{
	{say: "plain", want: Active, live: true},
	{say: "expires later", expiresAt: at(time.Microsecond), want: Active, live: true},
	{say: "expires now", expiresAt: at(0), want: Expired},
	{say: "expired", expiresAt: at(-time.Hour), want: Expired},
	{say: "disabled", disabled: at(-time.Hour), want: Disabled, live: true},
	{say: "disabled and expired", disabled: at(-time.Hour), expiresAt: at(-time.Minute), want: Disabled},
	{say: "revoked", revoked: at(-time.Hour), effective: at(-time.Hour), want: Revoked},
	{say: "revoked and expired", revoked: at(-time.Hour), effective: at(0), expiresAt: at(-time.Minute), want: Revoked},
	{say: "revoked, disabled and expired", revoked: at(-time.Hour), effective: at(0), disabled: at(-time.Hour), expiresAt: at(-time.Minute), want: Revoked},
	{say: "being revoked", revoked: at(0), want: Revoking},
	{say: "being revoked for long", revoked: at(-time.Hour), want: Revoking},
	{say: "being revoked, disabled and expired", revoked: at(-time.Hour), disabled: at(-time.Hour), expiresAt: at(-time.Minute), want: Revoking},
}

func TestStatusAt(t *testing.T) {
	t.Parallel()
	for _, tc := range statuses {
		k := AccessKey{RevokedAt: tc.revoked, DisabledAt: tc.disabled, ExpiresAt: tc.expiresAt, effective: tc.effective != nil}
		if got := k.StatusAt(noon); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.say, got, tc.want)
		}
		if got := k.isLive(noon); got != tc.live {
			t.Errorf("%s: live: %t, want %t", tc.say, got, tc.live)
		}
	}
}

// The rule is written twice, in Go and in SQL: they must say the same of every key.
func TestTheDatabaseDerivesTheSameStatus(t *testing.T) {
	t.Parallel()
	s, pool := newStore(t, func(c *Config) { c.Now = func() time.Time { return noon } })
	live := 0
	for i, tc := range statuses {
		key, _, err := s.Create(t.Context(), grace, CreateInput{Name: tc.say})
		if err != nil {
			t.Fatal(err)
		}
		exec(t, pool, "UPDATE access_key SET revoked_at = $2, disabled_at = $3, expires_at = $4, revocation_effective_at = $5 WHERE id = $1",
			key.ID, tc.revoked, tc.disabled, tc.expiresAt, tc.effective)
		if tc.live {
			live++
		}
		for _, status := range []Status{Active, Disabled, Expired, Revoking, Revoked} {
			own, _, err1 := s.List(t.Context(), grace, Filter{Status: status}, page.Start, 1)
			all, _, err2 := s.ListAny(t.Context(), ada, Filter{Status: status}, page.Start, 1)
			if err1 != nil || err2 != nil {
				t.Fatal(err1, err2)
			}
			for _, list := range [][]AccessKey{own, all} {
				if listed := len(list) == 1 && list[0].ID == key.ID; listed != (status == tc.want) {
					t.Errorf("%d %s: listed as %s: %t", i, tc.say, status, listed)
				}
			}
		}
	}
	for most, want := range map[int]problem.Code{live: problem.AccessKeyLimit, live + 1: ""} {
		s.cfg.Most = most
		_, _, err := s.Create(t.Context(), grace, CreateInput{Name: "one more"})
		if want == "" && err != nil || want != "" && !errors.Is(err, problem.New(want)) {
			t.Errorf("with %d live keys of %d: %v", live, most, err)
		}
		exec(t, pool, "DELETE FROM access_key WHERE name = 'one more'")
	}
}

func TestCheckExpiry(t *testing.T) {
	t.Parallel()
	east, west := time.FixedZone("", 14*60*60), time.FixedZone("", -12*60*60)
	for _, tc := range []struct {
		say     string
		at      *time.Time
		want    *time.Time
		refused bool
	}{
		{say: "never"},
		{say: "now", at: at(0), refused: true},
		{say: "before", at: at(-1), refused: true},
		{say: "after, by less than is stored", at: at(999), refused: true},
		{say: "after", at: at(time.Microsecond), want: at(time.Microsecond)},
		{say: "with more digits than are stored", at: at(time.Second + 999), want: at(time.Second)},
		{say: "elsewhere", at: moved(at(time.Hour), east), want: at(time.Hour)},
		{say: "the last moment", at: dated(9999, 12, 31, 23, time.UTC), want: dated(9999, 12, 31, 23, time.UTC)},
		{say: "a later year only elsewhere", at: dated(10000, 1, 1, 13, east), want: dated(9999, 12, 31, 23, time.UTC)},
		{say: "a later year in UTC", at: dated(9999, 12, 31, 23, west), refused: true},
		{say: "the year 0", at: dated(0, 1, 1, 0, time.UTC), refused: true},
	} {
		got, err := checkExpiry(tc.at, noon)
		if refused := errors.Is(err, problem.New(problem.ExpiryInvalid)); refused != tc.refused || !same(got, tc.want) {
			t.Errorf("%s: %v, %v; want %v", tc.say, got, err, tc.want)
		}
		if got != nil && got.Location() != time.UTC {
			t.Errorf("%s: in %s", tc.say, got.Location())
		}
	}
}

func moved(t *time.Time, zone *time.Location) *time.Time {
	m := t.In(zone)
	return &m
}

func dated(year int, month time.Month, day, hour int, zone *time.Location) *time.Time {
	t := time.Date(year, month, day, hour, 0, 0, 0, zone)
	return &t
}

func same(a, b *time.Time) bool { return a == b || a != nil && b != nil && a.Equal(*b) }

func TestApplyTo(t *testing.T) {
	t.Parallel()
	name, bad, on, off := "new", strings.Repeat("x", 101), true, false
	var never *time.Time
	later, past := at(time.Hour), at(-time.Hour)
	key := AccessKey{ID: "x", Name: "old", ExpiresAt: at(time.Minute), Version: 3}
	disabled := key
	disabled.DisabledAt = past
	change := func(k AccessKey, f func(*AccessKey)) AccessKey { f(&k); return k }
	for _, tc := range []struct {
		say  string
		from AccessKey
		in   UpdateInput
		want AccessKey
		code problem.Code
	}{
		{say: "nothing", from: key, want: key},
		{say: "a name", from: key, in: UpdateInput{Name: &name}, want: change(key, func(k *AccessKey) { k.Name = "new" })},
		{say: "a bad name", from: key, in: UpdateInput{Name: &bad}, code: problem.NameInvalid},
		{say: "an expiry", from: key, in: UpdateInput{ExpiresAt: &later}, want: change(key, func(k *AccessKey) { k.ExpiresAt = later })},
		{say: "no expiry", from: key, in: UpdateInput{ExpiresAt: &never}, want: change(key, func(k *AccessKey) { k.ExpiresAt = nil })},
		{say: "an expiry in the past", from: key, in: UpdateInput{ExpiresAt: &past}, code: problem.ExpiryInvalid},
		{say: "off", from: key, in: UpdateInput{Enabled: &off}, want: change(key, func(k *AccessKey) { k.DisabledAt = at(0) })},
		{say: "off again keeps the moment", from: disabled, in: UpdateInput{Enabled: &off}, want: disabled},
		{say: "on", from: disabled, in: UpdateInput{Enabled: &on}, want: key},
		{say: "on again", from: key, in: UpdateInput{Enabled: &on}, want: key},
		{say: "a good name with a bad expiry", from: key, in: UpdateInput{Name: &name, ExpiresAt: &past}, code: problem.ExpiryInvalid},
	} {
		got, err := tc.in.applyTo(tc.from, noon)
		if tc.code != "" {
			if !errors.Is(err, problem.New(tc.code)) {
				t.Errorf("%s: %v, want %s", tc.say, err, tc.code)
			}
			continue
		}
		if diff := cmp.Diff(got, tc.want, whole); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", tc.say, err, diff)
		}
	}
}

// What takes something away is waited for, whether or not it still does: whoever repeats a call relies on it too.
func TestWhatWithdraws(t *testing.T) {
	t.Parallel()
	name, on, off := "new", true, false
	var never *time.Time
	soon, later, last := at(time.Minute), at(time.Hour), at(2*time.Hour)
	endless := AccessKey{Name: "old"}
	dated := AccessKey{Name: "old", ExpiresAt: later}
	disabled := AccessKey{Name: "old", ExpiresAt: later, DisabledAt: at(-time.Hour)}
	to := func(names ...string) UpdateInput {
		list := &names
		if names == nil {
			list = nil
		}
		return UpdateInput{Permissions: &list}
	}
	narrow := AccessKey{Name: "old", Permissions: []string{"b:read", "b:write"}}
	for _, tc := range []struct {
		say  string
		from AccessKey
		in   UpdateInput
		want bool
	}{
		{say: "nothing", from: dated},
		{say: "a name", from: dated, in: UpdateInput{Name: &name}},
		{say: "a name of a disabled key", from: disabled, in: UpdateInput{Name: &name}},
		{say: "on", from: disabled, in: UpdateInput{Enabled: &on}},
		{say: "on again", from: dated, in: UpdateInput{Enabled: &on}},
		{say: "no expiry", from: dated, in: UpdateInput{ExpiresAt: &never}},
		{say: "no expiry, as before", from: endless, in: UpdateInput{ExpiresAt: &never}},
		{say: "a later expiry", from: dated, in: UpdateInput{ExpiresAt: &last}},
		{say: "a later expiry and on", from: disabled, in: UpdateInput{ExpiresAt: &last, Enabled: &on}},
		{say: "off", from: dated, in: UpdateInput{Enabled: &off}, want: true},
		{say: "off again", from: disabled, in: UpdateInput{Enabled: &off}, want: true},
		{say: "off, and a later expiry", from: dated, in: UpdateInput{Enabled: &off, ExpiresAt: &last}, want: true},
		{say: "an expiry", from: endless, in: UpdateInput{ExpiresAt: &later}, want: true},
		{say: "an earlier expiry", from: dated, in: UpdateInput{ExpiresAt: &soon}, want: true},
		{say: "the same expiry again", from: dated, in: UpdateInput{ExpiresAt: &later}, want: true},
		{say: "an earlier expiry, of a disabled key", from: disabled, in: UpdateInput{ExpiresAt: &soon}, want: true},
		{say: "an earlier expiry, and on", from: disabled, in: UpdateInput{ExpiresAt: &soon, Enabled: &on}, want: true},
		{say: "a list where there was none", from: dated, in: to("b:read"), want: true},
		{say: "a longer list", from: narrow, in: to("a:read", "b:read", "b:write")},
		{say: "no list", from: narrow, in: to()},
		{say: "no list, as before", from: dated, in: to()},
		{say: "the same list again", from: narrow, in: to("b:read", "b:write"), want: true},
		{say: "a shorter list", from: narrow, in: to("b:read"), want: true},
		{say: "a list that lacks one and has two more", from: narrow, in: to("a:read", "a:write", "b:read"), want: true},
		{say: "a list that covers the old one by a star", from: narrow, in: to("*:read", "*:write", "a:read"), want: true},
		{say: "a longer list, and off", from: narrow, in: UpdateInput{Permissions: to("a:read", "b:read", "b:write").Permissions, Enabled: &off}, want: true},
		{say: "limits", from: dated, in: UpdateInput{Limits: &Limits{Query: new(int64(1))}}, want: true},
		{say: "no limits, as before", from: dated, in: UpdateInput{Limits: &Limits{}}, want: true},
	} {
		after, err := tc.in.applyTo(tc.from, noon)
		if tc.in.Permissions != nil {
			after.Permissions = nil
			if list := *tc.in.Permissions; list != nil {
				after.Permissions = *list
			}
		}
		if got := tc.in.withdraws(tc.from, after); got != tc.want || err != nil {
			t.Errorf("%s: %t, want %t; %v", tc.say, got, tc.want, err)
		}
	}
}

func TestEventsTellWhatDiffers(t *testing.T) {
	t.Parallel()
	key := AccessKey{ID: "k", AccountID: "a", Name: "n", Hint: "lkpat_x", Version: 1, CreatedAt: noon}
	other := key
	other.Name, other.ExpiresAt, other.Version, other.UpdatedAt = "m", at(0), 2, noon
	narrow := key
	narrow.Permissions, narrow.Limits = []string{"a:read"}, Limits{Query: new(int64(0))}
	for _, tc := range []struct {
		say           string
		before, after AccessKey
		was, is       map[string]any
	}{
		{say: "a new key", after: key, was: map[string]any{}, is: map[string]any{"name": "n", "hint": "lkpat_x"}},
		{say: "no difference", before: key, after: key, was: map[string]any{}, is: map[string]any{}},
		{say: "a name and an expiry", before: key, after: other, was: map[string]any{"name": "n"}, is: map[string]any{"name": "m", "expires_at": "2026-11-22T12:00:00.123456Z"}},
		{say: "and back", before: other, after: key, was: map[string]any{"name": "m", "expires_at": "2026-11-22T12:00:00.123456Z"}, is: map[string]any{"name": "n", "expires_at": ""}},
		{say: "narrower", before: key, after: narrow, was: map[string]any{}, is: map[string]any{"permissions": []string{"a:read"}, "limits": map[string]int64{"query": 0}}},
		{say: "wider", before: narrow, after: key, was: map[string]any{"permissions": []string{"a:read"}, "limits": map[string]int64{"query": 0}},
			is: map[string]any{"permissions": nil, "limits": nil}},
	} {
		want := audit.Event{Type: audit.AccessKeyUpdated, AccountID: "a", Target: audit.Target{Kind: "access_key", ID: "k"}, Old: tc.was, New: tc.is}
		got := event(audit.AccessKeyUpdated, tc.before, tc.after)
		if diff := cmp.Diff(got.Old, want.Old) + cmp.Diff(got.New, want.New); diff != "" || got.Target != want.Target || got.AccountID != "a" {
			t.Errorf("%s: %s", tc.say, diff)
		}
	}
}
