package delivery

import (
	"log/slog"
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

// Whether an endpoint's state is told by the writer or found in the table, what is ready is
// put back where it has closed, and one that has opened is sent one message at first.
func TestWhatTheTableSaysOfAnEndpointIsHeardAsWhatTheWriterTells(t *testing.T) {
	e := newTestEngine()
	target := e.target(newTestEndpoint(8))
	e.note(e.gates, "", true)
	require.True(t, e.closed[""])
	e.note(e.gates, "", false)
	require.False(t, e.closed[""])
	require.Equal(t, 1, target.width())
}

func TestWhatWasReadBeforeTheWriterToldSomethingIsNotHeard(t *testing.T) {
	e := newTestEngine()
	read := e.gates
	e.gate("", true)
	e.note(read, "", false)
	require.True(t, e.closed[""])
	e.note(e.gates, "", false)
	require.False(t, e.closed[""])
}

// newTestEngine returns an engine that sends nothing.
func newTestEngine() *Engine {
	return &Engine{targets: make(map[string]*target), closed: make(map[string]bool), nodes: 1, log: slog.New(slog.DiscardHandler)}
}
