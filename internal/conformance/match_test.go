package conformance

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"go.yaml.in/yaml/v3"
)

var noon = time.Date(2031, 1, 31, 12, 0, 0, 0, time.UTC)

func TestWhatFits(t *testing.T) {
	t.Parallel()
	const body = `{"id": "a1", "n": 2, "list": [{"id": "a"}, {"id": "b"}], "none": [], "null": null, "at": "2031-01-31T14:00:00Z", "yes": true}`
	known := variables{"id": "a1", "two": 2, "part": "a"}
	for want, fault := range map[string]string{
		`{id: $id, n: $two}`:                  "",
		`{id: "${now}"}`:                      `id is "a1", want "2031-01-31T12:00:00Z"`,
		`{at: "${now+2h}"}`:                   "",
		`{id: "$part"}`:                       `id is "a1", want "a"`,
		`{id: $nobody}`:                       "id cannot be compared: nothing is called $nobody",
		`{n: "2"}`:                            `n is 2, want "2"`,
		`{yes: true, "null": null}`:           "",
		`{yes: false}`:                        "yes is true, want false",
		`{more: 1}`:                           "more is missing",
		`{more: !absent , id: !any }`:         "",
		`{id: !absent }`:                      "id is there, and must not be",
		`{more: !any }`:                       "more is missing",
		`{"null": !absent }`:                  "null is there, and must not be",
		`{id: !matches '^a[0-9]$'}`:           "",
		`{id: !matches '^b'}`:                 `id is "a1", and must match ^b`,
		`{n: !matches '2'}`:                   "n is 2, and must match 2",
		`{list: [{id: a}, {id: !any }]}`:      "",
		`{list: [{id: a}]}`:                   `list is [{"id":"a"},{"id":"b"}], and must be a list of 1`,
		`{list: [{id: a}, {id: a}]}`:          `list/1/id is "b", want "a"`,
		`{list: !has {id: b}}`:                "",
		`{list: !has {id: c}}`:                "list has no item that fits, among 2",
		`{list: !without {id: c}}`:            "",
		`{list: !without {id: b}}`:            "list has an item that must not be there, at 1",
		`{list: !each {id: !matches '[ab]'}}`: "",
		`{list: !each {id: a}}`:               `list/1/id is "b", want "a"`,
		`{none: !each {id: a}}`:               "",
		`{id: !has a}`:                        `id is "a1", and must be a list`,
		`{id: {x: 1}}`:                        `id is "a1", and must be an object`,
	} {
		var got any
		var n yaml.Node
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatal(err)
		}
		if err := yaml.Unmarshal([]byte(want), &n); err != nil {
			t.Fatal(want, err)
		}
		if is := known.fits(n.Content[0], got, true, noon); is != fault {
			t.Errorf("%s: %q, want %q", want, is, fault)
		}
	}
}

// Whoever writes a case is told what is wrong with it, and where.
func TestCasesThatCannotBeRead(t *testing.T) {
	t.Parallel()
	step := "\n  steps: [{as: nobody, operation: Livez, want: {status: 200}}]"
	for text, fault := range map[string]string{
		"- name: x":                                         `a.yaml: case "x": it needs a name and steps`,
		"- steps: []":                                       `a.yaml: case "": it needs a name and steps`,
		"- name: x\n  needs: [luck]" + step:                 `nothing is called "luck"; a case may need open sign-up`,
		"- name: x\n  steps: [{as: nobody}]":                `step 1 needs as, operation and want.status`,
		"- name: x\n  step: 1":                              "line 2: field step not found",
		"- name: x\n  steps: [{operation: Livez, want: 2}]": "cannot unmarshal",
		"x": "cannot unmarshal",
	} {
		if _, err := CasesIn(fstest.MapFS{"a.yaml": {Data: []byte(text)}}); err == nil || !strings.Contains(err.Error(), fault) {
			t.Errorf("%s\ngives %v", text, err)
		}
	}
	if cases, err := CasesIn(fstest.MapFS{"a.yaml": {Data: []byte("- name: x" + step)}, "b.txt": {}}); err != nil || len(cases) != 1 || cases[0].About != "Livez" {
		t.Errorf("%v, %v", cases, err)
	}
}
