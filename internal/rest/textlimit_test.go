package rest_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/subscription"
)

// longest are the texts of requests by how long they may be: where what is behind the door allows no
// more, the document says so too.
var longest = []struct {
	limit  int
	fields []string
}{
	{caselog.MaxText, []string{
		"Archival.archiveNote", "NewComment.text", "NewDecision.decisionText", "NewForm.description",
		"NewMedInfo.pharmacyInstructions", "NewQuestion.text", "NewResponse.text",
	}},
	{caselog.MaxLine, []string{
		"Archival.archiveReason", "NewCase.title", "NewForm.name", "NewMedInfo.dosage", "NewMedInfo.dosingFrequency",
		"NewMedInfo.medicine", "NewOrder.message", "NewPayment.description", "NewQuestion.options",
		"NewSubmitter.address", "NewSubmitter.email", "OrderStatus.message", "OrderTracking.message", "UserData.email",
	}},
	{caselog.MaxName, []string{
		"NewAssignees.userIds", "NewCase.referralCode", "NewCase.type", "NewDecision.category", "NewForm.id", "NewKey.name",
		"NewOrder.status", "NewOrganization.name", "NewPerson.firstName", "NewPerson.id", "NewPerson.lastName",
		"NewProductBundle.id", "NewProductBundle.name", "NewQuestion.type", "NewSubmitter.city", "NewSubmitter.country",
		"NewSubmitter.firstName", "NewSubmitter.gender", "NewSubmitter.id", "NewSubmitter.lastName",
		"NewSubmitter.phoneNumber", "NewSubmitter.postalCode", "NewSubmitter.state", "OrderStatus.status",
		"OrderTracking.trackingId", "UserData.firstName", "UserData.lastName", "UserData.role",
	}},
	{caselog.MaxFileName, []string{"NewAttachment.fileName"}},
	{subscription.MaxURL, []string{"EndpointChange.url", "NewEndpoint.url"}},
	{subscription.MaxDescription, []string{"EndpointChange.description", "NewEndpoint.description"}},
}

// unlimited are the texts of which another limit is known, which says more than a length.
var unlimited = []string{
	"EndpointChange.events", "NewEndpoint.events", "ReplayFilter.events", // names of events
	"NewAttachment.content",         // what a request in JSON may have
	"NewOrganization.shortIdPrefix", // three letters
	"ReplayFilter.caseId",           // an id, which is there or not
}

func TestEveryTextOfARequestHasALimit(t *testing.T) {
	want := map[string]any{}
	for _, these := range longest {
		for _, field := range these.fields {
			_, known := want[field]
			require.False(t, known, field)
			want[field] = float64(these.limit)
		}
	}
	for _, field := range unlimited {
		want[field] = nil
	}
	require.Equal(t, want, textsOfRequests(t, newServer(t)))
}

// textsOfRequests returns the maxLength of each text in the body of a request, nil where it has none,
// by the name of its schema and its own. What is told of a case in the wire format has no limits of
// its own.
func textsOfRequests(t *testing.T, s *server) map[string]any {
	t.Helper()
	var document struct {
		Paths map[string]map[string]struct {
			RequestBody struct {
				Content map[string]struct{ Schema map[string]any }
			}
		}
		Components struct{ Schemas map[string]map[string]any }
	}
	require.NoError(t, json.Unmarshal(s.get(t, "/openapi.json").body, &document))
	texts := map[string]any{}
	var look func(name string, of map[string]any)
	look = func(name string, of map[string]any) {
		if ref, ok := of["$ref"].(string); ok {
			name = strings.TrimPrefix(ref, "#/components/schemas/")
			of = document.Components.Schemas[name]
		}
		if strings.Contains(fmt.Sprint(of["type"]), "string") && of["enum"] == nil && of["format"] == nil {
			texts[name] = of["maxLength"]
		}
		properties, _ := of["properties"].(map[string]any)
		for field, property := range properties {
			look(name+"."+field, property.(map[string]any))
		}
		if items, ok := of["items"].(map[string]any); ok {
			look(name, items)
		}
		choices, _ := of["anyOf"].([]any)
		for _, one := range choices {
			look(name, one.(map[string]any))
		}
	}
	for path, operations := range document.Paths {
		for _, call := range operations {
			if path != "/v1/events" {
				look("", call.RequestBody.Content["application/json"].Schema)
			}
		}
	}
	return texts
}
