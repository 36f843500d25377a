package rest

import (
	"encoding/json"
	"fmt"

	"github.com/danielgtaylor/huma/v2"

	"github.com/casehook/casehook/caseupdate"
)

// asyncDocument is as much of an AsyncAPI 3.0 document as webhooks need.
// https://www.asyncapi.com/docs/reference/specification/v3.0.0
type asyncDocument struct {
	AsyncAPI           string                    `json:"asyncapi"`
	Info               asyncInfo                 `json:"info"`
	DefaultContentType string                    `json:"defaultContentType"`
	Servers            map[string]asyncServer    `json:"servers"`
	Channels           map[string]asyncChannel   `json:"channels"`
	Operations         map[string]asyncOperation `json:"operations"`
	Components         asyncComponents           `json:"components"`
}

type asyncInfo struct {
	Title       string     `json:"title"`
	Version     string     `json:"version"`
	Description string     `json:"description"`
	License     asyncLink  `json:"license"`
	Contact     asyncLink  `json:"contact"`
	Tags        []asyncTag `json:"tags"`
}

type asyncTag struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

type asyncLink struct {
	Name string `json:"name"`
	URL  string `json:"url"`
}

type asyncRef struct {
	Ref string `json:"$ref"`
}

type asyncServer struct {
	Host        string                   `json:"host"`
	Protocol    string                   `json:"protocol"`
	Description string                   `json:"description"`
	Variables   map[string]asyncVariable `json:"variables"`
}

type asyncVariable struct {
	Description string   `json:"description"`
	Examples    []string `json:"examples"`
}

type asyncChannel struct {
	Address     *string             `json:"address"` // null where it is not known beforehand
	Title       string              `json:"title"`
	Description string              `json:"description"`
	Servers     []asyncRef          `json:"servers"`
	Messages    map[string]asyncRef `json:"messages"`
}

type asyncOperation struct {
	Action      string         `json:"action"`
	Channel     asyncRef       `json:"channel"`
	Title       string         `json:"title"`
	Summary     string         `json:"summary"`
	Description string         `json:"description"`
	Security    []asyncRef     `json:"security"`
	Bindings    map[string]any `json:"bindings"`
	Messages    []asyncRef     `json:"messages"`
}

type asyncComponents struct {
	Schemas         *registry                      `json:"schemas"`
	Messages        map[string]asyncMessage        `json:"messages"`
	SecuritySchemes map[string]asyncSecurityScheme `json:"securitySchemes"`
}

type asyncMessage struct {
	Name        string         `json:"name"`
	Title       string         `json:"title"`
	Summary     string         `json:"summary"`
	ContentType string         `json:"contentType"`
	Headers     asyncRef       `json:"headers"`
	Payload     asyncRef       `json:"payload"`
	Examples    []asyncExample `json:"examples"`
}

type asyncExample struct {
	Name    string            `json:"name"`
	Headers map[string]string `json:"headers"`
	Payload json.RawMessage   `json:"payload"`
}

type asyncSecurityScheme struct {
	Type        string `json:"type"`
	In          string `json:"in"`
	Name        string `json:"name"`
	Description string `json:"description"`
}

// asyncAPI is what endpoints are sent: one channel, on which casehook sends a message of each event.
func asyncAPI(o Options) asyncDocument {
	registry := newRegistry()
	registry.schemas["WebhookHeaders"] = webhookHeadersSchema()
	endpoint := asyncChannel{
		Title:       "An endpoint",
		Description: "The `url` of an endpoint. Each endpoint is sent the events that it is subscribed to, and nothing of what others are sent.",
		Servers:     []asyncRef{{"#/servers/receiver"}},
		Messages:    map[string]asyncRef{},
	}
	send := asyncOperation{
		Action:  "send",
		Channel: asyncRef{"#/channels/endpoint"},
		Title:   "Send an event",
		Summary: "casehook posts an event to an endpoint.",
		Description: delivered + " What is no 2xx within the endpoint's `timeoutSeconds` is a failure. Redirects are not followed. " +
			"Messages of one case have a `casehook-sequence` without holes.",
		Security: []asyncRef{{"#/components/securitySchemes/standardWebhooks"}, {"#/components/securitySchemes/cv"}},
		Bindings: map[string]any{"http": map[string]string{"method": "POST", "bindingVersion": "0.3.0"}},
	}
	messages := map[string]asyncMessage{}
	for _, event := range caseupdate.Events() {
		name := string(event)
		registry.schemas[name] = eventSchema(registry, event)
		messages[name] = asyncMessageOf(event)
		endpoint.Messages[name] = asyncRef{"#/components/messages/" + name}
		send.Messages = append(send.Messages, asyncRef{"#/channels/endpoint/messages/" + name})
	}
	return asyncDocument{
		AsyncAPI: "3.0.0",
		Info: asyncInfo{
			Title:   "casehook webhooks",
			Version: o.Version,
			Description: "What casehook sends of each change of a case: in order, signed, and with nothing lost. " +
				"The examples are signed with `" + exampleSecret + "`.",
			License: asyncLink{"Apache 2.0", "https://www.apache.org/licenses/LICENSE-2.0"},
			Contact: asyncLink{contactName, contactURL},
			Tags:    []asyncTag{{tagWebhooks, "What endpoints are sent."}},
		},
		DefaultContentType: mediaJSON,
		Servers: map[string]asyncServer{"receiver": {
			Host:        "{host}",
			Protocol:    "https",
			Description: "A partner's.",
			Variables: map[string]asyncVariable{"host": {
				Description: "Of the `url` of an endpoint, with its port where it has one.",
				Examples:    []string{"partner.example"},
			}},
		}},
		Channels:   map[string]asyncChannel{"endpoint": endpoint},
		Operations: map[string]asyncOperation{"send": send},
		Components: asyncComponents{
			Schemas:  registry,
			Messages: messages,
			SecuritySchemes: map[string]asyncSecurityScheme{
				"standardWebhooks": {
					Type: "httpApiKey", In: "header", Name: "webhook-signature",
					Description: "Not a key but a signature of this message, after Standard Webhooks: base64 of the HMAC-SHA256 of " +
						"`webhook-id`, `webhook-timestamp` and the raw body, joined by full stops, as `v1,…`; of an endpoint with an ed25519 key also as `v1a,…`. " +
						"A message is genuine if one of the signatures is, and fresh if `webhook-timestamp` is within five minutes.",
				},
				"cv": {
					Type: "httpApiKey", In: "header", Name: "x-cv-signature",
					Description: "Not a key but a signature of this message: lowercase hex of the HMAC-SHA256 of the raw body, keyed with the secret as it was shown. " +
						"For endpoints with `cv` in `signing`.",
				},
			},
		},
	}
}

func asyncMessageOf(event caseupdate.Event) asyncMessage {
	e := mustExampleOf(event)
	header, err := e.header()
	if err != nil {
		panic(fmt.Sprintf("rest: sign an example of %s: %v", event, err))
	}
	name := string(event)
	return asyncMessage{
		Name:        name,
		Title:       name,
		Summary:     "The webhook of " + name + ".",
		ContentType: mediaJSON,
		Headers:     asyncRef{schemaPrefix + "WebhookHeaders"},
		Payload:     asyncRef{schemaPrefix + name},
		Examples:    []asyncExample{{Name: "sample", Headers: header, Payload: e.body}},
	}
}

// webhookHeadersSchema is the schema of the headers of a delivery, as of an object.
func webhookHeadersSchema() *huma.Schema {
	s := &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{}}
	for _, header := range webhookHeaders {
		s.Properties[header.Name] = &huma.Schema{Type: huma.TypeString, Description: header.Description}
		if header.Required {
			s.Required = append(s.Required, header.Name)
		}
	}
	return s
}
