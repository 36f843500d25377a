package dashboard_test

import (
	"html"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/subscription"
)

var (
	whsec = regexp.MustCompile(`data-copy="(whsec_[^"]+)"`)
	was   = regexp.MustCompile(`name="was" value="([^"]+)"`)
)

// filled is the form of an endpoint as it is sent where nobody has made a mistake, but for
// some fields. Those without values are left out.
func filled(target string, fields url.Values) url.Values {
	form := url.Values{
		"url": {target}, "description": {"The pharmacy"}, "phi": {"yes"}, "restricted": {"no"}, "events": {"all"}, "payload": {"event"}, "documents": {"base64"},
		"maxInlineBytes": {""}, "ordering": {"case"}, "signing": {"cv"}, "headers": {""}, "timeoutSeconds": {"15"}, "maxInFlight": {"32"}, "rateLimit": {""},
	}
	maps.Copy(form, fields)
	return form
}

// endpoints are all that there are.
func (s *server) endpoints(t *testing.T) []*subscription.Endpoint {
	t.Helper()
	found, _, err := s.service.Endpoints(t.Context(), s.admin, service.Page{})
	require.NoError(t, err)
	return found
}

// audited is how the calls of an operation were answered, in no order: what is refused is recorded
// a little later.
func (s *server) audited(t *testing.T, operation string) (statuses []int) {
	t.Helper()
	entries, _, err := s.service.Audit(t.Context(), s.admin, service.AuditFilter{Operation: operation}, service.Page{})
	require.NoError(t, err)
	for _, e := range entries {
		statuses = append(statuses, e.Status)
	}
	return statuses
}

func TestAnEndpointIsMadeAndItsSecretShownOnce(t *testing.T) {
	s := newServer(t)
	b := s.signedIn(t, adminKey)
	require.Contains(t, b.get(t, "/endpoints").body, "There is no endpoint yet")
	page := b.get(t, "/endpoints/new")
	require.NotRegexp(t, `name="(phi|restricted)" value="\w+" checked`, page.body, "nobody is told of a patient because a default said so")
	form := filled("http://partner.example/hooks?for=us", url.Values{
		"once": {once.FindStringSubmatch(page.body)[1]}, "events": {"some"}, "event": {"CREATE_CASE", "ARCHIVE_CASE"}, "payload": {"full"}, "documents": {"url"},
		"ordering": {"none"}, "signing": nil, "headers": {"cv-api-key: s3cr3t\r\n\r\nx-partner: 7: 8\r\n"}, "timeoutSeconds": {" 20 "}, "maxInFlight": {"8"}, "rateLimit": {"100"},
	})
	made := b.post(t, "/endpoints", form)
	require.Equal(t, http.StatusCreated, made.status)
	secret := html.UnescapeString(whsec.FindStringSubmatch(made.body)[1])

	all := s.endpoints(t)
	require.Len(t, all, 1)
	e := all[0]
	require.Equal(t, secret, e.Secrets[0].Value)
	want := subscription.New("http://partner.example/hooks?for=us", subscription.Clearance{PHI: true})
	want.Description, want.Events, want.Payload, want.Documents = "The pharmacy", []string{"CREATE_CASE", "ARCHIVE_CASE"}, subscription.PayloadFull, subscription.DocumentsURL
	want.Ordering, want.Signing = subscription.OrderingNone, []subscription.Signing{subscription.SigningStandard}
	want.Headers = map[string]string{"cv-api-key": "s3cr3t", "x-partner": "7: 8"}
	want.Timeout, want.MaxInFlight, want.RateLimit = 20*time.Second, 8, new(100)
	want.ID, want.OrganizationID, want.State, want.Secrets, want.CreatedAt, want.UpdatedAt = e.ID, e.OrganizationID, e.State, e.Secrets, e.CreatedAt, e.UpdatedAt
	require.Equal(t, want, e)

	again := b.post(t, "/endpoints", form)
	require.Equal(t, "/endpoints/"+e.ID, again.header.Get("Location"), "the page was loaded again: that makes no other endpoint")
	require.Len(t, s.endpoints(t), 1)
	for _, path := range []string{"/endpoints", "/endpoints/" + e.ID, "/endpoints/" + e.ID + "/edit"} {
		body := b.get(t, path).body
		require.Contains(t, body, "for=us")
		require.NotContains(t, body, html.EscapeString(secret))
		require.NotContains(t, body, "s3cr3t")
	}
	require.NotContains(t, s.log.String(), secret)
	require.ElementsMatch(t, []int{http.StatusSeeOther, http.StatusCreated}, s.audited(t, "createEndpoint"))
}

func TestWhatIsWrongIsToldBesideItsField(t *testing.T) {
	s := newServer(t)
	b := s.signedIn(t, adminKey)
	existing := s.receiver(t, http.StatusOK, "Kept")
	was := opened(t, b.get(t, "/endpoints/"+existing.ID+"/edit").body)
	for _, test := range []struct{ field, value, told string }{
		{"url", "ftp://partner.example", "Must begin with https://"},
		{"url", "", "Must not be empty"},
		{"description", strings.Repeat("x", 501), "at most 500 bytes"},
		{"phi", "", "Must be chosen"},
		{"restricted", "perhaps", "Must be yes or no"},
		{"events", "some", "Must be chosen, at least one"},
		{"payload", "all", "event&#34; or &#34;full"},
		{"documents", "paper", "base64&#34; or &#34;url"},
		{"ordering", "any", "case&#34; or &#34;none"},
		{"maxInlineBytes", "-1", "from 0 to 2,000,000,000"},
		{"headers", "no colon", "Line 1 must be a name, a colon and a value"},
		{"headers", "a: 1\n\nA: 2", "Line 3 must not name a header twice"},
		{"headers", "a: 1\r\nauthorization: ***", "Line 2 must have a value of its own"},
		{"headers", "a b: 1\nc: \x01\nd: 4", "Line 1 must have names of letters, digits and hyphens (RFC 9110, section 5.1); line 2 must have values of visible ASCII"},
		{"headers", "host: partner.example", "Line 1 must not name a header that casehook or HTTP sets"},
		{"timeoutSeconds", "61", "from 1 to 60"},
		{"maxInFlight", "many", "from 1 to 256"},
		{"rateLimit", "0", "from 1 to 10,000"},
	} {
		for _, path := range []string{"/endpoints", "/endpoints/" + existing.ID} {
			answer := b.post(t, path, filled("https://127.0.0.1/typed", url.Values{test.field: {test.value}, "once": {"typed"}, "was": {was}}))
			require.Equal(t, http.StatusUnprocessableEntity, answer.status, test)
			require.Regexp(t, `id="`+test.field+`-wrong">[^<]*`+regexp.QuoteMeta(test.told), answer.body, test)
			require.Regexp(t, `<div class="fault" role="alert" tabindex="-1" autofocus><p>Not done yet: look at what is marked.</p>\s*<ul><li><a href="#`+test.field+`">`, answer.body)
			require.Regexp(t, `id="`+test.field+`"`, answer.body, "the link leads somewhere")
			require.NotContains(t, answer.body, `maxlength="500"`, "a browser would cut what is too long without a word")
			if test.field != "url" {
				require.Contains(t, answer.body, `value="https://127.0.0.1/typed"`, "what was typed is there still")
			}
		}
	}
	all := b.post(t, "/endpoints", url.Values{"url": {"x"}, "timeoutSeconds": {"x"}})
	for _, field := range []string{"url", "phi", "restricted", "payload", "documents", "ordering", "timeoutSeconds", "maxInFlight"} {
		require.Contains(t, all.body, `id="`+field+`-wrong"`, "all that is wrong is told at once")
	}
	require.Len(t, s.endpoints(t), 1)
	require.Equal(t, "Kept", s.endpoints(t)[0].Description)
}

func TestAnEndpointIsChangedAndKeepsWhatIsNotShown(t *testing.T) {
	s := newServer(t)
	b := s.signedIn(t, adminKey)
	draft := subscription.New("https://127.0.0.1/hooks", service.FullClearance)
	draft.Headers = map[string]string{"authorization": "Bearer s3cr3t", "x-old": "old"}
	draft.MaxInlineBytes = new(1000)
	e, err := s.service.CreateEndpoint(t.Context(), s.admin, draft, nil)
	require.NoError(t, err)
	form := b.get(t, "/endpoints/"+e.ID+"/edit").body
	require.Contains(t, form, "authorization: ***\nx-old: ***\n")
	require.Contains(t, form, `value="1000"`)

	fields := filled("https://127.0.0.1/hooks", url.Values{
		"description": {naughty[0]}, "phi": {"no"}, "headers": {"authorization: ***\nx-new: new"}, "maxInlineBytes": {""}, "was": {opened(t, form)},
	})
	changed := b.post(t, "/endpoints/"+e.ID, fields)
	require.Equal(t, "/endpoints/"+e.ID, changed.header.Get("Location"))
	got := s.endpoints(t)[0]
	require.Equal(t, map[string]string{"authorization": "Bearer s3cr3t", "x-new": "new"}, got.Headers)
	require.Equal(t, subscription.Clearance{}, got.Clearance)
	require.Nil(t, got.MaxInlineBytes)
	page := b.get(t, "/endpoints/"+e.ID).body
	require.Contains(t, page, "It is changed.")
	require.Contains(t, page, "Does not see who the patient is")
	require.Contains(t, page, html.EscapeString(naughty[0]))
	require.NotContains(t, page, naughty[0])

	fields.Set("phi", "yes")
	stale := b.post(t, "/endpoints/"+e.ID, fields)
	require.Equal(t, http.StatusConflict, stale.status, "what has changed since the form was opened is not taken back unawares")
	require.Equal(t, subscription.Clearance{}, s.endpoints(t)[0].Clearance)
	fields.Set("was", opened(t, stale.body))
	require.Equal(t, http.StatusSeeOther, b.post(t, "/endpoints/"+e.ID, fields).status)
	require.True(t, s.endpoints(t)[0].Clearance.PHI)
}

func TestWhatAnEndpointIsCalledIsShownAsText(t *testing.T) {
	s := newServer(t)
	b := s.signedIn(t, adminKey)
	for _, text := range naughty {
		e := s.receiver(t, http.StatusOK, text)
		for _, path := range []string{"", "/edit"} {
			shown := b.get(t, "/endpoints/"+e.ID+path)
			require.Equal(t, http.StatusOK, shown.status)
			require.Contains(t, shown.body, html.EscapeString(strings.ReplaceAll(text, "\u202e", "[U+202E]")))
		}
		require.Contains(t, b.get(t, "/endpoints/"+e.ID+"/edit").body, html.EscapeString(text), "what is sent back is as it was")
	}
	for _, path := range []string{"/endpoints", "/endpoints/" + s.endpoints(t)[0].ID + "/replay"} {
		shown := b.get(t, path)
		require.Equal(t, http.StatusOK, shown.status)
		for _, text := range naughty[:3] {
			require.NotContains(t, shown.body, text)
		}
	}
}

func TestAReaderSeesEndpointsAndChangesNone(t *testing.T) {
	s := newServer(t)
	e, err := s.service.CreateEndpoint(t.Context(), s.admin, subscription.New("https://127.0.0.1/hooks?token=s3cr3t", service.FullClearance), nil)
	require.NoError(t, err)
	b, path := s.signedIn(t, s.key(t, service.Reader, service.FullClearance).Secret), "/endpoints/"+e.ID
	for _, page := range []string{"/endpoints", path} {
		shown := b.get(t, page)
		require.Equal(t, http.StatusOK, shown.status)
		require.Contains(t, shown.body, "https://127.0.0.1/hooks?***")
		require.NotContains(t, shown.body, "s3cr3t")
		require.NotRegexp(t, `action="/endpoints|/edit"|/replay"|/new"`, shown.body)
	}
	for _, page := range []string{"/endpoints/new", path + "/edit", path + "/replay"} {
		require.Equal(t, http.StatusForbidden, b.get(t, page).status, page)
	}
	for _, change := range []string{"/endpoints", path, path + "/pause", path + "/resume", path + "/delete", path + "/test", path + "/rotate-secret", path + "/end-overlap", path + "/replay"} {
		require.Equal(t, http.StatusForbidden, b.post(t, change, nil).status, change)
	}
}

func TestAnEndpointIsPausedResumedAndDeleted(t *testing.T) {
	s := newServer(t)
	b := s.signedIn(t, adminKey)
	gone := s.receiver(t, http.StatusGone, "Gone")
	path := "/endpoints/" + gone.ID
	require.Equal(t, path, b.post(t, path+"/pause", nil).header.Get("Location"))
	require.Contains(t, b.get(t, path).body, "It is paused")
	require.Regexp(t, `It was paused by the key “Administrator”\. Since <time datetime="`, b.get(t, path).body)
	reader := s.signedIn(t, s.key(t, service.Reader, service.FullClearance).Secret).get(t, path).body
	require.Regexp(t, `It is sent nothing until it is resumed\. Since <time datetime="`, reader)
	require.NotContains(t, reader, "It was paused by")
	s.open(t, "mark")
	require.Contains(t, b.get(t, path+"/delete").body, "2 messages wait for it and will never be sent.")
	require.Equal(t, path, b.post(t, path+"/resume", nil).header.Get("Location"))
	require.Eventually(t, func() bool { return strings.Contains(b.get(t, path).body, "It answered 410") }, 10*time.Second, 10*time.Millisecond)
	disabled := b.get(t, path).body
	require.Contains(t, disabled, "Resume")
	require.NotContains(t, disabled, path+"/pause")
	require.Equal(t, http.StatusConflict, b.post(t, path+"/pause", nil).status)
	require.Equal(t, "/endpoints", b.post(t, path+"/delete", nil).header.Get("Location"))
	require.Equal(t, http.StatusNotFound, b.get(t, path).status)
	require.Empty(t, s.endpoints(t))
}

func TestWhatWaitsIsSentNowByOnePress(t *testing.T) {
	s := newServer(t)
	b := s.signedIn(t, adminKey)
	var mended atomic.Bool
	partner := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !mended.Load() {
			w.Header().Set("Retry-After", "43200")
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	t.Cleanup(partner.Close)
	e, err := s.service.CreateEndpoint(t.Context(), s.admin, subscription.New(partner.URL, subscription.Clearance{}), nil)
	require.NoError(t, err)
	path := "/endpoints/" + e.ID
	require.NotContains(t, b.get(t, path).body, "Send what waits now")
	require.NotContains(t, b.get(t, path).body, path+"/progress", "nothing is to be watched")
	s.open(t, "mark")
	s.troubled(t, 1)

	page := b.get(t, path).body
	require.Contains(t, page, "Send what waits now")
	require.Contains(t, page, path+"/progress")
	reader := s.signedIn(t, s.key(t, service.Reader, service.FullClearance).Secret)
	require.NotContains(t, reader.get(t, path).body, "Send what waits now")
	mended.Store(true)
	require.Equal(t, path, b.post(t, path+"/resume", nil).header.Get("Location"))
	require.Regexp(t, `Resumed at \d\d:\d\d:\d\d UTC: what waited is due since then, in order\.`, b.get(t, path).body)
	require.Eventually(t, func() bool {
		now := b.get(t, path+"/progress").body
		return !strings.Contains(now, path+"/progress") && !strings.Contains(now, "Send what waits now")
	}, 10*time.Second, 10*time.Millisecond)
}

func TestThatNothingWasAnsweredIsSaid(t *testing.T) {
	s := newServer(t)
	b := s.signedIn(t, adminKey)
	e, err := s.service.CreateEndpoint(t.Context(), s.admin, subscription.New("http://127.0.0.1:1", subscription.Clearance{}), nil)
	require.NoError(t, err)
	s.open(t, "mark")
	s.troubled(t, 1)
	for _, path := range []string{"/endpoints", "/endpoints/" + e.ID} {
		require.Regexp(t, `<d[td][^>]*>None|<td data-label="Last answer">None <`, b.get(t, path).body)
	}
}

func TestASecretIsRotatedWithAnOverlap(t *testing.T) {
	s := newServer(t)
	b := s.signedIn(t, adminKey)
	e := s.receiver(t, http.StatusOK, "Rotating")
	path := "/endpoints/" + e.ID
	rotation := url.Values{"once": {once.FindStringSubmatch(b.get(t, path).body)[1]}, "algorithm": {"hmac-sha256"}, "overlapHours": {"72"}}
	rotated := b.post(t, path+"/rotate-secret", rotation)
	require.Equal(t, http.StatusOK, rotated.status)
	secrets := s.endpoints(t)[0].Secrets
	require.Len(t, secrets, 2)
	require.Equal(t, secrets[0].Value, html.UnescapeString(whsec.FindStringSubmatch(rotated.body)[1]))
	require.NotContains(t, rotated.body, html.EscapeString(secrets[1].Value))
	require.WithinDuration(t, time.Now().Add(72*time.Hour), *secrets[1].ExpiresAt, time.Minute)
	require.Equal(t, path, b.post(t, path+"/rotate-secret", rotation).header.Get("Location"), "the page was loaded again: that makes no other secret")

	ed25519 := b.post(t, path+"/rotate-secret", url.Values{"algorithm": {"ed25519"}, "overlapHours": {"0"}})
	require.Contains(t, ed25519.body, "whpk_")
	require.NotContains(t, ed25519.body, "whsk_")
	page := b.get(t, path).body
	require.Contains(t, page, "whpk_")
	require.NotRegexp(t, `whsec_|whsk_`, page)
	require.Equal(t, path, b.post(t, path+"/end-overlap", nil).header.Get("Location"))
	require.Len(t, s.endpoints(t)[0].Secrets, 2, "the newest of each algorithm")
	require.NotContains(t, b.get(t, path).body, path+"/end-overlap")
	page = b.get(t, path).body
	require.NotContains(t, page, `<option value="0">`, "nothing is ended at one click")
	replacing := path + "/rotate-secret?algorithm=hmac-sha256"
	require.Regexp(t, `<a class="button danger" href="`+regexp.QuoteMeta(replacing)+`"[^>]* data-ask>Replace at once`, page)
	asked := b.get(t, replacing).body
	require.Contains(t, asked, "refuses every message until it has the new one.")
	answer := url.Values{}
	for _, field := range regexp.MustCompile(`type="hidden" name="(\w+)" value="([^"]*)"`).FindAllStringSubmatch(asked, -1) {
		answer.Set(field[1], field[2])
	}
	before := s.endpoints(t)[0].Secrets
	require.Equal(t, http.StatusOK, b.post(t, path+"/rotate-secret", answer).status)
	require.Len(t, s.endpoints(t)[0].Secrets, len(before), "the old one is gone")
	require.NotEqual(t, before, s.endpoints(t)[0].Secrets)
	require.Equal(t, http.StatusNotFound, b.get(t, path+"/rotate-secret?algorithm=rot13").status)
	for _, wrong := range []url.Values{{"algorithm": {"rot13"}, "overlapHours": {"1"}}, {"algorithm": {"ed25519"}, "overlapHours": {"169"}}} {
		require.Equal(t, http.StatusUnprocessableEntity, b.post(t, path+"/rotate-secret", wrong).status)
	}
}

func TestATestShowsTheAnswerAsText(t *testing.T) {
	s := newServer(t)
	b := s.signedIn(t, adminKey)
	partner := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, strings.Join(naughty, "\n")+"\xff\x00")
	}))
	t.Cleanup(partner.Close)
	e, err := s.service.CreateEndpoint(t.Context(), s.admin, subscription.New(partner.URL, subscription.Clearance{}), nil)
	require.NoError(t, err)
	tested := b.post(t, "/endpoints/"+e.ID+"/test", url.Values{"event": {"CREATE_CASE"}})
	require.Equal(t, http.StatusOK, tested.status)
	require.Contains(t, tested.body, "418 I&#39;m a teapot")
	require.Contains(t, tested.body, `value="CREATE_CASE" selected`)
	for _, text := range naughty[:3] {
		require.NotContains(t, tested.body, text)
	}
	require.Contains(t, tested.body, "&lt;script&gt;marked()&lt;/script&gt;")
	require.Equal(t, http.StatusUnprocessableEntity, b.post(t, "/endpoints/"+e.ID+"/test", url.Values{"event": {"NOTHING"}}).status)
}

func TestAnEndpointThatIsNotThereIsNotFound(t *testing.T) {
	s := newServer(t)
	b := s.signedIn(t, adminKey)
	for _, path := range []string{"/endpoints/x", "/endpoints/0190a6e1-0000-7000-8000-000000000000", "/endpoints/0190a6e1-0000-7000-8000-000000000000/edit"} {
		require.Equal(t, http.StatusNotFound, b.get(t, path).status, path)
	}
}
