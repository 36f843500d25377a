package dashboard_test

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/subscription"
)

// mark is what no page shows before somebody asks, and then as text.
const mark = `<script>marked()</script>`

func TestWhatTellsOfAPatientIsHiddenUntilItIsAskedFor(t *testing.T) {
	s := newServer(t)
	c := s.open(t, mark)
	b := s.signedIn(t, adminKey)
	for page, reveal := range map[string]string{"/cases": "/cases/reveal", "/cases/" + c.ID: "/cases/" + c.ID + "/reveal", "/cases/" + c.ID + "?asOf=2": "/cases/" + c.ID + "/reveal?asOf=2"} {
		hidden := b.get(t, page)
		require.Equal(t, http.StatusOK, hidden.status)
		require.Contains(t, hidden.body, c.ShortID)
		require.Contains(t, hidden.body, "••••")
		require.NotContains(t, hidden.body, "marked()")
		require.NotContains(t, hidden.body, "mail.example")

		shown := b.post(t, reveal, nil)
		require.Equal(t, http.StatusOK, shown.status)
		require.Contains(t, shown.body, "&lt;script&gt;marked()")
		require.NotContains(t, shown.body, "<script>marked()")
		require.NotContains(t, b.get(t, page).body, "marked()", "it is shown for that page only")
	}
	entries, _, err := s.service.Audit(t.Context(), s.admin, service.AuditFilter{CaseID: c.ID}, service.Page{})
	require.NoError(t, err)
	operations := map[string]int{}
	for _, e := range entries {
		operations[e.Operation]++
		require.Equal(t, http.StatusOK, e.Status)
	}
	require.Equal(t, map[string]int{"getCase": 4, "revealCase": 2, "revealCases": 1}, operations)
}

func TestWhoIsNotClearedForPHIIsToldSo(t *testing.T) {
	s := newServer(t)
	c := s.open(t, "mark")
	s.partner(t, http.StatusOK)
	s.change(t, c.ID, caselog.Escalate{})
	delivery := "/deliveries/" + s.sent(t, c.ID, 1)[0].ID
	const told = "Your key is not cleared for PHI"
	blind := s.signedIn(t, s.key(t, service.Reader, subscription.Clearance{Restricted: true}).Secret)
	for page, rest := range map[string]string{"/cases": "", "/cases/" + c.ID: ">Show what was written<", delivery: ">Show what was sent<"} {
		got := blind.get(t, page).body
		require.Contains(t, got, told)
		require.NotContains(t, got, "Show patient data")
		require.Contains(t, got, rest)
		require.NotContains(t, s.signedIn(t, adminKey).get(t, page).body, told)
	}
	require.NotContains(t, blind.get(t, "/cases").body, "/cases/reveal", "there is nothing to be shown")
}

func TestWhatTheKeeperOfACaseHasWrittenOfItsEventsIsHidden(t *testing.T) {
	s := newServer(t)
	c := s.open(t, "mark")
	s.tell(t, caseupdate.EventEscalateCase, c.ID, `"valueBefore":null,"valueAfter":null`, `"valueBefore":"written before","valueAfter":"written after"`)
	s.tell(t, caseupdate.EventPaymentAdded, c.ID, `"status":"UNPAID"`, `"status":"written of a payment"`)
	b := s.signedIn(t, adminKey)
	hidden := b.get(t, "/cases/"+c.ID)
	require.Equal(t, http.StatusOK, hidden.status)
	require.NotContains(t, strings.ToLower(hidden.body), "written")
	shown := b.post(t, "/cases/"+c.ID+"/reveal", nil).body
	for _, written := range []string{"written before", "written after", "written of a payment"} {
		require.Contains(t, strings.ToLower(shown), written)
	}
}

// tell tells of an event by its body of the format, with a text in the place of another.
func (s *server) tell(t *testing.T, event caseupdate.Event, caseID, old, written string) {
	t.Helper()
	body, err := os.ReadFile(filepath.Join("..", "..", "caseupdate", "testdata", "golden", string(event)+".json"))
	require.NoError(t, err)
	known, err := caseupdate.Parse(body)
	require.NoError(t, err)
	require.Contains(t, string(body), old)
	var envelope struct{ Payload json.RawMessage }
	require.NoError(t, json.Unmarshal([]byte(strings.NewReplacer(known.Case().ID, caseID, known.Activity().ID, uuid.Must(uuid.NewV7()).String(), old, written).Replace(string(body))), &envelope))
	_, err = s.service.Tell(t.Context(), s.admin, []service.Telling{{CaseID: caseID, Event: string(event), Payload: envelope.Payload}}, func(int) string { return "" }, nil)
	require.NoError(t, err)
}

func TestAKeyIsShownWhatItIsClearedFor(t *testing.T) {
	s := newServer(t)
	c := s.open(t, mark)
	b := s.signedIn(t, s.key(t, service.Reader, subscription.Clearance{}).Secret)
	shown := b.post(t, "/cases/"+c.ID+"/reveal", nil)
	require.Equal(t, http.StatusOK, shown.status)
	require.NotContains(t, shown.body, "mail.example")
}

func TestTheTimelineTellsWhoWasSentAnEvent(t *testing.T) {
	s := newServer(t)
	_, err := s.service.CreateEndpoint(t.Context(), s.admin, &subscription.Endpoint{
		URL: "http://127.0.0.1:9/hooks?token=marked", Events: []string{subscription.AllEvents}, Clearance: subscription.Clearance{PHI: true},
		Payload: subscription.PayloadEvent, Documents: subscription.DocumentsBase64, Ordering: subscription.OrderingCase,
		Signing: []subscription.Signing{subscription.SigningStandard}, Timeout: subscription.DefaultTimeout, MaxInFlight: subscription.DefaultMaxInFlight,
	}, nil)
	require.NoError(t, err)
	c := s.open(t, "mark")
	_, err = s.service.Change(t.Context(), s.admin, c.ID, caselog.AddComment{Text: "mark", IsRestricted: true}, nil)
	require.NoError(t, err)
	page := s.signedIn(t, adminKey).get(t, "/cases/"+c.ID)
	require.Equal(t, 3, strings.Count(page.body, "<bdi>127.0.0.1:9/hooks</bdi>"))
	require.Equal(t, 2, strings.Count(page.body, `aria-label="Delivery to`), "what is sent leads to its delivery, what is withheld has none")
	require.Equal(t, 3, strings.Count(page.body, `href="/endpoints/`))
	require.Equal(t, 1, strings.Count(page.body, "the endpoint is not cleared for what is restricted"))
	require.NotContains(t, page.body, "token=marked")
}

func TestWhatIsToldLateIsWithheldToo(t *testing.T) {
	s := newServer(t)
	c := s.open(t, "mark")
	tell := func() { // of a comment that is older than all that is done here
		s.tell(t, caseupdate.EventAddCaseComment, c.ID, `"timestamp":"2026`, `"timestamp":"2025`)
	}
	tell()
	for told := time.Now().UnixMilli(); time.Now().UnixMilli() == told; { // which is first is known to the millisecond
		runtime.Gosched()
	}
	_, err := s.service.CreateEndpoint(t.Context(), s.admin, &subscription.Endpoint{
		URL: "http://127.0.0.1:9/hooks", Events: []string{subscription.AllEvents}, Clearance: subscription.Clearance{PHI: true},
		Payload: subscription.PayloadEvent, Documents: subscription.DocumentsBase64, Ordering: subscription.OrderingCase,
		Signing: []subscription.Signing{subscription.SigningStandard}, Timeout: subscription.DefaultTimeout, MaxInFlight: subscription.DefaultMaxInFlight,
	}, nil)
	require.NoError(t, err)
	tell()
	page := s.signedIn(t, adminKey).get(t, "/cases/"+c.ID).body
	require.Equal(t, 1, strings.Count(page, "the endpoint is not cleared for what is restricted"), "what was recorded before there was the endpoint was not withheld from it")
}

func TestARefusedFilterOfCasesShowsNone(t *testing.T) {
	s := newServer(t)
	c := s.open(t, "mark")
	b := s.signedIn(t, adminKey)
	for query, want := range map[string]string{
		"archived=maybe": `id="archived-wrong">Must be yes or no.`,
		"since=soon":     `id="since-wrong">Must be a time, such as 2026-11-23T14:05.`,
		"since=2026-11-23T14:05&until=2026-11-22T14:05": `id="until-wrong">Must be later than the other time.`,
	} {
		for _, refused := range []answer{b.get(t, "/cases?type=migraine&"+query), b.post(t, "/cases/reveal?type=migraine&"+query, nil)} {
			require.Equal(t, http.StatusUnprocessableEntity, refused.status, query)
			require.Contains(t, refused.body, want)
			require.Contains(t, refused.body, `name="type" value="migraine"`, "what was typed is kept")
			require.NotContains(t, refused.body, c.ShortID, "no case is shown")
		}
	}
}

func TestADocumentIsDownloadedByWhoIsClearedForIt(t *testing.T) {
	s := newServer(t)
	c := s.open(t, "mark")
	for _, upload := range []service.Upload{
		{FileName: "plain.html", Content: strings.NewReader("<script>plain</script>")},
		{FileName: "phi.txt", IsPHI: true, Content: strings.NewReader("phi")},
		{FileName: "restricted.txt", IsRestricted: true, Content: strings.NewReader("restricted")},
		{FileName: "deleted.txt", Content: strings.NewReader("deleted")},
	} {
		changed, err := s.service.AddAttachment(t.Context(), s.admin, c.ID, upload, nil)
		require.NoError(t, err)
		c = changed.Case
	}
	changed, err := s.service.Change(t.Context(), s.admin, c.ID, caselog.DeleteAttachment{AttachmentID: c.Attachments[3].ID}, nil)
	require.NoError(t, err)
	c = changed.Case

	for _, test := range []struct {
		name      string
		clearance subscription.Clearance
		want      [4]int
	}{
		{"who is cleared for all", service.FullClearance, [4]int{200, 200, 200, 404}},
		{"who is cleared for nothing", subscription.Clearance{}, [4]int{200, 403, 404, 404}},
		{"who is not cleared for PHI", subscription.Clearance{Restricted: true}, [4]int{200, 403, 200, 404}},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := s.signedIn(t, s.key(t, service.Reader, test.clearance).Secret)
			page := b.get(t, "/cases/"+c.ID+"?asOf=6").body // before the last was deleted
			for i, a := range c.Attachments {
				path := "/cases/" + c.ID + "/attachments/" + a.ID + "/content"
				require.Equal(t, test.want[i] == http.StatusOK, strings.Contains(page, path), a.FileName)
				require.Equal(t, test.want[i], b.get(t, path).status, a.FileName)
			}
		})
	}
	got := s.signedIn(t, adminKey).get(t, "/cases/"+c.ID+"/attachments/"+c.Attachments[0].ID+"/content")
	require.Equal(t, "<script>plain</script>", got.body)
	require.Equal(t, "application/octet-stream", got.header.Get("Content-Type"))
	require.Equal(t, "attachment; filename=plain.html", got.header.Get("Content-Disposition"))
	entries, _, err := s.service.Audit(t.Context(), s.admin, service.AuditFilter{Operation: "getAttachmentContent"}, service.Page{})
	require.NoError(t, err)
	require.Len(t, entries, 13)
}

func TestACaseIsFoundByItsIDs(t *testing.T) {
	s := newServer(t)
	c := s.open(t, "mark")
	b := s.signedIn(t, adminKey)
	bare := c.ShortID[4:]
	for _, q := range []string{
		c.ID, c.ShortID, " " + c.ShortID + " ", strings.ToLower(c.ShortID), bare, " " + strings.ToLower(bare) + "\t",
		"case " + c.ShortID, "casehook-case-id: " + c.ID, "case_id=" + strings.ToUpper(c.ID) + ",", `"` + c.ID + `"`,
	} {
		require.Equal(t, "/cases/"+c.ID, b.search(t, q).header.Get("Location"), q)
	}
	event := "/deliveries?eventId=" + c.Activity[0].ID
	for _, q := range []string{"webhook-id: " + c.Activity[0].ID, "msg_" + c.Activity[0].ID, "msg_" + c.Activity[0].ID + " ", "msg " + c.Activity[0].ID} {
		require.Equal(t, event, b.search(t, q).header.Get("Location"), q)
	}
	require.Equal(t, http.StatusNotFound, b.search(t, c.Activity[0].ID+" "+c.Activity[1].ID).status, "which of them is not said")
	for _, q := range []string{"", "ADA-00000", "0190a6e1-0000-7000-8000-000000000000", "\x00", "'\""} {
		require.Contains(t, []int{http.StatusNotFound, http.StatusUnprocessableEntity}, b.search(t, q).status, q)
	}
}

func TestTheCaseIsShownAsOfAnyEvent(t *testing.T) {
	s := newServer(t)
	c := s.open(t, "mark")
	b := s.signedIn(t, adminKey)
	first := b.get(t, "/cases/"+c.ID+"?asOf=1")
	require.Contains(t, first.body, "after event 1 of 2")
	require.NotContains(t, first.body, `<h2 id="comments">`)
	second := b.get(t, "/cases/"+c.ID+"?asOf="+c.Activity[1].ID)
	require.Contains(t, second.body, "after event 2 of 2")
	for _, asOf := range []string{"0", "3", "-1", "x"} {
		require.Equal(t, http.StatusNotFound, b.get(t, "/cases/"+c.ID+"?asOf="+asOf).status)
	}
}

func TestOfWhatIsManyInACaseTheNewestIsShownFirst(t *testing.T) {
	s := newServer(t)
	c := s.open(t, "comment 1 of all")
	for i := range 119 {
		s.change(t, c.ID, caselog.AddComment{Text: fmt.Sprintf("comment %d of all", i+2)})
	}
	s.change(t, c.ID, caselog.CreateOrder{Status: "packed"})
	b := s.signedIn(t, adminKey)
	page, reveal := "/cases/"+c.ID, "/cases/"+c.ID+"/reveal"
	for _, test := range []struct {
		query       string
		first, last int
		part        string
		links       []string
	}{
		{"", 71, 120, "71 to 120 of 120", []string{page + "?comments=20#comments"}},
		{"?comments=20", 21, 70, "21 to 70 of 120", []string{page + "?comments=0#comments", page + "?comments=70#comments"}},
		{"?comments=0", 1, 50, "1 to 50 of 120", []string{page + "?comments=50#comments"}},
		{"?comments=119", 120, 120, "120 to 120 of 120", []string{page + "?comments=69#comments"}},
		{"?asOf=61", 11, 60, "11 to 60 of 60", []string{page + "?asOf=61&amp;comments=0#comments"}},
		{"?asOf=61&comments=0", 1, 50, "1 to 50 of 60", []string{page + "?asOf=61&amp;comments=50#comments"}},
		{"?asOf=51", 1, 50, "", nil},
	} {
		hidden := b.get(t, page+test.query)
		require.Equal(t, http.StatusOK, hidden.status, test.query)
		require.NotContains(t, hidden.body, "of all", test.query)
		require.Equal(t, test.part != "", strings.Contains(hidden.body, `<p class="muted">`+test.part+`</p>`), test.query)
		require.Equal(t, len(test.links), strings.Count(hidden.body, `#comments"`), test.query)
		for _, link := range test.links {
			require.Contains(t, hidden.body, `href="`+link+`"`, test.query)
		}
		require.Contains(t, hidden.body, `action="`+reveal+html.EscapeString(test.query)+`"`, "what is revealed is the same page")
		require.NotContains(t, hidden.body, "of 1<", "what is little is shown whole")
		shown := b.post(t, reveal+test.query, nil).body
		_, list, _ := strings.Cut(shown, `<h2 id="comments">`)
		require.Equal(t, test.last-test.first+1, strings.Count(list, " of all"), test.query)
		require.Contains(t, list, fmt.Sprintf(">comment %d of all<", test.first), test.query)
		require.Contains(t, list, fmt.Sprintf(">comment %d of all<", test.last), test.query)
	}
	for _, wrong := range []string{"comments=120", "comments=-1", "comments=x", "documents=1", "asOf=51&comments=50"} {
		require.Equal(t, http.StatusUnprocessableEntity, b.get(t, page+"?"+wrong).status, wrong)
	}
}

func TestTheTimelineBeginsWithThePageOfTheEventThatIsShown(t *testing.T) {
	s := newServer(t)
	c := s.open(t, "mark")
	for range 50 {
		s.change(t, c.ID, caselog.AddComment{Text: "mark"})
	}
	b := s.signedIn(t, adminKey)
	require.Contains(t, b.get(t, "/cases/"+c.ID).body, `id="event-1"`)
	shown := b.get(t, "/cases/"+c.ID+"?asOf=51").body
	require.Contains(t, shown, `id="event-51" class="shown"`)
	require.NotContains(t, shown, `id="event-50"`)
	require.Contains(t, b.get(t, "/cases/"+c.ID+"?asOf=50").body, `id="event-50" class="shown"`)
	require.Contains(t, b.get(t, "/cases/"+c.ID+"?asOf=51&from=0").body, `id="event-1"`, "what is asked for")
}

func TestACaseNamesEachWhoIsAssignedToIt(t *testing.T) {
	s := newServer(t)
	c := s.open(t, "mark")
	s.change(t, c.ID, caselog.Assign{Users: []caseupdate.User{
		{ID: "nurse-7", FirstName: "Nora", LastName: "Quinn"}, {ID: "dr-1", FirstName: "Dana", LastName: "Roe"},
	}})
	b := s.signedIn(t, adminKey)
	for _, path := range []string{"/cases", "/cases/" + c.ID} {
		require.Contains(t, toldOf(b.get(t, path)), "Nora Quinn , Dana Roe", path)
	}
}
