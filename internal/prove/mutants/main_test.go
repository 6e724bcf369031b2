package main

import (
	"path/filepath"
	"testing"
)

// A mutant that no longer matches the source proves nothing.
func TestEveryMutantMatches(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, m := range mutants {
		if names[m.name] || m.trap == "" || (m.elsewhere == "") == (len(m.edits) == 0) {
			t.Errorf("%s: named twice, or says too little", m.name)
		}
		names[m.name] = true
		for _, e := range m.edits {
			e.file = filepath.Join("../../..", e.file)
			if _, err := e.apply(e.file); err != nil {
				t.Errorf("%s: %v", m.name, err)
			}
		}
	}
}
