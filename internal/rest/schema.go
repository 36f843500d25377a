package rest

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/casehook/casehook/caseupdate"
)

const schemaPrefix = "#/components/schemas/"

// registry makes the schemas of the document out of Go types. It is huma's own
// but for three things that the wire format needs: the types of package
// caseupdate that write themselves, objects that may be null, and the two shapes
// of a case; and but for what texts may be, which huma says and does not check.
type registry struct {
	schemas map[string]*huma.Schema
	types   map[string]reflect.Type
}

func newRegistry() *registry {
	return &registry{schemas: map[string]*huma.Schema{}, types: map[string]reflect.Type{}}
}

// fullCase is a case with its details, which is a schema of its own.
type fullCase caseupdate.Case

// Schema returns the schema of t: of a struct, a reference to it.
func (r *registry) Schema(t reflect.Type, allowRef bool, hint string) *huma.Schema {
	base := t
	for base.Kind() == reflect.Pointer {
		base = base.Elem()
	}
	if s := ownSchema(base); s != nil {
		s.Nullable = t != base
		s.PrecomputeMessages()
		return s
	}
	if !isObject(base) {
		return huma.SchemaFromType(r, t)
	}
	name := schemaName(base, hint)
	if known, ok := r.types[name]; !ok {
		r.types[name], r.schemas[name] = base, &huma.Schema{}
		*r.schemas[name] = *r.structSchema(base)
	} else if known != base {
		panic(fmt.Sprintf("rest: %s and %s share the schema name %s", base, known, name))
	}
	if !allowRef {
		return r.schemas[name]
	}
	return &huma.Schema{Ref: schemaPrefix + name}
}

// schemaName returns the name of the schema of t. The payload of ADD_CASE_COMMENT is
// not called AddCaseComment, because a generator makes that of the event's name.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	if reflect.PointerTo(t).Implements(reflect.TypeFor[caseupdate.Payload]()) {
		return name + "Payload"
	}
	return name
}

func (r *registry) structSchema(t reflect.Type) *huma.Schema {
	s := huma.SchemaFromType(r, t)
	if t == reflect.TypeFor[caseupdate.Case]() {
		for _, detail := range reflect.VisibleFields(reflect.TypeFor[caseupdate.Details]()) {
			s.Properties = without(s.Properties, jsonName(detail))
			s.Required = remove(s.Required, jsonName(detail))
		}
	}
	for _, property := range s.Properties {
		leaveTexts(property)
	}
	for _, field := range reflect.VisibleFields(t) {
		property := s.Properties[jsonName(field)]
		if property == nil || property.Ref == "" || field.Type.Kind() != reflect.Pointer {
			continue
		}
		if omittable(field) {
			property.Nullable = field.Tag.Get("orNull") == "true" // huma's own tag is not for objects
			continue
		}
		s.Properties[jsonName(field)] = orNull(property)
	}
	s.PrecomputeMessages()
	return s
}

// leaveTexts puts how long a text may be, and that it is a date, where huma does not see it. What is behind
// the door refuses the rest: it counts bytes, where huma would count characters, and names all that is
// wrong with a request at once.
func leaveTexts(s *huma.Schema) {
	if s.Items != nil {
		leaveTexts(s.Items)
	}
	unseen := map[string]any{}
	if s.MaxLength != nil {
		unseen["maxLength"], s.MaxLength = *s.MaxLength, nil
	}
	if s.Format == "date" {
		unseen["format"], s.Format = s.Format, ""
	}
	if len(unseen) > 0 {
		s.Extensions = unseen
	}
}

// SchemaFromRef returns what ref refers to.
func (r *registry) SchemaFromRef(ref string) *huma.Schema {
	return r.schemas[strings.TrimPrefix(ref, schemaPrefix)]
}

// TypeFromRef returns the type that the schema was made of, to which ref refers.
func (r *registry) TypeFromRef(ref string) reflect.Type {
	return r.types[strings.TrimPrefix(ref, schemaPrefix)]
}

// Map returns the schemas by name.
func (r *registry) Map() map[string]*huma.Schema { return r.schemas }

// RegisterTypeAlias is not needed: ownSchema has the types that write themselves.
func (*registry) RegisterTypeAlias(_, _ reflect.Type) {}

// MarshalJSON writes the schemas by name. Of an object that may be null it says so only
// here: by such a schema, huma's checks would say less of what is wrong with the object.
func (r *registry) MarshalJSON() ([]byte, error) {
	written := make(map[string]*huma.Schema, len(r.schemas))
	for name, s := range r.schemas {
		shown := *s
		shown.Properties = maps.Clone(s.Properties)
		for field, property := range s.Properties {
			if property.Ref != "" && property.Nullable {
				shown.Properties[field] = orNull(property)
			}
		}
		written[name] = &shown
	}
	return json.Marshal(written)
}

// orNull returns the schema of what property refers to, or null.
func orNull(property *huma.Schema) *huma.Schema {
	return &huma.Schema{
		Description: property.Description,
		AnyOf:       []*huma.Schema{{Ref: property.Ref}, {Type: "null"}},
	}
}

// ownSchema returns the schema of a type of package caseupdate that is not what
// its Go kind says, or nil.
func ownSchema(t reflect.Type) *huma.Schema {
	switch t {
	case reflect.TypeFor[caseupdate.Time]():
		return timeSchema()
	case reflect.TypeFor[caseupdate.Amount]():
		return amountSchema()
	case reflect.TypeFor[caseupdate.Status]():
		return enumSchema(caseupdate.Statuses())
	case reflect.TypeFor[caseupdate.Event]():
		return enumSchema(caseupdate.Events())
	}
	return nil
}

func timeSchema() *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "date-time", Examples: []any{"2026-11-23T14:05:06.789Z"}}
}

func amountSchema() *huma.Schema {
	return &huma.Schema{Type: huma.TypeNumber, Examples: []any{159.5}}
}

func enumSchema[T ~string](values []T) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString}
	for _, value := range values {
		s.Enum = append(s.Enum, string(value))
	}
	return s
}

// isObject reports whether t is written as an object with the fields of t.
func isObject(t reflect.Type) bool {
	_, provides := reflect.New(t).Interface().(huma.SchemaProvider)
	return t.Kind() == reflect.Struct && !provides && t.PkgPath() != "time"
}

func jsonName(field reflect.StructField) string {
	name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	return name
}

func omittable(field reflect.StructField) bool {
	return strings.Contains(field.Tag.Get("json"), ",omitempty")
}

func without(properties map[string]*huma.Schema, name string) map[string]*huma.Schema {
	rest := maps.Clone(properties)
	delete(rest, name)
	return rest
}

func remove(names []string, name string) []string {
	var rest []string
	for _, other := range names {
		if other != name {
			rest = append(rest, other)
		}
	}
	return rest
}
