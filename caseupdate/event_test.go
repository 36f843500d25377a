package caseupdate_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/caseupdate"
)

func TestEventsAreThe19OfTheFormatInItsOrder(t *testing.T) {
	want := []caseupdate.Event{
		"ADD_CASE_COMMENT", "ADD_CASE_DECISION", "ADD_CASE_ATTACHMENT", "ADD_FORM_RESPONSE",
		"ADD_CASE_ASSIGNEE", "REMOVE_CASE_ASSIGNEE", "PAYMENT_ADDED", "PAYMENT_COMPLETED",
		"ORDER_CREATED", "ORDER_STATUS_CHANGED", "ORDER_TRACKING_ADDED", "DELETE_ATTACHMENT",
		"CREATE_CASE", "ESCALATE_CASE", "DEESCALATE_CASE", "DELETE_CASE_COMMENT",
		"ARCHIVE_CASE", "REOPEN_CASE", "CHANGE_CASE_STATUS",
	}
	if diff := cmp.Diff(want, caseupdate.Events()); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	caseupdate.Events()[0] = "changed by its caller"
	require.Equal(t, want, caseupdate.Events())
}

func TestAnEventIsKnownByItsExactName(t *testing.T) {
	for _, event := range caseupdate.Events() {
		require.True(t, event.Known(), event)
	}
	for _, event := range []caseupdate.Event{"", "*", "CASE_MERGED", "create_case", "CREATE_CASE ", "CREATE_CAS"} {
		require.False(t, event.Known(), event)
	}
}

func TestStatusesAreInTheOrderOfAReview(t *testing.T) {
	want := []caseupdate.Status{"OPEN", "ASSIGNED", "IN_PROGRESS", "APPROVED", "REJECTED", "NO_DECISION", "ABANDONED"}
	require.Equal(t, want, caseupdate.Statuses())
}

func TestAPersonIsToldInThreeMeasures(t *testing.T) {
	require.Equal(t, caseupdate.Person{ID: "nurse-mary", FirstName: "Mary", LastName: "O'Seacole"}, mary.Person())
	require.Equal(t, caseupdate.Name{FirstName: "Mary", LastName: "O'Seacole"}, mary.Person().Name())
}
