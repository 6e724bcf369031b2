package accesskey

import (
	"time"

	"github.com/latchkey-dev/latchkey/internal/audit"
)

// event tells what became of a key: the members that differ, before and after.
func event(what audit.Type, before, after AccessKey) audit.Event {
	e := audit.Event{Type: what, AccountID: after.AccountID, Target: audit.Target{Kind: "access_key", ID: after.ID},
		Old: map[string]any{}, New: map[string]any{}}
	was, is := values(before), values(after)
	for _, member := range []string{"name", "hint", "expires_at", "disabled_at", "revoked_at"} {
		if was[member] == is[member] {
			continue
		}
		if was[member] != "" {
			e.Old[member] = was[member]
		}
		e.New[member] = is[member]
	}
	return e
}

func values(k AccessKey) map[string]string {
	return map[string]string{"name": k.Name, "hint": k.Hint, "expires_at": moment(k.ExpiresAt), "disabled_at": moment(k.DisabledAt), "revoked_at": moment(k.RevokedAt)}
}

func moment(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}
