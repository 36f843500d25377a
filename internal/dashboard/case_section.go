package dashboard

import (
	"slices"
	"strconv"
	"strings"

	"github.com/casehook/casehook/caseupdate"
)

// sectionPage is how many of a list of what belongs to a case a page shows.
const sectionPage = 50

// section is a page of a list of what belongs to a case: of its comments, its documents.
type section struct {
	ID, Name string
	Items    []item
	First    int    // the place of the first of Items in the list, from 1
	Count    int    // of all in the list
	Earlier  string // the page of those before; "" for none
	Later    string
}

// sectionsOf is what belongs to a case, without what there is none of: of each list the newest,
// or what the form asks for by where that begins.
func sectionsOf(c *caseupdate.Case, v content, f *form) ([]section, error) {
	sections := []section{
		sectionOf("Comments", c.Comments, v.comment, c.ID, f),
		sectionOf("Documents", c.Attachments, v.attachment, c.ID, f),
		sectionOf("Answers", c.Responses, v.submission, c.ID, f),
		sectionOf("Decisions", c.Decisions, v.decision, c.ID, f),
		sectionOf("Payments", c.Payments, v.payment, c.ID, f),
		sectionOf("Orders", c.Orders, v.order, c.ID, f),
	}
	if c.ArchiveReason != nil || c.ArchiveNote != nil {
		why := item{Fields: []privateFact{{"Reason", v.maybe(c.ArchiveReason)}, {"Note", v.maybe(c.ArchiveNote)}}}
		sections = append(sections, section{ID: "archive", Name: "Archive", Items: []item{why}, First: 1, Count: 1})
	}
	return slices.DeleteFunc(sections, func(s section) bool { return s.Count == 0 }), f.err()
}

// sectionOf is the page of a list that the form asks for in the field of its name.
func sectionOf[T any](name string, all []T, show func(T) item, caseID string, f *form) section {
	s := section{ID: strings.ToLower(name), Name: name, Count: len(all)}
	from := max(0, len(all)-sectionPage)
	if asked := f.maybeNumber(s.ID, 0, max(0, len(all)-1)); asked != nil {
		from = *asked
	}
	until := min(from+sectionPage, len(all))
	for i := from; i < until; i++ {
		s.Items = append(s.Items, show(all[i]))
	}
	s.First = from + 1
	at := func(from int) string { return f.with("/cases/"+caseID, s.ID, strconv.Itoa(from)) + "#" + s.ID }
	if from > 0 {
		s.Earlier = at(max(0, from-sectionPage))
	}
	if until < len(all) {
		s.Later = at(until)
	}
	return s
}

// Part tells which of the list a page shows; "" where that is all.
func (s section) Part() string {
	if len(s.Items) == s.Count {
		return ""
	}
	return count(int64(s.First)) + " to " + count(int64(s.First+len(s.Items)-1)) + " of " + count(int64(s.Count))
}
