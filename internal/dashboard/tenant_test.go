package dashboard_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/subscription"
)

// bodies are what forms need, such that nothing but who sends it stands in the way.
var bodies = map[string]url.Values{
	"POST /endpoints/{endpointId}": {
		"url": {"http://127.0.0.1:1/taken"}, "phi": {"yes"}, "restricted": {"yes"}, "payload": {"event"}, "documents": {"base64"},
		"ordering": {"case"}, "timeoutSeconds": {"15"}, "maxInFlight": {"32"},
	},
	"POST /endpoints/{endpointId}/rotate-secret": {"algorithm": {"hmac-sha256"}, "overlapHours": {"0"}, "once": {"once"}},
	"POST /endpoints/{endpointId}/test":          {"event": {"CREATE_CASE"}},
}

// TestNobodyReachesWhatIsAnotherOrganizations asks for each route with the ids of what an
// organisation has, by another's admin.
func TestNobodyReachesWhatIsAnotherOrganizations(t *testing.T) {
	s := newServer(t)
	operator, err := s.service.Authenticate(t.Context(), operatorKey, "")
	require.NoError(t, err)
	other, err := s.service.CreateOrganization(t.Context(), operator, service.Organization{Name: "Acme", ShortIDPrefix: "ACM"}, nil)
	require.NoError(t, err)
	endpoint, err := s.service.CreateEndpoint(t.Context(), s.admin, subscription.New("http://127.0.0.1:1/marker", service.FullClearance), nil)
	require.NoError(t, err)
	c := s.open(t, "marker")
	withDocument, err := s.service.AddAttachment(t.Context(), s.admin, c.ID, service.Upload{FileName: "marker.txt", Content: strings.NewReader("marker")}, nil)
	require.NoError(t, err)
	deliveries, _, err := s.service.Deliveries(t.Context(), s.admin, service.DeliveryFilter{}, service.Page{})
	require.NoError(t, err)
	replay, err := s.service.Replay(t.Context(), s.admin, endpoint.ID, service.ReplayFilter{}, nil)
	require.NoError(t, err)
	key := s.key(t, service.Reader, service.FullClearance)
	ids := strings.NewReplacer("{$}", "", "{caseId}", c.ID, "{attachmentId}", withDocument.Case.Attachments[0].ID, "{endpointId}", endpoint.ID,
		"{deliveryId}", deliveries[0].ID, "{replayId}", replay.ID, "{keyId}", key.ID)

	stranger := s.signedIn(t, other.AdminKey)
	for _, pattern := range s.door.Patterns() {
		method, path, _ := strings.Cut(ids.Replace(pattern), " ")
		switch {
		case strings.Contains(pattern, "Id}"):
			got := stranger.do(t, method, path, bodies[pattern])
			require.Equal(t, http.StatusNotFound, got.status, pattern)
			require.NotContains(t, got.body, "marker", pattern)
		case method == http.MethodGet && path != "/live/stream":
			require.NotContains(t, stranger.get(t, path).body, "marker", pattern)
		}
	}
	for _, q := range []string{c.ID, c.ShortID, c.Activity[0].ID, deliveries[0].ID, endpoint.ID} {
		require.Equal(t, http.StatusNotFound, stranger.search(t, q).status, q)
	}
	for _, path := range []string{
		"/deliveries?endpointId=" + endpoint.ID, "/deliveries?caseId=" + c.ID, "/deliveries?caseId=" + c.ShortID, "/deliveries?eventId=" + c.Activity[0].ID,
		"/audit?caseId=" + c.ID, "/audit?keyId=" + key.ID, "/live?endpoint=" + endpoint.ID,
	} {
		got := stranger.get(t, path)
		require.Contains(t, []int{http.StatusOK, http.StatusNotFound, http.StatusUnprocessableEntity}, got.status, path)
		for _, private := range []string{"marker", "/cases/" + c.ID, "/deliveries/" + deliveries[0].ID, key.Name} {
			require.NotContains(t, got.body, private, path)
		}
	}

	after, err := s.service.Endpoint(t.Context(), s.admin, endpoint.ID)
	require.NoError(t, err)
	require.Equal(t, endpoint, after)
	held, err := s.service.Key(t.Context(), s.admin, key.ID)
	require.NoError(t, err)
	require.Nil(t, held.RevokedAt)
}
