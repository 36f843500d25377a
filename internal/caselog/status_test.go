package caselog_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/refusal"
)

func TestAStatusIsChangedToAnyOther(t *testing.T) {
	for _, old := range caseupdate.Statuses() {
		for _, next := range caseupdate.Statuses() {
			s := tell(t)
			if old != caseupdate.StatusOpen {
				s.do(caselog.ChangeStatus{Status: old})
			}
			if old == next {
				t.Run(string(old)+" is not changed to itself", func(t *testing.T) {
					s.refuses(caselog.ChangeStatus{Status: next}, conflict("the case has that status already"))
				})
				continue
			}
			t.Run(string(old)+" is changed to "+string(next), func(t *testing.T) {
				happened := s.do(caselog.ChangeStatus{Status: next})
				equal(t, "what happened", []caselog.Data{&caselog.StatusChanged{Old: old, New: next}}, happened)
				require.Equal(t, next, s.now.Status)
				require.Equal(t, string(old), *s.activity().ValueBefore)
				require.Equal(t, string(next), *s.activity().ValueAfter)
				require.Nil(t, s.now.ClosedAt, "only a decision closes")
			})
		}
	}
}

func TestProgressIsMarkedWhenItBegins(t *testing.T) {
	s := tell(t)
	s.as(nurse, caselog.ChangeStatus{Status: caseupdate.StatusInProgress})
	first := s.when()
	require.Equal(t, &first, s.now.InProgressAt)
	require.Equal(t, nurse.Person(), *s.now.InProgressBy)

	s.do(caselog.ChangeStatus{Status: caseupdate.StatusAbandoned})
	require.Equal(t, &first, s.now.InProgressAt, "it stays when the status goes on")
	require.Equal(t, nurse.Person(), *s.now.InProgressBy)

	s.as(doctor, caselog.ChangeStatus{Status: caseupdate.StatusInProgress})
	require.Equal(t, s.when(), *s.now.InProgressAt, "it is the last time that counts")
	require.Equal(t, doctor.Person(), *s.now.InProgressBy)
}

func TestAStatusIsOneOfSeven(t *testing.T) {
	for _, test := range []struct {
		name   string
		status caseupdate.Status
	}{
		{"none", ""},
		{"unknown", "CLOSED"},
		{"in small letters", "open"},
		{"with a space", " OPEN"},
	} {
		t.Run(test.name, func(t *testing.T) {
			tell(t).refuses(caselog.ChangeStatus{Status: test.status}, refusal.Field("status",
				"must be one of OPEN, ASSIGNED, IN_PROGRESS, APPROVED, REJECTED, NO_DECISION, ABANDONED"))
		})
	}
}
