package typescript_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/rest"
)

var update = flag.Bool("update", false, "write the types anew")

func TestTypesAreThoseOfTheSchemas(t *testing.T) {
	made := newTypes(t)
	for file, want := range map[string]string{
		"src/caseupdate.ts": made.declarations(t),
		"src/shapes.ts":     made.shapes(),
	} {
		if *update {
			require.NoError(t, os.WriteFile(file, []byte(want), 0o644))
		}
		got, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equalf(t, want, string(got), "%s is stale: go test ./sdk/typescript -run Types -update", file)
	}
}

// schema is what the schemas of the events say, as far as types are made of it.
type schema struct {
	Ref         string            `json:"$ref"`
	Type        any               `json:"type"` // a name, or a list of two
	Format      string            `json:"format"`
	Enum        []string          `json:"enum"`
	Items       *schema           `json:"items"`
	AnyOf       []schema          `json:"anyOf"`
	Properties  map[string]schema `json:"properties"`
	Required    []string          `json:"required"`
	Definitions map[string]schema `json:"$defs"`
}

// types are the objects of the format, each under its name in package caseupdate.
type types struct {
	objects map[string]schema
	names   []string // in the order in which a reader meets them
	of      map[caseupdate.Event]string
}

func newTypes(t *testing.T) *types {
	made := &types{objects: map[string]schema{}, of: map[caseupdate.Event]string{}}
	for _, event := range caseupdate.Events() {
		text, err := rest.Schema(string(event), true)
		require.NoError(t, err)
		var body schema
		require.NoError(t, json.Unmarshal(text, &body))
		for name, object := range body.Definitions {
			made.objects[typeName(name)] = object
		}
		made.of[event] = typeName(body.Properties["payload"].Ref)
		made.meet(made.of[event])
	}
	base := schema{Properties: map[string]schema{}, Required: []string{"case", "activity"}}
	for _, key := range []string{"case", "activity", "redacted"} {
		base.Properties[key] = made.objects[made.of[caseupdate.EventAddCaseComment]].Properties[key]
	}
	made.objects["Base"] = base
	return made
}

// meet puts the name of an object, and then those of what is in it, behind all that were met.
func (m *types) meet(name string) {
	if name == "" || slices.Contains(m.names, name) {
		return
	}
	m.names = append(m.names, name)
	object := m.objects[name]
	for _, key := range object.keys() {
		m.meetIn(object.Properties[key])
	}
}

func (m *types) meetIn(s schema) {
	m.meet(typeName(s.Ref))
	for _, one := range s.AnyOf {
		m.meetIn(one)
	}
	if s.Items != nil {
		m.meetIn(*s.Items)
	}
}

func typeName(ref string) string {
	return strings.TrimSuffix(strings.TrimPrefix(ref, "#/$defs/"), "Payload")
}

// keys returns the properties in the order of the format, the optional ones last.
func (s schema) keys() []string {
	keys := slices.Clone(s.Required)
	for _, key := range slices.Sorted(maps.Keys(s.Properties)) {
		if !slices.Contains(keys, key) {
			keys = append(keys, key)
		}
	}
	return keys
}

// typescript returns the type of a value.
func (s schema) typescript() string {
	switch {
	case s.Ref != "":
		return typeName(s.Ref)
	case s.AnyOf != nil:
		var each []string
		for _, one := range s.AnyOf {
			each = append(each, one.typescript())
		}
		return strings.Join(each, " | ")
	case s.Enum != nil:
		return enumName(s.Enum)
	case s.Items != nil:
		return s.Items.typescript() + "[]"
	case s.Format == "date-time":
		return "Timestamp" + s.orNull()
	case s.is("integer"), s.is("number"):
		return "number" + s.orNull()
	case s.is("string"):
		return "string" + s.orNull()
	case s.is("boolean"), s.is("null"):
		return s.Type.(string)
	}
	panic(fmt.Sprintf("there is no type for %+v", s))
}

func (s schema) is(name string) bool {
	list, _ := s.Type.([]any)
	return s.Type == name || slices.Contains(list, any(name))
}

func (s schema) orNull() string {
	if s.Type != "null" && s.is("null") {
		return " | null"
	}
	return ""
}

func enumName(values []string) string {
	switch {
	case slices.Equal(values, texts(caseupdate.Statuses())):
		return "Status"
	case slices.Equal(values, texts(caseupdate.Events())):
		return "CaseEvent"
	}
	return union(values)
}

func texts[T ~string](values []T) []string {
	var list []string
	for _, value := range values {
		list = append(list, string(value))
	}
	return list
}

func union(values []string) string {
	var quoted []string
	for _, value := range values {
		quoted = append(quoted, strconv.Quote(value))
	}
	return strings.Join(quoted, " | ")
}

const notice = "// Made from the schemas of the events by types_test.go: go test ./sdk/typescript -run Types -update\n"

// declarations returns src/caseupdate.ts.
func (m *types) declarations(t *testing.T) string {
	comments := maps.Clone(comments)
	var b strings.Builder
	b.WriteString(notice + opening)
	fmt.Fprintf(&b, "\n/** The events, in the order in which the format shows them. */\nexport const CASE_EVENTS = [\n")
	for _, event := range caseupdate.Events() {
		fmt.Fprintf(&b, "  %q,\n", event)
	}
	b.WriteString("] as const;\n\n/** The name of an event that this version knows. */\nexport type CaseEvent = (typeof CASE_EVENTS)[number];\n")
	fmt.Fprintf(&b, "\n/** Where the review of a case stands. Whether a case is open is said by `isArchived` alone. */\nexport type Status = %s;\n",
		union(texts(caseupdate.Statuses())))
	b.WriteString("\n/** The payload of each event. */\nexport interface Payloads {\n")
	for _, event := range caseupdate.Events() {
		fmt.Fprintf(&b, "  %s: %s;\n", event, m.of[event])
	}
	b.WriteString("}\n")
	m.object(&b, comments, "Base", "")
	for _, event := range caseupdate.Events() {
		comments[m.of[event]] = "The payload of " + string(event) + "."
		m.object(&b, comments, m.of[event], "Base")
	}
	for _, name := range m.names {
		switch {
		case slices.Contains(slices.Collect(maps.Values(m.of)), name):
		case name == "FullCase":
			m.object(&b, comments, name, "Case")
		default:
			m.object(&b, comments, name, "")
		}
	}
	require.Empty(t, comments, "these comments are of nothing")
	return b.String()
}

// object writes an interface: of what its parent has, only what is of another type here.
func (m *types) object(b *strings.Builder, comments map[string]string, name, parent string) {
	comment := func(indent, of string) {
		if text, ok := comments[of]; ok {
			fmt.Fprintf(b, "%s/** %s */\n", indent, text)
			delete(comments, of)
		}
	}
	b.WriteString("\n")
	comment("", name)
	extends := ""
	if parent != "" {
		extends = " extends " + parent
	}
	fmt.Fprintf(b, "export interface %s%s {\n", name, extends)
	object := m.objects[name]
	for _, key := range object.keys() {
		kind := object.Properties[key].typescript()
		if inherited, ok := m.objects[parent].Properties[key]; ok && inherited.typescript() == kind {
			continue
		}
		optional := ""
		if !slices.Contains(object.Required, key) {
			optional = "?"
		}
		comment("  ", name+"."+key)
		fmt.Fprintf(b, "  %s%s: %s;\n", key, optional, kind)
	}
	b.WriteString("}\n")
}

const opening = `
/** A moment in UTC, in milliseconds: "2026-11-23T14:05:06.789Z". ` + "`new Date(…)`" + ` reads it. */
export type Timestamp = string;

/** What happened, to which case: the body of a webhook. A switch over ` + "`event`" + ` tells which payload it is. */
export type CaseUpdate = KnownUpdate | UnknownUpdate;

/** A body whose event this version knows. */
export type KnownUpdate = { [E in CaseEvent]: { event: E; payload: Payloads[E] } }[CaseEvent];

/** A body whose event is newer than this version: what is left of a CaseUpdate by a switch over all events. */
export interface UnknownUpdate {
  event: UnknownEventName;
  payload: UnknownEvent;
}

/** The payload of an event that this version does not know: whatever came. */
export type UnknownEvent = Readonly<Record<string, unknown>>;

/** The name of an event that this version does not know, a string that is none of CASE_EVENTS. */
export type UnknownEventName = NoCaseEvent;

// Only a type: a unit, so that a switch narrows by it, which no type of all strings but a few is.
declare enum NoCaseEvent {
  name = "",
}
`

// comments are what a reader needs beside the names, by type, or by type and field.
var comments = map[string]string{
	"Base":                         "What every payload begins with.",
	"Base.case":                    "As of this event, never later: full for endpoints with `\"payload\":\"full\"`.",
	"Base.redacted":                "The paths that were blanked for want of clearance for PHI, such as `case.title`; absent where nothing was.",
	"Case":                         "A case as of one event.",
	"Case.title":                   "null only where it was blanked.",
	"Case.shortId":                 "For people: `ADA-7K2QX`.",
	"Case.closedAt":                "When a decision closed the review; it stays.",
	"FullCase":                     "A case with its details, each list oldest first. No attachment of it has its document.",
	"FullCase.comments":            "Without those that were deleted.",
	"FullCase.attachments":         "With those that were deleted, marked `isDeleted`.",
	"Submitter":                    "The patient. All but the id is null where nothing is known, or the endpoint has no clearance for PHI.",
	"Activity":                     "The line that an event writes into the history of its case.",
	"Activity.id":                  "The event's id, the same as the header `webhook-id`.",
	"Activity.valueBefore":         "The status before, where the event changed one: of the case, of an order or of a payment.",
	"Activity.valueAfter":          "The status after, where the event changed one.",
	"Activity.targetUser":          "Who was assigned or removed: the first of several.",
	"User.email":                   "null for an API key's own user.",
	"Attachment":                   "A document: in an event with `content`, or with `url` for endpoints that asked for links.",
	"Attachment.content":           "The document in base64.",
	"Attachment.url":               "A signed link to the document, good until `urlExpiresAt`.",
	"FormSubmission":               "In a full case, the answers that were given to a form at one time.",
	"Response":                     "The answer to one question of a form.",
	"Payment.amount":               "In major units: 159 or 159.5.",
	"Payment.status":               "UNPAID or PAID.",
	"Archive.archiveReason":        "null where the case was reopened.",
	"AddCaseAssignee.assignees":    "Who was assigned.",
	"RemoveCaseAssignee.assignees": "Who was removed.",
	"DeletedAttachment.caller":     "Who deleted it.",
	"DeletedComment.caller":        "Who deleted it.",
}

// shapes returns src/shapes.ts: what parse looks for, of each object.
func (m *types) shapes() string {
	var b strings.Builder
	b.WriteString(notice + `
/** The fields of each object of the format, with what each must be where it is there and not null. */
export const shapes: Readonly<Record<string, Readonly<Record<string, string>>>> = {
`)
	for _, name := range m.names {
		fmt.Fprintf(&b, "  %s: {\n", name)
		object := m.objects[name]
		for _, key := range object.keys() {
			fmt.Fprintf(&b, "    %s: %q,\n", key, object.Properties[key].shape())
		}
		b.WriteString("  },\n")
	}
	b.WriteString("};\n\n/** The object that is the payload of each event. */\nexport const payloads: Readonly<Record<string, string>> = {\n")
	for _, event := range caseupdate.Events() {
		fmt.Fprintf(&b, "  %s: %q,\n", event, m.of[event])
	}
	b.WriteString("};\n")
	return b.String()
}

// shape returns what a value must be: as its type says, but for the values of an enum, of which new
// ones may come. Of two cases it is the full one: absent fields are no fault.
func (s schema) shape() string {
	switch {
	case s.AnyOf != nil:
		named := slices.DeleteFunc(slices.Clone(s.AnyOf), func(one schema) bool { return one.Type == "null" })
		return named[len(named)-1].shape()
	case s.Enum != nil:
		return "string"
	case s.Items != nil:
		return s.Items.shape() + "[]"
	case s.is("integer"):
		return "integer"
	case s.is("number"):
		return "Amount"
	}
	return strings.TrimSuffix(s.typescript(), " | null")
}
