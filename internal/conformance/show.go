package conformance

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

const shownMost = 600 // bytes of a body

// mask takes every secret of the run out of a text.
func (r *runner) mask(text string) string {
	for _, secret := range r.world.secrets {
		text = strings.ReplaceAll(text, secret, "[secret]")
	}
	return text
}

func (r *runner) masked(texts []string) []string {
	out := make([]string, len(texts))
	for i, text := range texts {
		out[i] = r.mask(text)
	}
	return out
}

// shown is a request as it was sent, for people.
func (op *operation) shown(in Request) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", op.method, op.target(in))
	switch {
	case in.As.Session != "" && in.As.Key != "":
		fmt.Fprintln(&b, "Cookie: [session]\nAuthorization: Bearer [key]")
	case in.As.Session != "":
		fmt.Fprintln(&b, "Cookie: [session]")
	case in.As.User != "":
		fmt.Fprintln(&b, "Authorization: Basic [id and key]")
	case in.As.Key != "":
		fmt.Fprintln(&b, "Authorization: Bearer [key]")
	}
	for _, name := range slices.Sorted(maps.Keys(in.Header)) {
		fmt.Fprintf(&b, "%s: %s\n", name, cut(in.Header[name], 80))
	}
	if body, err := encode(in, op); err == nil && len(body) > 0 {
		fmt.Fprintln(&b, cut(string(body), shownMost))
	}
	return strings.TrimSpace(b.String())
}

func (w Want) shown() string {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	var out struct {
		Status  int                  `yaml:"status"`
		Error   string               `yaml:"error,omitempty"`
		Headers map[string]yaml.Node `yaml:"headers,omitempty"`
		Body    *yaml.Node           `yaml:"body,omitempty"`
	}
	out.Status, out.Error, out.Headers = w.Status, w.Error, w.Headers
	if w.Body.Kind != 0 {
		out.Body = &w.Body
	}
	if err := e.Encode(out); err != nil {
		return fmt.Sprint(w.Status, " ", w.Error)
	}
	return strings.TrimSpace(b.String())
}

func (a Answer) shown() string {
	var b strings.Builder
	if a.Status == 0 && !a.Wire {
		fmt.Fprintln(&b, "success")
	} else {
		fmt.Fprintln(&b, a.Status)
	}
	for _, name := range slices.Sorted(maps.Keys(a.Header)) {
		if name != "Set-Cookie" && name != "Date" {
			fmt.Fprintf(&b, "%s: %s\n", name, cut(strings.Join(a.Header[name], ", "), 120))
		}
	}
	fmt.Fprintln(&b, cut(string(a.Body), shownMost))
	return strings.TrimSpace(b.String())
}
