package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/latchkey-dev/latchkey/internal/postgres"
	"github.com/latchkey-dev/latchkey/internal/token"
)

// config is every setting: a flag and an environment variable of the same name each. Members marked secret are never printed.
type config struct {
	Listen         string         `env:"LATCHKEY_LISTEN" default:"127.0.0.1:8080" placeholder:"HOST:PORT" help:"Where the API listens. Default: ${default}."`
	MetricsListen  string         `env:"LATCHKEY_METRICS_LISTEN" default:"127.0.0.1:9090" placeholder:"HOST:PORT" help:"Where /metrics and /debug/pprof listen; keep it private. Empty: nowhere. Default: ${default}."`
	PublicURL      string         `name:"public-url" env:"LATCHKEY_PUBLIC_URL" placeholder:"URL" help:"Scheme and host that browsers use. Default: http://localhost and the port of --listen. Anything but this machine needs https."`
	DatabaseURL    string         `name:"database-url" env:"LATCHKEY_DATABASE_URL" placeholder:"URL" secret:"" help:"PostgreSQL 14 or newer, as postgres://user:password@host/name. Unset: an embedded server that keeps its data in --data-dir."`
	DataDir        string         `env:"LATCHKEY_DATA_DIR" placeholder:"DIR" help:"Where the embedded server keeps its data. Default: /var/lib/latchkey as root, else latchkey in the user's data folder."`
	Migrate        bool           `env:"LATCHKEY_MIGRATE" default:"true" negatable:"" help:"Bring the database schema up to date at start."`
	DatabaseConns  int32          `name:"database-connections" env:"LATCHKEY_DATABASE_CONNECTIONS" default:"32" placeholder:"N" help:"Most connections to the database; half are kept for checking credentials; two more are always open. Default: ${default}."`
	Signup         string         `env:"LATCHKEY_SIGNUP" default:"closed" help:"Whether anyone may make an account: closed or open."`
	KeyBrand       string         `env:"LATCHKEY_KEY_BRAND" default:"lk" placeholder:"NAME" help:"What new access keys begin with: lk gives lkpat_…. Default: ${default}."`
	KeysPerAccount int            `env:"LATCHKEY_KEYS_PER_ACCOUNT" default:"100" placeholder:"N" help:"Most live keys an account may have. Default: ${default}."`
	KeyLifeMost    time.Duration  `env:"LATCHKEY_KEY_LIFE_MOST" default:"0" placeholder:"TIME" help:"Longest life of a key, from the moment its secret is made; 0: any. Default: ${default}."`
	KeyExpiry      bool           `name:"key-expiry-required" env:"LATCHKEY_KEY_EXPIRY_REQUIRED" help:"Whether every new key must expire at some time."`
	Peppers        []string       `env:"LATCHKEY_PEPPERS" placeholder:"N=BASE64" secret:"" help:"Secrets that stored digests of keys are made with (HMAC-SHA-256), as version=base64 of 32 bytes or more. The highest version makes new ones; keep the others while keys use them."`
	PasswordMin    int            `env:"LATCHKEY_PASSWORD_MIN" default:"12" placeholder:"N" help:"Fewest characters of a password, 8 or more. Default: ${default}."`
	PasswordMemory uint32         `env:"LATCHKEY_PASSWORD_MEMORY" default:"64" placeholder:"MIB" help:"Memory that hashing one password takes (argon2id), 19 MiB or more. Default: ${default}."`
	PasswordPasses uint32         `env:"LATCHKEY_PASSWORD_PASSES" default:"2" placeholder:"N" help:"Passes over that memory, 1 or more. Default: ${default}."`
	SessionIdle    time.Duration  `env:"LATCHKEY_SESSION_IDLE" default:"60m" placeholder:"TIME" help:"A session that is not used for so long has ended. Default: ${default}."`
	SessionLife    time.Duration  `env:"LATCHKEY_SESSION_LIFE" default:"24h" placeholder:"TIME" help:"And so has one this old. Default: ${default}."`
	CacheKeys      int            `env:"LATCHKEY_CACHE_KEYS" default:"1000000" placeholder:"N" help:"Most access keys that are kept in memory, at about 300 bytes each. Default: ${default}."`
	Gateway429     int            `name:"forward-auth-429" env:"LATCHKEY_FORWARD_AUTH_429" default:"429" placeholder:"STATUS" help:"What /forward-auth answers instead of 429, and of 402: 403 behind nginx, which knows 401 and 403 only. Default: ${default}."`
	TrustedProxies []netip.Prefix `env:"LATCHKEY_TRUSTED_PROXIES" placeholder:"CIDR" help:"Networks whose X-Forwarded-For is believed."`
	LogFormat      string         `env:"LATCHKEY_LOG_FORMAT" default:"auto" help:"text, json, or auto: text on a terminal, else json."`
	LogLevel       string         `env:"LATCHKEY_LOG_LEVEL" default:"info" help:"The least that is logged: debug, info, warn or error."`

	public  *url.URL
	peppers map[int16][]byte
}

// check completes the settings and refuses what cannot work, all at once.
func (c *config) check() error {
	faults := []error{c.checkListen(), c.checkPublicURL(), c.checkDataDir(), c.checkPeppers()}
	fail := func(wrong bool, format string, args ...any) {
		if wrong {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	fail(!token.ValidBrand(c.KeyBrand), "LATCHKEY_KEY_BRAND must match %s", token.BrandPattern)
	fail(c.KeysPerAccount < 1 || c.KeysPerAccount > 1_000_000, "LATCHKEY_KEYS_PER_ACCOUNT must be 1 to 1000000")
	fail(c.KeyLifeMost < 0 || c.KeyLifeMost > 0 && c.KeyLifeMost < time.Minute, "LATCHKEY_KEY_LIFE_MOST must be 1m or more, or 0 for any")
	fail(c.PasswordMin < 8 || c.PasswordMin > 256, "LATCHKEY_PASSWORD_MIN must be 8 to 256")
	fail(c.PasswordMemory < 19 || c.PasswordMemory > 1024, "LATCHKEY_PASSWORD_MEMORY must be 19 to 1024 MiB")
	fail(c.PasswordPasses < 1 || c.PasswordPasses > 20, "LATCHKEY_PASSWORD_PASSES must be 1 to 20")
	fail(!slices.Contains([]string{"closed", "open"}, c.Signup), "LATCHKEY_SIGNUP must be closed or open")
	fail(!slices.Contains([]string{"auto", "text", "json"}, c.LogFormat), "LATCHKEY_LOG_FORMAT must be text, json or auto")
	fail(!slices.Contains([]string{"debug", "info", "warn", "error"}, c.LogLevel), "LATCHKEY_LOG_LEVEL must be debug, info, warn or error")
	fail(c.DatabaseConns < 4 || c.DatabaseConns > 1000, "LATCHKEY_DATABASE_CONNECTIONS must be 4 to 1000")
	fail(c.CacheKeys < 1000 || c.CacheKeys > 100_000_000, "LATCHKEY_CACHE_KEYS must be 1000 to 100000000")
	fail(c.Gateway429 != 429 && c.Gateway429 != 403, "LATCHKEY_FORWARD_AUTH_429 must be 429 or 403")
	fail(c.SessionIdle < 2*time.Minute, "LATCHKEY_SESSION_IDLE must be 2m or more: use is noted to the minute")
	fail(c.SessionLife < c.SessionIdle, "LATCHKEY_SESSION_LIFE must not be shorter than LATCHKEY_SESSION_IDLE")
	if c.DatabaseURL != "" {
		pool, err := postgres.Open(c.DatabaseURL, postgres.PoolOptions{MaxConns: 1})
		if err != nil {
			faults = append(faults, fmt.Errorf("LATCHKEY_DATABASE_URL: %w", err))
		} else {
			pool.Close()
		}
	}
	return errors.Join(faults...)
}

func (c *config) checkListen() error {
	_, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return errors.New("LATCHKEY_LISTEN must be host:port, as 127.0.0.1:8080")
	}
	if c.PublicURL == "" {
		c.PublicURL = "http://localhost:" + port
	}
	if c.MetricsListen == "" {
		return nil
	}
	if _, _, err := net.SplitHostPort(c.MetricsListen); err != nil {
		return errors.New("LATCHKEY_METRICS_LISTEN must be host:port, as 127.0.0.1:9090, or empty")
	}
	return nil
}

func (c *config) checkPublicURL() error {
	if c.PublicURL == "" {
		return nil // told by checkListen
	}
	u, err := url.Parse(c.PublicURL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
		return errors.New("LATCHKEY_PUBLIC_URL must be a scheme and a host, as https://keys.example.com")
	}
	if u.Scheme == "http" && !isLoopback(u.Hostname()) {
		return errors.New("LATCHKEY_PUBLIC_URL must be https for any host but this machine: sessions would travel in the clear")
	}
	c.PublicURL, c.public = u.Scheme+"://"+u.Host, u
	return nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip.IsLoopback()
}

func (c *config) checkDataDir() error {
	if c.DataDir == "" {
		dir, err := defaultDataDir()
		if err != nil {
			return err
		}
		c.DataDir = dir
	}
	dir, err := filepath.Abs(c.DataDir)
	if err != nil {
		return fmt.Errorf("LATCHKEY_DATA_DIR: %w", err)
	}
	c.DataDir = dir
	return nil
}

func defaultDataDir() (string, error) {
	if os.Geteuid() == 0 {
		return "/var/lib/latchkey", nil
	}
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "latchkey"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", errors.New("LATCHKEY_DATA_DIR must be set: there is no home folder to keep data in")
	}
	if runtime.GOOS == "darwin" {
		return filepath.Join(home, "Library", "Application Support", "latchkey"), nil
	}
	return filepath.Join(home, ".local", "share", "latchkey"), nil
}

func (c *config) checkPeppers() error {
	c.peppers = map[int16][]byte{}
	for _, p := range c.Peppers {
		number, encoded, found := strings.Cut(p, "=")
		version, err := strconv.ParseInt(number, 10, 16)
		value, err2 := base64.StdEncoding.DecodeString(encoded)
		if !found || err != nil || err2 != nil || c.peppers[int16(version)] != nil {
			return errors.New("LATCHKEY_PEPPERS must be version=base64 pairs with a comma between, each version once, as 1=$(head -c 32 /dev/urandom | base64)")
		}
		c.peppers[int16(version)] = value
	}
	if _, err := token.NewDigester(c.peppers); err != nil {
		return fmt.Errorf("LATCHKEY_PEPPERS: %w", err)
	}
	return nil
}

// String is the effective configuration as variables, secrets hidden.
func (c config) String() string {
	var b strings.Builder
	v := reflect.ValueOf(c)
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name := field.Tag.Get("env")
		if name == "" {
			continue
		}
		_, secret := field.Tag.Lookup("secret")
		fmt.Fprintf(&b, "%s=%s\n", name, shown(v.Field(i), secret))
	}
	return b.String()
}

func shown(v reflect.Value, secret bool) string {
	switch {
	case secret && v.IsZero():
		return ""
	case secret:
		return "[hidden]"
	case v.Kind() == reflect.Slice:
		return strings.Trim(strings.ReplaceAll(fmt.Sprint(v.Interface()), " ", ","), "[]")
	}
	return fmt.Sprint(v.Interface())
}
