package main_test

import (
	"html"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// The page at the printed link may run nothing and load nothing from elsewhere, and its commands do what it says.
func TestSetUpPage(t *testing.T) {
	t.Parallel()
	p := serve(t)
	for _, path := range []string{"/", "/setup"} {
		page, header := pageAt(t, p.url+path)
		if csp := header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'; style-src 'self';") {
			t.Errorf("%s may do %q", path, csp)
		}
		if regexp.MustCompile(`(?i)<script|style=|\son[a-z]+=|\ssrc=`).MatchString(page) {
			t.Errorf("%s has something to run or to load", path)
		}
	}
	if style, header := pageAt(t, p.url+"/page.css"); !strings.Contains(style, "main") || !strings.HasPrefix(header.Get("Content-Type"), "text/css") {
		t.Errorf("the style is %q of %q", style, header.Get("Content-Type"))
	}
	page, _ := pageAt(t, p.url+"/setup")
	blocks := regexp.MustCompile(`(?s)<pre>(.*?)</pre>`).FindAllStringSubmatch(page, -1)
	if len(blocks) != 3 {
		t.Fatalf("%d blocks of commands", len(blocks))
	}
	setUp := strings.Replace(command(blocks[0][1]), "XXXX-XXXX-XXXX", p.setupCode(), 1)
	use := strings.Replace(command(blocks[2][1]), "lkpat_…", "'$secret'", 1)
	check(t, replay(t, []step{
		{command: setUp + " 2>errors", want: `{"createdAt":"…","handle":"ada",…}`},
		{command: `secret=$(` + command(blocks[1][1]) + ` 2>errors | grep -o '"secret":"[^"]*"' | cut -d'"' -f4)`},
		{command: use + " 2>errors", want: `{"createdAt":"…","handle":"ada",…}`},
	}))
}

func command(block string) string { return html.UnescapeString(block) }

func pageAt(t *testing.T, url string) (string, http.Header) {
	t.Helper()
	resp, err := http.Get(url)
	check(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	check(t, err)
	if resp.StatusCode != 200 {
		t.Fatalf("%s: %s", url, resp.Status)
	}
	return string(body), resp.Header
}
