package render

import (
	"slices"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/subscription"
)

// Case returns the basic case as a reader of that clearance may see it. It shares
// memory with c and must not be changed.
func Case(c *caselog.Case, clearance subscription.Clearance) *caseupdate.Case {
	return newView(c, clearance).caseAs(c, false)
}

// FullCase returns the full case, with Details, as a reader of that clearance may
// see it. It shares memory with c and must not be changed.
func FullCase(c *caselog.Case, clearance subscription.Clearance) *caseupdate.Case {
	return newView(c, clearance).caseAs(c, true)
}

// Activity returns the activity of a case as [FullCase] does.
func Activity(c *caselog.Case, clearance subscription.Clearance) []caseupdate.Activity {
	return newView(c, clearance).activities(c.Activity)
}

func (v *view) caseAs(c *caselog.Case, full bool) *caseupdate.Case {
	outer := v.enter("case")
	defer v.leave(outer)
	shown := v.basic(c)
	if full {
		shown.Details = v.details(c)
	}
	return shown
}

func (v *view) basic(c *caselog.Case) *caseupdate.Case {
	shown := &caseupdate.Case{
		ID:             c.ID,
		Type:           c.Type,
		Title:          v.title(c),
		Status:         c.Status,
		ShortID:        c.ShortID,
		CreatedAt:      c.CreatedAt,
		UpdatedAt:      c.UpdatedAt,
		AssignedAt:     c.AssignedAt,
		InProgressAt:   c.InProgressAt,
		ClosedAt:       c.ClosedAt,
		IsArchived:     c.IsArchived,
		IsEscalated:    c.IsEscalated,
		IsImported:     c.IsImported,
		ReferralCode:   c.ReferralCode,
		ClosedBy:       v.personOrNil("closedBy", c.ClosedBy),
		InProgressBy:   v.personOrNil("inProgressBy", c.InProgressBy),
		OrganizationID: c.OrganizationID,
		ArchiveReason:  v.archived("archiveReason", c, c.ArchiveReason),
		ArchiveNote:    v.archived("archiveNote", c, c.ArchiveNote),
		ProductBundle:  c.ProductBundle,
		AssignedTo:     v.personOrNil("assignedTo", c.AssignedTo()),
		HRRep:          v.personOrNil("hrRep", c.HRRep),
		AssignedBy:     v.personOrNil("assignedBy", c.AssignedBy),
		Assignees:      v.assignees("assignees", c.Assignees),
		Submitter:      v.submitterOf(c),
	}
	if c.ProductBundle != nil {
		shown.ProductBundleID = &c.ProductBundle.ID
	}
	return shown
}

// archived returns why a case is archived, which may be marked as a whole.
func (v *view) archived(key string, c *caselog.Case, value *string) *string {
	switch {
	case c.IsArchiveRestricted && !v.clearance.Restricted:
		return nil
	case c.IsArchivePHI && !v.clearance.PHI:
		return v.phiOrNil(key, value)
	}
	return value
}

func (v *view) title(c *caselog.Case) *string {
	if c.Title == "" { // nobody has told it
		return nil
	}
	if v.clearance.PHI {
		return &c.Title
	}
	v.blanked("title")
	return nil
}

func (v *view) assignees(key string, users []caseupdate.User) []caseupdate.Assignee {
	shown := make([]caseupdate.Assignee, len(users))
	for i, user := range users {
		outer := v.enterItem(key, i)
		shown[i].Assignee = v.person("assignee", user.Person())
		v.leave(outer)
	}
	return shown
}

func (v *view) submitterOf(c *caselog.Case) caseupdate.Submitter {
	s := c.Submitter
	if v.clearance.PHI {
		return s
	}
	outer := v.enter("submitter")
	defer v.leave(outer)
	for _, field := range submitterFields(s) {
		if field.value != nil {
			v.blanked(field.key)
		}
	}
	return caseupdate.Submitter{ID: s.ID}
}

// submitterField is one of the submitter's identifying fields: all but the id.
type submitterField struct {
	key   string
	value *string
}

// submitterFields returns those fields in the order of their keys.
func submitterFields(s caseupdate.Submitter) []submitterField {
	return []submitterField{
		{"firstName", s.FirstName},
		{"lastName", s.LastName},
		{"email", s.Email},
		{"phoneNumber", s.PhoneNumber},
		{"dob", s.DOB},
		{"gender", s.Gender},
		{"address", s.Address},
		{"city", s.City},
		{"state", s.State},
		{"country", s.Country},
		{"postalCode", s.PostalCode},
	}
}

func (v *view) details(c *caselog.Case) *caseupdate.Details {
	return &caseupdate.Details{
		Responses:   v.submissions(c.Submissions),
		Decisions:   each(v, "decisions", c.Decisions, func(d caseupdate.Decision) string { return d.ID }, v.decision),
		Comments:    v.comments(c.Comments),
		Attachments: v.attachments(c.Attachments, v.attachment),
		Payments:    each(v, "payments", c.Payments, func(p caseupdate.Payment) string { return p.ID }, v.payment),
		Orders:      each(v, "orders", c.Orders, func(o caseupdate.Order) string { return o.ID }, v.order),
		Activity:    v.activities(c.Activity),
	}
}

func (v *view) submissions(submissions []caseupdate.FormSubmission) []caseupdate.FormSubmission {
	shown := make([]caseupdate.FormSubmission, 0, len(submissions))
	for _, s := range submissions {
		if len(s.Responses) > 0 && !slices.ContainsFunc(s.Responses, func(r caseupdate.Response) bool { return !v.hiddenIDs[r.ID] }) {
			continue // none of it may be known
		}
		outer := v.enterItem("responses", len(shown))
		submission := caseupdate.FormSubmission{
			ID:         s.ID,
			CreatedAt:  s.CreatedAt,
			Form:       s.Form,
			Respondent: v.person("respondent", s.Respondent),
			Responses:  make([]caseupdate.Response, 0, len(s.Responses)),
		}
		for _, response := range s.Responses {
			if v.hiddenIDs[response.ID] {
				continue
			}
			inner := v.enterItem("responses", len(submission.Responses))
			submission.Responses = append(submission.Responses, v.response(response))
			v.leave(inner)
		}
		shown = append(shown, submission)
		v.leave(outer)
	}
	return shown
}

func (v *view) comments(comments []caselog.Comment) []caseupdate.Comment {
	shown := make([]caseupdate.Comment, 0, len(comments))
	for _, comment := range comments {
		if comment.IsRestricted && !v.clearance.Restricted {
			continue
		}
		outer := v.enterItem("comments", len(shown))
		shown = append(shown, v.comment(comment, v.attachment))
		v.leave(outer)
	}
	return shown
}

func (v *view) activities(activities []caseupdate.Activity) []caseupdate.Activity {
	if v.clearance.PHI && v.clearance.Restricted {
		return list(activities)
	}
	shown := make([]caseupdate.Activity, 0, len(activities))
	for _, activity := range activities {
		if v.clearance.Withholds(activity) {
			continue
		}
		outer := v.enterItem("activity", len(shown))
		shown = append(shown, v.actors(activity))
		v.leave(outer)
	}
	return shown
}

func (v *view) activity(key string, a caseupdate.Activity) caseupdate.Activity {
	outer := v.enter(key)
	defer v.leave(outer)
	return v.actors(a)
}

// actors shows an activity. Who acted, and on whom, may be PHI; the values before and
// after are where the activity is marked so, or where they repeat what is.
func (v *view) actors(a caseupdate.Activity) caseupdate.Activity {
	a.ValueBefore = v.value("valueBefore", a, a.ValueBefore)
	a.ValueAfter = v.value("valueAfter", a, a.ValueAfter)
	a.Actor = v.user("actor", a.Actor)
	if a.TargetUser != nil && v.submitter.isUser(*a.TargetUser) {
		target := v.user("targetUser", *a.TargetUser)
		a.TargetUser = &target
	}
	return a
}

// value shows one of the values of an activity.
func (v *view) value(key string, a caseupdate.Activity, value *string) *string {
	if value == nil || v.clearance.PHI {
		return value
	}
	if a.IsPHI || !isStatus(a.Type, *value) && v.repeats(*value) {
		return v.phiOrNil(key, value)
	}
	return value
}

// list returns items, and never nil, which the format does not know.
func list[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}
