package caseupdate_test

import (
	"time"

	"github.com/casehook/casehook/caseupdate"
)

// The story of the golden bodies: Ada's migraine, treated on another platform,
// imported with all that had happened, and treated on. Nobody in it is real.

const caseID = "019ab0c4-2f00-7a10-8c3e-5d1f00000001"

var (
	ada   = caseupdate.Person{ID: "patient-ada", FirstName: "Ada", LastName: "Łovelace"}
	grace = caseupdate.User{ID: "doctor-grace", FirstName: "Grace", LastName: "Hopper", Email: new("grace@clinic.example")}
	mary  = caseupdate.User{ID: "nurse-mary", FirstName: "Mary", LastName: "O'Seacole", Email: new("mary@clinic.example")}
	joan  = caseupdate.Person{ID: "hr-joan", FirstName: "Joan", LastName: "Clarke"}
)

// on returns a moment of the day on which the story happens.
func on(clock string) caseupdate.Time {
	t, err := time.Parse(time.RFC3339Nano, "2026-11-23T"+clock+"Z")
	if err != nil {
		panic(err)
	}
	return caseupdate.At(t)
}

// told returns the story's update of event, with the basic case; of CREATE_CASE
// with the full one. Nothing in it is shared with another call's.
func told(event caseupdate.Event) *caseupdate.Update {
	base := caseupdate.Base{Case: basicCase(), Activity: activity(event)}
	u := &caseupdate.Update{Event: event}
	switch event {
	case caseupdate.EventAddCaseComment:
		u.Payload = &caseupdate.AddCaseComment{Base: base, Comment: comment(content)}
	case caseupdate.EventAddCaseDecision:
		u.Payload = &caseupdate.AddCaseDecision{Base: base, Decision: decision()}
	case caseupdate.EventAddCaseAttachment:
		u.Payload = &caseupdate.AddCaseAttachment{Base: base, Attachment: content(attachment())}
	case caseupdate.EventAddFormResponse:
		u.Payload = &caseupdate.AddFormResponse{Base: base, Form: form(), Response: response()}
	case caseupdate.EventAddCaseAssignee:
		u.Payload = &caseupdate.AddCaseAssignee{Base: base, Assignees: assignees(grace, mary)}
	case caseupdate.EventRemoveCaseAssignee:
		u.Payload = &caseupdate.RemoveCaseAssignee{Base: base, Assignees: assignees(grace)}
	case caseupdate.EventPaymentAdded:
		u.Payload = &caseupdate.PaymentAdded{Base: base, Payment: payment("UNPAID")}
	case caseupdate.EventPaymentCompleted:
		u.Payload = &caseupdate.PaymentCompleted{Base: base, Payment: payment("PAID")}
	case caseupdate.EventOrderCreated:
		u.Payload = &caseupdate.OrderCreated{Base: base, Order: order("CREATED")}
	case caseupdate.EventOrderStatusChanged:
		u.Payload = &caseupdate.OrderStatusChanged{Base: base, Order: order("SHIPPED")}
	case caseupdate.EventOrderTrackingAdded:
		u.Payload = &caseupdate.OrderTrackingAdded{Base: base, Order: order("SHIPPED")}
	case caseupdate.EventDeleteAttachment:
		u.Payload = &caseupdate.DeleteAttachment{Base: base, DeletedAttachment: caseupdate.DeletedAttachment{
			CaseID: caseID, CaseAttachmentID: attachment().ID, Caller: mary.Person(),
		}}
	case caseupdate.EventCreateCase:
		base.Case = fullCase()
		u.Payload = &caseupdate.CreateCase{Base: base}
	case caseupdate.EventEscalateCase:
		base.Case.IsEscalated = true
		u.Payload = &caseupdate.EscalateCase{Base: base, Escalated: escalated(true)}
	case caseupdate.EventDeescalateCase:
		u.Payload = &caseupdate.DeescalateCase{Base: base, Escalated: escalated(false)}
	case caseupdate.EventDeleteCaseComment:
		u.Payload = &caseupdate.DeleteCaseComment{Base: base, DeletedComment: caseupdate.DeletedComment{
			CaseID: caseID, CaseCommentID: comment(bare).ID, Caller: mary.Person(),
		}}
	case caseupdate.EventArchiveCase:
		base.Case.IsArchived = true
		base.Case.ArchiveReason, base.Case.ArchiveNote = new("Treatment complete"), new("Ada asked for a copy <by post>.")
		u.Payload = &caseupdate.ArchiveCase{Base: base, ArchiveCase: caseupdate.Archive{
			CaseID: caseID, IsArchived: true, ArchiveReason: new("Treatment complete"), Caller: mary.Person(),
		}}
	case caseupdate.EventReopenCase:
		u.Payload = &caseupdate.ReopenCase{Base: base, ArchiveCase: caseupdate.Archive{CaseID: caseID, Caller: mary.Person()}}
	case caseupdate.EventChangeCaseStatus:
		u.Payload = &caseupdate.ChangeCaseStatus{Base: base, ChangeStatus: caseupdate.StatusChange{
			CaseID: caseID, NewStatus: caseupdate.StatusApproved, OldStatus: caseupdate.StatusInProgress,
			ChangeDate: on("15:30:00"), Caller: grace.Person(),
		}}
	default:
		panic("the story has no " + string(event))
	}
	return u
}

func activity(event caseupdate.Event) caseupdate.Activity {
	a := caseupdate.Activity{ID: "019ab0c4-2f00-7a10-8c3e-5d1f000000aa", Type: event, Timestamp: on("15:30:00.001"), Actor: mary}
	switch event {
	case caseupdate.EventAddCaseAttachment, caseupdate.EventAddFormResponse, caseupdate.EventDeleteAttachment:
		a.IsPHI = true
	case caseupdate.EventAddCaseComment, caseupdate.EventDeleteCaseComment:
		a.IsPHI, a.IsRestricted = true, true
	case caseupdate.EventAddCaseAssignee, caseupdate.EventRemoveCaseAssignee:
		a.TargetUser = new(grace)
	case caseupdate.EventPaymentCompleted:
		a.ValueBefore, a.ValueAfter = new("UNPAID"), new("PAID")
	case caseupdate.EventOrderStatusChanged:
		a.ValueBefore, a.ValueAfter = new("CREATED"), new("SHIPPED")
	case caseupdate.EventChangeCaseStatus:
		a.ValueBefore, a.ValueAfter = new("IN_PROGRESS"), new("APPROVED")
	}
	return a
}

// basicCase is the case with every value that a case outside the archive has.
func basicCase() *caseupdate.Case {
	return &caseupdate.Case{
		ID: caseID, Type: "CONSULTATION", Title: new("Ada's migraine"), Status: caseupdate.StatusApproved, ShortID: "ADA-7K2QX",
		CreatedAt: on("14:05:06.789"), UpdatedAt: on("15:30:00"), AssignedAt: new(on("14:10:00")),
		InProgressAt: new(on("14:20:00.5")), ClosedAt: new(on("15:30:00")),
		IsImported: true, ReferralCode: new("SPRING&SUMMER"),
		ClosedBy: new(grace.Person()), InProgressBy: new(grace.Person()), OrganizationID: "019ab0c4-2f00-7a10-8c3e-5d1f000000ff",
		ProductBundleID: new("bundle-migraine"), ProductBundle: &caseupdate.ProductBundle{ID: "bundle-migraine", Name: "Migraine > 18 years"},
		AssignedTo: new(grace.Person()), HRRep: new(joan), AssignedBy: new(mary.Person()), Assignees: assignees(grace, mary),
		Submitter: caseupdate.Submitter{
			ID: ada.ID, FirstName: new(ada.FirstName), LastName: new(ada.LastName), Email: new("ada+cases@patient.example"),
			PhoneNumber: new("+44 20 7946 0000"), DOB: new("1984-07-12"), Gender: new("female"), Address: new("12 St James's Square"),
			City: new("London"), State: new("England"), Country: new("GB"), PostalCode: new("SW1Y 4JH"),
		},
	}
}

// fullCase is the basic case with something in each list.
func fullCase() *caseupdate.Case {
	deleted := attachment()
	deleted.ID, deleted.IsDeleted = "019ab0c4-2f00-7a10-8c3e-5d1f00000008", true
	canceled := payment("UNPAID")
	canceled.ID, canceled.IsDeleted, canceled.CancellationDate = "019ab0c4-2f00-7a10-8c3e-5d1f0000000a", true, new(on("14:39:00"))
	c := basicCase()
	c.Details = &caseupdate.Details{
		Responses: []caseupdate.FormSubmission{{
			ID: "019ab0c4-2f00-7a10-8c3e-5d1f00000002", CreatedAt: on("14:06:00"), Form: form(), Respondent: ada,
			Responses: []caseupdate.Response{response()},
		}},
		Decisions:   []caseupdate.Decision{decision()},
		Comments:    []caseupdate.Comment{comment(bare)},
		Attachments: []caseupdate.Attachment{attachment(), deleted},
		Payments:    []caseupdate.Payment{payment("PAID"), canceled},
		Orders:      []caseupdate.Order{order("SHIPPED")},
		Activity:    []caseupdate.Activity{activity(caseupdate.EventAddCaseAssignee), activity(caseupdate.EventChangeCaseStatus)},
	}
	return c
}

func attachment() caseupdate.Attachment {
	return caseupdate.Attachment{
		ID: "019ab0c4-2f00-7a10-8c3e-5d1f00000004", IsRestricted: true, IsPHI: true, FileName: "Kopfschmerztagebuch März.pdf",
		CreatedAt: on("14:07:00"), UploadedBy: ada.Name(),
	}
}

// bare, content and link are the three ways in which a document comes: not at all,
// inline, and as a link.

func bare(a caseupdate.Attachment) caseupdate.Attachment { return a }

func content(a caseupdate.Attachment) caseupdate.Attachment {
	a.Content = new("TW9uZGF5OiBiYWQ/Pj4+")
	return a
}

func link(a caseupdate.Attachment) caseupdate.Attachment {
	a.URL, a.URLExpiresAt = new("https://cases.example/documents/"+a.ID+"?expires=1795534200&signature=k7QJ"), new(on("15:45:00.001"))
	return a
}

func comment(document func(caseupdate.Attachment) caseupdate.Attachment) caseupdate.Comment {
	return caseupdate.Comment{
		ID: "019ab0c4-2f00-7a10-8c3e-5d1f00000003", Text: "Worse when I read <small> print & write \"late\".\nFever: 37.8 °C 🤒",
		IsRestricted: true, CreatedAt: on("14:08:00"), Author: ada.Name(), Attachments: []caseupdate.Attachment{document(attachment())},
	}
}

func decision() caseupdate.Decision {
	return caseupdate.Decision{
		ID: "019ab0c4-2f00-7a10-8c3e-5d1f00000005", IsApproved: true, StartDate: new(on("00:00:00")), EndDate: new(on("23:59:59.999")),
		DecisionText: new("Approved:\ttry for six weeks."), Category: new("NEUROLOGY"),
		MedInfo: &caseupdate.MedInfo{
			Medicine: "Sumatriptan", Dosage: "50 mg", RefillCount: 3,
			PharmacyInstructions: "No substitute", DosingFrequency: "at onset, ≤ 2 a day",
		},
		CreatedAt: on("15:30:00"),
	}
}

func form() caseupdate.Form {
	return caseupdate.Form{ID: "form-intake", Name: "Intake", Description: new("Before the first visit")}
}

func response() caseupdate.Response {
	return caseupdate.Response{
		ID: "019ab0c4-2f00-7a10-8c3e-5d1f00000006",
		Question: caseupdate.Question{
			Index: 2, Type: "choice", Text: "How often?", IsPHI: true, Options: []string{"< 1 a week", "≥ 1 a week"}, Required: true,
		},
		Text: "≥ 1 a week", CreatedAt: on("14:06:00"), Respondent: ada,
	}
}

func assignees(users ...caseupdate.User) []caseupdate.Assignee {
	wrapped := []caseupdate.Assignee{}
	for _, u := range users {
		wrapped = append(wrapped, caseupdate.Assignee{Assignee: u.Person()})
	}
	return wrapped
}

func payment(status string) caseupdate.Payment {
	p := caseupdate.Payment{
		ID: "019ab0c4-2f00-7a10-8c3e-5d1f00000007", Description: "First visit", Amount: 159_50, Status: status,
		DueDate: new(on("23:59:59.999")), CreatedAt: on("14:09:00"), UpdatedAt: on("14:40:00"), CreatedBy: mary,
	}
	if status == "PAID" {
		p.PaymentDate = new(on("14:40:00"))
	}
	return p
}

func order(status string) caseupdate.Order {
	o := caseupdate.Order{ID: "019ab0c4-2f00-7a10-8c3e-5d1f00000009", Status: status, Message: new("Leave it next door"), CreatedAt: on("15:00:00")}
	if status == "SHIPPED" {
		o.TrackingID = new("1Z 999 AA1 01 2345 6784")
	}
	return o
}

func escalated(is bool) caseupdate.Escalated {
	return caseupdate.Escalated{CaseID: caseID, IsEscalated: is, Caller: grace.Person()}
}
