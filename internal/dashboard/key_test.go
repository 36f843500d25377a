package dashboard_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/subscription"
)

// naughty are texts that a page shows as they are, and does nothing by.
var naughty = []string{`<script>marked()</script>`, `"><img src=x onerror=marked()>`, `'"&lt;` + "`{{.}}", "\u202egnihtyna", strings.Repeat("very long ", 19)}

var (
	once   = regexp.MustCompile(`name="once" value="(\w+)"`)
	secret = regexp.MustCompile(`data-copy="(chk_[\w-]+)"`)
)

func TestAKeyIsMadeAndShownOnce(t *testing.T) {
	s := newServer(t)
	b := s.signedIn(t, adminKey)
	form := url.Values{"once": {once.FindStringSubmatch(b.get(t, "/keys").body)[1]}, "name": {naughty[0]}, "role": {"reader"}, "phi": {"yes"}, "expiresAt": {"2999-01-01"}}
	made := b.post(t, "/keys", form)
	require.Equal(t, http.StatusOK, made.status)
	require.NotContains(t, made.body, naughty[0])
	key := secret.FindStringSubmatch(made.body)[1]
	who, err := s.service.Authenticate(t.Context(), key, "")
	require.NoError(t, err)
	require.Equal(t, service.Reader, who.Role)
	require.Equal(t, subscription.Clearance{PHI: true}, who.Clearance)
	require.NotContains(t, b.get(t, "/keys").body, key)
	require.NotContains(t, s.log.String(), key)

	again := b.post(t, "/keys", form)
	require.Equal(t, "/keys", again.header.Get("Location"), "the page was loaded again: that makes no other key")
	keys, _, err := s.service.Keys(t.Context(), s.admin, service.Page{})
	require.NoError(t, err)
	require.Len(t, keys, 1)
	answers := regexp.MustCompile(`(?s)data-label="Answered"[^>]*>(.*?)</td>`).FindAllStringSubmatch(b.get(t, "/audit?operation=createKey").body, -1)
	require.Len(t, answers, 2)
	require.Contains(t, answers[0][1], "Repeated")
	require.Contains(t, answers[0][1], "nothing was done")
	require.Contains(t, answers[1][1], "Done")
	require.NotContains(t, answers[1][1], "200", "the status is for whoever unfolds it")
	require.Contains(t, b.get(t, "/keys").body, "…"+keys[0].ID[len(keys[0].ID)-6:]+"</code>", "names may be alike")
	require.Equal(t, "2999-01-01T00:00:00Z", keys[0].ExpiresAt.Format("2006-01-02T15:04:05Z07:00"))
}

func TestAFormThatIsNotOneOfAKindIsNoRepetitionOfAnother(t *testing.T) {
	s := newServer(t)
	b := s.signedIn(t, adminKey)
	for _, name := range []string{"Ada", "Grace"} {
		made := b.post(t, "/keys", url.Values{"name": {name}, "role": {"reader"}, "phi": {"no"}})
		require.Equal(t, http.StatusOK, made.status)
		require.NotEmpty(t, secret.FindStringSubmatch(made.body))
	}
}

func TestAnAdminsKeyIsClearedForEverything(t *testing.T) {
	s := newServer(t)
	made := s.signedIn(t, adminKey).post(t, "/keys", url.Values{"once": {"a"}, "name": {"Ada"}, "role": {"admin"}})
	who, err := s.service.Authenticate(t.Context(), secret.FindStringSubmatch(made.body)[1], "")
	require.NoError(t, err)
	require.Equal(t, service.FullClearance, who.Clearance)
}

func TestAKeyThatCannotBeIsNotMade(t *testing.T) {
	s := newServer(t)
	b := s.signedIn(t, adminKey)
	for _, test := range []struct {
		name string
		form url.Values
		told string
	}{
		{"no name", url.Values{"name": {" "}, "role": {"reader"}}, "Must be 1 to 200 bytes long, without control characters."},
		{"no role", url.Values{"name": {"Ada"}}, "Must be reader, writer or admin."},
		{"it has expired", url.Values{"name": {"Ada"}, "role": {"reader"}, "expiresAt": {"2020-01-01"}}, "Must lie in the future."},
		{"no time", url.Values{"name": {"Ada"}, "role": {"reader"}, "expiresAt": {"soon"}}, "Must be a time, such as"},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.form.Set("once", "a")
			got := b.post(t, "/keys", test.form)
			require.Equal(t, http.StatusUnprocessableEntity, got.status)
			require.Contains(t, got.body, test.told)
			require.Regexp(t, `autofocus><p>Not done yet: look at what is marked.</p>\s*<ul><li><a href="#(name|role|expiresAt)">`, got.body)
			require.Contains(t, got.body, `value="`+test.form.Get("name")+`"`, "what was filled in is still there")
		})
	}
}

func TestARevokedKeyIsListedAndOpensNothing(t *testing.T) {
	s := newServer(t)
	key := s.key(t, service.Admin, service.FullClearance)
	b := s.signedIn(t, key.Secret)
	require.Contains(t, b.get(t, "/keys").body, ">Yours<")
	require.Equal(t, "/keys", b.post(t, "/keys/"+key.ID+"/revoke", nil).header.Get("Location"))
	require.Equal(t, http.StatusUnauthorized, b.get(t, "/keys").status, "it was the own one")
	b = s.signedIn(t, adminKey)
	require.Contains(t, b.get(t, "/keys").body, "Revoked")
	require.Equal(t, http.StatusNotFound, b.post(t, "/keys/"+key.ID+"/revoke", nil).status)
}

func TestKeysAndTheAuditAreForAdmins(t *testing.T) {
	s := newServer(t)
	key := s.key(t, service.Writer, service.FullClearance)
	b := s.signedIn(t, key.Secret)
	page := b.get(t, "/users")
	for _, path := range []string{"/keys", "/audit"} {
		require.Equal(t, http.StatusForbidden, b.get(t, path).status)
		require.NotContains(t, page.body, `href="`+path+`"`)
	}
	require.Equal(t, http.StatusForbidden, b.post(t, "/keys", url.Values{"name": {"Ada"}, "role": {"admin"}}).status)
	require.Equal(t, http.StatusForbidden, b.post(t, "/keys/"+key.ID+"/revoke", nil).status)
}
