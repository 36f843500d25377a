package rest

import (
	"context"
	"encoding/hex"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/service"
)

func (d *door) registerAudit() {
	handle(d, call{
		id: "listAuditEntries", pattern: "GET /v1/audit", tag: tagAudit, summary: "List who called what",
		text: "The newest first: every call with a key of the organization, reads and refused calls too, and every genuine link to a document of its cases that was followed. " +
			"Never what was sent or answered. Entries are never removed, and chained by hashes.",
	}, d.listAuditEntries)
}

// auditEntry is a call as it is on record.
type auditEntry struct {
	At        caseupdate.Time   `json:"at" doc:"When the call began."`
	RequestID string            `json:"requestId" doc:"Its Casehook-Request-Id. Two entries may have the same: a change is recorded as successful in its own transaction, and where the answer became another, that is recorded after it."`
	KeyID     string            `json:"keyId" doc:"The API key. environment: the operator's admin key, operator: the operator's other key, link: a signed link."`
	Role      *string           `json:"role" doc:"Of the key; null for a link."`
	ActorID   *string           `json:"actorId" doc:"The user in whose name the key acted; null where nobody was named."`
	Method    string            `json:"method"`
	Operation string            `json:"operation" doc:"The operationId of the call in this document, or what the dashboard did: signIn, signOut, or that it showed what tells of a patient, such as revealCase." example:"getCase"`
	Resources map[string]string `json:"resources" doc:"The ids in the path, and of the case that was made." example:"{\"caseId\":\"01937b1c-5f0e-7a64-9d0c-2f1f4a1b7c3d\"}"`
	Shown     []string          `json:"shown" doc:"The ids of the cases whose patients it showed beside the one in resources: those of a list, of a part of the log, or of a delivery."`
	Repeated  bool              `json:"repeated" doc:"Whether the call had been answered before, and nothing was done: it was answered the same again."`
	Status    int               `json:"status" doc:"Of the answer."`
	From      string            `json:"from" doc:"The address that the call came from."`
	Digest    string            `json:"digest" doc:"Of this entry, as a block of the chain covers it, in hex."`
}

func shownAuditEntry(e service.AuditEntry) auditEntry {
	shown := auditEntry{
		At:        caseupdate.At(e.At),
		RequestID: e.RequestID,
		KeyID:     e.KeyID,
		Method:    e.Method,
		Operation: e.Operation,
		Resources: map[string]string{},
		Shown:     append([]string{}, e.Details.Shown...),
		Repeated:  e.Details.Repeated,
		Status:    e.Status,
		From:      e.Details.From,
		Digest:    hex.EncodeToString(e.Digest[:]),
	}
	if e.Role != "" {
		shown.Role = &e.Role
	}
	if e.ActorID != "" {
		shown.ActorID = &e.ActorID
	}
	if e.CaseID != "" {
		shown.Resources["caseId"] = e.CaseID
	}
	for name, id := range e.Details.Resources {
		shown.Resources[name] = id
	}
	return shown
}

// auditFilter narrows a list of entries.
type auditFilter struct {
	Paging
	KeyID     string    `query:"keyId" doc:"By this API key."`
	CaseID    string    `query:"caseId" doc:"On this case, or that showed its patient."`
	Operation string    `query:"operation" doc:"The operationId of a call in this document." example:"getCase"`
	Since     time.Time `query:"since" doc:"Not before it."`
	Until     time.Time `query:"until" doc:"Before it."`
}

func (d *door) listAuditEntries(ctx context.Context, in *auditFilter) (*found[list[auditEntry]], error) {
	if _, known := service.RoleFor(in.Operation); !known && in.Operation != "" {
		return nil, refusal.Field("operation", "must be the operationId of a call in /openapi.json, such as getCase, or one of the dashboard's, such as revealCase")
	}
	filter := service.AuditFilter{KeyID: in.KeyID, CaseID: in.CaseID, Operation: in.Operation, Since: given(in.Since), Until: given(in.Until)}
	entries, next, err := d.service.Audit(ctx, caller(ctx), filter, in.page())
	if err != nil {
		return nil, err
	}
	return listed(entries, shownAuditEntry, next), nil
}

// kinds is what {id} is of, by the second part of the path that it stands in.
var kinds = map[string]string{
	"cases": "caseId", "users": "userId", "endpoints": "endpointId", "deliveries": "deliveryId", "replays": "replayId", "api-keys": "keyId",
}

// begin gives the exchange of a call its entry in the audit, in which nobody is named yet.
func begin(ctx huma.Context) {
	op := ctx.Operation()
	r, _ := humago.Unwrap(ctx)
	resources := make(map[string]string)
	for _, parameter := range op.Parameters {
		if parameter.In == "path" {
			resources[resource(op, parameter.Name)] = ctx.Param(parameter.Name)
		}
	}
	exchangeOf(ctx.Context()).Begin(r, op.OperationID, op.DefaultStatus, resources)
}

// resource names what a parameter of a path is the id of.
func resource(op *huma.Operation, parameter string) string {
	if parameter != "id" {
		return parameter
	}
	return kinds[strings.Split(op.Path, "/")[2]]
}
