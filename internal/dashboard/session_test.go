package dashboard_test

import (
	"html"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/dashboard"
	"github.com/casehook/casehook/internal/service"
)

func TestWhoSignsInSeesThePages(t *testing.T) {
	s := newServer(t)
	b := s.browser(t)
	asked := b.get(t, "/cases?status=OPEN")
	require.Equal(t, http.StatusSeeOther, asked.status)
	require.Equal(t, "/login?next=%2Fcases%3Fstatus%3DOPEN", asked.header.Get("Location"))
	page := b.get(t, asked.header.Get("Location"))
	require.Equal(t, http.StatusOK, page.status)
	require.Contains(t, page.body, `name="next" value="/cases?status=OPEN"`)

	in := b.post(t, "/login", url.Values{"key": {" " + adminKey + "\n"}, "next": {"/cases?status=OPEN"}})
	require.Equal(t, http.StatusSeeOther, in.status)
	require.Equal(t, "/cases?status=OPEN", in.header.Get("Location"))
	cookie := in.header.Get("Set-Cookie")
	for _, attribute := range []string{"casehook=", "Path=/", "HttpOnly", "SameSite=Lax"} {
		require.Contains(t, cookie, attribute)
	}
	require.NotContains(t, cookie, "Secure")
	shown := b.get(t, "/cases?status=OPEN")
	require.Equal(t, http.StatusOK, shown.status)
	require.Contains(t, shown.body, "Administrator")

	out := b.post(t, "/logout", nil)
	require.Equal(t, "/login", out.header.Get("Location"))
	require.Equal(t, http.StatusSeeOther, b.get(t, "/cases").status)
	token, _, _ := strings.Cut(cookie, ";")
	require.Equal(t, http.StatusSeeOther, b.get(t, "/cases", "Cookie", token).status, "a token that was copied ends too")
}

func TestOverHTTPSTheCookieIsOfThisHostOnly(t *testing.T) {
	s := newServer(t)
	s.Config.Handler = dashboard.New(s.service, dashboard.Options{Log: slog.New(slog.DiscardHandler), PublicURL: "https://casehook.example"})
	in := s.browser(t).post(t, "/login", url.Values{"key": {adminKey}})
	require.Contains(t, in.header.Get("Set-Cookie"), "__Host-casehook=")
	require.Contains(t, in.header.Get("Set-Cookie"), "Secure")
}

func TestWhoIsNotLetIn(t *testing.T) {
	s := newServer(t)
	revoked := s.key(t, service.Reader, service.FullClearance)
	require.NoError(t, s.service.RevokeKey(t.Context(), s.admin, revoked.ID))
	for _, test := range []struct {
		name   string
		key    string
		status int
		told   string
	}{
		{"nobody", "", 401, "The API key is not known."},
		{"a stranger", "chk_nothing", 401, "The API key is not known."},
		{"whose key was revoked", revoked.Secret, 401, "The API key has expired or was revoked."},
		{"the operator", operatorKey, 403, "Sign in with a key of an organization."},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := s.browser(t).post(t, "/login", url.Values{"key": {test.key}})
			require.Equal(t, test.status, got.status)
			require.Contains(t, got.body, test.told)
			require.Empty(t, got.header.Get("Set-Cookie"))
			if test.key != "" {
				require.NotContains(t, got.body, test.key)
			}
		})
	}
}

func TestKeysAreNotTriedWithoutEnd(t *testing.T) {
	s := newServer(t)
	s.door.StopClock()
	for range 10 {
		require.Equal(t, http.StatusUnauthorized, s.browser(t).post(t, "/login", url.Values{"key": {"chk_guess"}}).status)
	}
	got := s.browser(t).post(t, "/login", url.Values{"key": {"chk_guess"}})
	require.Equal(t, http.StatusTooManyRequests, got.status)
	require.Contains(t, got.body, "Wait 6 seconds, then try again.")
	require.Empty(t, got.header.Get("Set-Cookie"))
	s.signedIn(t, adminKey) // a good key is shut out by nobody else's
}

func TestSigningInBeginsASessionThatNobodyKnew(t *testing.T) {
	s := newServer(t)
	in := s.browser(t).post(t, "/login", url.Values{"key": {adminKey}}, "Cookie", "casehook=chosen")
	require.NotContains(t, in.header.Get("Set-Cookie"), "chosen")

	b := s.signedIn(t, adminKey)
	before := b.token(t)
	require.Equal(t, http.StatusSeeOther, b.post(t, "/login", url.Values{"key": {s.key(t, service.Reader, service.FullClearance).Secret}}).status)
	require.NotEqual(t, before, b.token(t))
	require.Equal(t, http.StatusSeeOther, s.browser(t).get(t, "/cases", "Cookie", "casehook="+before).status, "the one before has ended")
	require.Equal(t, http.StatusForbidden, b.get(t, "/keys").status, "it is the reader's now")
}

func TestARevokedKeyIsSignedOutAtOnce(t *testing.T) {
	s := newServer(t)
	key := s.key(t, service.Reader, service.FullClearance)
	b := s.signedIn(t, key.Secret)
	require.Equal(t, http.StatusOK, b.get(t, "/cases").status)
	require.NoError(t, s.service.RevokeKey(t.Context(), s.admin, key.ID))
	got := b.get(t, "/cases")
	require.Equal(t, http.StatusUnauthorized, got.status)
	require.Contains(t, got.body, "The API key has expired or was revoked.")
	require.Equal(t, http.StatusSeeOther, b.get(t, "/cases").status, "the session has ended")
}

func TestASessionEndsWithItsTime(t *testing.T) {
	s := newServer(t)
	b := s.signedIn(t, adminKey)
	s.exec(t, `UPDATE sessions SET expires_at = 1`)
	require.Equal(t, http.StatusSeeOther, b.get(t, "/cases").status)
}

func TestToUseASessionDoesNotMoveItsDeadline(t *testing.T) {
	s := newServer(t)
	begun := time.Now()
	b := s.signedIn(t, adminKey)
	deadline, err := s.door.Deadline(t.Context(), b.token(t))
	require.NoError(t, err)
	require.WithinRange(t, deadline, begun.Add(12*time.Hour), time.Now().Add(12*time.Hour))
	require.NoError(t, s.door.LeaveUnused(t.Context(), b.token(t)))
	used := b.get(t, "/cases")
	require.NotEmpty(t, used.header.Get("Set-Cookie"), "it is kept anew")
	after, err := s.door.Deadline(t.Context(), b.token(t))
	require.NoError(t, err)
	require.Equal(t, deadline, after)
}

func TestAnotherAdminKeyEndsTheSessionsOfTheOneBefore(t *testing.T) {
	s := newServer(t)
	b := s.signedIn(t, adminKey)
	options := s.service.Options
	options.AdminKey = "chk_another_admin_key"
	s.Config.Handler = dashboard.New(service.New(options), dashboard.Options{Log: slog.New(slog.DiscardHandler)})
	require.Equal(t, http.StatusUnauthorized, b.get(t, "/cases").status)
}

func TestASessionKeepsNoKey(t *testing.T) {
	s := newServer(t)
	in := s.browser(t).post(t, "/login", url.Values{"key": {adminKey}})
	require.NotContains(t, in.header.Get("Set-Cookie"), adminKey)
	require.NotContains(t, s.log.String(), adminKey)
}

func TestAfterSigningInNobodyIsLedElsewhere(t *testing.T) {
	s := newServer(t)
	for _, next := range []string{"https://evil.example/", "//evil.example/", `/\evil.example`, "javascript:alert(1)", "cases", "/\t/evil.example",
		"/%2F/evil.example", "/%5Cevil.example", "%2F%2Fevil.example", "/..//evil.example", "/.//evil.example", "///evil.example", "https:evil.example", "/cases\n//evil.example",
		"/login", "/logout", "/nothing", "/assets/dashboard.css",
		"/home", "/live/stream", "/deliveries/x/progress", "/endpoints/x/progress", "/endpoints/x/replays/x/progress", "/cases/x/attachments/x/content"} {
		in := s.browser(t).post(t, "/login", url.Values{"key": {adminKey}, "next": {next}})
		require.Equal(t, "/", in.header.Get("Location"), next)
	}
}

func TestWhatComesFromAnotherSiteIsNotDone(t *testing.T) {
	s := newServer(t)
	b := s.signedIn(t, adminKey)
	for name, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"} {
		for _, pattern := range s.door.Patterns() {
			if path, is := strings.CutPrefix(pattern, "POST "); is {
				require.Equal(t, http.StatusForbidden, b.post(t, path, url.Values{"key": {adminKey}}, name, value).status, pattern)
			}
		}
	}
	require.Equal(t, http.StatusOK, b.get(t, "/cases").status)
}

func TestWhoseSessionHasEndedIsToldAndComesBack(t *testing.T) {
	s := newServer(t)
	e := s.receiver(t, http.StatusOK, "The pharmacy")
	c := s.open(t, "mark")
	nora := url.Values{"id": {"nora"}, "firstName": {"Nora"}, "lastName": {"Quinn"}, "email": {"nora@clinic.example"}}
	require.Equal(t, http.StatusSeeOther, s.signedIn(t, adminKey).post(t, "/users/new", nora).status)
	const ended = "Your session has ended: sign in again.</p>"
	const lost = "Your session has ended: sign in again. What you had typed was not saved, and nothing was done.</p>"
	for _, test := range []struct {
		method, path string
		header       []string
		next, told   string
	}{
		{http.MethodGet, "/cases?status=OPEN", nil, "/cases?status=OPEN", ended},
		{http.MethodPost, "/endpoints", nil, "/endpoints/new", lost},
		{http.MethodPost, "/endpoints/" + e.ID, nil, "/endpoints/" + e.ID + "/edit", lost},
		{http.MethodPost, "/endpoints/" + e.ID + "/pause", nil, "/endpoints/" + e.ID, ended},
		{http.MethodPost, "/endpoints/" + e.ID + "/delete", nil, "/endpoints/" + e.ID + "/delete", ended},
		{http.MethodPost, "/cases/" + c.ID + "/reveal?at=1", nil, "/cases/" + c.ID + "?at=1", ended},
		{http.MethodPost, "/keys", nil, "/keys", lost},
		{http.MethodPost, "/users/new", nil, "/users/new", lost},
		{http.MethodPost, "/users/edit?id=nora", nil, "/users/edit?id=nora", lost},
		{http.MethodPost, "/search", nil, "/", ended},
		{http.MethodGet, "/cases/" + c.ID + "/attachments/x/content", nil, "/cases/" + c.ID, ended},
		{http.MethodGet, "/live/stream", nil, "/live", ended},
		{http.MethodGet, "/deliveries?state=failed", []string{"HX-Request", "true", "HX-Current-URL", s.URL + "/deliveries"}, "/deliveries", ended},
		{http.MethodGet, "/home", []string{"HX-Request", "true", "HX-Current-URL", s.URL + "//evil.example"}, "/", ended},
	} {
		t.Run(test.method+" "+test.path, func(t *testing.T) {
			b := s.signedIn(t, adminKey)
			s.exec(t, `UPDATE sessions SET expires_at = 1`)
			led := b.do(t, test.method, test.path, url.Values{"description": {"typed"}}, test.header...)
			asked := b.get(t, led.header.Get("Location")+led.header.Get("HX-Redirect"))
			require.Equal(t, http.StatusOK, asked.status)
			require.Contains(t, asked.body, test.told)
			next := html.UnescapeString(regexp.MustCompile(`name="next" value="([^"]*)"`).FindStringSubmatch(asked.body)[1])
			require.Equal(t, test.next, next)
			require.Equal(t, test.next, b.post(t, "/login", url.Values{"key": {adminKey}, "next": {next}}).header.Get("Location"))
			require.Equal(t, http.StatusOK, b.get(t, test.next).status)
		})
	}

	key := s.key(t, service.Admin, service.FullClearance)
	b := s.signedIn(t, key.Secret)
	require.NoError(t, s.service.RevokeKey(t.Context(), s.admin, key.ID))
	revoked := b.post(t, "/endpoints", nil)
	require.Equal(t, http.StatusUnauthorized, revoked.status)
	require.Contains(t, revoked.body, "The API key has expired or was revoked. What you had typed was not saved, and nothing was done.")
	require.Contains(t, revoked.body, `name="next" value="/endpoints/new"`)

	out := s.signedIn(t, adminKey)
	s.exec(t, `UPDATE sessions SET expires_at = 1`)
	require.Equal(t, "/login", out.post(t, "/logout", nil).header.Get("Location"), "who signs out has what they asked for")

	require.NotContains(t, s.browser(t).get(t, "/login?session=chk_forged").body, "chk_forged", "an address puts no words into the page")
	require.NotContains(t, s.browser(t).get(t, "/login").body, "has ended", "who comes for the first time has had none")
}

func TestAKeyInAnAddressIsNotTaken(t *testing.T) {
	s := newServer(t)
	for _, form := range []url.Values{nil, {"next": {"/cases"}}} {
		require.Equal(t, http.StatusUnauthorized, s.browser(t).post(t, "/login?key="+adminKey, form).status)
	}
}

func TestWhatWasDoneIsToldByThePageAndNotByAPart(t *testing.T) {
	s := newServer(t)
	e := s.receiver(t, http.StatusOK, "The pharmacy")
	b := s.signedIn(t, adminKey)
	require.Equal(t, http.StatusSeeOther, b.post(t, "/endpoints/"+e.ID+"/pause", nil).status)
	for _, path := range []string{"/home", "/endpoints/" + e.ID + "/delete", "/cases"} {
		part := b.get(t, path, "HX-Request", "true")
		require.Equal(t, http.StatusOK, part.status)
		require.NotContains(t, part.body, "It is paused")
	}
	require.Contains(t, b.get(t, "/endpoints/"+e.ID).body, "It is paused")
	require.NotContains(t, b.get(t, "/endpoints/"+e.ID).body, "It is paused", "it is told once")
}
