package caselog

import (
	"slices"
	"strings"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/refusal"
)

// ChangeStatus moves the review of a case by hand.
type ChangeStatus struct {
	Status caseupdate.Status
}

func (cmd ChangeStatus) check(f *faults) {
	if !slices.Contains(caseupdate.Statuses(), cmd.Status) {
		f.add("status", "must be one of "+statusNames())
	}
}

func (cmd ChangeStatus) decide(c *Case, _ Act) ([]Data, error) {
	if c.Status == cmd.Status {
		return nil, refusal.Of(refusal.Conflict, "the case has that status already")
	}
	return []Data{&StatusChanged{Old: c.Status, New: cmd.Status}}, nil
}

// StatusChanged is the data of CHANGE_CASE_STATUS.
type StatusChanged struct {
	Old caseupdate.Status `json:"old"`
	New caseupdate.Status `json:"new"`
}

// Type is CHANGE_CASE_STATUS.
func (*StatusChanged) Type() caseupdate.Event { return caseupdate.EventChangeCaseStatus }

func (d *StatusChanged) apply(c *Case, e Event) error {
	c.Status = d.New
	if d.New == caseupdate.StatusInProgress {
		by := e.Actor.Person()
		c.InProgressAt, c.InProgressBy = &e.At, &by
	}
	return nil
}

func (d *StatusChanged) describe(a *caseupdate.Activity) {
	before, after := string(d.Old), string(d.New)
	a.ValueBefore, a.ValueAfter = &before, &after
}

func statusNames() string {
	names := make([]string, 0, len(caseupdate.Statuses()))
	for _, status := range caseupdate.Statuses() {
		names = append(names, string(status))
	}
	return strings.Join(names, ", ")
}
