package render_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/render"
	"github.com/casehook/casehook/internal/subscription"
	"github.com/casehook/casehook/internal/vault"
)

var update = flag.Bool("update", false, "write the golden bodies anew")

func TestBodiesAreAsTheGoldenOnes(t *testing.T) {
	s := journey(t)
	for _, mode := range []struct {
		folder  string
		options render.Options
	}{
		{"event", render.Options{Payload: subscription.PayloadEvent, Clearance: all}},
		{"full", render.Options{Payload: subscription.PayloadFull, Clearance: all}},
		{"without-clearance", render.Options{Payload: subscription.PayloadFull}},
		{"links", render.Options{Documents: subscription.DocumentsURL, Clearance: all, Link: link}},
		{"links-where-large", render.Options{MaxInline: new(8), Clearance: all, Link: link}},
		{"links-without-clearance", render.Options{Documents: subscription.DocumentsURL, Link: link}},
	} {
		for _, name := range caseupdate.Events() {
			if strings.HasPrefix(mode.folder, "links") && name != caseupdate.EventAddCaseComment && name != caseupdate.EventAddCaseAttachment {
				continue // the others have no documents
			}
			t.Run(mode.folder+"/"+string(name), func(t *testing.T) {
				got := s.body(s.first(name), mode.options)

				golden := filepath.Join("testdata", mode.folder, string(name)+".json")
				if *update {
					require.NoError(t, os.MkdirAll(filepath.Dir(golden), 0o755))
					require.NoError(t, os.WriteFile(golden, indented(t, got), 0o644))
				}
				want, err := os.ReadFile(golden)
				require.NoError(t, err)
				if diff := cmp.Diff(string(want), string(indented(t, got))); diff != "" {
					t.Errorf("body (-want +got):\n%s", diff)
				}

				var compact bytes.Buffer
				require.NoError(t, json.Compact(&compact, want))
				require.Equal(t, compact.String(), string(got), "the body has no space between its tokens")

				parsed, err := caseupdate.Parse(got)
				require.NoError(t, err)
				again, err := caseupdate.Marshal(parsed)
				require.NoError(t, err)
				require.Equal(t, string(got), string(again), "a body that was parsed and printed again is the same")
			})
		}
	}
}

func indented(t testing.TB, body []byte) []byte {
	t.Helper()
	var buf bytes.Buffer
	require.NoError(t, json.Indent(&buf, body, "", "  "))
	buf.WriteByte('\n')
	return buf.Bytes()
}

// The keys of the format, as outline writes them.
const (
	person    = "{id firstName lastName}"
	user      = "{id firstName lastName email}"
	assignees = "[{assignee" + person + "}]"
	basicCase = "id type title status shortId createdAt updatedAt assignedAt inProgressAt closedAt isArchived isEscalated " +
		"isImported referralCode closedBy" + person + " inProgressBy" + person + " organizationId archiveReason archiveNote " +
		"productBundleId productBundle{id name} assignedTo" + person + " hrRep" + person + " assignedBy" + person +
		" assignees" + assignees +
		" submitter{id firstName lastName email phoneNumber dob gender address city state country postalCode}"
	details = "responses[{id createdAt form" + form + " respondent" + person + " responses[" + response + "]}]" +
		" decisions[" + decision + "] comments[" + comment + "] attachments[" + attachment + "]" +
		" payments[" + payment + "] orders[" + order + "] activity[" + activity + "]"
	activity        = "{id type isPHI isRestricted timestamp valueBefore valueAfter actor" + user + " targetUser}"
	attachment      = "{id isRestricted isPHI fileName isDeleted createdAt uploadedBy{firstName lastName}}"
	attachmentEvent = "{id isRestricted isPHI fileName isDeleted createdAt uploadedBy{firstName lastName} content}"
	comment         = "{id text isRestricted createdAt author{firstName lastName} attachments[" + attachment + "]}"
	commentEvent    = "{id text isRestricted createdAt author{firstName lastName} attachments[" + attachmentEvent + "]}"
	decision        = "{id isApproved isNoDecision startDate endDate decisionText category " +
		"medInfo{medicine dosage refillCount pharmacyInstructions dosingFrequency} createdAt}"
	form     = "{id name description}"
	response = "{id question{index type text isPHI options[] required} text createdAt respondent" + person + "}"
	payment  = "{id isDeleted description amount status dueDate paymentDate cancellationDate createdAt updatedAt createdBy" + user + "}"
	order    = "{id status trackingId message createdAt}"
)

func TestKeysAndTheirOrderAreThoseOfTheFormat(t *testing.T) {
	s := journey(t)
	// Here every person of the case is known.
	archived := s.first(caseupdate.EventArchiveCase)
	for _, test := range []struct {
		name    string
		payload subscription.Payload
		want    string
	}{
		{"an event with the basic case", subscription.PayloadEvent, "case{" + basicCase + "}"},
		{"an event with the full case", subscription.PayloadFull, "case{" + basicCase + " " + details + "}"},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := "{event payload{" + test.want + " activity" + activity +
				" archiveCase{caseId isArchived archiveReason caller" + person + "}}}"
			require.Equal(t, want, outline(t, s.body(archived, render.Options{Payload: test.payload, Clearance: all})))
		})
	}

	for name, want := range map[caseupdate.Event]string{
		caseupdate.EventAddCaseComment:     "comment" + commentEvent,
		caseupdate.EventAddCaseDecision:    "decision" + decision,
		caseupdate.EventAddCaseAttachment:  "attachment" + attachmentEvent,
		caseupdate.EventAddFormResponse:    "form" + form + " response" + response,
		caseupdate.EventAddCaseAssignee:    "assignees" + assignees,
		caseupdate.EventRemoveCaseAssignee: "assignees" + assignees,
		caseupdate.EventPaymentAdded:       "payment" + payment,
		caseupdate.EventPaymentCompleted:   "payment" + payment,
		caseupdate.EventOrderCreated:       "order" + order,
		caseupdate.EventOrderStatusChanged: "order" + order,
		caseupdate.EventOrderTrackingAdded: "order" + order,
		caseupdate.EventDeleteAttachment:   "deletedAttachment{caseId caseAttachmentId caller" + person + "}",
		caseupdate.EventCreateCase:         "",
		caseupdate.EventEscalateCase:       "escalated{caseId isEscalated caller" + person + "}",
		caseupdate.EventDeescalateCase:     "escalated{caseId isEscalated caller" + person + "}",
		caseupdate.EventDeleteCaseComment:  "deletedComment{caseId caseCommentId caller" + person + "}",
		caseupdate.EventArchiveCase:        "archiveCase{caseId isArchived archiveReason caller" + person + "}",
		caseupdate.EventReopenCase:         "archiveCase{caseId isArchived archiveReason caller" + person + "}",
		caseupdate.EventChangeCaseStatus:   "changeStatus{caseId newStatus oldStatus changeDate caller" + person + "}",
	} {
		t.Run(string(name), func(t *testing.T) {
			got := outline(t, s.body(s.first(name), render.Options{Clearance: all}))
			_, own, found := strings.Cut(strings.TrimSuffix(got, "}}"), " activity"+strings.TrimSuffix(activity, "}"))
			require.True(t, found, got)
			own = strings.TrimPrefix(own, user) // of the target user, where there is one
			require.Equal(t, strings.TrimSuffix("} "+want, " "), own)
		})
	}
}

// outline writes the keys of JSON in their order; of a list, those of its first item.
func outline(t testing.TB, text []byte) string {
	t.Helper()
	dec := json.NewDecoder(bytes.NewReader(text))
	var value func() string
	value = func() string {
		token, err := dec.Token()
		require.NoError(t, err)
		switch token {
		case json.Delim('{'):
			var keys []string
			for dec.More() {
				key, err := dec.Token()
				require.NoError(t, err)
				keys = append(keys, key.(string)+value())
			}
			_, err = dec.Token()
			require.NoError(t, err)
			return "{" + strings.Join(keys, " ") + "}"
		case json.Delim('['):
			var first string
			for i := 0; dec.More(); i++ {
				if item := value(); i == 0 {
					first = item
				}
			}
			_, err = dec.Token()
			require.NoError(t, err)
			return "[" + first + "]"
		}
		return ""
	}
	return value()
}

func TestListsAreNeverNull(t *testing.T) {
	s := newStory(t, openBlobs(t))
	s.create()
	s.do(patient, caselog.AddComment{Text: "Nothing attached"})
	s.do(patient, caselog.AnswerForm{Form: caseupdate.Form{Name: "Intake"}, Answers: []caselog.Answer{{Question: caseupdate.Question{Type: "text", Text: "Free?"}}}})
	s.events[2].Data.(*caselog.FormAnswered).Response.Question.Options = nil
	for _, clearance := range []subscription.Clearance{all, nothing} {
		for i := range s.events {
			text := s.body(i, render.Options{Payload: subscription.PayloadFull, Clearance: clearance})
			for _, key := range []string{"assignees", "responses", "decisions", "comments", "attachments", "payments", "orders", "activity", "options"} {
				require.NotContains(t, string(text), `"`+key+`":null`)
			}
		}
	}
}

func TestReplayIsByteIdentical(t *testing.T) {
	s := journey(t)
	// What a replay reads: the events as they were stored, folded anew.
	var replayed *caselog.Case
	for i, e := range s.events {
		stored, err := e.EncodeBody()
		require.NoError(t, err)
		again := caselog.Event{ID: e.ID, CaseID: e.CaseID, Sequence: e.Sequence, At: e.At}
		require.NoError(t, again.DecodeBody(e.Type(), stored))
		replayed, err = caselog.Fold(replayed, again)
		require.NoError(t, err)

		for _, clearance := range []subscription.Clearance{all, {PHI: true}, {Restricted: true}, nothing} {
			o := render.Options{Payload: subscription.PayloadFull, Clearance: clearance}
			if clearance.Withholds(e.Activity()) {
				continue
			}
			body, err := render.New(s.blobs).Body(again, replayed, s.key, o)
			require.NoError(t, err)
			require.Equal(t, string(s.body(i, o)), string(read(t, body)))
		}
	}
}

func TestCasesForAnAnswer(t *testing.T) {
	s := journey(t)
	last := len(s.events) - 1
	var want struct {
		Payload struct{ Case json.RawMessage }
	}
	for _, clearance := range []subscription.Clearance{all, nothing} {
		for payload, shown := range map[subscription.Payload]*caseupdate.Case{
			subscription.PayloadEvent: render.Case(s.now(), clearance),
			subscription.PayloadFull:  render.FullCase(s.now(), clearance),
		} {
			require.NoError(t, json.Unmarshal(s.body(last, render.Options{Payload: payload, Clearance: clearance}), &want))
			got, err := json.Marshal(shown)
			require.NoError(t, err)
			require.JSONEq(t, string(want.Payload.Case), string(got))
		}
	}
}

func TestObjectIsThatOfTheEventWithoutContent(t *testing.T) {
	s := journey(t)
	for i, e := range s.events {
		var body struct {
			Payload map[string]json.RawMessage
		}
		require.NoError(t, json.Unmarshal(s.body(i, render.Options{Clearance: all}), &body))
		for _, base := range []string{"case", "activity", "form"} {
			delete(body.Payload, base)
		}
		if e.Type() == caseupdate.EventCreateCase {
			require.Nil(t, render.Object(e))
			continue
		}
		require.Len(t, body.Payload, 1)
		got, err := json.Marshal(render.Object(e))
		require.NoError(t, err)
		for _, object := range body.Payload {
			require.JSONEq(t, withoutContent(t, object), string(got), e.Type())
		}
	}
}

// withoutContent drops the content of the attachments in object.
func withoutContent(t testing.TB, object json.RawMessage) string {
	t.Helper()
	var value any
	require.NoError(t, json.Unmarshal(object, &value))
	if keys, ok := value.(map[string]any); ok {
		delete(keys, "content")
		if attachments, ok := keys["attachments"].([]any); ok {
			for _, a := range attachments {
				delete(a.(map[string]any), "content")
			}
		}
	}
	text, err := json.Marshal(value)
	require.NoError(t, err)
	return string(text)
}

// novelty is an event that the package has never heard of.
type novelty struct{ caselog.Data }

func TestWhatDoesNotBelongTogetherIsRefused(t *testing.T) {
	s := journey(t)
	i := s.first(caseupdate.EventAddCaseAttachment)
	for _, test := range []struct {
		name   string
		change func(e *caselog.Event, c **caselog.Case, key **vault.Key, o *render.Options)
		want   string
	}{
		{"no case", func(_ *caselog.Event, c **caselog.Case, _ **vault.Key, _ *render.Options) { *c = nil }, "not the one as of the event"},
		{"the case before the event", func(_ *caselog.Event, c **caselog.Case, _ **vault.Key, _ *render.Options) { *c = s.cases[i-1] }, "not the one as of the event"},
		{"a later case", func(_ *caselog.Event, c **caselog.Case, _ **vault.Key, _ *render.Options) { *c = s.now() }, "not the one as of the event"},
		{"another case", func(e *caselog.Event, _ **caselog.Case, _ **vault.Key, _ *render.Options) { e.CaseID = "another" }, "not the one as of the event"},
		{"an event without data", func(e *caselog.Event, _ **caselog.Case, _ **vault.Key, _ *render.Options) { e.Data = nil }, "says nothing"},
		{"an event of an unknown kind", func(e *caselog.Event, _ **caselog.Case, _ **vault.Key, _ *render.Options) { e.Data = novelty{e.Data} }, "not an event that can be shown"},
		{"an unknown payload mode", func(_ *caselog.Event, _ **caselog.Case, _ **vault.Key, o *render.Options) { o.Payload = "all" }, "unknown payload mode"},
		{"an unknown documents mode", func(_ *caselog.Event, _ **caselog.Case, _ **vault.Key, o *render.Options) { o.Documents = "hex" }, "unknown documents mode"},
		{"links without a mint", func(_ *caselog.Event, _ **caselog.Case, _ **vault.Key, o *render.Options) { o.Documents = "url" }, "nothing mints links"},
		{"a limit of what is inline without a mint", func(_ *caselog.Event, _ **caselog.Case, _ **vault.Key, o *render.Options) { o.MaxInline = new(1) }, "nothing mints links"},
		{"documents without their key", func(_ *caselog.Event, _ **caselog.Case, key **vault.Key, _ *render.Options) { *key = nil }, "no key"},
	} {
		t.Run(test.name, func(t *testing.T) {
			e, c, key, o := s.events[i], s.cases[i], s.key, render.Options{Clearance: all}
			test.change(&e, &c, &key, &o)
			body, err := render.New(s.blobs).Body(e, c, key, o)
			require.ErrorContains(t, err, test.want)
			require.Nil(t, body)
		})
	}
}
