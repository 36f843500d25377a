package dashboard

import (
	"net/http"
	"strconv"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/doorway"
	"github.com/casehook/casehook/internal/service"
)

// item is one of what belongs to a case: a comment, a document.
type item struct {
	At     caseupdate.Time
	By     *private // who made it; nil where that is not said
	State  string   // for a badge, or ""
	Labels []string
	Fields []privateFact
	Facts  []fact

	Documents []documentFact
}

// documentFact names a document.
type documentFact struct {
	privateFact
	Path string // of its bytes; "" where they cannot be read, or no longer
}

// content is a veil over all that belongs to a case.
type content struct {
	veil
	who service.Caller
	now *caselog.Case
}

func (v content) document(name string, a caseupdate.Attachment) documentFact {
	d := documentFact{privateFact: privateFact{name, v.text(a.FileName)}}
	if known, ok := v.now.Attachment(a.ID); ok && v.who.MayRead(known) == nil {
		d.Path = "/cases/" + v.now.ID + "/attachments/" + a.ID + "/content"
	}
	return d
}

func (v veil) patient(s caseupdate.Submitter) private {
	var name caseupdate.Name
	if s.FirstName != nil {
		name.FirstName = *s.FirstName
	}
	if s.LastName != nil {
		name.LastName = *s.LastName
	}
	return v.text(fullName(name))
}

// about is all that is known of the patient.
func (v veil) about(s caseupdate.Submitter) []privateFact {
	facts := []privateFact{{"Name", v.patient(s)}}
	for _, known := range []struct {
		name  string
		value *string
	}{
		{"Born", s.DOB}, {"Gender", s.Gender}, {"E-mail", s.Email}, {"Phone", s.PhoneNumber}, {"Address", s.Address},
		{"City", s.City}, {"State", s.State}, {"Postal code", s.PostalCode}, {"Country", s.Country},
	} {
		facts = append(facts, privateFact{known.name, v.maybe(known.value)})
	}
	return facts
}

// ordered is what was asked for, and how whoever asked came here.
func (v veil) ordered(c *caseupdate.Case) (facts []privateFact) {
	if c.ProductBundle != nil {
		facts = append(facts, privateFact{"Product", v.text(c.ProductBundle.Name)})
	}
	if c.ReferralCode != nil {
		facts = append(facts, privateFact{"Referral code", v.text(*c.ReferralCode)})
	}
	return facts
}

// name is person for who is told by name only.
func (v veil) name(n caseupdate.Name) *private {
	return new(v.person(caseupdate.Person{FirstName: n.FirstName, LastName: n.LastName}))
}

func marks(isPHI, isRestricted, isDeleted bool) (labels []string) {
	if isPHI {
		labels = append(labels, "PHI")
	}
	if isRestricted {
		labels = append(labels, "Restricted")
	}
	if isDeleted {
		labels = append(labels, "Deleted")
	}
	return labels
}

func (v content) comment(c caseupdate.Comment) item {
	shown := item{At: c.CreatedAt, By: v.name(c.Author), Labels: marks(false, c.IsRestricted, false), Fields: []privateFact{{"Text", v.text(c.Text)}}}
	for _, a := range c.Attachments {
		shown.Documents = append(shown.Documents, v.document("Document", a))
	}
	return shown
}

func (v content) attachment(a caseupdate.Attachment) item {
	return item{
		At: a.CreatedAt, By: v.name(a.UploadedBy), Labels: marks(a.IsPHI, a.IsRestricted, a.IsDeleted),
		Documents: []documentFact{v.document("File name", a)},
	}
}

// submission: whoever answers need not be of the staff, and what is asked tells of who is asked.
func (v veil) submission(s caseupdate.FormSubmission) item {
	shown := item{At: s.CreatedAt, By: new(v.text(v.person(s.Respondent).Text)), Fields: []privateFact{{"Form", v.text(s.Form.Name)}}}
	for i, r := range s.Responses {
		question := r.Question.Text
		if !v.lifted {
			question = "Question " + strconv.Itoa(i+1)
		}
		shown.Fields = append(shown.Fields, privateFact{question, v.text(r.Text)})
	}
	return shown
}

func (v veil) decision(d caseupdate.Decision) item {
	state := "REJECTED"
	switch {
	case d.IsNoDecision:
		state = "NO_DECISION"
	case d.IsApproved:
		state = "APPROVED"
	}
	shown := item{At: d.CreatedAt, State: state, Fields: []privateFact{{"Text", v.maybe(d.DecisionText)}, {"Category", v.maybe(d.Category)}}}
	if d.MedInfo != nil {
		shown.Fields = append(shown.Fields,
			privateFact{"Medicine", v.text(d.MedInfo.Medicine)},
			privateFact{"Dosage", v.text(d.MedInfo.Dosage)},
			privateFact{"How often", v.text(d.MedInfo.DosingFrequency)},
			privateFact{"Refills", v.text(strconv.Itoa(d.MedInfo.RefillCount))},
			privateFact{"For the pharmacy", v.text(d.MedInfo.PharmacyInstructions)})
	}
	return shown
}

func (v veil) payment(p caseupdate.Payment) item {
	shown := item{
		At: p.CreatedAt, By: new(v.person(p.CreatedBy.Person())), State: p.Status, Labels: marks(false, false, p.IsDeleted),
		Facts: []fact{{"Amount", p.Amount.String()}}, Fields: []privateFact{{"Description", v.text(p.Description)}},
	}
	if !isState(p.Status) {
		shown.State, shown.Fields = "", append(shown.Fields, privateFact{"Status", v.text(p.Status)})
	}
	return shown
}

func (v veil) order(o caseupdate.Order) item {
	return item{At: o.CreatedAt, Fields: []privateFact{{"Status", v.text(o.Status)}, {"Tracking", v.maybe(o.TrackingID)}, {"Message", v.maybe(o.Message)}}}
}

// downloadDocument answers with the bytes of a document of the case, or of one of its comments.
func (d *Dashboard) downloadDocument(w http.ResponseWriter, r *http.Request) error {
	attachment, document, err := d.service.Attachment(r.Context(), caller(r), r.PathValue("caseId"), r.PathValue("attachmentId"))
	if err != nil {
		return err
	}
	doorway.ExchangeOf(r.Context()).SendDocument(w, document, attachment.SHA256, &attachment)
	return nil
}
