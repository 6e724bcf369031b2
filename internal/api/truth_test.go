package api

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/rs/xid"

	"github.com/latchkey-dev/latchkey/internal/changefeed"
	"github.com/latchkey-dev/latchkey/internal/permission"
	"github.com/latchkey-dev/latchkey/internal/permission/permissiontest"
	"github.com/latchkey-dev/latchkey/internal/token"
)

// The truth table of the rule, through every door, on two instances, from the database and from memory.
func TestEveryDoorFollowsTheTruthTable(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	instances := []string{h.url, h.instance()}
	service := h.asker()
	var last *permission.Document
	for i, tc := range permissiontest.Cases {
		if last == nil || !cmp.Equal(tc.Catalogue, *last) {
			h.catalogueIs(tc.Catalogue)
			last = &tc.Catalogue
		}
		key, owner, id := h.planted(i, tc.Owner, tc.Key)
		ask, takes := askFor(tc)
		for _, at := range instances {
			for _, from := range []string{"the database", "memory"} {
				say := fmt.Sprintf("%s, from %s", tc.Say, from)
				if takes {
					judged(t, say+", verify", tc, service.at(at).verify(key, ask, object{"record": false}))
					judged(t, say+", explain", tc, owner.at(at).post(ownKeys+"/"+id+"/explain", ask))
				}
				if tc.Method != "" && tc.Path != "" {
					h.throughAGateway(t, say, tc, h.anonymous().withKey(key).at(at))
				}
			}
		}
	}
	h.noAlarm()
}

// askFor is the question in the form of the contract, and whether the contract takes it.
func askFor(tc permissiontest.Case) (object, bool) {
	switch {
	case tc.Method != "" || tc.Path != "":
		return object{"request": object{"method": tc.Method, "path": tc.Path}}, methodShape.MatchString(tc.Method) && tc.Path != ""
	case tc.Permission != "":
		return object{"permission": tc.Permission}, true
	}
	return object{"resource": tc.Resource, "access": tc.Access}, true
}

// judged holds an answer about a key against the table.
func judged(t *testing.T, say string, tc permissiontest.Case, a *answer) {
	t.Helper()
	if tc.Error != nil {
		if a.status != 400 || a.codeIfAny() != "request_invalid" {
			t.Errorf("%s: %d %s, want 400", say, a.status, a.body)
		}
		return
	}
	code, by := "VALID", ""
	if tc.DeniedBy != "" {
		code, by = "INSUFFICIENT_PERMISSIONS", string(tc.DeniedBy)
	}
	got := a.want(200).json()
	for member, want := range map[string]string{"code": code, "denied_by": by, "required": tc.Required, "matched": tc.Matched} {
		if is, _ := got[member].(string); is != want {
			t.Errorf("%s: %s is %q, want %q: %s", say, member, is, want, a.body)
		}
	}
}

// throughAGateway asks in the three ways of gateways.
func (h *harness) throughAGateway(t *testing.T, say string, tc permissiontest.Case, client *client) {
	t.Helper()
	for way, names := range map[string][2]string{"nginx": {"X-Original-Method", "X-Original-Uri"}, "Traefik": {"X-Forwarded-Method", "X-Forwarded-Uri"}} {
		a := client.with(names[0], tc.Method).with(names[1], tc.Path).get(forwardAuthPath)
		want := 200
		if tc.Error != nil || tc.DeniedBy != "" {
			want = 403
		}
		if a.status != want || want == 200 && a.header.Get("X-Latchkey-Permission") != tc.Matched {
			t.Errorf("%s, %s: %d %q, want %d %q", say, way, a.status, a.header.Get("X-Latchkey-Permission"), want, tc.Matched)
		}
		scope := fmt.Sprintf(`Bearer realm="latchkey", error="insufficient_scope", scope="%s"`, tc.Required)
		if tc.DeniedBy != "" && a.header.Get("WWW-Authenticate") != scope {
			t.Errorf("%s, %s: %s, want %s", say, way, a.header.Get("WWW-Authenticate"), scope)
		}
	}
}

// catalogueIs replaces the catalogue, on every instance.
func (h *harness) catalogueIs(d permission.Document) {
	h.t.Helper()
	document, err := json.Marshal(d)
	if err != nil {
		h.t.Fatal(err)
	}
	_, err = h.feed.Run(h.t.Context(), func(tx pgx.Tx, changes *changefeed.Changes) error {
		changes.Withdraw(changefeed.Catalogue, "catalogue")
		_, err := tx.Exec(h.t.Context(), "UPDATE catalogue SET document = $1", document)
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
}

// planted makes an account that holds permissions beside that to have keys, a key of it with a list of its own or nil, and one that
// inherits. The secret of the first, a client with the second and the id of the first.
func (h *harness) planted(i int, holds, list []string) (string, *client, string) {
	h.t.Helper()
	account, role, handle := xid.New().String(), xid.New().String(), fmt.Sprintf("planted%d", i)
	h.exec("INSERT INTO account (id, handle, name, password_hash, created_at, updated_at) VALUES ($1, $2, $2, '', now(), now())", account, handle)
	h.exec("INSERT INTO role VALUES ($1, $2, '', $3::text[] || '{USE_PERSONAL_ACCESS_KEYS}', false, now(), now())", role, handle, holds)
	h.exec("INSERT INTO account_role VALUES ($1, $2, now())", account, role)
	h.exec("INSERT INTO credit_balance (account_id, balance) VALUES ($1, 1000)", account)
	plant := func(list []string) (string, string) {
		secret, parsed, err1 := token.Mint(rand.Reader, "lk")
		digester, err2 := token.NewDigester(nil)
		if err := errors.Join(err1, err2); err != nil {
			h.t.Fatal(err)
		}
		digest, version := digester.Digest(parsed)
		id := xid.New().String()
		h.exec("INSERT INTO access_key (id, account_id, brand, token_id, digest, digest_version, name, created_at, updated_at, permissions) VALUES ($1, $2, 'lk', $3, $4, $5, 'planted', now(), now(), $6)",
			id, account, string(parsed.ID), digest[:], version, list)
		return secret.Reveal(), id
	}
	secret, id := plant(list)
	other, _ := plant(nil)
	return secret, h.anonymous().withKey(other), id
}
