package delivery

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/casehook/casehook/internal/store"
)

const (
	// maxReplayed is how many deliveries of a replay wait to be sent at once. The others
	// are not in line yet, so that what is new never waits behind them.
	maxReplayed = 32
	// replayBreath is the least time between two looks at the replays that run, and
	// replayIdle the most.
	replayBreath = 20 * time.Millisecond
	replayIdle   = 2 * time.Second
)

// replay advances the replays that run, and brings into order what waits for endpoints
// that are moving, of all endpoints, where this process is the one to do it.
func (e *Engine) replay(ctx context.Context) {
	var p pace
	for ctx.Err() == nil {
		rest := replayIdle
		if e.Leads() {
			replays, advanced, err := e.advanceReplays(ctx)
			if err != nil && ctx.Err() == nil {
				e.log.Error("could not advance a replay", "error", err)
			}
			rest = min(p.after(replays, advanced), e.move(ctx))
		}
		timer := time.NewTimer(rest)
		select {
		case <-timer.C:
		case <-e.replays:
			timer.Stop()
			sleep(ctx, replayBreath)
		case <-ctx.Done():
			timer.Stop()
		}
	}
}

// WakeReplays has the engine look at the replays that run: one may have more to do.
func (e *Engine) WakeReplays() {
	select {
	case e.replays <- struct{}{}:
	default: // it will look anyway
	}
}

// advanceReplays puts more of each replay in line, once half of what was has gone. It
// returns the replays as they were, and whether it did anything.
func (e *Engine) advanceReplays(ctx context.Context) (replays []store.Replay, advanced bool, err error) {
	replays, err = e.store.RunningReplays(ctx)
	if err != nil {
		return nil, false, err
	}
	var errs []error
	for _, r := range replays {
		if r.Waiting > maxReplayed/2 {
			continue
		}
		moved, err := e.store.AdvanceReplay(ctx, r, maxReplayed-int(r.Waiting))
		if err != nil && !errors.Is(err, store.ErrReplayEnded) {
			errs = append(errs, err)
		}
		advanced = advanced || moved
	}
	if advanced {
		e.Wake()
	}
	return replays, advanced, errors.Join(errs...)
}

// pace is how often replays are looked at: all the time while they move, and less and
// less while they do not. This process is woken by what it does itself; what others
// have sent, it sees.
type pace struct {
	waiting map[string]int64 // of each replay that ran
	rest    time.Duration
}

// after returns how long to rest after a look.
func (p *pace) after(replays []store.Replay, advanced bool) time.Duration {
	waiting := make(map[string]int64, len(replays))
	for _, r := range replays {
		waiting[r.ID] = r.Waiting
	}
	moved := advanced || !maps.Equal(waiting, p.waiting)
	p.waiting = waiting
	switch {
	case len(replays) == 0:
		p.rest = replayIdle
	case moved:
		p.rest = replayBreath
	default:
		p.rest = min(2*p.rest, replayIdle)
	}
	return p.rest
}
