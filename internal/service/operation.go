package service

import (
	"maps"
	"slices"
)

// Anybody is the role of what needs no key: what it gives out is guarded otherwise.
const Anybody Role = ""

// RoleFor returns the smallest role that may do what the name stands for, such as getCase.
// It is not known where there is no such operation.
func RoleFor(operation string) (role Role, known bool) {
	role, known = operations[operation]
	return role, known
}

// Operations returns the names of all operations, in the order of the alphabet.
func Operations() []string { return slices.Sorted(maps.Keys(operations)) }

// operations are what callers do, through whichever door, each with the smallest role that it
// needs. The audit names calls by them. Who looks after
// the deliveries need not be able to change where they go: a reader sees endpoints
// too, whose secrets nobody is shown.
var operations = map[string]Role{
	"openDocument": Anybody,
	"signIn":       Anybody,
	"signOut":      Reader,

	"getHome":              Reader,
	"listCases":            Reader,
	"getCase":              Reader,
	"revealCases":          Reader,
	"revealCase":           Reader,
	"getAttachmentContent": Reader,
	"listUsers":            Reader,
	"listEvents":           Reader,
	"listCaseEvents":       Reader,
	"listEndpoints":        Reader,
	"getEndpoint":          Reader,
	"listDeliveries":       Reader,
	"getDelivery":          Reader,
	"revealDelivery":       Reader,
	"listReplays":          Reader,
	"getReplay":            Reader,
	"listReceipts":         Reader,
	"watchLive":            Reader,

	"draftUser":         Writer, // the form to register one is opened
	"getUser":           Writer, // and that to change one
	"putUser":           Writer,
	"tellEvents":        Writer,
	"createCase":        Writer,
	"addComment":        Writer,
	"deleteComment":     Writer,
	"addAttachment":     Writer,
	"deleteAttachment":  Writer,
	"addDecision":       Writer,
	"answerForm":        Writer,
	"addAssignees":      Writer,
	"removeAssignee":    Writer,
	"addPayment":        Writer,
	"completePayment":   Writer,
	"createOrder":       Writer,
	"changeOrderStatus": Writer,
	"addOrderTracking":  Writer,
	"escalateCase":      Writer,
	"deescalateCase":    Writer,
	"archiveCase":       Writer,
	"reopenCase":        Writer,
	"changeCaseStatus":  Writer,

	"eraseCase":        Admin,
	"listErasures":     Admin,
	"listAuditEntries": Admin,
	"draftEndpoint":    Admin, // the form to make or to change one is opened
	"createEndpoint":   Admin,
	"updateEndpoint":   Admin,
	"deleteEndpoint":   Admin,
	"testEndpoint":     Admin,
	"rotateSecret":     Admin,
	"pauseEndpoint":    Admin,
	"resumeEndpoint":   Admin,
	"endOverlap":       Admin,
	"previewReplay":    Admin,
	"replay":           Admin,
	"stopReplay":       Admin,
	"previewChange":    Admin, // what cannot be undone is asked about first
	"retryDelivery":    Admin,
	"cancelDelivery":   Admin,
	"listKeys":         Admin,
	"createKey":        Admin,
	"revokeKey":        Admin,

	"createOrganization": Operator,
	"listOrganizations":  Operator,
}
