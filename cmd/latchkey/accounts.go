package main

import (
	"context"
	"regexp"

	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
)

var idShape = regexp.MustCompile(`^[0-9a-v]{20}$`)

// accountID takes the id of an account, or finds it by its handle.
func (v *visit) accountID(ctx context.Context, who string) (string, error) {
	if idShape.MatchString(who) {
		return who, nil
	}
	for a, err := range v.AccountList(ctx, who) {
		if err != nil {
			return "", err
		}
		if a.Handle == who {
			return a.ID, nil
		}
	}
	return "", failed(exitNotFound, "there is no account %s: see latchkey accounts list", who)
}

func accountFacts(a latchkey.Account) []fact {
	roles := ""
	for i, r := range a.Roles {
		if i > 0 {
			roles += ", "
		}
		roles += r.Name
	}
	return []fact{{"id", a.ID}, {"handle", a.Handle}, {"name", a.Name}, {"joined", when(a.Joined)}, {"roles", roles}, {"may", words(a.Permissions)},
		{"suspended", whenever(a.Suspended, "")}}
}
