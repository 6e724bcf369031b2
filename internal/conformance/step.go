package conformance

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// request fills in a step, but for who makes it.
func (r *runner) request(s Step, known variables) (Request, error) {
	in := Request{Operation: s.Operation, Raw: s.Raw, Media: s.Media}
	now := r.Now()
	var err error
	if in.Body, err = known.value(&s.Body, now); err != nil {
		return in, err
	}
	if in.Path, err = known.texts(s.Path, now); err != nil {
		return in, err
	}
	if in.Query, err = known.texts(s.Query, now); err != nil {
		return in, err
	}
	in.Header, err = known.texts(s.Headers, now)
	return in, err
}

func (r *runner) credential(as string, known variables, sessions map[string]Credential, now time.Time) (Credential, error) {
	if c, ok := sessions[as]; ok {
		return c, nil
	}
	if c, ok := r.world.actors[as]; ok {
		return c, nil
	}
	filled, err := known.text(as, now)
	if err != nil {
		return Credential{}, err
	}
	part := strings.Fields(filled)
	switch {
	case len(part) == 2 && part[0] == "key":
		return Credential{Key: part[1]}, nil
	case len(part) == 3 && part[0] == "basic":
		return Credential{User: part[1], Key: part[2]}, nil
	}
	return Credential{}, fmt.Errorf("nobody is called %q", as)
}

// judge says everything that is wrong with an answer.
func (r *runner) judge(op *operation, s Step, a Answer, known variables) []string {
	var faults []string
	switch {
	case a.Status == 0 && (s.Want.Status < 200 || s.Want.Status > 299):
		faults = append(faults, fmt.Sprintf("it succeeds, want %d", s.Want.Status))
	case a.Status != 0 && a.Status != s.Want.Status:
		faults = append(faults, fmt.Sprintf("the status is %d, want %d", a.Status, s.Want.Status))
	}
	if a.Wire {
		faults = append(faults, r.Contract.held(op, a)...)
	}
	faults = append(faults, r.leaks(s.Operation, a)...)
	var body any
	if a.Body != nil && json.Unmarshal(a.Body, &body) != nil && !a.Wire {
		faults = append(faults, "the client gives no JSON")
	}
	if code, _ := at(body, "error"); s.Want.Error != "" && code != s.Want.Error {
		faults = append(faults, fmt.Sprintf("error is %s, want %q", brief(code), s.Want.Error))
	}
	if s.Want.Body.Kind != 0 && !a.Silent {
		if fault := known.fits(lessened(&s.Want.Body, a.Lacks), body, body != nil, r.Now()); fault != "" {
			faults = append(faults, "the body: "+fault)
		}
	}
	if a.Wire {
		faults = append(faults, r.headers(s, a, known)...)
	}
	return faults
}

func (r *runner) headers(s Step, a Answer, known variables) []string {
	var faults []string
	for name, want := range s.Want.Headers {
		values := a.Header.Values(name)
		var got any
		if len(values) > 0 {
			got = values[0]
		}
		if fault := known.fits(&want, got, len(values) > 0, r.Now()); fault != "" {
			faults = append(faults, name+" "+fault)
		}
	}
	slices.Sort(faults)
	return faults
}

// lessened is a want without the members that a client keeps to itself.
func lessened(want *yaml.Node, lacks []string) *yaml.Node {
	less := want
	for _, name := range lacks {
		less = without(*less, name)
	}
	return less
}

// leaks finds secrets in an answer that is none of the two that issue one. A session is issued in a cookie.
func (r *runner) leaks(operation string, a Answer) []string {
	body := string(a.Body)
	if operation == "AccessKeyCreate" || operation == "AccessKeyRegenerate" {
		var issued struct{ Secret string }
		if json.Unmarshal(a.Body, &issued) == nil && issued.Secret != "" {
			body = strings.Replace(body, issued.Secret, "", 1)
		}
	}
	for _, secret := range r.world.secrets {
		if strings.Contains(body, secret) {
			return []string{"the body holds a secret that was given out before"}
		}
		for name, values := range a.Header {
			if name != "Set-Cookie" && strings.Contains(strings.Join(values, "\n"), secret) {
				return []string{"the header " + name + " holds a secret"}
			}
		}
	}
	return nil
}

func remember(s Step, a Answer, known variables, sessions map[string]Credential) error {
	if s.Session != "" {
		if a.Session == "" {
			return errors.New("it begins no session")
		}
		sessions[s.Session] = Credential{Session: a.Session}
	}
	var body any
	_ = json.Unmarshal(a.Body, &body) // where it is none, there is nothing to find
	for name, from := range s.Save {
		if header, ok := strings.CutPrefix(from, "header "); ok {
			known[name] = a.Header.Get(header)
			continue
		}
		value, ok := at(body, from)
		if !ok {
			return fmt.Errorf("%s is missing, and a later step needs it", from)
		}
		known[name] = value
	}
	return nil
}
