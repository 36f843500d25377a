package dashboard_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/subscription"
)

// called has an endpoint called by a name, and asked for some events only.
func called(name string, events ...string) func(*subscription.Endpoint) {
	return func(e *subscription.Endpoint) {
		e.Description = name
		if len(events) > 0 {
			e.Events = events
		}
	}
}

// toldOf returns the text of a page, without its tags.
func toldOf(page answer) string {
	text := regexp.MustCompile(`<[^>]*>`).ReplaceAllString(page.body, " ")
	return strings.Join(strings.Fields(text), " ")
}

func TestOfEachEndpointThatWasNotSentAnEventThePageSaysWhy(t *testing.T) {
	s := newServer(t)
	s.partner(t, http.StatusOK, called("Taker"))
	s.partner(t, http.StatusOK, called("Archivist", "ARCHIVE_CASE"))
	changed, _ := s.partner(t, http.StatusOK, called("Changed", "ARCHIVE_CASE"))
	s.partner(t, http.StatusOK, called("Uncleared"), func(e *subscription.Endpoint) { e.Clearance.Restricted = false })
	c := s.open(t, "mark")
	s.change(t, c.ID, caselog.AddComment{Text: "between us", IsRestricted: true})
	s.sent(t, c.ID, 5)
	late, _ := s.partner(t, http.StatusOK, called("Late"))
	s.change(t, c.ID, caselog.AddComment{Text: "for all"})
	s.sent(t, c.ID, 8)
	_, err := s.service.UpdateEndpoint(t.Context(), s.admin, changed.ID, func(e *subscription.Endpoint) error {
		e.Events = []string{"ADD_CASE_COMMENT"}
		return nil
	})
	require.NoError(t, err)
	restricted := restrictedOf(t, s, c.ID)

	admin := s.signedIn(t, adminKey)
	for page, body := range map[string]answer{
		"of the case":  admin.get(t, "/cases/"+c.ID),
		"of the event": admin.get(t, "/deliveries?eventId="+restricted),
	} {
		told := toldOf(body)
		require.Contains(t, told, "Withheld Uncleared · never sent: the endpoint is not cleared for what is restricted", page)
		require.Contains(t, told, "Not sent to 3 other endpoints", page)
		require.Contains(t, told, "Archivist · not subscribed to it, as it is set now", page)
		require.NotRegexp(t, `Archivist · not subscribed to it, as it is set now; last changed`, told, page)
		require.Contains(t, told, "Changed · subscribed to it and cleared for it, as it is set now; last changed", page)
		require.Regexp(t, `Late · made (under 1|[\d.]+) m?s after it`, told, page)
		require.NotContains(t, told, "Sent to nobody", page)
		require.NotContains(t, told, "Taker · not", page)
		require.Contains(t, body.body, `href="/endpoints/`+late.ID+`/replay?caseId=`+c.ShortID+`"`, page)
	}
	reader := s.signedIn(t, s.key(t, service.Reader, service.FullClearance).Secret)
	require.NotContains(t, reader.get(t, "/cases/"+c.ID).body, "/replay?", "it may not")
	unable := s.signedIn(t, s.key(t, service.Reader, subscription.Clearance{PHI: true}).Secret)
	require.NotContains(t, toldOf(unable.get(t, "/cases/"+c.ID)), "Withheld")
	require.Contains(t, toldOf(unable.get(t, "/deliveries?eventId="+restricted)), "There is no such event")
}

// restrictedOf returns the id of the restricted event of a case.
func restrictedOf(t *testing.T, s *server, caseID string) string {
	t.Helper()
	c, err := s.service.Case(t.Context(), s.admin, caseID, 0)
	require.NoError(t, err)
	for _, a := range c.Activity {
		if a.IsRestricted {
			return a.ID
		}
	}
	t.Fatal("the case has no restricted event")
	return ""
}

func TestAnEventIsSaidToBeSentToNobodyOnlyWhereItWas(t *testing.T) {
	s := newServer(t)
	s.partner(t, http.StatusOK, called("Taker"))
	archivist, _ := s.partner(t, http.StatusOK, called("Archivist", "ARCHIVE_CASE"))
	gone, _ := s.partner(t, http.StatusOK, called("Gone"), func(e *subscription.Endpoint) { e.Events = []string{"ARCHIVE_CASE"} })
	c, other := s.open(t, "mark"), s.open(t, "mark")
	event := s.sent(t, c.ID, 2)[0]
	late, _ := s.partner(t, http.StatusOK, called("Late"))
	require.NoError(t, s.service.DeleteEndpoint(t.Context(), s.admin, gone.ID))
	b := s.signedIn(t, adminKey)
	for query, want := range map[string]string{
		"?eventId=" + event.EventID + "&state=failed":                                "No delivery of this event is like that",
		"?eventId=" + event.EventID + "&caseId=" + other.ID:                          "No delivery of this event is like that",
		"?eventId=" + event.EventID + "&state=failed&endpointId=" + event.EndpointID: "No delivery of this event is like that",
		"?eventId=" + event.EventID + "&endpointId=" + archivist.ID:                  "Not sent to Archivist Why, as far as is known now: 2 Comment added · not subscribed to it, as it is set now",
		"?eventId=" + event.EventID + "&endpointId=" + gone.ID:                       "The endpoint was deleted.",
		"?caseId=" + c.ShortID + "&endpointId=" + archivist.ID:                       "1 Case opened · not subscribed to it, as it is set now 2 Comment added · not subscribed",
		"?caseId=" + c.ShortID + "&endpointId=" + late.ID + "&state=failed":          "1 Case opened · made",
	} {
		page := b.get(t, "/deliveries"+query)
		require.Equal(t, http.StatusOK, page.status, query)
		told := toldOf(page)
		require.Contains(t, told, want, query)
		require.NotContains(t, told, "sent to nobody", query)
		if strings.Contains(query, "eventId") {
			require.Contains(t, page.body, `<a href="/deliveries?eventId=`+event.EventID+`">All deliveries of this event</a>`, query)
		}
	}
	page := b.get(t, "/deliveries?caseId="+c.ShortID+"&state=failed&endpointId="+event.EndpointID)
	require.Contains(t, page.body, "All deliveries of the case to it")
	require.NotContains(t, toldOf(b.get(t, "/deliveries?eventId="+event.EventID)), "No delivery")
}

func TestOfManyEndpointsThatWereNotSentAnEventSomeAreNamed(t *testing.T) {
	s := newServer(t)
	for range 25 {
		s.partner(t, http.StatusOK, called("", "ARCHIVE_CASE"))
	}
	c := s.open(t, "mark")
	b := s.signedIn(t, adminKey)
	for _, path := range []string{"/cases/" + c.ID, "/deliveries?eventId=" + c.Activity[1].ID} {
		told := toldOf(b.get(t, path))
		require.Contains(t, told, "Not sent to 25 endpoints", path)
		require.Contains(t, told, "and 5 more", path)
	}
}

func TestATimelineHasTheIdsOfItsEventsAndHowLongADeliveryTook(t *testing.T) {
	s := newServer(t)
	s.partner(t, http.StatusOK)
	c := s.open(t, "mark")
	s.sent(t, c.ID, 2)
	page := s.signedIn(t, adminKey).get(t, "/cases/"+c.ID)
	for _, event := range c.Activity {
		require.Contains(t, page.body, `data-copy="`+event.ID+`"`)
	}
	require.Len(t, regexp.MustCompile(`Delivery · after (under 1|[\d.]+) m?s`).FindAllString(toldOf(page), -1), 2)
}
