package render_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/blob"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/render"
	"github.com/casehook/casehook/internal/subscription"
	"github.com/casehook/casehook/internal/vault"
)

// What is planted where only a reader with clearance may find it.
const (
	phiMark        = "zqPHIqz"
	restrictedMark = "zqSECRETqz"
	birthday       = "1984-07-12" // a date has no room for a mark
)

func TestNothingIsToldWithoutClearance(t *testing.T) {
	blobs := openBlobs(t)
	rapid.Check(t, func(t *rapid.T) {
		s := planted(t, blobs)
		for i := range s.events {
			for _, clearance := range []subscription.Clearance{all, {PHI: true}, {Restricted: true}, nothing} {
				s.requireCleared(t, i, render.Options{
					Payload:   rapid.SampledFrom([]subscription.Payload{subscription.PayloadEvent, subscription.PayloadFull}).Draw(t, "payload"),
					Documents: rapid.SampledFrom([]subscription.Documents{subscription.DocumentsBase64, subscription.DocumentsURL}).Draw(t, "documents"),
					Clearance: clearance,
				})
			}
		}
		text, err := json.Marshal([]any{render.Case(s.now(), nothing), render.FullCase(s.now(), nothing)})
		require.NoError(t, err)
		for _, mark := range []string{phiMark, restrictedMark, birthday} {
			require.NotContains(t, string(text), mark)
		}
	})
}

// plantedStory is a story that remembers which documents are marked.
type plantedStory struct {
	*story
	phi, restricted map[string]bool // by attachment id
}

// planted tells a random story, with marks in every place that is PHI or restricted
// and nowhere else.
func planted(t *rapid.T, blobs *blob.Store) *plantedStory {
	s := &plantedStory{newStory(t, blobs), map[string]bool{}, map[string]bool{}}
	text := func(marks ...string) string {
		return rapid.StringMatching(`[a-z<"\\]{0,4}`).Draw(t, "before") + strings.Join(marks, "") + rapid.StringMatching(`[a-z&é]{1,4}`).Draw(t, "after")
	}
	optional := func(value string) *string {
		if rapid.Bool().Draw(t, "known") {
			return &value
		}
		return nil
	}

	submitter := caseupdate.Submitter{
		ID: "patient-1", FirstName: new(text(phiMark)), LastName: new(text(phiMark)), Email: new(text(phiMark) + "@example.com"),
		PhoneNumber: optional(text(phiMark)), DOB: optional(birthday), Gender: optional(text(phiMark)),
		Address: optional(text(phiMark)), City: optional(text(phiMark)), State: optional(text(phiMark)),
		Country: optional(text(phiMark)), PostalCode: optional(text(phiMark)),
	}
	actors := []caseupdate.User{
		doctor, nurse, robot,
		// The patient, as registered users: by id, by name, and by e-mail address.
		{ID: submitter.ID, FirstName: text(phiMark), LastName: text(phiMark), Email: optional(text(phiMark))},
		{ID: "registered-1", FirstName: *submitter.FirstName, LastName: *submitter.LastName, Email: optional(text(phiMark))},
		{ID: "registered-2", FirstName: text(phiMark), LastName: text(phiMark), Email: submitter.Email},
	}
	actor := func() caseupdate.User { return rapid.SampledFrom(actors).Draw(t, "actor") }
	maybe := func(what string) bool { return rapid.IntRange(0, 2).Draw(t, what) == 0 }

	document := func(inRestricted bool) caselog.File {
		var marks []string
		phi, restricted := maybe("isPHI"), maybe("isRestricted")
		if phi {
			marks = append(marks, phiMark)
		}
		if restricted || inRestricted {
			marks = append(marks, restrictedMark)
		}
		content := strings.Repeat("x", rapid.IntRange(0, 5).Draw(t, "offset")) + strings.Join(marks, "")
		file := s.file(text(marks...), content, phi, restricted)
		s.phi[file.ID], s.restricted[file.ID] = phi, restricted || inRestricted
		return file
	}

	create := caselog.CreateCase{
		ID: s.newID(), OrganizationID: "org-1", ShortID: "ADA-7K2QX", Type: "CONSULTATION", Title: text(phiMark), Submitter: submitter,
	}
	if maybe("the patient is the HR representative") {
		create.HRRep = &caseupdate.Person{ID: submitter.ID, FirstName: text(phiMark), LastName: text(phiMark)}
	}
	s.do(actor(), create)

	steps := map[string]func(){
		"comment": func() {
			restricted := maybe("isRestricted")
			comment := caselog.AddComment{Text: text(), IsRestricted: restricted}
			if restricted {
				comment.Text = text(restrictedMark)
			}
			for range rapid.IntRange(0, 2).Draw(t, "attachments") {
				comment.Attachments = append(comment.Attachments, document(restricted))
			}
			s.do(actor(), comment)
		},
		"attach": func() { s.do(actor(), caselog.AddAttachment{File: document(false)}) },
		"answer": func() {
			s.do(actor(), caselog.AnswerForm{
				Form: caseupdate.Form{Name: "Intake"},
				Answers: []caselog.Answer{
					{Question: caseupdate.Question{Type: "text", Text: "Open?"}, Text: text()},
					{Question: caseupdate.Question{Type: "text", Text: "Private?", IsPHI: true}, Text: text(phiMark)},
				},
			})
		},
		"assign": func() {
			if user := actor(); len(s.now().Assignees) == 0 {
				s.do(actor(), caselog.Assign{Users: []caseupdate.User{user}})
			} else {
				s.do(actor(), caselog.Unassign{UserID: s.now().Assignees[0].ID})
			}
		},
		"decide": func() { s.do(actor(), caselog.AddDecision{IsApproved: maybe("isApproved")}) },
		"pay": func() {
			s.do(actor(), caselog.AddPayment{Description: text(), Amount: 159})
			s.do(actor(), caselog.CompletePayment{PaymentID: s.now().Payments[len(s.now().Payments)-1].ID})
		},
		"order": func() {
			s.do(actor(), caselog.CreateOrder{})
			id := s.now().Orders[len(s.now().Orders)-1].ID
			s.do(actor(), caselog.ChangeOrderStatus{OrderID: id, Status: "SHIPPED"})
			s.do(actor(), caselog.AddOrderTracking{OrderID: id, TrackingID: text()})
		},
		"escalate": func() {
			s.do(actor(), caselog.Escalate{})
			s.do(actor(), caselog.Deescalate{})
		},
		"archive": func() {
			s.do(actor(), caselog.Archive{Reason: text()})
			s.do(actor(), caselog.Reopen{})
		},
		"begin": func() {
			if s.now().Status != caseupdate.StatusInProgress {
				s.do(actor(), caselog.ChangeStatus{Status: caseupdate.StatusInProgress})
			}
		},
		"delete": func() {
			attachments := s.now().Attachments
			if comments := s.now().Comments; len(comments) > 0 {
				attachments = comments[0].Attachments
			}
			for _, a := range attachments {
				if !a.IsDeleted {
					s.do(actor(), caselog.DeleteAttachment{AttachmentID: a.ID})
					return
				}
			}
			if comments := s.now().Comments; len(comments) > 0 {
				s.do(actor(), caselog.DeleteComment{CommentID: comments[0].ID})
			}
		},
	}
	names := []string{"comment", "attach", "answer", "assign", "decide", "pay", "order", "escalate", "archive", "begin", "delete", "comment", "attach"}
	for range rapid.IntRange(1, 8).Draw(t, "steps") {
		steps[rapid.SampledFrom(names).Draw(t, "step")]()
	}
	return s
}

// watched is a blob store that remembers what was opened.
type watched struct {
	*blob.Store
	opened []string
}

func (w *watched) Get(ctx context.Context, key *vault.Key, id string) (io.ReadCloser, error) {
	w.opened = append(w.opened, id)
	return w.Store.Get(ctx, key, id)
}

// requireCleared renders event i and fails where the body tells what the reader
// may not know, or withholds what they may.
func (s *plantedStory) requireCleared(t *rapid.T, i int, o render.Options) {
	blobs := &watched{Store: s.blobs}
	o.Link = func(caseID, attachmentID string, sha256 []byte) (string, time.Time) {
		blobs.opened = append(blobs.opened, attachmentID)
		return link(caseID, attachmentID, sha256)
	}
	body, err := render.New(blobs).Body(s.events[i], s.cases[i], s.key, o)
	if s.events[i].Activity().IsRestricted && !o.Clearance.Restricted {
		require.ErrorIs(t, err, render.ErrWithheld)
		require.Nil(t, body)
		return
	}
	require.NoError(t, err)
	text := read(t, body)
	told := string(text) + decoded(t, text)

	for _, id := range blobs.opened {
		require.True(t, o.Clearance.PHI || !s.phi[id], "a document that is PHI was opened")
		require.True(t, o.Clearance.Restricted || !s.restricted[id], "a document that is restricted was opened")
	}
	if !o.Clearance.Restricted {
		require.NotContains(t, told, restrictedMark)
		require.NotContains(t, string(text), `"isRestricted":true`)
	} else if comment, ok := s.events[i].Data.(*caselog.CommentAdded); ok && comment.Comment.IsRestricted {
		require.Contains(t, told, restrictedMark)
	}
	if o.Clearance.PHI {
		require.Contains(t, told, phiMark)
		require.NotContains(t, string(text), `"redacted"`)
		return
	}
	require.NotContains(t, told, phiMark)
	require.NotContains(t, told, birthday)

	// The list of what was blanked is what differs from the body with PHI.
	o.Clearance.PHI = true
	requireRedacted(t, s.body(i, o), text)
}

// decoded returns the documents in a body.
func decoded(t failing, text []byte) string {
	var documents strings.Builder
	for _, leaf := range leaves(t, text) {
		if strings.HasSuffix(leaf.path, ".content") {
			content, err := base64.StdEncoding.Strict().DecodeString(leaf.value.(string))
			require.NoError(t, err)
			documents.Write(content)
		}
	}
	return documents.String()
}

func requireRedacted(t failing, cleared, blanked []byte) {
	shown := map[string]any{}
	got := []string{}
	for _, leaf := range leaves(t, blanked) {
		if strings.HasPrefix(leaf.path, "redacted[") {
			got = append(got, leaf.value.(string))
			continue
		}
		shown[leaf.path] = leaf.value
	}
	want := []string{}
	for _, leaf := range leaves(t, cleared) {
		value, ok := shown[leaf.path]
		if strings.HasSuffix(leaf.path, ".urlExpiresAt") && !ok {
			continue // a link that is not there does not expire
		}
		if i := strings.Index(leaf.path, ".medInfo."); i >= 0 && !ok { // blanked as a whole
			info := leaf.path[:i+len(".medInfo")]
			require.Nil(t, shown[info])
			if !slices.Contains(want, info) {
				want = append(want, info)
			}
			continue
		}
		require.True(t, ok, "%s is missing", leaf.path)
		if value != leaf.value {
			require.Contains(t, []any{"", nil}, value)
			want = append(want, leaf.path)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		require.Fail(t, "redacted (-want +got):\n"+diff)
	}
}

// leaf is a value that is no object and no list, at its path in the payload.
type leaf struct {
	path  string
	value any
}

// leaves returns the leaves of a body's payload, in their order.
func leaves(t failing, text []byte) []leaf {
	var body struct{ Payload json.RawMessage }
	require.NoError(t, json.Unmarshal(text, &body))
	dec := json.NewDecoder(bytes.NewReader(body.Payload))
	var found []leaf
	var walk func(path string)
	walk = func(path string) {
		token, err := dec.Token()
		require.NoError(t, err)
		switch token {
		case json.Delim('{'):
			for dec.More() {
				key, err := dec.Token()
				require.NoError(t, err)
				walk(strings.TrimPrefix(path+"."+key.(string), "."))
			}
			_, err = dec.Token()
		case json.Delim('['):
			for i := 0; dec.More(); i++ {
				walk(fmt.Sprintf("%s[%d]", path, i))
			}
			_, err = dec.Token()
		default:
			found = append(found, leaf{path, token})
		}
		require.NoError(t, err)
	}
	walk("")
	return found
}

func TestARestrictedEventIsWithheld(t *testing.T) {
	blobs := openBlobs(t)
	s := newStory(t, blobs)
	s.create()
	s.do(doctor, caselog.AddComment{Text: "Between us", IsRestricted: true, Attachments: []caselog.File{s.file("a.txt", "a", false, false)}})
	s.do(doctor, caselog.AddAttachment{File: s.file("b.txt", "b", false, true)})
	s.do(doctor, caselog.DeleteAttachment{AttachmentID: s.now().Comments[0].Attachments[0].ID})
	s.do(doctor, caselog.DeleteAttachment{AttachmentID: s.now().Attachments[0].ID})
	s.do(doctor, caselog.DeleteComment{CommentID: s.now().Comments[0].ID})
	for i, e := range s.events[1:] {
		t.Run(string(e.Type()), func(t *testing.T) {
			_, err := render.New(blobs).Body(e, s.cases[i+1], s.key, render.Options{Clearance: subscription.Clearance{PHI: true}})
			require.ErrorIs(t, err, render.ErrWithheld)
			require.NotEmpty(t, s.body(i+1, render.Options{Clearance: subscription.Clearance{Restricted: true}}))
		})
	}
}

func TestTheSubmitterIsKnown(t *testing.T) {
	for _, test := range []struct {
		name    string
		actor   caseupdate.User
		blanked bool
	}{
		{"by id", caseupdate.User{ID: patient.ID, FirstName: "Augusta", LastName: "King"}, true},
		{"by name, under another id", caseupdate.User{ID: "user-2", FirstName: "Ada", LastName: "Lovelace"}, true},
		{"by name, however it is written", caseupdate.User{ID: "user-2", FirstName: "ADA ", LastName: " lovelace"}, true},
		{"by e-mail address, under another id and name", caseupdate.User{ID: "user-2", FirstName: "A.", LastName: "King", Email: new("Ada@Example.com")}, true},
		{"by e-mail address, without a name", caseupdate.User{ID: "user-2", Email: patient.Email}, true},
		{"not by the first name alone", caseupdate.User{ID: "user-2", FirstName: "Ada", LastName: "Yonath"}, false},
		{"not by the last name alone", caseupdate.User{ID: "user-2", FirstName: "Ralph", LastName: "Lovelace"}, false},
		{"not by having no e-mail address", robot, false},
		{"not by being somebody else", doctor, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newStory(t, openBlobs(t))
			s.create()
			s.do(test.actor, caselog.AddComment{Text: "Hello"})

			var body struct {
				Payload caseupdate.AddCaseComment
			}
			require.NoError(t, json.Unmarshal(s.body(1, render.Options{}), &body))
			want := test.actor
			if test.blanked {
				want = caseupdate.User{ID: test.actor.ID}
			}
			require.Equal(t, want, body.Payload.Activity.Actor)
			require.Equal(t, want.Person().Name(), body.Payload.Comment.Author)

			full := render.FullCase(s.now(), nothing)
			require.Equal(t, want.Person().Name(), full.Comments[0].Author)
			require.Equal(t, want, full.Activity[1].Actor)
		})
	}
}

func TestAnEmptyDocumentIsNotListedAsBlanked(t *testing.T) {
	s := newStory(t, openBlobs(t))
	s.create()
	s.do(doctor, caselog.AddAttachment{File: s.file("Ada.txt", "", true, false)})
	text := s.body(1, render.Options{})
	require.Contains(t, string(text), `"attachment.fileName"`)
	require.NotContains(t, string(text), `"attachment.content"`)
}
