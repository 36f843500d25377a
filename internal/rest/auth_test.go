package rest_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// smallest is the role that each call needs, as users are told; empty: no key.
var smallest = map[string]string{
	"openDocument": "",

	"listCases": "reader", "getCase": "reader", "getAttachmentContent": "reader", "listUsers": "reader",
	"listEvents": "reader", "listCaseEvents": "reader", "listEndpoints": "reader", "getEndpoint": "reader",
	"listDeliveries": "reader", "getDelivery": "reader", "listReplays": "reader", "getReplay": "reader", "listReceipts": "reader",

	"putUser": "writer", "tellEvents": "writer", "createCase": "writer", "addComment": "writer", "deleteComment": "writer",
	"addAttachment": "writer", "deleteAttachment": "writer", "addDecision": "writer", "answerForm": "writer",
	"addAssignees": "writer", "removeAssignee": "writer", "addPayment": "writer", "completePayment": "writer",
	"createOrder": "writer", "changeOrderStatus": "writer", "addOrderTracking": "writer", "escalateCase": "writer",
	"deescalateCase": "writer", "archiveCase": "writer", "reopenCase": "writer", "changeCaseStatus": "writer",

	"createEndpoint": "admin", "updateEndpoint": "admin", "deleteEndpoint": "admin", "testEndpoint": "admin",
	"rotateSecret": "admin", "pauseEndpoint": "admin", "resumeEndpoint": "admin", "retryDelivery": "admin",
	"endOverlap": "admin", "replay": "admin", "stopReplay": "admin", "cancelDelivery": "admin",
	"eraseCase": "admin", "listErasures": "admin", "listAuditEntries": "admin",
	"listKeys": "admin", "createKey": "admin", "revokeKey": "admin",

	"createOrganization": "operator", "listOrganizations": "operator",
}

var pathParameter = regexp.MustCompile(`\{[^}]+\}`)

// TestEveryCallNeedsItsRole walks all calls of the document. A call that is let in
// finds nothing, or is refused for its empty body, which is told from 401 and 403.
func TestEveryCallNeedsItsRole(t *testing.T) {
	s := newServer(t)
	reach := map[string]int{"": 0, "reader": 1, "writer": 2, "admin": 3}
	keys := map[string]string{"reader": s.reader, "writer": s.writer, "admin": s.admin, "operator": operatorKey}
	seen := 0
	for path, operations := range s.paths {
		for method, call := range operations {
			t.Run(call.OperationID, func(t *testing.T) {
				needs, ok := smallest[call.OperationID]
				require.True(t, ok, "the call has no role in this table")
				seen++
				url := pathParameter.ReplaceAllString(path, "nothing")
				for role, key := range keys {
					got := s.do(t, strings.ToUpper(method), url, nil, as(key)).status
					if needs == "" || (role == "operator") == (needs == "operator") && reach[role] >= reach[needs] {
						require.NotContains(t, []int{http.StatusUnauthorized, http.StatusForbidden}, got, role)
					} else {
						require.Equal(t, http.StatusForbidden, got, role)
					}
				}
				stranger := s.do(t, strings.ToUpper(method), url, nil, with("Authorization", ""))
				if needs == "" {
					require.NotEqual(t, http.StatusUnauthorized, stranger.status)
					return
				}
				require.Equal(t, http.StatusUnauthorized, stranger.status)
				require.Equal(t, `Bearer realm="casehook"`, stranger.header.Get("WWW-Authenticate"))
			})
		}
	}
	require.Equal(t, len(smallest), seen)
}

func TestAKeyIsSentInEitherHeader(t *testing.T) {
	s := newServer(t)
	for _, test := range []struct {
		name   string
		how    []asked
		status int
	}{
		{"as a bearer token", []asked{as(s.reader)}, 200},
		{"as a bearer token in lower case", []asked{with("Authorization", "bearer "+s.reader)}, 200},
		{"in cv-api-key", []asked{with("Authorization", ""), with("cv-api-key", s.reader)}, 200},
		{"in both", []asked{as(s.reader), with("cv-api-key", s.reader)}, 200},
		{"another one in each", []asked{as(s.reader), with("cv-api-key", s.writer)}, 401},
		{"in no way that is known", []asked{with("Authorization", "Basic "+s.reader)}, 401},
		{"as an empty token", []asked{with("Authorization", "Bearer ")}, 401},
		{"nowhere", []asked{with("Authorization", "")}, 401},
		{"one that is not known", []asked{as("chk_nothing")}, 401},
	} {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, test.status, s.get(t, "/v1/cases", test.how...).status)
		})
	}
}

func TestAnActorMustBeRegistered(t *testing.T) {
	s := newServer(t)
	refused := s.get(t, "/v1/cases", with("Casehook-Actor", "nobody"))
	require.Equal(t, http.StatusUnprocessableEntity, refused.status)
	require.Equal(t, []string{"Casehook-Actor: must be the id of a registered user"}, refused.faults(t))
}

func TestAStrangersBodyIsNotLookedAt(t *testing.T) {
	s := newServer(t)
	require.Equal(t, http.StatusUnauthorized, s.post(t, "/v1/cases", "no JSON", as("chk_nothing")).status)
	require.Equal(t, http.StatusForbidden, s.post(t, "/v1/cases", "no JSON", as(s.reader)).status)
}

func TestKeys(t *testing.T) {
	s := newServer(t)
	made := s.post(t, "/v1/api-keys", `{"name":"for a while","role":"reader","expiresAt":"2999-01-01T00:00:00Z"}`)
	require.Equal(t, http.StatusCreated, made.status, made)
	key := as(made.text(t, "key"))
	require.Equal(t, http.StatusOK, s.get(t, "/v1/cases", key).status)
	require.NotContains(t, string(s.get(t, "/v1/api-keys").body), made.text(t, "key"))

	revoked := s.do(t, http.MethodDelete, "/v1/api-keys/"+made.text(t, "id"), nil)
	require.Equal(t, http.StatusNoContent, revoked.status, revoked)
	require.Empty(t, revoked.body)
	require.Equal(t, http.StatusUnauthorized, s.get(t, "/v1/cases", key).status)

	refused := s.post(t, "/v1/api-keys", `{"name":"a","role":"king"}`)
	require.Equal(t, []string{"role: must be one of admin, writer, reader"}, refused.faults(t))
}
