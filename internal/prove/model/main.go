// Command model proves the revocation protocol on paper: it looks at every state that small worlds of it can get into, and
// shows the shortest way to the first that breaks a promise. `make prove-model` runs it; docs/revocation.md is the protocol.
//
//	go run ./internal/prove/model                   every run must hold, every mutant must be caught; exit 1 if not
//	go run ./internal/prove/model -list             names the runs and the mutants
//	go run ./internal/prove/model -run replica      one run
//	go run ./internal/prove/model -mutant noFloor   one mutant, in the run that catches it (or in that of -run), with the trace
//
// It stands apart from what it models and shares no code with it: a mistake in the service is none here. A state (state.go)
// holds the database, the nodes and the calls; each actor has a file and a function that lists what it may do next
// (world.next calls them all); runs.go says what is in each world, mutants.go what is done wrong in each mutant.
//
// A step of an actor is one thing that happens at once: a statement of the database, or what a process does under one lock.
// Between two steps anything else may happen, for any time. So a node that is slow, stopped, suspended or cut off needs no
// step of its own. Times are ages, which stop at the longest lease: a run ends because there are no more states, not because
// it was cut.
//
// Not in the model: clocks that run at different rates, expiry, paging, the pruning of changes, statements that are retried,
// more than one failover, and more than two of anything.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"time"
)

const (
	workers = 2       // searches at once
	memory  = 3 << 30 // the garbage collector works harder above this
)

func main() {
	debug.SetMemoryLimit(memory)
	if err := run(os.Args[1:], os.Stdout, time.Now); err != nil {
		fmt.Fprintln(os.Stderr, "model:", err)
		os.Exit(1)
	}
}

// run does what args say and writes what it finds to stdout.
func run(args []string, stdout io.Writer, now func() time.Time) error {
	flags := flag.NewFlagSet("model", flag.ContinueOnError)
	flags.SetOutput(stdout)
	runName := flags.String("run", "", "do this run only")
	mutantName := flags.String("mutant", "", "do this mutant only, and print how it was caught")
	list := flags.Bool("list", false, "print the names of runs and mutants")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *list {
		printNames(stdout)
		return nil
	}
	jobs, err := choose(*runName, *mutantName)
	if err != nil {
		return err
	}
	return prove(jobs, stdout, now)
}

func printNames(stdout io.Writer) {
	for _, r := range runs {
		fmt.Fprintf(stdout, "run     %-21s %s\n", r.name, r.about)
	}
	for _, m := range mistakes {
		fmt.Fprintf(stdout, "mutant  %-21s %s (%s in %s)\n", m.name, m.about, m.breaks, m.run)
	}
}

// job is one search.
type job struct {
	setup setup
	mistake
	story bool // tell how a mutant was caught
}

// choose gives the searches that the names ask for; no name asks for all.
func choose(runName, mutantName string) ([]job, error) {
	var jobs []job
	for _, r := range runs {
		if mutantName == "" && (runName == "" || runName == r.name) {
			jobs = append(jobs, job{setup: r})
		}
	}
	for _, m := range mistakes {
		if mutantName == "" && runName != "" || mutantName != "" && mutantName != m.name {
			continue
		}
		if mutantName != "" && runName != "" {
			m.run = runName
		}
		if i := slices.IndexFunc(runs, func(r setup) bool { return r.name == m.run }); i >= 0 {
			jobs = append(jobs, job{runs[i], m, mutantName != ""})
		}
	}
	if len(jobs) == 0 {
		return nil, errors.New("no such run or mutant; see -list")
	}
	return jobs, nil
}

// result is what a job found, and how long it took.
type result struct {
	found
	took time.Duration
}

// prove does the jobs, and prints what each found in their order. It fails if one did not come out as it must.
func prove(jobs []job, stdout io.Writer, now func() time.Time) error {
	results := make([]chan result, len(jobs))
	for i := range jobs {
		results[i] = make(chan result, 1)
	}
	turns := make(chan struct{}, workers)
	go func() {
		for i, j := range jobs {
			turns <- struct{}{}
			go func() {
				begin := now()
				f := explore(newWorld(j.setup, j.mutant))
				results[i] <- result{f, now().Sub(begin)}
				<-turns
			}()
		}
	}()
	wrong, begin := 0, now()
	for i, j := range jobs {
		if !j.print(stdout, <-results[i]) {
			wrong++
		}
	}
	fmt.Fprintf(stdout, "%d searches, %d wrong, %.0f s\n", len(jobs), wrong, now().Sub(begin).Seconds())
	if wrong > 0 {
		return fmt.Errorf("%d of %d searches did not come out as they must", wrong, len(jobs))
	}
	return nil
}

// print prints a line, and the trace if it is news. It tells whether the job came out as it must.
func (j *job) print(stdout io.Writer, r result) bool {
	right := r.broken == j.breaks && !r.cut
	said := "HOLDS"
	switch {
	case r.cut:
		said = "TOO LARGE"
	case r.broken != none:
		said = fmt.Sprintf("VIOLATION of %s", r.broken)
	}
	name, kind := j.setup.name, "run   "
	if j.mutant != faithful {
		name, kind = j.name+" in "+j.setup.name, "mutant"
	}
	wrongly := ""
	if !right {
		wrongly = "  WRONG"
	}
	fmt.Fprintf(stdout, "%s %-37s %-19s %9d states  depth %2d %6.1f s%s\n", kind, name, said, r.states, r.depth, r.took.Seconds(), wrongly)
	if r.broken != none && (!right || j.story) {
		for i, line := range r.trace {
			fmt.Fprintf(stdout, "  %3d  %s\n", i+1, line)
		}
	}
	return right
}
