package api

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/latchkey-dev/latchkey/internal/permission"
	"github.com/latchkey-dev/latchkey/internal/verify"
)

const batchPath = "/api/access-keys/verify/batch"

// together asks several questions in one request, and gives the answers.
func (c *client) together(questions ...object) []map[string]any {
	c.h.t.Helper()
	return c.post(batchPath, object{"questions": questions}).want(200).cachedNowhere().list("answers")
}

// summary is the code of an answer: of its result, or of its problem.
func summary(answer map[string]any) string {
	if result, ok := answer["result"].(map[string]any); ok && answer["problem"] == nil {
		return result["code"].(string)
	}
	if problem, ok := answer["problem"].(map[string]any); ok && answer["result"] == nil {
		return problem["error"].(string)
	}
	return "neither"
}

func summaries(answers []map[string]any) []string {
	var all []string
	for _, a := range answers {
		all = append(all, summary(a))
	}
	return all
}

// Every answer of a batch is the one that its question would have had alone, in the order of the questions, and counts as much.
func TestAnswersOfABatch(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.clock.stop()
	service := h.asker()
	grace := h.member("grace", permission.UsePersonalAccessKeys, "*:*")
	goodID, good := grace.newKey("good")
	deadID, dead := grace.newKey("dead")
	grace.delete(ownKeys + "/" + deadID).want(204)
	dry := object{"key": good.secret(), "record": false}
	questions := []object{
		{"key": "x"}, {"key": sealed(strings.Repeat("A", 40))}, {"key": dead.secret()}, dry,
		{"key": good.secret(), "permission": "FLY", "record": false}, {"key": good.secret(), "request": object{"method": "GET", "path": "/a/../b"}},
		{"key": good.secret(), "resource": "media"}, {"key": good.secret(), "cost": 7, "record": false}, dry,
	}
	a := service.post(batchPath, object{"questions": questions}).want(200)
	answers := a.list("answers")
	if len(answers) != len(questions) {
		t.Fatalf("%d answers to %d questions", len(answers), len(questions))
	}
	for i, q := range questions {
		alone := service.post(verifyPath, q).json()
		got, _ := answers[i]["result"].(map[string]any)
		if got == nil {
			got = answers[i]["problem"].(map[string]any)
			if got["trace_id"] != a.header.Get("X-Request-Id") {
				t.Errorf("%v: the trace is not that of the request: %v", q, got)
			}
			delete(got, "trace_id")
			delete(alone, "trace_id")
		}
		if !reflect.DeepEqual(got, alone) {
			t.Errorf("%v: %v, alone %v", q, got, alone)
		}
	}

	h.limit(grace.id, object{"query": 3, "window": "day"})
	five := service.together(slices.Repeat([]object{{"key": good.secret()}}, 5)...)
	passed := slices.DeleteFunc(summaries(five), func(s string) bool { return s == "QUOTA_EXCEEDED" })
	if !slices.Equal(passed, []string{"VALID", "VALID", "VALID"}) {
		t.Errorf("of five with a limit of three: %v", summaries(five))
	}
	if got := h.verdicts(doorVerify, verify.QuotaExceeded); got != 2 {
		t.Errorf("%v refusals for a limit are counted, want 2", got)
	}
	if err := h.uses.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if grace.get(ownKeys + "/" + goodID).want(200).json()["last_used_at"] == nil {
		t.Error("a use in a batch is none")
	}
	h.noAlarm()
}

// Whoever may not verify may not do it in batches either, and a batch has its bounds.
func TestBoundsOfABatch(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	service := h.asker()
	of := func(n int, key string) object {
		return object{"questions": slices.Repeat([]object{{"key": key}}, n)}
	}
	service.post(batchPath, of(1, "x")).want(200)
	if got := service.post(batchPath, of(100, "x")).want(200).list("answers"); len(got) != 100 {
		t.Errorf("%d answers", len(got))
	}
	service.post(batchPath, of(101, "x")).want(400, "request_invalid")
	service.post(batchPath, of(0, "x")).want(400, "request_invalid")
	service.post(batchPath, object{}).want(400, "request_invalid")
	service.post(batchPath, of(32, strings.Repeat("k", 8000))).want(200)
	service.post(batchPath, of(33, strings.Repeat("k", 8000))).want(413, "body_too_large")
	if a := service.post(batchPath, object{"questions": []object{{"key": "x"}, {"key": "x", "access": "admin"}}}).want(400, "request_invalid"); !strings.HasPrefix(a.metadata("pointer").(string), "/questions/1") {
		t.Errorf("the fault is at %v", a.metadata("pointer"))
	}
	_, other := h.member("grace", permission.UsePersonalAccessKeys, "*:*").newKey("other")
	other.post(batchPath, of(1, "x")).want(403, "permission_denied")
	h.anonymous().post(batchPath, of(1, "x")).want(401, "credential_required")
	h.noAlarm()
}

// A question that the database would have to answer, and cannot, spoils none that memory answers.
func TestABatchWithoutTheDatabase(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	service := h.asker()
	_, known := h.root.newKey("known")
	_, cold := h.root.newKey("cold")
	service.verify(known.secret()).want(200)
	release := h.hogAll(h.checks)
	got := summaries(service.together(object{"key": known.secret()}, object{"key": cold.secret()}, object{"key": "x"}))
	if want := []string{"VALID", "verification_unavailable", "MALFORMED"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	release()
	if got := summaries(service.together(object{"key": cold.secret()})); got[0] != "VALID" {
		t.Errorf("afterwards: %v", got)
	}
	h.noAlarm()
}

// A fault in one question is an answer, a line in the log and nothing else.
func TestAFaultInABatch(t *testing.T) {
	t.Parallel()
	h := newHarness(t, func(s *settings) { s.api = func(c *Config) { c.Meter = nil } })
	service := h.asker()
	_, good := h.root.newKey("good")
	a := service.post(batchPath, object{"questions": []object{{"key": good.secret()}, {"key": "x"}}}).want(200)
	if got := summaries(a.list("answers")); !slices.Equal(got, []string{"internal", "MALFORMED"}) {
		t.Errorf("%v", got)
	}
	h.log.await(t, "level=ERROR", "panicked with runtime.", a.header.Get("X-Request-Id"))
	a.keepsQuiet(h, good.secret())
}
