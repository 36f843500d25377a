package caselog_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/refusal"
)

// The people of the stories.
var (
	patient = caseupdate.User{ID: "patient-1", FirstName: "Ada", LastName: "Lovelace", Email: new("ada@example.com")}
	doctor  = caseupdate.User{ID: "doctor-1", FirstName: "Grace", LastName: "Hopper", Email: new("grace@example.com")}
	nurse   = caseupdate.User{ID: "nurse-1", FirstName: "Mary", LastName: "Seacole", Email: new("mary@example.com")}
	robot   = caseupdate.User{ID: "key-1", FirstName: "API", LastName: "key"}
)

// begin is when the stories begin.
var begin = time.Date(2026, 11, 23, 14, 5, 6, 789e6, time.UTC)

// failing is a testing.TB or a *rapid.T.
type failing interface {
	require.TestingT
	Helper()
}

// story is a case told by commands, with a clock and ids that are the same in every
// run. Each command comes a minute after the one before.
type story struct {
	t      failing
	at     time.Time // of the last command
	actor  caseupdate.User
	ids    int
	events []caselog.Event
	now    *caselog.Case // after the events, nil before the first
}

// blank returns a story of which nothing is told yet.
func blank(t failing) *story {
	return &story{t: t, at: begin.Add(-time.Minute), actor: doctor}
}

// tell returns the story of a case that was created, and then cmds.
func tell(t failing, cmds ...caselog.Command) *story {
	t.Helper()
	s := blank(t)
	s.do(creation())
	for _, cmd := range cmds {
		s.do(cmd)
	}
	return s
}

// creation begins a case in which nothing optional is said.
func creation() caselog.CreateCase {
	return caselog.CreateCase{
		ID: "case-1", OrganizationID: "org-1", ShortID: "ADA-7K2QX",
		Type: "CONSULTATION", Title: "Ada's migraine",
		Submitter: caseupdate.Submitter{
			ID: patient.ID, FirstName: &patient.FirstName, LastName: &patient.LastName, Email: patient.Email,
		},
	}
}

// file is a document, as it lies in the blob store.
func file(id string) caselog.File {
	return caselog.File{ID: id, FileName: id + ".pdf", Size: 3, SHA256: []byte{1, 2, 3}}
}

func (s *story) newID() string {
	s.ids++
	return fmt.Sprintf("01900000-0000-7000-8000-%012d", s.ids)
}

// act is what the world gives to the last command.
func (s *story) act() caselog.Act {
	return caselog.Act{At: s.at, Actor: s.actor, NewID: s.newID}
}

// when is the time of the last command, as events have it.
func (s *story) when() caseupdate.Time { return caseupdate.At(s.at) }

// do has cmd done and returns what happened.
func (s *story) do(cmd caselog.Command) []caselog.Data {
	s.t.Helper()
	s.at = s.at.Add(time.Minute)
	happened, err := caselog.Decide(s.now, cmd, s.act())
	require.NoError(s.t, err)
	require.NotEmpty(s.t, happened)
	data := make([]caselog.Data, len(happened))
	for i, e := range happened {
		s.now, err = caselog.Fold(s.now, e)
		require.NoError(s.t, err)
		s.events, data[i] = append(s.events, e), e.Data
	}
	require.NoError(s.t, impossible(s.now))
	return data
}

// as has cmd done by actor.
func (s *story) as(actor caseupdate.User, cmd caselog.Command) []caselog.Data {
	s.t.Helper()
	before := s.actor
	s.actor = actor
	happened := s.do(cmd)
	s.actor = before
	return happened
}

// refuses asserts that cmd cannot be done.
func (s *story) refuses(cmd caselog.Command, want *refusal.Error) {
	s.t.Helper()
	happened, err := caselog.Decide(s.now, cmd, s.act())
	require.Empty(s.t, happened)
	got, _ := errors.AsType[*refusal.Error](err)
	equal(s.t, "refusal", want, got)
}

// activity is the line that the last event wrote.
func (s *story) activity() caseupdate.Activity { return s.now.Activity[len(s.now.Activity)-1] }

// equal reports where got is not what was wanted.
func equal(t failing, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(caselog.Case{})); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// impossibility is a command that a case, as a story tells it, cannot accept.
type impossibility struct {
	name  string
	given []caselog.Command
	cmd   func(c *caselog.Case) caselog.Command // which may speak of what c has
	want  *refusal.Error
}

func runImpossibilities(t *testing.T, tests []impossibility) {
	t.Helper()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := tell(t, test.given...)
			s.refuses(test.cmd(s.now), test.want)
		})
	}
}

// conflict and notFound refuse what is not possible as things stand.
func conflict(detail string) *refusal.Error { return refusal.Of(refusal.Conflict, detail) }
func notFound(detail string) *refusal.Error { return refusal.Of(refusal.NotFound, detail) }

// journey tells of a case with each of the 19 events.
func journey(t failing) *story {
	t.Helper()
	s := blank(t)
	create := creation()
	create.Submitter.PhoneNumber, create.Submitter.DOB, create.Submitter.Gender = new("+44 20 7946 0000"), new("1984-07-12"), new("female")
	create.Submitter.Address, create.Submitter.City = new("12 St James's Square"), new("London")
	create.Submitter.State, create.Submitter.Country, create.Submitter.PostalCode = new("England"), new("GB"), new("SW1Y 4JH")
	create.ReferralCode = new("SPRING")
	create.ProductBundle = &caseupdate.ProductBundle{ID: "bundle-1", Name: "Migraine"}
	create.HRRep = &caseupdate.Person{ID: "hr-1", FirstName: "Joan", LastName: "Clarke"}
	s.as(patient, create)
	s.as(patient, caselog.AnswerForm{
		Form: caseupdate.Form{ID: "form-1", Name: "Intake", Description: new("Before the first visit")},
		Answers: []caselog.Answer{
			{Question: caseupdate.Question{Index: 0, Type: "text", Text: "What ails you?", IsPHI: true, Required: true}, Text: "My head"},
			{Question: caseupdate.Question{Index: 1, Type: "choice", Text: "Mornings?", Options: []string{"yes", "no"}}, Text: "yes"},
		},
	})
	s.as(nurse, caselog.Assign{Users: []caseupdate.User{doctor, nurse}})
	s.do(caselog.ChangeStatus{Status: caseupdate.StatusInProgress})
	s.as(patient, caselog.AddAttachment{File: caselog.File{
		ID: "scan", FileName: "scan.png", IsPHI: true, Size: 3, SHA256: []byte{1, 2, 3},
	}})
	s.as(patient, caselog.AddComment{
		Text: `Worse if <b>I</b> read & write, "late"`, IsRestricted: true, Attachments: []caselog.File{file("diary")},
	})
	s.as(robot, caselog.AddComment{Text: "Sent twice"})
	s.as(robot, caselog.DeleteComment{CommentID: s.now.Comments[1].ID})
	s.do(caselog.Escalate{})
	s.do(caselog.Deescalate{})
	s.do(caselog.AddDecision{
		IsApproved: true, StartDate: new(caseupdate.At(begin)), EndDate: new(caseupdate.At(begin.AddDate(0, 6, 0))),
		DecisionText: new("Approved"), Category: new("NEUROLOGY"),
		MedInfo: &caseupdate.MedInfo{
			Medicine: "Sumatriptan", Dosage: "50 mg", RefillCount: 2,
			PharmacyInstructions: "Take with water", DosingFrequency: "as needed",
		},
	})
	s.do(caselog.AddPayment{Description: "Consultation", Amount: 15950, DueDate: new(caseupdate.At(begin.AddDate(0, 1, 0)))})
	s.as(nurse, caselog.CompletePayment{PaymentID: s.now.Payments[0].ID})
	s.as(robot, caselog.CreateOrder{Message: new("Packed on Tuesday")})
	s.as(robot, caselog.ChangeOrderStatus{OrderID: s.now.Orders[0].ID, Status: "SHIPPED"})
	s.as(robot, caselog.AddOrderTracking{OrderID: s.now.Orders[0].ID, TrackingID: "GB123456789"})
	s.as(nurse, caselog.DeleteAttachment{AttachmentID: "scan"})
	s.do(caselog.Unassign{UserID: nurse.ID})
	s.do(caselog.Archive{Reason: "RESOLVED", Note: new("Well again")})
	s.do(caselog.Reopen{})
	return s
}
