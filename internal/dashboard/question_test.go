package dashboard_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/service"
)

// TestWhatCannotBeUndoneIsAskedAboutFirst presses each button as a browser without a script does.
func TestWhatCannotBeUndoneIsAskedAboutFirst(t *testing.T) {
	s := newServer(t)
	b := s.signedIn(t, adminKey)
	e := s.receiver(t, http.StatusOK, "The pharmacy")
	_, err := s.service.RotateSecret(t.Context(), s.admin, e.ID, service.Symmetric, time.Hour, nil)
	require.NoError(t, err)
	_, err = s.service.PauseEndpoint(t.Context(), s.admin, e.ID, nil)
	require.NoError(t, err)
	c := s.open(t, "mark")
	deliveries, _, err := s.service.Deliveries(t.Context(), s.admin, service.DeliveryFilter{}, service.Page{})
	require.NoError(t, err)
	require.Len(t, deliveries, 2)
	canceled, waiting := "/deliveries/"+deliveries[0].ID, "/deliveries/"+deliveries[1].ID
	_, err = s.service.CancelDelivery(t.Context(), s.admin, deliveries[0].ID, nil)
	require.NoError(t, err)
	replay, err := s.service.Replay(t.Context(), s.admin, e.ID, service.ReplayFilter{}, nil)
	require.NoError(t, err)
	key := s.key(t, service.Writer, service.FullClearance)
	endpoint := "/endpoints/" + e.ID

	for _, test := range []struct {
		page, path, button string
		told               []string
		back               string
		destroys           bool
	}{
		{canceled, canceled + "/retry", "Send again", []string{"Comment added", c.ShortID, "same webhook-id"}, canceled, false},
		{waiting, waiting + "/cancel", "Cancel delivery", []string{"Case opened", c.ShortID, "The pharmacy", "a hole in casehook-sequence"}, waiting, true},
		{endpoint + "/replays/" + replay.ID, endpoint + "/replays/" + replay.ID + "/stop", "Stop", []string{"as it was before"}, endpoint + "/replays/" + replay.ID, false},
		{"/keys", "/keys/" + key.ID + "/revoke", "Revoke", []string{"the writer's", "ends in " + key.ID[len(key.ID)-6:], "refused from now on"}, "/keys", true},
		{endpoint, endpoint + "/end-overlap", "End the old secrets", []string{"The pharmacy", "1 old secret signs nothing"}, endpoint, true},
		{endpoint, endpoint + "/delete", "Delete", []string{"The pharmacy", e.Recipient(), "1 message waits for it and will never be sent."}, endpoint, true},
	} {
		t.Run(test.button, func(t *testing.T) {
			page := b.get(t, test.page).body
			require.Regexp(t, `<a class="button[^>]* href="`+test.path+`"`, page, "the button asks")
			require.NotContains(t, page, `action="`+test.path+`"`, "nothing is done at the first click")
			asked := b.get(t, test.path)
			require.Equal(t, http.StatusOK, asked.status)
			for _, told := range test.told {
				require.Contains(t, html.UnescapeString(asked.body), told)
			}
			require.Contains(t, asked.body, `<form method="post" action="`+test.path+`">`)
			require.Regexp(t, `<a class="button" href="`+test.back+`" data-dismiss`, asked.body, "or it is left as it is")
			red := regexp.MustCompile(`class="[^"]*danger[^"]*"[^>]*>` + test.button + `<`)
			require.Equal(t, test.destroys, red.MatchString(asked.body), "what destroys is red where it is asked about")
			require.Equal(t, test.destroys, red.MatchString(page), "and red where it begins")

			require.Equal(t, http.StatusSeeOther, b.post(t, test.path, url.Values{}).status)
		})
	}
	for _, over := range []string{waiting + "/cancel", endpoint + "/replays/" + replay.ID + "/stop", "/keys/" + key.ID + "/revoke", endpoint + "/delete"} {
		require.Contains(t, []int{http.StatusNotFound, http.StatusConflict}, b.get(t, over).status, "what is over is not asked about: %s", over)
	}
	require.Contains(t, s.audited(t, "previewChange"), http.StatusOK)
	require.NotContains(t, b.get(t, "/keys").body, "refused from now on", "the words are in one place")

	reader := s.signedIn(t, s.key(t, service.Reader, service.FullClearance).Secret)
	require.Equal(t, http.StatusForbidden, reader.get(t, waiting+"/cancel").status)
	require.NotContains(t, reader.get(t, waiting).body, waiting+"/cancel")
}

func TestWhoRevokesTheirOwnKeyIsTold(t *testing.T) {
	s := newServer(t)
	key := s.key(t, service.Admin, service.FullClearance)
	b := s.signedIn(t, key.Secret)
	require.Contains(t, b.get(t, "/keys/"+key.ID+"/revoke").body, "It is your own: you are signed out.")
	require.False(t, strings.Contains(s.signedIn(t, adminKey).get(t, "/keys/"+key.ID+"/revoke").body, "It is your own"))
}
