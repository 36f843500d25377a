package rest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
)

func TestDeliveriesOfAnEventsNameAreFoundOverPagesThatHaveFewer(t *testing.T) {
	s := newServer(t)
	s.newEndpoint(t, "https://partner.example/hooks", "")
	caseID := s.newCase(t)
	require.Equal(t, http.StatusCreated, s.post(t, "/v1/cases/"+caseID+"/comments", `{"text":"Hello"}`).status)
	// There are more comments after the case was created than are looked at at once.
	s.exec(t, `
		WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
		INSERT INTO deliveries (id, organization_id, event_id, event_type, endpoint_id, case_id, lane, sequence, state, tries, created_at, finished_at)
		SELECT substr(d.id, 1, 24) || CAST(100000000000 + i AS TEXT), d.organization_id, CAST(i AS TEXT), d.event_type, d.endpoint_id, d.case_id, d.lane, i + 2, 'delivered', 1, d.created_at, d.created_at
		FROM n
		JOIN deliveries AS d ON d.event_type = 'ADD_CASE_COMMENT'`)

	const list = "/v1/deliveries?limit=2&event=CREATE_CASE"
	first := s.get(t, list)
	require.Equal(t, http.StatusOK, first.status, first)
	require.Empty(t, first.at(t, "data"))
	last := s.get(t, list+"&cursor="+first.text(t, "nextCursor"))
	require.Equal(t, http.StatusOK, last.status, last)
	require.Len(t, last.at(t, "data"), 1)
	require.Equal(t, "CREATE_CASE", last.text(t, "data", 0, "event"))
	require.Nil(t, last.at(t, "nextCursor"))

	refused := s.get(t, "/v1/deliveries?event=CASE_CREATED")
	require.Equal(t, http.StatusUnprocessableEntity, refused.status, refused)
	var names []string
	for _, event := range caseupdate.Events() {
		names = append(names, string(event))
	}
	require.Len(t, names, 19)
	require.Equal(t, []string{"event: must be one of " + strings.Join(names, ", ")}, refused.faults(t))
}
