package subscription_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/subscription"
)

func TestAnEndpointReceivesWhatItAskedForAndMayBeTold(t *testing.T) {
	comment := caseupdate.Activity{Type: caseupdate.EventAddCaseComment}
	restricted := caseupdate.Activity{Type: caseupdate.EventAddCaseComment, IsRestricted: true}
	phi := caseupdate.Activity{Type: caseupdate.EventAddCaseComment, IsPHI: true}
	cleared := subscription.Clearance{Restricted: true}
	for _, test := range []struct {
		name      string
		events    []string
		clearance subscription.Clearance
		activity  caseupdate.Activity
		want      bool
	}{
		{"every event", []string{"*"}, cleared, comment, true},
		{"an event by name", []string{"ESCALATE_CASE", "ADD_CASE_COMMENT"}, cleared, comment, true},
		{"not an event of another name", []string{"ESCALATE_CASE"}, cleared, comment, false},
		{"a restricted event with clearance", []string{"*"}, cleared, restricted, true},
		{"no restricted event without clearance", []string{"*"}, subscription.Clearance{PHI: true}, restricted, false},
		{"an event with PHI also without clearance, blanked", []string{"*"}, subscription.Clearance{}, phi, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := subscription.Endpoint{Events: test.events, Clearance: test.clearance}
			if got := e.Receives(test.activity); got != test.want {
				t.Errorf("Receives: want %t, got %t", test.want, got)
			}
		})
	}
}

func TestLiveSecretsAreThoseThatHaveNotExpired(t *testing.T) {
	now := time.Date(2026, 11, 23, 14, 5, 6, 0, time.UTC)
	before, after := now.Add(-time.Second), now.Add(time.Second)
	e := subscription.Endpoint{Secrets: []subscription.Secret{
		{Value: "newest"}, {Value: "ending", ExpiresAt: &after}, {Value: "ending now", ExpiresAt: &now}, {Value: "ended", ExpiresAt: &before},
	}}
	if diff := cmp.Diff([]string{"newest", "ending"}, e.LiveSecrets(now)); diff != "" {
		t.Errorf("live secrets (-want +got):\n%s", diff)
	}
}
