package main_test

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// gatewayKind is a program that can stand in front of an API. What its configuration needs around that of docs/gateways.md
// is in testdata/gateways.
type gatewayKind struct {
	name   string
	path   string         // empty: as the name, where it was installed
	args   []string       // run in a folder of its own; PORT is where it shall listen
	site   string         // the file that its block is written to
	claim  string         // the test that its block names
	up     *regexp.Regexp // said when it listens
	fence  string         // language of its block in docs/gateways.md
	listen [2]string      // where that listens, and what it becomes for a port
	api    [2]string      // where that passes requests on, and what an operator may add there
	asks   string         // the method of its questions
	about  [2]string      // the headers of its questions that name the method and the URI of the request
	hidden string         // a path that it keeps for itself
	folds  bool           // makes one reading of paths with // and dot segments before anybody sees them

	tooMany int           // what the client of a key gets that has used up its limit, and what Latchkey is told to say
	unpaid  int           // what it gets without credits
	away    int           // what it gets if Latchkey does not answer
	patient time.Duration // how long it waits for that
}

// gatewayKinds are those that are installed for the tests, and Traefik where LATCHKEY_TEST_TRAEFIK says where it is: nobody packs it for Debian.
func gatewayKinds() []gatewayKind {
	kinds := installedGateways
	if path := os.Getenv("LATCHKEY_TEST_TRAEFIK"); path != "" {
		kinds = append(slices.Clone(kinds), gatewayKind{name: "traefik", path: path, args: []string{"--entrypoints.web.address=127.0.0.1:PORT", "--providers.file.filename=site.yml",
			"--global.sendanonymoususage=false", "--global.checknewversion=false", "--log.level=DEBUG", "--log.filepath=/dev/stderr", "--log.nocolor"}, site: "site.yml",
			up: regexp.MustCompile(`(Creating server)`), fence: "yaml", claim: "TestTraefikBlock", listen: [2]string{"Host(`api.example.com`)", "PathPrefix(`/`)"},
			api:  [2]string{"entryPoints: [web]", "entryPoints: [web]"},
			asks: "GET", about: [2]string{"X-Forwarded-Method", "X-Forwarded-Uri"}, folds: true, tooMany: 429, unpaid: 402, away: 500, patient: 35 * time.Second})
	}
	return kinds
}

var installedGateways = []gatewayKind{
	{name: "nginx", args: []string{"-p", ".", "-e", "stderr", "-c", "nginx.conf"}, site: "site.conf", claim: "TestGateways", up: regexp.MustCompile(`(start worker process) [0-9]+`),
		fence: "nginx", listen: [2]string{"listen 80;", "listen 127.0.0.1:PORT;"},
		api:  [2]string{"location / {", "location / { client_max_body_size 8m; proxy_cache off;"},
		asks: "HEAD", about: [2]string{"X-Original-Method", "X-Original-Uri"}, hidden: "/_latchkey", tooMany: 403, unpaid: 403, away: 503, patient: patience / 2},
	{name: "caddy", args: []string{"run", "--adapter", "caddyfile", "--config", "Caddyfile"}, site: "site.conf", claim: "TestGateways", up: regexp.MustCompile(`(serving initial configuration)`),
		fence: "caddyfile", listen: [2]string{"api.example.com {", "http://127.0.0.1:PORT {"},
		api:  [2]string{"reverse_proxy ", "reverse_proxy "},
		asks: "GET", about: [2]string{"X-Forwarded-Method", "X-Forwarded-Uri"}, tooMany: 429, unpaid: 402, away: 503, patient: patience / 2},
}

// gateway is one of them, running between a client and an API, with a tap on its way to Latchkey.
type gateway struct {
	kind     gatewayKind
	*process // url is where it listens
	latchkey *process
	tap      *tap
	api      *backend
	client   *http.Client
}

func (k gatewayKind) start(t *testing.T) *gateway {
	t.Helper()
	g := &gateway{kind: k, api: newBackend(t), client: newClient(t)}
	g.latchkey = serve(t, "LATCHKEY_DATA_DIR="+seeded(t), fmt.Sprint("LATCHKEY_FORWARD_AUTH_429=", k.tooMany), "LATCHKEY_TRUSTED_PROXIES=127.0.0.0/8")
	g.tap = newTap(t, address(g.latchkey))
	dir := folder(t)
	check(t, os.CopyFS(dir, os.DirFS("testdata/gateways/"+k.name)))
	until(t, k.name+" listens", func() bool { // another program may be faster to take the port
		port := freePort(t)
		site := documented(t, k, "127.0.0.1:8080", g.tap.address, "127.0.0.1:3000", g.api.Listener.Addr().String(),
			k.listen[0], strings.ReplaceAll(k.listen[1], "PORT", strconv.Itoa(port)), k.api[0], k.api[1])
		check(t, os.WriteFile(filepath.Join(dir, k.site), []byte(site), 0o644))
		args := slices.Clone(k.args)
		for i := range args {
			args[i] = strings.ReplaceAll(args[i], "PORT", strconv.Itoa(port))
		}
		g.process = runIn(t, dir, cmp.Or(k.path, k.name), args...)
		g.url = fmt.Sprintf("http://127.0.0.1:%d", port)
		until(t, "it says so", func() bool { return g.hasExited() || k.up.MatchString(g.stderr.String()) })
		if g.hasExited() && !strings.Contains(g.stderr.String(), "ddress already in use") {
			t.Fatalf("%s does not start", k.name)
		}
		return !g.hasExited()
	})
	return g
}

func address(p *process) string { return strings.TrimPrefix(p.url, "http://") }

// documented is the one block in docs/gateways.md that is for a gateway, with addresses replaced: pairs of old and new.
func documented(t *testing.T, k gatewayKind, addresses ...string) string {
	t.Helper()
	blocks := slices.DeleteFunc(everyBlock(t), func(b fenced) bool {
		return b.page != "docs/gateways.md" || b.language != k.fence || b.claim != "test: "+k.claim
	})
	if len(blocks) != 1 {
		t.Fatalf("docs/gateways.md has %d blocks for %s", len(blocks), k.name)
	}
	noteRead(blocks[0].String())
	for pair := range slices.Chunk(addresses, 2) {
		if strings.Count(blocks[0].text, pair[0]) != 1 {
			t.Fatalf("the block for %s does not have %q once", k.name, pair[0])
		}
	}
	return strings.NewReplacer(addresses...).Replace(blocks[0].text)
}

// runIn starts an installed program in a folder, which is its home. At the end it is asked to stop, and not killed: it has children.
func runIn(t *testing.T, dir, name string, args ...string) *process {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/" + name) // which is not in everybody's path
	}
	if err != nil {
		t.Fatalf("%s is missing; run scripts/need-gateways", name)
	}
	p := &process{t: t, cmd: exec.Command(path, args...), exited: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env = dir, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir}
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.WaitDelay = &p.stdout, &p.stderr, patience
	check(t, p.cmd.Start())
	go func() {
		_ = p.cmd.Wait()
		close(p.exited)
	}()
	t.Cleanup(func() {
		p.signal(syscall.SIGTERM)
		select {
		case <-p.exited:
		case <-time.After(patience):
			t.Errorf("%s does not end", name)
			p.kill()
		}
		if t.Failed() {
			t.Logf("%s said:\n%s%s", name, p.stdout.String(), p.stderr.String())
		}
	})
	return p
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// newClient has one connection and keeps it.
func newClient(t *testing.T) *http.Client {
	transport := &http.Transport{DisableCompression: true, MaxConnsPerHost: 1}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: patience}
}

// backend is the API behind a gateway. It remembers what it got.
type backend struct {
	*httptest.Server
	mu  sync.Mutex
	got []received
}

type received struct {
	method, uri, host string
	header            http.Header
	body              []byte
}

func newBackend(t *testing.T) *backend {
	b := &backend{}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		b.mu.Lock()
		b.got = append(b.got, received{r.Method, r.RequestURI, r.Host, r.Header.Clone(), body})
		b.mu.Unlock()
		if r.URL.Path == "/broken" {
			w.WriteHeader(http.StatusInternalServerError)
		}
		_, _ = io.WriteString(w, "answer of the API")
	}))
	t.Cleanup(b.Close)
	return b
}

// take gives what came since it was last called.
func (b *backend) take() []received {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer func() { b.got = nil }()
	return b.got
}

// tap passes bytes between a gateway and Latchkey and remembers those of the gateway.
type tap struct {
	address  string
	mu       sync.Mutex
	listener net.Listener // nil while down
	target   string
	said     []*output // one for each connection
	open     map[net.Conn]bool
}

func newTap(t *testing.T, target string) *tap {
	t.Helper()
	p := &tap{address: "127.0.0.1:0", open: map[net.Conn]bool{}}
	p.up(t, target)
	t.Cleanup(p.down)
	return p
}

// up listens, always at the same address.
func (p *tap) up(t *testing.T, target string) {
	t.Helper()
	var l net.Listener
	until(t, "listen on "+p.address, func() bool {
		var err error
		l, err = net.Listen("tcp", p.address)
		return err == nil
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.listener, p.target, p.address = l, target, l.Addr().String()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go p.pass(l, conn)
		}
	}()
}

// down refuses connections and ends those that are open.
func (p *tap) down() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != nil {
		_ = p.listener.Close()
		p.listener = nil
	}
	for c := range p.open {
		_ = c.Close()
	}
}

func (p *tap) pass(l net.Listener, client net.Conn) {
	defer client.Close()
	said := &output{}
	p.mu.Lock()
	target, alive := p.target, p.listener == l
	p.said = append(p.said, said)
	p.open[client] = true
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.open, client)
	}()
	server, err := net.Dial("tcp", target)
	if err != nil || !alive {
		return
	}
	defer server.Close()
	go func() {
		_, _ = io.Copy(io.MultiWriter(said, server), client)
		_ = server.Close()
	}()
	_, _ = io.Copy(client, server)
}

// question is what a gateway asked Latchkey, on which connection.
type question struct {
	received
	conn int
}

// asked gives all questions, connection by connection.
func (p *tap) asked() []question {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []question
	for conn, said := range p.said {
		in := bufio.NewReader(strings.NewReader(said.String()))
		for {
			r, err := http.ReadRequest(in)
			if err != nil {
				break // the end
			}
			body, _ := io.ReadAll(r.Body)
			all = append(all, question{received{r.Method, r.RequestURI, r.Host, r.Header, body}, conn})
		}
	}
	return all
}

// watch runs f and gives what was asked meanwhile.
func (p *tap) watch(f func()) []question {
	before := map[int]int{}
	for _, q := range p.asked() {
		before[q.conn]++
	}
	f()
	return slices.DeleteFunc(p.asked(), func(q question) bool {
		before[q.conn]--
		return before[q.conn] >= 0
	})
}

// answer is what a client gets.
type answer struct {
	status int
	header http.Header
	body   string
	reused bool // the connection was that of an earlier request
}

// ask sends a request with a key, unless that is empty.
func ask(t *testing.T, client *http.Client, method, url, key string, header http.Header, body io.Reader) answer {
	t.Helper()
	var a answer
	trace := &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { a.reused = i.Reused }}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), method, url, body)
	check(t, err)
	maps.Copy(req.Header, header)
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	resp, err := client.Do(req)
	check(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	check(t, err)
	a.status, a.header, a.body = resp.StatusCode, resp.Header, string(text)
	return a
}
