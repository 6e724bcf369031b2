package main_test

import (
	"regexp"
	"strings"
	"testing"
)

// What an administrator does, from a role to a stopped account.
func TestAdministratorsCommands(t *testing.T) {
	t.Parallel()
	p := serve(t, "LATCHKEY_DATA_DIR="+seeded(t))
	dir := p.signedIn(t, "ada", adaPassword)
	for _, tc := range []struct {
		say, stdin, command string
		code                int
		stdout, stderr      string
	}{
		{say: "a role", command: "roles create Reader -p *:read -p USE_PERSONAL_ACCESS_KEYS", stdout: "id: …\nname: …Reader\nmay: …*:read…\ncolour: …#…\n"},
		{say: "the same again", command: "roles create Reader -p *:read", code: 7, stderr: "latchkey: …\n"},
		{say: "changed", command: "roles update Reader -p *:* -p USE_PERSONAL_ACCESS_KEYS", stdout: "id: …\nname: …\nmay: …*:*…\n…\n"},
		{say: "not changed", command: "roles update Reader", code: 2, stderr: "latchkey: say what to change: …\n"},
		{say: "list", command: "roles list", stdout: "ID …NAME …MAY\n…\n… …Reader …*:* USE_PERSONAL_ACCESS_KEYS\n…"},
		{say: "a role by its name", command: "roles get Reader", stdout: "id: …\nname: …Reader\nmay: …*:* USE_PERSONAL_ACCESS_KEYS\ncolour: …\n"},
		{say: "a role as JSON", command: "roles get Reader -o json", stdout: `{…"name":"Reader",…}` + "\n"},
		{say: "a role that is none", command: "roles get Writer", code: 6, stderr: "latchkey: there is no role Writer: see latchkey roles list\n"},
		{say: "list as JSON", command: "roles list -o json", stdout: `{"roles":[{…}]}` + "\n"},
		{say: "an account", stdin: "a first pass phrase to change", command: "accounts create eve --name Eve", stdout: "id: …\nhandle: …eve\nname: …Eve\njoined: …\n"},
		{say: "without a password", command: "accounts create mallory", code: 2, stderr: "latchkey: no password on standard input: send it as a line\n"},
		{say: "a lost password", stdin: "a second pass phrase to change", command: "accounts password eve", stdout: "id: …\nhandle: …eve\nname: …Eve\njoined: …\n"},
		{say: "without the new one", command: "accounts password eve", code: 2, stderr: "latchkey: no password on standard input: send it as a line\n"},
		{say: "one's own is changed elsewhere", stdin: "a second pass phrase to change", command: "accounts password ada", code: 1, stderr: "latchkey: …AuthPasswordUpdate…\n"},
		{say: "given", command: "roles give eve Reader", stdout: "…\nroles: …Reader\nmay: …\n"},
		{say: "no such role", command: "roles give eve Writer", code: 6, stderr: "latchkey: there is no role Writer: see latchkey roles list\n"},
		{say: "no such account", command: "roles give nobody Reader", code: 6, stderr: "latchkey: …\n"},
		{say: "list accounts", command: "accounts list --search ev", stdout: "ID …HANDLE …\n… …eve …Eve …no …Reader\n"},
		{say: "get", command: "accounts get eve", stdout: "…\nhandle: …eve\n…\nroles: …Reader\n…\n"},
		{say: "limits", command: "accounts limits eve --query 10 --window day", stdout: "queries: …10\nmutations: …any number\nwindow: …day\n"},
		{say: "a limit less", command: "accounts limits eve --query none -o json", stdout: "{\"window\":\"day\"}\n"},
		{say: "no limit", command: "accounts limits eve --query many", code: 2, stderr: "latchkey: --query \"many\" is no limit: …\n"},
		{say: "what it has used", command: "accounts limits eve", stdout: "queries: …0 of any number\n…\n"},
		{say: "credits", command: "accounts credits eve --grant 50 --idempotency-key a", stdout: "balance: …50\nchanged by: …50\nidempotency key: …a\n"},
		{say: "the same credits again", command: "accounts credits eve --grant 50 --idempotency-key a", stdout: "balance: …50\n…\n"},
		{say: "others under the same key", command: "accounts credits eve --grant 51 --idempotency-key a", code: 7, stderr: "latchkey: …\n"},
		{say: "taken", command: "accounts credits eve --adjust=-20", stdout: "balance: …30\nchanged by: …-20\n…\n"},
		{say: "none given", command: "accounts credits eve --grant 0", code: 2, stderr: "latchkey: --grant 0 changes nothing: name a number of credits, or leave the flag out to see the ledger\n"},
		{say: "none taken", command: "accounts credits eve --adjust=0", code: 2, stderr: "latchkey: --adjust 0 changes nothing: …\n"},
		{say: "given and taken", command: "accounts credits eve --grant 1 --debit 1", code: 2, stderr: "latchkey: …\nlatchkey: see latchkey --help\n"},
		{say: "fewer than none", command: "accounts credits eve --grant=-1", code: 1, stderr: "latchkey: …\n"},
		{say: "the ledger", command: "accounts credits eve", stdout: "AT …TYPE …AMOUNT …BALANCE …KEY\n…adjust …-20 …30 …\n…grant …50 …50 …\n"},
		{say: "suspend without asking", command: "accounts suspend eve", code: 2, stderr: "latchkey: this would stop the account eve and all its keys: add --yes …\n"},
		{say: "suspend", command: "accounts suspend eve -y", stdout: "…\nsuspended: …20…\n"},
		{say: "restore", command: "accounts restore eve -o json", stdout: `{…"handle":"eve",…}` + "\n"},
		{say: "taken away", command: "roles take eve Reader", stdout: "id: …\nhandle: …eve\nname: …\njoined: …\n"},
		{say: "delete without asking", command: "roles delete Reader", code: 2, stderr: "latchkey: this would take the role Reader from everyone who holds it: …\n"},
		{say: "delete", command: "roles delete Reader -y", stdout: "deleted …\n"},
		{say: "the last administrator", command: "accounts suspend ada -y", code: 7, stderr: "latchkey: …\n"},
		{say: "audit", command: "audit --admin --account eve --type account_suspended", stdout: "AT …BY …WHAT …ABOUT …FROM\n20… …ada …account_suspended …account …127.0.0.1\n"},
		{say: "the newest of many", command: "audit --limit 2 -o json", stdout: `{"events":[{…},{…}]}` + "\n", stderr: "latchkey: there are more than 2: see them with --limit, or narrow the list\n"},
		{say: "no administrator's", command: "audit --type account_suspended", code: 2, stderr: "latchkey: --account, … are for --admin\n"},
	} {
		runs(t, dir, tc.stdin, strings.Fields(tc.command)...).want(t, tc.say, tc.code, tc.stdout, tc.stderr)
	}
}

func TestVerifyCommand(t *testing.T) {
	t.Parallel()
	p := serve(t, "LATCHKEY_DATA_DIR="+seeded(t))
	dir, k := p.signedIn(t, "ada", adaPassword), p.newKey(p.grace())
	secret := k.Secret.Reveal()
	for _, tc := range []struct {
		say, stdin     string
		args           []string
		code           int
		stdout, stderr string
	}{
		{say: "good", stdin: secret + "\n", args: []string{"-"}, stdout: "valid: …yes\ncode: …VALID\nstatus: …200\naccount: …grace\nid: …" + k.ID + "\nname: …ci\n…\n"},
		{say: "good for a request", stdin: secret, args: []string{"--request", "GET /media", "--address", "192.0.2.7", "--strict", "--dry-run"}, stdout: "valid: …yes\n…\n"},
		{say: "as somebody else", stdin: gracePassword + "\n" + secret + "\n", args: []string{"--as", "grace"}, code: 5, stderr: "latchkey: grace may not do this: it takes VERIFY_ACCESS_KEYS\n"},
		{say: "as JSON", stdin: adaPassword + "\n" + secret + "\n", args: []string{"-", "--as", "ada", "-o", "json"}, stdout: `{"account":{…},"code":"VALID",…,"valid":true}` + "\n"},
		{say: "none", stdin: "x\n", args: []string{"-"}, code: 1, stdout: "valid: …no\n…\n", stderr: "latchkey: the key is not to be let in: …\n"},
		{say: "not a line", args: []string{"-"}, code: 2, stderr: "latchkey: no key on standard input: send it as a line\n"},
		{say: "a long one", stdin: strings.Repeat("x", 5000), args: []string{"-"}, code: 2, stderr: "latchkey: a line on standard input is longer than 1024 bytes\n"},
		{say: "an argument", args: []string{secret}, code: 2, stderr: "latchkey: a key must not be an argument, …\n"},
		{say: "half an argument", args: []string{secret[:20]}, code: 2, stderr: "latchkey: a key must not be an argument, …\n"},
		{say: "no request", args: []string{"-", "--request", "GET"}, code: 2, stderr: "latchkey: --request must be a method and a path, as \"GET /media/1\"\n"},
		{say: "no address", args: []string{"-", "--address", "here"}, code: 2, stderr: "latchkey: --address must be an IP address, as 192.0.2.7\n"},
	} {
		got := runs(t, dir, tc.stdin, append([]string{"verify"}, tc.args...)...)
		got.want(t, tc.say, tc.code, tc.stdout, tc.stderr)
		if regexp.MustCompile(`lkpat_\w{20}`).MatchString(got.stdout + got.stderr) {
			t.Errorf("%s: shows the key", tc.say)
		}
	}
}
