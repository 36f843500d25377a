package dashboard_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/subscription"
)

func TestEachPageNamesAnEndpointTheSameWay(t *testing.T) {
	s := newServer(t)
	pharmacy, _ := s.partner(t, http.StatusOK, func(e *subscription.Endpoint) { e.Description = "The pharmacy"; e.URL += "?token=s3cr3t" })
	c := s.open(t, "mark")
	d := s.sent(t, c.ID, 2)[0]
	b := s.signedIn(t, s.key(t, service.Reader, service.FullClearance).Secret)
	pages := []string{"/deliveries", "/deliveries?endpointId=" + pharmacy.ID, "/deliveries/" + d.ID, "/cases/" + c.ID, "/live"}
	for _, path := range append(pages, "/endpoints") {
		page := b.get(t, path)
		require.Equal(t, http.StatusOK, page.status, path)
		require.Contains(t, page.body, `href="/endpoints/`+pharmacy.ID+`"><bdi>The pharmacy</bdi></a>`, path)
		require.NotContains(t, page.body, "s3cr3t", path)
	}

	end := pharmacy.ID[len(pharmacy.ID)-6:]
	twin, _ := s.partner(t, http.StatusOK, func(e *subscription.Endpoint) { e.Description = "The pharmacy" })
	for _, path := range append(pages, "/endpoints") {
		require.Contains(t, b.get(t, path).body, `href="/endpoints/`+pharmacy.ID+`"><bdi>The pharmacy</bdi> <code>…`+end+`</code></a>`, path)
	}
	admin, own, below := s.signedIn(t, adminKey), "/endpoints/"+pharmacy.ID, `<li><a href="/endpoints/`+pharmacy.ID+`">The pharmacy …`+end+`</a></li>`
	_, err := s.service.RotateSecret(t.Context(), s.admin, pharmacy.ID, service.Symmetric, time.Hour, nil)
	require.NoError(t, err)
	for path, want := range map[string][]string{
		own:                  {`<title>The pharmacy …` + end, `<h1>The pharmacy <code>…` + end + `</code></h1>`},
		own + "/edit":        {`<h1>Edit The pharmacy …` + end + `</h1>`, below},
		own + "/delete":      {`“<bdi>The pharmacy …` + end + `</bdi>”?`, below},
		own + "/end-overlap": {`“<bdi>The pharmacy …` + end + `</bdi>”?`, below},
		own + "/replay":      {below},
	} {
		page := admin.get(t, path)
		require.Equal(t, http.StatusOK, page.status, path)
		for _, want := range want {
			require.Contains(t, page.body, want, path)
		}
	}
	choices := b.get(t, "/live").body
	require.Contains(t, choices, ">The pharmacy …"+end+"</option>")
	require.Contains(t, choices, ">The pharmacy …"+twin.ID[len(twin.ID)-6:]+"</option>")

	require.Equal(t, http.StatusSeeOther, admin.post(t, own+"/delete", url.Values{}).status)
	for _, path := range pages {
		page := b.get(t, path).body
		require.Contains(t, page, `<bdi>The pharmacy</bdi> <code>…`+end+`</code> <span class="muted">deleted</span>`, path)
		require.NotContains(t, page, `href="/endpoints/`+pharmacy.ID, path)
	}
	require.Contains(t, b.get(t, "/deliveries?endpointId="+pharmacy.ID).body, " selected>The pharmacy …"+end+" (deleted)</option>")
	require.Contains(t, admin.get(t, "/audit?operation=deleteEndpoint").body, "The pharmacy …"+end+" (deleted)")
}

func TestOfADeletedEndpointThePagesSaySoAndOfferNoForm(t *testing.T) {
	s := newServer(t)
	pharmacy, _ := s.partner(t, http.StatusOK, func(e *subscription.Endpoint) { e.Description = "The pharmacy" })
	require.NoError(t, s.service.DeleteEndpoint(t.Context(), s.admin, pharmacy.ID))
	deleted, err := s.service.DeletedEndpoints(t.Context(), s.admin, []string{pharmacy.ID})
	require.NoError(t, err)
	require.Len(t, deleted, 1)
	b, path := s.signedIn(t, adminKey), "/endpoints/"+pharmacy.ID
	for name, page := range map[string]answer{
		"its page":             b.get(t, path),
		"edit":                 b.get(t, path+"/edit"),
		"a form that was open": b.post(t, path, url.Values{"url": {"https://partner.example"}, "phi": {"no"}, "restricted": {"no"}}),
		"replay":               b.get(t, path+"/replay"),
		"a replay":             b.post(t, path+"/replay", url.Values{}),
		"delete":               b.get(t, path+"/delete"),
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, http.StatusNotFound, page.status)
			require.Contains(t, page.body, "The pharmacy")
			require.Contains(t, page.body, "This endpoint was deleted")
			require.Contains(t, page.body, deleted[0].DeletedAt.Format("2006-01-02 15:04:05 UTC"))
			require.NotContains(t, page.body, `action="`+path)
			require.Contains(t, page.body, `href="/deliveries?endpointId=`+pharmacy.ID+`"`)
		})
	}
	require.NotContains(t, b.get(t, "/endpoints/none/edit").body, "deleted")
	part := b.post(t, path+"/test", url.Values{"event": {"CREATE_CASE"}}, "HX-Request", "true")
	require.Equal(t, http.StatusNotFound, part.status)
	require.Equal(t, path, part.header.Get("HX-Redirect"), "the page has no place for what came of a test")
}
