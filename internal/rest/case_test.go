package rest_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

func itoa(i int) string { return strconv.Itoa(i) }

// TestEveryChangeOfACase goes through a case's life. That each answer is of the
// shape that is promised is checked by do.
func TestEveryChangeOfACase(t *testing.T) {
	s := newServer(t)
	for _, id := range []string{"u-1", "u-2"} {
		put := s.do(t, http.MethodPut, "/v1/users/"+id, strings.NewReader(`{"firstName":"Grace","lastName":"Hopper","email":"grace@clinic.example","role":"doctor"}`), as(s.writer))
		require.Equal(t, http.StatusOK, put.status, put)
	}
	made := s.post(t, "/v1/cases", caseBody, as(s.writer), with("Casehook-Actor", "u-1"))
	require.Equal(t, http.StatusCreated, made.status, made)
	id := made.text(t, "id")
	require.Equal(t, "/v1/cases/"+id, made.header.Get("Location"))
	require.Equal(t, "u-1", made.text(t, "activity", 0, "actor", "id"))

	ids := map[string]string{} // what was made, by the name that a path uses for it
	want := []string{"CREATE_CASE"}
	for _, step := range []struct {
		call   string
		body   string
		status int
		keep   string
		events []string
	}{
		{"POST /comments", `{"text":"<b>Hello</b> \u2028","attachments":[{"fileName":"a.txt","content":"aGVsbG8=","isPHI":true}]}`, 201, "comment", []string{"ADD_CASE_COMMENT"}},
		{"POST /attachments", `{"fileName":"b.txt","content":"d29ybGQ="}`, 201, "attachment", []string{"ADD_CASE_ATTACHMENT"}},
		{"POST /form-responses", `{"form":{"name":"Intake"},"responses":[{"question":{"index":0,"type":"TEXT","text":"How are you?"},"text":"Fine"},{"question":{"index":1,"type":"CHOICE","text":"Well?","options":["yes","no"]},"text":"yes"}]}`, 201, "", []string{"ADD_FORM_RESPONSE", "ADD_FORM_RESPONSE"}},
		{"POST /assignees", `{"userIds":["u-1","u-2"]}`, 200, "", []string{"ADD_CASE_ASSIGNEE", "CHANGE_CASE_STATUS"}},
		{"DELETE /assignees/u-2", ``, 200, "", []string{"REMOVE_CASE_ASSIGNEE"}},
		{"POST /status", `{"status":"IN_PROGRESS"}`, 200, "", []string{"CHANGE_CASE_STATUS"}},
		{"POST /payments", `{"description":"Visit","amount":159.5,"dueDate":"2026-11-23T15:05:06.789+01:00"}`, 201, "payment", []string{"PAYMENT_ADDED"}},
		{"POST /payments/{payment}/complete", ``, 200, "", []string{"PAYMENT_COMPLETED"}},
		{"POST /decisions", `{"isApproved":true,"startDate":"2026-11-23T00:00:00Z","medInfo":{"medicine":"Amoxicillin"}}`, 201, "", []string{"ADD_CASE_DECISION", "CHANGE_CASE_STATUS"}},
		{"POST /orders", `{"message":"soon"}`, 201, "order", []string{"ORDER_CREATED"}},
		{"POST /orders", ``, 201, "", []string{"ORDER_CREATED"}},
		{"POST /orders/{order}/status", `{"status":"SHIPPED"}`, 200, "", []string{"ORDER_STATUS_CHANGED"}},
		{"POST /orders/{order}/tracking", `{"trackingId":"1Z"}`, 200, "", []string{"ORDER_TRACKING_ADDED"}},
		{"POST /escalate", ``, 200, "", []string{"ESCALATE_CASE"}},
		{"POST /deescalate", `{}`, 200, "", []string{"DEESCALATE_CASE"}},
		{"DELETE /attachments/{attachment}", ``, 200, "", []string{"DELETE_ATTACHMENT"}},
		{"DELETE /comments/{comment}", ``, 200, "", []string{"DELETE_CASE_COMMENT"}},
		{"POST /archive", `{"archiveReason":"done"}`, 200, "", []string{"ARCHIVE_CASE"}},
		{"POST /reopen", ``, 200, "", []string{"REOPEN_CASE"}},
	} {
		t.Run(step.call, func(t *testing.T) {
			method, path, _ := strings.Cut(step.call, " ")
			for name, made := range ids {
				path = strings.ReplaceAll(path, "{"+name+"}", made)
			}
			answer := s.do(t, method, "/v1/cases/"+id+path, strings.NewReader(step.body), as(s.writer))
			require.Equal(t, step.status, answer.status, answer)
			require.Len(t, strings.Split(answer.header.Get("Casehook-Event-Id"), ","), len(step.events))
			if step.keep != "" {
				ids[step.keep] = answer.text(t, "id")
			}
			want = append(want, step.events...)
		})
	}

	t.Run("the full case tells all of it", func(t *testing.T) {
		full := s.get(t, "/v1/cases/"+id, as(s.reader))
		require.Len(t, full.at(t, "activity"), len(want))
		require.Equal(t, "APPROVED", full.text(t, "status"))
		require.Equal(t, 159.5, full.at(t, "payments", 0, "amount"))
		require.Equal(t, "2026-11-23T14:05:06.789Z", full.text(t, "payments", 0, "dueDate"))
		require.Equal(t, []any{}, full.at(t, "comments"))
	})
	t.Run("the case can be seen as of any of its events", func(t *testing.T) {
		then := s.get(t, "/v1/cases/"+id+"?at=2")
		require.Len(t, then.at(t, "activity"), 2)
		require.Equal(t, "OPEN", then.text(t, "status"))
		require.Equal(t, http.StatusNotFound, s.get(t, "/v1/cases/"+id+"?at=1000").status)
	})
	t.Run("the log of the case has its events in order", func(t *testing.T) {
		var got []string
		for after := "0"; ; {
			page := s.get(t, "/v1/cases/"+id+"/events?limit=5&after="+after)
			for i := range page.at(t, "data").([]any) {
				got = append(got, page.text(t, "data", i, "event"))
			}
			if page.at(t, "hasMore") == false {
				break
			}
			after = page.text(t, "nextCursor")
		}
		require.Empty(t, cmp.Diff(want, got))
	})
	t.Run("the log of all cases has the documents", func(t *testing.T) {
		all := s.get(t, "/v1/events?limit=100")
		require.Len(t, all.at(t, "data"), len(want))
		require.Equal(t, "aGVsbG8=", all.text(t, "data", 1, "payload", "comment", "attachments", 0, "content"))
		after := s.get(t, "/v1/events?after="+all.text(t, "nextCursor"))
		require.Equal(t, []any{}, after.at(t, "data"))
		require.Equal(t, all.text(t, "nextCursor"), after.text(t, "nextCursor"))
	})
}

func TestCasesAreListed(t *testing.T) {
	s := newServer(t)
	for range 3 {
		s.newCase(t)
	}
	last := s.newCase(t)
	require.Equal(t, http.StatusOK, s.post(t, "/v1/cases/"+last+"/escalate", "").status)

	t.Run("a page at a time", func(t *testing.T) {
		seen := map[string]bool{}
		path := "/v1/cases?limit=3"
		for pages := 1; ; pages++ {
			page := s.get(t, path)
			for i := range page.at(t, "data").([]any) {
				seen[page.text(t, "data", i, "id")] = true
			}
			next := page.at(t, "nextCursor")
			if next == nil {
				require.Equal(t, 2, pages)
				break
			}
			path = "/v1/cases?limit=3&cursor=" + next.(string)
		}
		require.Len(t, seen, 4)
	})
	for _, test := range []struct {
		name  string
		query string
		want  int
	}{
		{"all", "", 4},
		{"the escalated ones", "?isEscalated=true", 1},
		{"those that are not escalated", "?isEscalated=false", 3},
		{"those of a status", "?status=OPEN", 4},
		{"those of another status", "?status=APPROVED", 0},
		{"those made after a time", "?createdAfter=2000-01-01T00:00:00Z", 4},
		{"those made before a time", "?createdBefore=2000-01-01T00:00:00Z", 0},
		{"the archived ones", "?isArchived=true", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			page := s.get(t, "/v1/cases"+test.query)
			require.Len(t, page.at(t, "data"), test.want)
			require.Nil(t, page.at(t, "nextCursor"))
		})
	}
}

func TestAnImpossibleChangeIsAConflict(t *testing.T) {
	s := newServer(t)
	id := s.newCase(t)
	for _, call := range []string{"/deescalate", "/reopen"} {
		t.Run(call, func(t *testing.T) {
			require.Equal(t, http.StatusConflict, s.post(t, "/v1/cases/"+id+call, "").status)
		})
	}
	require.Len(t, s.get(t, "/v1/cases/"+id).at(t, "activity"), 1)
}
