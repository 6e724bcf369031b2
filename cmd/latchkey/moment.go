package main

import (
	"regexp"
	"strconv"
	"time"

	"github.com/oapi-codegen/nullable"

	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
)

var span = regexp.MustCompile(`^([1-9][0-9]{0,5})([hdw])$`)

var spanUnits = map[string]time.Duration{"h": time.Hour, "d": 24 * time.Hour, "w": 7 * 24 * time.Hour}

const momentHelp = "give a time from now as 12h, 90d or 8w, a date as 2031-01-31, which is the end of that day here, or a time as 2031-01-31T12:00:00Z"

// moment reads a time that somebody typed: one from now, in direction 1 or -1, the end of a day, or one to the second.
func moment(flag, typed string, now time.Time, direction time.Duration) (time.Time, error) {
	if m := span.FindStringSubmatch(typed); m != nil {
		n, _ := strconv.Atoi(m[1]) // digits, as matched
		return now.Add(direction * time.Duration(n) * spanUnits[m[2]]).Truncate(time.Second), nil
	}
	if day, err := time.ParseInLocation(time.DateOnly, typed, now.Location()); err == nil {
		return time.Date(day.Year(), day.Month(), day.Day(), 23, 59, 59, 0, now.Location()), nil
	}
	if t, err := time.Parse(time.RFC3339, typed); err == nil {
		return t, nil
	}
	return time.Time{}, failed(exitUsage, "--%s %q is no time: %s", flag, typed, momentHelp)
}

// since reads the beginning of a span: of a day it is the first moment.
func since(flag, typed string, now time.Time) (time.Time, error) {
	if day, err := time.ParseInLocation(time.DateOnly, typed, now.Location()); err == nil {
		return day, nil
	}
	if typed == "" {
		return time.Time{}, nil
	}
	return moment(flag, typed, now, -1)
}

// until reads the end of a span, which counts no more.
func until(flag, typed string, now time.Time) (time.Time, error) {
	if day, err := time.ParseInLocation(time.DateOnly, typed, now.Location()); err == nil {
		return day.AddDate(0, 0, 1), nil
	}
	if typed == "" {
		return time.Time{}, nil
	}
	return moment(flag, typed, now, -1)
}

// expiry reads --expires; the zero value leaves the expiry as it is.
func expiry(typed string, now time.Time) (nullable.Nullable[time.Time], error) {
	switch typed {
	case "":
		return nil, nil
	case "never":
		return latchkey.Never(), nil
	}
	t, err := moment("expires", typed, now, 1)
	if err != nil {
		return nil, err
	}
	if !t.After(now) {
		return nil, failed(exitUsage, "--expires %s has passed", typed)
	}
	return latchkey.At(t.UTC()), nil
}

// most reads a limit: a number, or none.
func most(flag, typed string) (*int64, error) {
	if typed == "none" {
		return nil, nil
	}
	n, err := strconv.ParseInt(typed, 10, 64)
	if err != nil || n < 0 {
		return nil, failed(exitUsage, "--%s %q is no limit: give a number, or none", flag, typed)
	}
	return &n, nil
}
