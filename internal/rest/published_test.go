package rest_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/rest"
	"github.com/casehook/casehook/webhook"
)

func TestTheSchemasArePublished(t *testing.T) {
	s := newServer(t)
	nobody := with("Authorization", "")
	list := s.get(t, "/schemas/", nobody)
	require.Equal(t, "application/json", list.header.Get("Content-Type"))
	var listed struct {
		Data []struct{ Name, URL, OpenURL string }
	}
	require.NoError(t, json.Unmarshal(list.body, &listed))

	var names []string
	for _, one := range listed.Data {
		names = append(names, one.Name)
		for _, open := range []bool{false, true} {
			url := one.URL
			if open {
				url = one.OpenURL
			}
			t.Run(strings.TrimPrefix(url, s.URL), func(t *testing.T) {
				got := s.get(t, strings.TrimPrefix(url, s.URL), nobody)
				require.Equal(t, http.StatusOK, got.status)
				require.Equal(t, "application/schema+json", got.header.Get("Content-Type"))
				require.Equal(t, "https://json-schema.org/draft/2020-12/schema", got.text(t, "$schema"))
				require.Equal(t, one.Name, got.text(t, "title"))
				require.Equal(t, url, got.text(t, "$id"))

				var whole map[string]any
				require.NoError(t, json.Unmarshal(got.body, &whole))
				delete(whole, "$id")
				withoutID, err := json.Marshal(whole)
				require.NoError(t, err)
				printed, err := rest.Schema(one.Name, open)
				require.NoError(t, err)
				require.JSONEq(t, string(printed), string(withoutID), "as the command prints it")
			})
		}
	}
	require.Equal(t, append([]string{"case"}, eventNames()...), names)
}

func TestTheExamplesOfASchemaConformToIt(t *testing.T) {
	s := newServer(t)
	for _, name := range append([]string{"case"}, eventNames()...) {
		t.Run(name, func(t *testing.T) {
			schema := s.get(t, "/schemas/"+name+".json")
			compiled := compile(t, schema.body)
			examples := schema.at(t, "examples").([]any)
			require.NotEmpty(t, examples)
			for _, one := range examples {
				text, err := json.Marshal(one)
				require.NoError(t, err)
				value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
				require.NoError(t, err)
				require.NoError(t, compiled.Validate(value))
			}
		})
	}
}

func TestTheCaseIsBasicOrFull(t *testing.T) {
	text, err := rest.Schema("case", false)
	require.NoError(t, err)
	var schema struct{ Examples []map[string]any }
	require.NoError(t, json.Unmarshal(text, &schema))
	require.Len(t, schema.Examples, 2)
	require.NotContains(t, schema.Examples[0], "activity")
	require.Contains(t, schema.Examples[1], "activity")

	half := schema.Examples[1]
	delete(half, "activity")
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(marshal(t, half)))
	require.NoError(t, err)
	require.Error(t, compile(t, text).Validate(value))
}

// TestTheExamplesOfTheAsyncAPIDocumentAreGenuine verifies each message as its receiver would, by the
// secret that the document shows.
func TestTheExamplesOfTheAsyncAPIDocumentAreGenuine(t *testing.T) {
	s := newServer(t)
	answer := s.get(t, "/asyncapi.json", with("Authorization", ""))
	require.Equal(t, "application/json", answer.header.Get("Content-Type"))
	var document struct {
		AsyncAPI string
		Info     struct{ Description string }
		Channels map[string]struct {
			Address  *string
			Messages map[string]any
		}
		Operations map[string]struct {
			Action   string
			Messages []any
		}
		Components struct {
			Messages map[string]struct {
				Examples []struct {
					Headers map[string]string
					Payload json.RawMessage
				}
			}
		}
	}
	require.NoError(t, json.Unmarshal(answer.body, &document))
	require.Equal(t, "3.0.0", document.AsyncAPI)
	require.Nil(t, document.Channels["endpoint"].Address)
	require.Equal(t, "send", document.Operations["send"].Action)
	require.Len(t, document.Operations["send"].Messages, len(caseupdate.Events()))

	_, shown, _ := strings.Cut(document.Info.Description, "`")
	shown, _, _ = strings.Cut(shown, "`")
	secret, err := webhook.ParseSecret(shown)
	require.NoError(t, err)
	for _, event := range caseupdate.Events() {
		t.Run(string(event), func(t *testing.T) {
			require.Contains(t, document.Channels["endpoint"].Messages, string(event))
			examples := document.Components.Messages[string(event)].Examples
			require.Len(t, examples, 1)
			header := http.Header{}
			for name, value := range examples[0].Headers {
				header.Set(name, value)
			}
			sent := time.Date(2026, time.November, 23, 14, 5, 6, 0, time.UTC)
			verifier := webhook.Verifier{Secrets: []webhook.Secret{secret}, Now: func() time.Time { return sent }}
			require.NoError(t, verifier.Verify(header, examples[0].Payload))
			require.NoError(t, webhook.VerifyCV(header, examples[0].Payload, shown))

			update, err := caseupdate.Parse(examples[0].Payload)
			require.NoError(t, err)
			require.Equal(t, event, update.Event)
			require.Equal(t, update.Activity().ID, header.Get(webhook.HeaderID))
			require.Equal(t, update.Case().ID, header.Get(webhook.HeaderCaseID))
		})
	}
}

func eventNames() []string {
	var names []string
	for _, event := range caseupdate.Events() {
		names = append(names, string(event))
	}
	return names
}

func compile(t *testing.T, schema []byte) *jsonschema.Schema {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	require.NoError(t, err)
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	require.NoError(t, compiler.AddResource("schema.json", value))
	compiled, err := compiler.Compile("schema.json")
	require.NoError(t, err)
	return compiled
}

func marshal(t *testing.T, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	require.NoError(t, err)
	return text
}
