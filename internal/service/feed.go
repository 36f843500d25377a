package service

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"

	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/render"
	"github.com/casehook/casehook/internal/store"
	"github.com/casehook/casehook/internal/subscription"
)

// maxFeed is how many bytes a page of the feed may have, documents included; one
// event always fits.
const maxFeed = 16 << 20

// Feed returns events of the organisation in the wire format, the oldest first.
// After is where the page before ended, "" for the beginning. Next is where this one
// ended, also where there is nothing more for now.
func (s *Service) Feed(ctx context.Context, caller Caller, after string, limit int) (events []json.RawMessage, next string, more bool, err error) {
	var position store.Position
	if err := decode("after", after, &position.Transaction, &position.Event); err != nil {
		return nil, "", false, err
	}
	if limit, err = (Page{Limit: limit}).limit(); err != nil {
		return nil, "", false, err
	}
	entries, err := s.Store.Feed(ctx, caller.OrganizationID, position, limit+1)
	if err != nil {
		return nil, "", false, err
	}
	events, last, more, err := s.page(ctx, caller, entries, limit)
	if err != nil {
		return nil, "", false, err
	}
	if last != nil {
		position = last.Position
	}
	return events, encode(position.Transaction, position.Event), more, nil
}

// CaseFeed is Feed for one case; after and next are sequences.
func (s *Service) CaseFeed(ctx context.Context, caller Caller, caseID string, after int64, limit int) (events []json.RawMessage, next int64, more bool, err error) {
	if limit, err = (Page{Limit: limit}).limit(); err != nil {
		return nil, 0, false, err
	}
	if after < 0 {
		return nil, 0, false, refusal.Field("after", "must be a sequence, 0 for the beginning")
	}
	entries, err := s.Store.CaseFeed(ctx, caller.OrganizationID, caseID, after, limit+1)
	if err != nil {
		return nil, 0, false, refused("case", err)
	}
	events, last, more, err := s.page(ctx, caller, entries, limit)
	if err != nil || last == nil {
		return events, after, more, err
	}
	return events, last.Event.Sequence, more, nil
}

// KnownEvent is where an event is in the log.
type KnownEvent = store.KnownEvent

// FindEvent returns where an event is in the log, by its id. Of one that is restricted a caller
// who is not cleared for it is told nothing.
func (s *Service) FindEvent(ctx context.Context, caller Caller, id string) (KnownEvent, error) {
	known, err := s.Store.EventsKnown(ctx, caller.OrganizationID, []string{id})
	if err != nil {
		return KnownEvent{}, err
	}
	event, ok := known[id]
	if !ok || event.OrganizationID != caller.OrganizationID {
		return KnownEvent{}, refused("event", store.ErrNotFound)
	}
	shown, err := visible(ctx, s, caller, []string{id}, func(id string) string { return id })
	if err == nil && len(shown) == 0 {
		err = refused("event", store.ErrNotFound)
	}
	return event, err
}

// page renders entries, as many as are allowed and fit. Last is the last one that it
// is done with, whether it was told or withheld.
func (s *Service) page(ctx context.Context, caller Caller, entries []store.Entry, limit int) (events []json.RawMessage, last *store.Entry, more bool, err error) {
	var size int64
	var shown []string // the cases
	for i := range entries {
		entry := &entries[i]
		if more = i == limit; more {
			break
		}
		if caller.Clearance.Withholds(entry.Event.Activity()) {
			last = entry
			continue
		}
		body, err := s.Renderer.Body(entry.Event, entry.Case, entry.Key, render.Options{
			Payload:   subscription.PayloadEvent,
			Documents: subscription.DocumentsBase64,
			Clearance: caller.Clearance,
		})
		if err != nil {
			return nil, nil, false, err
		}
		if size += body.Len(); size > maxFeed && len(events) > 0 {
			more = true
			break
		}
		event, err := whole(ctx, body)
		if err != nil {
			return nil, nil, false, err
		}
		events, last, shown = append(events, event), entry, append(shown, entry.Case.ID)
	}
	return events, last, more, s.shows(ctx, shown...)
}

// whole returns all bytes of a body.
func whole(ctx context.Context, body *render.Body) ([]byte, error) {
	if b, ok := body.Bytes(); ok {
		return b, nil
	}
	stream := body.Open(ctx)
	buffer := bytes.NewBuffer(make([]byte, 0, body.Len()))
	_, err := buffer.ReadFrom(stream)
	return buffer.Bytes(), errors.Join(err, stream.Close())
}
