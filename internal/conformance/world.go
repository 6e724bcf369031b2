package conformance

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// world is who and what a run has made, so that its cases have somebody to act, and that all of it is taken away again.
type world struct {
	http     *HTTP
	keeper   Credential // an administrator who was there before; makes the world and takes it away
	now      func() time.Time
	run      string // what all names begin with
	password string
	actors   map[string]Credential
	known    variables // by every case
	secrets  []string  // of everybody here: never to be answered again, nor printed

	instance struct {
		Signup     string `json:"signup"`
		AccessKeys struct {
			Most           int  `json:"most"`
			ExpiryRequired bool `json:"expiry_required"`
		} `json:"access_keys"`
	}
	catalogue json.RawMessage // as it was
	version   int64           // of what the run has put in its place

	keys map[Credential][]string // that cases have made, by who has made them
}

// neverWas has the shape and the checksum of a key, and is the example in the contract.
const neverWas = "akpat_OtZxRtj2W3TKDpxX_yWbwYZKhq0kCGMania8S3I20f1lEcBF1G73g497iVsr4KYwIo"

// person is an account of the world, with the role that it has.
type person struct {
	name        string
	permissions []string // nil: no role
}

var people = []person{
	{"member", []string{havingKeys, "*:*"}},
	{"other", []string{havingKeys, "*:*"}},
	{"spare", []string{havingKeys, "*:*"}}, // loses what a wrong server does to whoever should have been refused
	{"gate", []string{havingKeys, "VERIFY_ACCESS_KEYS"}},
	{"manager", []string{havingKeys, "MANAGE_ACCOUNTS", "MANAGE_ROLES"}},
	{"orphan", []string{havingKeys}},
	{"plain", nil},
}

func newWorld(h *HTTP, keeper Credential, chance io.Reader, now func() time.Time) (*world, error) {
	const letters = "abcdefghijkmnopqrstuvwxyz23456789" // 33; a little bias does no harm
	random := make([]byte, 48)
	if _, err := io.ReadFull(chance, random); err != nil {
		return nil, fmt.Errorf("read chance: %w", err)
	}
	for i, b := range random {
		random[i] = letters[int(b)%len(letters)]
	}
	w := &world{http: h, keeper: keeper, now: now, run: "ct-" + string(random[:8]), password: string(random[8:]),
		known: variables{}, keys: map[Credential][]string{}}
	w.actors = map[string]Credential{"nobody": {}, "wrong-key": {Key: neverWas}, "wrong-session": {}}
	w.known["run"], w.known["chance"], w.known["password"] = w.run, string(random[:8]), w.password
	w.secrets = append(w.secrets, w.password)
	return w, nil
}

// ask makes a request that is no case. Whatever is not a success is an error.
func (w *world) ask(ctx context.Context, as Credential, operation string, path map[string]string, body any) (map[string]any, Answer, error) {
	a, err := w.http.Do(ctx, Request{Operation: operation, Path: path, Body: body, As: as})
	if err != nil {
		return nil, a, err
	}
	w.note(operation, as, a)
	var got map[string]any
	_ = json.Unmarshal(a.Body, &got) // what is not JSON has no members
	if a.Status < 200 || a.Status > 299 {
		return got, a, fmt.Errorf("%s answers %d %v: %v", operation, a.Status, got["error"], got["detail"])
	}
	return got, a, nil
}

// note remembers what an answer has brought into the world, whoever asked for it.
func (w *world) note(operation string, as Credential, a Answer) {
	if a.Status > 299 {
		return
	}
	var made struct {
		ID, Secret string
		Version    int64
	}
	_ = json.Unmarshal(a.Body, &made) // lists have neither
	w.secret(made.Secret)
	if _, value, _ := strings.Cut(a.Session, "="); value != "" {
		w.secret(value)
	}
	switch operation {
	case "PermissionCatalogueUpdate":
		w.version = made.Version
	case "AccessKeyCreate":
		w.keys[as] = append(w.keys[as], made.ID)
	}
}

func (w *world) secret(s string) {
	if s != "" && !slices.Contains(w.secrets, s) {
		w.secrets = append(w.secrets, s)
	}
}

// make makes everybody.
func (w *world) make(ctx context.Context) error {
	got, _, err := w.ask(ctx, Credential{}, "InstanceGet", nil, nil)
	if err != nil {
		return err
	}
	b, _ := json.Marshal(got) // it was JSON
	_ = json.Unmarshal(b, &w.instance)
	w.known["keys_most"] = w.instance.AccessKeys.Most
	builtIn, err := w.builtIn(ctx)
	if err != nil {
		return err
	}
	if _, a, err := w.ask(ctx, w.keeper, "PermissionCatalogueGet", nil, nil); err == nil {
		w.catalogue = a.Body
	} else {
		return err
	}
	if err := w.person(ctx, "admin", builtIn); err != nil {
		return err
	}
	for _, p := range people {
		role := ""
		if p.permissions != nil {
			made, _, err := w.ask(ctx, w.keeper, "RoleCreate", nil, map[string]any{"name": w.run + " " + p.name, "permissions": p.permissions})
			if err != nil {
				return err
			}
			role, _ = made["id"].(string)
		}
		if err := w.person(ctx, p.name, role); err != nil {
			return err
		}
		w.known[p.name+"_role"] = role
	}
	return w.credentials(ctx)
}

func (w *world) builtIn(ctx context.Context) (string, error) {
	got, _, err := w.ask(ctx, w.keeper, "RoleList", nil, nil)
	if err != nil {
		return "", err
	}
	roles, _ := got["roles"].([]any)
	for _, r := range roles {
		if role, ok := r.(map[string]any); ok && role["default"] == true {
			id, _ := role["id"].(string)
			w.known["administrator_role"] = id
			return id, nil
		}
	}
	return "", errors.New("RoleList has no built-in role")
}

// person makes an account with a session, and a key if it may have one.
func (w *world) person(ctx context.Context, name, role string) error {
	handle := w.run + "-" + name
	made, _, err := w.ask(ctx, w.keeper, "AccountCreate", nil, map[string]any{"identifier": handle, "token": w.password})
	if err != nil {
		return err
	}
	w.known[name], w.known[name+"_handle"] = made["id"], handle
	if role != "" {
		if _, _, err := w.ask(ctx, w.keeper, "AccountAddRole", map[string]string{"handle": handle, "role_id": role}, nil); err != nil {
			return err
		}
	}
	if err := w.signIn(ctx, name); err != nil || role == "" {
		return err
	}
	return w.key(ctx, name, name+"-key")
}

func (w *world) signIn(ctx context.Context, name string) error {
	_, a, err := w.ask(ctx, Credential{}, "AuthPasswordSignin", nil, map[string]any{"identifier": w.run + "-" + name, "token": w.password})
	if err == nil && a.Session == "" {
		err = errors.New("AuthPasswordSignin gives no session cookie")
	}
	if err == nil {
		w.actors[name] = Credential{Session: a.Session}
	}
	return err
}

// mend gives everybody a credential anew who has lost theirs to a case that failed, so that one fault is not told a hundred times.
func (w *world) mend(ctx context.Context) {
	if _, made := w.actors["admin"]; !made {
		return
	}
	for _, p := range slices.Concat(people, []person{{name: "admin", permissions: []string{"ADMINISTRATOR"}}}) {
		if _, a, err := w.ask(ctx, w.actors[p.name], "AccountGet", nil, nil); err != nil && a.Status == 401 {
			_ = w.signIn(ctx, p.name) // what cannot be mended is told by the next case
		}
		if p.permissions == nil || p.name == "orphan" {
			continue
		}
		if _, a, err := w.ask(ctx, w.actors[p.name+"-key"], "AccessKeySelfGet", nil, nil); err != nil && a.Status == 401 {
			_ = w.key(ctx, p.name, p.name+"-key")
		}
	}
	w.actors["both"] = Credential{Session: w.actors["member"].Session, Key: w.actors["member-key"].Key}
}

// key makes a key that lives for as long as any run lasts.
func (w *world) key(ctx context.Context, owner, name string) error {
	made, _, err := w.ask(ctx, w.actors[owner], "AccessKeyCreate", nil, map[string]any{"name": w.run + " " + name, "expires_at": w.now().Add(time.Hour).UTC()})
	if err != nil {
		return err
	}
	delete(w.keys, w.actors[owner]) // it lives as long as the run, and what is noted of a case is at an end where this is called
	secret, _ := made["secret"].(string)
	w.actors[name] = Credential{Key: secret}
	name = strings.ReplaceAll(name, "-", "_")
	w.known[name], w.known[name+"_id"] = secret, made["id"]
	return nil
}

// credentials makes those that are not in order.
func (w *world) credentials(ctx context.Context) error {
	orphaned := map[string]string{"handle": w.run + "-orphan", "role_id": fmt.Sprint(w.known["orphan_role"])}
	if _, _, err := w.ask(ctx, w.keeper, "AccountRemoveRole", orphaned, nil); err != nil {
		return err
	}
	if err := w.key(ctx, "member", "dead-key"); err != nil {
		return err
	}
	if _, _, err := w.ask(ctx, w.actors["member"], "AccessKeyDelete", map[string]string{"access_key_id": fmt.Sprint(w.known["dead_key_id"])}, nil); err != nil {
		return err
	}
	_, a, err := w.ask(ctx, Credential{}, "AuthPasswordSignin", nil, map[string]any{"identifier": w.run + "-plain", "token": w.password})
	if err != nil {
		return err
	}
	if _, _, err := w.ask(ctx, Credential{Session: a.Session}, "AuthLogout", nil, nil); err != nil {
		return err
	}
	w.actors["dead-session"] = Credential{Session: a.Session}
	name, value, _ := strings.Cut(a.Session, "=")
	w.actors["wrong-session"] = Credential{Session: name + "=" + strings.Repeat("A", len(value))}
	w.actors["both"] = Credential{Session: w.actors["member"].Session, Key: w.actors["member-key"].Key}
	return nil
}

// tidy revokes the keys that cases have left to somebody who lives on, before there are as many as they may have. The others end with
// their owners.
func (w *world) tidy(ctx context.Context) error {
	var faults []error
	for _, c := range w.actors {
		if len(w.keys[c]) < w.instance.AccessKeys.Most/2 {
			continue
		}
		for _, id := range w.keys[c] {
			_, _, err := w.ask(ctx, w.keeper, "AdminAccessKeyDelete", map[string]string{"access_key_id": id}, nil)
			faults = append(faults, err)
		}
		delete(w.keys, c)
	}
	return first(faults)
}

// end takes the world away: everything by whose name it is of this run, and nothing else, whatever the server has answered before.
func (w *world) end(ctx context.Context) error {
	if w.catalogue == nil {
		return nil // the world was not begun
	}
	faults := []error{w.restore(ctx)}
	accounts, err := w.accounts(ctx)
	faults = append(faults, err)
	for _, id := range accounts {
		_, _, err := w.ask(ctx, w.keeper, "AdminAccessKeyRevokeAll", nil, map[string]any{"account": id, "reason": "end of a contract test"})
		_, _, err2 := w.ask(ctx, w.keeper, "AccountSuspend", map[string]string{"account_id": id}, nil)
		faults = append(faults, err, err2)
	}
	got, _, err := w.ask(ctx, w.keeper, "RoleList", nil, nil)
	faults = append(faults, err)
	roles, _ := got["roles"].([]any)
	for _, r := range roles {
		role, _ := r.(map[string]any)
		name, _ := role["name"].(string)
		id, _ := role["id"].(string)
		if strings.HasPrefix(name, w.run) && id != "" {
			_, _, err := w.ask(ctx, w.keeper, "RoleDelete", map[string]string{"role_id": id}, nil)
			faults = append(faults, err)
		}
	}
	return first(faults)
}

// accounts finds those of the run, but for the keeper of a new server.
func (w *world) accounts(ctx context.Context) ([]string, error) {
	var ids []string
	query := map[string]string{"search": w.run}
	for {
		a, err := w.http.Do(ctx, Request{Operation: "AccountList", Query: query, As: w.keeper})
		var page struct {
			Accounts   []struct{ ID, Handle string }
			NextCursor string `json:"next_cursor"`
		}
		if err != nil || a.Status != 200 || json.Unmarshal(a.Body, &page) != nil {
			return ids, cmp.Or(err, fmt.Errorf("AccountList answers %d", a.Status))
		}
		for _, account := range page.Accounts {
			if strings.HasPrefix(account.Handle, w.run+"-") && account.Handle != w.run+"-first" && account.ID != "" {
				ids = append(ids, account.ID)
			}
		}
		if query["cursor"] = page.NextCursor; page.NextCursor == "" {
			return ids, nil
		}
	}
}

// first is the first of several errors, since the others are mostly of the same cause.
func first(faults []error) error {
	faults = slices.DeleteFunc(faults, func(err error) bool { return err == nil })
	switch len(faults) {
	case 0:
		return nil
	case 1:
		return faults[0]
	}
	return fmt.Errorf("%w, and %d more", faults[0], len(faults)-1)
}

// catalogue is what a catalogue consists of.
type catalogue struct {
	Resources json.RawMessage `json:"resources"`
	Routes    json.RawMessage `json:"routes"`
	Flat      json.RawMessage `json:"flat"`
}

// restore gives the catalogue back as it was, unless it is somebody else who has changed it meanwhile.
func (w *world) restore(ctx context.Context) error {
	_, a, err := w.ask(ctx, w.keeper, "PermissionCatalogueGet", nil, nil)
	if err != nil {
		return err
	}
	var was, is catalogue
	var version struct{ Version int64 }
	if err := errors.Join(json.Unmarshal(w.catalogue, &was), json.Unmarshal(a.Body, &is), json.Unmarshal(a.Body, &version)); err != nil {
		return fmt.Errorf("read catalogue: %w", err)
	}
	if same(was, is) {
		return nil
	}
	if version.Version != w.version {
		return errors.New("the catalogue is not what it was, and the last change was not made by this run: it is left as it is")
	}
	a, err = w.http.Do(ctx, Request{Operation: "PermissionCatalogueUpdate", Header: map[string]string{"If-Match": a.Header.Get("ETag")}, Body: was, As: w.keeper})
	if err == nil && a.Status != 200 {
		err = fmt.Errorf("the catalogue could not be given back as it was: PermissionCatalogueUpdate answers %d", a.Status)
	}
	return err
}
