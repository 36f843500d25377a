package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/service"
)

func (d *door) registerTold() {
	handle(d, call{
		id: "tellEvents", pattern: "POST /v1/events", tag: tagEvents, summary: "Tell events of cases that are kept elsewhere",
		text: "One event, or an array of up to 1,000, in the wire format: checked against it, recorded all or none, and sent like any other. " +
			"A caseId that is not known opens a case. An event that was told before, by its id, is not recorded again.",
		status: http.StatusCreated, events: true, reads: true,
	}, d.tellEvents)
	body := d.api.OpenAPI().Paths["/v1/events"].Post.RequestBody
	body.Required = true
	item := tellingSchema()
	most := service.MaxTellings
	least := 1
	body.Content = map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{OneOf: []*huma.Schema{
		item, {Type: huma.TypeArray, Items: item, MinItems: &least, MaxItems: &most},
	}}}}
}

// tellingSchema describes one item of the body of tellEvents. It is read by readTelling.
func tellingSchema() *huma.Schema {
	text := func(about string) *huma.Schema { return &huma.Schema{Type: huma.TypeString, Description: about} }
	person := &huma.Schema{
		Type: huma.TypeObject, AdditionalProperties: false, Required: []string{"id"},
		Description: "Who acted. Without it, who the payload says; else the caller. Of a registered user the id is enough.",
		Properties:  map[string]*huma.Schema{"id": text(""), "firstName": text(""), "lastName": text(""), "email": text("")},
	}
	return &huma.Schema{
		Type: huma.TypeObject, AdditionalProperties: false, Required: []string{"caseId", "event", "payload"},
		Properties: map[string]*huma.Schema{
			"id":         text("Of the event, a UUID: told again under it, it is recorded once. By default the payload's activity.id, else a new one."),
			"caseId":     text("Of the case, a UUID, as its keeper knows it."),
			"event":      enumSchema(caseupdate.Events()),
			"payload":    {Type: huma.TypeObject, Description: "As the event's webhook has it. The case may be left out, but not of CREATE_CASE, and so may the activity."},
			"actor":      person,
			"occurredAt": timeSchema(),
		},
	}
}

// recorded is an event that was told, as the log has it.
type recorded struct {
	EventID  string           `json:"eventId"`
	CaseID   string           `json:"caseId"`
	Event    caseupdate.Event `json:"event"`
	Sequence int64            `json:"sequence" doc:"Its place in the case: 1, 2, 3 …"`
	Known    bool             `json:"known" doc:"Whether it was told before, and so not recorded now."`
}

// recordedEvents is the answer to tellEvents.
type recordedEvents struct {
	Data []recorded `json:"data" doc:"In the order in which they were told."`
}

// maxNamed is how many events an answer names in its header: clients take no header of
// any length.
const maxNamed = 100

func (d *door) tellEvents(ctx context.Context, in *struct {
	RawBody []byte `contentType:"application/json"`
}) (*reply[recordedEvents], error) {
	tellings, prefix, err := readTellings(in.RawBody)
	if err != nil {
		return nil, err
	}
	answer := func(told []service.Recorded) *reply[recordedEvents] {
		data, ids := make([]recorded, len(told)), make([]string, len(told))
		for i, r := range told {
			data[i], ids[i] = recorded(r), r.EventID
		}
		if len(ids) > maxNamed {
			ids = nil
		}
		return &reply[recordedEvents]{Status: http.StatusCreated, EventIDs: strings.Join(ids, ","), Body: recordedEvents{data}}
	}
	return perform(ctx, answer, func(request *service.Repeatable) ([]service.Recorded, error) {
		return d.service.Tell(ctx, caller(ctx), tellings, prefix, request)
	})
}

// readTellings reads a body, which is known to be JSON, or refuses it by the names of
// its fields. Prefix begins the names of those of the i-th telling.
func readTellings(body []byte) (tellings []service.Telling, prefix func(i int) string, err error) {
	items := []json.RawMessage{body}
	prefix = func(int) string { return "" }
	if first := bytes.TrimLeft(body, " \t\r\n"); len(first) > 0 && first[0] == '[' {
		if err := json.Unmarshal(body, &items); err != nil {
			return nil, nil, fmt.Errorf("read an array of JSON that is valid: %w", err)
		}
		prefix = func(i int) string { return fmt.Sprintf("[%d].", i) }
	}
	if len(items) == 0 || len(items) > service.MaxTellings {
		return nil, nil, refusal.Of(refusal.Invalid, fmt.Sprintf("the body must be an event, or an array of 1 to %d events", service.MaxTellings))
	}
	var faults []refusal.Fault
	for i, item := range items {
		telling, wrong := readTelling(item)
		for _, fault := range wrong {
			faults = append(faults, refusal.Fault{Field: prefix(i) + fault.Field, Allowed: fault.Allowed})
		}
		tellings = append(tellings, telling)
	}
	if len(faults) > 0 {
		return nil, nil, refusal.Fields(faults...)
	}
	return tellings, prefix, nil
}

// readTelling reads one event, or returns what is wrong with it.
func readTelling(item json.RawMessage) (telling service.Telling, faults []refusal.Fault) {
	fault := func(field, allowed string) { faults = append(faults, refusal.Fault{Field: field, Allowed: allowed}) }
	fields, ok := fieldsOf(item)
	if !ok {
		fault("body", "must be an object")
		return telling, faults
	}
	text := func(field string, to *string) {
		if !readText(fields[field], to) {
			fault(field, "must be a string")
		}
		delete(fields, field)
	}
	for _, needed := range []string{"caseId", "event", "payload"} {
		if _, given := fields[needed]; !given {
			fault(needed, strings.TrimPrefix(missing, " "))
		}
	}
	text("id", &telling.ID)
	text("caseId", &telling.CaseID)
	text("event", &telling.Event)
	telling.Payload = fields["payload"]
	if actor, given := fields["actor"]; given {
		telling.Actor = new(caseupdate.User)
		for _, f := range readActor(actor, telling.Actor) {
			fault("actor."+f.Field, f.Allowed)
		}
	}
	if at, given := fields["occurredAt"]; given {
		var moment timestamp
		if _ = moment.UnmarshalJSON(at); moment.broken { // it never fails
			fault("occurredAt", mustBeTime)
		}
		telling.OccurredAt = moment.time()
	}
	for _, known := range []string{"payload", "actor", "occurredAt"} {
		delete(fields, known)
	}
	for _, other := range slices.Sorted(maps.Keys(fields)) {
		fault(other, unknown)
	}
	return telling, faults
}

// readActor reads who acted.
func readActor(item json.RawMessage, actor *caseupdate.User) (faults []refusal.Fault) {
	fields, ok := fieldsOf(item)
	if !ok {
		return []refusal.Fault{{Field: "id", Allowed: strings.TrimPrefix(missing, " ")}}
	}
	var email string
	for _, part := range []struct {
		field string
		to    *string
	}{{"id", &actor.ID}, {"firstName", &actor.FirstName}, {"lastName", &actor.LastName}, {"email", &email}} {
		if !readText(fields[part.field], part.to) {
			faults = append(faults, refusal.Fault{Field: part.field, Allowed: "must be a string"})
		}
		delete(fields, part.field)
	}
	if email != "" {
		actor.Email = &email
	}
	for _, other := range slices.Sorted(maps.Keys(fields)) {
		faults = append(faults, refusal.Fault{Field: other, Allowed: unknown})
	}
	return faults
}

// fieldsOf returns the fields of an object, and whether item is one.
func fieldsOf(item json.RawMessage) (fields map[string]json.RawMessage, ok bool) {
	err := json.Unmarshal(item, &fields)
	return fields, err == nil && fields != nil
}

// readText reads a string, and reports whether value is one, or was left out.
func readText(value json.RawMessage, to *string) bool {
	return value == nil || value[0] == '"' && json.Unmarshal(value, to) == nil
}
