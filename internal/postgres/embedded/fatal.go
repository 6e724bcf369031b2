package embedded

import (
	"io"
	"strings"
)

// fatalLine passes a log on and remembers the last thing that ended a server process. A log that cannot be written must not
// block the server, so errors are dropped.
type fatalLine struct {
	to   io.Writer
	text string
}

func (f *fatalLine) Write(p []byte) (int, error) {
	for line := range strings.Lines(string(p)) {
		for _, severity := range []string{" FATAL:  ", " PANIC:  "} {
			if _, text, ok := strings.Cut(line, severity); ok {
				f.text = strings.TrimSpace(text)
			}
		}
	}
	_, _ = f.to.Write(p)
	return len(p), nil
}
