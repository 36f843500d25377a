package delivery

import (
	"context"
	"errors"
	"time"

	"github.com/casehook/casehook/internal/store"
)

const (
	// maxReplayed is how many deliveries of a replay wait to be sent at once. The others
	// are not in line yet, so that what is new never waits behind them.
	maxReplayed = 256
	// replayBreath is how long to wait before a replay that runs is looked at again, and
	// replayIdle where none does.
	replayBreath = 20 * time.Millisecond
	replayIdle   = 2 * time.Second
)

// replay advances the replays that run, of all endpoints, where this process is the
// one to do it.
func (e *Engine) replay(ctx context.Context) {
	for ctx.Err() == nil {
		wait := replayIdle
		if e.Leads() {
			running, err := e.advanceReplays(ctx)
			switch {
			case err != nil && ctx.Err() == nil:
				e.log.Error("could not advance a replay", "error", err)
			case running:
				wait = replayBreath
			}
		}
		sleep(ctx, wait)
	}
}

// advanceReplays puts more of each replay in line, once half of what was has gone.
func (e *Engine) advanceReplays(ctx context.Context) (running bool, err error) {
	replays, err := e.store.RunningReplays(ctx)
	if err != nil {
		return false, err
	}
	var errs []error
	for _, r := range replays {
		if r.Waiting > maxReplayed/2 {
			continue
		}
		err := e.store.AdvanceReplay(ctx, r, maxReplayed-int(r.Waiting))
		if err != nil && !errors.Is(err, store.ErrReplayEnded) {
			errs = append(errs, err)
		}
		e.Wake()
	}
	return len(replays) > 0, errors.Join(errs...)
}
