package rest

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/casehook/casehook/caseupdate"
)

// EventSchema returns the JSON Schema (2020-12) of the body of a known event, whole in itself: that
// of the OpenAPI document, with what it refers to under $defs. It is as strict as the format; open
// lets keys be that the format does not have, so that it is fit for receivers.
func EventSchema(event caseupdate.Event, open bool) ([]byte, error) {
	if !event.Known() {
		return nil, fmt.Errorf("there is no schema of %q", event)
	}
	registry := newRegistry()
	body := eventSchema(registry, event)
	text, err := json.Marshal(struct {
		Body    any `json:"body"`
		Schemas any `json:"schemas"`
	}{body, registry})
	if err != nil {
		return nil, fmt.Errorf("write the schema of %s: %w", event, err)
	}
	var written struct {
		Body    map[string]any
		Schemas map[string]any
	}
	if err := json.Unmarshal(text, &written); err != nil {
		return nil, fmt.Errorf("write the schema of %s: %w", event, err)
	}
	schema := written.Body
	definitions := make(map[string]any)
	gather(schema, written.Schemas, definitions, open)
	schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	schema["title"] = string(event)
	schema["$defs"] = definitions
	whole, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the schema of %s: %w", event, err)
	}
	return whole, nil
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
