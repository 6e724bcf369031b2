package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The Go modules are had with go get, from a repository that is tagged as CONTRIBUTING.md says, in an empty folder with an empty cache: without
// this tree and its replace lines. A client and both guards are built with them, and run against the program.
func TestGoGet(t *testing.T) {
	t.Parallel()
	release, modules := released(t)
	home := t.TempDir()
	program, err := os.ReadFile("testdata/packed/main.go")
	check(t, err)
	check(t, os.WriteFile(filepath.Join(home, "main.go"), program, 0o600))
	env := append(os.Environ(), modules...)
	for _, command := range []string{
		"go mod init example.com/api",
		"go get github.com/latchkey-dev/latchkey/sdk/go@" + release + " github.com/latchkey-dev/latchkey/sdk/go/echo@" + release,
		"go build -o api .",
	} {
		printed(t, home, env, strings.Fields(command)...)
	}
	used := printed(t, home, env, "go", "list", "-m", "-f", "{{.Path}} {{.Version}} {{.Replace}}", "all")
	for _, module := range []string{"sdk/go", "sdk/go/echo"} {
		if line := "github.com/latchkey-dev/latchkey/" + module + " " + release + " <nil>\n"; !strings.Contains(used, line) {
			t.Errorf("no line %q in\n%s", line, used)
		}
	}

	p := serve(t, "LATCHKEY_DATA_DIR="+seeded(t))
	service, good, bad := p.newKey(p.ada()), p.newKey(p.grace()), p.newKey(p.grace())
	check(t, second(p.grace().AccessKeyDelete(t.Context(), bad.ID)))
	got := printed(t, home, []string{"LATCHKEY_URL=" + p.url, "LATCHKEY_KEY=" + service.Secret.Reveal(), "GOOD_KEY=" + good.Secret.Reveal(),
		"BAD_KEY=" + bad.Secret.Reveal()}, filepath.Join(home, "api"))
	const refused = `401  Bearer realm="latchkey", error="invalid_token"` + "\n"
	if want := "the client answers for ada\n200 net/http for grace \n" + refused + "200 echo for grace \n" + refused; got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}

// What docs/go.md says to get can be got.
func TestGoPageCommands(t *testing.T) {
	t.Parallel()
	steps := []step{{command: "go mod init hello", want: "…"}}
	for _, b := range blocksOf(t, "docs/go.md") {
		for line := range strings.Lines(b.text) {
			steps = append(steps, step{command: strings.TrimSpace(line), want: "…"})
		}
	}
	_, modules := released(t)
	check(t, replay(t, steps, modules...))
}

// released gives the version that the Go modules would be released as, and an environment in which go finds them so.
func released(t *testing.T) (string, []string) {
	t.Helper()
	mod, err := os.ReadFile("../../sdk/go/echo/go.mod")
	check(t, err)
	needs := regexp.MustCompile(`(?m)^\tgithub\.com/latchkey-dev/latchkey/sdk/go (v\S+)$`).FindSubmatch(mod)
	if needs == nil {
		t.Fatalf("sdk/go/echo requires no version of sdk/go:\n%s", mod)
	}
	release := string(needs[1])
	return release, []string{"CGO_ENABLED=0", "GOWORK=off", "GOCACHE=" + goEnv(t, "GOCACHE"), "GOMODCACHE=" + t.TempDir(), "GOFLAGS=-modcacherw -trimpath",
		// All that a user does not need: nothing is published yet, and what others publish is here already.
		"GONOPROXY=github.com/latchkey-dev", "GONOSUMDB=github.com/latchkey-dev", "GOVCS=*:git", "GIT_ALLOW_PROTOCOL=file",
		"GIT_CONFIG_COUNT=1", "GIT_CONFIG_KEY_0=url.file://" + tagged(t, release) + ".insteadOf", "GIT_CONFIG_VALUE_0=https://github.com/latchkey-dev/latchkey",
		"GOPROXY=file://" + goEnv(t, "GOMODCACHE") + "/cache/download," + goEnv(t, "GOPROXY")}
}

// tagged makes a repository that holds what is released of this one, with the tags of a release.
func tagged(t *testing.T, release string) string {
	t.Helper()
	dir := t.TempDir()
	check(t, os.CopyFS(filepath.Join(dir, "sdk/go"), os.DirFS("../../sdk/go")))
	license, err := os.ReadFile("../../LICENSE")
	check(t, err)
	check(t, os.WriteFile(filepath.Join(dir, "LICENSE"), license, 0o600))
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.com"}
	for _, command := range []string{"init -q", "add LICENSE sdk", "commit -q -m all", "tag sdk/go/" + release, "tag sdk/go/echo/" + release} {
		printed(t, dir, env, append([]string{"git"}, strings.Fields(command)...)...)
	}
	return dir
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	return strings.TrimSpace(printed(t, ".", os.Environ(), "go", "env", name))
}

// printed gives what a command prints; it must not fail.
func printed(t *testing.T, dir string, env []string, command ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), command[0], command[1:]...)
	cmd.Dir, cmd.Env = dir, env
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(command[:min(2, len(command))], " "), err, out, &complaint)
	}
	return string(out)
}
