package prove

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
)

// report prints the summary.
func (j *journal) report(out io.Writer, now int64) {
	verdicts, withdrawals := j.totals()
	j.mu.Lock()
	defer j.mu.Unlock()
	fmt.Fprintf(out, "\n%d verdicts and %d withdrawals in %s; %d credentials given to Porcupine\n", verdicts, withdrawals,
		time.Duration(now).Round(time.Second), j.keys)
	table(out, "verifications", sums(j.asks, func(a asked) (string, string) { return string(a.door), a.answer }))
	table(out, "withdrawals", sums(j.writes, func(a attempted) (string, string) { return a.what, string(a.outcome) }))
	table(out, "grants", sums(j.grants, func(a attempted) (string, string) { return a.what, string(a.outcome) }))
	table(out, "refused", j.refusals)
	table(out, "faults", sums(j.faults, func(k Kind) (string, string) { return string(k), "times" }))
	fmt.Fprintf(out, "\nwhile all was well: %d of %d questions got no verdict\n", len(j.calmMisses), j.calmAsks)
	few(out, j.calmMisses)
	fmt.Fprintf(out, "latchkey_revocation_violation_total was read %d times\n", j.metrics)
	fmt.Fprint(out, "\nhow long withdrawals took:\n")
	waits(out, "while all was well", j.waits[true])
	waits(out, "under faults", j.waits[false])
	fmt.Fprintf(out, "\nviolations: %d\n", len(j.violations))
	var all []string
	for _, v := range j.violations {
		all = append(all, strings.Join(strings.Fields(fmt.Sprint(v.Rule, ": ", v.Account, " ", v.Subject, " at ", seconds(v.At), ": ", v.Detail)), " "))
	}
	few(out, all)
}

// few prints the first lines.
func few(out io.Writer, all []string) {
	for i, line := range all {
		if i == 20 {
			fmt.Fprintf(out, "  and %d more\n", len(all)-i)
			return
		}
		fmt.Fprintf(out, "  %s\n", line)
	}
}

// sums adds up counts in rows and columns.
func sums[K comparable](counts map[K]int, cell func(K) (string, string)) map[string]map[string]int {
	rows := map[string]map[string]int{}
	for k, n := range counts {
		row, column := cell(k)
		if rows[row] == nil {
			rows[row] = map[string]int{}
		}
		rows[row][column] += n
	}
	return rows
}

func table(out io.Writer, title string, rows map[string]map[string]int) {
	fmt.Fprintf(out, "\n%s:\n", title)
	for _, row := range slices.Sorted(maps.Keys(rows)) {
		fmt.Fprintf(out, "  %-22s", row)
		for _, column := range slices.Sorted(maps.Keys(rows[row])) {
			fmt.Fprintf(out, "  %s %d", column, rows[row][column])
		}
		fmt.Fprintln(out)
	}
}

// waits prints percentiles and a histogram whose buckets double.
func waits(out io.Writer, when string, all []time.Duration) {
	if len(all) == 0 {
		fmt.Fprintf(out, "  %s: none\n", when)
		return
	}
	slices.Sort(all)
	fmt.Fprintf(out, "  %s: %d, p50 %s, p99 %s, max %s\n   ", when, len(all), milli(quantile(all, .5)), milli(quantile(all, .99)), milli(all[len(all)-1]))
	buckets := map[int]int{}
	for _, d := range all {
		buckets[max(int(math.Ceil(math.Log2(float64(d)/float64(time.Millisecond)))), 0)]++
	}
	for _, b := range slices.Sorted(maps.Keys(buckets)) {
		fmt.Fprintf(out, " <=%dms %d", 1<<b, buckets[b])
	}
	fmt.Fprintln(out)
}

func milli(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }

// quantile of sorted durations, by the nearest rank.
func quantile(sorted []time.Duration, q float64) time.Duration {
	return sorted[max(int(math.Ceil(q*float64(len(sorted))))-1, 0)]
}

// write leaves the histories of what went wrong in a folder, each with a picture by Porcupine, and the faults.
func (j *journal) write(dir string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	err := writeJSONLines(filepath.Join(dir, "faults.jsonl"), j.spans)
	if err != nil {
		return err
	}
	if err := writeJSONLines(filepath.Join(dir, "violations.jsonl"), j.violations); err != nil {
		return err
	}
	for _, h := range j.histories {
		if err := j.writeHistory(dir, h); err != nil {
			return err
		}
	}
	return nil
}

func (j *journal) writeHistory(dir string, h *History) error {
	f, err := os.OpenFile(filepath.Join(dir, h.Account+".jsonl"), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := h.encode(f); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	for _, v := range j.violations {
		if v.Account != h.Account || v.Subject == "" {
			continue
		}
		if err := j.picture(filepath.Join(dir, h.Account+"-"+v.Subject+".html"), h, v.Subject); err != nil {
			return err
		}
	}
	return nil
}

// mostPictures is how many are drawn, and how many histories Porcupine may find wrong before it is spared the rest.
const mostPictures = 5

// picture draws the history of a credential, with the faults that were at work.
func (j *journal) picture(path string, h *History, subject string) error {
	drawn, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*.html"))
	if err != nil || slices.Contains(drawn, path) || len(drawn) >= mostPictures {
		return err
	}
	_, info := h.Register(subject, j.bounds)
	first, last := int64(math.MaxInt64), int64(0)
	for _, r := range h.readsOf(subject) {
		first, last = min(first, r.Call), max(last, r.Return)
	}
	var notes []porcupine.Annotation
	for _, s := range j.spans {
		if s.To > first && s.From < last {
			notes = append(notes, porcupine.Annotation{Tag: "faults", Start: 4 * max(s.From, first), End: 4 * min(s.To, last), Description: s.Fault})
		}
	}
	info.AddAnnotations(notes)
	return porcupine.VisualizePath(model, info, path)
}

func writeJSONLines[T any](path string, values []T) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	e := json.NewEncoder(f)
	for _, v := range values {
		if err := e.Encode(v); err != nil {
			_ = f.Close()
			return err
		}
	}
	return f.Close()
}
