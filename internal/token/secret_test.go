package token_test

import (
	"bytes"
	"database/sql/driver"
	"encoding"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/latchkey-dev/latchkey/internal/token"
)

// hideouts puts v wherever a careless line of code might have it when it prints.
func hideouts[T any](v T) map[string]any {
	type inner struct{ v T }
	return map[string]any{
		"value":            v,
		"pointer":          &v,
		"exported field":   struct{ V T }{v},
		"exported pointer": struct{ V *T }{&v},
		"hidden field":     inner{v},
		"hidden pointer":   &inner{v},
		"hidden deep":      struct{ in *inner }{&inner{v}},
		"hidden any":       struct{ v any }{v},
		"slice":            []T{v},
		"array":            [1]T{v},
		"hidden slice":     struct{ v []T }{[]T{v}},
		"map value":        map[string]T{"k": v},
		"error":            fmt.Errorf("create: %v", v),
		"wrapped by abuse": errors.New(fmt.Sprint("create: ", v)),
	}
}

// prints gives everything that x turns into, by name of the way.
func prints(x any) map[string]string {
	out := map[string]string{}
	for _, flags := range []string{"", "+", "#", " ", "-200", "0200", ".3", "[2]*[1]", "[9]"} {
		for _, verb := range "vsqxXdtbcoOUeEfFgGpTw" {
			format := "%" + flags + string(verb) // in a variable, because vet refuses most of these, and rightly
			out[format] = fmt.Sprintf(format, x, x)
			out["Errorf "+format] = fmt.Errorf(format, x, x).Error()
		}
	}
	out["Sprint"] = fmt.Sprint(x)
	out["Sprintln"] = fmt.Sprintln(x)
	out["panic"] = recovered(x)
	j, err := json.Marshal(x)
	out["json"] = fmt.Sprint(string(j), err)
	j, err = json.MarshalIndent(map[string]any{"v": x}, "", " ")
	out["json in map"] = fmt.Sprint(string(j), err)
	m, err := xml.Marshal(x)
	out["xml"] = fmt.Sprint(string(m), err)
	for name, handler := range map[string]func(io.Writer, *slog.HandlerOptions) slog.Handler{
		"slog text": func(w io.Writer, o *slog.HandlerOptions) slog.Handler { return slog.NewTextHandler(w, o) },
		"slog json": func(w io.Writer, o *slog.HandlerOptions) slog.Handler { return slog.NewJSONHandler(w, o) },
	} {
		var b bytes.Buffer
		log := slog.New(handler(&b, &slog.HandlerOptions{Level: slog.LevelDebug}))
		log.With("with", x).WithGroup("group").Debug("m", "v", x, slog.Group("g", "v", x))
		out[name] = b.String()
	}
	return out
}

func recovered(x any) string {
	var text string
	func() {
		defer func() { text = fmt.Sprint(recover()) }()
		panic(x)
	}()
	return text
}

// spellings are the forms in which fmt might give secret away.
func spellings(secret string) []string {
	b := []byte(secret)
	return []string{
		secret,
		fmt.Sprintf("%x", b),
		fmt.Sprintf("%X", b),
		fmt.Sprintf("% x", b),
		strings.Trim(fmt.Sprint(b), "[]"),
		strings.Trim(fmt.Sprintf("%#v", b), "[]byte{}"),
		strings.Trim(fmt.Sprintf("%c", b), "[]"),
		strings.Trim(fmt.Sprintf("%o", b), "[]"),
	}
}

func mustNotTell(t *testing.T, x any, secret string) {
	t.Helper()
	for how, text := range prints(x) {
		for _, spelling := range spellings(secret) {
			// Eight characters are 47 bits: no accident, and short of the whole, so that a cut print is caught as well.
			if strings.Contains(text, spelling) || strings.Contains(text, spelling[:len(spelling)/5]) {
				t.Errorf("%s tells: %s", how, text)
			}
		}
	}
}

// ASVS 16.2.5.
func TestSecretNeverPrints(t *testing.T) {
	t.Parallel()
	for where, x := range hideouts(token.NewSecret(vectorSecret)) {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			mustNotTell(t, x, vectorSecret)
		})
	}
}

// ASVS 16.2.5.
func TestParsedNeverPrints(t *testing.T) {
	t.Parallel()
	for where, x := range hideouts(parse(t, vector)) {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			mustNotTell(t, x, vectorSecret)
		})
	}
}

// ASVS 16.2.5: the peppers are as secret as what they protect.
func TestDigesterNeverPrints(t *testing.T) {
	t.Parallel()
	const pepper = "correct horse battery staple and more"
	d, err := token.NewDigester(map[int16][]byte{1: []byte(pepper)})
	if err != nil {
		t.Fatal(err)
	}
	for where, x := range hideouts(d) {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			mustNotTell(t, x, pepper)
		})
	}
}

func TestErrorsNameNoInput(t *testing.T) {
	t.Parallel()
	_, err := token.Parse(vectorBody + "000000")
	mustNotTell(t, err, vectorSecret)
	const pepper = "short but still a secret pepper"
	_, err = token.NewDigester(map[int16][]byte{1: []byte(pepper)})
	mustNotTell(t, err, pepper)
}

func TestSecretSays(t *testing.T) {
	t.Parallel()
	const want = "[secret]"
	s := token.NewSecret("x")
	text, _ := s.MarshalText()
	appended, _ := s.AppendText([]byte("a "))
	quoted, _ := s.MarshalJSON()
	for how, got := range map[string]string{
		"String":      s.String(),
		"GoString":    s.GoString(),
		"MarshalText": string(text),
		"AppendText":  strings.TrimPrefix(string(appended), "a "),
		"MarshalJSON": strings.Trim(string(quoted), `"`),
		"LogValue":    s.LogValue().String(),
		"%v":          fmt.Sprintf("%v", s),
		"%+v":         fmt.Sprintf("%+v", s),
		"%#v":         fmt.Sprintf("%#v", s),
		"%s":          fmt.Sprintf("%s", s),
		"%q":          fmt.Sprintf("%q", s),
		"%x":          fmt.Sprintf("%x", s),
		"%d":          fmt.Sprintf("%d", s),
		"%v, zero":    fmt.Sprintf("%v", token.Secret{}),
		"%s, pointer": fmt.Sprintf("%s", &s),
	} {
		if got != want {
			t.Errorf("%s: %s", how, got)
		}
	}
	var _ encoding.TextAppender = s
}

func TestParsedSays(t *testing.T) {
	t.Parallel()
	const want = "akpat_" + vectorID
	p := parse(t, vector)
	j, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	for how, got := range map[string]string{
		"String":   p.String(),
		"LogValue": p.LogValue().String(),
		"%v":       fmt.Sprintf("%v", p),
		"%+v":      fmt.Sprintf("%+v", p),
		"%#v":      fmt.Sprintf("%#v", p),
		"json":     strings.Trim(string(j), `"`),
	} {
		if got != want {
			t.Errorf("%s: %s", how, got)
		}
	}
}

func TestReveal(t *testing.T) {
	t.Parallel()
	if got := token.NewSecret(vector).Reveal(); got != vector {
		t.Errorf("revealed %s", got)
	}
	if got := (token.Secret{}).Reveal(); got != "" {
		t.Errorf("the zero Secret revealed %q", got)
	}
}

// A database driver must find no way in: database/sql asks for Value.
func TestSecretHasNoValue(t *testing.T) {
	t.Parallel()
	if _, ok := any(token.Secret{}).(driver.Valuer); ok {
		t.Error("Secret has a Value method")
	}
}
