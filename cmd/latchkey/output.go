package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// format is for the commands that ask no instance as somebody.
type format struct {
	Output string `short:"o" enum:"table,json" default:"table" placeholder:"FORMAT" help:"table, or json."`
}

func (o format) json() bool { return o.Output == "json" }

// recorder remembers what the API has answered, since json is that and not what we have understood of it.
type recorder struct {
	bodies  [][]byte
	unheard bool // a change was asked for, and its answer has not come
}

const answerMost = 16 << 20 // bytes, as the SDK has it

// RoundTrip is http.DefaultTransport's. It is not for use by many goroutines.
func (r *recorder) RoundTrip(q *http.Request) (*http.Response, error) {
	r.unheard = q.Method != http.MethodGet && !strings.HasPrefix(q.URL.Path, "/api/auth/password/")
	resp, err := http.DefaultTransport.RoundTrip(q)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, answerMost))
	_ = resp.Body.Close()
	if err != nil {
		resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), broken{err}))
		return resp, nil
	}
	r.unheard = false
	resp.Body = io.NopCloser(bytes.NewReader(body))
	if resp.StatusCode < http.StatusMultipleChoices {
		r.bodies = append(r.bodies, body)
	}
	return resp, nil
}

func (r *recorder) changing() bool { return r.unheard }

type broken struct{ err error }

func (b broken) Read([]byte) (int, error) { return 0, b.err }

// show prints what was answered last, or as the table has it.
func (v *visit) show(table func()) error {
	if !v.json {
		table()
		return nil
	}
	if n := len(v.answers.bodies); n > 0 {
		return v.raw(v.answers.bodies[n-1])
	}
	return nil
}

func (v *visit) raw(body []byte) error {
	if body = bytes.TrimSpace(body); len(body) == 0 {
		return nil
	}
	_, err := fmt.Fprintf(v.out, "%s\n", body)
	return err
}

// listing is how a list is printed.
type listing[T any] struct {
	member string // of the answer
	limit  int    // most items
	head   []string
	row    func(T) []string
}

// list prints a list of which the API gives pages.
func list[T any](v *visit, l listing[T], items iter.Seq2[T, error]) error {
	first, more := len(v.answers.bodies), false
	rows := [][]string{}
	for item, err := range items {
		if err != nil {
			return err
		}
		if more = len(rows) == l.limit; more {
			break
		}
		rows = append(rows, l.row(item))
	}
	if more {
		fmt.Fprintf(v.err, "latchkey: there are more than %d: see them with --limit, or narrow the list\n", l.limit)
	}
	if !v.json {
		v.table(l.head, rows)
		return nil
	}
	pages := v.answers.bodies[first:]
	if len(pages) == 1 && !more {
		return v.raw(pages[0])
	}
	return v.joined(l.member, pages, l.limit)
}

// joined prints pages as if they were one.
func (v *visit) joined(member string, pages [][]byte, limit int) error {
	all := []json.RawMessage{}
	for _, body := range pages {
		var page map[string]json.RawMessage
		var items []json.RawMessage
		if err := json.Unmarshal(body, &page); err != nil {
			return fmt.Errorf("decode page: %w", err)
		}
		if err := json.Unmarshal(page[member], &items); err != nil {
			return fmt.Errorf("decode page: %w", err)
		}
		all = append(all, items...)
	}
	return plainJSON(v.out, map[string]any{member: all[:min(limit, len(all))]})
}

func plainJSON(w io.Writer, value any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(value)
}

func (v *visit) table(head []string, rows [][]string) {
	if len(rows) == 0 {
		fmt.Fprintln(v.err, "there are none")
		return
	}
	w := tabwriter.NewWriter(v.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(head, "\t"))
	for _, row := range rows {
		for i := range row {
			row[i] = printable(row[i])
		}
		fmt.Fprintln(w, strings.Join(row, "\t"))
	}
	_ = w.Flush()
}

// fact is a line about one thing; without a value there is no line.
type fact struct{ name, value string }

func (v *visit) facts(facts []fact) {
	w := tabwriter.NewWriter(v.out, 0, 0, 2, ' ', 0)
	for _, f := range facts {
		if f.value != "" {
			fmt.Fprintf(w, "%s:\t%s\n", f.name, printable(f.value))
		}
	}
	_ = w.Flush()
}

// printable is text of somebody else without what could steer a terminal or turn its letters round.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
			return '?'
		}
		return r
	}, s)
}

func when(t time.Time) string { return t.Local().Format("2006-01-02 15:04") }

func whenever(t *time.Time, otherwise string) string {
	if t == nil {
		return otherwise
	}
	return when(*t)
}

func words[T ~string](list []T) string {
	all := make([]string, len(list))
	for i, s := range list {
		all[i] = string(s)
	}
	return strings.Join(all, " ")
}

func text[T ~string](s *T) string {
	if s == nil {
		return ""
	}
	return string(*s)
}

func number(n *int64, otherwise string) string {
	if n == nil {
		return otherwise
	}
	return strconv.FormatInt(*n, 10)
}
