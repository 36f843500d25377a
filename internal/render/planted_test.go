package render_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/render"
	"github.com/casehook/casehook/internal/subscription"
)

// Whatever the keeper of a case tells, and however it repeats itself, an endpoint finds
// nothing in a body that it is not cleared for.
func TestNothingThatIsToldIsSentWithoutClearance(t *testing.T) {
	blobs := openBlobs(t)
	rapid.Check(t, func(t *rapid.T) {
		k := &keeper{story: newStory(t, blobs), t: t, caseID: uuid.NewString()}
		k.open()
		for range rapid.IntRange(1, 6).Draw(t, "tellings") {
			k.tell()
		}
		k.requireSecrecy()
	})
}

// keeper tells of a random case, and remembers what of it is PHI.
type keeper struct {
	*story
	t      *rapid.T
	caseID string
	n      int      // of what was planted
	phi    []string // values in the case that are PHI
	// The submitter now, and everybody by whom they may be known.
	submitter caseupdate.Submitter
	people    []caseupdate.User
	title     string
	actor     caseupdate.User // of what is told now
}

func (k *keeper) maybe(what string) bool { return rapid.Bool().Draw(k.t, what) }

// plant returns a value that holds a mark, and nobody else's value.
func (k *keeper) plant(mark string) string {
	k.n++
	return rapid.StringMatching(`[a-z<"\\é]{0,3}`).Draw(k.t, "before") + fmt.Sprintf("%s%d", mark, k.n)
}

// text returns a text that is told under these marks.
func (k *keeper) text(phi, restricted bool) string {
	text := "open"
	if restricted {
		text = k.plant(restrictedMark)
	}
	if phi {
		text += k.plant(phiMark)
	}
	if phi && !restricted {
		k.phi = append(k.phi, text)
	}
	return text
}

// echo repeats what is PHI, otherwise written and among other words, or a status.
func (k *keeper) echo() *string {
	if len(k.phi) == 0 || rapid.IntRange(0, 2).Draw(k.t, "plain") == 0 {
		return rapid.SampledFrom([]*string{nil, new("IN_PROGRESS"), new("OPEN"), new("PAID")}).Draw(k.t, "status")
	}
	value := rapid.SampledFrom(k.phi).Draw(k.t, "repeated")
	switch rapid.IntRange(0, 3).Draw(k.t, "written") {
	case 0:
		value = strings.ToUpper(value)
	case 1:
		value = "it was " + value + ", they say"
	case 2:
		value = "x" + value + "y"
	}
	return &value
}

// meet makes somebody else the submitter, and the title another.
func (k *keeper) meet() {
	plant := func() *string { return new(k.plant(phiMark)) }
	k.submitter = caseupdate.Submitter{
		ID: "patient-1", FirstName: plant(), LastName: plant(), Email: new(k.plant(phiMark) + "@example.com"), PhoneNumber: plant(),
		DOB: new(birthday), Gender: plant(), Address: plant(), City: plant(), State: plant(), Country: plant(), PostalCode: plant(),
	}
	k.title = k.plant(phiMark)
	k.phi = append(k.phi, k.title, birthday, *k.submitter.FirstName, *k.submitter.Email, *k.submitter.Address, *k.submitter.PostalCode)
	k.people = append(k.people,
		caseupdate.User{ID: "patient-1", FirstName: k.plant(phiMark), LastName: k.plant(phiMark), Email: plant()},
		caseupdate.User{ID: "registered-1", FirstName: *k.submitter.FirstName, LastName: *k.submitter.LastName, Email: plant()},
		caseupdate.User{ID: "registered-2", FirstName: k.plant(phiMark), LastName: k.plant(phiMark), Email: k.submitter.Email},
		doctor, nurse)
}

func (k *keeper) user() caseupdate.User { return rapid.SampledFrom(k.people).Draw(k.t, "user") }

func (k *keeper) snapshot() *caseupdate.Case {
	at := caseupdate.At(time.Date(2026, 11, 23, 14, 5, 6, 0, time.UTC))
	c := &caseupdate.Case{
		ID: k.caseID, Type: "CONSULTATION", Title: &k.title, Status: caseupdate.StatusOpen, CreatedAt: at, UpdatedAt: at,
		Assignees: []caseupdate.Assignee{}, Submitter: k.submitter,
	}
	if k.maybe("assigned") {
		person := k.actor.Person()
		c.Assignees, c.AssignedTo, c.AssignedBy = append(c.Assignees, caseupdate.Assignee{Assignee: person}), &person, &person
	}
	if now := k.now(); now != nil {
		c.IsArchived, c.ArchiveReason, c.ArchiveNote = now.IsArchived, now.ArchiveReason, now.ArchiveNote
	}
	return c
}

func (k *keeper) attachment(phi, restricted bool) caseupdate.Attachment {
	text := strings.Repeat("x", rapid.IntRange(0, 2).Draw(k.t, "offset"))
	if phi {
		text += k.plant(phiMark)
	}
	if restricted {
		text += k.plant(restrictedMark)
	}
	content := base64.StdEncoding.EncodeToString([]byte(text))
	return caseupdate.Attachment{
		ID: uuid.NewString(), IsPHI: phi, IsRestricted: restricted, FileName: k.text(phi, restricted),
		UploadedBy: k.actor.Person().Name(), Content: &content,
	}
}

// open tells of a case that has something already.
func (k *keeper) open() {
	k.meet()
	k.actor = k.user()
	c := k.snapshot()
	person := k.actor.Person()
	c.Details = &caseupdate.Details{
		Responses: []caseupdate.FormSubmission{{ID: "submission", Form: caseupdate.Form{ID: "form", Name: "Intake"}, Respondent: person, Responses: []caseupdate.Response{{
			ID: "answer", Text: k.text(true, false), Respondent: person,
			Question: caseupdate.Question{Type: "text", Text: "Private?", IsPHI: true, Options: []string{}},
		}}}},
		Comments: []caseupdate.Comment{}, Decisions: []caseupdate.Decision{}, Payments: []caseupdate.Payment{}, Orders: []caseupdate.Order{},
		Attachments: []caseupdate.Attachment{k.attachment(true, false)}, Activity: []caseupdate.Activity{},
	}
	c.Attachments[0].Content = nil
	k.hear(&caseupdate.CreateCase{}, caseupdate.EventCreateCase, c, false, false)
}

// tell tells something random of it.
func (k *keeper) tell() {
	met := rapid.IntRange(0, 3).Draw(k.t, "meet") == 0
	if met {
		k.meet()
	}
	k.actor = k.user()
	phi, restricted := k.maybe("isPHI"), rapid.IntRange(0, 3).Draw(k.t, "isRestricted") == 0
	var c *caseupdate.Case
	if met || k.maybe("with the case") {
		c = k.snapshot()
	}
	user := k.actor
	person := user.Person()
	newID := uuid.NewString
	known := func(ids []string) string { // one that is there, whose marks stay, or a new one
		return rapid.SampledFrom(append(ids, newID())).Draw(k.t, "id")
	}
	switch rapid.IntRange(0, 8).Draw(k.t, "what") {
	case 0:
		comment := caseupdate.Comment{ID: newID(), Text: k.text(phi, restricted), IsRestricted: restricted, Author: person.Name(), Attachments: []caseupdate.Attachment{}}
		for range rapid.IntRange(0, 2).Draw(k.t, "attachments") {
			comment.Attachments = append(comment.Attachments, k.attachment(k.maybe("document"), restricted || k.maybe("hidden")))
		}
		marked := phi || slices.ContainsFunc(comment.Attachments, func(a caseupdate.Attachment) bool { return a.IsPHI })
		k.hear(&caseupdate.AddCaseComment{Comment: comment}, caseupdate.EventAddCaseComment, c, marked, restricted)
	case 1:
		k.hear(&caseupdate.AddCaseAttachment{Attachment: k.attachment(phi, restricted)}, caseupdate.EventAddCaseAttachment, c, phi, restricted)
	case 2:
		k.hear(&caseupdate.AddCaseDecision{Decision: caseupdate.Decision{
			ID: newID(), DecisionText: new(k.text(phi, restricted)), Category: new(k.text(phi, restricted)),
			MedInfo: &caseupdate.MedInfo{Medicine: k.text(phi, restricted), Dosage: k.text(phi, restricted)},
		}}, caseupdate.EventAddCaseDecision, c, phi, restricted)
	case 3:
		k.hear(&caseupdate.AddFormResponse{
			Form: caseupdate.Form{ID: "form", Name: "Intake"},
			Response: caseupdate.Response{
				ID: newID(), Text: k.text(phi, restricted), Respondent: person,
				Question: caseupdate.Question{Type: "text", Text: "What?", IsPHI: phi && k.maybe("the question is marked"), Options: []string{}},
			},
		}, caseupdate.EventAddFormResponse, c, phi, restricted)
	case 4:
		payment := caseupdate.Payment{ID: newID(), Description: k.text(phi, restricted), Status: caselog.Unpaid, CreatedBy: user}
		k.hear(&caseupdate.PaymentAdded{Payment: payment}, caseupdate.EventPaymentAdded, c, phi, restricted)
		payment.Status = caselog.Paid // and nothing is said of marks any more
		k.hear(&caseupdate.PaymentCompleted{Payment: payment}, caseupdate.EventPaymentCompleted, nil, false, false)
	case 5:
		order := caseupdate.Order{ID: newID(), Status: "PACKED", Message: new(k.text(phi, restricted))}
		k.hear(&caseupdate.OrderCreated{Order: order}, caseupdate.EventOrderCreated, c, phi, restricted)
		if k.maybe("by a command") && !k.now().IsArchived {
			k.do(user, caselog.ChangeOrderStatus{OrderID: order.ID, Status: "SHIPPED"})
			return
		}
		order.Status = "SHIPPED"
		k.hear(&caseupdate.OrderStatusChanged{Order: order}, caseupdate.EventOrderStatusChanged, nil, false, false)
	case 6:
		reason := k.text(phi, restricted)
		if c != nil {
			c.IsArchived, c.ArchiveReason, c.ArchiveNote = true, &reason, nil
		}
		k.hear(&caseupdate.ArchiveCase{ArchiveCase: caseupdate.Archive{CaseID: k.caseID, IsArchived: true, ArchiveReason: &reason, Caller: person}},
			caseupdate.EventArchiveCase, c, phi, restricted)
	case 7:
		var comments []string
		for _, comment := range k.now().Comments {
			comments = append(comments, comment.ID)
		}
		k.hear(&caseupdate.DeleteCaseComment{DeletedComment: caseupdate.DeletedComment{CaseID: k.caseID, CaseCommentID: known(comments), Caller: person}},
			caseupdate.EventDeleteCaseComment, c, false, false)
	case 8:
		k.hear(&caseupdate.ChangeCaseStatus{ChangeStatus: caseupdate.StatusChange{
			CaseID: k.caseID, OldStatus: caseupdate.StatusOpen, NewStatus: caseupdate.StatusInProgress, Caller: person,
		}}, caseupdate.EventChangeCaseStatus, c, false, false)
	}
}

// hear takes what is told into the story.
func (k *keeper) hear(own caseupdate.Payload, event caseupdate.Event, c *caseupdate.Case, phi, restricted bool) {
	id := uuid.NewString()
	object, err := json.Marshal(own)
	require.NoError(k.t, err)
	var keys map[string]json.RawMessage
	require.NoError(k.t, json.Unmarshal(object, &keys))
	put := func(key string, value any) {
		keys[key], err = json.Marshal(value)
		require.NoError(k.t, err)
	}
	delete(keys, "case")
	if c != nil {
		put("case", c)
	}
	activity := caseupdate.Activity{
		ID: id, Type: event, IsPHI: phi, IsRestricted: restricted, ValueBefore: k.echo(), ValueAfter: k.echo(), Actor: k.actor,
		Timestamp: caseupdate.At(time.Date(2026, 11, 23, 14, 5, 7, 0, time.UTC)),
	}
	if k.maybe("target") {
		activity.TargetUser = new(k.user())
	}
	put("activity", activity)
	payload, err := json.Marshal(keys)
	require.NoError(k.t, err)

	told, faults := caselog.ReadTold("", caselog.Telling{CaseID: k.caseID, Event: string(event), Payload: payload}, toldAt)
	require.Empty(k.t, faults)
	for _, d := range told.Documents {
		d.File = k.file("", string(d.Content), false, false)
	}
	events, err := caselog.Tell(k.now(), told, caselog.Opening{OrganizationID: "org-1", ShortID: "ADA-7K2QX"}, caselog.Act{At: toldAt, NewID: uuid.NewString})
	require.NoError(k.t, err)
	for _, e := range events {
		next, err := caselog.Fold(k.now(), e)
		require.NoError(k.t, err)
		k.events, k.cases = append(k.events, e), append(k.cases, next)
	}
}

// requireSecrecy renders every event for every clearance, and searches the bodies.
func (k *keeper) requireSecrecy() {
	for i, e := range k.events {
		for _, clearance := range []subscription.Clearance{{PHI: true}, {Restricted: true}, nothing} {
			o := render.Options{
				Payload:   rapid.SampledFrom([]subscription.Payload{subscription.PayloadEvent, subscription.PayloadFull}).Draw(k.t, "payload"),
				Documents: rapid.SampledFrom([]subscription.Documents{subscription.DocumentsBase64, subscription.DocumentsURL}).Draw(k.t, "documents"),
				Clearance: clearance, Link: link,
			}
			body, err := render.New(k.blobs).Body(e, k.cases[i], k.key, o)
			if clearance.Withholds(e.Activity()) {
				require.ErrorIs(k.t, err, render.ErrWithheld)
				continue
			}
			require.NoError(k.t, err, "%s, which its activity does not withhold", e.Type())
			text := read(k.t, body)
			if !clearance.PHI {
				requireNowhere(k.t, text, phiMark, birthday)
				o.Clearance.PHI = true
				requireRedacted(k.t, k.body(i, o), text)
			}
			if !clearance.Restricted {
				requireNowhere(k.t, text, restrictedMark)
			}
		}
	}
	for _, status := range []string{`"valueBefore":"IN_PROGRESS"`, `"valueAfter":"IN_PROGRESS"`} {
		for i, e := range k.events {
			if e.Type() == caseupdate.EventChangeCaseStatus && strings.Contains(string(k.body(i, render.Options{Clearance: all})), status) {
				require.Contains(k.t, string(k.body(i, render.Options{Clearance: subscription.Clearance{Restricted: true}})), status)
			}
		}
	}
}

// encoded is what may be base64, of either alphabet.
var encoded = regexp.MustCompile(`[A-Za-z0-9+/_-]{8,}`)

// requireNowhere searches a body for marks: its bytes, its strings, and whatever in it can be
// read as base64.
func requireNowhere(t failing, body []byte, marks ...string) {
	t.Helper()
	var all bytes.Buffer
	all.Write(body)
	for _, leaf := range leaves(t, body) {
		if text, ok := leaf.value.(string); ok {
			all.WriteString("\n" + text)
		}
	}
	for _, run := range encoded.FindAllString(string(body), -1) {
		run = strings.NewReplacer("-", "+", "_", "/").Replace(run)
		for offset := range 4 {
			part := run[offset:]
			if len(part)%4 == 1 {
				part = part[:len(part)-1]
			}
			decoded, err := base64.RawStdEncoding.DecodeString(part)
			require.NoError(t, err)
			all.WriteByte('\n')
			all.Write(decoded)
		}
	}
	for _, mark := range marks {
		at := strings.Index(strings.ToLower(all.String()), strings.ToLower(mark))
		require.Negative(t, at, "%s is in %s", mark, body)
	}
}

func TestValuesThatRepeatWhatIsPHIAreBlanked(t *testing.T) {
	const status, other = caseupdate.EventChangeCaseStatus, caseupdate.EventEscalateCase
	for _, test := range []struct {
		event   caseupdate.Event
		value   string
		blanked bool
	}{
		{other, "Ada's migraine", true},
		{other, "ADA'S  MIGRAINE", true},
		{other, "was: Ada's migraine.", true},
		{other, "ada", true},
		{other, "Asked for Ada by phone", true},
		{other, "Adagio", false},
		{other, "Lovelace, Ada", true},
		{other, "ada@example.com", true},
		{other, "1984-07-12", true},
		{other, "born 1984-07-12.", true},
		{other, "in", true},
		{other, "IN_PROGRESS", false},
		{other, "put in a box", false},
		{other, "F", true},
		{other, "FAILED", false},
		{other, "England", true},
		{other, "", false},
		{other, "HIGH", false},
		{status, "IN_PROGRESS", false},
		{status, "APPROVED", false},
		{status, "approved Ada's migraine", true},
	} {
		t.Run(fmt.Sprintf("%s %q", test.event, test.value), func(t *testing.T) {
			s := newStory(t, openBlobs(t))
			s.create()
			c := s.cases[0]
			c.Submitter.State, c.Submitter.Gender, c.Submitter.Country = new("IN"), new("F"), new("England")
			e := caselog.Event{
				ID: s.newID(), CaseID: c.ID, Sequence: 2, At: c.UpdatedAt, Actor: nurse, Data: &caselog.Escalated{},
				Report: &caselog.Report{ValueBefore: &test.value, ValueAfter: new("LOW")},
			}
			if test.event == status {
				e.Data = &caselog.StatusChanged{Old: caseupdate.StatusOpen, New: caseupdate.StatusInProgress}
			}
			next, err := caselog.Fold(c, e)
			require.NoError(t, err)
			s.events, s.cases = append(s.events, e), append(s.cases, next)

			var body struct{ Payload caseupdate.EscalateCase }
			require.NoError(t, json.Unmarshal(s.body(1, render.Options{}), &body))
			require.Equal(t, test.blanked, body.Payload.Activity.ValueBefore == nil)
			require.Equal(t, test.blanked, slices.Contains(body.Payload.Redacted, "activity.valueBefore"))
			require.Equal(t, "LOW", *body.Payload.Activity.ValueAfter)
			require.Equal(t, test.blanked, render.FullCase(next, nothing).Activity[1].ValueBefore == nil)

			require.NoError(t, json.Unmarshal(s.body(1, render.Options{Clearance: all}), &body))
			require.Equal(t, test.value, *body.Payload.Activity.ValueBefore)
		})
	}
}
