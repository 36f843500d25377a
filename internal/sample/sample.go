// Package sample has an example of each event: what an endpoint is sent to try it
// out. The patient and all else in it is made up.
package sample

import (
	"fmt"
	"time"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
)

// Of returns an event of that name, and the case as of it: the story of one case is
// told until the event comes up in it. Each call to newID must return another id.
func Of(name caseupdate.Event, at time.Time, newID func() string) (caselog.Event, *caselog.Case, error) {
	nurse := user("sample-nurse", "Nora", "Sample")
	act := caselog.Act{At: at, Actor: nurse, NewID: newID}
	var state *caselog.Case
	for _, step := range story(newID) {
		events, err := caselog.Decide(state, step(state), act)
		if err != nil {
			return caselog.Event{}, nil, fmt.Errorf("tell the story of a sample: %w", err)
		}
		for _, e := range events {
			if state, err = caselog.Fold(state, e); err != nil {
				return caselog.Event{}, nil, fmt.Errorf("tell the story of a sample: %w", err)
			}
			if e.Type() == name {
				return e, state, nil
			}
		}
	}
	return caselog.Event{}, nil, fmt.Errorf("there is no sample of %q", name)
}

// A step is the next command, given the case so far.
type step func(*caselog.Case) caselog.Command

// story makes every event.
func story(newID func() string) []step {
	doctor := user("sample-doctor", "Dana", "Sample")
	always := func(cmd caselog.Command) step { return func(*caselog.Case) caselog.Command { return cmd } }
	return []step{
		always(caselog.CreateCase{
			ID:             newID(),
			OrganizationID: newID(),
			ShortID:        "TST-00000",
			Type:           "sample",
			Title:          "A sample case",
			Submitter: caseupdate.Submitter{
				FirstName: text("Sam"), LastName: text("Sample"), Email: text("sam@example.com"),
				DOB: text("1984-07-12"), City: text("Springfield"), Country: text("US"),
			},
		}),
		always(caselog.AnswerForm{
			Form: caseupdate.Form{Name: "A sample form"},
			Answers: []caselog.Answer{{
				Question: caseupdate.Question{Type: "text", Text: "How are you?", IsPHI: true},
				Text:     "Fine, thank you.",
			}},
		}),
		always(caselog.Assign{Users: []caseupdate.User{doctor}}),
		always(caselog.AddComment{Text: "A sample comment."}),
		// Without bytes: a sample has no blob store.
		always(caselog.AddAttachment{File: caselog.File{ID: newID(), FileName: "sample.txt"}}),
		always(caselog.AddDecision{
			IsApproved: true,
			MedInfo:    &caseupdate.MedInfo{Medicine: "Samplemycin", Dosage: "10 mg", RefillCount: 2, DosingFrequency: "daily"},
		}),
		always(caselog.AddPayment{Description: "A sample payment", Amount: 159_50}),
		func(c *caselog.Case) caselog.Command { return caselog.CompletePayment{PaymentID: c.Payments[0].ID} },
		always(caselog.CreateOrder{}),
		func(c *caselog.Case) caselog.Command {
			return caselog.ChangeOrderStatus{OrderID: c.Orders[0].ID, Status: "SHIPPED"}
		},
		func(c *caselog.Case) caselog.Command {
			return caselog.AddOrderTracking{OrderID: c.Orders[0].ID, TrackingID: "SAMPLE-1"}
		},
		always(caselog.Escalate{}),
		always(caselog.Deescalate{}),
		func(c *caselog.Case) caselog.Command {
			return caselog.DeleteAttachment{AttachmentID: c.Attachments[0].ID}
		},
		func(c *caselog.Case) caselog.Command { return caselog.DeleteComment{CommentID: c.Comments[0].ID} },
		always(caselog.Unassign{UserID: doctor.ID}),
		always(caselog.Archive{Reason: "A sample reason"}),
		always(caselog.Reopen{}),
	}
}

func user(id, first, last string) caseupdate.User {
	return caseupdate.User{ID: id, FirstName: first, LastName: last, Email: text(id + "@example.com")}
}

func text(s string) *string { return &s }
