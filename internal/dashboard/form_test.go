package dashboard_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestARefusedFilterSaysSoAtItsField(t *testing.T) {
	s := newServer(t)
	s.open(t, "mark")
	b := s.signedIn(t, adminKey)
	for path, want := range map[string]string{
		"/cases?type=kept&archived=maybe":        `id="archived-wrong">Must be yes or no.`,
		"/deliveries?caseId=kept&since=soon":     `id="since-wrong">Must be a time, such as 2026-11-23T14:05.`,
		"/deliveries?caseId=kept&until=soon":     `id="until-wrong">Must be a time, such as 2026-11-23T14:05.`,
		"/deliveries?caseId=kept&tried=maybe":    `id="tried-wrong">Must be yes or no.`,
		"/audit?caseId=kept&since=soon":          `id="since-wrong">Must be a time, such as 2026-11-23T14:05.`,
		"/audit?caseId=kept&until=soon":          `id="until-wrong">Must be a time, such as 2026-11-23T14:05.`,
		"/audit?caseId=kept&operation=something": `id="operation-wrong">Must be one of those in the list.`,
	} {
		refused := b.get(t, path)
		require.Equal(t, http.StatusUnprocessableEntity, refused.status, path)
		require.Contains(t, refused.body, want, path)
		require.Contains(t, refused.body, "Not done yet: look at what is marked.", path)
		require.Contains(t, refused.body, `value="kept"`, "what was typed is kept")
		require.NotContains(t, refused.body, "<tbody>", "nothing is listed")
		require.NotContains(t, refused.body, `class="empty"`, "nor said to be missing")
	}
}

func TestACaseThatThereIsNotIsSaidInItsList(t *testing.T) {
	s := newServer(t)
	b := s.signedIn(t, adminKey)
	for _, path := range []string{"/deliveries?caseId=ADA-00000", "/audit?caseId=ADA-00000"} {
		got := b.get(t, path)
		require.Equal(t, http.StatusOK, got.status, path)
		require.Contains(t, got.body, "There is no such case", path)
		require.Contains(t, got.body, `value="ADA-00000"`, path)
	}
}

func TestAListIsNotFilteredByWhatIsNoFilter(t *testing.T) {
	b := newServer(t).signedIn(t, adminKey)
	for path, told := range map[string]string{
		"/audit?case=ADA-00000": "keyId, caseId, operation", "/deliveries?case=ADA-00000": "endpointId, caseId", "/cases?state=OPEN": "status, type",
	} {
		got := b.get(t, path)
		require.Equal(t, http.StatusUnprocessableEntity, got.status, path)
		require.Contains(t, got.body, "There is no filter of that name. There are "+told)
		require.NotContains(t, got.body, "<table", path)
	}
}
