package rest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

// bodies are of the calls that need one, such that nothing but who calls stands in the way.
var bodies = map[string]string{
	"addAssignees":      `{"userIds":["nurse-7"]}`,
	"addAttachment":     `{"fileName":"a.txt","content":"YQ=="}`,
	"addComment":        `{"text":"taken"}`,
	"addDecision":       `{"isApproved":true}`,
	"addOrderTracking":  `{"trackingId":"1Z999"}`,
	"addPayment":        `{"description":"A visit","amount":1}`,
	"answerForm":        `{"form":{"name":"Intake"},"responses":[{"question":{"index":0,"type":"TEXT","text":"How?"},"text":"Well"}]}`,
	"archiveCase":       `{"archiveReason":"taken"}`,
	"changeCaseStatus":  `{"status":"IN_PROGRESS"}`,
	"changeOrderStatus": `{"status":"SHIPPED"}`,
	"updateEndpoint":    `{"description":"taken"}`,
	"putUser":           `{"firstName":"Some","lastName":"One","email":"some@mail.example"}`,
}

// ownOnly are the calls that name nothing of anybody, or only what the caller's own
// organisation has under the same name: what they make and list is the caller's.
var ownOnly = map[string]bool{
	"createCase": true, "createEndpoint": true, "createKey": true, "putUser": true, "listAuditEntries": true,
	"listCases": true, "listDeliveries": true, "listEndpoints": true, "listErasures": true, "listEvents": true,
	"listKeys": true, "listReplays": true, "listUsers": true,
}

// TestNobodyReachesWhatIsAnotherOrganizations calls every operation of the document with
// the ids of what an organisation has, by another's admin, and by each role that is too
// small.
func TestNobodyReachesWhatIsAnotherOrganizations(t *testing.T) {
	s := newServer(t)
	made := func(call, body string, how ...asked) string {
		t.Helper()
		got := s.post(t, call, body, how...)
		require.Contains(t, []int{http.StatusCreated, http.StatusAccepted}, got.status, got)
		return got.text(t, "id")
	}
	organization := s.post(t, "/v1/organizations", `{"name":"Acme","shortIdPrefix":"ACM"}`, as(operatorKey))
	require.Equal(t, http.StatusCreated, organization.status, organization)
	stranger := as(organization.text(t, "adminKey"))
	for _, who := range []asked{as(s.admin), stranger} {
		put := s.do(t, http.MethodPut, "/v1/users/nurse-7", strings.NewReader(`{"firstName":"Nora","lastName":"Quinn","email":"nora@clinic.example"}`), who)
		require.Equal(t, http.StatusOK, put.status, put)
	}

	endpointID := made("/v1/endpoints", `{"url":"http://127.0.0.1:1/hooks","clearance":{"phi":true,"restricted":true}}`)
	caseID := made("/v1/cases", `{"type":"rash","title":"marker","submitter":{"firstName":"Mar","lastName":"Ker","email":"marker@mail.example"}}`)
	path := "/v1/cases/" + caseID
	ids := map[string]string{
		"commentId":    made(path+"/comments", `{"text":"marker"}`),
		"attachmentId": made(path+"/attachments", `{"fileName":"marker.txt","content":"YQ=="}`),
		"orderId":      made(path+"/orders", `{}`),
		"paymentId":    made(path+"/payments", `{"description":"marker","amount":1}`),
		"userId":       "nurse-7",
		"caseId":       caseID,
	}
	require.Equal(t, http.StatusOK, s.post(t, path+"/assignees", `{"userIds":["nurse-7"]}`).status)
	byKind := map[string]string{
		"cases": caseID, "endpoints": endpointID, "users": "nurse-7",
		"deliveries": s.get(t, "/v1/deliveries?caseId="+caseID).text(t, "data", 0, "id"),
		"replays":    made("/v1/endpoints/"+endpointID+"/replay", `{"onlyFailed":true}`),
		"api-keys":   made("/v1/api-keys", `{"name":"marker","role":"reader"}`),
	}
	before := s.get(t, path+"/events").body

	reach := map[string]int{"reader": 1, "writer": 2, "admin": 3}
	keys := map[string]string{"reader": s.reader, "writer": s.writer}
	for pattern, operations := range s.paths {
		if pattern == "/documents/{caseId}/{attachmentId}" {
			continue // guarded by signatures, for who has no key
		}
		url := pathParameter.ReplaceAllStringFunc(pattern, func(parameter string) string {
			if name := strings.Trim(parameter, "{}"); name != "id" {
				require.Contains(t, ids, name)
				return ids[name]
			}
			kind := strings.Split(pattern, "/")[2]
			require.Contains(t, byKind, kind)
			return byKind[kind]
		})
		for method, call := range operations {
			t.Run(call.OperationID, func(t *testing.T) {
				body := bodies[call.OperationID]
				if call.OperationID == "tellEvents" {
					body = escalated(caseID)
				}
				ask := func(who asked) answer {
					return s.do(t, strings.ToUpper(method), url, strings.NewReader(body), who)
				}
				needs := smallest[call.OperationID]
				for role, key := range keys {
					if needs == "operator" || reach[role] < reach[needs] {
						require.Equal(t, http.StatusForbidden, ask(as(key)).status, role)
					}
				}
				got := ask(stranger)
				require.NotContains(t, string(got.body), "marker")
				if call.OperationID == "listAuditEntries" { // it has the stranger's own calls, of all these ids
					require.NotContains(t, string(got.body), "environment")
				} else {
					require.NotContains(t, string(got.body), caseID)
				}
				switch {
				case needs == "operator":
					require.Equal(t, http.StatusForbidden, got.status, got)
				case !ownOnly[call.OperationID]:
					require.Equal(t, http.StatusNotFound, got.status, got)
				case method == "get":
					require.Equal(t, http.StatusOK, got.status, got)
				}
			})
		}
	}
	require.Equal(t, string(before), string(s.get(t, path+"/events").body), "nothing has happened to the case")
	require.Equal(t, http.StatusNotFound, s.get(t, "/v1/cases/"+uuid.NewString(), stranger).status)
}
