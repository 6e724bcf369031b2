package accesskey

import (
	"errors"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey/internal/problem"
)

func TestPolicy(t *testing.T) {
	t.Parallel()
	anything, dated, short := Policy{}, Policy{ExpiryRequired: true}, Policy{LifeMost: time.Hour}
	for _, tc := range []struct {
		say    string
		policy Policy
		expiry *time.Time
		latest string // of a refusal that has one
		fits   bool
	}{
		{say: "no policy, no expiry", policy: anything, fits: true},
		{say: "no policy, far away", policy: anything, expiry: at(1e6 * time.Hour), fits: true},
		{say: "required, none", policy: dated},
		{say: "required, far away", policy: dated, expiry: at(1e6 * time.Hour), fits: true},
		{say: "an hour, none", policy: short, latest: moment(at(time.Hour))},
		{say: "an hour, an hour", policy: short, expiry: at(time.Hour), fits: true},
		{say: "an hour, more", policy: short, expiry: at(time.Hour + time.Microsecond), latest: moment(at(time.Hour))},
	} {
		err := tc.policy.check(tc.expiry, noon)
		again := tc.policy.checkAgain(tc.expiry, noon)
		if tc.fits != (err == nil) || tc.fits != (again == nil) {
			t.Errorf("%s: %v, %v", tc.say, err, again)
		}
		for _, err := range []error{err, again} {
			var p *problem.Error
			if tc.fits || errors.As(err, &p) && p.Code == problem.ExpiryInvalid && p.Fields["pointer"] == "/expires_at" && (tc.latest == "" || p.Fields["latest"] == tc.latest) {
				continue
			}
			t.Errorf("%s: %v", tc.say, err)
		}
	}
}

func TestOverlapEnd(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		say          string
		overlap      time.Duration
		expiry, want *time.Time
	}{
		{say: "none"},
		{say: "none, of a key that expires", expiry: at(time.Hour)},
		{say: "an hour", overlap: time.Hour, want: at(time.Hour)},
		{say: "an hour, of a key that expires later", overlap: time.Hour, expiry: at(2 * time.Hour), want: at(time.Hour)},
		{say: "an hour, of a key that expires sooner", overlap: time.Hour, expiry: at(time.Minute), want: at(time.Minute)},
	} {
		if got := overlapEnd(tc.overlap, tc.expiry, noon); !same(got, tc.want) {
			t.Errorf("%s: %v, want %v", tc.say, got, tc.want)
		}
	}
}

func TestPreviousUntil(t *testing.T) {
	t.Parallel()
	for say, tc := range map[string]struct {
		key  AccessKey
		want *time.Time
	}{
		"there was none":              {},
		"it lives":                    {AccessKey{PreviousExpiresAt: at(time.Second)}, at(time.Second)},
		"and while the key is off":    {AccessKey{PreviousExpiresAt: at(time.Second), DisabledAt: at(0)}, at(time.Second)},
		"it has ended now":            {AccessKey{PreviousExpiresAt: at(0)}, nil},
		"the key is revoked":          {AccessKey{PreviousExpiresAt: at(time.Second), RevokedAt: at(0)}, nil},
		"the key has expired earlier": {AccessKey{PreviousExpiresAt: at(time.Second), ExpiresAt: at(0)}, nil},
	} {
		if got := tc.key.PreviousUntil(noon); !same(got, tc.want) {
			t.Errorf("%s: %v", say, got)
		}
	}
}
