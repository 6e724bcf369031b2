package token_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The rule that is shipped for gitleaks finds every key, wherever it is written, and nothing that only looks like one.
func TestGitleaksFindsKeysAndNoLookAlikes(t *testing.T) {
	t.Parallel()
	secret, p := mint(t, "lk")
	key := secret.Reveal()
	other, _ := mint(t, "blk")
	dir := t.TempDir()
	want := map[string]bool{}
	for name, planted := range map[string]struct {
		text  string
		found bool
	}{
		"alone.txt":      {key, true},
		"line.txt":       {"before\n" + key + "\nafter\n", true},
		"app.json":       {`{"latchkey": {"key": "` + key + `"}}`, true},
		"escaped.json":   {`{"log": "Authorization: Bearer\n` + key + `\n"}`, true},
		".env":           {"LATCHKEY_KEY=" + key + "\n", true},
		"quoted.env":     {"export KEY='" + key + "'\n", true},
		"url.log":        {"GET https://keys.example.com/x?key=" + key + "&page=2 HTTP/1.1\n", true},
		"encoded.log":    {"GET /x?next=%2Fy%3Fkey%3d" + key + "%26page=2\n", true},
		"basic.log":      {"https://user:" + key + "@keys.example.com/\n", true},
		"main.go":        {"package main\n\nconst key = \"" + key + "\" // our key\n", true},
		"client.py":      {"requests.get(url, headers={'Authorization': f'Bearer " + key + "'})\n", true},
		"deploy.sh":      {"curl -H \"Authorization: Bearer " + key + "\" \"$URL\"\n", true},
		"values.yaml":    {"latchkey:\n  key: " + key + "\n", true},
		"chat.md":        {"my key is `" + key + "`, does it work?\n", true},
		"csv.csv":        {"grace," + key + ",2031\n", true},
		"joined.txt":     {"KEY_" + key + "_KEY\n", true},
		"hint.txt":       {p.Prefix() + "\n", false},
		"short.txt":      {key[:len(key)-1] + "\n", false},
		"long.txt":       {key + "0\n", false},
		"cut.txt":        {key[:40] + "\n" + key[40:] + "\n", false},
		"alphabet.txt":   {key[:30] + "-" + key[31:] + "\n", false},
		"separator.txt":  {strings.Replace(key, p.Prefix()+"_", p.Prefix()+"-", 1) + "\n", false},
		"upper.txt":      {strings.Replace(key, "lkpat_", "LKPAT_", 1) + "\n", false},
		"brand.txt":      {other.Reveal() + "\n", false}, // has a rule of its own
		"other.txt":      {strings.Replace(key, "lkpat_", "ghp_", 1) + "\n", false},
		"document.txt":   {"lkpat_<id16>_<secret43><crc6>\n", false},
		"placeholder.md": {"LATCHKEY_KEY=lkpat_…\n", false},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(planted.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if planted.found {
			want[name] = true
		}
	}
	found := gitleaks(t, dir)
	for name := range want {
		if found[name] != key {
			t.Errorf("the key in %s is not found", name)
		}
	}
	for name := range found {
		if !want[name] {
			t.Errorf("something is found in %s", name)
		}
	}
}

// gitleaks runs the real one on a folder with the rule of docs, and gives what it found by the name of the file. The first time, it is
// built: half a minute.
func gitleaks(t *testing.T, dir string) map[string]string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	report := filepath.Join(t.TempDir(), "report.json")
	cmd := exec.CommandContext(ctx, "go", "tool", "-modfile=tools/gitleaks/go.mod", "gitleaks", "dir", dir, "--config=docs/gitleaks.toml",
		"--report-format=json", "--report-path="+report, "--exit-code=0", "--no-banner")
	cmd.Dir = filepath.Join("..", "..")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // builds in half the time
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("gitleaks: %v\n%s", err, out)
	}
	b, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	var findings []struct{ RuleID, File, Secret string }
	if err := json.Unmarshal(b, &findings); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, f := range findings {
		if f.RuleID != "latchkey-access-key" {
			t.Errorf("found by the rule %s", f.RuleID)
		}
		found[filepath.Base(f.File)] = f.Secret
	}
	return found
}
