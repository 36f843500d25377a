package caseupdate_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
)

var update = flag.Bool("update", false, "write the golden bodies anew")

// A golden is an update, and the file under testdata/golden that has its bytes.
type golden struct {
	file   string
	update *caseupdate.Update
}

// goldens are the 19 events, and the other shapes that they come in.
func goldens() []golden {
	var all []golden
	for _, event := range caseupdate.Events() {
		all = append(all, golden{string(event) + ".json", told(event)})
	}
	return append(all,
		golden{"full/ADD_CASE_COMMENT.json", withFullCase(told(caseupdate.EventAddCaseComment))},
		golden{"links/ADD_CASE_ATTACHMENT.json", withLinks(told(caseupdate.EventAddCaseAttachment))},
		golden{"links/ADD_CASE_COMMENT.json", withLinks(told(caseupdate.EventAddCaseComment))},
		golden{"redacted/ADD_CASE_ATTACHMENT.json", redacted(told(caseupdate.EventAddCaseAttachment))},
		golden{"redacted/ADD_FORM_RESPONSE.json", redacted(told(caseupdate.EventAddFormResponse))},
		golden{"redacted/CREATE_CASE.json", redacted(told(caseupdate.EventCreateCase))},
		golden{"nulls/CREATE_CASE.json", withNulls(told(caseupdate.EventCreateCase))},
		golden{"nulls/ADD_CASE_COMMENT.json", withNulls(told(caseupdate.EventAddCaseComment))},
		golden{"nulls/ADD_CASE_DECISION.json", withNulls(told(caseupdate.EventAddCaseDecision))},
		golden{"nulls/ADD_FORM_RESPONSE.json", withNulls(told(caseupdate.EventAddFormResponse))},
		golden{"nulls/PAYMENT_ADDED.json", withNulls(told(caseupdate.EventPaymentAdded))},
		golden{"nulls/ORDER_CREATED.json", withNulls(told(caseupdate.EventOrderCreated))},
	)
}

// withFullCase is what an endpoint that asked for the full case is sent.
func withFullCase(u *caseupdate.Update) *caseupdate.Update {
	*u.Case() = *fullCase()
	return u
}

// withLinks is what an endpoint that asked for links is sent in place of documents.
func withLinks(u *caseupdate.Update) *caseupdate.Update {
	switch p := u.Payload.(type) {
	case *caseupdate.AddCaseAttachment:
		p.Attachment = link(attachment())
	case *caseupdate.AddCaseComment:
		p.Comment = comment(link)
	}
	return u
}

// redacted is what an endpoint without clearance for PHI is sent.
func redacted(u *caseupdate.Update) *caseupdate.Update {
	c := u.Case()
	c.Title, c.Submitter = nil, caseupdate.Submitter{ID: c.Submitter.ID}
	paths := []string{
		"case.title", "case.submitter.firstName", "case.submitter.lastName", "case.submitter.email", "case.submitter.phoneNumber",
		"case.submitter.dob", "case.submitter.gender", "case.submitter.address", "case.submitter.city", "case.submitter.state",
		"case.submitter.country", "case.submitter.postalCode",
	}
	switch p := u.Payload.(type) {
	case *caseupdate.AddCaseAttachment:
		p.Attachment.FileName, p.Attachment.UploadedBy, p.Attachment.Content = "", caseupdate.Name{}, new("")
		p.Redacted = append(paths, "attachment.fileName", "attachment.uploadedBy.firstName", "attachment.uploadedBy.lastName", "attachment.content")
	case *caseupdate.AddFormResponse:
		p.Response.Text, p.Response.Respondent = "", caseupdate.Person{ID: ada.ID}
		p.Redacted = append(paths, "response.text", "response.respondent.firstName", "response.respondent.lastName")
	case *caseupdate.CreateCase:
		c.Details = &caseupdate.Details{
			Responses: []caseupdate.FormSubmission{}, Decisions: []caseupdate.Decision{}, Comments: []caseupdate.Comment{},
			Attachments: []caseupdate.Attachment{attachment()}, Payments: []caseupdate.Payment{}, Orders: []caseupdate.Order{},
			Activity: []caseupdate.Activity{activity(caseupdate.EventCreateCase)},
		}
		c.Attachments[0].FileName, c.Attachments[0].UploadedBy = "", caseupdate.Name{}
		p.Redacted = append(paths, "case.attachments[0].fileName", "case.attachments[0].uploadedBy.firstName", "case.attachments[0].uploadedBy.lastName")
	}
	return u
}

// withNulls is what is sent of a case that was just opened, of which hardly
// anything is known: null for each value that may be absent, and no item in a list.
func withNulls(u *caseupdate.Update) *caseupdate.Update {
	c := u.Case()
	*c = caseupdate.Case{
		ID: c.ID, Type: c.Type, Status: caseupdate.StatusOpen, ShortID: c.ShortID, CreatedAt: c.CreatedAt, UpdatedAt: c.CreatedAt,
		OrganizationID: c.OrganizationID, Assignees: []caseupdate.Assignee{}, Submitter: caseupdate.Submitter{ID: c.Submitter.ID},
	}
	switch p := u.Payload.(type) {
	case *caseupdate.CreateCase:
		p.Activity.Actor.Email = nil
		c.Details = &caseupdate.Details{
			Responses: []caseupdate.FormSubmission{}, Decisions: []caseupdate.Decision{}, Comments: []caseupdate.Comment{},
			Attachments: []caseupdate.Attachment{}, Payments: []caseupdate.Payment{}, Orders: []caseupdate.Order{},
			Activity: []caseupdate.Activity{},
		}
	case *caseupdate.AddCaseComment:
		p.Comment.Attachments = []caseupdate.Attachment{}
	case *caseupdate.AddCaseDecision:
		p.Decision = caseupdate.Decision{ID: p.Decision.ID, IsNoDecision: true, CreatedAt: p.Decision.CreatedAt}
	case *caseupdate.AddFormResponse:
		p.Form.Description, p.Response.Question.Options = nil, []string{}
	case *caseupdate.PaymentAdded:
		p.Payment.DueDate, p.Payment.CreatedBy.Email = nil, nil
	case *caseupdate.OrderCreated:
		p.Order.Message = nil
	}
	return u
}

// read returns the bytes of g's file, written anew under -update.
func (g golden) read(t testing.TB) []byte {
	t.Helper()
	file := filepath.Join("testdata", "golden", g.file)
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, marshal(t, g.update), 0o644))
	}
	body, err := os.ReadFile(file)
	require.NoError(t, err)
	return body
}

func TestUpdatesAreWrittenAndReadAsTheGoldenBodies(t *testing.T) {
	for _, g := range goldens() {
		t.Run(g.file, func(t *testing.T) {
			want := g.read(t)
			if diff := cmp.Diff(string(want), string(marshal(t, g.update))); diff != "" {
				t.Errorf("Marshal (-want +got):\n%s", diff)
			}
			got, err := caseupdate.Parse(want)
			require.NoError(t, err)
			if diff := cmp.Diff(g.update, got, notRaw); diff != "" {
				t.Errorf("Parse (-want +got):\n%s", diff)
			}
			require.Equal(t, string(want), string(marshal(t, got)), "what was parsed and printed again")
		})
	}
}

func TestEveryGoldenBodyHasAnUpdate(t *testing.T) {
	want := map[string]bool{}
	for _, g := range goldens() {
		want[g.file] = true
	}
	got := map[string]bool{}
	for _, pattern := range []string{"*.json", "*/*.json"} {
		files, err := filepath.Glob(filepath.Join("testdata", "golden", pattern))
		require.NoError(t, err)
		for _, file := range files {
			name, err := filepath.Rel(filepath.Join("testdata", "golden"), file)
			require.NoError(t, err)
			got[filepath.ToSlash(name)] = true
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestGoldenBodiesAreOneLineWithoutSpaceBetweenTokens(t *testing.T) {
	for _, g := range goldens() {
		t.Run(g.file, func(t *testing.T) {
			body := g.read(t)
			var compact bytes.Buffer
			require.NoError(t, json.Compact(&compact, body))
			require.Equal(t, compact.String(), string(body))
		})
	}
}

func marshal(t require.TestingT, u *caseupdate.Update) []byte {
	body, err := caseupdate.Marshal(u)
	require.NoError(t, err)
	return body
}
