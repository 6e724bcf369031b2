package conformance

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Door is a way to the server: plain HTTP, or a client library.
type Door interface {
	// Cannot says why a request cannot be made this way; empty if it can.
	Cannot(Request) string
	// Do makes it. An error means that there was no answer.
	Do(context.Context, Request) (Answer, error)
}

// Request is what an operation is asked.
type Request struct {
	Operation string            `json:"operation"`
	Path      map[string]string `json:"path,omitempty"`
	Query     map[string]string `json:"query,omitempty"`
	Header    map[string]string `json:"header,omitempty"`
	Body      any               `json:"body,omitempty"`  // as JSON has it, or a form
	Raw       *string           `json:"raw,omitempty"`   // the body to the letter, which only plain HTTP can send
	Media     string            `json:"media,omitempty"` // of the body, where it is not the operation's
	As        Credential        `json:"as"`
}

// Credential is who asks. The zero Credential is nobody.
type Credential struct {
	Session string `json:"session,omitempty"` // the cookie, name and value
	Key     string `json:"key,omitempty"`     // as Bearer
	User    string `json:"user,omitempty"`    // with Key: as Basic
}

// Answer is what came back, as far as a door shows it.
type Answer struct {
	Status  int         // 0: a success, and the client does not say which
	Header  http.Header // as the client shows it
	Body    []byte      // JSON; nil: there is none
	Session string      // a session that begins: its cookie, name and value
	Wire    bool        // the answer is here as it was sent, so that it can be held against the contract
	Lacks   []string    // members of the body that the client keeps to itself
	Silent  bool        // the client keeps all of it to itself, and says only that the call succeeded
}

const maxAnswer = 16 << 20 // bytes

// HTTP is the door that can send anything.
type HTTP struct {
	contract *Contract
	base     string
	client   *http.Client
}

// NewHTTP gives the door to a server, of which base is the scheme and host. Patience is for one request.
func NewHTTP(c *Contract, base string, patience time.Duration) *HTTP {
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, ExpectContinueTimeout: patience, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
		MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute}
	return &HTTP{contract: c, base: strings.TrimRight(base, "/"), client: &http.Client{Timeout: patience, Transport: transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// Cannot is empty: everything can be sent.
func (*HTTP) Cannot(Request) string { return "" }

// Do sends a request once.
func (h *HTTP) Do(ctx context.Context, in Request) (Answer, error) {
	q, err := h.request(ctx, in)
	if err != nil {
		return Answer{}, err
	}
	resp, err := h.client.Do(q)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok { // without the address, which may hold an id
			err = e.Err
		}
		return Answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return Answer{}, fmt.Errorf("the answer has broken off: %w", err)
	}
	a := Answer{Status: resp.StatusCode, Header: resp.Header, Wire: true}
	if len(body) > 0 {
		a.Body = body
	}
	for _, c := range resp.Cookies() {
		if strings.HasSuffix(c.Name, "latchkey-session") && c.Value != "" {
			a.Session = c.Name + "=" + c.Value
		}
	}
	return a, nil
}

func (h *HTTP) request(ctx context.Context, in Request) (*http.Request, error) {
	op, err := h.contract.operation(in.Operation)
	if err != nil {
		return nil, err
	}
	body, err := encode(in, op)
	if err != nil {
		return nil, err
	}
	q, err := http.NewRequestWithContext(ctx, op.method, h.base+op.target(in), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	if body != nil {
		q.Header.Set("Content-Type", cmp.Or(in.Media, op.media, "application/json"))
	}
	if len(body) > maxBody { // it may be refused before it is sent
		q.Header.Set("Expect", "100-continue")
	}
	for name, value := range in.Header {
		q.Header.Set(name, value)
	}
	q.Header.Set("User-Agent", "latchkey-contract-test")
	in.As.put(q)
	return q, nil
}

func (c Credential) put(q *http.Request) {
	if c.Session != "" {
		q.Header.Set("Cookie", c.Session)
	}
	switch {
	case c.User != "":
		q.SetBasicAuth(c.User, c.Key)
	case c.Key != "":
		q.Header.Set("Authorization", "Bearer "+c.Key)
	}
}

// target is the path and query of a request.
func (op *operation) target(in Request) string {
	path := op.path
	for name, value := range in.Path {
		path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(value))
	}
	if len(in.Query) == 0 {
		return path
	}
	query := url.Values{}
	for name, value := range in.Query {
		query.Set(name, value)
	}
	return path + "?" + query.Encode()
}

func encode(in Request, op *operation) ([]byte, error) {
	switch {
	case in.Raw != nil:
		return []byte(*in.Raw), nil
	case in.Body == nil:
		return nil, nil
	case op.media == formType:
		form := url.Values{}
		members, _ := in.Body.(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(members)) {
			form.Set(name, fmt.Sprint(members[name]))
		}
		return []byte(form.Encode()), nil
	}
	b, err := json.Marshal(in.Body)
	if err != nil {
		return nil, fmt.Errorf("encode body: %w", err)
	}
	return b, nil
}

const formType = "application/x-www-form-urlencoded"
