package delivery

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/subscription"
)

func TestAReceiverThatIsOverloadedIsSentLessAtOnce(t *testing.T) {
	target := new(target)
	target.see(newTestEndpoint(8), 1)
	for _, step := range []struct {
		status, want int
	}{
		{200, 8}, {500, 8}, {429, 4}, {503, 2}, {500, 2}, {0, 2}, {503, 1}, {503, 1},
		{204, 2}, {200, 3}, {429, 1}, {200, 2}, {200, 3}, {200, 4}, {200, 5}, {200, 6}, {200, 7}, {200, 8}, {200, 8},
	} {
		target.adapt(step.status)
		require.Equal(t, step.want, target.width(), "after %d", step.status)
	}
}

func newTestEndpoint(maxInFlight int) *subscription.Endpoint {
	return &subscription.Endpoint{MaxInFlight: maxInFlight}
}
