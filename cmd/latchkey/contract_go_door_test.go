package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-dev/latchkey/internal/conformance"
	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
	"github.com/latchkey-dev/latchkey/sdk/go/api"
)

// goDoor makes the requests of contract tests through the public face of the Go client.
type goDoor struct{ base string }

// goCall is how the client makes an operation.
type goCall struct {
	takes any      // a pointer to what the contract calls the body; nil: there is none
	query []string // what of the query the client can say
	lacks []string // what of the answer it keeps to itself
	do    func(context.Context, *latchkey.Client, conformance.Request) (any, error)
}

// goWithout says why an operation is not made this way.
var goWithout = map[string]string{
	"ForwardAuth": "is for gateways, and the clients have no method for it",
	"Livez":       "is for orchestrators, and the Go client has no method for it",
}

func (goDoor) Cannot(in conformance.Request) string {
	call, known := goCalls[in.Operation]
	switch {
	case goWithout[in.Operation] != "":
		return goWithout[in.Operation]
	case !known:
		return "" // to be told as a failure
	case in.As.User != "" || in.As.Key != "" && in.As.Session != "":
		return "a client sends one credential, a key as Bearer"
	case in.Raw != nil || in.Media != "":
		return "a client writes bodies and their type itself"
	}
	for name, value := range in.Header {
		if name != "If-Match" || versionOf(value) == 0 {
			return "a client writes headers itself"
		}
	}
	for name, value := range in.Query {
		switch {
		case !slices.Contains(call.query, name):
			return "the Go client has no such parameter, or makes the pages itself"
		case slices.Contains([]string{"from", "to", "expiring_before"}, name) && momentOf(value).IsZero(), name == "revoked" && value != "false":
			return "the types of the Go client cannot say it"
		}
	}
	if in.Body != nil && (call.takes == nil || !sayable(in.Body, call.takes)) {
		return "the types of the Go client cannot say it"
	}
	return ""
}

// sayable tells whether a body is the same after it was a value of Go.
func sayable(body, as any) bool {
	b, err := json.Marshal(body)
	if err != nil {
		return false
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	into := reflect.New(reflect.TypeOf(as).Elem()).Interface()
	if d.Decode(into) != nil {
		return false
	}
	again, err := json.Marshal(into)
	var before, after any
	return err == nil && json.Unmarshal(b, &before) == nil && json.Unmarshal(again, &after) == nil && reflect.DeepEqual(before, after)
}

func (g goDoor) Do(ctx context.Context, in conformance.Request) (conformance.Answer, error) {
	call, ok := goCalls[in.Operation]
	if !ok {
		return conformance.Answer{}, fmt.Errorf("the Go client has no method for %s", in.Operation)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return conformance.Answer{}, err
	}
	at, err := url.Parse(g.base)
	if err != nil {
		return conformance.Answer{}, err
	}
	if name, value, session := strings.Cut(in.As.Session, "="); session {
		jar.SetCookies(at, []*http.Cookie{{Name: name, Value: value, Path: "/"}})
	}
	config := latchkey.Config{BaseURL: g.base, Attempts: 1, HTTPClient: &http.Client{Timeout: patience, Jar: jar}}
	if in.As.Key != "" {
		config.Key = latchkey.NewKey(in.As.Key)
	}
	client, err := latchkey.New(config)
	if err != nil {
		return conformance.Answer{}, err
	}
	got, err := call.do(ctx, client, in)
	a := conformance.Answer{Lacks: call.lacks, Silent: err == nil && got == nil}
	for _, c := range jar.Cookies(at) {
		if begun := c.Name + "=" + c.Value; begun != in.As.Session {
			a.Session = begun
		}
	}
	if refused, ok := errors.AsType[*latchkey.Error](err); ok {
		a.Status, err = refused.Status, nil
		got = wordsOf(refused)
	}
	if r, ok := got.(latchkey.Revision); ok {
		a.Header, got = http.Header{"Latchkey-Revision": {r}}, nil
	}
	if err == nil && got != nil {
		a.Body, err = plain(got)
	}
	return a, err
}

// wordsOf is what a refusal says, as on the wire.
func wordsOf(refused *latchkey.Error) map[string]any {
	return map[string]any{"error": refused.Code, "status": refused.Status, "detail": refused.Detail, "suggested": refused.Suggested, "trace_id": refused.TraceID, "metadata": refused.Metadata}
}

// plain is a result as JSON, with the secret that it would not print.
func plain(got any) ([]byte, error) {
	b, err := json.Marshal(got)
	if issued, ok := got.(latchkey.AccessKeyIssued); ok && err == nil {
		b = bytes.Replace(b, []byte(`"[secret]"`), []byte(strconv.Quote(issued.Secret.Reveal())), 1)
	}
	return b, err
}

// body is the body of a request as the client has it. That it can be has been looked at before.
func body[T any](in conformance.Request) T {
	var v T
	b, err := json.Marshal(in.Body)
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	if err != nil {
		panic(err) // Cannot has let it pass
	}
	return v
}

func versionOf(etag string) int64 {
	n, err := strconv.ParseInt(strings.Trim(etag, `"`), 10, 64)
	if strings.HasPrefix(etag, `"$`) { // is known later
		return 1
	}
	if err != nil || etag != strconv.Quote(strconv.FormatInt(n, 10)) {
		return 0
	}
	return n
}

func momentOf(text string) time.Time {
	t, _ := time.Parse(time.RFC3339Nano, text)
	return t
}

// listOf goes through pages, and calls what they hold as the API does.
func listOf[T any](name string, items iter.Seq2[T, error]) (any, error) {
	all := []T{}
	for item, err := range items {
		if err != nil {
			return nil, err
		}
		all = append(all, item)
	}
	return map[string][]T{name: all}, nil
}

func named[T any](name string, got T, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return map[string]T{name: got}, nil
}

func gave[T any](got T, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return got, nil
}

func keyFilter(in conformance.Request) latchkey.AccessKeyFilter {
	q := in.Query
	return latchkey.AccessKeyFilter{Status: latchkey.AccessKeyStatus(q["status"]), Unrevoked: q["revoked"] == "false", ExpiringBefore: momentOf(q["expiring_before"]),
		Search: q["search"], Sort: api.AccessKeySort(q["sort"]), Order: api.SortOrder(q["order"]), AccountID: q["account"]}
}

func askOf(request *api.RequestLine, resource *string, access *api.AccessLevel, permission *string) latchkey.Ask {
	ask := latchkey.Ask{Resource: orNone(resource), Access: string(orNone(access)), Permission: orNone(permission)}
	if request != nil {
		ask.Method, ask.Path = request.Method, request.Path
	}
	return ask
}

func orNone[T any](p *T) T {
	var none T
	if p == nil {
		return none
	}
	return *p
}

func verifyInput(in api.AccessKeyVerifyInput) latchkey.VerifyInput {
	out := latchkey.VerifyInput{Key: latchkey.NewKey(in.Key), Ask: askOf(in.Request, in.Resource, in.Access, in.Permission), Cost: in.Cost,
		DryRun: in.Record != nil && !*in.Record, Strict: in.Consistency != nil, AtLeast: orNone(in.AtLeast)}
	if in.Address != nil {
		out.Address, _ = netip.ParseAddr(*in.Address)
	}
	return out
}
