package main_test

import (
	"cmp"
	"encoding/json"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
	"github.com/latchkey-dev/latchkey/sdk/go/api"
	"github.com/latchkey-dev/latchkey/sdk/go/guard"
)

// doorCase is a request that every door must answer alike. The tests of the TypeScript client read the same table.
type doorCase struct {
	Name          string
	Method, Path  string   // empty: GET /media
	Authorization []string // absent: Bearer $key
	Key           *struct {
		Permissions []string
		Limits      *api.AccessKeyLimits
		Days        int    // until it ends; 0: never
		Of          string // bob: an account that may not use keys any more
		Revoked     bool
	}
	Status int
	Code   string
	// What a gateway is answered instead, and why.
	Gateway *struct {
		Status    int
		Challenge string
	}
	Because string
}

// An API behind a guard answers what a gateway that asks /forward-auth is answered, but for what the table says.
func TestDoorsAnswerAlike(t *testing.T) {
	t.Parallel()
	s := newGuardStory(t, func(g *guard.Guard) http.Handler {
		return g.Protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }))
	})
	bob := s.formerUser(t)
	text, err := os.ReadFile("../../sdk/testdata/doors.json")
	check(t, err)
	var table []doorCase
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.DisallowUnknownFields()
	check(t, decoder.Decode(&table))
	for _, c := range table {
		t.Run(c.Name, func(t *testing.T) {
			guarded := s.knock(t, c, s.url, bob)
			gateway := s.knock(t, c, s.latchkey.url+"/forward-auth", bob)
			if guarded.Status != c.Status || guarded.Code != c.Code && c.Method != "HEAD" {
				t.Errorf("the guard: %+v", guarded)
			}
			if c.Gateway != nil {
				if c.Because == "" || gateway.Status != c.Gateway.Status || gateway.Header["WWW-Authenticate"] != c.Gateway.Challenge {
					t.Errorf("a gateway: %+v", gateway)
				}
				gateway.Status, gateway.Header["WWW-Authenticate"] = guarded.Status, guarded.Header["WWW-Authenticate"]
			}
			if !reflect.DeepEqual(guarded, gateway) {
				t.Errorf("the guard: %+v\na gateway: %+v", guarded, gateway)
			}
		})
	}
}

// formerUser is a key of bob, who may not use keys any more.
func (s *guardStory) formerUser(t *testing.T) latchkey.AccessKeyIssued {
	t.Helper()
	ctx := t.Context()
	role, err := s.ada.RoleCreate(ctx, latchkey.RoleInput{Name: "for a while", Permissions: []string{"USE_PERSONAL_ACCESS_KEYS"}})
	check(t, err)
	check(t, second(s.ada.AccountAddRole(ctx, "bob", role.ID)))
	k := s.latchkey.newKey(s.latchkey.signIn("bob", bobPassword))
	check(t, second(s.ada.AccountRemoveRole(ctx, "bob", role.ID)))
	return k
}

// verdictOf is what is compared of an answer.
type verdictOf struct {
	Status   int
	Code     string
	Metadata map[string]any
	Header   map[string]string
}

// numbers are what differs from one moment to the next.
var numbers = regexp.MustCompile(`(^|;t=)[0-9]+`)

// knock asks with a key of its own, so that what is left of a limit is the same for every door.
func (s *guardStory) knock(t *testing.T, c doorCase, door string, bob latchkey.AccessKeyIssued) verdictOf {
	t.Helper()
	header := http.Header{"Authorization": c.Authorization}
	if c.Authorization == nil {
		header["Authorization"] = []string{"Bearer $key"}
	}
	if c.Key != nil {
		k := bob
		if c.Key.Of == "" {
			k = s.made(t, c)
		}
		lines := make([]string, 0, 2)
		for _, line := range header["Authorization"] {
			lines = append(lines, strings.ReplaceAll(line, "$key", k.Secret.Reveal()))
		}
		header["Authorization"] = lines
	}
	a := ask(t, http.DefaultClient, cmp.Or(c.Method, "GET"), door+cmp.Or(c.Path, "/media"), "", header, nil)
	v := verdictOf{Status: a.status, Header: map[string]string{}}
	if a.status != http.StatusOK && c.Method != "HEAD" {
		var p api.Problem
		check(t, json.Unmarshal([]byte(a.body), &p))
		v.Code, v.Metadata = string(p.Error), p.Metadata
		for _, name := range []string{"Content-Type", "Cache-Control", "Retry-After"} {
			v.Header[name] = a.header.Get(name)
		}
	}
	for _, name := range []string{"WWW-Authenticate", "RateLimit-Policy", "RateLimit"} {
		v.Header[name] = a.header.Get(name)
	}
	v.Header["RateLimit"] = numbers.ReplaceAllString(v.Header["RateLimit"], "$1#")
	v.Header["Retry-After"] = numbers.ReplaceAllString(v.Header["Retry-After"], "$1#")
	if (a.header.Get("Latchkey-Key-Expires") != "") != (c.Key != nil && c.Key.Days > 0) {
		t.Errorf("%s: Latchkey-Key-Expires: %s", door, a.header.Get("Latchkey-Key-Expires"))
	}
	return v
}

func (s *guardStory) made(t *testing.T, c doorCase) latchkey.AccessKeyIssued {
	t.Helper()
	in := latchkey.AccessKeyInput{Name: "knocks"}
	if c.Key.Permissions != nil {
		in.Permissions = latchkey.Only(c.Key.Permissions...)
	}
	if c.Key.Limits != nil {
		in.Limits = latchkey.Limited(*c.Key.Limits)
	}
	if c.Key.Days > 0 {
		in.ExpiresAt = latchkey.At(time.Now().AddDate(0, 0, c.Key.Days))
	}
	k, err := s.grace.AccessKeyCreate(t.Context(), in)
	check(t, err)
	if c.Key.Revoked {
		check(t, second(s.grace.AccessKeyDelete(t.Context(), k.ID)))
	}
	return k
}
