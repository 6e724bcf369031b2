package api

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// What would break a client of a release fails the check, and what would not passes it: docs/versioning.md lists both.
func TestContractDiffTellsWhatBreaksClients(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../" + firstRelease)
	if err != nil {
		t.Fatal(err)
	}
	released := string(text)
	const (
		operation = "  /forward-auth:\n    get:\n      operationId: ForwardAuth\n"
		keyInput  = "    AccessKeyInput:\n      type: object\n      additionalProperties: false\n      required: [name]\n      properties:\n"
		matched   = `        matched: {type: string, description: "The permission that gave it: of the key, or of its owner where the key has whatever they hold."}` + "\n"
		scope     = "        scope: {type: string, enum: [account, key], description: Whose limit it is.}\n"
		level     = "    AccessLevel:\n      type: string\n      enum: [read, write, delete]\n"
		name      = "    Name:\n      type: string\n      description: 1 to 100 characters after trimming; no control, bidirectional or zero-width ones.\n      minLength: 1\n      maxLength: 400\n"
		pages     = "      schema: {type: integer, minimum: 1, maximum: 100, default: 100}\n"
		selfGet   = "      operationId: AccessKeyGet\n      tags: [access-keys]\n      summary: See one of the own keys\n      x-permission: USE_PERSONAL_ACCESS_KEYS\n      security: [{session: []}, {access_key: []}]\n"
		version   = "  version: 0.1.0\n"
		codes     = "        - credentials_ambiguous\n"
	)
	for what, c := range map[string]struct {
		old, new string // in the text of the release
		says     string // the change that breaks; empty: none does
		may      string // a version that may break
	}{
		"the same":                            {},
		"an optional member of a request":     {keyInput, keyInput + "        colour: {type: string}\n", "", ""},
		"a member of an answer":               {matched, matched + "        since: {type: string}\n", "", ""},
		"a new operation":                     {operation, "  /api/weather:\n" + operationNamed("WeatherGet") + operation, "", ""},
		"a new code of errors":                {codes, codes + "        - moon_full\n", "", ""},
		"a new value in an answer":            {scope, strings.Replace(scope, "key]", "key, planet]", 1), "", ""},
		"a new value in a request":            {level, strings.Replace(level, "delete]", "delete, admire]", 1), "", ""},
		"a wider limit of a request":          {pages, strings.Replace(pages, "maximum: 100", "maximum: 200", 1), "", ""},
		"a credential more":                   {selfGet, strings.Replace(selfGet, "]}]", "]}, {access_key_basic: []}]", 1), "", ""},
		"a deprecated operation":              {operation, operation + "      deprecated: true\n", "", ""},
		"another patch version":               {version, "  version: 0.1.1\n", "", ""},
		"an operation is gone":                {operation, "  /forward-authentication:\n    get:\n      operationId: ForwardAuth\n", "api-path-removed-without-deprecation", "0.2.0"},
		"an operation has another name":       {operation, strings.Replace(operation, "ForwardAuth", "ForwardedAuth", 1), "api-operation-id-removed", ""},
		"an optional member becomes required": {keyInput, strings.Replace(keyInput, "[name]", "[name, expires_at]", 1), "request-property-became-required", "1.0.0"},
		"a new member is required":            {keyInput, strings.Replace(keyInput, "[name]", "[name, colour]", 1) + "        colour: {type: string}\n", "new-required-request-property", ""},
		"a member of an answer is gone":       {matched, "", "response-optional-property-removed", ""},
		"a value of an answer is gone":        {scope, strings.Replace(scope, "account, ", "", 1), "response-property-enum-value-removed", ""},
		"a code of errors is gone":            {codes, "", "response-property-enum-value-removed", ""},
		"a value of a request is gone":        {level, strings.Replace(level, ", delete", "", 1), "request-property-enum-value-removed", ""},
		"a narrower limit":                    {name, strings.Replace(name, "400", "40", 1), "request-property-max-length-decreased", ""},
		"another default":                     {pages, strings.Replace(pages, "default: 100", "default: 10", 1), "request-parameter-default-value-changed", ""},
		"a parameter is gone":                 {"        - {$ref: \"#/components/parameters/Limit\"}\n", "", "request-parameter-removed", ""},
		"a credential is not taken any more":  {selfGet, strings.Replace(selfGet, ", {access_key: []}", "", 1), "api-security-removed", ""},
		"another type":                        {matched, strings.Replace(matched, "string", "boolean", 1), "response-property-type-changed", ""},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(released, c.old) {
				t.Fatalf("the release does not have %q", c.old)
			}
			changed := strings.ReplaceAll(released, c.old, c.new)
			out, failed := contractDiff(t, changed)
			if failed != (c.says != "") || failed && !strings.Contains(out, "["+c.says+"]") || failed && !strings.Contains(out, "docs/versioning.md") {
				t.Errorf("failed: %v, and it says %s", failed, out)
			}
			if c.may != "" {
				out, failed = contractDiff(t, strings.Replace(changed, version, "  version: "+c.may+"\n", 1))
				if failed || !strings.Contains(out, "["+c.says+"]") || !strings.Contains(out, c.may+" may break") {
					t.Errorf("as %s: failed: %v, and it says %s", c.may, failed, out)
				}
			}
		})
	}
	for _, none := range []string{"", "openapi: nonsense", strings.Replace(released, version, "", 1)} {
		if out, failed := contractDiff(t, none); !failed {
			t.Errorf("what is no contract passes: %s", out)
		}
	}
}

func operationNamed(id string) string {
	return "    get:\n      operationId: " + id + "\n      responses:\n        \"204\":\n          description: Sunny.\n"
}

const firstRelease = "docs/releases/openapi-0.1.0.yaml"

// contractDiff runs the script on a contract, and gives what it says and whether it fails. The first time, oasdiff is built: half a minute.
func contractDiff(t *testing.T, contract string) (string, bool) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "openapi.yaml")
	if err := os.WriteFile(file, []byte(contract), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "../../scripts/contract-diff", file, firstRelease).CombinedOutput()
	return string(out), err != nil
}
