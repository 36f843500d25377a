package rest

import (
	"context"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
)

func (d *door) registerStatus() {
	handle(d, call{
		id: "changeCaseStatus", pattern: "POST /v1/cases/{id}/status", tag: tagCases, summary: "Move the review of a case",
		text: "Records CHANGE_CASE_STATUS.", events: true,
	}, d.changeCaseStatus)
	handle(d, call{
		id: "escalateCase", pattern: "POST /v1/cases/{id}/escalate", tag: tagCases, summary: "Call for attention to a case",
		text: "Records ESCALATE_CASE.", events: true,
	}, d.plainly(caselog.Escalate{}))
	handle(d, call{
		id: "deescalateCase", pattern: "POST /v1/cases/{id}/deescalate", tag: tagCases, summary: "Call the attention off",
		text: "Records DEESCALATE_CASE.", events: true,
	}, d.plainly(caselog.Deescalate{}))
	handle(d, call{
		id: "archiveCase", pattern: "POST /v1/cases/{id}/archive", tag: tagCases, summary: "Put a case away",
		text: "Records ARCHIVE_CASE. An archived case can only be reopened.", events: true,
	}, d.archiveCase)
	handle(d, call{
		id: "reopenCase", pattern: "POST /v1/cases/{id}/reopen", tag: tagCases, summary: "Take a case out of the archive",
		text: "Records REOPEN_CASE.", events: true,
	}, d.plainly(caselog.Reopen{}))
}

// plainly changes a case by a command that needs nothing but the case.
func (d *door) plainly(cmd caselog.Command) func(context.Context, *CasePath) (*reply[*caseupdate.Case], error) {
	return func(ctx context.Context, in *CasePath) (*reply[*caseupdate.Case], error) {
		return d.change(ctx, in.CaseID, cmd)
	}
}

// caseStatus is the body of changeCaseStatus.
type caseStatus struct {
	Status caseupdate.Status `json:"status"`
}

func (d *door) changeCaseStatus(ctx context.Context, in *struct {
	CasePath
	Body caseStatus
}) (*reply[*caseupdate.Case], error) {
	return d.change(ctx, in.CaseID, caselog.ChangeStatus{Status: in.Body.Status})
}

// archival is the body of archiveCase.
type archival struct {
	ArchiveReason string  `json:"archiveReason" maxLength:"500"`
	ArchiveNote   *string `json:"archiveNote,omitempty" maxLength:"65536" nullable:"true"`
}

func (d *door) archiveCase(ctx context.Context, in *struct {
	CasePath
	Body archival
}) (*reply[*caseupdate.Case], error) {
	return d.change(ctx, in.CaseID, caselog.Archive{Reason: in.Body.ArchiveReason, Note: in.Body.ArchiveNote})
}
