package prove

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// patience bounds one call. It is longer than any node is frozen, so that calls that wait there are answered in the end.
const patience = 9 * time.Second

// client talks to one node.
type client struct {
	node  int
	base  string
	http  *http.Client
	clock *clock
}

func newClient(node int, base string, clock *clock) *client {
	transport := &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true, IdleConnTimeout: 30 * time.Second}
	return &client{node: node, base: base, clock: clock, http: &http.Client{Transport: transport, Timeout: patience}}
}

// request is what can be sent to any node.
type request struct {
	method, path string
	bearer       string // an access key
	cookie       string // a session
	from         string // an address, for what is counted by address
	body         any    // JSON
	form         url.Values
}

// answer is what came back, and when. Without a status nothing did.
type answer struct {
	status     int
	body       map[string]any
	cookie     string // a session that began
	revision   string
	err        error
	call, back int64
}

func (c *client) do(ctx context.Context, r request) answer {
	req, err := r.build(ctx, c.base)
	if err != nil {
		return answer{err: err}
	}
	a := answer{call: c.clock.now()}
	resp, err := c.http.Do(req)
	if err != nil {
		a.err, a.back = err, c.clock.now()
		return a
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 4<<20))
	a.back = c.clock.now()
	if err != nil {
		a.err = err
		return a
	}
	a.status, a.revision = resp.StatusCode, resp.Header.Get("Latchkey-Revision")
	for _, cookie := range resp.Cookies() {
		if cookie.Value != "" {
			a.cookie = cookie.Name + "=" + cookie.Value
		}
	}
	_ = json.Unmarshal(b, &a.body) // some have none
	return a
}

func (r request) build(ctx context.Context, base string) (*http.Request, error) {
	var body io.Reader
	kind := ""
	switch {
	case r.form != nil:
		body, kind = strings.NewReader(r.form.Encode()), "application/x-www-form-urlencoded"
	case r.body != nil:
		b, err := json.Marshal(r.body)
		if err != nil {
			return nil, err
		}
		body, kind = bytes.NewReader(b), "application/json"
	}
	req, err := http.NewRequestWithContext(ctx, r.method, base+r.path, body)
	if err != nil {
		return nil, err
	}
	for name, value := range map[string]string{"Content-Type": kind, "Cookie": r.cookie, "X-Forwarded-For": r.from} {
		if value != "" {
			req.Header.Set(name, value)
		}
	}
	if r.bearer != "" {
		req.Header.Set("Authorization", "Bearer "+r.bearer)
	}
	return req, nil
}

// text is a member of the answer.
func (a answer) text(name string) string {
	s, _ := a.body[name].(string)
	return s
}

// String names the answer without what it holds: the status and the code of a problem, or the kind of error.
func (a answer) String() string {
	if a.status != 0 {
		return strings.TrimSpace(fmt.Sprint(a.status, " ", a.text("error")))
	}
	return fmt.Sprint("no answer: ", a.err)
}

// outcome is what the sender of a write knows after this answer.
func (a answer) outcome() Outcome {
	switch {
	case a.status >= 200 && a.status < 300:
		return Done
	case a.status >= 400 && a.status < 500:
		return Refused
	}
	return Unknown
}

// judged is what came of asking for a verdict.
type judged struct {
	said string // saidValid and so on; empty: nobody expects this
	code string
}

// judge reads a verdict at a door.
func judge(door Door, a answer) judged {
	switch {
	case a.status == 0:
		return judged{said: saidNothing}
	case a.status == http.StatusServiceUnavailable:
		return judged{said: saidUnavailable}
	}
	switch door {
	case VerifyKey, VerifyView, VerifyStrict, VerifyAtLeast:
		return judgeMember(a, "valid", a.text("code"))
	case Introspect:
		return judgeMember(a, "active", "")
	}
	switch a.status {
	case http.StatusOK:
		return judged{said: saidValid}
	case http.StatusUnauthorized, http.StatusForbidden:
		return judged{said: saidInvalid, code: a.text("error")}
	}
	return judged{}
}

// judgeMember is for doors whose answer is 200 whatever the verdict: anything else is about whoever asks, whose key is good.
func judgeMember(a answer, member, code string) judged {
	valid, ok := a.body[member].(bool)
	switch {
	case a.status != http.StatusOK || !ok || member == "valid" && (code == "VALID") != valid:
		return judged{}
	case valid:
		return judged{said: saidValid, code: code}
	}
	return judged{said: saidInvalid, code: code}
}
