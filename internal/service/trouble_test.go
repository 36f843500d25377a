package service

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
)

func TestWhatNeedsAPersonMostIsTheWorst(t *testing.T) {
	at := time.Now()
	long, lately := new(at.Add(-time.Hour)), new(at)
	for _, test := range []struct {
		name string
		is   store.Pulse
		want severity
	}{
		{"it takes everything", store.Pulse{State: subscription.Active}, well},
		{"it is paused, and nothing waits", store.Pulse{State: subscription.Paused}, well},
		{"it gave a message up, and nothing waits", store.Pulse{State: subscription.Active, Health: subscription.Health{FlaggedAt: long}}, lost},
		{"it is too slow", store.Pulse{State: subscription.Active, Since: long}, waiting},
		{"it is too slow, and gave a message up", store.Pulse{State: subscription.Active, Since: long, Health: subscription.Health{FlaggedAt: long}}, waiting},
		{"its last attempt failed", store.Pulse{State: subscription.Active, Since: lately, Health: subscription.Health{Failures: 1}}, failing},
		{"it is probed", store.Pulse{State: subscription.Active, Since: long, Health: subscription.Health{Failures: 10, ClosedAt: long}}, down},
		{"it is paused, and messages wait", store.Pulse{State: subscription.Paused, Since: long}, down},
		{"it is disabled", store.Pulse{State: subscription.Disabled}, down},
	} {
		require.Equal(t, test.want, severityOf(test.is, at.Add(-patience)), test.name)
	}
	require.IsIncreasing(t, []severity{well, lost, waiting, failing, down})
}
