package caselog_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/caselog"
	"github.com/casehook/casehook/internal/refusal"
)

// crowd returns n users.
func crowd(n int) []caseupdate.User {
	users := make([]caseupdate.User, n)
	for i := range users {
		users[i] = caseupdate.User{ID: fmt.Sprintf("user-%d", i)}
	}
	return users
}

func TestTheFirstAssigneesMakeAnOpenCaseAssigned(t *testing.T) {
	s := tell(t)
	happened := s.as(robot, caselog.Assign{Users: []caseupdate.User{doctor, nurse}})

	equal(t, "what happened", []caselog.Data{
		&caselog.Assigned{Users: []caseupdate.User{doctor, nurse}},
		&caselog.StatusChanged{Old: caseupdate.StatusOpen, New: caseupdate.StatusAssigned},
	}, happened)
	equal(t, "assignees", []caseupdate.User{doctor, nurse}, s.now.Assignees)
	require.Equal(t, caseupdate.StatusAssigned, s.now.Status)
	require.Equal(t, nurse.Person(), *s.now.AssignedTo(), "the last of them")
	require.Equal(t, robot.Person(), *s.now.AssignedBy)
	require.Equal(t, s.when(), *s.now.AssignedAt)

	assigned := s.now.Activity[1]
	require.Equal(t, caseupdate.EventAddCaseAssignee, assigned.Type)
	require.Equal(t, doctor, *assigned.TargetUser, "the first of them")
	require.Nil(t, assigned.ValueBefore)
	require.Nil(t, assigned.ValueAfter)

	changed := s.now.Activity[2]
	require.Equal(t, caseupdate.EventChangeCaseStatus, changed.Type)
	require.Nil(t, changed.TargetUser)
	require.Equal(t, "OPEN", *changed.ValueBefore)
	require.Equal(t, "ASSIGNED", *changed.ValueAfter)
}

func TestAssigneesOfACaseThatIsNotOpenLeaveItsStatus(t *testing.T) {
	for _, status := range caseupdate.Statuses()[1:] {
		t.Run(string(status), func(t *testing.T) {
			s := tell(t, caselog.ChangeStatus{Status: status})
			happened := s.do(caselog.Assign{Users: []caseupdate.User{doctor}})
			equal(t, "what happened", []caselog.Data{&caselog.Assigned{Users: []caseupdate.User{doctor}}}, happened)
			require.Equal(t, status, s.now.Status)
		})
	}
}

func TestMoreAssigneesFollowTheFirst(t *testing.T) {
	s := tell(t, caselog.Assign{Users: []caseupdate.User{doctor}})
	s.as(nurse, caselog.Assign{Users: []caseupdate.User{robot, nurse}})
	equal(t, "assignees", []caseupdate.User{doctor, robot, nurse}, s.now.Assignees)
	require.Equal(t, s.when(), *s.now.AssignedAt)
	require.Equal(t, nurse.Person(), *s.now.AssignedBy)
}

func TestAnAssigneeIsTakenOff(t *testing.T) {
	s := tell(t, caselog.Assign{Users: []caseupdate.User{doctor, nurse}})
	assignedAt, assignedBy := s.now.AssignedAt, s.now.AssignedBy

	happened := s.do(caselog.Unassign{UserID: nurse.ID})
	equal(t, "what happened", []caselog.Data{&caselog.Unassigned{User: nurse}}, happened)
	equal(t, "assignees", []caseupdate.User{doctor}, s.now.Assignees)
	require.Equal(t, doctor.Person(), *s.now.AssignedTo(), "who was assigned last of those that are left")
	require.Equal(t, assignedAt, s.now.AssignedAt)
	require.Equal(t, assignedBy, s.now.AssignedBy)
	require.Equal(t, caseupdate.EventRemoveCaseAssignee, s.activity().Type)
	require.Equal(t, nurse, *s.activity().TargetUser)

	s.do(caselog.Unassign{UserID: doctor.ID})
	require.Empty(t, s.now.Assignees)
	require.Nil(t, s.now.AssignedTo())
	require.Nil(t, s.now.AssignedAt)
	require.Nil(t, s.now.AssignedBy)
	require.Equal(t, caseupdate.StatusAssigned, s.now.Status, "a status goes back by hand only")

	s.do(caselog.Assign{Users: []caseupdate.User{nurse}})
	require.Equal(t, nurse.Person(), *s.now.AssignedTo(), "who was taken off can be assigned again")
}

func TestAssigneesThatNoCaseCouldHave(t *testing.T) {
	for _, test := range []struct {
		name  string
		users []caseupdate.User
		want  []refusal.Fault
	}{
		{"nobody", nil, []refusal.Fault{{Field: "userIds", Allowed: "must have at least 1 item"}}},
		{"a hundred and one", crowd(101), []refusal.Fault{{Field: "userIds", Allowed: "must have at most 100 items"}}},
		{
			"the same user twice", []caseupdate.User{doctor, nurse, doctor, nurse},
			[]refusal.Fault{
				{Field: "userIds[2]", Allowed: "must not be named twice"},
				{Field: "userIds[3]", Allowed: "must not be named twice"},
			},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			tell(t).refuses(caselog.Assign{Users: test.users}, refusal.Fields(test.want...))
		})
	}
}

func TestImpossibleChangesOfAssignees(t *testing.T) {
	assign := func(users ...caseupdate.User) func(*caselog.Case) caselog.Command {
		return func(*caselog.Case) caselog.Command { return caselog.Assign{Users: users} }
	}
	unassign := func(*caselog.Case) caselog.Command { return caselog.Unassign{UserID: doctor.ID} }
	runImpossibilities(t, []impossibility{
		{
			"who is assigned is not assigned again, nor is anybody beside them",
			[]caselog.Command{caselog.Assign{Users: []caseupdate.User{doctor}}},
			assign(nurse, doctor), conflict("the case is assigned to one of these users already"),
		},
		{
			"who is assigned is known by the id alone",
			[]caselog.Command{caselog.Assign{Users: []caseupdate.User{doctor}}},
			assign(caseupdate.User{ID: doctor.ID, FirstName: "Married", LastName: "Since"}),
			conflict("the case is assigned to one of these users already"),
		},
		{
			"a case has no room for more than a hundred",
			[]caselog.Command{caselog.Assign{Users: crowd(99)}},
			assign(doctor, nurse), conflict("a case can be assigned to 100 users"),
		},
		{
			"who is not assigned is not taken off", nil, unassign,
			notFound("the case is not assigned to that user"),
		},
		{
			"who was taken off is not taken off again",
			[]caselog.Command{caselog.Assign{Users: []caseupdate.User{doctor}}, caselog.Unassign{UserID: doctor.ID}},
			unassign, notFound("the case is not assigned to that user"),
		},
	})
}

func TestACaseHasRoomForAHundredAssignees(t *testing.T) {
	s := tell(t, caselog.Assign{Users: crowd(99)}, caselog.Assign{Users: []caseupdate.User{doctor}})
	require.Len(t, s.now.Assignees, caselog.MaxAssignees)
}
