package rest

import (
	"context"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/service"
)

func (d *door) registerAssignees() {
	handle(d, call{
		id: "addAssignees", pattern: "POST /v1/cases/{id}/assignees", tag: tagCases, summary: "Assign users to a case",
		text: "Records one ADD_CASE_ASSIGNEE for all of them, then CHANGE_CASE_STATUS to ASSIGNED where the case is OPEN.", events: true,
	}, d.addAssignees)
	handle(d, call{
		id: "removeAssignee", pattern: "DELETE /v1/cases/{id}/assignees/{userId}", tag: tagCases, summary: "Take a user off a case",
		text: "Records REMOVE_CASE_ASSIGNEE.", events: true,
	}, d.removeAssignee)
}

// newAssignees is the body of addAssignees.
type newAssignees struct {
	UserIDs []string `json:"userIds" maxLength:"200" maxItems:"100" doc:"Registered users, in the order in which they are assigned."`
}

func (d *door) addAssignees(ctx context.Context, in *struct {
	CasePath
	Body newAssignees
}) (*reply[*caseupdate.Case], error) {
	return perform(ctx, basic(ctx), func(request *service.Repeatable) (service.Changed, error) {
		return d.service.Assign(ctx, caller(ctx), in.CaseID, in.Body.UserIDs, request)
	})
}

func (d *door) removeAssignee(ctx context.Context, in *struct {
	CasePath
	UserID string `path:"userId" doc:"Whom the case is assigned to."`
}) (*reply[*caseupdate.Case], error) {
	return d.change(ctx, in.CaseID, caselog.Unassign{UserID: in.UserID})
}
