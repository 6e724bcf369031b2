package conformance

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Case is a short story with one point. Its steps are made in order, and the first that does not come out as told ends it.
type Case struct {
	Name  string   `yaml:"name"`
	About string   `yaml:"about"` // an operation; by default that of the last step
	Needs []string `yaml:"needs"` // what the server or the run must have; see the constants
	Steps []Step   `yaml:"steps"`

	file string
}

// What a case may need; where it is not there, the case is not run, and says so.
const (
	needsSignup    = "open sign-up"
	needsNoSignup  = "closed sign-up"
	needsSetupCode = "a set-up code"
	needsCatalogue = "--change-catalogue"
	needsForever   = "keys that never expire"
	needsFewKeys   = "at most 100 keys" // for an account
)

var allNeeds = []string{needsSignup, needsNoSignup, needsSetupCode, needsCatalogue, needsForever, needsFewKeys}

// Step is one request, and what must come of it. In its texts, $name is a variable, and ${now+2h} a moment.
type Step struct {
	As        string            `yaml:"as"` // somebody of the world, "nobody", a session that a step has begun, "key $secret" or "basic $user $secret"
	Operation string            `yaml:"operation"`
	Path      map[string]string `yaml:"path"`
	Query     map[string]string `yaml:"query"`
	Headers   map[string]string `yaml:"headers"`
	Body      yaml.Node         `yaml:"body"`
	Raw       *string           `yaml:"raw"`    // the body, to the letter
	Media     string            `yaml:"media"`  // of the body
	Times     string            `yaml:"times"`  // how often, where not once; each must come out as told
	Within    time.Duration     `yaml:"within"` // how long the answer may take to be as told; it is asked for again and again
	Want      Want              `yaml:"want"`
	Save      map[string]string `yaml:"save"`    // variable: member of the body, as keys.0.id, or "header NAME"
	Session   string            `yaml:"session"` // what the session is called that this begins

	// Person stands for three steps: an account is made, has the role of a person of the world where Role names one, and signs in. Later
	// steps know its session by its name, and its id as the variable of that name.
	Person string `yaml:"person"`
	Role   string `yaml:"role"`
}

// Want is what an answer must be like, beside fitting the contract.
type Want struct {
	Status  int                  `yaml:"status"`
	Error   string               `yaml:"error"`
	Headers map[string]yaml.Node `yaml:"headers"`
	Body    yaml.Node            `yaml:"body"`
}

// Unprovoked says why a status of some operations has no case.
type Unprovoked struct {
	Status     int      `yaml:"status"`
	Operations []string `yaml:"operations"` // empty: every operation that may answer it
	Reason     string   `yaml:"reason"`
}

//go:embed cases/*.yaml asks.yaml unprovoked.yaml
var written embed.FS

// ReadCases reads the cases that this program was built with.
func ReadCases() ([]Case, error) {
	sub, err := fs.Sub(written, "cases")
	if err != nil {
		return nil, fmt.Errorf("read cases: %w", err)
	}
	return CasesIn(sub)
}

// CasesIn reads every *.yaml of a folder. An error names the file.
func CasesIn(dir fs.FS) ([]Case, error) {
	names, err := fs.Glob(dir, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list cases: %w", err)
	}
	if len(names) == 0 {
		return nil, errors.New("there are no *.yaml files in it")
	}
	var all []Case
	for _, name := range names {
		f, err := dir.Open(name)
		if err != nil {
			return nil, fmt.Errorf("open cases: %w", err)
		}
		cases, err := parseCases(f)
		_ = f.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for i := range cases {
			cases[i].file = name
		}
		all = append(all, cases...)
	}
	return all, nil
}

func parseCases(r io.Reader) ([]Case, error) {
	var cases []Case
	d := yaml.NewDecoder(r)
	d.KnownFields(true)
	if err := d.Decode(&cases); err != nil {
		return nil, err
	}
	for i := range cases {
		if err := cases[i].check(); err != nil {
			return nil, fmt.Errorf("case %q: %w", cases[i].Name, err)
		}
	}
	return cases, nil
}

func (c *Case) check() error {
	if c.Name == "" || len(c.Steps) == 0 {
		return errors.New("it needs a name and steps")
	}
	for _, need := range c.Needs {
		if !slices.Contains(allNeeds, need) {
			return fmt.Errorf("nothing is called %q; a case may need %s", need, strings.Join(allNeeds, ", "))
		}
	}
	var steps []Step
	for _, s := range c.Steps {
		steps = append(steps, s.spread()...)
	}
	c.Steps = steps
	for n, s := range c.Steps {
		if s.Operation == "" || s.As == "" || s.Want.Status == 0 {
			return fmt.Errorf("step %d needs as, operation and want.status", n+1)
		}
	}
	if c.About == "" {
		c.About = c.Steps[len(c.Steps)-1].Operation
	}
	return nil
}

// spread gives the steps that a step stands for.
func (s Step) spread() []Step {
	if s.Person == "" {
		return []Step{s}
	}
	handle := "$run-$case-" + s.Person
	pair := *node(map[string]string{"identifier": handle, "token": "$password"})
	steps := []Step{{As: "admin", Operation: "AccountCreate", Body: pair, Want: Want{Status: 200}, Save: map[string]string{s.Person: "id"}}}
	if s.Role != "" {
		path := map[string]string{"handle": handle, "role_id": "$" + s.Role + "_role"}
		steps = append(steps, Step{As: "admin", Operation: "AccountAddRole", Path: path, Want: Want{Status: 200}})
	}
	return append(steps, Step{As: "nobody", Operation: "AuthPasswordSignin", Body: pair, Want: Want{Status: 200}, Session: s.Person})
}

// Cells lists what the case shows.
func (c *Case) Cells() []Cell {
	var all []Cell
	for _, s := range c.Steps {
		if cell := (Cell{s.Operation, s.Want.Status}); !slices.Contains(all, cell) {
			all = append(all, cell)
		}
	}
	return all
}

// ReadUnprovoked reads the reasons that this program was built with.
func ReadUnprovoked(c *Contract) (map[Cell]string, error) {
	b, err := written.ReadFile("unprovoked.yaml")
	if err != nil {
		return nil, fmt.Errorf("read reasons: %w", err)
	}
	var list []Unprovoked
	if err := yaml.Unmarshal(b, &list); err != nil {
		return nil, fmt.Errorf("read reasons: %w", err)
	}
	all := map[Cell]string{}
	for _, u := range list {
		for _, cell := range c.Cells() {
			if cell.Status == u.Status && (len(u.Operations) == 0 || slices.Contains(u.Operations, cell.Operation)) {
				if all[cell] != "" {
					return nil, fmt.Errorf("%s %d has two reasons", cell.Operation, cell.Status)
				}
				all[cell] = u.Reason
			}
		}
	}
	return all, nil
}
