package dashboard_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/planttest"
	"github.com/casehook/casehook/internal/service"
)

// plain are the texts of an event that are shown always: what kind of case it is, words of the
// format, ids and times, and who of the staff did what. All others somebody has written.
var plain = []string{
	"id", "caseId", "shortId", "oldStatus", "newStatus", "organizationId", "productBundleId", "type", "status", "timestamp", "dob",
	"actor", "targetUser", "assignedTo", "hrRep", "assignedBy", "assignee", "closedBy", "inProgressBy", "author", "uploadedBy", "createdBy", "user", "commentedBy", "isDeletedBy",
}

// overgrow plants a mark in every text of a value that is not plain. Where is its path.
func overgrow(garden *planttest.Garden, where string, value any) any {
	switch value := value.(type) {
	case map[string]any:
		for key, inner := range value {
			if key == "respondent" {
				inner.(map[string]any)["id"] = "mother" // neither the patient nor of the staff
			}
			if key == "actor" && where == "ADD_FORM_RESPONSE.activity" || !slices.Contains(plain, key) && !strings.HasSuffix(key, "At") && !strings.HasSuffix(key, "Date") {
				value[key] = overgrow(garden, where+"."+key, inner)
			}
		}
	case []any:
		for i := range value {
			value[i] = overgrow(garden, where, value[i])
		}
	case string:
		switch {
		case strings.HasSuffix(where, ".email"):
			return garden.Plant(where) + "@mail.example"
		case strings.HasSuffix(where, ".content"):
			return value
		}
		return garden.Plant(where)
	}
	return value
}

func TestOfNoEventIsShownWhatSomebodyHasWrittenUntilItIsAskedFor(t *testing.T) {
	s := newServer(t)
	var garden planttest.Garden
	endpoint, _ := s.partner(t, http.StatusInternalServerError)
	caseID := uuid.Must(uuid.NewV7()).String()
	events := slices.Clone(caseupdate.Events())
	slices.SortFunc(events, func(a, b caseupdate.Event) int { // the case is opened first
		return strings.Compare(strings.Replace(string(a), "CREATE_CASE", "", 1), strings.Replace(string(b), "CREATE_CASE", "", 1))
	})
	for _, event := range events {
		body, err := os.ReadFile(filepath.Join("..", "..", "caseupdate", "testdata", "golden", string(event)+".json"))
		require.NoError(t, err)
		known, err := caseupdate.Parse(body)
		require.NoError(t, err)
		var envelope struct{ Payload map[string]any }
		require.NoError(t, json.Unmarshal([]byte(strings.NewReplacer(known.Case().ID, caseID, known.Activity().ID, uuid.Must(uuid.NewV7()).String()).Replace(string(body))), &envelope))
		payload, err := json.Marshal(overgrow(&garden, string(event), envelope.Payload))
		require.NoError(t, err)
		_, err = s.service.Tell(t.Context(), s.admin, []service.Telling{{CaseID: caseID, Event: string(event), Payload: payload}}, func(int) string { return "" }, nil)
		require.NoError(t, err, event)
	}
	first := s.sent(t, caseID, 1)[0]
	deliveries, _, err := s.service.Deliveries(t.Context(), s.admin, service.DeliveryFilter{CaseID: caseID}, service.Page{})
	require.NoError(t, err)
	require.Len(t, deliveries, len(events))

	b := s.signedIn(t, adminKey)
	pages := []string{
		"/", "/?span=day", "/home", "/cases", "/cases/" + caseID, "/deliveries", "/deliveries?caseId=" + caseID, "/deliveries/" + first.ID + "/progress", "/endpoints", "/endpoints/" + endpoint.ID,
		"/endpoints/" + endpoint.ID + "/edit", "/endpoints/" + endpoint.ID + "/replay?caseId=" + caseID, "/live", "/keys", "/users", "/audit", "/audit?caseId=" + caseID,
	}
	for i, d := range deliveries {
		pages = append(pages, "/deliveries/"+d.ID, "/deliveries?eventId="+d.EventID, fmt.Sprintf("/cases/%s?asOf=%d", caseID, i+1))
	}
	for _, path := range pages {
		got := b.get(t, path)
		require.Less(t, got.status, http.StatusBadRequest, path)
		require.Empty(t, garden.Find([]byte(fmt.Sprint(got.header)+got.body)), path)
	}
	sought := garden.Plant("what was looked for")
	missed := b.search(t, sought)
	require.Equal(t, http.StatusNotFound, missed.status)
	require.Empty(t, garden.Find([]byte(missed.body)))
	require.Equal(t, http.StatusMethodNotAllowed, b.get(t, "/search?q="+sought).status)
	require.Empty(t, garden.Find([]byte(s.log.String())))

	shown := garden.Find([]byte(b.post(t, "/cases/"+caseID+"/reveal", nil).body + b.post(t, "/deliveries/"+first.ID+"/reveal", nil).body))
	require.Greater(t, len(shown), 40, "the marks were planted where they can be found")
}
