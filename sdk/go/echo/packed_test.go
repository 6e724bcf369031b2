package echoguard_test

import (
	"archive/zip"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

const release = "v0.0.0" // what go.mod requires while nothing is released

// Both modules can be had with go get as the proxy of Go serves them, without this repository and its replace lines, and the sample API
// and echo are built with them.
func TestGoGet(t *testing.T) {
	t.Parallel()
	proxy, home, cache := t.TempDir(), t.TempDir(), t.TempDir()
	pack(t, proxy, "github.com/latchkey-dev/latchkey/sdk/go", "..")
	pack(t, proxy, "github.com/latchkey-dev/latchkey/sdk/go/echo", ".")
	sample, err := os.ReadFile("../../../examples/go/main.go")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(home, "main.go"), sample)
	write(t, filepath.Join(home, "echo.go"), []byte("package main\n\nimport echoguard \"github.com/latchkey-dev/latchkey/sdk/go/echo\"\n\nvar _ = echoguard.Protect\n"))
	downloaded, ambient := goEnv(t, "GOMODCACHE")+"/cache/download", goEnv(t, "GOPROXY")
	for _, args := range [][]string{
		{"mod", "init", "example.com/notes"},
		{"get", "github.com/latchkey-dev/latchkey/sdk/go@" + release, "github.com/latchkey-dev/latchkey/sdk/go/echo@" + release},
		{"vet", "./..."},
	} {
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = home
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOMODCACHE="+cache, "GOFLAGS=-modcacherw", "GONOSUMDB=github.com/latchkey-dev", "GONOPROXY=", "GOPRIVATE=",
			"GOPROXY=file://"+proxy+",file://"+downloaded+","+ambient)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// pack puts a module where a proxy has it: its go.mod, and a zip without the modules inside it.
func pack(t *testing.T, proxy, module, dir string) {
	t.Helper()
	at := filepath.Join(proxy, module, "@v")
	if err := os.MkdirAll(at, 0o755); err != nil {
		t.Fatal(err)
	}
	mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(at, release+".mod"), mod)
	write(t, filepath.Join(at, release+".info"), []byte(`{"Version":"`+release+`"}`))
	file, err := os.Create(filepath.Join(at, release+".zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	z := zip.NewWriter(file)
	tree := os.DirFS(dir)
	err = fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if _, err := fs.Stat(tree, path.Join(name, "go.mod")); err == nil && name != "." {
				return fs.SkipDir
			}
			return nil
		}
		w, err := z.Create(module + "@" + release + "/" + name)
		if err != nil {
			return err
		}
		text, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		_, err = w.Write(text)
		return err
	})
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, name string, text []byte) {
	t.Helper()
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
