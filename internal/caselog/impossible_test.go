package caselog_test

import (
	"errors"
	"fmt"
	"slices"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
)

// impossible returns what about c cannot be, or nil. What it knows of the past, it
// reads in the activity.
func impossible(c *caselog.Case) error {
	return errors.Join(
		impossibleActivity(c),
		impossibleStatus(c),
		impossibleFlags(c),
		impossibleAssignees(c),
		impossibleItems(c),
		impossibleIDs(c),
	)
}

// unless returns an error where holds is false.
func unless(holds bool, format string, args ...any) error {
	if holds {
		return nil
	}
	return fmt.Errorf(format, args...)
}

// count returns how many events of that name c has had.
func count(c *caselog.Case, name caseupdate.Event) int {
	n := 0
	for _, activity := range c.Activity {
		if activity.Type == name {
			n++
		}
	}
	return n
}

// last returns the last event of c that has one of the names, or "".
func last(c *caselog.Case, names ...caseupdate.Event) caseupdate.Event {
	for _, activity := range slices.Backward(c.Activity) {
		if slices.Contains(names, activity.Type) {
			return activity.Type
		}
	}
	return ""
}

func impossibleActivity(c *caselog.Case) error {
	n := len(c.Activity)
	if n == 0 || c.Version != int64(n) {
		return fmt.Errorf("version %d, and %d activities", c.Version, n)
	}
	errs := []error{
		unless(c.Activity[0].Type == caseupdate.EventCreateCase && count(c, caseupdate.EventCreateCase) == 1, "not created once, first"),
		unless(c.CreatedAt.Equal(c.Activity[0].Timestamp.Time), "created at another time than its first activity"),
		unless(c.UpdatedAt.Equal(c.Activity[n-1].Timestamp.Time), "updated at another time than its last activity"),
		unless(!c.UpdatedAt.Before(c.CreatedAt.Time), "updated before it was created"),
	}
	for i := 1; i < n; i++ {
		before, after := c.Activity[i-1], c.Activity[i]
		errs = append(errs,
			unless(!after.Timestamp.Before(before.Timestamp.Time), "time runs backwards at activity %d", i),
			unless(before.Type != caseupdate.EventArchiveCase || after.Type == caseupdate.EventReopenCase, "activity %d in the archive", i),
		)
	}
	return errors.Join(errs...)
}

// impossibleStatus follows the status through the activity.
func impossibleStatus(c *caselog.Case) error {
	var errs []error
	status, inProgress := caseupdate.StatusOpen, (*caseupdate.Activity)(nil)
	for i, activity := range c.Activity {
		switch activity.Type {
		case caseupdate.EventChangeCaseStatus:
			old, next := caseupdate.Status(*activity.ValueBefore), caseupdate.Status(*activity.ValueAfter)
			errs = append(errs,
				unless(old == status && next != status, "activity %d changes the status from %s to %s, which was %s", i, old, next, status),
				unless(slices.Contains(caseupdate.Statuses(), next), "activity %d changes the status to %s", i, next),
			)
			if status = next; status == caseupdate.StatusInProgress {
				inProgress = &c.Activity[i]
			}
		case caseupdate.EventAddCaseAssignee:
			if status == caseupdate.StatusOpen && i+1 < len(c.Activity) {
				next := c.Activity[i+1]
				errs = append(errs, unless(next.Type == caseupdate.EventChangeCaseStatus &&
					*next.ValueAfter == string(caseupdate.StatusAssigned), "activity %d assigns an open case, which stays open", i))
			}
		}
	}
	errs = append(errs, unless(status == c.Status, "status %s, but %s by its activity", c.Status, status))
	if inProgress == nil {
		return errors.Join(append(errs, unless(c.InProgressAt == nil && c.InProgressBy == nil, "in progress without having been so"))...)
	}
	return errors.Join(append(errs,
		unless(c.InProgressAt != nil && c.InProgressAt.Equal(inProgress.Timestamp.Time), "in progress at another time"),
		unless(c.InProgressBy != nil && *c.InProgressBy == inProgress.Actor.Person(), "in progress by somebody else"),
	)...)
}

func impossibleFlags(c *caselog.Case) error {
	archived := last(c, caseupdate.EventArchiveCase, caseupdate.EventReopenCase) == caseupdate.EventArchiveCase
	escalated := last(c, caseupdate.EventEscalateCase, caseupdate.EventDeescalateCase) == caseupdate.EventEscalateCase
	return errors.Join(
		unless(c.IsArchived == archived, "isArchived is not by its activity"),
		unless(c.IsArchived == (c.ArchiveReason != nil), "archived without a reason, or a reason without being archived"),
		unless(c.IsArchived || c.ArchiveNote == nil, "an archive note without being archived"),
		unless(c.IsEscalated == escalated, "isEscalated is not by its activity"),
	)
}

func impossibleAssignees(c *caselog.Case) error {
	var ids []string
	for _, user := range c.Assignees {
		ids = append(ids, user.ID)
	}
	n, to := len(ids), c.AssignedTo()
	return errors.Join(
		unless(n <= caselog.MaxAssignees, "%d assignees", n),
		unless(unique(ids), "somebody is assigned twice"),
		unless((n > 0) == (to != nil), "%d assignees, and assigned to %v", n, to),
		unless(to == nil || slices.Contains(ids, to.ID), "assigned to nobody of its assignees"),
		unless((n > 0) == (c.AssignedAt != nil) && (n > 0) == (c.AssignedBy != nil), "%d assignees, assigned at %v by %v", n, c.AssignedAt, c.AssignedBy),
		unless(n == 0 || count(c, caseupdate.EventAddCaseAssignee) > 0, "assigned without having been so"),
	)
}

func impossibleItems(c *caselog.Case) error {
	var errs []error
	within := func(what string, times ...caseupdate.Time) {
		before := c.CreatedAt
		for _, at := range times {
			errs = append(errs, unless(!at.Before(before.Time) && !at.After(c.UpdatedAt.Time), "%s of another time than the case", what))
			before = at
		}
	}
	responses := 0
	for _, submission := range c.Submissions {
		within("a submission", submission.CreatedAt)
		errs = append(errs, unless(len(submission.Responses) > 0, "a submission without responses"))
		responses += len(submission.Responses)
		for _, response := range submission.Responses {
			within("a response", response.CreatedAt)
			errs = append(errs, unless(response.Question.Options != nil, "a question's options are nil"))
		}
	}
	for _, comment := range c.Comments {
		within("a comment", comment.CreatedAt)
		errs = append(errs,
			unless(comment.Attachments != nil, "a comment's attachments are nil"),
			unless(!slices.Contains(c.DeletedComments, comment.ID), "a deleted comment is there"))
	}
	for _, payment := range c.Payments {
		within("a payment", payment.CreatedAt, payment.UpdatedAt)
		errs = append(errs,
			unless(payment.Status == caselog.Paid || payment.Status == caselog.Unpaid, "a payment is %s", payment.Status),
			unless((payment.Status == caselog.Paid) == (payment.PaymentDate != nil), "a payment is %s on %v", payment.Status, payment.PaymentDate))
	}
	tracked := 0
	for _, order := range c.Orders {
		within("an order", order.CreatedAt)
		errs = append(errs, unless(order.Status != "", "an order without a status"))
		if order.TrackingID != nil {
			tracked++
		}
	}
	for _, attachment := range c.Attachments {
		within("an attachment", attachment.CreatedAt)
	}
	for _, decision := range c.Decisions {
		within("a decision", decision.CreatedAt)
		errs = append(errs, unless(!decision.IsApproved || !decision.IsNoDecision, "approved, and no decision"))
	}
	if len(c.Decisions) == 0 {
		errs = append(errs, unless(c.ClosedAt == nil && c.ClosedBy == nil, "closed without a decision"))
	} else {
		errs = append(errs, unless(c.ClosedBy != nil && c.ClosedAt != nil &&
			c.ClosedAt.Equal(c.Decisions[0].CreatedAt.Time), "not closed by its first decision"))
	}
	return errors.Join(append(errs,
		unless(responses == count(c, caseupdate.EventAddFormResponse), "responses appear or disappear"),
		unless(len(c.Comments)+len(c.DeletedComments) == count(c, caseupdate.EventAddCaseComment), "comments appear or disappear"),
		unless(len(c.DeletedComments) == count(c, caseupdate.EventDeleteCaseComment), "comments are deleted unseen"),
		unless(len(c.Attachments) == count(c, caseupdate.EventAddCaseAttachment), "attachments appear or disappear"),
		unless(len(c.Decisions) == count(c, caseupdate.EventAddCaseDecision), "decisions appear or disappear"),
		unless(len(c.Payments) == count(c, caseupdate.EventPaymentAdded), "payments appear or disappear"),
		unless(len(c.Orders) == count(c, caseupdate.EventOrderCreated), "orders appear or disappear"),
		unless(tracked <= count(c, caseupdate.EventOrderTrackingAdded), "orders are tracked unseen"),
	)...)
}

// impossibleIDs looks at the ids that casehook gives.
func impossibleIDs(c *caselog.Case) error {
	ids := slices.Concat([]string{c.ID}, c.DeletedComments, commentIDs(c), attachmentIDs(c), paymentIDs(c), orderIDs(c),
		each(c.Activity, func(a caseupdate.Activity) string { return a.ID }),
		each(c.Decisions, func(d caseupdate.Decision) string { return d.ID }),
	)
	for _, submission := range c.Submissions {
		ids = append(ids, submission.ID)
		ids = append(ids, each(submission.Responses, func(r caseupdate.Response) string { return r.ID })...)
	}
	for _, id := range attachmentIDs(c) {
		found, ok := c.Attachment(id)
		if !ok || found.ID != id {
			return fmt.Errorf("attachment %s is not found by its id", id)
		}
	}
	return unless(!slices.Contains(ids, "") && unique(ids), "an id is missing, or there twice")
}

func unique(ids []string) bool {
	sorted := slices.Sorted(slices.Values(ids))
	return len(slices.Compact(sorted)) == len(ids)
}
