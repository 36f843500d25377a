package dashboard

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/subscription"
)

func TestOfAnEndpointThatIsBehindIsToldHowItAnswered(t *testing.T) {
	long, resumed := time.Now().Add(-time.Hour), time.Now().Add(-10*time.Second)
	for name, test := range map[string]struct {
		last  *service.Answer
		want  string
		since *time.Time
	}{
		"it has taken what it was sent": {&service.Answer{At: long, StatusCode: 204}, "It takes what it is sent, but messages wait longer than a minute.", nil},
		"it failed before":              {&service.Answer{At: long, StatusCode: 500}, "Resumed, and not answered yet. Its last answer: 500 Internal Server Error.", &resumed},
		"it was not reached before":     {&service.Answer{At: long}, "Resumed, and not answered yet. Its last answer: No answer.", &resumed},
		"it was never sent anything":    {nil, "It has not answered yet, and messages wait longer than a minute.", nil},
	} {
		t.Run(name, func(t *testing.T) {
			endpoint := subscription.New("https://partner.example/hooks", service.FullClearance)
			endpoint.State, endpoint.StateAt = subscription.Active, &resumed
			got := conditionOf(service.Condition{Endpoint: endpoint, Backlog: service.Backlog{Messages: 1, Since: &long}, LastAnswer: test.last})
			require.Equal(t, condition{State: "behind", Why: test.want, Since: test.since}, got)
		})
	}
}

func TestAnEndpointIsToldInWords(t *testing.T) {
	recently, long := new(time.Now().Add(-time.Second)), new(time.Now().Add(-time.Hour))
	for _, test := range []struct {
		name    string
		state   subscription.State
		health  subscription.Health
		backlog service.Backlog
		want    string
		waiting string
	}{
		{"one that takes everything", subscription.Active, subscription.Health{}, service.Backlog{}, "active", ""},
		{"one that has much to take", subscription.Active, subscription.Health{}, service.Backlog{Messages: 2, Since: recently}, "active", "2"},
		{"one that is too slow", subscription.Active, subscription.Health{}, service.Backlog{Messages: 1234, Since: long}, "behind", "1,234"},
		{"one that fails", subscription.Active, subscription.Health{Failures: 1}, service.Backlog{Messages: 1, Since: long}, "failing", "1"},
		{"one that is probed", subscription.Active, subscription.Health{Failures: 10, ClosedAt: long}, service.Backlog{Messages: service.MaxBacklog}, "failing", "10,000+"},
		{"one that fails again, and has given a message up", subscription.Active, subscription.Health{Failures: 2, FlaggedAt: long}, service.Backlog{}, "failing", ""},
		{"one that has given a message up", subscription.Active, subscription.Health{FlaggedAt: long}, service.Backlog{}, "flagged", ""},
		{"one that is paused", subscription.Paused, subscription.Health{Failures: 3}, service.Backlog{}, "paused", ""},
		{"one that is gone", subscription.Disabled, subscription.Health{Failures: 1, FailedAt: long}, service.Backlog{}, "disabled", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			endpoint := subscription.New("https://partner.example/hooks?token=secret", service.FullClearance)
			endpoint.State = test.state
			row := troubleOf(endpointNames([]*subscription.Endpoint{endpoint})[0], service.Condition{Endpoint: endpoint, Health: test.health, Backlog: test.backlog})
			require.Equal(t, test.want, row.State)
			require.Equal(t, test.want == "active", row.Why == "")
			require.Equal(t, test.waiting, row.Waiting)
			require.Equal(t, "partner.example/hooks", row.Endpoint.String())
			require.Contains(t, tones, row.State)
		})
	}
}
