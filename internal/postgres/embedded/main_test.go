package embedded

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// serviceEnv holds the Config of a test binary that is to be a service, for tests that kill one.
const serviceEnv = "LATCHKEY_TEST_EMBEDDED"

// patience bounds every wait, and is long because the machine may be busy.
const patience = 60 * time.Second

// binary is a copy of this test binary that every user can run.
var binary string

func TestMain(m *testing.M) {
	if c := os.Getenv(serviceEnv); c != "" {
		os.Exit(serve(c))
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp(scratch(), "lk")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	// Copied while there is one goroutine: a fork while the file is open for writing would make it "busy".
	binary = filepath.Join(dir, "service")
	if err := errors.Join(os.Chmod(dir, 0o755), copyFile(os.Args[0], binary)); err != nil {
		panic(err)
	}
	return m.Run()
}

// scratch is where tests put their data: in memory if there is room, since a server is a thousand files. It is not
// TMPDIR, which on macOS is too long for a socket.
func scratch() string {
	var fs syscall.Statfs_t
	if err := syscall.Statfs("/dev/shm", &fs); err == nil && uint64(fs.Bavail)*uint64(fs.Bsize) > 2<<30 {
		return "/dev/shm"
	}
	return "/tmp"
}

func copyFile(from, to string) error {
	b, err := os.ReadFile(from)
	return errors.Join(err, os.WriteFile(to, b, 0o755), os.Chmod(to, 0o755))
}

// serve starts a server, says "ready" and stops it when its standard input ends.
func serve(config string) int {
	var c Config
	if err := json.Unmarshal([]byte(config), &c); err != nil {
		panic(err)
	}
	s, err := Start(context.Background(), c)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err := s.Stop(patience); err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// service is a child process that runs a server, or is about to.
type service struct {
	cmd *exec.Cmd
	in  io.Closer
	out *bufio.Reader
}

func spawn(t *testing.T, c Config, as *syscall.Credential) *service {
	t.Helper()
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary)
	cmd.Dir, cmd.Env = "/", append(os.Environ(), serviceEnv+"="+string(b))
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	s := &service{cmd, in, bufio.NewReader(out)}
	t.Cleanup(s.kill)
	return s
}

// awaitReady fails the test unless the server is up.
func (s *service) awaitReady(t *testing.T) {
	t.Helper()
	if line, err := s.out.ReadString('\n'); line != "ready\n" {
		t.Fatalf("service says %q, %v", line, err)
	}
}

func (s *service) kill() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
}

// stop ends the service as its operator would.
func (s *service) stop(t *testing.T) {
	t.Helper()
	_ = s.in.Close()
	rest, _ := io.ReadAll(s.out)
	if err := s.cmd.Wait(); err != nil {
		t.Fatalf("stop service: %v: %s", err, rest)
	}
}

// folder returns a path that does not exist yet, in a folder that everybody can enter.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp(scratch(), "lk")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return filepath.Join(dir, "data")
}

// template makes, once, a folder with new data, and returns its path.
var template = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(filepath.Dir(binary), "template")
	s, err := Start(context.Background(), quick(dir))
	if err != nil {
		return "", err
	}
	return dir, s.Stop(patience)
})

// seeded returns a folder with data in it, for tests that are not about making it.
func seeded(t *testing.T) string {
	t.Helper()
	from, err := template()
	if err != nil {
		t.Fatal(err)
	}
	dir := folder(t)
	if out, err := exec.Command("cp", "-a", from, dir).CombinedOutput(); err != nil {
		t.Fatalf("copy template: %v: %s", err, out)
	}
	return dir
}

// quick is a Config that does without what only a power cut would show.
func quick(dir string) Config {
	return Config{Dir: dir, Settings: map[string]string{"fsync": "off", "shared_buffers": "16MB"}}
}

func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func start(t *testing.T, c Config) *Server {
	t.Helper()
	s, err := Start(deadline(t), c)
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	t.Cleanup(func() { _ = s.Stop(patience) })
	return s
}

func stop(t *testing.T, s *Server) {
	t.Helper()
	if err := s.Stop(patience); err != nil {
		t.Fatalf("stop: %v", err)
	}
}

// refused starts a server that must not start, for the reason want, said in one line.
func refused(t *testing.T, c Config, want error) string {
	t.Helper()
	s, err := Start(deadline(t), c)
	if err == nil {
		_ = s.Stop(0)
		t.Fatal("it started")
	}
	if want != nil && !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("error has several lines: %q", err)
	}
	return err.Error()
}

// urlOf returns the connection string of a server that somebody else runs in dir.
func urlOf(t *testing.T, dir string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "password"))
	if err != nil {
		t.Fatal(err)
	}
	l := layout{dir}
	return (&Server{run: l.run(), password: strings.TrimSpace(string(b))}).URL()
}

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(deadline(t), url)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func execute(t *testing.T, url, sql string) {
	t.Helper()
	conn := connect(t, url)
	defer conn.Close(context.Background())
	if _, err := conn.Exec(deadline(t), sql); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func value(t *testing.T, url, sql string) string {
	t.Helper()
	conn := connect(t, url)
	defer conn.Close(context.Background())
	var v string
	if err := conn.QueryRow(deadline(t), sql).Scan(&v); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

func wantValue(t *testing.T, url, sql, want string) {
	t.Helper()
	if got := value(t, url, sql); got != want {
		t.Errorf("%s: got %q, want %q", sql, got, want)
	}
}

// until polls, since what is waited for sends no signal.
func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	ctx := deadline(t)
	for !cond() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited in vain: %s", what)
		case <-time.After(time.Millisecond):
		}
	}
}

func wantDone(t *testing.T, s *Server) {
	t.Helper()
	select {
	case <-s.Done():
	case <-time.After(patience):
		t.Fatal("Done is not closed")
	}
}

// servers counts the living postmasters of dir.
func servers(t *testing.T, dir string) int {
	t.Helper()
	out, err := exec.Command("ps", "-axww", "-o", "stat=,args=").Output()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "postgres -D "+dir+"/pgdata ") && !strings.HasPrefix(line, "Z") {
			n++
		}
	}
	return n
}

func postmaster(dir string) int { return readPidFile(layout{dir}.pidFile()).pid }

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// snapshot lists all files below dir with their sizes and times of change.
func snapshot(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		fi, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintln(&b, path, fi.Mode(), fi.Size(), fi.ModTime().UnixNano())
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
