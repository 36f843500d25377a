package caselog_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/refusal"
)

func TestADecisionChangesTheStatusWhereItDiffers(t *testing.T) {
	for _, decision := range []struct {
		name string
		cmd  caselog.AddDecision
		want caseupdate.Status
	}{
		{"approval", caselog.AddDecision{IsApproved: true}, caseupdate.StatusApproved},
		{"rejection", caselog.AddDecision{}, caseupdate.StatusRejected},
		{"no decision", caselog.AddDecision{IsNoDecision: true}, caseupdate.StatusNoDecision},
	} {
		for _, old := range caseupdate.Statuses() {
			t.Run(decision.name+" of a case that is "+string(old), func(t *testing.T) {
				s := tell(t)
				if old != caseupdate.StatusOpen {
					s.do(caselog.ChangeStatus{Status: old})
				}
				happened := s.do(decision.cmd)

				want := []caselog.Data{&caselog.DecisionAdded{Decision: caseupdate.Decision{
					ID:           s.now.Decisions[0].ID,
					IsApproved:   decision.cmd.IsApproved,
					IsNoDecision: decision.cmd.IsNoDecision,
					CreatedAt:    s.when(),
				}}}
				if old != decision.want {
					want = append(want, &caselog.StatusChanged{Old: old, New: decision.want})
				}
				equal(t, "what happened", want, happened)
				require.Equal(t, decision.want, s.now.Status)
			})
		}
	}
}

func TestADecisionIsKeptAsItWasMade(t *testing.T) {
	cmd := caselog.AddDecision{
		IsApproved:   true,
		StartDate:    new(caseupdate.At(begin)),
		EndDate:      new(caseupdate.At(begin.AddDate(1, 0, 0))),
		DecisionText: new("Approved"),
		Category:     new("NEUROLOGY"),
		MedInfo: &caseupdate.MedInfo{
			Medicine: "Sumatriptan", Dosage: "50 mg", RefillCount: 2,
			PharmacyInstructions: "Take with\nwater", DosingFrequency: "as needed",
		},
	}
	s := tell(t, cmd)
	equal(t, "decisions", []caseupdate.Decision{{
		ID:           s.now.Decisions[0].ID,
		IsApproved:   true,
		StartDate:    cmd.StartDate,
		EndDate:      cmd.EndDate,
		DecisionText: cmd.DecisionText,
		Category:     cmd.Category,
		MedInfo:      cmd.MedInfo,
		CreatedAt:    s.when(),
	}}, s.now.Decisions)
}

func TestTheFirstDecisionClosesTheReviewForGood(t *testing.T) {
	s := tell(t)
	require.Nil(t, s.now.ClosedAt)
	s.as(nurse, caselog.AddDecision{IsNoDecision: true})
	closedAt, closedBy := s.when(), nurse.Person()

	s.do(caselog.AddDecision{IsApproved: true})
	s.do(caselog.ChangeStatus{Status: caseupdate.StatusOpen})
	s.do(caselog.Archive{Reason: "RESOLVED"})
	s.do(caselog.Reopen{})
	require.Equal(t, &closedAt, s.now.ClosedAt)
	require.Equal(t, &closedBy, s.now.ClosedBy)
	require.Len(t, s.now.Decisions, 2)
	require.False(t, s.now.IsArchived, "a closed review leaves the case open")
}

func TestDecisionsThatNoCaseCouldHave(t *testing.T) {
	early, late := new(caseupdate.At(begin)), new(caseupdate.At(begin.Add(time.Millisecond)))
	for _, test := range []struct {
		name string
		cmd  caselog.AddDecision
		want *refusal.Error // nil where it can be
	}{
		{
			"approved, and no decision", caselog.AddDecision{IsApproved: true, IsNoDecision: true},
			refusal.Field("isNoDecision", "must be false where isApproved is true"),
		},
		{
			"it ends before it starts", caselog.AddDecision{StartDate: late, EndDate: early},
			refusal.Field("endDate", "must not lie before startDate"),
		},
		{"it ends as it starts", caselog.AddDecision{StartDate: early, EndDate: early}, nil},
		{"it ends, whenever it starts", caselog.AddDecision{EndDate: early}, nil},
		{
			"less than no refill", caselog.AddDecision{MedInfo: &caseupdate.MedInfo{Medicine: "Sumatriptan", RefillCount: -1}},
			refusal.Field("medInfo.refillCount", "must be a whole number from 0 to 1000"),
		},
		{
			"more than a thousand refills", caselog.AddDecision{MedInfo: &caseupdate.MedInfo{Medicine: "Sumatriptan", RefillCount: 1001}},
			refusal.Field("medInfo.refillCount", "must be a whole number from 0 to 1000"),
		},
		{"a thousand refills", caselog.AddDecision{MedInfo: &caseupdate.MedInfo{Medicine: "Sumatriptan", RefillCount: 1000}}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			if s := tell(t); test.want != nil {
				s.refuses(test.cmd, test.want)
			} else {
				s.do(test.cmd)
			}
		})
	}
}
