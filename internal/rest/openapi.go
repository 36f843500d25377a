package rest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/casehook/casehook/caseupdate"
)

// The tags by which the document groups its calls.
const (
	tagCases      = "Cases"
	tagEvents     = "Events"
	tagUsers      = "Users"
	tagEndpoints  = "Endpoints"
	tagDeliveries = "Deliveries"
	tagKeys       = "API keys"
	tagTenants    = "Organizations"
	tagAudit      = "Audit"
	tagDocuments  = "Documents"
	tagWebhooks   = "Webhooks"
)

// Where to turn to about what the documents say.
const (
	contactName = "casehook"
	contactURL  = "https://github.com/casehook/casehook"
)

// delivered says in the documents what an endpoint can rely on.
const delivered = "Sent at least once, and to an endpoint with `ordering` set to `case` in the order of its case, until it is answered by 2xx, its schedule ends, or it is given up."

// description is the OpenAPI document before any call is registered.
func description(registry *registry, o Options) *huma.OpenAPI {
	document := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title:   "casehook",
			Version: o.Version,
			Description: "Keeps telehealth cases and tells every system that needs to know of each change: in order, signed, and with nothing lost.\n\n" +
				"A change that was answered by 2xx is in the log, and on its way to every endpoint that is subscribed to it. " +
				"An impossible change gets 409 and records nothing. What is unknown, and what is another organisation's, gets 404. " +
				"Errors never repeat a value that was sent. The `maxLength` of a text is that of its bytes in UTF-8. Every answer has a Casehook-Request-Id, under which the operator's log knows it.",
			License: &huma.License{Name: "Apache 2.0", Identifier: "Apache-2.0"},
			Contact: &huma.Contact{Name: contactName, URL: contactURL},
		},
		Tags: []*huma.Tag{
			{Name: tagCases, Description: "A case, and all that can happen to it."},
			{Name: tagEvents, Description: "The log: what happened, oldest first, in the wire format."},
			{Name: tagUsers, Description: "Who acts on cases, and whom they are assigned to."},
			{Name: tagEndpoints, Description: "Where events are sent, and in what form."},
			{Name: tagDeliveries, Description: "What was sent, and what is still to be."},
			{Name: tagKeys, Description: "What opens this interface."},
			{Name: tagTenants, Description: "Tenants, which see nothing of each other. For the operator's key only."},
			{Name: tagAudit, Description: "Who called what."},
			{Name: tagDocuments, Description: "Signed links, as they are sent to endpoints with `documents` set to `url`."},
			{Name: tagWebhooks, Description: "What endpoints are sent. Also as AsyncAPI under `/asyncapi.json`, and as JSON Schemas under `/schemas/`."},
		},
		Components: &huma.Components{
			Schemas: registry,
			SecuritySchemes: map[string]*huma.SecurityScheme{
				"bearer":     {Type: "http", Scheme: "bearer", Description: "An API key."},
				"cv-api-key": {Type: "apiKey", In: "header", Name: "cv-api-key", Description: "An API key, where Authorization is not to be had."},
			},
		},
		Webhooks: webhooks(registry),
	}
	if o.PublicURL != "" {
		document.Servers = []*huma.Server{{URL: o.PublicURL}}
	}
	return document
}

// registerDocument serves the OpenAPI document as it stands now, and the page that
// shows it.
func (d *door) registerDocument(registry *registry) {
	registry.schemas["Update"] = updateSchema()
	document, err := json.Marshal(d.api.OpenAPI())
	if err != nil {
		panic(fmt.Sprintf("rest: write the OpenAPI document: %v", err)) // built of constants and types alone
	}
	d.mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		publish(w, mediaJSON, document)
	})
	d.registerDocs()
}

// webhooks describes what an endpoint is sent, an operation per event.
func webhooks(registry *registry) map[string]*huma.PathItem {
	items := map[string]*huma.PathItem{}
	for _, event := range caseupdate.Events() {
		name := string(event)
		registry.schemas[name] = eventSchema(registry, event)
		items[name] = &huma.PathItem{Post: &huma.Operation{
			OperationID: "on-" + name,
			Tags:        []string{tagWebhooks},
			Summary:     name,
			Description: delivered,
			Security:    []map[string][]string{},
			Parameters:  webhookHeaders,
			RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
				mediaJSON: {Schema: &huma.Schema{Ref: schemaPrefix + name}, Example: mustExampleOf(event).body},
			}},
			Responses: map[string]*huma.Response{
				"2XX":     {Description: "Received. The body is not looked at, but its first 1 KiB is kept."},
				"default": {Description: "Not received: it is sent again, for about three days."},
			},
		}}
	}
	return items
}

// webhookHeaders are the headers of a delivery.
var webhookHeaders = []*huma.Param{
	webhookHeader("webhook-id", "The event's id. It stays the same over retries and replays: who has seen it has seen the event.", true),
	webhookHeader("webhook-timestamp", "When this attempt was signed, in Unix seconds.", true),
	webhookHeader("webhook-signature", "Standard Webhooks: `v1,…` of each live secret, and `v1a,…` of an ed25519 key, separated by spaces.", true),
	webhookHeader("x-cv-signature", "HMAC-SHA256 of the raw body in lowercase hex, keyed with the secret as it was shown. For endpoints with `cv` in `signing`.", false),
	webhookHeader("casehook-case-id", "The case: messages of one case are sent in order.", true),
	webhookHeader("casehook-sequence", "1, 2, 3 … for this endpoint and case: a hole is a lost message.", true),
	webhookHeader("casehook-attempt", "1, 2, 3 … of this message.", true),
}

func webhookHeader(name, text string, required bool) *huma.Param {
	return &huma.Param{Name: name, In: "header", Description: text, Required: required, Schema: &huma.Schema{Type: huma.TypeString}}
}

// eventSchema is the schema of the body of one event, made of its payload's type.
func eventSchema(registry *registry, event caseupdate.Event) *huma.Schema {
	// Parse alone knows which type that is.
	update, err := caseupdate.Parse([]byte(`{"event":` + strconv.Quote(string(event)) + `,"payload":{"case":{}}}`))
	if err != nil {
		panic(fmt.Sprintf("rest: parse an empty %s: %v", event, err))
	}
	payload := registry.Schema(reflect.TypeOf(update.Payload), true, "")
	registry.SchemaFromRef(payload.Ref).Properties["case"] = caseSchema(registry, event)
	return &huma.Schema{
		Type:                 huma.TypeObject,
		AdditionalProperties: false,
		Required:             []string{"event", "payload"},
		Properties: map[string]*huma.Schema{
			"event":   {Type: huma.TypeString, Enum: []any{string(event)}},
			"payload": payload,
		},
	}
}

// caseSchema is the schema of the case in a payload. It is never null.
func caseSchema(registry *registry, event caseupdate.Event) *huma.Schema {
	if event == caseupdate.EventCreateCase {
		return registry.Schema(reflect.TypeFor[fullCase](), true, "")
	}
	return anyCaseSchema(registry)
}

// anyCaseSchema is the schema of a case, basic or full.
func anyCaseSchema(registry *registry) *huma.Schema {
	return &huma.Schema{
		Description: "As of this event. Full for endpoints with `payload` set to `full`.",
		AnyOf: []*huma.Schema{
			registry.Schema(reflect.TypeFor[caseupdate.Case](), true, ""),
			registry.Schema(reflect.TypeFor[fullCase](), true, ""),
		},
	}
}

// updateSchema is the schema of any event.
func updateSchema() *huma.Schema {
	s := &huma.Schema{Description: "One event, in the wire format."}
	for _, event := range caseupdate.Events() {
		s.AnyOf = append(s.AnyOf, &huma.Schema{Ref: schemaPrefix + string(event)})
	}
	return s
}

func statusText(status int) string { return strconv.Itoa(status) }
