package main_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	main "github.com/latchkey-dev/latchkey/cmd/latchkey"
)

func TestHelpNamesEverySetting(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"--help"}, {"serve", "--help"}} {
		p := launch(t, nil, args...)
		p.wantExit(0)
		help := p.stdout.String()
		for _, name := range main.Settings() {
			// Its flag, a sentence, and the variable.
			if !regexp.MustCompile(`(?s)--\S+ +[A-Za-z].*\(\$` + name + `\)`).MatchString(help) {
				t.Errorf("latchkey %v does not explain %s:\n%s", args, name, help)
			}
		}
	}
}

func TestConfigShowsEverySettingButNoSecret(t *testing.T) {
	t.Parallel()
	const pepper = "aHVzaC1odXNoLWh1c2gtaHVzaC1odXNoLWh1c2gtaHVzaC0="
	p := launch(t, []string{"LATCHKEY_DATABASE_URL=postgres://latchkey:hunter2@db.example/latchkey", "LATCHKEY_PEPPERS=1=" + pepper + ",2=" + pepper,
		"LATCHKEY_SIGNUP=open", "LATCHKEY_TRUSTED_PROXIES=10.0.0.0/8,fd00::/8"}, "config", "--signup=closed", "--session-idle=90m")
	p.wantExit(0)
	got := p.stdout.String()
	for _, want := range append(main.Settings(), "LATCHKEY_DATABASE_URL=[hidden]\n", "LATCHKEY_PEPPERS=[hidden]\n", "LATCHKEY_SIGNUP=closed\n",
		"LATCHKEY_SESSION_IDLE=1h30m0s\n", "LATCHKEY_TRUSTED_PROXIES=10.0.0.0/8,fd00::/8\n", "LATCHKEY_PUBLIC_URL=http://localhost:8080\n") {
		if !strings.Contains(got, want) {
			t.Errorf("lacks %q", want)
		}
	}
	for _, secret := range []string{"hunter2", "db.example", pepper[:20], "hush"} {
		if strings.Contains(got+p.stderr.String(), secret) {
			t.Errorf("shows %q", secret)
		}
	}
	if t.Failed() {
		t.Log(got)
	}
}

func TestVersion(t *testing.T) {
	t.Parallel()
	p := launch(t, nil, "version")
	p.wantExit(0)
	if p.stdout.String() != "latchkey unreleased\n" {
		t.Errorf("got %q", p.stdout.String())
	}
}

func TestWrongUsage(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{}, {"srve"}, {"serve", "--lisen=:1"}, {"serve", "more"}, {"migrate", "--to=x"}} {
		p := launch(t, nil, args...)
		p.wantExit(2)
		if lines := p.complaints(); len(lines) != 2 || !strings.Contains(lines[1], "latchkey --help") {
			t.Errorf("latchkey %v: %q", args, lines)
		}
		if p.stdout.String() != "" {
			t.Errorf("latchkey %v prints %s", args, p.stdout.String())
		}
	}
}

// A setting that is ignored is worse than none.
func TestUnknownSettingNamesTheNearest(t *testing.T) {
	t.Parallel()
	for wrong, near := range map[string]string{"LATCHKEY_LISTNE": "LATCHKEY_LISTEN", "LATCHKEY_DATABASEURL": "LATCHKEY_DATABASE_URL",
		"LATCHKEY_PEPPER": "LATCHKEY_PEPPERS", "LATCHKEY_signup": "LATCHKEY_SIGNUP", "LATCHKEY_LOGLEVEL": "LATCHKEY_LOG_LEVEL"} {
		for _, command := range []string{"serve", "config", "migrate"} {
			p := launch(t, []string{wrong + "=hush"}, command)
			p.wantExit(2)
			p.wantComplaint(wrong+" is not a setting", "did you mean "+near+"?")
			if strings.Contains(p.stderr.String(), "hush") {
				t.Errorf("%s: shows the value", wrong)
			}
		}
	}
	p := launch(t, []string{"LATCHKEY_A=1", "LATCHKEY_B=1", "LATCHKEYS=1", "latchkey_c=1"}, "config")
	p.wantExit(2)
	if lines := p.complaints(); len(lines) != 2 {
		t.Errorf("two unknown settings give %q", lines)
	}
}

func TestWrongSettings(t *testing.T) {
	t.Parallel()
	const short, long = "c2hvcnQ=", "aHVzaC1odXNoLWh1c2gtaHVzaC1odXNoLWh1c2gtaHVzaC0="
	for _, row := range []struct{ setting, line string }{
		{"LATCHKEY_LISTEN=8080", "LATCHKEY_LISTEN must be host:port, as 127.0.0.1:8080"},
		{"LATCHKEY_METRICS_LISTEN=9090", "LATCHKEY_METRICS_LISTEN must be host:port, as 127.0.0.1:9090, or empty"},
		{"LATCHKEY_PUBLIC_URL=keys.example.com", "LATCHKEY_PUBLIC_URL must be a scheme and a host, as https://keys.example.com"},
		{"LATCHKEY_PUBLIC_URL=https://keys.example.com/latchkey", "LATCHKEY_PUBLIC_URL must be a scheme and a host"},
		{"LATCHKEY_PUBLIC_URL=https://u:hush@keys.example.com", "LATCHKEY_PUBLIC_URL must be a scheme and a host"},
		{"LATCHKEY_PUBLIC_URL=http://keys.example.com", "LATCHKEY_PUBLIC_URL must be https for any host but this machine"},
		{"LATCHKEY_DATABASE_URL=postgres://u:hush@db:notaport/x", "LATCHKEY_DATABASE_URL: the database URL cannot be read"},
		{"LATCHKEY_DATABASE_URL=hush hush", "LATCHKEY_DATABASE_URL: the database URL cannot be read"},
		{"LATCHKEY_MIGRATE=perhaps", "LATCHKEY_MIGRATE"},
		{"LATCHKEY_DATABASE_CONNECTIONS=3", "LATCHKEY_DATABASE_CONNECTIONS must be 4 to 1000"},
		{"LATCHKEY_DATABASE_CONNECTIONS=many", "LATCHKEY_DATABASE_CONNECTIONS"},
		{"LATCHKEY_SIGNUP=maybe", "LATCHKEY_SIGNUP must be closed or open"},
		{"LATCHKEY_KEY_BRAND=LK", "LATCHKEY_KEY_BRAND must match ^[a-z][a-z0-9]{0,11}$"},
		{"LATCHKEY_KEY_BRAND=", "LATCHKEY_KEY_BRAND must match"},
		{"LATCHKEY_KEYS_PER_ACCOUNT=0", "LATCHKEY_KEYS_PER_ACCOUNT must be 1 to 1000000"},
		{"LATCHKEY_KEY_LIFE_MOST=-1h", "LATCHKEY_KEY_LIFE_MOST must be 1m or more, or 0 for any"},
		{"LATCHKEY_KEY_LIFE_MOST=1s", "LATCHKEY_KEY_LIFE_MOST must be 1m or more, or 0 for any"},
		{"LATCHKEY_KEY_EXPIRY_REQUIRED=perhaps", "LATCHKEY_KEY_EXPIRY_REQUIRED"},
		{"LATCHKEY_PEPPERS=hush", "LATCHKEY_PEPPERS must be version=base64 pairs"},
		{"LATCHKEY_PEPPERS=1=hush!", "LATCHKEY_PEPPERS must be version=base64 pairs"},
		{"LATCHKEY_PEPPERS=1=" + long + ",1=" + long, "LATCHKEY_PEPPERS must be version=base64 pairs with a comma between, each version once"},
		{"LATCHKEY_PEPPERS=0=" + long, "LATCHKEY_PEPPERS: pepper version 0 is not between 1 and 32767"},
		{"LATCHKEY_PEPPERS=40000=" + long, "LATCHKEY_PEPPERS must be"},
		{"LATCHKEY_PEPPERS=3=" + short, "LATCHKEY_PEPPERS: pepper version 3 has 5 bytes, fewer than 32"},
		{"LATCHKEY_PASSWORD_MIN=7", "LATCHKEY_PASSWORD_MIN must be 8 to 256"},
		{"LATCHKEY_PASSWORD_MEMORY=18", "LATCHKEY_PASSWORD_MEMORY must be 19 to 1024 MiB"},
		{"LATCHKEY_PASSWORD_MEMORY=-1", "LATCHKEY_PASSWORD_MEMORY"},
		{"LATCHKEY_PASSWORD_PASSES=0", "LATCHKEY_PASSWORD_PASSES must be 1 to 20"},
		{"LATCHKEY_SESSION_IDLE=1s", "LATCHKEY_SESSION_IDLE must be 2m or more"},
		{"LATCHKEY_SESSION_IDLE=soon", "LATCHKEY_SESSION_IDLE"},
		{"LATCHKEY_SESSION_LIFE=30m", "LATCHKEY_SESSION_LIFE must not be shorter than LATCHKEY_SESSION_IDLE"},
		{"LATCHKEY_TRUSTED_PROXIES=10.0.0.1", "LATCHKEY_TRUSTED_PROXIES"},
		{"LATCHKEY_LOG_FORMAT=xml", "LATCHKEY_LOG_FORMAT must be text, json or auto"},
		{"LATCHKEY_LOG_LEVEL=loud", "LATCHKEY_LOG_LEVEL must be debug, info, warn or error"},
	} {
		t.Run(row.setting, func(t *testing.T) {
			t.Parallel()
			dir := folder(t)
			p := launch(t, []string{"LATCHKEY_DATA_DIR=" + dir, row.setting}, "serve")
			p.wantExit(2)
			lines := p.complaints()
			if len(lines) != 2 || !strings.Contains(lines[0], row.line) || lines[1] != "see latchkey --help" {
				t.Errorf("got %q, want %s", lines, row.line)
			}
			for _, secret := range []string{"hush", short, long} {
				if strings.Contains(p.stderr.String(), secret) {
					t.Errorf("shows %q", secret)
				}
			}
			if exists(dir) {
				t.Error("the data folder was made all the same")
			}
		})
	}
}

func TestEveryWrongSettingIsTold(t *testing.T) {
	t.Parallel()
	p := launch(t, []string{"LATCHKEY_LISTEN=8080", "LATCHKEY_KEY_BRAND=LK", "LATCHKEY_PASSWORD_MIN=7"}, "serve")
	p.wantExit(2)
	if lines := p.complaints(); len(lines) != 4 {
		t.Errorf("three mistakes give %q", lines)
	}
}

// Kubernetes sets these in every pod beside a Service named latchkey; none of them is meant for us.
func TestServiceLinksAreNoSettings(t *testing.T) {
	t.Parallel()
	p := launch(t, []string{"LATCHKEY_PORT=tcp://10.0.0.1:80", "LATCHKEY_PORT_80_TCP_ADDR=10.0.0.1", "LATCHKEY_SERVICE_HOST=10.0.0.1",
		"LATCHKEY_SERVICE_PORT=80", "LATCHKEY_SERVICE_PORT_HTTP=80"}, "config")
	p.wantExit(0)
}

func TestDocumentedSettingsAreTheSettings(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/configuration.md")
	check(t, err)
	var documented []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(LATCHKEY_[A-Z0-9_]+)` \\| (?:`([^`]*)`)?").FindAllStringSubmatch(string(text), -1) {
		documented = append(documented, row[1])
		if want := main.Default(row[1]); want != "" && row[2] != want {
			t.Errorf("%s: the documents have the default %q, the program %q", row[1], row[2], want)
		}
	}
	settings := main.Settings()
	slices.Sort(settings)
	slices.Sort(documented)
	if !slices.Equal(settings, documented) {
		t.Errorf("documented are %q, there are %q", documented, settings)
	}
}
