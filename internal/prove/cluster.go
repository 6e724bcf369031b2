package prove

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"
)

// cluster is the database, the nodes and the links between them.
type cluster struct {
	cfg      Config
	clock    *clock
	db       *database
	nodes    []*node
	links    []*link
	adminKey string // of the first administrator; it also asks for verdicts, and is never withdrawn
}

// startCluster starts everything, makes the first administrator and sets the lease. After an error nothing is left running.
func startCluster(ctx context.Context, c Config, clock *clock, dir string) (*cluster, error) {
	cl := &cluster{cfg: c, clock: clock}
	err := cl.start(ctx, dir)
	if err != nil {
		return nil, errors.Join(err, cl.end(), keepLogs(c, dir))
	}
	return cl, nil
}

// keepLogs saves what the nodes said when they could not even be started.
func keepLogs(c Config, dir string) error {
	if c.Out == "" {
		return nil
	}
	if err := os.MkdirAll(c.Out, 0o700); err != nil {
		return err
	}
	return copyLogs(dir, c.Out)
}

func (cl *cluster) start(ctx context.Context, dir string) error {
	var err error
	if cl.db, err = startDatabase(ctx, dir); err != nil {
		return err
	}
	port := 20000 + int(cl.clock.start.UnixNano()%9000)
	for i := range cl.cfg.Nodes {
		l, err := newLink(filepath.Join(dir, fmt.Sprintf("n%d", i)), cl.db.socket())
		if err != nil {
			return err
		}
		cl.links = append(cl.links, l)
		url, err := cl.db.through(l)
		if err != nil {
			return err
		}
		n, err := newNode(i, cl.cfg.Binary, dir, l, url, &port)
		if err != nil {
			return err
		}
		cl.nodes = append(cl.nodes, n)
		if err := errors.Join(n.start(), n.awaitReady(ctx)); err != nil { // the first migrates
			return err
		}
		if i > 0 {
			continue
		}
		if err := cl.setUp(ctx); err != nil {
			return err
		}
	}
	return nil
}

// setUp makes the first administrator and its key, and sets the lease.
func (cl *cluster) setUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	code, err := cl.nodes[0].setupCode(ctx)
	if err != nil {
		return fmt.Errorf("wait for the set-up code: %w", err)
	}
	c := newClient(0, "http://"+cl.nodes[0].address, cl.clock)
	a := c.do(ctx, request{method: "POST", path: "/api/setup", body: map[string]any{"code": code, "identifier": "root", "token": password(0, 0)}})
	if a.status != 200 {
		return fmt.Errorf("set up: %s", a)
	}
	a = c.do(ctx, request{method: "POST", path: "/api/auth/access-keys", cookie: a.cookie, body: map[string]any{"name": "steady"}})
	if cl.adminKey = a.text("secret"); cl.adminKey == "" {
		return fmt.Errorf("make the administrator's key: %s", a)
	}
	if cl.cfg.Lease > 0 {
		return cl.setLease(ctx, cl.cfg.Lease)
	}
	return nil
}

// setLease runs latchkey cluster set, past all links.
func (cl *cluster) setLease(ctx context.Context, lease time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, cl.cfg.Binary, "cluster", "set", "lease="+lease.String())
	cmd.Env = []string{"HOME=/nonexistent", "LATCHKEY_DATABASE_URL=" + cl.db.url()}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("latchkey cluster set lease=%s: %w: %s", lease, err, out)
	}
	return nil
}

// target is what the load needs to know.
func (cl *cluster) target() target {
	t := target{adminKey: cl.adminKey, holds: cl.db.holds, withdrawing: func(n int) { cl.nodes[n].withdrawing() }}
	for _, n := range cl.nodes {
		t.urls = append(t.urls, "http://"+n.address)
	}
	return t
}

// awaitReady waits until every node can serve.
func (cl *cluster) awaitReady(ctx context.Context) error {
	var err error
	for _, n := range cl.nodes {
		err = errors.Join(err, n.awaitReady(ctx))
	}
	return err
}

const violationMetric = "latchkey_revocation_violation_total"

var violationLine = regexp.MustCompile(`(?m)^` + violationMetric + `(?:\{[^}]*\})? (\S+)$`)

// scrape reads the metric of every node, which must be there and zero.
func (cl *cluster) scrape(ctx context.Context, j *journal) {
	for _, n := range cl.nodes {
		_, page, err := fetch(ctx, "http://"+n.metrics+"/metrics")
		if err != nil {
			continue // it is down, and is asked again
		}
		lines := violationLine.FindAllStringSubmatch(page, -1)
		if len(lines) == 0 {
			j.broken(Violation{Rule: "a metric is missing", At: cl.clock.now(), Detail: fmt.Sprintf("node %d has no %s", n.number, violationMetric)}, nil)
		}
		for _, line := range lines {
			if v, err := strconv.ParseFloat(line[1], 64); err != nil || v != 0 {
				j.broken(Violation{Rule: "the canary found a violation", At: cl.clock.now(), Detail: fmt.Sprintf("node %d: %s", n.number, line[0])}, nil)
			}
		}
		j.scraped()
	}
}

// close reads the metrics a last time, stops all nodes as an operator would and the database after them.
func (cl *cluster) close(j *journal) error {
	ctx, cancel := context.WithTimeout(context.Background(), startPatience)
	defer cancel()
	cl.scrape(ctx, j)
	var err error
	for _, n := range cl.nodes {
		err = errors.Join(err, n.stop())
	}
	return errors.Join(err, cl.end())
}

// end ends whatever is still there.
func (cl *cluster) end() error {
	for _, n := range cl.nodes {
		n.kill()
	}
	for _, l := range cl.links {
		l.close()
	}
	if cl.db == nil {
		return nil
	}
	return cl.db.close()
}
