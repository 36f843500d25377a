package dashboard_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/subscription"
)

func TestTheAuditIsReadInWords(t *testing.T) {
	s := newServer(t)
	c := s.open(t, "mark")
	key := s.key(t, service.Reader, service.FullClearance)
	b := s.signedIn(t, key.Secret)
	require.Equal(t, http.StatusOK, b.get(t, "/cases/"+c.ID).status)
	require.Equal(t, http.StatusForbidden, b.get(t, "/audit").status)

	b = s.signedIn(t, adminKey)
	all := b.get(t, "/audit").body
	for _, told := range []string{"the reader&#39;s", "Open a case", c.ShortID, "Sign in", "the key may not do this", "127.0.0.1", "casehook verify audit"} {
		require.Contains(t, all, told)
	}
	for filter, entries := range map[string]int{
		"keyId=" + key.ID: 3, "caseId=" + c.ID: 1, "caseId=" + c.ShortID: 1, "caseId=" + strings.ToLower(c.ShortID): 1, "operation=getCase": 1, "until=2020-01-01": 0, "since=2999-01-01": 0,
		"caseId=0190a6e1-0000-7000-8000-000000000000": 0, "caseId=ADA-00000": 0,
	} {
		got := b.get(t, "/audit?"+filter)
		require.Equal(t, http.StatusOK, got.status, filter)
		require.Equal(t, entries, strings.Count(got.body, "<summary>")-1, filter)
	}
	for filter, status := range map[string]int{"operation=nothing": 422, "since=soon": 422, "cursor=x": 422, "keyId=%00": 422} {
		require.Equal(t, status, b.get(t, "/audit?"+filter).status, filter)
	}
	backward := b.get(t, "/audit?since=2026-02-01&until=2026-01-01")
	require.Equal(t, http.StatusUnprocessableEntity, backward.status)
	require.Contains(t, backward.body, `id="until-wrong">Must be later than the other time.`)
}

func TestTheAuditSaysWhosePatientsWereShown(t *testing.T) {
	s := newServer(t)
	first, second := s.open(t, "mark"), s.open(t, "mark")
	endpoint, _ := s.partner(t, http.StatusOK)
	s.change(t, second.ID, caselog.Escalate{})
	delivery := s.sent(t, second.ID, 1)[0]
	b := s.signedIn(t, s.key(t, service.Reader, service.FullClearance).Secret)
	blind := s.signedIn(t, s.key(t, service.Reader, subscription.Clearance{Restricted: true}).Secret)
	admin := s.signedIn(t, adminKey)
	showed := func(operation string, c *caselog.Case) []string {
		page := admin.get(t, "/audit?operation="+operation+"&caseId="+c.ShortID)
		require.Equal(t, http.StatusOK, page.status)
		return regexp.MustCompile(`(?s)<p class="shown">.*?</p>`).FindAllString(page.body, -1)
	}
	for _, path := range []string{"/cases", "/deliveries/" + delivery.ID, "/deliveries?caseId=" + second.ShortID} {
		require.Equal(t, http.StatusOK, b.get(t, path).status)
	}
	for _, q := range []string{first.ShortID, delivery.ID} {
		require.Equal(t, http.StatusSeeOther, b.search(t, q).status)
	}
	require.Equal(t, http.StatusOK, blind.post(t, "/cases/reveal", nil).status)
	require.Empty(t, showed("", first), "until they ask, and as far as they are cleared")
	require.Equal(t, http.StatusOK, admin.get(t, "/deliveries/"+delivery.ID+"/retry").status)
	require.Equal(t, http.StatusConflict, admin.get(t, "/deliveries/"+delivery.ID+"/cancel").status)
	_, err := s.service.PauseEndpoint(t.Context(), s.admin, endpoint.ID, nil)
	require.NoError(t, err)
	_, err = s.service.RetryDelivery(t.Context(), s.admin, delivery.ID, nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, admin.get(t, "/deliveries/"+delivery.ID+"/cancel").status)
	require.Empty(t, showed("", second))

	require.Equal(t, http.StatusOK, b.post(t, "/cases/reveal", nil).status)
	for _, c := range []*caselog.Case{first, second} {
		told := showed("revealCases", c)
		require.Len(t, told, 1)
		require.Contains(t, told[0], `<a href="/cases/`+first.ID+`">`+first.ShortID+`</a>`)
		require.Contains(t, told[0], `<a href="/cases/`+second.ID+`">`+second.ShortID+`</a>`)
	}
	require.Equal(t, http.StatusOK, b.post(t, "/deliveries/"+delivery.ID+"/reveal", nil).status)
	require.Equal(t, http.StatusOK, b.post(t, "/deliveries/"+delivery.ID+"/body", nil).status)
	require.Len(t, showed("revealDelivery", second), 2)
	require.Empty(t, showed("revealDelivery", first))
}

func TestWhatWasAskedForIsShownAsText(t *testing.T) {
	s := newServer(t)
	b := s.signedIn(t, adminKey)
	for _, id := range append([]string{"\x00"}, naughty...) {
		require.Equal(t, http.StatusNotFound, b.post(t, "/keys/"+url.PathEscape(id)+"/revoke", nil).status)
	}
	page := b.get(t, "/audit?operation=revokeKey")
	require.Equal(t, http.StatusOK, page.status)
	require.Contains(t, page.body, "it is not there")
	require.NotContains(t, page.body, "<script>marked")
	require.NotContains(t, page.body, "<img")
}

func TestTheAuditHasPages(t *testing.T) {
	s := newServer(t)
	b := s.signedIn(t, adminKey)
	for range service.DefaultLimit + 1 {
		b.get(t, "/users")
	}
	first := b.get(t, "/audit?operation=listUsers").body
	require.Contains(t, first, ">Older<")
	_, rest, _ := strings.Cut(first, `href="/audit?cursor=`)
	cursor, _, _ := strings.Cut(rest, "&amp;")
	second := b.get(t, "/audit?operation=listUsers&cursor="+cursor).body
	require.Equal(t, 1, strings.Count(second, "<summary>List users"))
	require.Contains(t, second, ">Newest<")
}
