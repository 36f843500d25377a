package render_test

import (
	"cmp"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
	"text/template"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/render"
	"github.com/casehook/casehook/internal/subscription"
)

// eventsPage has every event. Its words are in testdata/events.md.tmpl, its keys are those of the types
// of package caseupdate, and its bodies are rendered.
const eventsPage = "../../docs/events.md"

func TestThePageOfTheEventsIsFresh(t *testing.T) {
	s := journey(t)
	page, err := template.New("events.md.tmpl").Funcs(template.FuncMap{
		"object": func(name caseupdate.Event) string {
			var own []string
			payload := reflect.TypeOf(name.NewPayload()).Elem()
			for i := range payload.NumField() {
				if f := payload.Field(i); !f.Anonymous {
					own = append(own, table(rowsOf(jsonKey(f), f.Type, nil)))
				}
			}
			return strings.Join(own, "\n")
		},
		"case":     func() string { return table(rowsOf("case", reflect.TypeFor[caseupdate.Case](), nil)) },
		"activity": func() string { return table(rowsOf("activity", reflect.TypeFor[caseupdate.Activity](), nil)) },
		"details":  func() string { return table(rowsOf("case", reflect.TypeFor[caseupdate.Details](), shownIn)) },
		"body": func(name caseupdate.Event) string {
			body := s.body(s.first(name), render.Options{Payload: subscription.PayloadEvent, Clearance: all})
			return strings.TrimSpace(string(indented(t, body)))
		},
	}).ParseFiles("testdata/events.md.tmpl")
	require.NoError(t, err)
	var got strings.Builder
	require.NoError(t, page.Execute(&got, nil))

	if *update {
		require.NoError(t, os.WriteFile(eventsPage, []byte(got.String()), 0o644))
	}
	want, err := os.ReadFile(eventsPage)
	require.NoError(t, err)
	require.Equal(t, string(want), got.String(), "docs/events.md is stale: write it anew by -update")
}

func TestThePageHasEachEventInItsOrderWithACallThatThereIs(t *testing.T) {
	page, err := os.ReadFile(eventsPage)
	require.NoError(t, err)
	document, err := os.ReadFile("../rest/testdata/openapi.json")
	require.NoError(t, err)
	var api struct {
		Paths map[string]map[string]json.RawMessage
	}
	require.NoError(t, json.Unmarshal(document, &api))

	first := "\n## " + string(caseupdate.Events()[0])
	sections := strings.Split(string(page)[strings.Index(string(page), first)+1:], "\n## ")
	require.Len(t, sections, len(caseupdate.Events()))
	for i, name := range caseupdate.Events() {
		title, section, _ := strings.Cut(strings.TrimPrefix(sections[i], "## "), "\n")
		require.Equal(t, string(name), title)
		call := strings.SplitN(section, "`", 3)[1]
		method, path, _ := strings.Cut(call, " ")
		require.Containsf(t, api.Paths[path], strings.ToLower(method), "%s happens by %s", name, call)
	}
}

// A row of the page is a key: what it holds, and where that is null or absent.
type row struct{ key, holds, null string }

func table(rows []row) string {
	lines := make([]string, len(rows))
	for i, r := range rows {
		lines[i] = "| `" + r.key + "` | " + r.holds + " | " + cmp.Or(r.null, "–") + " |"
	}
	return strings.Join(lines, "\n")
}

// shownIn names the section of the page that has the keys of what the full case shares with an event.
var shownIn = map[reflect.Type]string{
	reflect.TypeFor[caseupdate.Activity]():   "The activity",
	reflect.TypeFor[caseupdate.Attachment](): "ADD_CASE_ATTACHMENT",
	reflect.TypeFor[caseupdate.Comment]():    "ADD_CASE_COMMENT",
	reflect.TypeFor[caseupdate.Decision]():   "ADD_CASE_DECISION",
	reflect.TypeFor[caseupdate.Form]():       "ADD_FORM_RESPONSE",
	reflect.TypeFor[caseupdate.Order]():      "ORDER_CREATED",
	reflect.TypeFor[caseupdate.Payment]():    "PAYMENT_ADDED",
	reflect.TypeFor[caseupdate.Response]():   "ADD_FORM_RESPONSE",
}

// nullWhere says of each field that may be null, or absent, where it is: by its type and key, or for
// all fields of a type.
var nullWhere = map[string]string{
	"Case.title":               "it is blanked",
	"Case.assignedAt":          "nobody is assigned",
	"Case.inProgressAt":        "the status was never IN_PROGRESS",
	"Case.closedAt":            "no decision was made",
	"Case.referralCode":        "there is none",
	"Case.closedBy":            "no decision was made",
	"Case.inProgressBy":        "the status was never IN_PROGRESS",
	"Case.archiveReason":       "the case is not archived",
	"Case.archiveNote":         "none was given, or the case is not archived",
	"Case.productBundleId":     "there is none",
	"Case.productBundle":       "there is none",
	"Case.assignedTo":          "nobody is assigned",
	"Case.hrRep":               "there is none",
	"Case.assignedBy":          "nobody is assigned",
	"Submitter":                "it is not known",
	"Activity.valueBefore":     "no status was changed",
	"Activity.valueAfter":      "no status was changed",
	"Activity.targetUser":      "nobody was assigned or removed",
	"User.email":               "a key acted for nobody",
	"Attachment.content":       "absent where the document comes as a link",
	"Attachment.url":           "absent, but in place of `content`",
	"Attachment.urlExpiresAt":  "absent, but with `url`",
	"Decision.startDate":       "none was given",
	"Decision.endDate":         "none was given",
	"Decision.decisionText":    "none was given",
	"Decision.category":        "none was given",
	"Decision.medInfo":         "nothing is prescribed",
	"Form.description":         "there is none",
	"Payment.dueDate":          "none was given",
	"Payment.paymentDate":      "it is not paid",
	"Payment.cancellationDate": "it is not canceled",
	"Order.trackingId":         "there is none yet",
	"Order.message":            "none was given",
	"Archive.archiveReason":    "the case was reopened",
}

// rowsOf returns the rows of what a key holds. Of the types in elsewhere it names the section that has
// their keys.
func rowsOf(key string, of reflect.Type, elsewhere map[reflect.Type]string) []row {
	switch of.Kind() {
	case reflect.Pointer:
		return rowsOf(key, of.Elem(), elsewhere)
	case reflect.Slice:
		if of.Elem().Kind() == reflect.String {
			return []row{{key: key, holds: "string[]"}}
		}
		return rowsOf(key+"[]", of.Elem(), elsewhere)
	}
	if title, ok := elsewhere[of]; ok {
		anchor := strings.ReplaceAll(strings.ToLower(title), " ", "-")
		return []row{{key: key, holds: "as in [" + title + "](#" + anchor + ")"}}
	}
	if holds := valueOf(key, of); holds != "" {
		return []row{{key: key, holds: holds}}
	}
	var all []row
	for i := range of.NumField() {
		f := of.Field(i)
		if f.Anonymous {
			continue
		}
		inner := rowsOf(key+"."+jsonKey(f), f.Type, elsewhere)
		if null := nullOf(of, f); null != "" && len(inner) == 1 {
			inner[0].null = null
		} else if null != "" {
			inner = append([]row{{key + "." + jsonKey(f), "object", null}}, inner...)
		}
		all = append(all, inner...)
	}
	return all
}

// valueOf returns what the format calls a value of a type; "" for an object with a row for each key.
func valueOf(key string, of reflect.Type) string {
	switch of {
	case reflect.TypeFor[caseupdate.Time]():
		return "timestamp"
	case reflect.TypeFor[caseupdate.Amount]():
		return "number"
	}
	switch of.Kind() {
	case reflect.String:
		if strings.HasSuffix(key, ".content") {
			return "string (base64)"
		}
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Int:
		return "number"
	}
	var keys []string
	for i := range of.NumField() {
		if of.Field(i).Type.Kind() != reflect.String {
			return ""
		}
		keys = append(keys, jsonKey(of.Field(i)))
	}
	return "{" + strings.Join(keys, ", ") + "}, strings"
}

// nullOf returns where a field of a type is null or absent, "" where it never is.
func nullOf(of reflect.Type, f reflect.StructField) string {
	if f.Type.Kind() != reflect.Pointer {
		return ""
	}
	if where, ok := nullWhere[of.Name()]; ok {
		return where
	}
	where, ok := nullWhere[of.Name()+"."+jsonKey(f)]
	if !ok {
		panic("nullWhere does not say where " + of.Name() + "." + jsonKey(f) + " is null")
	}
	return where
}

func jsonKey(f reflect.StructField) string {
	key, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return key
}
