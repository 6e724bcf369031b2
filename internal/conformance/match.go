package conformance

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// variables are what a case knows by name.
type variables map[string]any

// later is a variable that is never used: where it is set, what is not known yet stays as it is written.
const later = ""

var variable = regexp.MustCompile(`\$(?:([a-z][a-z0-9_]*)|\{now([+-][0-9a-z.]+)?\})`)

// fill puts values in the place of variables. A text that is nothing but one becomes what that is.
func (v variables) fill(text string, now time.Time) (any, error) {
	var missing error
	value := func(match []string) any {
		if match[1] == "" {
			after, err := time.ParseDuration(match[2])
			if match[2] != "" && err != nil {
				missing = err
			}
			return now.Add(after).UTC().Truncate(time.Microsecond).Format(time.RFC3339Nano)
		}
		got, ok := v[match[1]]
		if _, unready := v[later]; !ok && unready {
			return match[0]
		}
		if !ok {
			missing = fmt.Errorf("nothing is called $%s", match[1])
		}
		return got
	}
	if whole := variable.FindStringSubmatch(text); whole != nil && whole[0] == text {
		return value(whole), missing
	}
	out := variable.ReplaceAllStringFunc(text, func(m string) string { return fmt.Sprint(value(variable.FindStringSubmatch(m))) })
	return out, missing
}

func (v variables) text(text string, now time.Time) (string, error) {
	got, err := v.fill(text, now)
	return fmt.Sprint(got), err
}

func (v variables) texts(in map[string]string, now time.Time) (map[string]string, error) {
	if len(in) == 0 {
		return nil, nil
	}
	out := map[string]string{}
	for name, text := range in {
		var err error
		if out[name], err = v.text(text, now); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// times is how often a step is made.
func (v variables) times(text string, now time.Time) (int, error) {
	if text == "" {
		return 1, nil
	}
	filled, err := v.text(text, now)
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(filled)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("times: %q is no number of times", filled)
	}
	return n, nil
}

// value makes of YAML what JSON would be, with its variables filled in.
func (v variables) value(n *yaml.Node, now time.Time) (any, error) {
	switch n.Kind {
	case 0:
		return nil, nil
	case yaml.AliasNode:
		return v.value(n.Alias, now)
	case yaml.MappingNode:
		out := map[string]any{}
		for i := 0; i < len(n.Content); i += 2 {
			member, err := v.value(n.Content[i+1], now)
			if err != nil {
				return nil, err
			}
			out[n.Content[i].Value] = member
		}
		return out, nil
	case yaml.SequenceNode:
		out := []any{}
		for _, item := range n.Content {
			got, err := v.value(item, now)
			if err != nil {
				return nil, err
			}
			out = append(out, got)
		}
		return out, nil
	}
	if n.Tag == "!!str" || n.Tag == "!!timestamp" { // a moment is a text on the wire
		return v.fill(n.Value, now)
	}
	var out any
	err := n.Decode(&out)
	return out, err
}

// fits says what is wrong with a value; empty: nothing. Members of an object that are not named are of no concern. Marks say more than
// a value can:
//
//	!absent           there is no such member
//	!any              there is one, whatever it is
//	!matches REGEXP   a text that the expression fits
//	!has VALUE        a list with an item that fits
//	!without VALUE    a list without one
//	!each VALUE       a list of nothing else
func (v variables) fits(want *yaml.Node, got any, there bool, now time.Time) string {
	switch want.Tag {
	case "!absent":
		if there {
			return "is there, and must not be"
		}
		return ""
	case "!any":
		if !there {
			return "is missing"
		}
		return ""
	}
	if !there {
		return "is missing"
	}
	plain := *want
	plain.Tag = ""
	switch want.Tag {
	case "!matches":
		text, ok := got.(string)
		if fit, err := regexp.MatchString(want.Value, text); !ok || !fit || err != nil {
			return fmt.Sprintf("is %s, and must match %s", brief(got), want.Value)
		}
		return ""
	case "!has", "!without", "!each":
		return v.items(want.Tag, retag(plain), got, now)
	}
	switch want.Kind {
	case yaml.AliasNode:
		return v.fits(want.Alias, got, there, now)
	case yaml.MappingNode:
		return v.members(want, got, now)
	case yaml.SequenceNode:
		return v.list(want, got, now)
	}
	value, err := v.value(want, now)
	if err != nil {
		return "cannot be compared: " + err.Error()
	}
	if !same(value, got) {
		return fmt.Sprintf("is %s, want %s", brief(got), brief(value))
	}
	return ""
}

// retag gives a node without its mark the tag that its content has.
func retag(n yaml.Node) *yaml.Node {
	if n.Kind == yaml.ScalarNode {
		n.Tag = "!!str"
	}
	return &n
}

func (v variables) members(want *yaml.Node, got any, now time.Time) string {
	object, ok := got.(map[string]any)
	if !ok {
		return fmt.Sprintf("is %s, and must be an object", brief(got))
	}
	for i := 0; i < len(want.Content); i += 2 {
		name := want.Content[i].Value
		member, there := object[name]
		if fault := v.fits(want.Content[i+1], member, there, now); fault != "" {
			return join(name, fault)
		}
	}
	return ""
}

func (v variables) list(want *yaml.Node, got any, now time.Time) string {
	list, ok := got.([]any)
	if !ok || len(list) != len(want.Content) {
		return fmt.Sprintf("is %s, and must be a list of %d", brief(got), len(want.Content))
	}
	for i, item := range list {
		if fault := v.fits(want.Content[i], item, true, now); fault != "" {
			return join(strconv.Itoa(i), fault)
		}
	}
	return ""
}

func (v variables) items(mark string, want *yaml.Node, got any, now time.Time) string {
	list, ok := got.([]any)
	if !ok {
		return fmt.Sprintf("is %s, and must be a list", brief(got))
	}
	fit := slices.IndexFunc(list, func(item any) bool { return v.fits(want, item, true, now) == "" })
	misfit := slices.IndexFunc(list, func(item any) bool { return v.fits(want, item, true, now) != "" })
	switch {
	case mark == "!has" && fit < 0:
		return fmt.Sprintf("has no item that fits, among %d", len(list))
	case mark == "!without" && fit >= 0:
		return fmt.Sprintf("has an item that must not be there, at %d", fit)
	case mark == "!each" && misfit >= 0:
		return join(strconv.Itoa(misfit), v.fits(want, list[misfit], true, now))
	}
	return ""
}

// join puts a name before a fault: "keys/0/id is missing".
func join(name, fault string) string {
	for _, verb := range []string{"is ", "has ", "cannot "} {
		if strings.HasPrefix(fault, verb) {
			return name + " " + fault
		}
	}
	return name + "/" + fault
}

func same(a, b any) bool {
	left, err := json.Marshal(a)
	right, err2 := json.Marshal(b)
	return err == nil && err2 == nil && string(left) == string(right)
}

// brief is a value for people.
func brief(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return "?"
	}
	return cut(string(b), 120)
}

func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// at finds a member of a decoded body, as keys.0.id.
func at(body any, path string) (any, bool) {
	for name := range strings.SplitSeq(path, ".") {
		switch in := body.(type) {
		case map[string]any:
			member, there := in[name]
			if !there {
				return nil, false
			}
			body = member
		case []any:
			n, err := strconv.Atoi(name)
			if err != nil || n < 0 || n >= len(in) {
				return nil, false
			}
			body = in[n]
		default:
			return nil, false
		}
	}
	return body, true
}
