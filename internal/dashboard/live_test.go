package dashboard_test

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/subscription"
)

// patience is how long a test waits for what must come before it fails.
const patience = time.Minute

// streamed is a stream that a browser has open.
type streamed struct {
	t     *testing.T
	lines *bufio.Scanner
	leave context.CancelFunc
	last  string // the id of the last event
}

// follow opens a stream.
func (b *browser) follow(t *testing.T, path string, header ...string) *streamed {
	t.Helper()
	ctx, leave := context.WithTimeout(t.Context(), patience)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url+path, nil)
	require.NoError(t, err)
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := b.client.Do(request)
	require.NoError(t, err)
	t.Cleanup(func() { leave(); _ = response.Body.Close() })
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, "text/event-stream", response.Header.Get("Content-Type"))
	s := &streamed{t: t, lines: bufio.NewScanner(response.Body), leave: leave}
	s.sees("retry: ")
	return s
}

// sees reads on until a line has a text.
func (s *streamed) sees(text string) (read string) {
	s.t.Helper()
	for s.lines.Scan() {
		read += s.lines.Text() + "\n"
		if id, ok := strings.CutPrefix(s.lines.Text(), "id: "); ok {
			s.last = id
		}
		if strings.Contains(s.lines.Text(), text) {
			return read
		}
	}
	require.Fail(s.t, "the stream has ended without "+text, read)
	return ""
}

// ends reads all that comes until the stream ends.
func (s *streamed) ends() (read string) {
	s.t.Helper()
	for s.lines.Scan() {
		read += s.lines.Text() + "\n"
	}
	require.NoError(s.t, s.lines.Err())
	return read
}

func TestWhatHappensIsSeenAsItHappens(t *testing.T) {
	s := newServer(t)
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	t.Cleanup(receiver.Close)
	_, err := s.service.CreateEndpoint(t.Context(), s.admin, &subscription.Endpoint{
		URL: receiver.URL + "/hooks?token=marked", Events: []string{subscription.AllEvents}, Clearance: service.FullClearance,
		Payload: subscription.PayloadEvent, Documents: subscription.DocumentsBase64, Ordering: subscription.OrderingCase,
		Signing: []subscription.Signing{subscription.SigningStandard}, Timeout: subscription.DefaultTimeout, MaxInFlight: subscription.DefaultMaxInFlight,
	}, nil)
	require.NoError(t, err)
	b := s.signedIn(t, adminKey)
	before := s.open(t, mark)
	page := b.get(t, "/live").body
	require.Contains(t, page, before.ShortID)
	require.Contains(t, page, "Comment added")

	stream := b.follow(t, "/live/stream")
	c := s.open(t, mark)
	read := stream.sees("Delivered")
	read += stream.sees("ms</td>")
	require.Contains(t, read, c.ShortID)
	require.NotContains(t, read, before.ShortID, "it begins now")
	require.NotContains(t, page+read, "marked", "neither the patient nor what is secret of a URL")
	after := stream.last
	stream.leave()

	s.change(t, c.ID, caselog.AddComment{Text: mark})
	again := b.follow(t, "/live/stream?event=ADD_CASE_COMMENT", "Last-Event-ID", after)
	require.NotContains(t, again.sees("Comment added"), "Case opened")

	entries, _, err := s.service.Audit(t.Context(), s.admin, service.AuditFilter{Operation: "watchLive"}, service.Page{})
	require.NoError(t, err)
	require.Len(t, entries, 1, "it is on record when it is opened")
}

func TestAStreamNamesAnEndpointAsItIsCalledNow(t *testing.T) {
	s := newServer(t)
	e := s.receiver(t, http.StatusOK, "The pharmacy")
	c := s.open(t, mark)
	s.sent(t, c.ID, 2)
	stream := s.signedIn(t, adminKey).follow(t, "/live/stream")
	s.change(t, c.ID, caselog.Escalate{})
	stream.sees("<bdi>The pharmacy</bdi>")
	s.sent(t, c.ID, 3)
	_, err := s.service.UpdateEndpoint(t.Context(), s.admin, e.ID, func(e *subscription.Endpoint) error {
		e.Description = "The laboratory"
		return nil
	})
	require.NoError(t, err)
	s.change(t, c.ID, caselog.AddComment{Text: mark})
	stream.sees("<bdi>The laboratory</bdi>")
}

func TestWhatIsRestrictedIsSeenByThoseWhoMay(t *testing.T) {
	s := newServer(t)
	c := s.open(t, mark)
	all := s.signedIn(t, adminKey).follow(t, "/live/stream?event=ADD_CASE_COMMENT")
	few := s.signedIn(t, s.key(t, service.Reader, subscription.Clearance{PHI: true}).Secret).follow(t, "/live/stream")
	s.change(t, c.ID, caselog.AddComment{Text: mark, IsRestricted: true})
	all.sees("Comment added")
	s.change(t, c.ID, caselog.Escalate{})
	require.NotContains(t, few.sees("Escalated"), "Comment added")
}

func TestAStreamEndsWithItsSession(t *testing.T) {
	s := newServer(t)
	key := s.key(t, service.Reader, service.FullClearance)
	out, revoked := s.signedIn(t, adminKey), s.signedIn(t, key.Secret)
	first, second := out.follow(t, "/live/stream"), revoked.follow(t, "/live/stream")
	out.post(t, "/logout", nil)
	require.NoError(t, s.service.RevokeKey(t.Context(), s.admin, key.ID))
	require.Contains(t, first.ends(), "event: end")
	require.Contains(t, second.ends(), "event: end")
	require.Equal(t, http.StatusSeeOther, out.get(t, "/live/stream").status)
}

func TestStreamsEndWhereTheServerDoes(t *testing.T) {
	s := newServer(t)
	stream := s.signedIn(t, adminKey).follow(t, "/live/stream")
	s.door.EndStreams()
	require.NotContains(t, stream.ends(), "event: end", "the browser is to connect again")

	late := s.signedIn(t, adminKey).follow(t, "/live/stream")
	require.NotContains(t, late.ends(), "event: end")
	require.NotContains(t, s.log.String(), "level=ERROR")
}

func TestWhatCannotBeWatchedIsRefused(t *testing.T) {
	s := newServer(t)
	b := s.signedIn(t, adminKey)
	for _, query := range []url.Values{{"event": {naughty[0]}}, {"after": {"x"}}, {"after": {naughty[0]}}} {
		got := b.get(t, "/live/stream?"+query.Encode())
		require.Equal(t, http.StatusUnprocessableEntity, got.status, query)
		require.NotContains(t, got.body, naughty[0])
	}
	require.Equal(t, http.StatusOK, b.get(t, "/live?endpoint=nothing").status)
	require.Equal(t, http.StatusSeeOther, s.browser(t).get(t, "/live/stream").status, "nobody is signed in")
}

func TestWhereAStreamWasTellsNothingOfOtherOrganizations(t *testing.T) {
	s := newServer(t)
	s.open(t, "mark")
	latest, err := s.service.Latest(t.Context(), s.admin, service.LiveFilter{}, 1)
	require.NoError(t, err)
	place, err := base64.RawURLEncoding.DecodeString(latest.Next)
	require.NoError(t, err)
	require.False(t, json.Valid(place))
	operator, err := s.service.Authenticate(t.Context(), operatorKey, "")
	require.NoError(t, err)
	other, err := s.service.CreateOrganization(t.Context(), operator, service.Organization{Name: "Acme", ShortIDPrefix: "ACM"}, nil)
	require.NoError(t, err)
	query := "/live/stream?" + url.Values{"after": {latest.Next}}.Encode()
	require.Equal(t, http.StatusUnprocessableEntity, s.signedIn(t, other.AdminKey).get(t, query).status)
	s.signedIn(t, adminKey).follow(t, query)
}

// change changes a case.
func (s *server) change(t *testing.T, caseID string, command caselog.Command) {
	t.Helper()
	_, err := s.service.Change(t.Context(), s.admin, caseID, command, nil)
	require.NoError(t, err)
}
