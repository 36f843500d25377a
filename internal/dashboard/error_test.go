package dashboard_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/service"
)

func TestWhatNoRouteMatchesIsSaidWithinTheFrame(t *testing.T) {
	s := newServer(t)
	const navigation = `<nav aria-label="Pages">`
	b := s.signedIn(t, adminKey)
	require.Equal(t, http.StatusSeeOther, b.post(t, "/users/new", url.Values{"id": {"nora"}, "firstName": {"Nora"}, "lastName": {"Quinn"}, "email": {"nora@clinic.example"}}).status)
	missed := b.get(t, "/nothing")
	require.Equal(t, http.StatusNotFound, missed.status)
	require.Contains(t, missed.body, navigation)
	require.NotContains(t, missed.body, "The user is kept.")
	require.Contains(t, b.get(t, "/users").body, "The user is kept.", "it is left for the page that was asked for")

	byItself := b.get(t, "/logout")
	require.Equal(t, http.StatusMethodNotAllowed, byItself.status)
	require.Contains(t, byItself.body, navigation)

	stranger := s.browser(t).get(t, "/nothing")
	require.Equal(t, http.StatusNotFound, stranger.status)
	require.NotContains(t, stranger.body, navigation)

	key := s.key(t, service.Reader, service.FullClearance)
	b = s.signedIn(t, key.Secret)
	require.NoError(t, s.service.RevokeKey(t.Context(), s.admin, key.ID))
	revoked := b.get(t, "/nothing")
	require.Equal(t, http.StatusUnauthorized, revoked.status)
	require.NotContains(t, revoked.body, navigation)
}
