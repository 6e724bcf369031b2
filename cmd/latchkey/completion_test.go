package main_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What the shells are told.
func TestCompletion(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"ke":                                "keys",
		"keys|re":                           "regenerate revoke revoke-all",
		"keys|end":                          "end-overlap",
		"keys|end-overlap|x|--y":            "--yes",
		"roles|g":                           "get give",
		"doctor|--out":                      "--output",
		"cluster|set|lease=1s|-o|j":         "json",
		"keys|list|--stat":                  "--status",
		"keys|list|--status|re":             "revoking revoked",
		"keys|list|-o|":                     "table json",
		"keys|get|--url|http://x|--o":       "--output",
		"keys|get|--listen":                 "", // a setting of the service
		"serve|--listen":                    "--listen",
		"completion|":                       "bash zsh fish",
		"keys|revoke|cc5lnd2s1s4652adtu50|": "",
		"login|--pass":                      "", // there is none to be given
		"nothing|ke":                        "keys",
	} {
		got := runs(t, t.TempDir(), "", append([]string{"__complete"}, strings.Split(given, "|")...)...)
		var names []string
		for line := range strings.Lines(got.stdout) {
			name, _, _ := strings.Cut(line, "\t")
			names = append(names, name)
		}
		if got.code != 0 || strings.Join(names, " ") != want {
			t.Errorf("%s: exit code %d, got %q, want %q; %s", given, got.code, names, want, got.stderr)
		}
	}
	runs(t, t.TempDir(), "", "completion", "sh").want(t, "another shell", 2, "", "latchkey: …\nlatchkey: see latchkey --help\n")
}

// The scripts work in their shells; see scripts/need-shells.
func TestCompletionScripts(t *testing.T) {
	t.Parallel()
	for shell, try := range map[string]string{
		"bash": `source <(latchkey completion bash); COMP_WORDS=(latchkey keys rev); COMP_CWORD=2; _latchkey; echo ${COMPREPLY[@]}
			COMP_WORDS=(latchkey keys list --status act); COMP_CWORD=4; _latchkey; echo ${COMPREPLY[@]}; complete -p latchkey >/dev/null`,
		"zsh": `compdef() { functions _latchkey >/dev/null }; _describe() { echo ${(@)found%%:*} }; source <(latchkey completion zsh)
			words=(latchkey keys rev); CURRENT=3; _latchkey; words=(latchkey keys list --status act); CURRENT=5; _latchkey`,
		"fish": `latchkey completion fish | source; echo (complete -C 'latchkey keys rev' | cut -f 1); complete -C 'latchkey keys list --status act' | cut -f 1`,
	} {
		cmd := exec.CommandContext(t.Context(), shell, "-c", try)
		cmd.Env = []string{"PATH=" + filepath.Dir(binary) + ":/usr/bin:/bin", "HOME=" + t.TempDir()}
		if out, err := cmd.CombinedOutput(); err != nil || string(out) != "revoke revoke-all\nactive\n" {
			t.Errorf("%s: %v\n%s", shell, err, out)
		}
	}
}

// Help comes at once: nothing of the service is built for it.
func TestHelpIsFast(t *testing.T) {
	t.Parallel()
	best := time.Minute
	for range 10 {
		began := time.Now()
		runs(t, t.TempDir(), "", "--help")
		best = min(best, time.Since(began))
	}
	t.Logf("latchkey --help takes %v", best.Round(time.Millisecond))
	if best > time.Second { // the aim is 50 ms; the machine may be busy
		t.Errorf("latchkey --help takes %v", best)
	}
}
