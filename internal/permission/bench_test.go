package permission

import (
	"fmt"
	"testing"
)

// large has 100 resources and 1,000 routes.
func large(t testing.TB) *Catalogue {
	t.Helper()
	var d Document
	for i := range 100 {
		name := fmt.Sprintf("resource-%d", i)
		d.Resources = append(d.Resources, Resource{Name: name, Paths: []string{"/api/v1/" + name}, Access: []string{"read", "write", "delete"}})
		for j := range 10 {
			d.Routes = append(d.Routes, Route{Method: "POST", Path: fmt.Sprintf("/api/v1/%s/{id}/action-%d", name, j), Access: "read", Credits: int64(j)})
		}
	}
	return compiled(t, d)
}

// asks are what a benchmark asks, each with what a key and its owner hold.
var asks = []struct {
	say, method, path string
	key, owner        Set
}{
	{"a route", "POST", "/api/v1/resource-77/9m4e2mr0ui3e8a215n4g/action-7?page=2", NewSet("resource-1:read", "resource-7:*", "resource-77:read"), NewSet(Administrator)},
	{"a resource", "GET", "/api/v1/resource-99/9m4e2mr0ui3e8a215n4g/parts/1", NewSet("*:read", "*:write"), NewSet("*:*")},
	{"no resource", "DELETE", "/api/v2/something/else", NewSet("resource-1:read"), NewSet("*:*")},
}

func TestRuleAllocatesNothing(t *testing.T) {
	c := large(t)
	for _, ask := range asks {
		if n := testing.AllocsPerRun(100, func() {
			need, err := c.Request(ask.method, ask.path)
			if err != nil || need.Required == "" {
				t.Errorf("%s: %+v, %v", ask.say, need, err)
			}
			_ = Decide(&ask.key, ask.owner, need)
		}); n > 0 {
			t.Errorf("%s: %v allocations", ask.say, n)
		}
	}
}

func BenchmarkRule(b *testing.B) {
	c := large(b)
	for _, ask := range asks {
		b.Run(ask.say, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				need, err := c.Request(ask.method, ask.path)
				if err != nil {
					b.Fatal(err)
				}
				_ = Decide(&ask.key, ask.owner, need)
			}
		})
	}
}
