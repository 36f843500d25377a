package dashboard

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/service"
)

// smallest is the role that each operation needs, as users are told; empty: no key.
var smallest = map[string]service.Role{
	"signIn": "", "signOut": "reader",
	"getHome": "reader", "listCases": "reader", "getCase": "reader", "revealCases": "reader", "revealCase": "reader", "getAttachmentContent": "reader",
	"listEndpoints": "reader", "getEndpoint": "reader", "draftEndpoint": "admin", "createEndpoint": "admin", "updateEndpoint": "admin", "deleteEndpoint": "admin",
	"pauseEndpoint": "admin", "resumeEndpoint": "admin", "rotateSecret": "admin", "endOverlap": "admin", "testEndpoint": "admin",
	"previewReplay": "admin", "replay": "admin", "getReplay": "reader", "stopReplay": "admin",
	"watchLive": "reader",
	"listUsers": "reader", "draftUser": "writer", "getUser": "writer", "putUser": "writer",
	"listKeys": "admin", "createKey": "admin", "revokeKey": "admin", "listAuditEntries": "admin",
	"listDeliveries": "reader", "getDelivery": "reader", "revealDelivery": "reader",
	"previewChange": "admin", "retryDelivery": "admin", "cancelDelivery": "admin",
}

func TestEveryRouteHasItsRole(t *testing.T) {
	d := New(new(service.Service), Options{Log: slog.New(slog.DiscardHandler)})
	for _, route := range d.routes() {
		needed, known := service.RoleFor(route.operation)
		require.True(t, known, route.operation)
		require.Contains(t, smallest, route.operation)
		require.Equal(t, smallest[route.operation], needed, route.operation)
	}
}

func TestNobodyGetsInWithoutSigningIn(t *testing.T) {
	d := New(new(service.Service), Options{Log: slog.New(slog.DiscardHandler)})
	for _, route := range d.routes() {
		if smallest[route.operation] == "" {
			continue
		}
		method, path, _ := strings.Cut(route.pattern, " ")
		path = strings.NewReplacer("{$}", "").Replace(wildcard.ReplaceAllString(path, "x"))
		w := httptest.NewRecorder()
		d.ServeHTTP(w, httptest.NewRequest(method, path, nil))
		require.Equal(t, http.StatusSeeOther, w.Code, route.pattern)
		require.True(t, strings.HasPrefix(w.Header().Get("Location"), "/login"), route.pattern)
	}
}
