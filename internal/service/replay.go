package service

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/refusal"
	"github.com/casehook/casehook/internal/store"
)

// Replay is what an endpoint is sent again, and how far that is.
type Replay = store.Replay

// ReplayFilter narrows what is sent again; zero values do not.
type ReplayFilter struct {
	Since, Until *time.Time // of the events
	CaseID       string
	Events       []string
	OnlyFailed   bool
}

// Replay begins to send an endpoint again, in the background, what the filter says. What
// failed, was delivered or canceled is sent under its old sequence; an event that the
// endpoint was never sent, or of which that is not kept any more, under a new one.
func (s *Service) Replay(ctx context.Context, caller Caller, endpointID string, filter ReplayFilter, request *Repeatable) (replay Replay, err error) {
	events, err := filter.check()
	if err != nil {
		return Replay{}, err
	}
	err = s.unlessRepeated(ctx, caller, request, func() error {
		replay = Replay{
			ID:             newID(),
			OrganizationID: caller.OrganizationID,
			EndpointID:     endpointID,
			Since:          filter.Since,
			Until:          filter.Until,
			CaseID:         filter.CaseID,
			Events:         events,
			OnlyFailed:     filter.OnlyFailed,
			State:          store.ReplayRunning,
			CreatedAt:      now(),
		}
		kept, err := request.kept(replay)
		if err != nil {
			return err
		}
		err = s.Store.InsertReplay(ctx, &replay, kept)
		if errors.Is(err, store.ErrReplaying) {
			return refusal.Of(refusal.Conflict, "a replay of the endpoint is running: stop it, or wait")
		}
		if err == nil {
			s.Engine.WakeReplays()
		}
		return refused("endpoint, or case", err)
	})
	return replay, err
}

// check refuses a filter that cannot be, and returns its events.
func (f ReplayFilter) check() ([]caseupdate.Event, error) {
	var faults []refusal.Fault
	if f.Since != nil && f.Until != nil && !f.Since.Before(*f.Until) {
		faults = append(faults, refusal.Fault{Field: "until", Allowed: "must be later than since"})
	}
	var events []caseupdate.Event
	for i, name := range f.Events {
		event := caseupdate.Event(name)
		if !event.Known() {
			faults = append(faults, refusal.Fault{Field: fmt.Sprintf("events[%d]", i), Allowed: refusal.OneOf(caseupdate.Events())})
		}
		events = append(events, event)
	}
	if len(faults) > 0 {
		return nil, refusal.Fields(faults...)
	}
	return events, nil
}

// ReplayPreview is how many messages a replay would send.
type ReplayPreview = store.ReplayPreview

// PreviewReplay returns how many messages a replay would send, and changes nothing.
func (s *Service) PreviewReplay(ctx context.Context, caller Caller, endpointID string, filter ReplayFilter) (ReplayPreview, error) {
	events, err := filter.check()
	if err != nil {
		return ReplayPreview{}, err
	}
	preview, err := s.Store.PreviewReplay(ctx, &store.Replay{
		OrganizationID: caller.OrganizationID,
		EndpointID:     endpointID,
		Since:          filter.Since,
		Until:          filter.Until,
		CaseID:         filter.CaseID,
		Events:         events,
		OnlyFailed:     filter.OnlyFailed,
		CreatedAt:      now(),
	})
	return preview, refused("endpoint, or case", err)
}

// Replays lists replays, of one endpoint where its id is not "", the newest first.
func (s *Service) Replays(ctx context.Context, caller Caller, endpointID string, page Page) ([]Replay, string, error) {
	return byID(page, func(r Replay) string { return r.ID }, func(before string, limit int) ([]Replay, error) {
		return s.Store.Replays(ctx, caller.OrganizationID, endpointID, before, limit)
	})
}

// ReplayOf returns a replay.
func (s *Service) ReplayOf(ctx context.Context, caller Caller, id string) (Replay, error) {
	replay, err := s.Store.Replay(ctx, caller.OrganizationID, id)
	return replay, refused("replay", err)
}

// StopReplay ends a replay. What it has put in line, and was not sent yet, is as it was
// before.
func (s *Service) StopReplay(ctx context.Context, caller Caller, id string, request *Repeatable) (replay Replay, err error) {
	err = s.unlessRepeated(ctx, caller, request, func() error {
		replay, err = s.Store.Replay(ctx, caller.OrganizationID, id)
		if err != nil {
			return refused("replay", err)
		}
		ended := now()
		replay.State, replay.FinishedAt = store.ReplayStopped, &ended
		replay.Queued, replay.Waiting = replay.Queued-replay.Waiting, 0
		kept, err := request.kept(replay)
		if err != nil {
			return err
		}
		endpointID, err := s.Store.StopReplay(ctx, caller.OrganizationID, id, kept)
		if errors.Is(err, store.ErrReplayEnded) {
			return refusal.Of(refusal.Conflict, "the replay has ended already")
		}
		if err != nil {
			return refused("replay", err)
		}
		s.Engine.ReplayStopped(endpointID, id)
		return nil
	})
	return replay, err
}
