package guard_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
	"github.com/latchkey-dev/latchkey/sdk/go/guard"
)

const (
	onePath   = "/api/access-keys/verify"
	batchPath = "/api/access-keys/verify/batch"
)

// line is a service at the end of a line that holds calls back until they are released. A key is good for the account that is called as it is.
type line struct {
	t     *testing.T
	batch func(questions []string) (status int, body string) // nil: as Latchkey answers

	mu   sync.Mutex
	held []chan struct{}
	open bool
	log  []string // what was asked, as it came: keys with blanks between
}

func (l *line) RoundTrip(r *http.Request) (*http.Response, error) {
	body, _ := io.ReadAll(r.Body)
	var in struct {
		Key       string
		Questions []struct{ Key string }
	}
	if err := json.Unmarshal(body, &in); err != nil {
		l.t.Error(err)
	}
	keys := []string{in.Key}
	if r.URL.Path == batchPath {
		keys = nil
		for _, q := range in.Questions {
			keys = append(keys, q.Key)
		}
	}
	l.mu.Lock()
	l.log = append(l.log, strings.Join(keys, " "))
	hold := make(chan struct{})
	if l.open {
		close(hold)
	}
	l.held = append(l.held, hold)
	l.mu.Unlock()
	select {
	case <-hold:
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if r.URL.Path == onePath {
		return answering(200, verdictOf(keys[0])), nil
	}
	if l.batch != nil {
		return answering(l.batch(keys)), nil
	}
	return answering(200, answersTo(keys)), nil
}

func answering(status int, body string) *http.Response {
	kind := "application/json"
	if status >= 400 {
		kind = "application/problem+json"
	}
	return &http.Response{StatusCode: status, Header: http.Header{"Content-Type": {kind}}, Body: io.NopCloser(strings.NewReader(body))}
}

func verdictOf(key string) string {
	return strings.Replace(valid, `"handle":"ada"`, `"handle":"`+key+`"`, 1) + "}"
}

func answersTo(keys []string) string {
	var all []string
	for _, k := range keys {
		all = append(all, `{"result":`+verdictOf(k)+`}`)
	}
	return `{"answers":[` + strings.Join(all, ",") + `]}`
}

// release lets the next call that is held go, or from now on all.
func (l *line) release(all bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = all
	for len(l.held) > 0 {
		select {
		case <-l.held[0]:
			l.held = l.held[1:]
			continue
		default:
		}
		close(l.held[0])
		if l.held = l.held[1:]; !all {
			return
		}
	}
}

// asked gives what was asked since it was called last, when nothing more happens.
func (l *line) asked() []string {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	log := l.log
	l.log = nil
	return log
}

// callers are requests to a protected API that wait for their answers.
type callers struct {
	guard *guard.Guard
	mu    sync.Mutex
	got   map[string]string // by key: the account that the API saw, or the status and code of a refusal
	group sync.WaitGroup
}

func newCallers(t *testing.T, l *line) *callers {
	t.Helper()
	client, err := latchkey.New(latchkey.Config{BaseURL: "http://latchkey.example", Key: latchkey.NewKey("hush hush"), HTTPClient: &http.Client{Transport: l}})
	if err != nil {
		t.Fatal(err)
	}
	g, err := guard.New(guard.Config{Client: client})
	if err != nil {
		t.Fatal(err)
	}
	return &callers{guard: g, got: map[string]string{}}
}

// send makes requests with these keys, one after another, and waits for no answer.
func (c *callers) send(t *testing.T, keys ...string) {
	t.Helper()
	for _, key := range keys {
		c.sendOf(t, key)
		synctest.Wait() // so that they are asked about in this order
	}
}

func (c *callers) sendOf(t *testing.T, key string) {
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/media/7", nil)
	r.Header.Set("Authorization", "Bearer "+key)
	c.group.Go(func() { c.judge(key, r) })
}

func (c *callers) judge(key string, r *http.Request) {
	w := httptest.NewRecorder()
	admitted, ok := c.guard.Admit(w, r)
	c.mu.Lock()
	defer c.mu.Unlock()
	if ok {
		v, _ := guard.Verdict(admitted.Context())
		c.got[key] = v.Account.Handle
		return
	}
	var p struct{ Error string }
	_ = json.Unmarshal(w.Body.Bytes(), &p)
	c.got[key] = fmt.Sprint(w.Code, " ", p.Error)
}

func keys(from, to int) []string {
	var all []string
	for i := from; i <= to; i++ {
		all = append(all, fmt.Sprint("k", i))
	}
	return all
}

// gathering runs a test with a held line in a time of its own, and checks that in the end everybody has the answer to their own question.
func gathering(t *testing.T, want map[string]string, test func(t *testing.T, l *line, c *callers)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		l := &line{t: t}
		c := newCallers(t, l)
		test(t, l, c)
		l.release(true)
		c.group.Wait()
		for key, got := range c.got {
			expected, odd := want[key]
			if !odd {
				expected = key
			}
			if got != expected {
				t.Errorf("%s got %q, want %q", key, got, expected)
			}
		}
	})
}

func (l *line) want(want ...string) {
	l.t.Helper()
	if got := l.asked(); !slices.Equal(got, want) {
		l.t.Errorf("asked %q, want %q", got, want)
	}
}

// While little is to do a question is asked at once; when two calls are away the others wait for one to come back, and are asked together.
func TestQuestionsAreAskedTogether(t *testing.T) {
	t.Parallel()
	gathering(t, nil, func(t *testing.T, l *line, c *callers) {
		c.send(t, keys(1, 5)...)
		l.want("k1", "k2")
		l.release(false)
		l.want("k3 k4 k5")
		c.send(t, "k6")
		l.want()
		l.release(false)
		l.want("k6")
		l.release(true)
		l.want()
		c.send(t, "k7", "k8", "k9")
		l.want("k7", "k8", "k9")
	})
}

// A call that takes long holds nobody up for more than a millisecond.
func TestNobodyWaitsForASlowAnswer(t *testing.T) {
	t.Parallel()
	gathering(t, nil, func(t *testing.T, l *line, c *callers) {
		c.send(t, keys(1, 4)...)
		l.want("k1", "k2")
		time.Sleep(time.Millisecond)
		l.want("k3 k4")
		c.send(t, "k5")
		time.Sleep(time.Millisecond)
		l.want("k5")
	})
}

func TestAHundredQuestionsAreEnough(t *testing.T) {
	t.Parallel()
	gathering(t, nil, func(t *testing.T, l *line, c *callers) {
		c.send(t, keys(1, 252)...)
		l.want("k1", "k2", strings.Join(keys(3, 102), " "), strings.Join(keys(103, 202), " "))
		l.release(false)
		l.want(strings.Join(keys(203, 252), " "))
	})
}

// Who has left is not asked about, and ends no call that others wait for.
func TestWhoLeavesIsNotAskedAbout(t *testing.T) {
	t.Parallel()
	gathering(t, map[string]string{"gone": "503 verification_unavailable", "went": "503 verification_unavailable"}, func(t *testing.T, l *line, c *callers) {
		c.send(t, keys(1, 2)...)
		l.want("k1", "k2")
		leave := c.sendLeaving(t, "gone")
		c.send(t, "k3", "k4")
		leave()
		l.want()
		l.release(false)
		l.want("k3 k4")
		leave = c.sendLeaving(t, "went")
		c.send(t, "k5")
		l.release(false)
		l.want("went k5")
		leave()
		l.want()
	})
}

func (c *callers) sendLeaving(t *testing.T, key string) func() {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/media/7", nil)
	ctx, leave := context.WithCancel(r.Context())
	r.Header.Set("Authorization", "Bearer "+key)
	c.group.Go(func() { c.judge(key, r.WithContext(ctx)) })
	synctest.Wait()
	return leave
}

// What is said of a batch as a whole holds for all of it, unless it is that it cannot be one: then each is asked about alone.
func TestAnswersToABatch(t *testing.T) {
	t.Parallel()
	away := "503 verification_unavailable"
	all := map[string]string{"k3": away, "k4": away}
	problem := func(code string, status int) string {
		return fmt.Sprintf(`{"problem":{"error":%q,"status":%d,"detail":"D."}}`, code, status)
	}
	for name, row := range map[string]struct {
		status int
		body   string
		want   map[string]string
		again  bool
	}{
		"a bad question":         {status: 400, body: `{"error":"request_invalid"}`, again: true},
		"too much":               {status: 413, body: `{"error":"body_too_large"}`, again: true},
		"an older service":       {status: 404, body: `{"error":"not_found"}`, again: true},
		"one older still":        {status: 405, body: `{"error":"method_not_allowed"}`, again: true},
		"no verdicts now":        {status: 503, body: `{"error":"verification_unavailable"}`, want: all},
		"a fault":                {status: 500, body: `{"error":"internal"}`, want: all},
		"the guard's key is bad": {status: 401, body: `{"error":"credential_invalid"}`, want: all},
		"a proxy":                {status: 502, body: `<html>`, want: all},
		"a page":                 {status: 200, body: `<html>`, want: all},
		"nothing":                {status: 200, body: `{}`, want: all},
		"one answer for two":     {status: 200, body: answersTo([]string{"k3"}), want: all},
		"three":                  {status: 200, body: answersTo([]string{"k3", "k4", "k5"}), want: all},
		"half of it":             {status: 200, body: `{"answers":[{"result":` + verdictOf("k3") + `},`, want: all},
		"no verdict for one":     {status: 200, body: `{"answers":[` + problem("verification_unavailable", 503) + `,{"result":` + verdictOf("k4") + `}]}`, want: map[string]string{"k3": away}},
		"a path of two kinds":    {status: 200, body: `{"answers":[{"result":` + verdictOf("k3") + `},` + problem("request_invalid", 400) + `]}`, want: map[string]string{"k4": "403 permission_denied"}},
		"neither":                {status: 200, body: `{"answers":[{},{"result":` + verdictOf("k4") + `}]}`, want: map[string]string{"k3": away}},
		"both":                   {status: 200, body: `{"answers":[{"result":` + verdictOf("k3") + `},{"result":` + verdictOf("k4") + `,"problem":{"error":"internal"}}]}`, want: map[string]string{"k4": away}},
		"a refusal": {status: 200, body: `{"answers":[{"result":{"valid":false,"code":"REVOKED","status":401}},{"result":` + verdictOf("k4") + `}]}`,
			want: map[string]string{"k3": "401 credential_invalid"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			gathering(t, row.want, func(t *testing.T, l *line, c *callers) {
				l.batch = func([]string) (int, string) { return row.status, row.body }
				c.send(t, keys(1, 4)...)
				l.want("k1", "k2")
				l.release(false)
				l.want("k3 k4")
				l.release(true)
				got := l.asked()
				slices.Sort(got)
				if again := []string{"k3", "k4"}; row.again && !slices.Equal(got, again) || !row.again && len(got) > 0 {
					t.Errorf("then asked %q", got)
				}
			})
		})
	}
}

// An answer that does not come is none, and what comes later is asked about.
func TestABatchThatHangs(t *testing.T) {
	t.Parallel()
	away := "503 verification_unavailable"
	gathering(t, map[string]string{"k1": away, "k2": away, "k3": away, "k4": away}, func(t *testing.T, l *line, c *callers) {
		began := time.Now()
		c.send(t, keys(1, 4)...)
		c.group.Wait()
		if took := time.Since(began); took > 3*time.Second+time.Millisecond {
			t.Errorf("it took %v", took)
		}
		l.want("k1", "k2", "k3 k4")
		l.release(true)
		c.send(t, "k5")
		l.want("k5")
	})
}
