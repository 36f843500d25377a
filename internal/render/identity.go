package render

import (
	"slices"
	"strings"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
)

// identity is what a person is known by. The empty identity is nobody's.
//
// A patient may act on their own case under a registered user whose id, name or
// e-mail address differs from the submitter's, and an author is told by name only.
// So any one of them is enough to be taken for the submitter: a namesake who is
// blanked too does less harm than a patient who is not.
type identity struct {
	ids    []string
	emails []string
	names  []caseupdate.Name
}

// identify returns what the submitter of c is known by: what the case says of them, or
// said before, and the names and e-mail addresses under which they appear in it.
func identify(c *caselog.Case) identity {
	var known identity
	for _, s := range append([]caseupdate.Submitter{c.Submitter}, c.FormerSubmitters...) {
		known.ids = append(known.ids, s.ID)
		if s.Email != nil {
			known.learnEmail(*s.Email)
		}
		var own caseupdate.Name
		if s.FirstName != nil {
			own.FirstName = *s.FirstName
		}
		if s.LastName != nil {
			own.LastName = *s.LastName
		}
		known.learn(own)
	}
	// Whoever has an e-mail address that is learned may have been passed by.
	for emails := 0; emails < len(known.emails) || emails == 0; {
		emails = max(len(known.emails), 1)
		known.learnAll(c)
	}
	return known
}

// learnAll learns from everybody who is in c by an id.
func (known *identity) learnAll(c *caselog.Case) {
	for i := range c.Activity {
		known.learnUser(c.Activity[i].Actor)
		if target := c.Activity[i].TargetUser; target != nil {
			known.learnUser(*target)
		}
	}
	for _, user := range c.Assignees {
		known.learnUser(user)
	}
	for i := range c.Payments {
		known.learnUser(c.Payments[i].CreatedBy)
	}
	for i := range c.Submissions {
		known.learnPerson(c.Submissions[i].Respondent)
		for j := range c.Submissions[i].Responses {
			known.learnPerson(c.Submissions[i].Responses[j].Respondent)
		}
	}
	for _, p := range []*caseupdate.Person{c.ClosedBy, c.InProgressBy, c.AssignedBy, c.HRRep, c.Assignee} {
		if p != nil {
			known.learnPerson(*p)
		}
	}
}

// learnUser adds the name and the e-mail address of a user who is told by one of them.
func (known *identity) learnUser(u caseupdate.User) {
	if !known.isID(u.ID) && !known.isEmail(u.Email) {
		return
	}
	known.learn(u.Person().Name())
	if u.Email != nil {
		known.learnEmail(*u.Email)
	}
}

func (known *identity) learnPerson(p caseupdate.Person) {
	if known.isID(p.ID) {
		known.learn(p.Name())
	}
}

func (known *identity) learn(n caseupdate.Name) {
	if (n.FirstName != "" || n.LastName != "") && !known.isName(n) {
		known.names = append(known.names, n)
	}
}

func (known *identity) learnEmail(email string) {
	if email != "" && !known.isEmail(&email) {
		known.emails = append(known.emails, email)
	}
}

func (known *identity) isUser(u caseupdate.User) bool {
	return known.isPerson(u.Person()) || known.isEmail(u.Email)
}

func (known *identity) isPerson(p caseupdate.Person) bool {
	return known.isID(p.ID) || known.isName(p.Name())
}

func (known *identity) isID(id string) bool { return id != "" && slices.Contains(known.ids, id) }

func (known *identity) isEmail(email *string) bool {
	return email != nil && slices.ContainsFunc(known.emails, func(own string) bool { return same(own, *email) })
}

func (known *identity) isName(n caseupdate.Name) bool {
	for _, name := range known.names {
		if same(name.FirstName, n.FirstName) && same(name.LastName, n.LastName) {
			return true
		}
	}
	return false
}

// same reports whether a and b differ at most in case and in the space around them.
func same(a, b string) bool {
	return strings.EqualFold(strings.TrimSpace(a), strings.TrimSpace(b))
}
