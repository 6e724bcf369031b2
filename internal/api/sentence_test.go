package api

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
)

// object is a JSON object.
type object = map[string]any

// sentence is one row of an operation's table: who asks what, and what comes back.
type sentence struct {
	say          string
	by           *client
	method, path string
	body         any
	status       int
	code         string        // of the problem
	then         func(*answer) // looks closer; nil: nothing more to see
}

// hold runs the sentences in order. One that fails does not stop the others.
func (h *harness) hold(sentences ...sentence) {
	h.t.Helper()
	for _, s := range sentences {
		got := s.by.do(s.method, s.path, s.body)
		if got.status != s.status || s.code != "" && got.str("error") != s.code {
			h.t.Errorf("%s: %s = %d, want %d %s: %s", s.say, got.what, got.status, s.status, s.code, got.body)
			continue
		}
		if s.then != nil {
			s.then(got)
		}
	}
}

// atOnce runs do n times, all started together, and gives the answers in the order of their numbers.
func atOnce(n int, do func(i int) *answer) []*answer {
	answers := make([]*answer, n)
	var ready, all sync.WaitGroup
	ready.Add(n)
	for i := range n {
		all.Go(func() {
			ready.Done()
			ready.Wait()
			answers[i] = do(i)
		})
	}
	all.Wait()
	return answers
}

// tally counts answers by status and code, such as "200" or "409 setup_done".
func tally(answers []*answer) map[string]int {
	counts := map[string]int{}
	for _, a := range answers {
		counts[strings.TrimSpace(strconv.Itoa(a.status)+" "+a.problem())]++
	}
	return counts
}

// problem gives the code of a problem; "" where the answer is none.
func (a *answer) problem() string {
	a.t.Helper()
	if a.status < 400 {
		return ""
	}
	return a.str("error")
}

// cookie gives the one cookie that an answer sets.
func (a *answer) cookie() *http.Cookie {
	a.t.Helper()
	cookies := (&http.Response{Header: a.header}).Cookies()
	if len(cookies) != 1 {
		a.t.Fatalf("%s set %d cookies, want 1", a.what, len(cookies))
	}
	return cookies[0]
}

// column gives one member of each object of a list.
func (a *answer) column(list, member string) []string {
	a.t.Helper()
	var out []string
	for _, o := range a.list(list) {
		s, _ := o[member].(string)
		out = append(out, s)
	}
	return out
}

// scalar reads one value from the database.
func scalar[T any](h *harness, sql string, args ...any) T {
	h.t.Helper()
	var v T
	if err := h.pool.QueryRow(context.Background(), sql, args...).Scan(&v); err != nil {
		h.t.Fatalf("%s: %v", sql, err)
	}
	return v
}

func (h *harness) exec(sql string, args ...any) {
	h.t.Helper()
	if _, err := h.pool.Exec(context.Background(), sql, args...); err != nil {
		h.t.Fatalf("%s: %v", sql, err)
	}
}

// stored is every row of these tables as text, or of all tables that hold what users made.
func (h *harness) stored(tables ...string) string {
	h.t.Helper()
	if len(tables) == 0 {
		tables = []string{"account", "role", "account_role", "session", "setup_code", "access_key", "audit_event", "sign_in_attempt"}
	}
	var all strings.Builder
	for _, table := range tables {
		all.WriteString(table + ":\n" + scalar[string](h, "SELECT coalesce(string_agg(t::text, E'\\n' ORDER BY t::text), '') FROM "+table+" t") + "\n")
	}
	return all.String()
}

// walk gives the ids of a whole list, following next_cursor. The path may have a query already.
func (c *client) walk(path, list string) []string {
	c.h.t.Helper()
	var ids []string
	for next := ""; ; {
		at := path
		if next != "" {
			sep := "?"
			if strings.Contains(path, "?") {
				sep = "&"
			}
			at += sep + "cursor=" + next
		}
		got := c.get(at).want(200)
		ids = append(ids, got.column(list, "id")...)
		if next = got.str("next_cursor"); next == "" {
			return ids
		}
		if len(ids) > 10_000 {
			c.h.t.Fatalf("%s does not end", path)
		}
	}
}

// requests gives the log lines of one operation.
func (h *harness) requests(operation string) []string {
	var lines []string
	for line := range strings.Lines(h.log.String()) {
		if strings.Contains(line, "operation="+operation+" ") {
			lines = append(lines, line)
		}
	}
	return lines
}
