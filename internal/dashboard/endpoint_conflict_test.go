package dashboard_test

import (
	"html"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/subscription"
)

// opened is what the form of an endpoint says that the endpoint was when it was opened.
func opened(t *testing.T, form string) string {
	t.Helper()
	found := was.FindStringSubmatch(form)
	require.NotNil(t, found)
	return html.UnescapeString(found[1])
}

func TestWhatSomebodyElseHasChangedIsNotTakenBack(t *testing.T) {
	s := newServer(t)
	draft := subscription.New("https://127.0.0.1/hooks", service.FullClearance)
	draft.Description = "The pharmacy"
	draft.Headers = map[string]string{"authorization": "Bearer s3cr3t"}
	e, err := s.service.CreateEndpoint(t.Context(), s.admin, draft, nil)
	require.NoError(t, err)
	path := "/endpoints/" + e.ID
	admin, other := s.signedIn(t, adminKey), s.signedIn(t, s.key(t, service.Admin, service.FullClearance).Secret)
	form := admin.get(t, path+"/edit").body

	// What the form has already, as a browser sends it.
	mine := filled("https://127.0.0.1/hooks", url.Values{
		"phi": {"yes"}, "restricted": {"yes"}, "headers": {"authorization: ***\r\n"}, "was": {opened(t, form)},
	})
	theirs := filled("https://127.0.0.1/hooks", url.Values{
		"phi": {"no"}, "restricted": {"yes"}, "headers": {"authorization: ***\r\nx-partner: 0ther"}, "events": {"some"}, "event": {"CREATE_CASE"},
		"timeoutSeconds": {"20"}, "rateLimit": {"7"}, "was": {opened(t, form)},
	})
	require.Equal(t, path, other.post(t, path, theirs).header.Get("Location"))

	mine.Set("description", "Mine")
	mine.Set("timeoutSeconds", "30")
	mine.Set("rateLimit", "7")
	stale := admin.post(t, path, mine)
	require.Equal(t, http.StatusConflict, stale.status)
	require.Equal(t, "The pharmacy", s.endpoints(t)[0].Description, "nothing is saved yet")
	require.Regexp(t, `“the admin&#39;s” has changed this endpoint at 20\d\d-`, stale.body)
	for field, told := range map[string]string{
		"phi": "Patient data (PHI)</a>: Does not see who the patient is", "events": "Events</a>: CREATE_CASE", "headers": "Own headers</a>: authorization, x-partner",
		"timeoutSeconds": "Timeout</a>: 20 s", "rateLimit": "Rate</a>: 7 attempts a second",
	} {
		require.Contains(t, stale.body, `<a href="#`+field+`">`+told)
	}
	require.NotContains(t, stale.body, "0ther")
	require.NotContains(t, stale.body, `<a href="#description">`, "nobody else has changed it")
	require.Regexp(t, `id="timeoutSeconds-wrong">Was changed meanwhile, to: 20 s. What stands here is yours.`, stale.body, "both have")
	for _, field := range []string{"phi", "events", "headers", "rateLimit"} {
		require.NotContains(t, stale.body, `id="`+field+`-wrong"`, "it has the new value")
	}
	require.Contains(t, stale.body, `name="phi" value="no" checked`)
	require.Contains(t, stale.body, `name="event" value="CREATE_CASE" checked`)
	require.Contains(t, stale.body, "authorization: ***\nx-partner: ***\n")
	require.Contains(t, stale.body, `id="description" name="description" value="Mine"`)
	require.Contains(t, stale.body, `value="30"`)

	// What is shown now, sent again.
	again := filled("https://127.0.0.1/hooks", url.Values{
		"description": {"Mine"}, "phi": {"no"}, "restricted": {"yes"}, "headers": {"authorization: ***\r\nx-partner: ***"}, "events": {"some"}, "event": {"CREATE_CASE"},
		"timeoutSeconds": {"30"}, "rateLimit": {"7"}, "was": {opened(t, stale.body)},
	})
	require.Equal(t, path, admin.post(t, path, again).header.Get("Location"))
	got := s.endpoints(t)[0]
	require.Equal(t, subscription.Clearance{Restricted: true}, got.Clearance)
	require.Equal(t, map[string]string{"authorization": "Bearer s3cr3t", "x-partner": "0ther"}, got.Headers)
	require.Equal(t, "Mine", got.Description)
}

func TestAHeaderIsKeptInWhicheverCaseItIsWritten(t *testing.T) {
	s := newServer(t)
	draft := subscription.New("https://127.0.0.1/hooks", service.FullClearance)
	draft.Headers = map[string]string{"X-Key": "s3cr3t"}
	e, err := s.service.CreateEndpoint(t.Context(), s.admin, draft, nil)
	require.NoError(t, err)
	b, path := s.signedIn(t, adminKey), "/endpoints/"+e.ID
	form := filled(e.URL, url.Values{"headers": {"x-key: ***"}, "was": {opened(t, b.get(t, path+"/edit").body)}})
	require.Equal(t, path, b.post(t, path, form).header.Get("Location"))
	require.Equal(t, map[string]string{"x-key": "s3cr3t"}, s.endpoints(t)[0].Headers)
}

func TestOfFormsThatAreSavedAtOnceOneIsAndIsOnRecord(t *testing.T) {
	s := newServer(t)
	e := s.receiver(t, http.StatusOK, "The pharmacy")
	b := s.signedIn(t, adminKey)
	form := filled(e.URL, url.Values{"was": {opened(t, b.get(t, "/endpoints/"+e.ID+"/edit").body)}})
	var saving sync.WaitGroup
	statuses := make([]int, 8)
	for i := range statuses {
		saving.Go(func() { statuses[i] = b.post(t, "/endpoints/"+e.ID, form).status })
	}
	saving.Wait()
	slices.Sort(statuses)
	want := append([]int{http.StatusSeeOther}, slices.Repeat([]int{http.StatusConflict}, len(statuses)-1)...)
	require.Equal(t, want, statuses)

	entries, _, err := s.service.Audit(t.Context(), s.admin, service.AuditFilter{Operation: "updateEndpoint"}, service.Page{})
	require.NoError(t, err)
	recorded := make([]int, len(entries))
	for i, entry := range entries {
		recorded[i] = entry.Status
	}
	slices.Sort(recorded)
	require.Equal(t, want, recorded)
}

func TestAnEndpointThatWasPausedMeanwhileIsSaidToBeAsInTheForm(t *testing.T) {
	s := newServer(t)
	e := s.receiver(t, http.StatusOK, "The pharmacy")
	b := s.signedIn(t, adminKey)
	form := filled(e.URL, url.Values{"restricted": {"yes"}, "was": {opened(t, b.get(t, "/endpoints/"+e.ID+"/edit").body)}})
	_, err := s.service.PauseEndpoint(t.Context(), s.admin, e.ID, nil)
	require.NoError(t, err)
	stale := b.post(t, "/endpoints/"+e.ID, form)
	require.Equal(t, http.StatusConflict, stale.status)
	require.Contains(t, stale.body, "Nothing that stands in this form")
	form.Set("was", opened(t, stale.body))
	require.Equal(t, http.StatusSeeOther, b.post(t, "/endpoints/"+e.ID, form).status)
}

func TestAFormThatDoesNotSayWhatItWasTakesNothingBack(t *testing.T) {
	s := newServer(t)
	e := s.receiver(t, http.StatusOK, "The pharmacy")
	b := s.signedIn(t, adminKey)
	for _, was := range []string{"", "%zz", "seen=yesterday"} {
		stale := b.post(t, "/endpoints/"+e.ID, filled(e.URL, url.Values{"phi": {"no"}, "was": {was}}))
		require.Equal(t, http.StatusConflict, stale.status)
		require.Contains(t, stale.body, `id="phi-wrong"`)
		require.True(t, s.endpoints(t)[0].Clearance.PHI)
	}
}
