package rest_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/delivery"
	"github.com/casehook/casehook/internal/store"
)

// entry is as much of an entry of the audit as tests look at.
type entry struct {
	RequestID, KeyID, Method, Operation, From, At, Digest string
	Role, ActorID                                         *string
	Resources                                             map[string]string
	Status                                                int
}

// audit returns the entries, the oldest first, without those of reading them.
func (s *server) audit(t *testing.T, query string, how ...asked) []entry {
	t.Helper()
	got := s.get(t, "/v1/audit?limit=100"+query, how...)
	require.Equal(t, http.StatusOK, got.status, got)
	var list struct{ Data []entry }
	require.NoError(t, json.Unmarshal(got.body, &list))
	slices.Reverse(list.Data)
	return slices.DeleteFunc(list.Data, func(e entry) bool { return e.Operation == "listAuditEntries" })
}

// since returns the entries that were written after those.
func since(before, now []entry) []entry { return now[len(before):] }

func TestEveryCallOfAKnownKeyIsOnRecord(t *testing.T) {
	s := newServer(t)
	require.Equal(t, http.StatusOK, s.do(t, http.MethodPut, "/v1/users/nurse-7", strings.NewReader(`{"firstName":"Nora","lastName":"Quinn","email":"nora@clinic.example"}`)).status)
	key := s.post(t, "/v1/api-keys", `{"name":"for a while","role":"reader"}`)
	keyID, revoked := key.text(t, "id"), as(key.text(t, "key"))
	require.Equal(t, http.StatusNoContent, s.do(t, http.MethodDelete, "/v1/api-keys/"+keyID, nil).status)
	s.get(t, "/v1/cases", as(s.reader))
	readerID := s.audit(t, "&operation=listCases")[0].KeyID
	caseID := s.newCase(t)
	path := "/v1/cases/" + caseID
	unknown := "0190a6e1-0000-7000-8000-000000000000"

	for _, test := range []struct {
		name         string
		method, path string
		body         string
		how          []asked
		want         *entry // without what is different each time; nil: no entry
	}{
		{"a read", "GET", path + "?at=1", "", []asked{as(s.reader)}, &entry{Operation: "getCase", KeyID: readerID, Role: new("reader"), Status: 200, Resources: map[string]string{"caseId": caseID}}},
		{"a change, in the name of a user", "POST", path + "/comments", `{"text":"marker"}`, []asked{with("Casehook-Actor", "nurse-7")},
			&entry{Operation: "addComment", KeyID: "environment", Role: new("admin"), ActorID: new("nurse-7"), Status: 201, Resources: map[string]string{"caseId": caseID}}},
		{"a list, whose query is not kept", "GET", "/v1/cases?type=marker", "", nil, &entry{Operation: "listCases", KeyID: "environment", Role: new("admin"), Status: 200, Resources: map[string]string{}}},
		{"what is not there", "GET", "/v1/deliveries/" + unknown, "", nil, &entry{Operation: "getDelivery", KeyID: "environment", Role: new("admin"), Status: 404, Resources: map[string]string{"deliveryId": unknown}}},
		{"what is impossible", "POST", path + "/reopen", "", nil, &entry{Operation: "reopenCase", KeyID: "environment", Role: new("admin"), Status: 409, Resources: map[string]string{"caseId": caseID}}},
		{"what cannot be read", "POST", "/v1/cases", "marker", nil, &entry{Operation: "createCase", KeyID: "environment", Role: new("admin"), Status: 400, Resources: map[string]string{}}},
		{"a role that is too small", "DELETE", path, "", []asked{as(s.reader)}, &entry{Operation: "eraseCase", KeyID: readerID, Role: new("reader"), Status: 403, Resources: map[string]string{"caseId": caseID}}},
		{"a key that was revoked", "GET", path, "", []asked{revoked}, &entry{Operation: "getCase", KeyID: keyID, Role: new("reader"), Status: 401, Resources: map[string]string{"caseId": caseID}}},
		{"an actor who is not registered", "GET", path, "", []asked{with("Casehook-Actor", "marker")}, &entry{Operation: "getCase", KeyID: "environment", Role: new("admin"), Status: 422, Resources: map[string]string{"caseId": caseID}}},
		{"the operator", "GET", "/v1/organizations", "", []asked{as(operatorKey)}, &entry{Operation: "listOrganizations", KeyID: "operator", Role: new("operator"), Status: 200, Resources: map[string]string{}}},
		{"the operator, refused", "GET", path, "", []asked{as(operatorKey)}, &entry{Operation: "getCase", KeyID: "operator", Role: new("operator"), Status: 403, Resources: map[string]string{"caseId": caseID}}},
		{"what was made up for an id", "GET", "/v1/endpoints/" + url.PathEscape("Ada \x00"+strings.Repeat("é", 150)), "", nil,
			&entry{Operation: "getEndpoint", KeyID: "environment", Role: new("admin"), Status: 404, Resources: map[string]string{"endpointId": "Ada \x00" + strings.Repeat("é", 97) + "…"}}},
		{"nobody who is known", "GET", path, "", []asked{as("chk_nothing")}, nil},
		{"nobody at all", "GET", path, "", []asked{with("Authorization", "")}, nil},
		{"no call", "GET", "/v1/nothing", "", nil, nil},
		{"the documentation", "GET", "/openapi.json", "", nil, nil},
		{"a schema", "GET", "/schemas/CREATE_CASE.json", "", nil, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := s.audit(t, "")
			var body io.Reader
			if test.body != "" {
				body = strings.NewReader(test.body)
			}
			got := s.do(t, test.method, test.path, body, test.how...)
			now := since(before, s.audit(t, ""))
			if test.want == nil {
				require.Empty(t, now)
				return
			}
			require.Len(t, now, 1)
			require.Equal(t, got.status, now[0].Status)
			require.Equal(t, got.header.Get("Casehook-Request-Id"), now[0].RequestID)
			require.Len(t, now[0].Digest, 64)
			want := *test.want
			want.Method, want.From, want.RequestID, want.At, want.Digest = test.method, "127.0.0.1", now[0].RequestID, now[0].At, now[0].Digest
			require.Empty(t, cmp.Diff(want, now[0]))
		})
	}
	require.NotContains(t, string(s.get(t, "/v1/audit?limit=100").body), "marker")
}

func TestWhosePatientsACallShowedIsOnRecord(t *testing.T) {
	s := newServer(t)
	first, second := s.newCase(t), s.newCase(t)
	blind := as(s.post(t, "/v1/api-keys", `{"name":"not cleared","role":"reader","clearance":{"phi":false,"restricted":true}}`).text(t, "key"))
	showed := func(operation, caseID string) (all [][]string) {
		found := s.get(t, "/v1/audit?operation="+operation+"&caseId="+caseID)
		for i := range found.at(t, "data").([]any) {
			var shown []string
			for j := range found.at(t, "data", i, "shown").([]any) {
				shown = append(shown, found.text(t, "data", i, "shown", j))
			}
			all = append(all, shown)
		}
		return all
	}
	s.get(t, "/v1/cases", blind)
	require.Empty(t, showed("listCases", first), "of the patient nothing was shown")
	s.get(t, "/v1/cases?limit=1", as(s.reader))
	require.Empty(t, showed("listCases", first), "the page had another case only")
	require.Equal(t, [][]string{{second}}, showed("listCases", second))
	s.get(t, "/v1/cases", as(s.reader))
	require.Equal(t, [][]string{{second, first}}, showed("listCases", first))

	log := s.get(t, "/v1/events?limit=1", blind) // what somebody has written is blanked for nobody
	require.Equal(t, [][]string{{first}}, showed("listEvents", first))
	s.get(t, "/v1/events?after="+log.text(t, "nextCursor"), as(s.reader))
	require.Equal(t, [][]string{{second}}, showed("listEvents", second))
	s.get(t, "/v1/cases/"+first+"/events", as(s.reader))
	require.Equal(t, [][]string{nil}, showed("listCaseEvents", first), "it is named already")
}

func TestAChangeIsOnRecordOnceItIsAnswered(t *testing.T) {
	s := newServer(t)
	before := s.audit(t, "")
	once := with("Idempotency-Key", "once")
	first := s.post(t, "/v1/cases", caseBody, once)
	caseID := first.text(t, "id")
	again := s.post(t, "/v1/cases", caseBody, once)
	require.Equal(t, "true", again.header.Get("Idempotent-Replayed"))
	now := since(before, s.audit(t, ""))
	require.Len(t, now, 2, "a repetition is a call of its own")
	require.Equal(t, map[string]string{"caseId": caseID}, now[0].Resources)
	require.Equal(t, []int{201, 201}, []int{now[0].Status, now[1].Status})

	require.Equal(t, http.StatusNoContent, s.do(t, http.MethodDelete, "/v1/cases/"+caseID, nil).status)
	about := s.audit(t, "&caseId="+caseID)
	require.Len(t, about, 2)
	require.Equal(t, []string{"createCase", "eraseCase"}, []string{about[0].Operation, about[1].Operation})
}

func TestALinkThatIsFollowedIsOnRecordWithoutItsSignature(t *testing.T) {
	s := newServer(t)
	caseID := s.newCase(t)
	attached := s.post(t, "/v1/cases/"+caseID+"/attachments", `{"fileName":"a.txt","content":"aGVsbG8="}`)
	attachment := attached.text(t, "id")
	key, err := s.db.CaseKey(t.Context(), caseID)
	require.NoError(t, err)
	digest := sha256.Sum256([]byte("hello"))
	link, _ := delivery.MintLink(key, "", caseID, attachment, digest[:], time.Now())
	expired, _ := delivery.MintLink(key, "", caseID, attachment, digest[:], time.Now().Add(-time.Hour))
	stranger := with("Authorization", "")
	before := s.audit(t, "")
	require.Equal(t, http.StatusOK, s.get(t, link, stranger).status)
	require.Equal(t, http.StatusNotFound, s.get(t, expired, stranger).status)
	for _, forged := range []string{
		"/documents/" + caseID + "/x", link + "x", expired + "x",
		strings.Replace(link, attachment, "x", 1), strings.Replace(link, caseID, "0190a6e1-0000-7000-8000-000000000000", 1),
	} {
		require.Equal(t, http.StatusNotFound, s.get(t, forged, stranger).status)
	}
	now := since(before, s.audit(t, ""))
	require.Len(t, now, 2, "what anybody can make up fills no record")
	for i, status := range []int{200, 404} {
		want := entry{
			Operation: "openDocument", Method: "GET", KeyID: "link", Status: status, From: "127.0.0.1",
			Resources: map[string]string{"caseId": caseID, "attachmentId": attachment}, RequestID: now[i].RequestID, At: now[i].At, Digest: now[i].Digest,
		}
		require.Empty(t, cmp.Diff(want, now[i]))
	}
}

func TestWhatCannotBeRecordedIsNotAnswered(t *testing.T) {
	s := newServer(t)
	caseID := s.newCase(t)
	attached := s.post(t, "/v1/cases/"+caseID+"/attachments", `{"fileName":"marker.txt","content":"aGVsbG8="}`)
	content := "/v1/cases/" + caseID + "/attachments/" + attached.text(t, "id") + "/content"
	s.exec(t, `
		CREATE TRIGGER full BEFORE INSERT ON audit_entries
		WHEN NEW.request_id = 'stuck'
		BEGIN
			SELECT RAISE(ABORT, 'there is no room');
		END`)
	owner, err := s.db.CaseOwner(t.Context(), caseID)
	require.NoError(t, err)
	hungUp, hangUp := context.WithCancel(t.Context())
	hangUp()
	record := func(requestID string) error {
		e := &store.AuditEntry{OrganizationID: owner, RequestID: requestID, Operation: "filling", Status: 200, At: time.Now()}
		require.NoError(t, s.db.SealAuditEntry(t.Context(), e))
		return s.db.RecordAuditEntry(hungUp, e)
	}
	require.NoError(t, record("stuck"))
	_, err = s.db.AuditEntries(t.Context(), owner, store.AuditFilter{}, nil, 1)
	require.ErrorContains(t, err, "there is no room")
	for err = nil; err == nil; {
		err = record(rand.Text())
	}
	require.ErrorIs(t, err, context.Canceled)

	for _, path := range []string{"/v1/cases/" + caseID, content, "/v1/cases/absent"} {
		refused := s.get(t, path)
		require.Equal(t, http.StatusServiceUnavailable, refused.status, refused)
		require.Equal(t, "1", refused.header.Get("Retry-After"))
		require.NotEmpty(t, refused.header.Get("Casehook-Request-Id"))
		for _, name := range []string{"Content-Disposition", "Repr-Digest"} {
			require.Empty(t, refused.header.Get(name))
		}
		require.NotContains(t, refused.String(), "marker")
		require.NotContains(t, string(refused.body), "hello")
	}
	require.Contains(t, s.log.String(), "could not record a call")
	require.Equal(t, http.StatusCreated, s.post(t, "/v1/cases/"+caseID+"/comments", `{"text":"a change has its entry in its own transaction"}`).status)

	s.exec(t, `DROP TRIGGER full`)
	var seen answer
	for seen = s.get(t, content); seen.status == http.StatusServiceUnavailable; { // it waits for room
		seen = s.get(t, content)
	}
	require.Equal(t, "hello", string(seen.body))
	var operations []string
	for _, e := range s.audit(t, "&caseId="+caseID) {
		operations = append(operations, e.Operation)
	}
	require.Equal(t, []string{"createCase", "addAttachment", "addComment", "getAttachmentContent"}, operations)
}

func TestTheAuditIsNarrowedAndPaged(t *testing.T) {
	s := newServer(t)
	caseID := s.newCase(t)
	for range 3 {
		s.get(t, "/v1/cases/"+caseID, as(s.reader))
	}
	all := s.audit(t, "")
	reader := all[len(all)-1].KeyID
	require.Len(t, s.audit(t, "&keyId="+reader), 3)
	require.Len(t, s.audit(t, "&caseId="+caseID), 4)
	require.Len(t, s.audit(t, "&operation=createCase"), 1)
	last := all[len(all)-1].At
	require.Equal(t, all, append(s.audit(t, "&until="+last), s.audit(t, "&since="+last)...))
	require.Empty(t, s.audit(t, "&until=2000-01-01T00:00:00Z"))

	var paged []string
	query := "?limit=2&caseId=" + caseID
	for cursor := ""; ; {
		page := s.get(t, "/v1/audit"+query+cursor)
		require.Equal(t, http.StatusOK, page.status, page)
		for i := range page.at(t, "data").([]any) {
			paged = append(paged, page.text(t, "data", i, "operation"))
		}
		next, more := page.at(t, "nextCursor").(string)
		if !more {
			break
		}
		cursor = "&cursor=" + next
	}
	require.Equal(t, []string{"getCase", "getCase", "getCase", "createCase"}, paged)

	for query, fault := range map[string]string{
		"since=yesterday": "since: must be a timestamp, such as 2026-11-23T14:05:06.789Z",
		"cursor=nonsense": "cursor: must be the nextCursor of this list",
		"operation=nope":  "operation: must be the operationId of a call in /openapi.json, such as getCase, or one of the dashboard's, such as revealCase",
		"operation=%2A":   "operation: must be the operationId of a call in /openapi.json, such as getCase, or one of the dashboard's, such as revealCase",
		"since=2026-11-23T14:05:06Z&until=2026-11-23T14:05:06Z": "since: must lie before until",
	} {
		require.Equal(t, []string{fault}, s.get(t, "/v1/audit?"+query).faults(t))
	}
}
