package render

import (
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
	id    string
	email string
	names []caseupdate.Name
}

// identify returns what the submitter of c is known by: what the case says of
// them, and the names under which they have acted on it.
func identify(c *caselog.Case) identity {
	var known identity
	s := c.Submitter
	known.id = s.ID
	if s.Email != nil {
		known.email = *s.Email
	}
	var own caseupdate.Name
	if s.FirstName != nil {
		own.FirstName = *s.FirstName
	}
	if s.LastName != nil {
		own.LastName = *s.LastName
	}
	known.learn(own)
	for i := range c.Activity {
		known.learnUser(c.Activity[i].Actor)
		if target := c.Activity[i].TargetUser; target != nil {
			known.learnUser(*target)
		}
	}
	return known
}

// learnUser adds the name of a user who is told by id or e-mail address.
func (known *identity) learnUser(u caseupdate.User) {
	if known.isID(u.ID) || known.isEmail(u.Email) {
		known.learn(u.Person().Name())
	}
}

func (known *identity) learn(n caseupdate.Name) {
	if n != (caseupdate.Name{}) && !known.isName(n) {
		known.names = append(known.names, n)
	}
}

func (known *identity) isUser(u caseupdate.User) bool {
	return known.isPerson(u.Person()) || known.isEmail(u.Email)
}

func (known *identity) isPerson(p caseupdate.Person) bool {
	return known.isID(p.ID) || known.isName(p.Name())
}

func (known *identity) isID(id string) bool {
	return known.id != "" && known.id == id
}

func (known *identity) isEmail(email *string) bool {
	return known.email != "" && email != nil && same(known.email, *email)
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
