package rest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNullIsRefusedWhereItWouldSayNothing(t *testing.T) {
	s := newServer(t)
	endpoint := "/v1/endpoints/" + s.newEndpoint(t, "https://partner.example/hooks", "")
	of := "/v1/cases/" + s.newCase(t)
	order := of + "/orders/" + s.post(t, of+"/orders", `{}`).text(t, "id")
	payment := of + "/payments/" + s.post(t, of+"/payments", `{"description":"a","amount":1}`).text(t, "id")
	for _, test := range []struct{ call, body, field string }{
		{"PATCH " + endpoint, `{"clearance":null}`, "clearance"},
		{"PATCH " + endpoint, `{"url":null}`, "url"},
		{"PATCH " + endpoint, `{"events": null }`, "events"},
		{"PATCH " + endpoint, `{"headers":null,"description":"d"}`, "headers"},
		{"PATCH " + endpoint, `{"rateLimit":null,"timeoutSeconds":null}`, "timeoutSeconds"},
		{"PATCH " + endpoint, `{"payload":null}`, "payload"},
		{"POST " + endpoint + "/rotate-secret", `{"overlapHours":null}`, "overlapHours"},
		{"POST " + endpoint + "/test", `{"event":null}`, "event"},
		{"POST " + endpoint + "/replay", `{"since":null}`, "since"},
		{"POST " + endpoint + "/replay", `{"onlyFailed":null}`, "onlyFailed"},
		{"POST /v1/endpoints", `{"url":"https://partner.example/hooks","clearance":{"phi":true,"restricted":true},"signing":null}`, "signing"},
		{"POST /v1/api-keys", `{"name":"a","role":"reader","clearance":null}`, "clearance"},
		{"POST " + of + "/comments", `{"text":"a","isRestricted":null}`, "isRestricted"},
		{"POST " + of + "/comments", `{"text":"a","attachments":[{"fileName":"a","content":"aGk="},{"fileName":"b","content":"aGk=","isPHI":null}]}`, "attachments[1].isPHI"},
		{"POST " + of + "/attachments", `{"fileName":"a","content":"aGk=","isPHI":null}`, "isPHI"},
		{"POST " + of + "/form-responses", `{"form":{"name":"Intake"},"responses":[{"question":{"index":0,"type":"TEXT","text":"?","isPHI":null},"text":"a"}]}`, "responses[0].question.isPHI"},
		{"POST " + of + "/decisions", `{"isApproved":true,"isNoDecision":null}`, "isNoDecision"},
		{"POST " + order + "/status", `{"status":"SHIPPED","message":null}`, "message"},
		{"POST " + payment + "/complete", `{"paymentDate":null}`, "paymentDate"},
	} {
		t.Run(test.call[:strings.Index(test.call, " ")]+" "+test.body, func(t *testing.T) {
			method, path, _ := strings.Cut(test.call, " ")
			refused := s.do(t, method, path, strings.NewReader(test.body))
			require.Equal(t, http.StatusUnprocessableEntity, refused.status, refused)
			require.Equal(t, []string{test.field + ": must not be null"}, refused.faults(t))
		})
	}
}

func TestNullIsTakenWhereItIsShown(t *testing.T) {
	s := newServer(t)
	created := s.post(t, "/v1/cases", `{"type":"A","title":"t","referralCode":null,"productBundle":null,"hrRep":null,
		"submitter":{"firstName":"Ada","lastName":"Byron","email":"ada@example.com","phoneNumber":null,"dob":null,"gender":null,"address":null,"city":null,"state":null,"country":null,"postalCode":null}}`)
	require.Equal(t, http.StatusCreated, created.status, created)
	require.Nil(t, created.at(t, "hrRep"))
	require.Nil(t, created.at(t, "submitter", "dob"))
	of := "/v1/cases/" + created.text(t, "id")
	for _, test := range []struct {
		call, body string
		shown      []any
	}{
		{"POST " + of + "/decisions", `{"isApproved":true,"startDate":null,"endDate":null,"decisionText":null,"category":null,"medInfo":null}`, []any{"startDate"}},
		{"POST " + of + "/payments", `{"description":"a","amount":1,"dueDate":null}`, []any{"dueDate"}},
		{"POST " + of + "/orders", `{"message":null}`, []any{"message"}},
		{"POST " + of + "/form-responses", `{"form":{"name":"Intake","description":null},"responses":[{"question":{"index":0,"type":"TEXT","text":"?"},"text":"a"}]}`, nil},
		{"POST " + of + "/archive", `{"archiveReason":"DONE","archiveNote":null}`, []any{"archiveNote"}},
		{"PUT /v1/users/nurse-7", `{"firstName":"Nora","lastName":"Quinn","email":"nora@clinic.example","role":null}`, []any{"role"}},
		{"POST /v1/api-keys", `{"name":"a","role":"reader","expiresAt":null}`, []any{"expiresAt"}},
	} {
		t.Run(test.body, func(t *testing.T) {
			method, path, _ := strings.Cut(test.call, " ")
			taken := s.do(t, method, path, strings.NewReader(test.body))
			require.Equal(t, 2, taken.status/100, taken)
			if test.shown != nil {
				require.Nil(t, taken.at(t, test.shown...))
			}
		})
	}
}
