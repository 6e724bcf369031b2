package accesskey

import (
	"reflect"
	"time"

	"github.com/latchkey-dev/latchkey/internal/audit"
)

const targetKind = "access_key"

// members are what an event tells of a key.
var members = []string{"name", "hint", "expires_at", "permissions", "limits", "disabled_at", "rotated_at", "previous_expires_at",
	"revoked_at", "revoked_because"}

// event tells what became of a key: the members that differ, before and after.
func event(what audit.Type, before, after AccessKey) audit.Event {
	e := audit.Event{Type: what, AccountID: after.AccountID, Target: audit.Target{Kind: targetKind, ID: after.ID},
		Old: map[string]any{}, New: map[string]any{}}
	was, is := values(before), values(after)
	for _, member := range members {
		if reflect.DeepEqual(was[member], is[member]) {
			continue
		}
		if was[member] != nil && was[member] != "" {
			e.Old[member] = was[member]
		}
		e.New[member] = is[member]
	}
	return e
}

// values are the members of a key, as JSON has them. A text that is not there is empty, and anything else is nil.
func values(k AccessKey) map[string]any {
	v := map[string]any{"name": k.Name, "hint": k.Hint, "expires_at": moment(k.ExpiresAt), "disabled_at": moment(k.DisabledAt),
		"rotated_at": moment(k.RotatedAt), "previous_expires_at": moment(k.PreviousExpiresAt),
		"revoked_at": moment(k.RevokedAt), "revoked_because": string(k.RevokedBecause)}
	if k.Permissions != nil {
		v["permissions"] = k.Permissions
	}
	if limits := k.Limits.values(); len(limits) > 0 {
		v["limits"] = limits
	}
	return v
}

func (l Limits) values() map[string]int64 {
	v := map[string]int64{}
	for member, limit := range map[string]*int64{"query": l.Query, "mutation": l.Mutation, "credits": l.Credits} {
		if limit != nil {
			v[member] = *limit
		}
	}
	return v
}

func moment(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
