package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	password    = "correct horse battery staple"
	memberCount = 2000
)

// world is a service that is set up, with its database and the route that does nothing.
type world struct {
	dir, url, noopURL          string
	binary, databaseURL        string
	log                        *os.File
	db                         *pgx.Conn
	postgresVersion            string
	insertScript, createScript string
	rootID, rootCookie, secret string
	service, noop              *exec.Cmd
	more                       []*instance // beside service, on the same database
}

func newWorld(ctx context.Context, dir, databaseURL string) (*world, error) {
	w := &world{dir: dir, insertScript: filepath.Join(dir, "insert.sql"), createScript: filepath.Join(dir, "create.lua")}
	var err error
	if w.db, err = pgx.Connect(ctx, databaseURL); err != nil {
		return w, err
	}
	code, err := w.start(ctx, databaseURL)
	if err != nil {
		return w, err
	}
	return w, errors.Join(w.people(ctx, code), w.pgbenchTables(ctx))
}

// start builds and runs the service, and gives its set-up code.
func (w *world) start(ctx context.Context, databaseURL string) (string, error) {
	binary := filepath.Join(w.dir, "latchkey")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-o", binary, "./cmd/latchkey")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w: %s", err, out)
	}
	log, err := os.Create(filepath.Join(w.dir, "service.log"))
	if err != nil {
		return "", err
	}
	w.binary, w.databaseURL, w.log = binary, databaseURL, log
	first, lines, err := w.startInstance()
	if err != nil {
		return "", err
	}
	w.service, w.url = first.cmd, first.url
	for lines.Scan() {
		if code, ok := strings.CutPrefix(lines.Text(), "set-up code: "); ok {
			return code, w.startNoop()
		}
	}
	return "", errors.New("the service printed no set-up code; see its log")
}

// instance is one process of the service.
type instance struct {
	cmd *exec.Cmd
	url string
}

// startInstance gives a process that is ready, and what it goes on to print.
func (w *world) startInstance() (*instance, *bufio.Scanner, error) {
	cmd := exec.Command(w.binary, "serve")
	cmd.Env = append(os.Environ(), "LATCHKEY_DATABASE_URL="+w.databaseURL, "LATCHKEY_LISTEN=127.0.0.1:0", "LATCHKEY_METRICS_LISTEN=")
	cmd.Stderr = w.log
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, rest, ok := strings.Cut(lines.Text(), "is ready at "); ok {
			return &instance{cmd: cmd, url: strings.Fields(rest)[0]}, lines, nil
		}
	}
	return nil, nil, errors.New("the service did not start; see its log")
}

// grow makes it a cluster of n instances.
func (w *world) grow(n int) error {
	for len(w.more) < n-1 {
		i, _, err := w.startInstance()
		if err != nil {
			return err
		}
		w.more = append(w.more, i)
	}
	return nil
}

func (w *world) startNoop() error {
	var err error
	w.noop, w.noopURL, err = startSelf("noop")
	return err
}

// startSelf runs another part of this program, on a free port.
func startSelf(part string, env ...string) (*exec.Cmd, string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	return startAt([]string{self, part}, env...)
}

// startAt runs a program that takes the address at which it shall listen as its last argument.
func startAt(program []string, env ...string) (*exec.Cmd, string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	address := l.Addr().String()
	_ = l.Close()
	cmd := exec.Command(program[0], append(program[1:], address)...)
	cmd.Env, cmd.Stderr = append(os.Environ(), env...), os.Stderr
	return cmd, "http://" + address, cmd.Start()
}

// people makes the administrator, a key, and the sessions that create keys.
func (w *world) people(ctx context.Context, code string) error {
	root, err := w.post("/api/setup", "", map[string]any{"code": code, "identifier": "root", "token": password})
	if err != nil {
		return err
	}
	w.rootID, w.rootCookie = root.body["id"].(string), root.cookie
	key, err := w.post("/api/auth/access-keys", w.rootCookie, map[string]any{"name": "probe"})
	if err != nil {
		return err
	}
	w.secret = key.body["secret"].(string)
	role, err := w.post("/api/roles", w.rootCookie, map[string]any{"name": "members", "permissions": []string{"USE_PERSONAL_ACCESS_KEYS", "*:*"}})
	if err != nil {
		return err
	}
	return w.members(ctx, role.body["id"].(string))
}

// members adds accounts that are signed in, straight into the database, and the script that creates keys for one after the
// other: so many that none of them comes near the most keys that an account may have.
func (w *world) members(ctx context.Context, role string) error {
	_, err := w.db.Exec(ctx, `
		WITH member AS (
			INSERT INTO account (id, handle, name, password_hash, created_at, updated_at)
			SELECT 'm' || lpad(i::text, 19, '0'), 'member-' || i, 'Member', (SELECT password_hash FROM account WHERE handle = 'root'), now(), now()
			  FROM generate_series(1, $2::int) AS i RETURNING id, handle),
		     held AS (INSERT INTO account_role (account_id, role_id, created_at) SELECT id, $1, now() FROM member)
		INSERT INTO session (id, account_id, digest, created_at, last_seen_at, expires_at, address, user_agent)
		SELECT id, id, sha256(handle::bytea), now(), now(), now() + interval '1 day', '', '' FROM member`, role, memberCount)
	if err != nil {
		return fmt.Errorf("add members: %w", err)
	}
	script := fmt.Sprintf("local i = 0\nrequest = function()\n  i = i %% %d + 1\n"+
		"  return wrk.format('POST', nil, {['Cookie'] = 'latchkey-session=member-' .. i, ['Content-Type'] = 'application/json'}, '{\"name\":\"bench\"}')\nend\n", memberCount)
	return os.WriteFile(w.createScript, []byte(script), 0o600)
}

type reply struct {
	status int
	cookie string
	body   map[string]any
}

func (w *world) post(path, cookie string, body any) (reply, error) {
	r, err := w.call(http.MethodPost, path, cookie, body)
	if err == nil && r.status != http.StatusOK {
		err = fmt.Errorf("POST %s: %d %v", path, r.status, r.body["error"])
	}
	return r, err
}

func (w *world) call(method, path, cookie string, body any) (reply, error) {
	var content io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return reply{}, err
		}
		content = bytes.NewReader(b)
	}
	r, err := http.NewRequest(method, w.url+path, content)
	if err != nil {
		return reply{}, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Cookie", cookie)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	got := reply{status: resp.StatusCode, body: map[string]any{}}
	if c := resp.Cookies(); len(c) > 0 {
		got.cookie = c[0].Name + "=" + c[0].Value
	}
	return got, json.NewDecoder(resp.Body).Decode(&got.body)
}

// signIns signs in n times at once and counts the statuses.
func (w *world) signIns(ctx context.Context, n int) map[int]int {
	var mu sync.Mutex
	var all sync.WaitGroup
	statuses := map[int]int{}
	for i := range n {
		all.Go(func() {
			r, err := w.call(http.MethodPost, "/api/auth/password/signin", "", map[string]any{"identifier": fmt.Sprintf("member-%d", i+1), "token": password})
			if err != nil || ctx.Err() != nil {
				r.status = 0
			}
			mu.Lock()
			defer mu.Unlock()
			statuses[r.status]++
		})
	}
	all.Wait()
	return statuses
}

func (w *world) keyHeader() []string  { return []string{"-H", "Authorization: Bearer " + w.secret} }
func (w *world) rootHeader() []string { return []string{"-H", "Cookie: " + w.rootCookie} }

func (w *world) wrk(ctx context.Context, url string, header []string, more ...string) (sample, error) {
	args := append([]string{"-t1", fmt.Sprintf("-c%d", connections), fmt.Sprintf("-d%ds", int(each.Seconds())), "--latency"}, more...)
	return runWrk(ctx, append(append(args, header...), url))
}

// creates makes keys, and takes them away again. Its sessions are fresh, as those of people at work are.
func (w *world) creates(ctx context.Context) (sample, error) {
	if _, err := w.db.Exec(ctx, "UPDATE session SET last_seen_at = now()"); err != nil {
		return sample{}, fmt.Errorf("freshen sessions: %w", err)
	}
	s, err := w.wrk(ctx, w.url+"/api/auth/access-keys", []string{"-s", w.createScript})
	return s, errors.Join(err, w.emptyKeys(ctx))
}

func (w *world) emptyKeys(ctx context.Context) error {
	for _, sql := range []string{"DELETE FROM access_key WHERE name = 'bench'", "VACUUM ANALYZE access_key"} {
		if _, err := w.db.Exec(ctx, sql); err != nil {
			return fmt.Errorf("empty keys: %w", err)
		}
	}
	return nil
}

var (
	wrkRate = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)
	wrkP50  = regexp.MustCompile(`50%\s+([0-9.]+(?:us|ms|s))`)
	wrkP99  = regexp.MustCompile(`99%\s+([0-9.]+(?:us|ms|s))`)
	tps     = regexp.MustCompile(`tps = ([0-9.]+)`)
)

// wrkAnything makes a load whose answers may be refusals.
func wrkAnything(ctx context.Context, args []string) ([]byte, error) {
	return exec.CommandContext(ctx, "wrk", args...).CombinedOutput()
}

func runWrk(ctx context.Context, args []string) (sample, error) {
	out, err := exec.CommandContext(ctx, "wrk", args...).CombinedOutput()
	rate, p50, p99 := wrkRate.FindSubmatch(out), wrkP50.FindSubmatch(out), wrkP99.FindSubmatch(out)
	if err != nil || rate == nil || p50 == nil || p99 == nil || bytes.Contains(out, []byte("Non-2xx")) || bytes.Contains(out, []byte("Socket errors")) {
		return sample{}, fmt.Errorf("wrk: %w: %s", err, out)
	}
	r, _ := strconv.ParseFloat(string(rate[1]), 64)
	half, _ := time.ParseDuration(string(p50[1]))
	most, err := time.ParseDuration(string(p99[1]))
	return sample{rate: r, p50: half, p99: most}, err
}

// pgbenchTables makes what pgbench -S reads, and a table like that of the keys for its one-row insert.
func (w *world) pgbenchTables(ctx context.Context) error {
	if err := w.db.QueryRow(ctx, "SELECT 'PostgreSQL ' || current_setting('server_version')").Scan(&w.postgresVersion); err != nil {
		return err
	}
	if _, err := w.db.Exec(ctx, "CREATE TABLE bench_insert (id bigserial PRIMARY KEY, name text, at timestamptz)"); err != nil {
		return err
	}
	if err := os.WriteFile(w.insertScript, []byte("INSERT INTO bench_insert (name, at) VALUES ('bench', now());\n"), 0o600); err != nil {
		return err
	}
	if out, err := w.command(ctx, "pgbench", "-i", "-q", "-s", "10").CombinedOutput(); err != nil {
		return fmt.Errorf("pgbench -i: %w: %s", err, out)
	}
	return nil
}

func (w *world) pgbench(ctx context.Context, what ...string) (sample, error) {
	args := append([]string{"-n", "-M", "prepared", "-c", strconv.Itoa(connections), "-T", strconv.Itoa(int(each.Seconds()))}, what...)
	out, err := w.command(ctx, "pgbench", args...).CombinedOutput()
	rate := tps.FindSubmatch(out)
	if err != nil || rate == nil {
		return sample{}, fmt.Errorf("pgbench: %w: %s", err, out)
	}
	r, _ := strconv.ParseFloat(string(rate[1]), 64)
	return sample{rate: r}, nil
}

// command runs one of PostgreSQL's programs on the database.
func (w *world) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	c := w.db.Config()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "PGHOST="+c.Host, fmt.Sprintf("PGPORT=%d", c.Port), "PGUSER="+c.User, "PGPASSWORD="+c.Password, "PGDATABASE="+c.Database)
	return cmd
}

// fillKeys makes the table hold a number of keys, a hundred of the administrator's and the rest spread over the members.
func (w *world) fillKeys(ctx context.Context, total int) error {
	if err := w.emptyKeys(ctx); err != nil {
		return err
	}
	_, err := w.db.Exec(ctx, `
		WITH owners AS (SELECT array_agg(id ORDER BY id) AS ids FROM account WHERE handle NOT LIKE 'canary-%')
		INSERT INTO access_key (id, account_id, brand, token_id, digest, digest_version, name, created_at, updated_at)
		SELECT 'b' || lpad(i::text, 19, '0'), CASE WHEN i % ($1 / 100) = 0 THEN $2 ELSE owners.ids[1 + i % cardinality(owners.ids)] END,
		       'lk', substr(md5(i::text), 1, 16), sha256(i::text::bytea), 0, 'bench', now() - make_interval(secs => i), now()
		  FROM owners, generate_series(2, $1::bigint) AS i`, total, w.rootID)
	if err != nil {
		return fmt.Errorf("fill keys: %w", err)
	}
	_, err = w.db.Exec(ctx, "VACUUM ANALYZE access_key")
	return err
}

// explain shows that both pages are index scans of as many rows as they show.
func (w *world) explain(ctx context.Context) error {
	for _, q := range []struct{ name, where string }{{"own", "account_id = '" + w.rootID + "' AND "}, {"everybody's", ""}} {
		fmt.Printf("EXPLAIN of the page of %s keys, with %d in the table:\n\n", q.name, manyKeys)
		rows, err := w.db.Query(ctx, "EXPLAIN (ANALYZE, COSTS OFF, BUFFERS) SELECT * FROM access_key WHERE "+q.where+
			"id < 'zzzzzzzzzzzzzzzzzzzz' ORDER BY id DESC LIMIT 101")
		if err != nil {
			return err
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		fmt.Println("    " + strings.Join(lines, "\n    ") + "\n")
	}
	return nil
}

// peakMemory is the most resident memory that the service has had, in bytes.
func (w *world) peakMemory() int64 {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", w.service.Process.Pid))
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	var kib int64
	_, _ = fmt.Sscan(rest, &kib)
	return kib << 10
}

func (w *world) close() {
	all := []*exec.Cmd{w.service, w.noop}
	for _, i := range w.more {
		all = append(all, i.cmd)
	}
	for _, cmd := range all {
		if cmd != nil && cmd.Process != nil {
			_ = cmd.Process.Signal(os.Interrupt)
			_ = cmd.Wait()
		}
	}
	if w.db != nil {
		_ = w.db.Close(context.Background())
	}
}
