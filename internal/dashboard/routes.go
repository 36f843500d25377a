package dashboard

import "net/http"

// route is what one kind of request leads to.
type route struct {
	pattern   string // of the mux, such as "GET /cases/{caseId}"
	operation string // its name in the audit, and where its role stands: service.RoleFor
	handler   func(w http.ResponseWriter, r *http.Request) error
	nav       string // the word for it in the navigation; "" where it has no place there
	page      string // the pattern of the page that it is asked from; "" where it is one itself, or that is at the same path
	fills     bool   // whether somebody fills in what is sent, which is lost where the session has ended
	status    int    // of its answer where it succeeds; 0: 200 for GET, 303 for POST
	// refresh is whether a page that is open asks by itself, to be up to date: where opening
	// it is on record that is not, and nobody uses the session by it.
	refresh bool
}

const (
	signInPattern  = "GET /login"
	signOutPattern = "POST /logout"
	assetPattern   = "GET /assets/{name}"
)

// routes are all that the dashboard answers, but for what its pages load. The navigation is in
// their order. A wildcard names what it is the id of, as the audit does: caseId, endpointId,
// deliveryId, keyId, userId, replayId.
func (d *Dashboard) routes() []route {
	return []route{
		{pattern: signInPattern, operation: "signIn", handler: d.showSignIn},
		{pattern: "POST /login", operation: "signIn", handler: d.signIn},
		{pattern: signOutPattern, operation: "signOut", handler: d.signOut},

		{pattern: "GET /{$}", operation: "getHome", handler: d.home, nav: "Home"},
		{pattern: "GET /home", operation: "getHome", page: "/", handler: d.refreshHome, refresh: true},

		{pattern: "POST /search", operation: "listCases", handler: d.search},

		{pattern: "GET /cases", operation: "listCases", handler: d.listCases, nav: "Cases"},
		{pattern: "POST /cases/reveal", operation: "revealCases", page: "/cases", handler: d.listCases, status: http.StatusOK},
		{pattern: "GET /cases/{caseId}", operation: "getCase", handler: d.showCase},
		{pattern: "POST /cases/{caseId}/reveal", operation: "revealCase", page: "/cases/{caseId}", handler: d.showCase, status: http.StatusOK},
		{pattern: "GET /cases/{caseId}/attachments/{attachmentId}/content", operation: "getAttachmentContent", page: "/cases/{caseId}", handler: d.downloadDocument},

		{pattern: "GET /deliveries", operation: "listDeliveries", handler: d.listDeliveries, nav: "Deliveries"},
		{pattern: "GET /deliveries/{deliveryId}", operation: "getDelivery", handler: d.showDelivery},
		{pattern: "GET /deliveries/{deliveryId}/progress", operation: "getDelivery", page: "/deliveries/{deliveryId}", handler: d.showDelivery, refresh: true},
		{pattern: "POST /deliveries/{deliveryId}/reveal", operation: "revealDelivery", page: "/deliveries/{deliveryId}", handler: d.showDelivery, status: http.StatusOK},
		{pattern: "POST /deliveries/{deliveryId}/body", operation: "revealDelivery", page: "/deliveries/{deliveryId}", handler: d.saveBody, status: http.StatusOK},
		{pattern: "GET /deliveries/{deliveryId}/retry", operation: "previewChange", handler: d.askToRetryDelivery},
		{pattern: "POST /deliveries/{deliveryId}/retry", operation: "retryDelivery", page: "/deliveries/{deliveryId}", handler: d.retryDelivery},
		{pattern: "GET /deliveries/{deliveryId}/cancel", operation: "previewChange", handler: d.askToCancelDelivery},
		{pattern: "POST /deliveries/{deliveryId}/cancel", operation: "cancelDelivery", handler: d.cancelDelivery},

		{pattern: "GET /endpoints", operation: "listEndpoints", handler: d.listEndpoints, nav: "Endpoints"},
		{pattern: "GET /endpoints/new", operation: "draftEndpoint", handler: d.draftEndpoint},
		{pattern: "POST /endpoints", operation: "createEndpoint", page: "/endpoints/new", fills: true, handler: d.createEndpoint, status: http.StatusCreated},
		{pattern: "GET /endpoints/{endpointId}", operation: "getEndpoint", handler: d.showEndpoint},
		{pattern: "GET /endpoints/{endpointId}/progress", operation: "getEndpoint", page: "/endpoints/{endpointId}", handler: d.showEndpoint, refresh: true},
		{pattern: "GET /endpoints/{endpointId}/edit", operation: "draftEndpoint", handler: d.redraftEndpoint},
		{pattern: "POST /endpoints/{endpointId}", operation: "updateEndpoint", page: "/endpoints/{endpointId}/edit", fills: true, handler: d.updateEndpoint},
		{pattern: "GET /endpoints/{endpointId}/delete", operation: "previewChange", handler: d.askToDeleteEndpoint},
		{pattern: "POST /endpoints/{endpointId}/delete", operation: "deleteEndpoint", handler: d.deleteEndpoint},
		{pattern: "POST /endpoints/{endpointId}/pause", operation: "pauseEndpoint", page: "/endpoints/{endpointId}", handler: d.pauseEndpoint},
		{pattern: "POST /endpoints/{endpointId}/resume", operation: "resumeEndpoint", page: "/endpoints/{endpointId}", handler: d.resumeEndpoint},
		{pattern: "GET /endpoints/{endpointId}/rotate-secret", operation: "previewChange", handler: d.askToReplaceSecret},
		{pattern: "POST /endpoints/{endpointId}/rotate-secret", operation: "rotateSecret", page: "/endpoints/{endpointId}", handler: d.rotateSecret, status: http.StatusOK},
		{pattern: "GET /endpoints/{endpointId}/end-overlap", operation: "previewChange", handler: d.askToEndOverlap},
		{pattern: "POST /endpoints/{endpointId}/end-overlap", operation: "endOverlap", handler: d.endOverlap},
		{pattern: "POST /endpoints/{endpointId}/test", operation: "testEndpoint", page: "/endpoints/{endpointId}", handler: d.testEndpoint, status: http.StatusOK},
		{pattern: "GET /endpoints/{endpointId}/replay", operation: "previewReplay", handler: d.previewReplay},
		{pattern: "POST /endpoints/{endpointId}/replay", operation: "replay", handler: d.replay},
		{pattern: "GET /endpoints/{endpointId}/replays/{replayId}", operation: "getReplay", handler: d.showReplay},
		{pattern: "GET /endpoints/{endpointId}/replays/{replayId}/progress", operation: "getReplay", page: "/endpoints/{endpointId}/replays/{replayId}", handler: d.showReplay, refresh: true},
		{pattern: "GET /endpoints/{endpointId}/replays/{replayId}/stop", operation: "previewChange", handler: d.askToStopReplay},
		{pattern: "POST /endpoints/{endpointId}/replays/{replayId}/stop", operation: "stopReplay", handler: d.stopReplay},

		{pattern: "GET /live", operation: "watchLive", handler: d.showLive, nav: "Live"},
		{pattern: "GET /live/stream", operation: "watchLive", page: "/live", handler: d.streamLive, refresh: true},

		{pattern: "GET /keys", operation: "listKeys", handler: d.listKeys, nav: "Keys"},
		{pattern: "POST /keys", operation: "createKey", fills: true, handler: d.createKey, status: http.StatusOK},
		{pattern: "GET /keys/{keyId}/revoke", operation: "previewChange", handler: d.askToRevokeKey},
		{pattern: "POST /keys/{keyId}/revoke", operation: "revokeKey", handler: d.revokeKey},

		{pattern: "GET /users", operation: "listUsers", handler: d.listUsers, nav: "Users"},
		{pattern: "GET /users/new", operation: "draftUser", handler: d.draftUser},
		{pattern: "GET /users/edit", operation: "getUser", handler: d.editUser},
		{pattern: "POST /users/new", operation: "putUser", fills: true, handler: d.createUser},
		{pattern: "POST /users/edit", operation: "putUser", fills: true, handler: d.updateUser},

		{pattern: "GET /audit", operation: "listAuditEntries", handler: d.listAudit, nav: "Audit"},
	}
}
