package rest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/subscription"
)

// caseName is the name of the schema of a case, beside those of the events.
const caseName = "case"

// SchemaNames returns what there is a schema of: "case", and each event.
func SchemaNames() []string {
	names := []string{caseName}
	for _, event := range caseupdate.Events() {
		names = append(names, string(event))
	}
	return names
}

// Schema returns the JSON Schema (2020-12) of the body of an event, or of a case, basic or full, by one of
// [SchemaNames]. It is whole in itself: that of the OpenAPI document, with what it refers to under $defs, and
// examples. It is as strict as the format; open lets keys be that the format does not have, so that it is fit for
// receivers.
func Schema(name string, open bool) ([]byte, error) {
	if !slices.Contains(SchemaNames(), name) {
		return nil, fmt.Errorf("there is no schema of %q", name)
	}
	return jsonSchema{name, open}.text("")
}

// jsonSchemas returns the schemas of the case and of each event, strict or open.
func jsonSchemas(open bool) []jsonSchema {
	var schemas []jsonSchema
	for _, name := range SchemaNames() {
		schemas = append(schemas, jsonSchema{name, open})
	}
	return schemas
}

// jsonSchema is a schema that is whole in itself.
type jsonSchema struct {
	name string // one of SchemaNames
	open bool
}

// path is where the door serves it.
func (s jsonSchema) path() string {
	if s.open {
		return "/schemas/open/" + s.name + ".json"
	}
	return "/schemas/" + s.name + ".json"
}

// text writes it. Where the door can be reached under a publicURL, that is part of its $id.
func (s jsonSchema) text(publicURL string) ([]byte, error) {
	whole, err := s.whole()
	if err != nil {
		return nil, fmt.Errorf("write the schema of %s: %w", s.name, err)
	}
	if publicURL != "" {
		whole["$id"] = publicURL + s.path()
	}
	return json.MarshalIndent(whole, "", "  ")
}

func (s jsonSchema) whole() (map[string]any, error) {
	registry := newRegistry()
	described, examples, err := s.describe(registry)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(struct {
		Schema  any `json:"schema"`
		Schemas any `json:"schemas"`
	}{described, registry})
	if err != nil {
		return nil, err
	}
	var written struct {
		Schema  map[string]any
		Schemas map[string]any
	}
	if err := json.Unmarshal(text, &written); err != nil {
		return nil, err
	}
	whole := written.Schema
	definitions := make(map[string]any)
	gather(whole, written.Schemas, definitions, s.open)
	whole["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	whole["title"] = s.name
	whole["$defs"] = definitions
	whole["examples"] = examples
	return whole, nil
}

// describe returns the schema as the OpenAPI document has it, and examples of what it is of.
func (s jsonSchema) describe(registry *registry) (*huma.Schema, []json.RawMessage, error) {
	if s.name != caseName {
		e, err := exampleOf(caseupdate.Event(s.name), subscription.PayloadEvent)
		return eventSchema(registry, caseupdate.Event(s.name)), []json.RawMessage{e.body}, err
	}
	var examples []json.RawMessage
	for _, payload := range []subscription.Payload{subscription.PayloadEvent, subscription.PayloadFull} {
		one, err := caseExample(payload)
		if err != nil {
			return nil, nil, err
		}
		examples = append(examples, one)
	}
	described := anyCaseSchema(registry)
	described.Description = "As of one event. It is full in CREATE_CASE, and for endpoints with `payload` set to `full`."
	return described, examples, nil
}

// gather has the references in a part of a schema point into $defs, and puts there what they
// refer to.
func gather(part any, schemas, definitions map[string]any, open bool) {
	switch part := part.(type) {
	case []any:
		for _, item := range part {
			gather(item, schemas, definitions, open)
		}
	case map[string]any:
		if name, ok := reference(part); ok {
			part["$ref"] = "#/$defs/" + name
			if definitions[name] == nil {
				definitions[name] = schemas[name]
				gather(schemas[name], schemas, definitions, open)
			}
		}
		if open && part["additionalProperties"] == false {
			delete(part, "additionalProperties")
		}
		for _, inner := range part {
			gather(inner, schemas, definitions, open)
		}
	}
}

// reference returns the name of the schema that a part of a schema refers to.
func reference(part map[string]any) (string, bool) {
	ref, _ := part["$ref"].(string)
	return strings.CutPrefix(ref, schemaPrefix)
}
