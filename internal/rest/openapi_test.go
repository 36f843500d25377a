package rest_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
)

var updateGoldens = flag.Bool("update", false, "write the golden files anew")

// TestTheDocumentIsAsReviewed compares the OpenAPI document with the one in
// testdata, which is reviewed like code.
func TestTheDocumentIsAsReviewed(t *testing.T) {
	s := newServer(t)
	text := bytes.ReplaceAll(s.get(t, "/openapi.json").body, []byte(s.URL), []byte("https://casehook.example"))
	var got bytes.Buffer
	require.NoError(t, json.Indent(&got, text, "", " "))
	got.WriteByte('\n')

	golden := filepath.Join("testdata", "openapi.json")
	if *updateGoldens {
		require.NoError(t, os.WriteFile(golden, got.Bytes(), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("openapi.json (-want +got), written anew by go test -update:\n%s", diff)
	}
}

func TestEveryCallIsDescribed(t *testing.T) {
	s := newServer(t)
	for path, operations := range s.paths {
		for method, call := range operations {
			t.Run(call.OperationID, func(t *testing.T) {
				require.NotEmpty(t, call.Summary)
				require.Len(t, call.Tags, 1)
				require.NotNil(t, call.Security, "who may call it")
				require.Equal(t, smallest[call.OperationID] == "", len(call.Security) == 0)
				for _, status := range []string{"422", "500"} {
					require.Contains(t, call.Responses, status)
				}
				if strings.HasPrefix(method, "p") { // POST, PUT and PATCH
					require.Contains(t, call.Responses, "408", "its body may not come in time")
				} else {
					require.NotContains(t, call.Responses, "408")
				}
				require.Contains(t, call.Responses, "503", "the database may not be there")
				if len(call.Security) > 0 {
					require.Contains(t, call.Responses, "401")
					require.Contains(t, call.Responses, "403")
				}
				if strings.Contains(path, "{") {
					require.Contains(t, call.Responses, "404")
				}
				var names []string
				for _, parameter := range call.Parameters {
					names = append(names, parameter.Name)
				}
				for _, name := range pathParameter.FindAllString(path, -1) {
					require.Contains(t, names, strings.Trim(name, "{}"))
				}
				if method == "post" {
					require.Contains(t, names, "Idempotency-Key")
				}
			})
		}
	}
}

// Who writes a client reads in the document how many items a list takes, and how large a
// number may be.
func TestEveryListAndNumberOfARequestHasALimit(t *testing.T) {
	s := newServer(t)
	var document struct {
		Paths map[string]map[string]struct {
			Parameters []struct {
				Name, In string
				Schema   map[string]any
			}
			RequestBody struct {
				Content map[string]struct{ Schema map[string]any }
			}
		}
		Components struct{ Schemas map[string]map[string]any }
	}
	require.NoError(t, json.Unmarshal(s.get(t, "/openapi.json").body, &document))
	limited := 0
	var check func(where string, of map[string]any)
	check = func(where string, of map[string]any) {
		if ref, ok := of["$ref"].(string); ok {
			of = document.Components.Schemas[strings.TrimPrefix(ref, "#/components/schemas/")]
		}
		types := fmt.Sprint(of["type"])
		for kind, limit := range map[string]string{"array": "maxItems", "integer": "maximum", "number": "maximum"} {
			if strings.Contains(types, kind) {
				limited++
				require.Contains(t, of, limit, where)
			}
		}
		properties, _ := of["properties"].(map[string]any)
		for name, property := range properties {
			check(where+"."+name, property.(map[string]any))
		}
		if items, ok := of["items"].(map[string]any); ok {
			check(where+"[]", items)
		}
		for _, choice := range []string{"anyOf", "oneOf", "allOf"} {
			choices, _ := of[choice].([]any)
			for _, one := range choices {
				check(where, one.(map[string]any))
			}
		}
	}
	for path, operations := range document.Paths {
		for method, call := range operations {
			for _, parameter := range call.Parameters {
				check(method+" "+path+" "+parameter.Name, parameter.Schema)
			}
			for _, content := range call.RequestBody.Content {
				check(method+" "+path, content.Schema)
			}
		}
	}
	require.Greater(t, limited, 30)
}

func TestEveryEventIsAWebhookOfTheDocument(t *testing.T) {
	s := newServer(t)
	var document struct {
		OpenAPI  string
		Webhooks map[string]struct {
			Post struct {
				RequestBody struct {
					Content map[string]struct{ Schema schema }
				}
			}
		}
	}
	require.NoError(t, json.Unmarshal(s.get(t, "/openapi.json").body, &document))
	require.Equal(t, "3.1.0", document.OpenAPI)
	require.Len(t, document.Webhooks, len(caseupdate.Events()))
	for _, event := range caseupdate.Events() {
		t.Run(string(event), func(t *testing.T) {
			ref := document.Webhooks[string(event)].Post.RequestBody.Content["application/json"].Schema.Ref
			compiled, err := s.document.Compile("openapi.json" + ref)
			require.NoError(t, err)
			require.Error(t, compiled.Validate(map[string]any{"event": string(event), "payload": map[string]any{}}))
		})
	}
}

// TestTheDocumentationIsWhole reads the page's files for what a strict policy
// forbids, and for what would be loaded from elsewhere.
func TestTheDocumentationIsWhole(t *testing.T) {
	s := newServer(t)
	page := s.get(t, "/docs/")
	policy := page.header.Get("Content-Security-Policy")
	require.NotContains(t, policy, "unsafe")
	require.Contains(t, policy, "default-src 'none'")
	for _, forbidden := range []string{"//", "<style", "style=", "onload", "<script>"} {
		require.NotContains(t, string(page.body), forbidden)
	}
	for file, media := range map[string]string{
		"swagger-ui.css":                   "text/css; charset=utf-8",
		"swagger-ui-bundle.js":             "text/javascript; charset=utf-8",
		"start.js":                         "text/javascript; charset=utf-8",
		"favicon-32x32.png":                "image/png",
		"LICENSE":                          "text/plain; charset=utf-8",
		"NOTICE":                           "text/plain; charset=utf-8",
		"swagger-ui-bundle.js.LICENSE.txt": "text/plain; charset=utf-8",
	} {
		t.Run(file, func(t *testing.T) {
			got := s.get(t, "/docs/"+file)
			require.Equal(t, 200, got.status)
			require.Equal(t, media, got.header.Get("Content-Type"))
			require.NotEmpty(t, got.body)
		})
	}
	require.NotContains(t, string(s.get(t, "/docs/start.js").body), "http")
}
