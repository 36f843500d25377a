package caselog_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/refusal"
)

func TestACaseIsArchivedAndReopened(t *testing.T) {
	s := tell(t, caselog.ChangeStatus{Status: caseupdate.StatusAbandoned}, caselog.Escalate{})
	open := s.now

	happened := s.do(caselog.Archive{Reason: "RESOLVED", Note: new("Well again")})
	equal(t, "what happened", []caselog.Data{&caselog.Archived{Reason: "RESOLVED", Note: new("Well again")}}, happened)
	require.True(t, s.now.IsArchived)
	require.Equal(t, "RESOLVED", *s.now.ArchiveReason)
	require.Equal(t, "Well again", *s.now.ArchiveNote)
	require.Equal(t, caseupdate.StatusAbandoned, s.now.Status, "an archived case keeps its status")

	happened = s.do(caselog.Reopen{})
	equal(t, "what happened", []caselog.Data{&caselog.Reopened{}}, happened)
	want := *open
	want.Version, want.UpdatedAt, want.Activity = s.now.Version, s.when(), s.now.Activity
	equal(t, "the case is as before", &want, s.now)

	s.do(caselog.Archive{Reason: "SPAM"})
	require.Equal(t, "SPAM", *s.now.ArchiveReason)
	require.Nil(t, s.now.ArchiveNote, "the note of the last time is gone")
}

func TestAnArchivedCaseCanOnlyBeReopened(t *testing.T) {
	s := tell(t,
		caselog.AddComment{Text: "a", Attachments: []caselog.File{file("diary")}},
		caselog.AddAttachment{File: file("scan")},
		caselog.Assign{Users: []caseupdate.User{doctor}},
		caselog.AddPayment{Description: "Consultation", Amount: 15950},
		caselog.CreateOrder{},
		caselog.Escalate{},
		caselog.Archive{Reason: "RESOLVED"},
	)
	for _, test := range []struct {
		name string
		cmd  caselog.Command
	}{
		{"no comment is added", caselog.AddComment{Text: "b"}},
		{"no comment is deleted", caselog.DeleteComment{CommentID: s.now.Comments[0].ID}},
		{"no attachment is added", caselog.AddAttachment{File: file("photo")}},
		{"no attachment is deleted", caselog.DeleteAttachment{AttachmentID: "scan"}},
		{"no decision is made", caselog.AddDecision{IsApproved: true}},
		{"no form is answered", caselog.AnswerForm{
			Form:    caseupdate.Form{Name: "Intake"},
			Answers: []caselog.Answer{{Question: caseupdate.Question{Type: "text", Text: "Why?"}}},
		}},
		{"nobody is assigned", caselog.Assign{Users: []caseupdate.User{nurse}}},
		{"nobody is taken off", caselog.Unassign{UserID: doctor.ID}},
		{"no payment is asked for", caselog.AddPayment{Description: "Consultation", Amount: 1}},
		{"no payment is made", caselog.CompletePayment{PaymentID: s.now.Payments[0].ID}},
		{"nothing is ordered", caselog.CreateOrder{}},
		{"no order goes on", caselog.ChangeOrderStatus{OrderID: s.now.Orders[0].ID, Status: "SHIPPED"}},
		{"no order is tracked", caselog.AddOrderTracking{OrderID: s.now.Orders[0].ID, TrackingID: "GB123456789"}},
		{"it is not escalated", caselog.Escalate{}},
		{"it is not deescalated", caselog.Deescalate{}},
		{"it is not archived again", caselog.Archive{Reason: "RESOLVED"}},
		{"its status is not changed", caselog.ChangeStatus{Status: caseupdate.StatusAbandoned}},
		{"what is not there is not told from what is", caselog.DeleteComment{CommentID: "comment-1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s.refuses(test.cmd, conflict("the case is archived: it can only be reopened"))
		})
	}
	t.Run("what no case could accept is told first", func(t *testing.T) {
		s.refuses(caselog.AddComment{}, refusal.Field("text", "must not be empty"))
	})
	t.Run("it is reopened", func(t *testing.T) { s.do(caselog.Reopen{}) })
}

func TestAnOpenCaseIsNotReopened(t *testing.T) {
	s := tell(t)
	s.refuses(caselog.Reopen{}, conflict("the case is not archived"))
	s.do(caselog.Archive{Reason: "SPAM"})
	s.do(caselog.Reopen{})
	s.refuses(caselog.Reopen{}, conflict("the case is not archived"))
}
