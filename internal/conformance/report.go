package conformance

import (
	"cmp"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// Report is what came of a run.
type Report struct {
	Results    []Result
	Unprovoked map[Cell]string
	contract   *Contract
}

// Count gives how many cases passed, failed and were not run.
func (r *Report) Count() map[Outcome]int {
	n := map[Outcome]int{}
	for _, c := range r.Results {
		n[c.Outcome]++
	}
	return n
}

// Square is a cell of the table, with what is known of it by now.
type Square struct {
	Cell
	Outcome Outcome `json:"outcome"`
	Reason  string  `json:"reason,omitempty"` // why nothing is known
}

// Table gives every pair of operation and status: failed if a step that shows it failed, passed if one passed, and else not run.
func (r *Report) Table() []Square {
	var all []Square
	for _, cell := range r.contract.Cells() {
		s := Square{Cell: cell, Outcome: NotRun, Reason: cmp.Or(r.Unprovoked[cell], "no case was run")}
		for _, c := range r.Results {
			if slices.Contains(c.Cells, cell) {
				s = s.after(c)
			}
		}
		all = append(all, s)
	}
	return all
}

// after is a square once a result is known.
func (s Square) after(c Result) Square {
	reached := slices.Contains(c.reached, s.Cell)
	switch {
	case s.Outcome == Failed:
	case c.Outcome == Failed && (len(c.reached) == 0 || c.reached[len(c.reached)-1] == s.Cell):
		s.Outcome, s.Reason = Failed, ""
	case reached:
		s.Outcome, s.Reason = Passed, ""
	case s.Outcome == NotRun:
		s.Reason = cmp.Or(c.Reason, "an earlier step of its case failed")
	}
	return s
}

// Text writes the report for people: a block for each failure, what was not run and why, and a line that sums up.
func (r *Report) Text(w io.Writer) {
	for _, c := range r.Results {
		if c.Outcome == Failed {
			c.text(w)
		}
	}
	why := map[string]int{}
	for _, c := range r.Results {
		if c.Outcome == NotRun {
			why[c.Reason]++
		}
	}
	for _, reason := range sorted(why) {
		fmt.Fprintf(w, "not run, %d: %s\n", why[reason], reason)
	}
	n, table := r.Count(), map[Outcome]int{}
	for _, s := range r.Table() {
		table[s.Outcome]++
	}
	fmt.Fprintf(w, "%d cases: %d passed, %d failed, %d not run\n", len(r.Results), n[Passed], n[Failed], n[NotRun])
	fmt.Fprintf(w, "%d pairs of operation and status: %d passed, %d failed, %d not provoked or not run\n",
		table[Passed]+table[Failed]+table[NotRun], table[Passed], table[Failed], table[NotRun])
}

func sorted(m map[string]int) []string {
	all := make([]string, 0, len(m))
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

func (c Result) text(w io.Writer) {
	fmt.Fprintf(w, "FAILED %s: %s\n", c.Operation, c.Name)
	for _, part := range []struct{ name, text string }{
		{"wrong", strings.Join(c.Faults, "\n")}, {"sent", c.Sent}, {"wanted", c.Wanted}, {"came", c.Came}, {"contract", c.Place},
	} {
		if part.text != "" {
			fmt.Fprintf(w, "  %-9s %s\n", part.name+":", strings.ReplaceAll(printable(part.text), "\n", "\n            "))
		}
	}
	if c.Step > 1 {
		fmt.Fprintf(w, "  in its step %d\n", c.Step)
	}
	fmt.Fprintln(w)
}

// printable is text of a server without what could steer a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && !strconv.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
}

// TextTable writes the table for people, with the reasons for its gaps below.
func (r *Report) TextTable(w io.Writer) {
	table := r.Table()
	var statuses []int
	for _, s := range table {
		if !slices.Contains(statuses, s.Status) {
			statuses = append(statuses, s.Status)
		}
	}
	slices.Sort(statuses)
	t := tabwriter.NewWriter(w, 0, 0, 1, ' ', 0)
	fmt.Fprint(t, "OPERATION")
	for _, status := range statuses {
		fmt.Fprintf(t, "\t%d", status)
	}
	signs := map[Outcome]string{Passed: "ok", Failed: "FAIL", NotRun: "-"}
	row := map[int]string{}
	for i, s := range table {
		row[s.Status] = signs[s.Outcome]
		if i == len(table)-1 || table[i+1].Operation != s.Operation {
			fmt.Fprintf(t, "\n%s", s.Operation)
			for _, status := range statuses {
				fmt.Fprint(t, "\t", row[status])
			}
			clear(row)
		}
	}
	fmt.Fprintln(t)
	_ = t.Flush()
	gaps := map[string]int{}
	for _, s := range table {
		if s.Outcome == NotRun {
			gaps[fmt.Sprintf("%d: %s", s.Status, s.Reason)]++
		}
	}
	fmt.Fprintln(w)
	for _, gap := range sorted(gaps) {
		fmt.Fprintf(w, "- %s (%d)\n", gap, gaps[gap])
	}
}

// JSON writes the report for programs.
func (r *Report) JSON(w io.Writer) error {
	n := r.Count()
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(map[string]any{"passed": n[Passed], "failed": n[Failed], "not_run": n[NotRun], "cases": r.Results, "table": r.Table()})
}

type junitSuites struct {
	XMLName xml.Name     `xml:"testsuites"`
	Name    string       `xml:"name,attr"`
	Tests   int          `xml:"tests,attr"`
	Failed  int          `xml:"failures,attr"`
	Skipped int          `xml:"skipped,attr"`
	Time    string       `xml:"time,attr"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name    string      `xml:"name,attr"`
	Tests   int         `xml:"tests,attr"`
	Failed  int         `xml:"failures,attr"`
	Skipped int         `xml:"skipped,attr"`
	Time    string      `xml:"time,attr"`
	Cases   []junitCase `xml:"testcase"`

	took time.Duration
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitFailure `xml:"failure"`
	Skipped *junitSkipped `xml:"skipped"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

type junitSkipped struct {
	Message string `xml:"message,attr"`
}

// JUnit writes the report as CI systems read it: a suite for each operation. What is not provoked is a case that was skipped.
func (r *Report) JUnit(w io.Writer) error {
	suites := map[string]*junitSuite{}
	for _, c := range r.Results {
		j := junitCase{Name: c.Name, Class: c.Operation, Time: seconds(c.Took)}
		switch c.Outcome {
		case Failed:
			var text strings.Builder
			c.text(&text)
			j.Failure = &junitFailure{Message: printable(strings.Join(c.Faults, "; ")), Text: text.String()}
		case NotRun:
			j.Skipped = &junitSkipped{c.Reason}
		}
		add(suites, j, c.Took)
	}
	for cell, reason := range r.Unprovoked {
		add(suites, junitCase{Name: fmt.Sprintf("%d is not provoked", cell.Status), Class: cell.Operation, Time: seconds(0), Skipped: &junitSkipped{reason}}, 0)
	}
	all := junitSuites{Name: "latchkey contract-test"}
	var took time.Duration
	for _, id := range r.contract.Operations() {
		s := suites[id]
		if s == nil {
			continue
		}
		slices.SortStableFunc(s.Cases, func(a, b junitCase) int { return strings.Compare(a.Name, b.Name) })
		s.Time = seconds(s.took)
		took += s.took
		all.Tests, all.Failed, all.Skipped = all.Tests+s.Tests, all.Failed+s.Failed, all.Skipped+s.Skipped
		all.Suites = append(all.Suites, *s)
	}
	all.Time = seconds(took)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(all); err != nil {
		return fmt.Errorf("write JUnit: %w", err)
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func add(suites map[string]*junitSuite, c junitCase, took time.Duration) {
	s := suites[c.Class]
	if s == nil {
		s = &junitSuite{Name: c.Class}
		suites[c.Class] = s
	}
	s.Cases, s.took = append(s.Cases, c), s.took+took
	s.Tests++
	if c.Failure != nil {
		s.Failed++
	}
	if c.Skipped != nil {
		s.Skipped++
	}
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 3, 64) }
