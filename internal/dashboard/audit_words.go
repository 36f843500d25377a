package dashboard

import (
	"net/http"

	"github.com/casehook/casehook/internal/service"
)

// deeds are the operations in words for people, as what somebody wanted to do.
var deeds = map[string]string{
	"openDocument": "Follow a signed link to a document",
	"signIn":       "Sign in",
	"signOut":      "Sign out",

	"previewChange": "See what a change would do",

	"getHome":              "Open Home",
	"listCases":            "List cases",
	"getCase":              "Open a case",
	"revealCases":          "Show the patients of a list",
	"revealCase":           "Show the patient of a case",
	"revealDelivery":       "Show what a delivery sent",
	"getAttachmentContent": "Read a document",
	"listUsers":            "List users",
	"listEvents":           "Read the log",
	"listCaseEvents":       "Read the log of a case",
	"listEndpoints":        "List endpoints",
	"getEndpoint":          "Open an endpoint",
	"listDeliveries":       "List deliveries",
	"getDelivery":          "Open a delivery",
	"listReplays":          "List replays",
	"getReplay":            "Open a replay",
	"listReceipts":         "Read the receipts of a case",
	"watchLive":            "Watch what happens",

	"draftUser":         "Open the form of a user",
	"getUser":           "Open a user",
	"putUser":           "Register or change a user",
	"tellEvents":        "Tell events",
	"createCase":        "Make a case",
	"addComment":        "Add a comment",
	"deleteComment":     "Delete a comment",
	"addAttachment":     "Add a document",
	"deleteAttachment":  "Delete a document",
	"addDecision":       "Make a decision",
	"answerForm":        "Answer a form",
	"addAssignees":      "Assign a case",
	"removeAssignee":    "Take somebody off a case",
	"addPayment":        "Ask for a payment",
	"completePayment":   "Complete a payment",
	"createOrder":       "Make an order",
	"changeOrderStatus": "Change an order",
	"addOrderTracking":  "Give an order its tracking",
	"escalateCase":      "Escalate a case",
	"deescalateCase":    "Take an escalation back",
	"archiveCase":       "Archive a case",
	"reopenCase":        "Reopen a case",
	"changeCaseStatus":  "Change the status of a case",

	"eraseCase":        "Erase a case",
	"listErasures":     "List erasures",
	"listAuditEntries": "Read the audit",
	"draftEndpoint":    "Open the form of an endpoint",
	"createEndpoint":   "Make an endpoint",
	"updateEndpoint":   "Change an endpoint",
	"deleteEndpoint":   "Delete an endpoint",
	"testEndpoint":     "Test an endpoint",
	"rotateSecret":     "Rotate the secret of an endpoint",
	"pauseEndpoint":    "Pause an endpoint",
	"resumeEndpoint":   "Resume an endpoint",
	"endOverlap":       "End the old secrets of an endpoint",
	"previewReplay":    "Preview a replay",
	"replay":           "Begin a replay",
	"stopReplay":       "Stop a replay",
	"retryDelivery":    "Retry a delivery",
	"cancelDelivery":   "Cancel a delivery",
	"listKeys":         "List keys",
	"createKey":        "Make a key",
	"revokeKey":        "Revoke a key",

	"createOrganization": "Make an organization",
	"listOrganizations":  "List organizations",
}

// deed returns an operation in words.
func deed(operation string) string {
	if deed, ok := deeds[operation]; ok {
		return deed
	}
	return words(operation)
}

// resources are what calls are about, in the order in which they are told.
var resources = []struct{ name, noun string }{
	{"caseId", "case"}, {"endpointId", "endpoint"}, {"deliveryId", "delivery"}, {"replayId", "replay"}, {"keyId", "key"}, {"userId", "user"},
	{"commentId", "comment"}, {"attachmentId", "document"}, {"paymentId", "payment"}, {"orderId", "order"},
}

// verdict says in a word how a call was answered, and in a few why, or "".
func verdict(e service.AuditEntry) (word, why string) {
	status := e.Status
	switch {
	case e.Details.Repeated && status < http.StatusBadRequest:
		return "repeated", "nothing was done"
	case status < http.StatusBadRequest:
		return "done", ""
	case status >= http.StatusInternalServerError:
		return "failed", ""
	}
	return "refused", map[int]string{
		http.StatusUnauthorized:          "the key is not good any more",
		http.StatusForbidden:             "the key may not do this",
		http.StatusNotFound:              "it is not there",
		http.StatusConflict:              "not possible as things stood",
		http.StatusRequestEntityTooLarge: "too large",
		http.StatusUnprocessableEntity:   "something in it was not right",
	}[status]
}
