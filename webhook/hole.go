package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/casehook/casehook/caseupdate"
)

// feedTimeout is how long the feed may take to tell what is missing: a message waits for the answer.
const feedTimeout = 5 * time.Second

// holeAttempts is up to which of its attempts a message is refused because what is missing before it could
// not be had or handled. From the next one on it is handled without: about half a minute later, as
// casehook's schedule has it. What never succeeds must not hold up its case for ever.
const holeAttempts = 3

// maxMissing and maxMissingBytes are how many events, and how many bytes of them, are taken from the feed for one
// message: they are in memory together. Where more is missing, it is as where the feed fails.
const (
	maxMissing      = 1000
	maxMissingBytes = 64 << 20
)

// maxPlace is the place of the last event that a case can have.
const maxPlace = 10_000

// fill handles what is missing between m and the highest sequence that was kept of its case, last, as far as the
// feed has it, in its order. It returns nil where m may go on. It is called with the turn of the lane.
func (r *Receiver) fill(ctx context.Context, m *message, last int64) error {
	if r.Feed == nil {
		return nil
	}
	err := r.handleMissing(ctx, m, last)
	if err == nil {
		return nil
	}
	refused := &refusal{http.StatusServiceUnavailable, "what is missing before this message cannot be handled", err}
	if 0 < m.Attempt && m.Attempt <= holeAttempts || ctx.Err() != nil {
		return refused
	}
	r.log(ctx, m, fmt.Errorf("%w; going on without it", refused))
	return nil
}

func (r *Receiver) handleMissing(ctx context.Context, m *message, last int64) error {
	missing, err := r.missing(ctx, m, last)
	if err != nil {
		return err
	}
	for i, one := range missing {
		if err := r.call(ctx, one.Message, one.update); err != nil {
			return fmt.Errorf("handle %s %s from the feed: %w", one.update.Event, one.ID, err)
		}
		// The feed does not tell sequences. With the last of what was missing, all before m is done.
		var sequence int64
		if i == len(missing)-1 {
			sequence = m.Sequence - 1
		}
		if err := r.keep(ctx, one.ID, m.CaseID, sequence); err != nil {
			return err
		}
	}
	return nil
}

// missing returns the events in the log between the last one that was handled and m, none of which was; where
// the store knows none of the case, all before m. The log has what the endpoint was never sent, too. What is
// before the last one that was handled is left alone, so that an endpoint that was made late is not told the past
// of a case of which it was sent something.
func (r *Receiver) missing(ctx context.Context, m *message, last int64) (missing []message, err error) {
	defer caught(&err)
	ctx, cancel := context.WithTimeout(ctx, feedTimeout)
	defer cancel()
	// The endpoint is sent no more than the log has, so that the last one that was handled is at the place last or
	// behind it; but for one that a replay gave another number, which is looked for from the beginning.
	if after := last - 1; 0 < after && after < maxPlace {
		missing, found, err := r.missingAfter(ctx, m, after)
		if found || err != nil {
			return missing, err
		}
	}
	missing, _, err = r.missingAfter(ctx, m, 0)
	return missing, err
}

// missingAfter is missing as far as the log tells it after a place. It reports whether the last one that was
// handled is there.
func (r *Receiver) missingAfter(ctx context.Context, m *message, after int64) (missing []message, found bool, err error) {
	count, size := 0, 0 // of missing, and of what it has no room for
	for body, err := range r.Feed(ctx, m.CaseID, after) {
		if err != nil {
			return nil, false, fmt.Errorf("ask the feed for what is missing: %w", err)
		}
		update, err := caseupdate.Parse(body)
		if err != nil {
			return nil, false, fmt.Errorf("read an event of the feed: %w", err)
		}
		id := update.Activity().ID
		switch id {
		case "":
			return nil, false, errors.New("read an event of the feed: activity.id is missing")
		case m.update.Activity().ID:
			if count > len(missing) && (found || after == 0) {
				return nil, false, errors.New("take what is missing from the feed: it is too much")
			}
			return missing, found, nil
		}
		seen, _, err := r.look(ctx, id, m.CaseID)
		if err != nil {
			return nil, false, fmt.Errorf("look whether an event of the feed was handled: %w", err)
		}
		if seen {
			missing, found, count, size = nil, true, 0, 0
			continue
		}
		count++
		size += len(body)
		if count > maxMissing || size > maxMissingBytes {
			missing = nil // it may be the past, before the last one that was handled
			continue
		}
		missing = append(missing, message{Message: Message{ID: id, CaseID: m.CaseID, Body: body}, update: update})
	}
	// Where m itself is not in the log, nothing tells which of the events come before it.
	return nil, false, nil
}
