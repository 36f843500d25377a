package render_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/blob"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/render"
	"github.com/casehook/casehook/internal/subscription"
	"github.com/casehook/casehook/internal/vault"
)

var (
	all     = subscription.Clearance{PHI: true, Restricted: true}
	nothing = subscription.Clearance{}
)

const organizationID = "01900000-0000-7000-8000-0000000000ff"

// The people of the stories. The patient acts under the submitter's id.
var (
	patient = caseupdate.User{ID: "patient-1", FirstName: "Ada", LastName: "Lovelace", Email: new("ada@example.com")}
	doctor  = caseupdate.User{ID: "doctor-1", FirstName: "Grace", LastName: "Hopper", Email: new("grace@example.com")}
	nurse   = caseupdate.User{ID: "nurse-1", FirstName: "Mary", LastName: "Seacole", Email: new("mary@example.com")}
	robot   = caseupdate.User{ID: "key-1", FirstName: "API", LastName: "key"}
)

// failing is a testing.TB or a *rapid.T.
type failing interface {
	require.TestingT
	Helper()
}

// story is the log of one case, told by commands, with a clock and ids that are the
// same in every run.
type story struct {
	t      failing
	blobs  *blob.Store
	key    *vault.Key
	ids    int
	events []caselog.Event
	cases  []*caselog.Case // cases[i] is the case as of events[i]
}

func newStory(t failing, blobs *blob.Store) *story {
	t.Helper()
	ring, err := vault.ParseKeyring(vault.NewMasterKey())
	require.NoError(t, err)
	key, _, err := vault.New(ring).NewKey("case-1", nil)
	require.NoError(t, err)
	return &story{t: t, blobs: blobs, key: key}
}

func openBlobs(t testing.TB) *blob.Store {
	t.Helper()
	blobs, err := blob.Open(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, blobs.Close()) })
	return blobs
}

func (s *story) newID() string {
	s.ids++
	return fmt.Sprintf("01900000-0000-7000-8000-%012d", s.ids)
}

// now is the case as of the last event, nil before the first.
func (s *story) now() *caselog.Case {
	if len(s.cases) == 0 {
		return nil
	}
	return s.cases[len(s.cases)-1]
}

// do tells what cmd makes happen.
func (s *story) do(actor caseupdate.User, cmd caselog.Command) {
	s.t.Helper()
	at := time.Date(2026, 11, 23, 14, 5, 6, 789e6, time.UTC).Add(time.Duration(len(s.events)) * time.Minute)
	happened, err := caselog.Decide(s.now(), cmd, caselog.Act{At: at, Actor: actor, NewID: s.newID})
	require.NoError(s.t, err)
	for _, e := range happened {
		next, err := caselog.Fold(s.now(), e)
		require.NoError(s.t, err)
		s.events, s.cases = append(s.events, e), append(s.cases, next)
	}
}

// file puts content into the blob store.
func (s *story) file(name, content string, phi, restricted bool) caselog.File {
	s.t.Helper()
	id := s.newID()
	info, err := s.blobs.Put(context.Background(), s.key, id, bytes.NewReader([]byte(content)))
	require.NoError(s.t, err)
	return caselog.File{
		ID: id, FileName: name, IsPHI: phi, IsRestricted: restricted, Size: info.Size, SHA256: info.SHA256[:],
	}
}

// create begins the case, on behalf of the patient.
func (s *story) create() {
	s.t.Helper()
	s.do(patient, caselog.CreateCase{
		ID: s.newID(), OrganizationID: organizationID, ShortID: "ADA-7K2QX",
		Type: "CONSULTATION", Title: "Ada's migraine",
		Submitter: caseupdate.Submitter{
			ID: patient.ID, FirstName: &patient.FirstName, LastName: &patient.LastName, Email: patient.Email,
			PhoneNumber: new("+44 20 7946 0000"), DOB: new("1984-07-12"), Gender: new("female"),
			Address: new("12 St James's Square"), City: new("London"), State: new("England"),
			Country: new("GB"), PostalCode: new("SW1Y 4JH"),
		},
		ReferralCode:  new("SPRING"),
		ProductBundle: &caseupdate.ProductBundle{ID: "bundle-1", Name: "Migraine"},
		HRRep:         &caseupdate.Person{ID: "hr-1", FirstName: "Joan", LastName: "Clarke"},
	})
}

// journey tells of a case with each of the 19 events, the first of each type one
// that is not restricted.
func journey(t testing.TB) *story {
	t.Helper()
	s := newStory(t, openBlobs(t))
	s.create()
	s.do(patient, caselog.AnswerForm{
		Form: caseupdate.Form{ID: "form-1", Name: "Intake", Description: new("Before the first visit")},
		Answers: []caselog.Answer{
			{Question: caseupdate.Question{Index: 0, Type: "text", Text: "What ails you?", IsPHI: true, Required: true}, Text: "My head"},
			{Question: caseupdate.Question{Index: 1, Type: "choice", Text: "Mornings?", Options: []string{"yes", "no"}}, Text: "yes"},
		},
	})
	s.do(nurse, caselog.Assign{Users: []caseupdate.User{doctor, nurse}})
	s.do(doctor, caselog.ChangeStatus{Status: caseupdate.StatusInProgress})
	s.do(patient, caselog.AddAttachment{File: s.file("Ada Lovelace.png", "a scan", true, false)})
	s.do(nurse, caselog.AddAttachment{File: s.file("rota.txt", "for us only", false, true)})
	s.do(nurse, caselog.AddAttachment{File: s.file("leaflet.pdf", "drink water", false, false)})
	s.do(patient, caselog.AddComment{
		Text: `Worse if <b>I</b> read & write, "late"`,
		Attachments: []caselog.File{
			s.file("diary.txt", "Monday: bad", true, false),
			s.file("internal.txt", "for us only", false, true),
			s.file("photo.png", "a lamp", false, false),
		},
	})
	s.do(doctor, caselog.AddComment{
		Text: "Between us: refer her", IsRestricted: true,
		Attachments: []caselog.File{s.file("referral.pdf", "to the clinic", false, false)},
	})
	s.do(robot, caselog.AddComment{Text: "Sent twice"})
	s.do(patient, caselog.Escalate{})
	s.do(doctor, caselog.Deescalate{})
	s.do(doctor, caselog.AddDecision{
		IsApproved: true, StartDate: new(caseupdate.At(time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC))),
		EndDate: new(caseupdate.At(time.Date(2027, 6, 1, 0, 0, 0, 0, time.UTC))), DecisionText: new("Approved"), Category: new("NEUROLOGY"),
		MedInfo: &caseupdate.MedInfo{
			Medicine: "Sumatriptan", Dosage: "50 mg", RefillCount: 2,
			PharmacyInstructions: "Take with water", DosingFrequency: "as needed",
		},
	})
	s.do(patient, caselog.AddPayment{
		Description: "Consultation", Amount: 15950, DueDate: new(caseupdate.At(time.Date(2026, 12, 24, 0, 0, 0, 0, time.UTC))),
	})
	s.do(nurse, caselog.CompletePayment{PaymentID: s.now().Payments[0].ID})
	s.do(robot, caselog.CreateOrder{Message: new("Packed on Tuesday")})
	s.do(robot, caselog.ChangeOrderStatus{OrderID: s.now().Orders[0].ID, Status: "SHIPPED"})
	s.do(robot, caselog.AddOrderTracking{OrderID: s.now().Orders[0].ID, TrackingID: "GB123456789"})
	s.do(patient, caselog.DeleteAttachment{AttachmentID: s.now().Comments[0].Attachments[0].ID})
	s.do(nurse, caselog.DeleteAttachment{AttachmentID: s.now().Attachments[0].ID})
	s.do(nurse, caselog.DeleteAttachment{AttachmentID: s.now().Attachments[1].ID})
	s.do(robot, caselog.DeleteComment{CommentID: s.now().Comments[2].ID})
	s.do(doctor, caselog.Unassign{UserID: doctor.ID})
	s.do(doctor, caselog.Archive{Reason: "RESOLVED", Note: new("Well again")})
	s.do(doctor, caselog.Reopen{})
	return s
}

// first returns the index of the first event of that type.
func (s *story) first(name caseupdate.Event) int {
	s.t.Helper()
	for i, e := range s.events {
		if e.Type() == name {
			return i
		}
	}
	require.Fail(s.t, "the story has no "+string(name))
	return -1
}

// link mints what looks like a signed link, good for 15 minutes.
func link(caseID, attachmentID string, _ []byte) (string, time.Time) {
	return "https://casehook.example/" + caseID + "/" + attachmentID + "?signed&until=1",
		time.Date(2026, 11, 23, 15, 0, 0, 0, time.UTC)
}

// body renders event i and reads all of it.
func (s *story) body(i int, o render.Options) []byte {
	s.t.Helper()
	return read(s.t, s.rendered(i, o))
}

func (s *story) rendered(i int, o render.Options) *render.Body {
	s.t.Helper()
	body, err := render.New(s.blobs).Body(s.events[i], s.cases[i], s.key, o)
	require.NoError(s.t, err)
	return body
}

// read reads the body, which must be as long as it says.
func read(t failing, body *render.Body) []byte {
	t.Helper()
	r := body.Open(context.Background())
	text, err := io.ReadAll(r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	require.Len(t, text, int(body.Len()))
	if whole, ok := body.Bytes(); ok {
		require.Equal(t, string(whole), string(text))
	}
	return text
}
