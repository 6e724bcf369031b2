package prove

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// call is a request to a fake node, read.
type call struct {
	n      *fakeNode
	r      *http.Request
	w      http.ResponseWriter
	body   map[string]any
	cookie string
	owner  string // account of the session
	bearer string
}

func (c *call) text(name string) string {
	s, _ := c.body[name].(string)
	return s
}

func (c *call) answer(status int, body map[string]any) {
	c.w.WriteHeader(status)
	if body != nil {
		_ = json.NewEncoder(c.w).Encode(body)
	}
}

func (c *call) refuse() { c.answer(401, map[string]any{"error": "credential_invalid"}) }

func (n *fakeNode) routes() http.Handler {
	mux := http.NewServeMux()
	for pattern, do := range map[string]func(*call){
		"POST /api/admin/accounts":                 (*call).createAccount,
		"POST /api/admin/accounts/{id}/suspend":    func(c *call) { c.suspend(true) },
		"POST /api/admin/accounts/{id}/restore":    func(c *call) { c.suspend(false) },
		"POST /api/roles":                          (*call).createRole,
		"PATCH /api/roles/{id}":                    (*call).updateRole,
		"DELETE /api/roles/{id}":                   (*call).deleteRole,
		"PUT /api/accounts/{handle}/roles/{id}":    func(c *call) { c.setRole(c.r.PathValue("id")) },
		"DELETE /api/accounts/{handle}/roles/{id}": func(c *call) { c.setRole("") },
		"POST /api/auth/password/signin":           (*call).signIn,
		"PATCH /api/auth/password":                 (*call).changePassword,
		"POST /api/auth/logout":                    func(c *call) { c.endSession(c.cookie) },
		"GET /api/auth/sessions": func(c *call) {
			c.answer(200, map[string]any{"sessions": []any{map[string]any{"id": strings.TrimPrefix(c.cookie, "session="), "current": true}}})
		},
		"DELETE /api/auth/sessions/{id}":             func(c *call) { c.endSession("session=" + c.r.PathValue("id")) },
		"POST /api/auth/access-keys":                 (*call).createKey,
		"GET /api/auth/access-keys/{id}":             (*call).getKey,
		"POST /api/auth/access-keys/{id}/regenerate": (*call).regenerate,
		"PATCH /api/auth/access-keys/{id}":           (*call).updateKey,
		"DELETE /api/auth/access-keys/{id}":          func(c *call) { c.revoke(c.r.PathValue("id")) },
		"DELETE /api/admin/access-keys/{id}":         func(c *call) { c.revoke(c.r.PathValue("id")) },
		"GET /api/admin/access-keys":                 func(c *call) { c.answer(200, map[string]any{"keys": []any{}}) },
		"DELETE /api/access-keys/self":               (*call).revokeSelf,
		"POST /api/access-keys/verify":               (*call).verify,
		"GET /api/accounts":                          (*call).get,
		"GET /forward-auth":                          (*call).get,
		"POST /oauth/introspect":                     (*call).introspect,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			c := &call{n: n, r: r, w: w, cookie: r.Header.Get("Cookie"), bearer: strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")}
			if r.Header.Get("Content-Type") == "application/json" {
				_ = json.NewDecoder(r.Body).Decode(&c.body)
			}
			c.owner = n.f.now().sessions[c.cookie]
			do(c)
		})
	}
	return mux
}

func (c *call) createAccount() {
	id := c.n.f.name("a")
	c.n.f.change(false, func(w *world) { w.accounts[id] = fakeAccount{handle: c.text("identifier")} })
	c.answer(200, map[string]any{"id": id})
}

func (c *call) suspend(on bool) {
	id := c.r.PathValue("id")
	c.n.f.change(on, func(w *world) {
		a := w.accounts[id]
		a.suspended = on
		w.accounts[id] = a
		for cookie, owner := range w.sessions {
			if owner == id && on {
				delete(w.sessions, cookie)
			}
		}
	})
	c.answer(200, map[string]any{"id": id})
}

func (c *call) permissions() []string {
	list, _ := c.body["permissions"].([]any)
	all := []string{}
	for _, p := range list {
		all = append(all, p.(string))
	}
	return all
}

func (c *call) createRole() {
	id := c.n.f.name("r")
	c.n.f.change(false, func(w *world) { w.roles[id] = c.permissions() })
	c.answer(200, map[string]any{"id": id})
}

func (c *call) updateRole() {
	c.n.f.change(true, func(w *world) { w.roles[c.r.PathValue("id")] = c.permissions() })
	c.answer(200, map[string]any{})
}

func (c *call) deleteRole() {
	c.n.f.change(true, func(w *world) { delete(w.roles, c.r.PathValue("id")) })
	c.answer(204, nil)
}

func (c *call) setRole(role string) {
	c.n.f.change(role == "", func(w *world) {
		for id, a := range w.accounts {
			if a.handle == c.r.PathValue("handle") {
				a.role = role
				w.accounts[id] = a
			}
		}
	})
	c.answer(200, map[string]any{})
}

func (c *call) begin(owner string) {
	cookie := c.n.f.name("s")
	c.n.f.change(false, func(w *world) { w.sessions["session="+cookie] = owner })
	c.n.f.await(c.n.f.now().v) // as unknown sessions are looked up
	http.SetCookie(c.w, &http.Cookie{Name: "session", Value: cookie})
	c.answer(200, map[string]any{"id": owner})
}

func (c *call) signIn() {
	for id, a := range c.n.f.now().accounts {
		if a.handle == c.text("identifier") {
			c.begin(id)
			return
		}
	}
	c.refuse()
}

func (c *call) changePassword() {
	c.n.f.change(true, func(w *world) {
		for cookie, owner := range w.sessions {
			if owner == c.owner {
				delete(w.sessions, cookie)
			}
		}
	})
	c.begin(c.owner)
}

func (c *call) endSession(cookie string) {
	c.n.f.change(true, func(w *world) { delete(w.sessions, cookie) })
	c.answer(204, nil)
}

func (c *call) createKey() {
	id := c.n.f.name("k")
	c.n.f.change(false, func(w *world) { w.keys[id] = fakeKey{secret: "secret-" + id, owner: c.owner} })
	c.n.f.await(c.n.f.now().v) // as unknown keys are looked up
	c.answer(200, map[string]any{"id": id, "secret": "secret-" + id})
}

func (c *call) getKey() {
	k := c.n.f.now().keys[c.r.PathValue("id")]
	status := "active"
	switch {
	case k.effective, k.revoked && c.n.f.broken == "lists too early":
		status = "revoked"
	case k.revoked:
		status = "revoking"
	case k.disabled:
		status = "disabled"
	}
	c.answer(200, map[string]any{"status": status})
}

func (c *call) updateKey() {
	id := c.r.PathValue("id")
	c.n.f.change(true, func(w *world) {
		k := w.keys[id]
		if enabled, ok := c.body["enabled"].(bool); ok {
			k.disabled = !enabled
		}
		if at, ok := c.body["expires_at"]; ok {
			text, _ := at.(string)
			k.expires, _ = time.Parse(time.RFC3339, text)
		}
		w.keys[id] = k
	})
	c.answer(200, map[string]any{})
}

func (c *call) regenerate() {
	id, secret := c.r.PathValue("id"), "secret-"+c.n.f.name("n")
	c.n.f.change(c.n.f.broken != "regenerates too early", func(w *world) {
		k := w.keys[id]
		k.secret = secret
		w.keys[id] = k
	})
	c.answer(200, map[string]any{"id": id, "secret": secret})
}

func (c *call) revoke(id string) {
	c.n.f.change(true, func(w *world) {
		k := w.keys[id]
		k.revoked = true
		w.keys[id] = k
	})
	v := c.n.f.change(false, func(w *world) {
		k := w.keys[id]
		k.effective = true
		w.keys[id] = k
	})
	c.w.Header().Set("Latchkey-Revision", string(rune('0'+v%10)))
	if c.n.f.broken == "surprises" && c.n.asked.Add(1)%2 == 0 {
		c.answer(500, map[string]any{"error": "internal"})
		return
	}
	c.answer(204, nil)
}

func (c *call) revokeSelf() {
	for id, k := range c.n.f.now().keys {
		if k.secret == c.bearer {
			c.revoke(id)
			return
		}
	}
	c.refuse()
}

func (c *call) verify() {
	code := c.n.judge(c.text("key"), c.text("permission"), c.body["consistency"] == "strict" || c.body["at_least"] != nil)
	c.answer(200, map[string]any{"valid": code == "VALID", "code": code})
}

func (c *call) introspect() {
	_ = c.r.ParseForm()
	c.answer(200, map[string]any{"active": c.n.judge(c.r.PostForm.Get("token"), "", false) == "VALID"})
}

func (c *call) get() {
	good := c.n.judge(c.bearer, "", false) == "VALID"
	if c.cookie != "" {
		w := c.n.view(false)
		owner := w.sessions[c.cookie]
		good = owner != "" && !w.accounts[owner].suspended
	}
	if !good {
		c.refuse()
		return
	}
	c.answer(200, map[string]any{})
}

func wantFiles(t *testing.T, dir string, patterns ...string) {
	t.Helper()
	for _, p := range patterns {
		found, err := filepath.Glob(filepath.Join(dir, p))
		if err != nil || len(found) == 0 {
			t.Errorf("there is no %s", p)
			continue
		}
		if info, err := os.Stat(found[0]); err != nil || p == "*.html" && info.Size() < 1000 {
			t.Errorf("%s: %v", found[0], err)
		}
	}
}
