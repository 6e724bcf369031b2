package main_test

import "testing"

// The examples of docs/usage.md are true, letter by letter.
func TestUsagePage(t *testing.T) {
	t.Parallel()
	runTranscript(t, "../../docs/usage.md", serve(t))
}
