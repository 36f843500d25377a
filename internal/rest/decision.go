package rest

import (
	"context"
	"net/http"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
)

func (d *door) registerDecisions() {
	handle(d, call{
		id: "addDecision", pattern: "POST /v1/cases/{id}/decisions", tag: tagCases, summary: "Decide a case",
		text:   "Records ADD_CASE_DECISION, then CHANGE_CASE_STATUS to APPROVED, REJECTED or NO_DECISION where the case has another status.",
		status: http.StatusCreated, events: true,
	}, d.addDecision)
}

// newDecision is the body of addDecision.
type newDecision struct {
	IsApproved   bool        `json:"isApproved"`
	IsNoDecision bool        `json:"isNoDecision,omitempty" doc:"Whether the review ends without a decision."`
	StartDate    *timestamp  `json:"startDate,omitempty" nullable:"true" doc:"From when the decision holds."`
	EndDate      *timestamp  `json:"endDate,omitempty" nullable:"true" doc:"Until when it holds."`
	DecisionText *string     `json:"decisionText,omitempty" maxLength:"65536" nullable:"true"`
	Category     *string     `json:"category,omitempty" maxLength:"200" nullable:"true"`
	MedInfo      *newMedInfo `json:"medInfo,omitempty" orNull:"true"`
}

// newMedInfo is what a decision prescribes.
type newMedInfo struct {
	Medicine             string `json:"medicine" maxLength:"500"`
	Dosage               string `json:"dosage,omitempty" maxLength:"500"`
	RefillCount          int    `json:"refillCount,omitempty" minimum:"0" maximum:"1000"`
	PharmacyInstructions string `json:"pharmacyInstructions,omitempty" maxLength:"65536"`
	DosingFrequency      string `json:"dosingFrequency,omitempty" maxLength:"500"`
}

func (d *door) addDecision(ctx context.Context, in *struct {
	CasePath
	Body newDecision
}) (*reply[caseupdate.Decision], error) {
	return create[caseupdate.Decision](ctx, d, in.CaseID, caselog.AddDecision{
		IsApproved:   in.Body.IsApproved,
		IsNoDecision: in.Body.IsNoDecision,
		StartDate:    in.Body.StartDate.time(),
		EndDate:      in.Body.EndDate.time(),
		DecisionText: in.Body.DecisionText,
		Category:     in.Body.Category,
		MedInfo:      (*caseupdate.MedInfo)(in.Body.MedInfo),
	})
}
