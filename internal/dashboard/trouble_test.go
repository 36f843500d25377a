package dashboard

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/subscription"
)

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
