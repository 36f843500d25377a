package caselog

import (
	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/refusal"
)

// Escalate calls for attention to a case.
type Escalate struct{}

func (Escalate) check(*faults) {}

func (Escalate) decide(c *Case, _ Act) ([]Data, error) {
	if c.IsEscalated {
		return nil, refusal.Of(refusal.Conflict, "the case is escalated already")
	}
	return []Data{&Escalated{}}, nil
}

// Escalated is the data of ESCALATE_CASE: nothing beyond that it happened.
type Escalated struct{}

// Type is ESCALATE_CASE.
func (*Escalated) Type() caseupdate.Event { return caseupdate.EventEscalateCase }

func (*Escalated) apply(c *Case, _ Event) error {
	c.IsEscalated = true
	return nil
}

func (*Escalated) describe(*caseupdate.Activity) {}

// Deescalate calls the attention off.
type Deescalate struct{}

func (Deescalate) check(*faults) {}

func (Deescalate) decide(c *Case, _ Act) ([]Data, error) {
	if !c.IsEscalated {
		return nil, refusal.Of(refusal.Conflict, "the case is not escalated")
	}
	return []Data{&Deescalated{}}, nil
}

// Deescalated is the data of DEESCALATE_CASE: nothing beyond that it happened.
type Deescalated struct{}

// Type is DEESCALATE_CASE.
func (*Deescalated) Type() caseupdate.Event { return caseupdate.EventDeescalateCase }

func (*Deescalated) apply(c *Case, _ Event) error {
	c.IsEscalated = false
	return nil
}

func (*Deescalated) describe(*caseupdate.Activity) {}
