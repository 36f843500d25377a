package dashboard_test

import (
	"html"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/service"
)

func TestAUserIsRegisteredAndEdited(t *testing.T) {
	s := newServer(t)
	b := s.signedIn(t, s.key(t, service.Writer, service.FullClearance).Secret)
	for _, id := range append([]string{"nurse-7", "..", "a/b?c=d&e", "%2e"}, naughty...) {
		form := url.Values{"id": {id}, "firstName": {id}, "lastName": {"Quinn"}, "email": {"nora@clinic.example"}}
		require.Equal(t, "/users", b.post(t, "/users/new", form).header.Get("Location"), id)
		edit := "/users/edit?" + url.Values{"id": {id}}.Encode()
		list := b.get(t, "/users").body
		require.Contains(t, html.UnescapeString(list), `href="`+edit+`"`)
		require.NotContains(t, list, "<script>marked")
		require.NotContains(t, list, "<img")
		require.Contains(t, html.UnescapeString(b.get(t, edit).body), `action="`+edit+`"`)

		form.Set("role", "nurse")
		require.Equal(t, http.StatusConflict, b.post(t, "/users/new", form).status, "nobody is written over by a new one")
		require.Equal(t, "/users", b.post(t, edit, form).header.Get("Location"))
		user, err := s.service.User(t.Context(), s.admin, id)
		require.NoError(t, err)
		require.Equal(t, "nurse", *user.Role)
	}
	entries, _, err := s.service.Audit(t.Context(), s.admin, service.AuditFilter{Operation: "putUser"}, service.Page{})
	require.NoError(t, err)
	require.Equal(t, http.StatusSeeOther, entries[len(entries)-1].Status)
	require.Equal(t, "nurse-7", entries[len(entries)-1].Details.Resources["userId"])
}

func TestAUserThatCannotBeIsNotRegistered(t *testing.T) {
	s := newServer(t)
	b := s.signedIn(t, adminKey)
	got := b.post(t, "/users/new", url.Values{"id": {"nurse-7"}, "firstName": {"Nora"}, "email": {"nora"}})
	require.Equal(t, http.StatusUnprocessableEntity, got.status)
	require.Contains(t, got.body, "Must be an e-mail address.")
	require.Contains(t, got.body, "Must not be empty.")
	require.Regexp(t, `autofocus><p>Not done yet: look at what is marked.</p>\s*<ul><li><a href="#lastName">Last name</a></li><li><a href="#email">E-mail</a></li></ul>`, got.body)
	require.Contains(t, got.body, `value="Nora"`)
	require.Equal(t, http.StatusNotFound, b.get(t, "/users/edit?id=nurse-7").status)
}

func TestAReaderSeesUsersAndChangesNone(t *testing.T) {
	s := newServer(t)
	b := s.signedIn(t, s.key(t, service.Reader, service.FullClearance).Secret)
	page := b.get(t, "/users")
	require.Equal(t, http.StatusOK, page.status)
	require.NotContains(t, page.body, "Register a user")
	require.Equal(t, http.StatusForbidden, b.get(t, "/users/new").status)
	require.Equal(t, http.StatusForbidden, b.get(t, "/users/edit?id=x").status)
	require.Equal(t, http.StatusForbidden, b.post(t, "/users/edit?id=x", nil).status)
}
