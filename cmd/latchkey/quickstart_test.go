package main_test

import (
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

const quickStart = "docs/quick-start.md"

// The quick start as its reader does it: make run in this tree, then a shell in an empty folder, with the ports and the code of this run in
// place of those that the page shows. The part in TypeScript is run by sdk/typescript/test/quick-start.test.mjs.
func TestQuickStart(t *testing.T) {
	t.Parallel()
	mine := blocksOf(t, quickStart)
	p := makeRun(t, mine[0])
	noteRead(quickStart)
	shown := strings.NewReplacer("http://localhost:8080", p.url, "ABCD-EFGH-JKLM", p.setupCode(), "localhost:3000", "localhost:"+strconv.Itoa(freePort(t)))
	first, err := parseBlock(mine[0].text)
	check(t, err)
	if want := pattern(strings.TrimSpace(shown.Replace(first[0].want))); !want.MatchString(strings.TrimSpace(p.stdout.String())) {
		t.Errorf("make run says\n%s\nand not\n%s", p.stdout.String(), want)
	}

	var steps []step
	for _, b := range everyBlock(t) {
		switch {
		case b.page == quickStart && b.claim == "transcript":
			part, err := parseBlock(shown.Replace(b.text))
			check(t, err)
			steps = append(steps, part...)
		case b.page == quickStart && b.claim == mine[0].claim && b.language == "go":
			steps = append(steps, step{command: "cat > main.go <<'END'\n" + shown.Replace(b.text) + "END"})
		}
	}
	_, modules := released(t)
	check(t, replay(t, steps, modules...))
}

// makeRun runs the first command of a block as somebody does who has just got the source, but for ports, data and the cost of hashing.
func makeRun(t *testing.T, b fenced) *process {
	t.Helper()
	steps, err := parseBlock(b.text)
	check(t, err)
	if len(steps) != 1 || steps[0].command != "make run" {
		t.Fatalf("%s: %v", b, steps)
	}
	p := &process{t: t, cmd: exec.Command("bash", "-c", "exec "+steps[0].command), exited: make(chan struct{}), dir: folder(t)}
	p.cmd.Dir = "../.."
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C reaches all of a terminal's processes
	p.cmd.Env = append(withoutMake(), "LATCHKEY_LISTEN=127.0.0.1:0", "LATCHKEY_METRICS_LISTEN=127.0.0.1:0", "LATCHKEY_DATA_DIR="+p.dir,
		"LATCHKEY_PASSWORD_MEMORY=19", "LATCHKEY_PASSWORD_PASSES=1")
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.WaitDelay = &p.stdout, &p.stderr, patience
	check(t, p.cmd.Start())
	go func() { _ = p.cmd.Wait(); close(p.exited) }()
	t.Cleanup(func() {
		_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGINT)
		p.wait()
		if t.Failed() {
			t.Logf("make run said:\n%s%s", p.stdout.String(), p.stderr.String())
		}
	})
	p.awaitReady()
	return p
}

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
