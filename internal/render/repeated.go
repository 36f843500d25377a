package render

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
)

// How long a value is, in runes, from which it is looked for in a longer text: as words of
// their own, and anywhere. What is shorter, such as a state's IN, is only found where it is
// the whole text.
const (
	minWord = 3
	minPart = 6
)

// repeated finds what is PHI about a case where it is told again, in what has no mark of its
// own.
type repeated struct {
	whole map[string]bool // as fold writes them
	parts []string        // those of whole that are long enough to be looked for
	found map[string]bool // texts that were looked at before
}

// collect returns what of a case is PHI, or was.
func collect(c *caselog.Case, submitter identity, phiIDs map[string]bool) *repeated {
	r := &repeated{whole: make(map[string]bool), found: make(map[string]bool)}
	r.add(c.Title)
	for _, text := range c.FormerPHI {
		r.add(text)
	}
	for _, s := range append([]caseupdate.Submitter{c.Submitter}, c.FormerSubmitters...) {
		for _, field := range submitterFields(s) {
			r.addOrNil(field.value)
		}
	}
	for _, name := range submitter.names {
		r.add(name.FirstName)
		r.add(name.LastName)
		r.add(name.FirstName + " " + name.LastName)
	}
	for _, email := range submitter.emails {
		r.add(email)
	}
	for _, submission := range c.Submissions {
		for _, response := range submission.Responses {
			if response.Question.IsPHI || phiIDs[response.ID] {
				r.add(response.Text)
			}
		}
	}
	r.addAttachments(c.Attachments)
	for _, comment := range c.Comments {
		if phiIDs[comment.ID] {
			r.add(comment.Text)
		}
		r.addAttachments(comment.Attachments)
	}
	for _, d := range c.Decisions {
		if !phiIDs[d.ID] {
			continue
		}
		r.addOrNil(d.DecisionText)
		r.addOrNil(d.Category)
		if m := d.MedInfo; m != nil {
			for _, text := range []string{m.Medicine, m.Dosage, m.PharmacyInstructions, m.DosingFrequency} {
				r.add(text)
			}
		}
	}
	for _, p := range c.Payments {
		if phiIDs[p.ID] {
			r.add(p.Description)
		}
	}
	for _, o := range c.Orders {
		if phiIDs[o.ID] {
			r.addOrNil(o.TrackingID)
			r.addOrNil(o.Message)
		}
	}
	if c.IsArchivePHI {
		r.addOrNil(c.ArchiveReason)
		r.addOrNil(c.ArchiveNote)
	}
	return r
}

func (r *repeated) addAttachments(attachments []caselog.Attachment) {
	for _, a := range attachments {
		if a.IsPHI {
			r.add(a.FileName)
		}
	}
}

func (r *repeated) addOrNil(text *string) {
	if text != nil {
		r.add(*text)
	}
}

func (r *repeated) add(text string) {
	text = fold(text)
	if text == "" || r.whole[text] {
		return
	}
	r.whole[text] = true
	if utf8.RuneCountInString(text) >= minWord {
		r.parts = append(r.parts, text)
	}
}

// in reports whether text is something that is PHI, or has it in it.
func (r *repeated) in(text string) bool {
	found, known := r.found[text]
	if !known {
		folded := fold(text)
		found = r.whole[folded] || slices.ContainsFunc(r.parts, func(part string) bool { return has(folded, part) })
		r.found[text] = found
	}
	return found
}

// has reports whether part is in text: where it is short, as words of their own.
func has(text, part string) bool {
	anywhere := utf8.RuneCountInString(part) >= minPart
	for from := 0; ; {
		i := strings.Index(text[from:], part)
		if i < 0 {
			return false
		}
		i += from
		before, _ := utf8.DecodeLastRuneInString(text[:i])
		after, size := utf8.DecodeRuneInString(text[i+len(part):])
		if anywhere || !inWord(before) && (size == 0 || !inWord(after)) {
			return true
		}
		from = i + 1
	}
}

func inWord(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// fold returns text without what is only a way of writing it: case, and how much space there
// is.
func fold(text string) string {
	return strings.ToLower(strings.ToUpper(strings.Join(strings.Fields(text), " ")))
}

// isStatus reports whether the value of an activity is a status that casehook gives itself:
// it tells nothing, whatever it is like.
func isStatus(event caseupdate.Event, value string) bool {
	switch event {
	case caseupdate.EventChangeCaseStatus:
		return slices.Contains(caseupdate.Statuses(), caseupdate.Status(value))
	case caseupdate.EventPaymentCompleted:
		return value == caselog.Unpaid || value == caselog.Paid
	case caseupdate.EventOrderStatusChanged:
		return value == caselog.OrderStatusCreated
	}
	return false
}
