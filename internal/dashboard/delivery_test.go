package dashboard_test

import (
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
	"github.com/casehook/casehook/webhook"
)

// received is a message as a partner was sent it.
type received struct {
	header http.Header
	body   []byte
}

// partner makes an endpoint that answers with what it is sent, under that status.
func (s *server) partner(t *testing.T, status int, set ...func(*subscription.Endpoint)) (*subscription.Endpoint, chan received) {
	t.Helper()
	messages := make(chan received, 16)
	r := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		messages <- received{r.Header, body}
		if status == http.StatusServiceUnavailable { // and then no test runs against the next attempt
			w.Header().Set("Retry-After", "3600")
		}
		w.WriteHeader(status)
		_, _ = w.Write(append([]byte("\x00\xff"), body...))
	}))
	t.Cleanup(r.Close)
	draft := subscription.New(r.URL+"/hooks", service.FullClearance)
	for _, set := range set {
		set(draft)
	}
	endpoint, err := s.service.CreateEndpoint(t.Context(), s.admin, draft, nil)
	require.NoError(t, err)
	return endpoint, messages
}

// sent waits until a case has n deliveries that were attempted, and returns them, the newest first.
func (s *server) sent(t *testing.T, caseID string, n int) []service.Delivery {
	t.Helper()
	var found []service.Delivery
	require.Eventually(t, func() bool {
		var err error
		found, _, err = s.service.Deliveries(t.Context(), s.admin, service.DeliveryFilter{CaseID: caseID, Tried: true}, service.Page{})
		require.NoError(t, err)
		return len(found) == n && !slices.ContainsFunc(found, func(d service.Delivery) bool { return d.State == store.Sending })
	}, 10*time.Second, 5*time.Millisecond)
	return found
}

func TestWhatWasSentIsHiddenUntilItIsAskedFor(t *testing.T) {
	s := newServer(t)
	s.partner(t, http.StatusOK, func(e *subscription.Endpoint) {
		e.URL, e.Headers = e.URL+"?token=canary", map[string]string{"X-Key": "canary"}
	})
	c := s.open(t, mark)
	d := s.sent(t, c.ID, 2)[1]
	b := s.signedIn(t, adminKey)
	for _, path := range []string{"/deliveries", "/deliveries/" + d.ID, "/deliveries/" + d.ID + "/progress"} {
		hidden := b.get(t, path)
		require.Equal(t, http.StatusOK, hidden.status)
		require.Contains(t, hidden.body, "Case opened")
		for _, secret := range []string{"marked()", "mail.example", "v1,", "canary"} {
			require.NotContains(t, hidden.body, secret, path)
		}
	}
	shown := b.post(t, "/deliveries/"+d.ID+"/reveal", nil)
	require.Equal(t, http.StatusOK, shown.status)
	require.Regexp(t, `(?s)<pre class="answer"[^>]*>[^<]*&lt;script&gt;marked\(\)`, shown.body)
	require.Contains(t, shown.body, "Byte for byte what was sent")
	require.NotContains(t, shown.body, "<script>marked()")
	require.NotContains(t, shown.body, "canary")
	require.NotContains(t, b.get(t, "/deliveries/"+d.ID).body, "marked()", "it is shown that once")

	entries, _, err := s.service.Audit(t.Context(), s.admin, service.AuditFilter{Operation: "revealDelivery"}, service.Page{})
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.Equal(t, d.ID, entries[0].Details.Resources["deliveryId"])
}

func TestAKeyIsShownNoMoreOfADeliveryThanItIsClearedFor(t *testing.T) {
	s := newServer(t)
	s.partner(t, http.StatusOK)
	c := s.open(t, mark)
	_, err := s.service.Change(t.Context(), s.admin, c.ID, caselog.AddComment{Text: mark, IsRestricted: true}, nil)
	require.NoError(t, err)
	deliveries := s.sent(t, c.ID, 3)
	b := s.signedIn(t, s.key(t, service.Reader, subscription.Clearance{}).Secret)
	shown := b.post(t, "/deliveries/"+deliveries[2].ID+"/reveal", nil)
	require.Equal(t, http.StatusOK, shown.status)
	require.Contains(t, shown.body, "cleared for less than the endpoint")
	for _, secret := range []string{"mail.example", "marked()", "v1,", "curl"} {
		require.NotContains(t, shown.body, secret)
	}
	saved := b.post(t, "/deliveries/"+deliveries[2].ID+"/body", nil)
	require.Equal(t, http.StatusOK, saved.status)
	require.NotContains(t, saved.body, "mail.example")
	require.Equal(t, http.StatusNotFound, b.get(t, "/deliveries/"+deliveries[0].ID).status, "it is of a restricted event")
	for _, q := range []string{deliveries[0].EventID, deliveries[0].ID} {
		require.Equal(t, http.StatusNotFound, b.search(t, q).status, "it is of a restricted event")
	}
}

func TestWhatWasSentIsSavedByteForByte(t *testing.T) {
	s := newServer(t)
	_, messages := s.partner(t, http.StatusOK)
	d := s.sent(t, s.open(t, mark).ID, 2)[1]
	saved := s.signedIn(t, adminKey).post(t, "/deliveries/"+d.ID+"/body", nil)
	require.Equal(t, string((<-messages).body), saved.body)
	require.Contains(t, saved.header.Get("Content-Disposition"), "attachment")
}

// The command is run as it is copied, in a shell.
func TestTheCommandSendsWhatWasSent(t *testing.T) {
	_, err := exec.LookPath("curl")
	require.NoError(t, err, "curl is needed (Debian: apt-get install curl)")
	s := newServer(t)
	endpoint, messages := s.partner(t, http.StatusOK, func(e *subscription.Endpoint) { e.Headers = map[string]string{"X-Key": "secret"} })
	d := s.sent(t, s.open(t, `it's "mark" $HOME \ `+"`id`").ID, 2)[1]
	first := <-messages
	<-messages
	shown := s.signedIn(t, adminKey).post(t, "/deliveries/"+d.ID+"/reveal", nil)
	copied := regexp.MustCompile(`data-copy="(curl [^"]*)"`).FindStringSubmatch(shown.body)
	require.NotNil(t, copied)
	out, err := exec.CommandContext(t.Context(), "sh", "-c", html.UnescapeString(copied[1])).CombinedOutput()
	require.NoError(t, err, string(out))
	again := <-messages
	require.Equal(t, string(first.body), string(again.body))
	require.Equal(t, "FILL_IN", again.header.Get("X-Key"))
	again.header.Set("X-Key", "secret")
	again.header.Del("Accept")
	first.header.Del("Accept-Encoding")
	require.Equal(t, first.header, again.header)
	require.NoError(t, webhook.VerifyCV(again.header, again.body, endpoint.Secrets[0].Value))
}

func TestDeliveriesAreFiltered(t *testing.T) {
	s := newServer(t)
	well, _ := s.partner(t, http.StatusOK)
	s.partner(t, http.StatusServiceUnavailable)
	c, other := s.open(t, "mark"), s.open(t, "mark")
	s.sent(t, other.ID, 3)
	deliveries := s.sent(t, c.ID, 3)
	b := s.signedIn(t, adminKey)
	rows := regexp.MustCompile(`<th scope="row"><a href="/deliveries/`)
	for query, want := range map[string]int{
		"":                     8,
		"?caseId=" + c.ID:      4,
		"?caseId=" + c.ShortID: 4,
		"?caseId=" + c.ShortID + "&state=delivered": 2,
		"?endpointId=" + well.ID:                    4,
		"?eventId=" + deliveries[0].EventID:         2,
		"?state=pending&tried=yes":                  2,
		"?state=pending":                            4,
		"?state=failed":                             0,
		"?until=2020-01-01":                         0,
		"?since=2020-01-01T00:00":                   8,
		"?caseId=ADA-00000":                         0,
		"?eventId=none":                             0,
		"?caseId=%E2%80%AE%3Cscript%3Emarked()":     0,
	} {
		got := b.get(t, "/deliveries"+query)
		require.Equal(t, http.StatusOK, got.status, query)
		require.Len(t, rows.FindAllString(got.body, -1), want, query)
		require.NotContains(t, got.body, "<script>marked()", query)
	}
	for _, query := range []string{"?since=yesterday", "?tried=maybe", "?caseId=%00", "?cursor=x", "?state=%22%3E%3Cscript%3Emarked()"} {
		require.Equal(t, http.StatusUnprocessableEntity, b.get(t, "/deliveries"+query).status, query)
	}
}

func TestWhatIsWrongInAFilterOfDeliveriesIsSaidBesideItsField(t *testing.T) {
	b := newServer(t).signedIn(t, adminKey)
	for query, want := range map[string]string{
		"?state=%22%3E%3Cscript%3Emarked()":      `id="state-wrong">Must be one of pending, sending, delivered, failed, canceled.`,
		"?endpointId=%3Cscript%3Emarked()":       `id="endpointId-wrong">Must be an endpoint of the organization, or one that was deleted.`,
		"?event=SNEEZE%3Cscript%3Emarked()":      `id="event-wrong">Must be one of ADD_CASE_COMMENT`,
		"?endpointId=019ac0de-0000-7000-8000-00": `id="endpointId-wrong"`,
	} {
		got := b.get(t, "/deliveries"+query)
		require.Equal(t, http.StatusUnprocessableEntity, got.status, query)
		require.Contains(t, got.body, want, query)
		require.NotContains(t, got.body, "<script>marked()", query)
		require.NotContains(t, got.body, "No delivery is like that", query)
	}
	require.Contains(t, b.get(t, "/deliveries").body, "Canceled or withheld</option>")
}

func TestADeliveryIsFoundByWhatAPartnerKnowsOfIt(t *testing.T) {
	s := newServer(t)
	s.partner(t, http.StatusOK)
	d := s.sent(t, s.open(t, "mark").ID, 2)[0]
	b := s.signedIn(t, adminKey)
	for q, want := range map[string]string{
		d.ID:                  "/deliveries/" + d.ID,
		d.EventID:             "/deliveries?eventId=" + d.EventID,
		" " + d.EventID + " ": "/deliveries?eventId=" + d.EventID,
		d.EndpointID:          "/endpoints/" + d.EndpointID,
	} {
		require.Equal(t, want, b.search(t, q).header.Get("Location"))
	}
	require.Equal(t, http.StatusNotFound, b.get(t, "/deliveries/none").status)
}

func TestAnEventThatWasSentToNobodyIsFoundToo(t *testing.T) {
	s := newServer(t)
	c := s.open(t, "mark")
	got := s.signedIn(t, adminKey).get(t, "/deliveries?eventId="+c.Activity[1].ID)
	require.Contains(t, got.body, "This event was sent to nobody")
	require.Contains(t, got.body, "Comment added")
	require.Contains(t, got.body, "/cases/"+c.ID)
}

func TestOnlyAnAdminSendsAgainAndCancels(t *testing.T) {
	s := newServer(t)
	endpoint, messages := s.partner(t, http.StatusOK)
	c := s.open(t, "mark")
	d := s.sent(t, c.ID, 2)[0]
	<-messages
	<-messages
	_, err := s.service.PauseEndpoint(t.Context(), s.admin, endpoint.ID, nil)
	require.NoError(t, err)
	path := "/deliveries/" + d.ID

	writer := s.signedIn(t, s.key(t, service.Writer, service.FullClearance).Secret)
	for _, word := range []string{"Send again", "Retry now", "Cancel delivery", "Replay the case"} {
		require.NotContains(t, writer.get(t, path).body, word)
	}
	for _, deed := range []string{"/retry", "/cancel"} {
		require.Equal(t, http.StatusForbidden, writer.post(t, path+deed, nil).status)
	}

	admin := s.signedIn(t, adminKey)
	require.Contains(t, admin.get(t, path).body, "Send again")
	require.Equal(t, path, admin.post(t, path+"/retry", nil).header.Get("Location"))
	waiting := admin.get(t, path)
	require.Contains(t, waiting.body, "You had it sent again at ")
	require.Contains(t, waiting.body, "the endpoint is paused")
	require.NotContains(t, waiting.body, "Retry now", "it would do nothing")
	require.Contains(t, waiting.body, `action="/endpoints/`+endpoint.ID+`/resume"`)
	require.NotContains(t, writer.get(t, path).body, "Resume the endpoint")
	require.Equal(t, path, admin.post(t, path+"/cancel", nil).header.Get("Location"))
	require.Contains(t, admin.get(t, path).body, "It was given up by the key “Administrator”, and its lane went on without it.")
	again := admin.post(t, path+"/cancel", nil)
	require.Equal(t, http.StatusConflict, again.status)
	require.Contains(t, again.body, `role="alert">The delivery is finished already.`)
	require.Contains(t, again.body, "Send again", "it is said on the page of the delivery")
	require.Contains(t, writer.get(t, path).body, "It was given up, and its lane", "who did is for who may read the audit")
	require.Empty(t, messages)
}

func TestOfWhatIsWithheldNothingIsShown(t *testing.T) {
	s := newServer(t)
	endpoint, _ := s.partner(t, http.StatusOK)
	c := s.open(t, "mark")
	_, err := s.service.Change(t.Context(), s.admin, c.ID, caselog.AddComment{Text: "between us", IsRestricted: true}, nil)
	require.NoError(t, err)
	path := "/deliveries/" + s.sent(t, c.ID, 3)[0].ID
	_, err = s.service.UpdateEndpoint(t.Context(), s.admin, endpoint.ID, func(e *subscription.Endpoint) error {
		e.Clearance.Restricted = false
		return nil
	})
	require.NoError(t, err)
	b := s.signedIn(t, adminKey)
	shown := b.post(t, path+"/reveal", nil)
	require.Equal(t, http.StatusOK, shown.status)
	require.Contains(t, shown.body, "The message is withheld: the endpoint is not cleared for what is restricted.")
	saved := b.post(t, path+"/body", nil)
	require.Equal(t, http.StatusConflict, saved.status)
	require.NotContains(t, saved.body, "between us")
}

func TestWhatIsWithheldAtItsTurnIsToldAlikeEverywhere(t *testing.T) {
	s := newServer(t)
	endpoint, _ := s.partner(t, http.StatusOK)
	_, err := s.service.PauseEndpoint(t.Context(), s.admin, endpoint.ID, nil)
	require.NoError(t, err)
	c := s.open(t, "mark")
	_, err = s.service.Change(t.Context(), s.admin, c.ID, caselog.AddComment{Text: "between us", IsRestricted: true}, nil)
	require.NoError(t, err)
	clearFor := func(restricted bool) {
		_, err := s.service.UpdateEndpoint(t.Context(), s.admin, endpoint.ID, func(e *subscription.Endpoint) error {
			e.Clearance.Restricted = restricted
			return nil
		})
		require.NoError(t, err)
	}
	clearFor(false)
	b := s.signedIn(t, adminKey)
	require.Contains(t, b.get(t, "/cases/"+c.ID).body, "to be withheld: the endpoint is not cleared for what is restricted")
	_, err = s.service.ResumeEndpoint(t.Context(), s.admin, endpoint.ID, nil)
	require.NoError(t, err)
	d := s.sent(t, c.ID, 3)[0]
	path := "/deliveries/" + d.ID
	for _, page := range []string{"/cases/" + c.ID, "/deliveries", "/endpoints/" + endpoint.ID, "/live"} {
		told := b.get(t, page).body
		require.Equal(t, 1, strings.Count(told, "never sent: the endpoint is not cleared for what is restricted"), page)
		require.Equal(t, 1, strings.Count(told, "</span> Withheld"), page)
		for _, wrong := range []string{"</span> Canceled", "</span> Failing", "o answer"} {
			require.NotContains(t, told, wrong, page)
		}
	}
	told := b.get(t, path).body
	require.Contains(t, told, "Never sent: the endpoint is not cleared for what is restricted.")
	require.Contains(t, told, "What would have been sent")
	require.Contains(t, told, "<dt>Attempts</dt><dd>0</dd>")
	require.NotContains(t, told, `<span class="number">1</span>`, "none was made")
	require.NotContains(t, told, "Send again")
	for _, answer := range []answer{b.post(t, path+"/retry", nil), b.get(t, path+"/retry")} {
		require.Equal(t, http.StatusConflict, answer.status)
		require.Regexp(t, `role="alert">The .*endpoint is not cleared for what is restricted`, answer.body)
		require.Contains(t, answer.body, "What would have been sent", "it is said on the page of the delivery")
	}
	clearFor(true)
	told = b.get(t, path).body
	require.Contains(t, told, "It is now, and this can be sent again.")
	require.Contains(t, told, "Send again")
	shown := b.post(t, path+"/reveal", nil).body
	require.Contains(t, shown, "Never sent: this is what would be sent now.")
	require.NotContains(t, shown, "Copy as curl")
}

func TestWhatIsWithheldIsToldOfEveryEndpoint(t *testing.T) {
	s := newServer(t)
	for range service.MaxLimit {
		s.partner(t, http.StatusOK, func(e *subscription.Endpoint) { e.Events = []string{"ARCHIVE_CASE"} })
	}
	s.partner(t, http.StatusOK, func(e *subscription.Endpoint) { e.Clearance.Restricted = false })
	c := s.open(t, "mark")
	s.change(t, c.ID, caselog.AddComment{Text: "between us", IsRestricted: true})
	told := s.signedIn(t, adminKey).get(t, "/cases/"+c.ID).body
	require.Contains(t, told, "never sent: the endpoint is not cleared for what is restricted")
	require.NotContains(t, told, "Sent to nobody")
}

func TestRowsTellWhatADeliveryWaitsFor(t *testing.T) {
	s := newServer(t)
	endpoint, _ := s.partner(t, http.StatusServiceUnavailable)
	c := s.open(t, "mark")
	first := s.sent(t, c.ID, 1)[0]
	b := s.signedIn(t, adminKey)
	pages := []string{"/cases/" + c.ID, "/deliveries"}
	for _, page := range pages {
		told := b.get(t, page).body
		require.Equal(t, 1, strings.Count(told, "next attempt <time"), page)
		require.Contains(t, told, `behind <a href="/deliveries/`+first.ID+`">event 1</a>`, page)
	}
	require.Contains(t, b.get(t, "/endpoints/"+endpoint.ID).body, "next attempt <time")
	_, err := s.service.PauseEndpoint(t.Context(), s.admin, endpoint.ID, nil)
	require.NoError(t, err)
	for _, page := range pages {
		require.Equal(t, 2, strings.Count(b.get(t, page).body, "endpoint paused"), page)
	}
	waits := b.get(t, "/deliveries/"+first.ID+"/retry")
	require.Equal(t, http.StatusConflict, waits.status)
	require.Contains(t, waits.body, `role="alert">It is not finished: it is sent at its turn.`)
	_, err = s.service.CancelDelivery(t.Context(), s.admin, first.ID, nil)
	require.NoError(t, err)
	question := b.get(t, "/deliveries/"+first.ID+"/retry").body
	require.Contains(t, question, "The endpoint is paused: it is sent once that is resumed.")
}

func TestDeliveriesAreFilteredByWhatHappened(t *testing.T) {
	s := newServer(t)
	s.partner(t, http.StatusOK)
	c := s.open(t, "mark")
	s.sent(t, c.ID, 2)
	b := s.signedIn(t, adminKey)
	opened := b.get(t, "/deliveries?event=CREATE_CASE").body
	require.Contains(t, opened, `<option value="CREATE_CASE" selected>Case opened</option>`)
	require.Equal(t, 1, strings.Count(opened, `<th scope="row">`))
	require.NotContains(t, opened, "Looked through")
	require.Contains(t, b.get(t, "/deliveries?event=REOPEN_CASE").body, "No delivery is like that")
	require.Equal(t, http.StatusUnprocessableEntity, b.get(t, "/deliveries?event=SNEEZE").status)
	backward := b.get(t, "/deliveries?since=2026-02-01T00:00&until=2026-01-01T00:00")
	require.Equal(t, http.StatusUnprocessableEntity, backward.status)
	require.Contains(t, backward.body, `id="until-wrong">Must be later than the other time.`)

	// Of more than is looked at at once, the page says how far it has looked: until the day that is
	// in the ids, whose first 48 bits are a time in ms (RFC 9562, section 5.7).
	const idsOf, day = "019ac0de-0000-7000-8000-", "2025-11-26 "
	s.exec(t, `
		WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
		INSERT INTO deliveries (id, organization_id, event_id, event_type, endpoint_id, case_id, lane, sequence, state, tries, created_at, finished_at)
		SELECT '`+idsOf+`' || CAST(100000000000 + i AS TEXT), d.organization_id, CAST(i AS TEXT), 'ADD_CASE_COMMENT', d.endpoint_id, d.case_id, d.lane, i + 2, 'delivered', 1, d.created_at, d.created_at
		FROM n
		JOIN (SELECT organization_id, endpoint_id, case_id, lane, created_at FROM deliveries LIMIT 1) AS d`)
	for _, path := range []string{"/deliveries?event=REOPEN_CASE", "/deliveries?event=CREATE_CASE"} {
		page := b.get(t, path).body
		require.Contains(t, page, "Looked through what was made since", path)
		require.Contains(t, page, day, path)
		require.Contains(t, page, ">Older</a>", path)
	}
	require.Contains(t, b.get(t, "/deliveries?event=REOPEN_CASE").body, "Nothing was found yet")
}

func TestOfWhatIsGoneThePageOfADeliverySaysSo(t *testing.T) {
	s := newServer(t)
	endpoint, _ := s.partner(t, http.StatusOK)
	c := s.open(t, "mark")
	d := s.sent(t, c.ID, 2)[0]
	b := s.signedIn(t, adminKey)
	require.NoError(t, s.service.DeleteEndpoint(t.Context(), s.admin, endpoint.ID))
	require.Contains(t, b.get(t, "/deliveries/"+d.ID).body, "Its endpoint was deleted")
	require.Equal(t, http.StatusNotFound, b.post(t, "/deliveries/"+d.ID+"/body", nil).status)
	refused := b.get(t, "/deliveries/"+d.ID+"/retry")
	require.Equal(t, http.StatusConflict, refused.status)
	require.Contains(t, refused.body, `role="alert">Its endpoint was deleted`)
	require.NoError(t, s.service.EraseCase(t.Context(), s.admin, c.ID))
	for _, page := range []answer{b.get(t, "/deliveries/"+d.ID), b.post(t, "/deliveries/"+d.ID+"/reveal", nil)} {
		require.Contains(t, page.body, "Its case was erased")
	}
	refused = b.get(t, "/deliveries/"+d.ID+"/retry")
	require.Equal(t, http.StatusConflict, refused.status)
	require.Contains(t, refused.body, `role="alert">Its case was erased`)
	require.Contains(t, b.get(t, "/deliveries?eventId="+d.EventID).body, "An event of a case that was erased")
}
