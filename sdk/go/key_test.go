package latchkey_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	latchkey "github.com/latchkey-dev/latchkey/sdk/go"
)

func TestKeyNeverPrints(t *testing.T) {
	t.Parallel()
	k := latchkey.NewKey(key)
	issued := latchkey.AccessKeyIssued{Secret: k}
	client := newClient(t, latchkey.Config{BaseURL: "https://keys.example.com", Key: k})
	hidden := struct{ config latchkey.Config }{latchkey.Config{Key: k}}
	verify := latchkey.VerifyInput{Key: k}
	var out bytes.Buffer
	text, log := slog.New(slog.NewTextHandler(&out, nil)), slog.New(slog.NewJSONHandler(&out, nil))
	for _, v := range []any{k, &k, issued, &issued, []latchkey.Key{k}, map[string]latchkey.Key{"k": k}, hidden, &hidden, verify, &verify, client, *client} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%100s"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		fmt.Fprintln(&out, fmt.Errorf("fails: %v", v))
		text.Info("text", "v", v)
		log.Info("json", "v", v)
		b, _ := json.Marshal(v)
		out.Write(b)
	}
	b, err := k.MarshalText()
	out.Write(b)
	if err != nil || !strings.Contains(out.String(), "[secret]") {
		t.Errorf("nothing was printed: %v", err)
	}
	for _, form := range []string{key, key[23:66], fmt.Sprintf("%x", key), fmt.Sprintf("%X", key), fmt.Sprint([]byte(key))} {
		if strings.Contains(out.String(), form) {
			t.Errorf("found %s in %s", form, out.String())
		}
	}
	if k.Reveal() != key || (latchkey.Key{}).Reveal() != "" {
		t.Error("Reveal does not")
	}
}

func TestIssuedKeyHoldsItsSecret(t *testing.T) {
	t.Parallel()
	url := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		answerJSON(w, http.StatusOK, `{"id":"cc5lnd2s1s4652adtu50","name":"ci","status":"active","version":1,"secret":"`+key+`"}`)
	})
	got, err := newClient(t, latchkey.Config{BaseURL: url}).AccessKeyCreate(t.Context(), latchkey.AccessKeyInput{Name: "ci"})
	if err != nil || got.Secret.Reveal() != key || got.Name != "ci" || got.Version != 1 || got.ExpiresAt != nil {
		t.Errorf("got %+v, %v", got, err)
	}
}
