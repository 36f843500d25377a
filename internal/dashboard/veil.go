package dashboard

import (
	"slices"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/subscription"
)

// What may tell of a patient: names, dates of birth, addresses and contacts; titles, answers and
// whatever else somebody has written; the names of documents. Staff is not meant, nor is what
// happened when. All of it is a [private] in the views, and there is no other way to make one
// than a [veil].

// veil hides what may tell of a patient until somebody asks for it, and then shows what
// the key may know.
type veil struct {
	lifted    bool
	clearance subscription.Clearance // for the rest of the page
}

// newVeil returns the veil over what a caller sees.
func newVeil(who service.Caller, lifted bool) veil {
	return veil{lifted, seeing(who, lifted).Clearance}
}

// seeing returns the caller as far as a page shows what may tell of a patient: by that the
// audit says of whom a page tells.
func seeing(who service.Caller, lifted bool) service.Caller {
	who.Clearance.PHI = who.Clearance.PHI && lifted
	return who
}

// private is a text that may tell of a patient. It holds nothing while it is hidden.
type private struct {
	Hidden bool
	Text   string
}

// text hides a text. What is empty because the key is not cleared for it stays hidden.
func (v veil) text(text string) private {
	if !v.lifted || text == "" && !v.clearance.PHI {
		return private{Hidden: true}
	}
	return private{Text: text}
}

// maybe is text for one that may be absent.
func (v veil) maybe(text *string) private {
	if text == nil {
		return v.text("")
	}
	return v.text(*text)
}

// person names somebody who acted, or was assigned. The patient's name is blank already
// where it must not be shown: package render knows them by all their names.
func (v veil) person(p caseupdate.Person) private {
	if p.FirstName == "" && p.LastName == "" {
		if !v.clearance.PHI {
			return private{Hidden: true}
		}
		return private{Text: p.ID}
	}
	return private{Text: fullName(p.Name())}
}

func fullName(n caseupdate.Name) string {
	if n.FirstName == "" || n.LastName == "" {
		return n.FirstName + n.LastName
	}
	return n.FirstName + " " + n.LastName
}

// isState reports whether a text is a state of a case or of a payment, or none at all: then
// nobody has written it, as the keeper of a case can, or who makes an order.
func isState(text string) bool {
	return text == "" || text == caselog.Unpaid || text == caselog.Paid || slices.Contains(caseupdate.Statuses(), caseupdate.Status(text))
}
