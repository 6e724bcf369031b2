package api

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// Moments are strict RFC 3339, in the years 1 to 9999 once they are in UTC: one row beyond breaks every list that holds it.
func TestMomentsThatAreRefused(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	id, _ := h.root.newKey("x")
	now := h.clock.Now().UTC()
	const shape, moment = "request_invalid", "expiry_invalid"
	for _, tc := range []struct{ name, value, code string }{
		{"hour 24", `"2031-01-31T24:00:00Z"`, shape},
		{"hour 25", `"2031-01-31T25:00:00Z"`, shape},
		{"minute 60", `"2031-01-31T23:60:00Z"`, shape},
		{"a leap second", `"2030-12-31T23:59:60Z"`, shape},
		{"a leap second of the past", `"2016-12-31T23:59:60Z"`, shape},
		{"a comma before the fraction", `"2031-01-31T23:59:59,5Z"`, shape},
		{"a point without a fraction", `"2031-01-31T23:59:59.Z"`, shape},
		{"an hour of one digit", `"2031-01-31T1:00:00Z"`, shape},
		{"a month of one digit", `"2031-1-31T01:00:00Z"`, shape},
		{"a day of one digit", `"2031-01-3T01:00:00Z"`, shape},
		{"no zone", `"2031-01-31T23:59:59"`, shape},
		{"no seconds", `"2031-01-31T23:59Z"`, shape},
		{"a day only", `"2031-01-31"`, shape},
		{"a time only", `"23:59:59Z"`, shape},
		{"t in lower case", `"2031-01-31t23:59:59Z"`, shape},
		{"z in lower case", `"2031-01-31T23:59:59z"`, shape},
		{"a blank for the T", `"2031-01-31 23:59:59Z"`, shape},
		{"a blank before it", `" 2031-01-31T23:59:59Z"`, shape},
		{"a line break after it", `"2031-01-31T23:59:59Z\n"`, shape},
		{"the basic form", `"20310131T235959Z"`, shape},
		{"a week", `"2031-W05-5T23:59:59Z"`, shape},
		{"a zone by name", `"2031-01-31T23:59:59 CET"`, shape},
		{"a zone beside it", `"2031-01-31T23:59:59+01:00[Europe/Paris]"`, shape},
		{"an offset of hours only", `"2031-01-31T23:59:59+01"`, shape},
		{"an offset without a colon", `"2031-01-31T23:59:59+0100"`, shape},
		{"an offset of 24 hours", `"2031-01-31T23:59:59+24:00"`, shape},
		{"an offset of minus 24 hours", `"2031-01-31T23:59:59-24:00"`, shape},
		{"an offset of 99 hours", `"2031-01-31T23:59:59+99:00"`, shape},
		{"an offset of 60 minutes", `"2031-01-31T23:59:59+01:60"`, shape},
		{"an offset of one digit", `"2031-01-31T23:59:59+1:00"`, shape},
		{"February 30", `"2031-02-30T00:00:00Z"`, shape},
		{"February 29 of a year that has none", `"2031-02-29T00:00:00Z"`, shape},
		{"month 0", `"2031-00-01T00:00:00Z"`, shape},
		{"month 13", `"2031-13-01T00:00:00Z"`, shape},
		{"year 0", `"0000-01-01T00:00:00Z"`, shape},
		{"year 0 once it is in UTC", `"0001-01-01T00:00:00+00:01"`, shape},
		{"year 10000", `"10000-01-01T00:00:00Z"`, shape},
		{"year 10000 once it is in UTC", `"9999-12-31T23:59:59-01:00"`, shape},
		{"year 10000, by a minute", `"9999-12-31T23:59:00-00:01"`, shape},
		{"a year with a sign", `"+2031-01-31T23:59:59Z"`, shape},
		{"a year of two digits", `"31-01-31T23:59:59Z"`, shape},
		{"digits that are not ASCII", `"2031-01-31T23:59:5\u0669Z"`, shape},
		{"nothing", `""`, shape},
		{"a word", `"` + planted + `"`, shape},
		{"infinity, as PostgreSQL has it", `"infinity"`, shape},
		{"a number", `1927583999`, shape},
		{"a truth value", `true`, shape},
		{"a list", `["2031-01-31T23:59:59Z"]`, shape},
		{"a second ago", quotedMoment(now.Add(-time.Second)), moment},
		{"just now", quotedMoment(now), moment},
		{"the year 1", `"0001-01-01T00:00:00Z"`, moment},
		{"yesterday, in a zone where it is tomorrow", `"` + now.Add(-time.Minute).In(time.FixedZone("", 23*3600)).Format(time.RFC3339) + `"`, moment},
	} {
		t.Run(tc.name, func(t *testing.T) {
			root := h.root.in(t)
			for _, a := range []*answer{
				root.raw("POST", "/api/auth/access-keys", `{"name":"x","expires_at":`+tc.value+`}`),
				root.raw("PATCH", "/api/auth/access-keys/"+id, `{"expires_at":`+tc.value+`}`),
			} {
				a.want(400, tc.code)
				if got := a.metadata("pointer"); got != "/expires_at" {
					t.Errorf("%s: pointer %q: %s", a.what, got, a.body)
				}
				if inner := strings.Trim(tc.value, `"`); inner != "" && inner != "true" {
					a.keepsQuiet(h, inner)
				}
			}
		})
	}
	if n := len(h.root.get("/api/auth/access-keys").want(200).list("keys")); n != 1 {
		t.Errorf("%d keys, want the one", n)
	}
}

func quotedMoment(at time.Time) string {
	b, _ := json.Marshal(at.Format(time.RFC3339Nano))
	return string(b)
}

func TestMomentsAreKeptInUTCWithMicroseconds(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	for _, tc := range []struct{ name, sent, kept string }{
		{"UTC", "2031-01-31T23:59:59Z", "2031-01-31T23:59:59Z"},
		{"an offset", "2031-01-31T23:59:59+05:30", "2031-01-31T18:29:59Z"},
		{"the largest offset", "2031-01-31T00:00:00+23:59", "2031-01-30T00:01:00Z"},
		{"the smallest offset", "2031-01-31T00:00:00-23:59", "2031-01-31T23:59:00Z"},
		{"an offset of nothing", "2031-01-31T23:59:59-00:00", "2031-01-31T23:59:59Z"},
		{"a tenth", "2031-01-31T23:59:59.5Z", "2031-01-31T23:59:59.5Z"},
		{"a tenth with zeros", "2031-01-31T23:59:59.500Z", "2031-01-31T23:59:59.5Z"},
		{"microseconds", "2031-01-31T23:59:59.123456Z", "2031-01-31T23:59:59.123456Z"},
		{"nanoseconds", "2031-01-31T23:59:59.123456789Z", "2031-01-31T23:59:59.123456Z"},
		{"nanoseconds that would round up", "2031-12-31T23:59:59.9999999Z", "2031-12-31T23:59:59.999999Z"},
		{"more digits than a nanosecond has", "2031-01-31T23:59:59.1234567891234Z", "2031-01-31T23:59:59.123456Z"},
		{"a leap day", "2032-02-29T12:00:00Z", "2032-02-29T12:00:00Z"},
		{"the last moment", "9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999Z"},
		{"the last moment, far in the east", "9999-12-31T23:59:59+14:00", "9999-12-31T09:59:59Z"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			root := h.root.in(t)
			key := root.post("/api/auth/access-keys", map[string]any{"name": "x", "expires_at": tc.sent}).want(200)
			for _, got := range []string{key.str("expires_at"), root.get("/api/auth/access-keys/" + key.str("id")).want(200).str("expires_at")} {
				if got != tc.kept {
					t.Errorf("kept as %s, want %s", got, tc.kept)
				}
			}
		})
	}
	h.root.get("/api/auth/access-keys").want(200)
	h.root.get("/api/admin/access-keys").want(200)
	h.root.get("/api/admin/audit-events").want(200)
}
