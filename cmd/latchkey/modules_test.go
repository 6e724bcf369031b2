package main_test

import (
	"archive/zip"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// withoutMake is our environment without what a make that runs the tests tells its own children, and without settings of the service.
func withoutMake() []string {
	told := regexp.MustCompile(`^(MAKE\w*|MFLAGS|LATCHKEY_\w+)=`)
	return slices.DeleteFunc(os.Environ(), told.MatchString)
}

// The README's first commands are targets of the Makefile; what the first one does is TestQuickStart's matter, the other one runs this.
func TestReadmeTargets(t *testing.T) {
	t.Parallel()
	for line := range strings.Lines(blocksOf(t, "README.md")[0].text) {
		command, _, _ := strings.Cut(line, "#")
		cmd := exec.Command("bash", "-c", strings.Replace(command, "make ", "make --dry-run ", 1))
		cmd.Dir, cmd.Env = "../..", withoutMake()
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(command, "make ") {
			t.Errorf("%s: %v\n%s", line, err, out)
		}
	}
}

// What docs/go.md says to get can be got.
func TestGoPageCommands(t *testing.T) {
	t.Parallel()
	var steps []step
	for _, b := range blocksOf(t, "docs/go.md") {
		for line := range strings.Lines(b.text) {
			steps = append(steps, step{command: strings.TrimSpace(line), want: "…"})
		}
	}
	check(t, replay(t, slices.Insert(steps, 0, step{command: "go mod init hello", want: "…"}), goModules(t)...))
}

// goModules publishes the modules of sdk/go as they stand, in a folder, and gives an environment in which go finds them there. What they
// require comes from this machine's own cache, where building the tests has put it.
func goModules(t *testing.T) []string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOMODCACHE", "GOCACHE").Output()
	check(t, err)
	at := strings.Fields(string(out))
	dir := t.TempDir()
	for path, without := range map[string]string{"sdk/go": "echo", "sdk/go/echo": ""} {
		check(t, publish(filepath.Join(dir, "proxy"), path, without))
	}
	return []string{"GOPROXY=file://" + dir + "/proxy,file://" + at[0] + "/cache/download", "GOCACHE=" + at[1], "GOMODCACHE=" + dir + "/modules",
		"GOSUMDB=off", "GOTOOLCHAIN=local", "GOFLAGS=-modcacherw -trimpath", "CGO_ENABLED=0"}
}

// publish puts a module of this tree, without the one that is in it, where go looks for modules: https://go.dev/ref/mod#goproxy-protocol.
func publish(proxy, path, without string) error {
	const version = "v0.0.0"
	module, source := "github.com/latchkey-dev/latchkey/"+path, os.DirFS("../../"+path)
	dir := filepath.Join(proxy, module, "@v")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	mod, err := fs.ReadFile(source, "go.mod")
	if err != nil {
		return err
	}
	for name, text := range map[string]string{"list": version, version + ".info": `{"Version": "` + version + `"}`, version + ".mod": string(mod)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	file, err := os.Create(filepath.Join(dir, version+".zip"))
	if err != nil {
		return err
	}
	defer file.Close()
	archive := zip.NewWriter(file)
	err = fs.WalkDir(source, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			if d.IsDir() && name == without {
				return fs.SkipDir
			}
			return err
		}
		text, err := fs.ReadFile(source, name)
		if err != nil {
			return err
		}
		w, err := archive.Create(module + "@" + version + "/" + name)
		if err != nil {
			return err
		}
		_, err = w.Write(text)
		return err
	})
	if err != nil {
		return err
	}
	return archive.Close()
}
