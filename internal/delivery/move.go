package delivery

import (
	"context"
	"time"
)

// moveRest is how long to rest where an endpoint is moving and somebody works on what is
// in front of it still.
const moveRest = 100 * time.Millisecond

// move brings a little more of what waits for each endpoint that is moving into the order
// of its cases, and returns how long to rest then. It stands in the table how far it has
// come: where this process dies, the next that leads goes on.
func (e *Engine) move(ctx context.Context) (rest time.Duration) {
	moves, err := e.store.Moves(ctx)
	if err != nil {
		if ctx.Err() == nil {
			e.log.Error("could not find the endpoints that are moving", "error", err)
		}
		return replayIdle
	}
	rest = replayIdle
	for _, m := range moves {
		advanced, done, err := e.store.AdvanceMove(ctx, m)
		switch {
		case ctx.Err() != nil:
			return rest
		case err != nil:
			e.log.Error("could not bring what waits into order", "endpoint", m.EndpointID, "error", err)
		case done:
			e.log.Info("what waits is in the order of its cases", "endpoint", m.EndpointID)
			e.EndpointsChanged(m.OrganizationID)
		case advanced:
			rest = replayBreath
		default:
			rest = min(rest, moveRest)
		}
	}
	return rest
}
