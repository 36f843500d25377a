package rest_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestACaseIsAccountedForByReceipts(t *testing.T) {
	s := newServer(t)
	receiver := newReceiver(t)
	endpoint := s.newEndpoint(t, receiver.URL+"/hooks?token=of-the-partner", "")
	id := s.newCase(t)
	created := <-receiver.bodies
	comment := s.post(t, "/v1/cases/"+id+"/comments", `{"text":"between us","isRestricted":true}`)
	require.Equal(t, http.StatusCreated, comment.status, comment)
	restricted := <-receiver.bodies
	path := "/v1/cases/" + id + "/receipts"

	var all answer
	require.Eventually(t, func() bool {
		all = s.get(t, path, as(s.reader))
		require.Equal(t, http.StatusOK, all.status, all)
		return len(all.at(t, "data").([]any)) == 2
	}, tooLong, poll)
	require.Nil(t, all.at(t, "nextCursor"))
	require.NotContains(t, string(all.body), "of-the-partner")
	for i, want := range []struct {
		event, eventID string
		body           []byte
	}{
		{"CREATE_CASE", "", created},
		{"ADD_CASE_COMMENT", comment.header.Get("Casehook-Event-Id"), restricted},
	} {
		receipt := all.at(t, "data", i).(map[string]any)
		digest := sha256.Sum256(want.body)
		deliveries := s.get(t, "/v1/deliveries?caseId="+id+"&eventId="+receipt["eventId"].(string))
		require.Equal(t, deliveries.text(t, "data", 0, "id"), receipt["deliveryId"])
		require.Equal(t, want.event, receipt["event"])
		require.Equal(t, want.event, deliveries.text(t, "data", 0, "event"))
		if want.eventID != "" {
			require.Equal(t, want.eventID, receipt["eventId"])
		}
		require.Equal(t, endpoint, receipt["endpointId"])
		require.Equal(t, receiver.URL+"/hooks", receipt["recipient"])
		require.Equal(t, "delivered", receipt["outcome"])
		require.Equal(t, 1.0, receipt["attempts"])
		require.Equal(t, 200.0, receipt["statusCode"])
		require.Equal(t, map[string]any{"phi": true, "restricted": true}, receipt["clearance"])
		require.Equal(t, hex.EncodeToString(digest[:]), receipt["bodySha256"])
		require.Len(t, receipt["digest"], hex.EncodedLen(sha256.Size))
		at, err := time.Parse(time.RFC3339, receipt["at"].(string))
		require.NoError(t, err)
		require.WithinDuration(t, time.Now(), at, tooLong)
	}

	first := s.get(t, path+"?limit=1")
	require.Equal(t, all.at(t, "data", 0), first.at(t, "data", 0))
	second := s.get(t, path+"?limit=1&cursor="+first.text(t, "nextCursor"))
	require.Equal(t, all.at(t, "data", 1), second.at(t, "data", 0))
	require.Nil(t, second.at(t, "nextCursor"))

	partner := s.post(t, "/v1/api-keys", `{"name":"partner","role":"reader","clearance":{"phi":true,"restricted":false}}`)
	require.Equal(t, http.StatusCreated, partner.status, partner)
	cleared := s.get(t, path, as(partner.text(t, "key")))
	require.Equal(t, []any{all.at(t, "data", 0)}, cleared.at(t, "data"), "what is restricted is not accounted for to who is not cleared for it")

	require.Equal(t, []string{"cursor: must be the nextCursor of this list"}, s.get(t, path+"?cursor=nothing").faults(t))
	require.Equal(t, http.StatusNotFound, s.get(t, "/v1/cases/01932b5e-7c1d-7e5a-9d3b-2f7a6c1e8b40/receipts").status)
	other := s.get(t, "/v1/cases/"+s.newCase(t)+"/receipts?cursor="+first.text(t, "nextCursor"))
	require.Equal(t, http.StatusOK, other.status, other)
	require.NotContains(t, string(other.body), all.text(t, "data", 1, "deliveryId"), "nothing of a case is shown under another")
}
