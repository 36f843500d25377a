package caselog

import "github.com/casehook/casehook/caseupdate"

// AddDecision closes the review of a case: approved, rejected, or no decision.
type AddDecision struct {
	IsApproved   bool
	IsNoDecision bool
	StartDate    *caseupdate.Time
	EndDate      *caseupdate.Time
	DecisionText *string
	Category     *string
	MedInfo      *caseupdate.MedInfo
}

func (cmd AddDecision) check(f *faults) {
	if cmd.IsApproved && cmd.IsNoDecision {
		f.add("isNoDecision", "must be false where isApproved is true")
	}
	f.moment("startDate", cmd.StartDate)
	f.moment("endDate", cmd.EndDate)
	if cmd.StartDate != nil && cmd.EndDate != nil && cmd.EndDate.Before(cmd.StartDate.Time) {
		f.add("endDate", "must not lie before startDate")
	}
	if cmd.DecisionText != nil {
		f.text("decisionText", *cmd.DecisionText, MaxText)
	}
	f.optional("category", cmd.Category, MaxName)
	if m := cmd.MedInfo; m != nil {
		f.required("medInfo.medicine", m.Medicine, MaxLine)
		f.line("medInfo.dosage", m.Dosage, MaxLine)
		f.text("medInfo.pharmacyInstructions", m.PharmacyInstructions, MaxText)
		f.line("medInfo.dosingFrequency", m.DosingFrequency, MaxLine)
		if m.RefillCount < 0 || m.RefillCount > 1000 {
			f.add("medInfo.refillCount", "must be a whole number from 0 to 1000")
		}
	}
}

func (cmd AddDecision) decide(c *Case, act Act) ([]Data, error) {
	happened := []Data{&DecisionAdded{caseupdate.Decision{
		ID:           act.NewID(),
		IsApproved:   cmd.IsApproved,
		IsNoDecision: cmd.IsNoDecision,
		StartDate:    cmd.StartDate,
		EndDate:      cmd.EndDate,
		DecisionText: cmd.DecisionText,
		Category:     cmd.Category,
		MedInfo:      cmd.MedInfo,
		CreatedAt:    caseupdate.At(act.At),
	}}}
	if status := cmd.status(); status != c.Status {
		happened = append(happened, &StatusChanged{Old: c.Status, New: status})
	}
	return happened, nil
}

// status is what the decision makes of the case.
func (cmd AddDecision) status() caseupdate.Status {
	switch {
	case cmd.IsApproved:
		return caseupdate.StatusApproved
	case cmd.IsNoDecision:
		return caseupdate.StatusNoDecision
	}
	return caseupdate.StatusRejected
}

// DecisionAdded is the data of ADD_CASE_DECISION.
type DecisionAdded struct {
	Decision caseupdate.Decision `json:"decision"`
}

// Type is ADD_CASE_DECISION.
func (*DecisionAdded) Type() caseupdate.Event { return caseupdate.EventAddCaseDecision }

func (d *DecisionAdded) apply(c *Case, e Event) error {
	c.Decisions = extend(&c.rooms.decisions, c.Decisions, d.Decision)
	if c.ClosedAt == nil { // the first decision closes the review, and that stays
		by := e.Actor.Person()
		c.ClosedAt, c.ClosedBy = &e.At, &by
	}
	return nil
}

func (*DecisionAdded) describe(*caseupdate.Activity) {}
