package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

type doctorCmd struct {
	URL string `name:"url" placeholder:"URL" help:"The instance to ask. Default: the one of --listen on this machine."`
	format
}

// readiness is what /readyz says, of an instance that is ready and of one that is not.
type readiness struct {
	Lease struct {
		Age    int64 `json:"age_ms"`
		Length int64 `json:"length_ms"`
	} `json:"lease"`
	Node     string `json:"node"`
	Database struct {
		Version  string   `json:"version"`
		Durable  bool     `json:"durable"`
		Findings []string `json:"findings"`
	} `json:"database"`
	Error     string `json:"error"`
	Detail    string `json:"detail"`
	Suggested string `json:"suggested"`
}

const doctorPatience = 5 * time.Second

// run prints what an instance says of itself; the exit code is 0 if it is ready and its database keeps what it confirms.
func (d doctorCmd) run(ctx context.Context, c config, stdout io.Writer) error {
	url := d.URL
	if url == "" {
		host, port, _ := net.SplitHostPort(c.Listen)
		if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
			host = "localhost"
		}
		url = "http://" + net.JoinHostPort(host, port)
	}
	ctx, cancel := context.WithTimeout(ctx, doctorPatience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", nil)
	if err != nil {
		return errors.New("--url must be a scheme and a host, as http://localhost:8080")
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return fmt.Errorf("no instance answers at %s: start one with latchkey serve, or name another with --url", url)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	var say readiness
	if err != nil || json.Unmarshal(body, &say) != nil {
		return fmt.Errorf("what answers at %s is not Latchkey: its /readyz is not understood", url)
	}
	if d.json() {
		fmt.Fprintf(stdout, "%s\n", bytes.TrimSpace(body))
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s: %s %s", say.Error, say.Detail, say.Suggested)
	}
	if !d.json() {
		say.print(stdout)
	}
	if !say.Database.Durable {
		return errors.New("a revocation can be undone by a crash of the database: see its findings")
	}
	return nil
}

func (say readiness) print(stdout io.Writer) {
	fmt.Fprintf(stdout, "ready: yes\ninstance: %s\nlease: %d ms old of %d ms\ndatabase: PostgreSQL %s\nsurvives crashes: %s\n", say.Node, say.Lease.Age, say.Lease.Length,
		say.Database.Version, yesNo(say.Database.Durable))
	for _, finding := range say.Database.Findings {
		fmt.Fprintf(stdout, "note: %s\n", finding)
	}
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}
