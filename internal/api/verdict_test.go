package api

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-dev/latchkey/internal/verify"
)

// metric reads a counter, or the number of a histogram's observations, of the first instance. Labels are names and values.
func (h *harness) metric(name string, labels ...string) float64 {
	h.t.Helper()
	v, found := h.metricIfAny(name, labels...)
	if !found {
		h.t.Errorf("no metric %s with %q", name, labels)
	}
	return v
}

func (h *harness) metricIfAny(name string, labels ...string) (float64, bool) {
	h.t.Helper()
	all, err := h.metrics.Gather()
	if err != nil {
		h.t.Fatal(err)
	}
	for _, family := range all {
		if family.GetName() != name {
			continue
		}
		for _, m := range family.GetMetric() {
			var has []string
			for _, l := range m.GetLabel() {
				has = append(has, l.GetName(), l.GetValue())
			}
			if strings.Join(has, "\x00") == strings.Join(labels, "\x00") {
				return m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount()), true
			}
		}
	}
	return 0, false
}

func (h *harness) verdicts(d door, code verify.Code) float64 {
	h.t.Helper()
	return h.metric("latchkey_verifications_total", "code", string(code), "door", string(d))
}

// newQuietHarness logs as the service does by default.
func newQuietHarness(t *testing.T) (*harness, *logBuffer) {
	t.Helper()
	log := &logBuffer{}
	return newHarness(t, func(s *settings) {
		s.api = func(c *Config) { c.Log = slog.New(slog.NewTextHandler(log, nil)) }
	}), log
}

// What is asked all the time by nobody in particular would hide the rest.
func TestNothingIsLoggedOfProbesAndOpenPages(t *testing.T) {
	t.Parallel()
	h, log := newQuietHarness(t)
	quiet := []*answer{h.anonymous().get("/livez").want(200), h.anonymous().get("/readyz").want(200), h.root.get("/api/admin/health").want(200)}
	log.await(t, h.root.get("/api/accounts").want(200).header.Get("X-Request-Id"))
	for _, a := range quiet {
		if strings.Contains(log.String(), a.header.Get("X-Request-Id")) {
			t.Errorf("%s is logged", a.what)
		}
	}
	log.await(t, h.anonymous().get("/api/admin/health").want(401, "credential_required").header.Get("X-Request-Id"))
}

func TestNothingIsLoggedOfWhatIsAllowed(t *testing.T) {
	t.Parallel()
	h, log := newQuietHarness(t)
	service, browser := h.asker(), h.signIn("asker", password)
	_, program := h.root.newKey("bot")
	before := log.String()
	for range 3 {
		for _, a := range []*answer{service.verify(program.secret()), browser.verify(program.secret()), service.introspect(program.secret()), program.get(forwardAuthPath + "/x")} {
			if a.want(200); strings.Contains(log.String(), a.header.Get("X-Request-Id")) && a.header.Get("X-Request-Id") != "" {
				t.Errorf("%s is logged", a.what)
			}
		}
	}
	last := h.anonymous().get("/nowhere").want(404).header.Get("X-Request-Id")
	log.await(t, last)
	if more := strings.TrimPrefix(log.String(), before); strings.Count(more, "\n") != strings.Count(more, last)+strings.Count(more, "operation=AuthPasswordSignin") {
		t.Errorf("logged:\n%s", more)
	}
	// What goes wrong with the question itself is logged as everywhere.
	bad := service.post(verifyPath, object{"kee": planted}).want(400, "request_invalid")
	barred := program.at(h.url).with("X-Pad", "x").form("nonsense=x").want(400, "request_invalid")
	for _, a := range []*answer{bad, barred} {
		log.await(t, a.header.Get("X-Request-Id"), "status=400")
	}
	if strings.Contains(log.String(), program.secret()) || strings.Contains(log.String(), planted) {
		t.Errorf("the log tells what was sent:\n%s", log)
	}
}

func TestRefusalsAreLoggedOnceASecond(t *testing.T) {
	t.Parallel()
	h, log := newQuietHarness(t)
	h.clock.stop()
	service := h.asker()
	id, program := h.member("poor", "USE_PERSONAL_ACCESS_KEYS").newKey("bot")
	h.root.delete("/api/accounts/poor/roles/" + scalar[string](h, "SELECT id FROM role WHERE name = 'role of poor'")).want(200)
	refusals := func() []string {
		var lines []string
		for line := range strings.Lines(log.String()) {
			if strings.Contains(line, `msg="key refused"`) {
				lines = append(lines, line)
			}
		}
		return lines
	}
	refuse := func(n int) {
		for range n {
			service.verify(program.secret(), object{"address": "192.0.2.7"}).want(200)
			service.introspect("x").want(200)
			program.get(forwardAuthPath).want(403)
		}
	}
	h.clock.advance(time.Second)
	refuse(3)
	h.clock.advance(time.Second - time.Microsecond)
	refuse(1)
	h.clock.advance(time.Microsecond)
	service.introspect("x").want(200)
	service.introspect("x").want(200)
	h.clock.advance(time.Hour)
	program.get(forwardAuthPath).want(403)
	want := []string{
		"level=INFO msg=\"key refused\" door=verify code=KEY_USE_NOT_PERMITTED address=192.0.2.7 more_since_last=0 access_key_id=" + id + "\n",
		"level=INFO msg=\"key refused\" door=introspect code=MALFORMED address=127.0.0.1 more_since_last=11\n",
		"level=INFO msg=\"key refused\" door=forward_auth code=KEY_USE_NOT_PERMITTED address=127.0.0.1 more_since_last=1 access_key_id=" + id + "\n",
	}
	got := refusals()
	for i, line := range got {
		_, got[i], _ = strings.Cut(line, " ") // the moment
	}
	if strings.Join(got, "") != strings.Join(want, "") {
		t.Errorf("logged:\n%s\nwant:\n%s", strings.Join(got, ""), strings.Join(want, ""))
	}
	if strings.Contains(log.String(), program.secret()) || strings.Contains(log.String(), "operation=AccessKeyVerify") {
		t.Errorf("the log tells too much:\n%s", log)
	}
}

func TestVerdictsAreCountedByDoorAndCode(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	service, lots := h.asker(), h.lots()
	h.clock.advance(2 * time.Minute)
	want := map[verify.Code]float64{}
	for _, l := range lots {
		service.verify(l.key)
		service.introspect(l.key)
		h.anonymous().withKey(l.key).get(forwardAuthPath)
		h.anonymous().withKey(l.key).get("/api/accounts") // counted as a request, not as a verdict
		want[l.want]++
	}
	service.verify(lots[0].key, object{"permission": "FLY"}).want(200)
	for code := range meanings {
		for _, d := range []door{doorVerify, doorIntrospect, doorForwardAuth} {
			wanted := want[code]
			if code == verify.InsufficientPermissions && d == doorVerify {
				wanted = 1
			}
			if got := h.verdicts(d, code); got != wanted {
				t.Errorf("%s %s: %v, want %v", d, code, got, wanted)
			}
		}
	}
	if got := h.metric("latchkey_http_requests_total", "operation", "AccessKeyVerify", "status", "200"); got != float64(len(lots)+1) {
		t.Errorf("%v requests of AccessKeyVerify, want %d", got, len(lots)+1)
	}
}

// The codes of the contract are those of the code, each with what it means.
func TestEveryVerdictHasAMeaning(t *testing.T) {
	t.Parallel()
	var codes []string
	for code, m := range meanings {
		codes = append(codes, string(code))
		if (m.message == "") != (code == verify.Valid) || (m.status == 200) != (code == verify.Valid) {
			t.Errorf("%s: %+v", code, m)
		}
	}
	schemas := writtenContract(t).Components.Schemas
	sameNames(t, "verdicts", enumOf(t, schemas["VerifyCode"]), codes)
	sameNames(t, "verdicts as constants", enumOf(t, schemas["VerifyCode"]), declaredConstants(t, "../verify/verify.go", "Code"))
}
