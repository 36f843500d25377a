package dashboard_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/subscription"
)

// receiver is an endpoint at which everything is answered by a status.
func (s *server) receiver(t *testing.T, status int, description string) *subscription.Endpoint {
	t.Helper()
	r := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	t.Cleanup(r.Close)
	draft := subscription.New(r.URL+"/hooks?token=secret", service.FullClearance)
	draft.Description = description
	endpoint, err := s.service.CreateEndpoint(t.Context(), s.admin, draft, nil)
	require.NoError(t, err)
	return endpoint
}

// troubled waits until as many endpoints are in trouble.
func (s *server) troubled(t *testing.T, endpoints int) {
	t.Helper()
	require.Eventually(t, func() bool {
		trouble, err := s.service.Trouble(t.Context(), s.admin)
		require.NoError(t, err)
		return len(trouble.Endpoints) == endpoints
	}, time.Minute, 10*time.Millisecond)
}

func TestHomeLeadsTheWayUntilSomethingWasSent(t *testing.T) {
	s := newServer(t)
	admin, reader := s.signedIn(t, adminKey), s.signedIn(t, s.key(t, service.Reader, service.FullClearance).Secret)
	first := admin.get(t, "/")
	require.Equal(t, http.StatusOK, first.status)
	require.Contains(t, first.body, `href="/endpoints/new"`)
	require.NotContains(t, reader.get(t, "/").body, `href="/endpoints/new"`)
	require.Contains(t, reader.get(t, "/").body, "This needs a key of the role admin.")

	endpoint := s.receiver(t, http.StatusNoContent, "")
	second := admin.get(t, "/")
	require.NotContains(t, second.body, `href="/endpoints/new"`)
	require.Contains(t, second.body, `href="/endpoints/`+endpoint.ID+`"`)
	require.Contains(t, second.body, "Test the endpoint")
	require.NotContains(t, reader.get(t, "/").body, "Test the endpoint")

	s.open(t, mark)
	require.Eventually(t, func() bool {
		deliveries, _, err := s.service.Deliveries(t.Context(), s.admin, service.DeliveryFilter{State: "delivered"}, service.Page{})
		require.NoError(t, err)
		return len(deliveries) == 2
	}, time.Minute, 10*time.Millisecond)
	_, err := s.db.NewTrafficCounter().Count(t.Context())
	require.NoError(t, err)
	for _, path := range []string{"/", "/?span=hour", "/?span=day", "/home", "/home?span=day"} {
		third := admin.get(t, path)
		require.Contains(t, third.body, "All is well")
		require.Contains(t, third.body, "2 messages were delivered")
		require.NotContains(t, third.body, "marked()")
	}
	require.Equal(t, http.StatusUnprocessableEntity, admin.get(t, "/?span=week").status)
}

func TestHomeTellsWhatIsWrong(t *testing.T) {
	s := newServer(t)
	naughty := mark + ` " ' & ` + "\u202e" + strings.Repeat("長", 100)
	sick, dead := s.receiver(t, http.StatusServiceUnavailable, naughty), s.receiver(t, http.StatusGone, "")
	s.open(t, mark)
	s.troubled(t, 2)

	b := s.signedIn(t, s.key(t, service.Reader, subscription.Clearance{}).Secret)
	got := b.get(t, "/").body
	require.Contains(t, got, "Needs attention")
	require.Contains(t, got, `href="/endpoints/`+sick.ID+`"`)
	require.Contains(t, got, `href="/deliveries?endpointId=`+sick.ID+`&amp;state=pending"`)
	require.Contains(t, got, "503 Service Unavailable")
	require.Contains(t, got, "410 Gone")
	require.Less(t, strings.Index(got, dead.ID), strings.Index(got, sick.ID), "the worst is the first")
	require.Contains(t, got, "&lt;script&gt;marked()")
	require.NotContains(t, got, "<script>marked()")
	require.NotContains(t, got, "token=secret")
}

func TestHomeTellsWhatFailedInTheLastDay(t *testing.T) {
	s := newServer(t)
	endpoint := s.receiver(t, http.StatusServiceUnavailable, "")
	c := s.open(t, mark)
	s.troubled(t, 1)
	_, err := s.service.PauseEndpoint(t.Context(), s.admin, endpoint.ID, nil)
	require.NoError(t, err)
	waiting, _, err := s.service.Deliveries(t.Context(), s.admin, service.DeliveryFilter{}, service.Page{})
	require.NoError(t, err)
	require.Len(t, waiting, 2)
	for i, age := range []time.Duration{time.Hour, 25 * time.Hour} {
		s.exec(t, fmt.Sprintf(`UPDATE deliveries SET state = 'failed', finished_at = %d WHERE id = '%s'`, time.Now().Add(-age).UnixMilli(), waiting[i].ID))
	}

	got := s.signedIn(t, adminKey).get(t, "/").body
	require.Contains(t, got, `href="/deliveries/`+waiting[0].ID+`"`)
	require.Contains(t, got, `href="/cases/`+c.ID+`">`+c.ShortID+`</a>`)
	require.Contains(t, got, `href="/endpoints/`+endpoint.ID+`"`)
	require.NotContains(t, got, waiting[1].ID)
	require.Contains(t, got, `href="/deliveries?state=failed"`)
}

func TestAPageThatRefreshesItselfIsNotOnRecordEachTimeAndKeepsNoSession(t *testing.T) {
	s := newServer(t)
	key := s.key(t, service.Reader, service.FullClearance)
	b := s.signedIn(t, key.Secret)
	b.get(t, "/home")
	b.get(t, "/home")
	require.Contains(t, b.get(t, "/").body, `hx-get="/home?span=hour" hx-trigger="every 10s, `)
	require.NoError(t, s.door.LeaveUnused(t.Context(), b.token(t)))
	refreshed := b.get(t, "/home", "HX-Request", "true")
	require.Equal(t, http.StatusOK, refreshed.status)
	require.Empty(t, refreshed.header.Get("Set-Cookie"))
	require.NotContains(t, refreshed.body, "<html")
	require.NotEmpty(t, b.get(t, "/").header.Get("Set-Cookie"))

	require.NoError(t, s.service.RevokeKey(t.Context(), s.admin, key.ID))
	open := []string{"HX-Request", "true", "HX-Current-URL", s.URL + "/?span=day"}
	require.Equal(t, "/login?next=%2F%3Fspan%3Dday&session=ended", b.get(t, "/home", open...).header.Get("HX-Redirect"))
	require.Equal(t, "/login?next=%2F%3Fspan%3Dday&session=ended", b.get(t, "/home", open...).header.Get("HX-Redirect"))

	entries, _, err := s.service.Audit(t.Context(), s.admin, service.AuditFilter{KeyID: key.ID, Operation: "getHome"}, service.Page{})
	require.NoError(t, err)
	var statuses []int
	for _, e := range entries {
		statuses = append(statuses, e.Status)
	}
	require.Equal(t, []int{http.StatusUnauthorized, http.StatusOK, http.StatusOK, http.StatusOK}, statuses, "what was refused, each time that it was opened, and what refreshed no page that was")
}
