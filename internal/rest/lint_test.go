package rest_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/npmtest"
)

// linted is what testdata/node/lint.mjs reads.
type linted struct {
	OpenAPI  string          `json:"openapi"`
	AsyncAPI string          `json:"asyncapi"`
	Schemas  []*lintedSchema `json:"schemas"`
}

// lintedSchema is a schema, with bodies that it takes or does not.
type lintedSchema struct {
	path   string
	Schema string   `json:"schema"`
	Bodies []string `json:"bodies"`
	names  []string
	wants  []bool
}

func (s *lintedSchema) add(name, body string, want bool) {
	s.Bodies, s.names, s.wants = append(s.Bodies, body), append(s.names, name), append(s.wants, want)
}

// TestPublicLintersFindNothing has other people's tools read all that says what the interface and the
// webhooks are.
func TestPublicLintersFindNothing(t *testing.T) {
	s := newServer(t)
	asked := linted{
		OpenAPI:  strings.ReplaceAll(string(s.get(t, "/openapi.json").body), s.URL, "https://casehook.example"),
		AsyncAPI: string(s.get(t, "/asyncapi.json").body),
	}
	for _, folder := range []string{"/schemas/", "/schemas/open/"} {
		open := folder == "/schemas/open/"
		cases := &lintedSchema{path: folder + "case.json", Schema: string(s.get(t, folder+"case.json").body)}
		for _, event := range caseupdate.Events() {
			path := folder + string(event) + ".json"
			schema := &lintedSchema{path: path, Schema: string(s.get(t, path).body)}
			for name, body := range goldenBodies(t, event) {
				schema.add(name, body, true)
				schema.add(name+" with a new field", strings.Replace(body, `"activity":{`, `"activity":{"news":1,`, 1), open)
				schema.add(name+" without a field", strings.Replace(body, `"isEscalated":`, `"escalated":`, 1), false)
				schema.add(name+" with a value of another type", strings.Replace(body, `"isArchived":`, `"isArchived":0,"x":`, 1), false)
				schema.add(name+" with another event", strings.Replace(body, `{"event":"`, `{"event":"X`, 1), false)

				var update struct {
					Payload struct{ Case json.RawMessage }
				}
				require.NoError(t, json.Unmarshal([]byte(body), &update))
				cases.add(string(event)+" "+name, string(update.Payload.Case), true)
			}
			asked.Schemas = append(asked.Schemas, schema)
		}
		cases.add("no case", `{}`, false)
		asked.Schemas = append(asked.Schemas, cases)
	}

	found, taken := lint(t, asked)
	for tool, findings := range found {
		t.Run(tool, func(t *testing.T) { require.Empty(t, findings) })
	}
	require.Len(t, found, 5)
	require.Len(t, taken, 2*20)
	for i, schema := range asked.Schemas {
		for j, name := range schema.names {
			require.Equal(t, schema.wants[j], taken[i][j], "ajv, %s, %s: %s", schema.path, name, schema.Bodies[j])
		}
	}
}

// goldenBodies returns the bodies of an event that package caseupdate is tested with.
func goldenBodies(t *testing.T, event caseupdate.Event) map[string]string {
	t.Helper()
	const dir = "../../caseupdate/testdata/golden"
	bodies := map[string]string{}
	for _, pattern := range []string{"", "*"} {
		files, err := filepath.Glob(filepath.Join(dir, pattern, string(event)+".json"))
		require.NoError(t, err)
		for _, file := range files {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			var body bytes.Buffer
			require.NoError(t, json.Compact(&body, text))
			bodies[strings.TrimPrefix(filepath.ToSlash(file), dir+"/")] = body.String()
		}
	}
	require.NotEmpty(t, bodies)
	return bodies
}

// lint installs the linters where they are absent, and returns what each of them found, and which
// bodies each schema takes.
func lint(t *testing.T, asked linted) (found map[string][]string, taken [][]bool) {
	t.Helper()
	const dir = "testdata/node"
	require.NoError(t, npmtest.Install(dir))
	input, err := json.Marshal(asked)
	require.NoError(t, err)
	node := exec.CommandContext(t.Context(), "node", "lint.mjs")
	node.Dir, node.Stdin, node.Stderr = dir, bytes.NewReader(input), t.Output()
	output, err := node.Output()
	require.NoError(t, err)
	var answer struct {
		Found map[string][]string
		Taken [][]bool
	}
	require.NoError(t, json.Unmarshal(output, &answer))
	return answer.Found, answer.Taken
}
