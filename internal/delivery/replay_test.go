package delivery

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/casehook/casehook/internal/store"
)

func TestReplaysAreLookedAtLessAndLessWhileNothingMoves(t *testing.T) {
	waiting := func(n int64) []store.Replay { return []store.Replay{{ID: "r-1", Waiting: n}} }
	var p pace
	for i, step := range []struct {
		replays  []store.Replay
		advanced bool
		want     time.Duration
	}{
		{nil, false, replayIdle},
		{waiting(0), true, replayBreath},
		{waiting(256), false, replayBreath}, // it was put in line
		{waiting(256), false, 2 * replayBreath},
		{waiting(256), false, 4 * replayBreath},
		{waiting(255), false, replayBreath}, // one was sent, by whomever
		{waiting(255), false, 2 * replayBreath},
		{waiting(255), true, replayBreath},
		{waiting(255), false, 2 * replayBreath},
		{waiting(255), false, 4 * replayBreath},
		{waiting(255), false, 8 * replayBreath},
		{waiting(255), false, 16 * replayBreath},
		{waiting(255), false, 32 * replayBreath},
		{waiting(255), false, 64 * replayBreath},
		{waiting(255), false, replayIdle},
		{waiting(255), false, replayIdle},
		{append(waiting(255), store.Replay{ID: "r-2"}), false, replayBreath}, // another one
		{nil, false, replayIdle},
	} {
		require.Equal(t, step.want, p.after(step.replays, step.advanced), "look %d", i)
	}
}
