package rest

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/service"
)

// call is what the OpenAPI document says of one call, beyond what its types say.
type call struct {
	id      string // its operationId, by which its role is known
	pattern string // "POST /v1/cases/{id}/comments"
	tag     string
	summary string
	text    string // what else there is to say; may be empty
	status  int    // of its answer; 0: 200
	events  bool   // whether it records events
	located bool   // whether it says where to find what it made
	reads   bool   // whether its handler reads the body, and checks it, by itself
}

// handle makes a call be answered by handler.
func handle[I, O any](d *door, c call, handler func(context.Context, *I) (*O, error)) {
	huma.Register(d.api, c.operation(), handler)
}

func (c call) operation() huma.Operation {
	method, path, _ := strings.Cut(c.pattern, " ")
	op := huma.Operation{
		OperationID:   c.id,
		Method:        method,
		Path:          path,
		Tags:          []string{c.tag},
		Summary:       c.summary,
		Description:   c.text,
		DefaultStatus: max(c.status, http.StatusOK),
		MaxBodyBytes:  -1, // readBody has seen to it

		SkipValidateBody: c.reads,
		Errors:           c.failures(method, path),
		Security:         []map[string][]string{},
	}
	op.Responses = map[string]*huma.Response{statusText(op.DefaultStatus): {
		Description: http.StatusText(op.DefaultStatus),
		Headers:     c.headers(),
	}}
	needed, _ := service.RoleFor(c.id)
	if needed == service.Anybody {
		return op
	}
	op.Security = []map[string][]string{{"bearer": {}}, {"cv-api-key": {}}}
	op.Description = strings.TrimSpace(c.text + "\n\nNeeds the role `" + string(needed) + "`.")
	op.Parameters = append(op.Parameters, actorParameter)
	if method == http.MethodPost {
		op.Parameters = append(op.Parameters, idempotencyParameter)
	}
	return op
}

// failures are the statuses by which a call can fail, beside 422 and 500, which
// huma adds.
func (c call) failures(method, path string) []int {
	failures := []int{http.StatusServiceUnavailable}
	needed, _ := service.RoleFor(c.id)
	if needed == service.Anybody {
		failures = append(failures, http.StatusNotFound)
	} else {
		failures = append(failures, http.StatusUnauthorized, http.StatusForbidden)
	}
	if (strings.Contains(path, "{") || c.reads) && needed != service.Anybody { // its body may name what is not there
		failures = append(failures, http.StatusNotFound)
	}
	if c.events || method == http.MethodPost {
		failures = append(failures, http.StatusConflict)
	}
	if method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch {
		failures = append(failures, http.StatusBadRequest, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	return failures
}

func (c call) headers() map[string]*huma.Param {
	headers := map[string]*huma.Param{}
	add := func(name, text string) {
		headers[name] = &huma.Param{Description: text, Schema: &huma.Schema{Type: huma.TypeString}}
	}
	if c.events {
		add("Casehook-Event-Id", "The ids of the events that were recorded, in order, separated by commas.")
	}
	if c.located {
		add("Location", "Where to find what was made.")
	}
	if strings.HasPrefix(c.pattern, http.MethodPost) {
		add("Idempotent-Replayed", "`true` where this is the answer to an earlier request with the same Idempotency-Key.")
	}
	return headers
}

var actorParameter = &huma.Param{
	Name:        "Casehook-Actor",
	In:          "header",
	Description: "The id of the registered user in whose name the key acts. Without it, the key's own service user.",
	Schema:      &huma.Schema{Type: huma.TypeString, MaxLength: new(caselog.MaxName)},
}

var idempotencyParameter = &huma.Param{
	Name: "Idempotency-Key",
	In:   "header",
	Description: "Makes the request happen once, however often it is sent: the same key and body are given the first answer again. " +
		"1 to 255 visible ASCII characters; a random UUID is fine.",
	Schema: &huma.Schema{Type: huma.TypeString, MinLength: new(1), MaxLength: new(255)},
}
