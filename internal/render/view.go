package render

import (
	"strconv"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/subscription"
)

// view turns what the log knows into the shapes of the wire, as one reader may see
// it. Its methods are called in the order of the payload's keys, which is the order
// of the paths in redacted.
type view struct {
	clearance subscription.Clearance
	submitter identity        // to tell the submitter by; empty where PHI may be seen
	documents *documents      // nil: none are shown
	phiIDs    map[string]bool // of what is PHI as a whole; nil where PHI may be seen
	hiddenIDs map[string]bool // of what is restricted as a whole; nil where that may be seen
	c         *caselog.Case   // of which PHI may be repeated; nil where PHI may be seen
	repeated  *repeated       // made when it is first asked for

	path     []byte // of the object that is being shown, such as "case.comments[3]"
	redacted []string
}

func newView(c *caselog.Case, clearance subscription.Clearance) *view {
	v := &view{clearance: clearance}
	if !clearance.PHI {
		v.c, v.submitter = c, identify(c)
		v.phiIDs = set(c.PHI)
	}
	if !clearance.Restricted {
		v.hiddenIDs = set(c.Restricted)
	}
	return v
}

func set(ids []string) map[string]bool {
	members := make(map[string]bool, len(ids))
	for _, id := range ids {
		members[id] = true
	}
	return members
}

// redaction closes a payload.
func (v *view) redaction() caseupdate.Redaction {
	return caseupdate.Redaction{Redacted: v.redacted}
}

// enter goes into the object under a key, until leave is called with what enter
// returned. Paths are only kept where something may be blanked.
func (v *view) enter(key string) (outer int) {
	outer = len(v.path)
	if v.clearance.PHI {
		return outer
	}
	if outer > 0 {
		v.path = append(v.path, '.')
	}
	v.path = append(v.path, key...)
	return outer
}

// enterItem goes into the i-th item of the list under a key.
func (v *view) enterItem(key string, i int) (outer int) {
	outer = v.enter(key)
	if v.clearance.PHI {
		return outer
	}
	v.path = append(v.path, '[')
	v.path = strconv.AppendInt(v.path, int64(i), 10)
	v.path = append(v.path, ']')
	return outer
}

func (v *view) leave(outer int) { v.path = v.path[:outer] }

// blanked records that the value under a key was blanked.
func (v *view) blanked(key string) {
	v.redacted = append(v.redacted, string(v.path)+"."+key)
}

// blankedText is blanked, but for what was empty anyway.
func (v *view) blankedText(key, value string) {
	if value != "" {
		v.blanked(key)
	}
}

// phi returns a value that is PHI, or "" where the reader may not see it.
func (v *view) phi(key, value string) string {
	if v.clearance.PHI {
		return value
	}
	v.blankedText(key, value)
	return ""
}

// phiOrNil is phi for a value that may be absent.
func (v *view) phiOrNil(key string, value *string) *string {
	if value != nil {
		v.blankedText(key, *value)
	}
	return nil
}

// repeats reports whether a text without a mark tells again what is PHI about the case.
func (v *view) repeats(text string) bool {
	if v.repeated == nil {
		v.repeated = collect(v.c, v.submitter, v.phiIDs)
	}
	return v.repeated.in(text)
}

func (v *view) user(key string, u caseupdate.User) caseupdate.User {
	if !v.submitter.isUser(u) {
		return u
	}
	outer := v.enter(key)
	defer v.leave(outer)
	v.blankedText("firstName", u.FirstName)
	v.blankedText("lastName", u.LastName)
	if u.Email != nil {
		v.blanked("email")
	}
	return caseupdate.User{ID: u.ID}
}

func (v *view) person(key string, p caseupdate.Person) caseupdate.Person {
	if !v.submitter.isPerson(p) {
		return p
	}
	v.blankedName(key, p.Name())
	return caseupdate.Person{ID: p.ID}
}

// personOrNil copies only what it blanks.
func (v *view) personOrNil(key string, p *caseupdate.Person) *caseupdate.Person {
	if p == nil || !v.submitter.isPerson(*p) {
		return p
	}
	shown := v.person(key, *p)
	return &shown
}

func (v *view) name(key string, n caseupdate.Name) caseupdate.Name {
	if !v.submitter.isName(n) {
		return n
	}
	v.blankedName(key, n)
	return caseupdate.Name{}
}

func (v *view) blankedName(key string, n caseupdate.Name) {
	outer := v.enter(key)
	defer v.leave(outer)
	v.blankedText("firstName", n.FirstName)
	v.blankedText("lastName", n.LastName)
}
