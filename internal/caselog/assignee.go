package caselog

import (
	"fmt"
	"slices"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/refusal"
)

// Assign assigns users to a case, in that order.
type Assign struct {
	Users []caseupdate.User
}

func (cmd Assign) check(f *faults) {
	if len(cmd.Users) == 0 {
		f.add("userIds", "must have at least 1 item")
	}
	f.count("userIds", len(cmd.Users), MaxAssignees)
	for i, user := range cmd.Users {
		if isAmong(cmd.Users[:i], user.ID) {
			f.add(fmt.Sprintf("userIds[%d]", i), "must not be named twice")
		}
	}
}

func (cmd Assign) decide(c *Case, _ Act) ([]Data, error) {
	for _, user := range cmd.Users {
		if isAmong(c.Assignees, user.ID) {
			return nil, refusal.Of(refusal.Conflict, "the case is assigned to one of these users already")
		}
	}
	if len(c.Assignees)+len(cmd.Users) > MaxAssignees {
		return nil, refusal.Of(refusal.Conflict, fmt.Sprintf("a case can be assigned to %d users", MaxAssignees))
	}
	happened := []Data{&Assigned{cmd.Users}}
	if c.Status == caseupdate.StatusOpen {
		happened = append(happened, &StatusChanged{Old: c.Status, New: caseupdate.StatusAssigned})
	}
	return happened, nil
}

// Assigned is the data of ADD_CASE_ASSIGNEE.
type Assigned struct {
	Users []caseupdate.User `json:"users"`
}

// Type is ADD_CASE_ASSIGNEE.
func (*Assigned) Type() caseupdate.Event { return caseupdate.EventAddCaseAssignee }

func (d *Assigned) apply(c *Case, e Event) error {
	by := e.Actor.Person()
	for _, user := range d.Users {
		if !isAmong(c.Assignees, user.ID) { // the keeper of a case may tell it twice
			c.Assignees = append(c.Assignees, user)
		}
	}
	c.AssignedAt, c.AssignedBy, c.Assignee = &e.At, &by, nil
	return nil
}

func (d *Assigned) describe(a *caseupdate.Activity) {
	if len(d.Users) > 0 {
		a.TargetUser = &d.Users[0]
	}
}

// Unassign takes a user off a case.
type Unassign struct {
	UserID string
}

func (cmd Unassign) check(*faults) {}

func (cmd Unassign) decide(c *Case, _ Act) ([]Data, error) {
	i := slices.IndexFunc(c.Assignees, func(user caseupdate.User) bool { return user.ID == cmd.UserID })
	if i < 0 {
		return nil, refusal.Of(refusal.NotFound, "the case is not assigned to that user")
	}
	return []Data{&Unassigned{c.Assignees[i]}}, nil
}

// Unassigned is the data of REMOVE_CASE_ASSIGNEE.
type Unassigned struct {
	User caseupdate.User `json:"user"`
}

// Type is REMOVE_CASE_ASSIGNEE.
func (*Unassigned) Type() caseupdate.Event { return caseupdate.EventRemoveCaseAssignee }

func (d *Unassigned) apply(c *Case, _ Event) error {
	i := slices.IndexFunc(c.Assignees, func(user caseupdate.User) bool { return user.ID == d.User.ID })
	if i < 0 {
		return errMissing
	}
	c.Assignees, c.Assignee = slices.Delete(slices.Clone(c.Assignees), i, i+1), nil
	if len(c.Assignees) == 0 {
		c.AssignedAt, c.AssignedBy = nil, nil
	}
	return nil
}

func (d *Unassigned) describe(a *caseupdate.Activity) { a.TargetUser = &d.User }

func isAmong(users []caseupdate.User, id string) bool {
	return slices.ContainsFunc(users, func(user caseupdate.User) bool { return user.ID == id })
}
