package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/service"
	"github.com/casehook/casehook/internal/store"
)

func (d *door) registerReplays() {
	handle(d, call{
		id: "replay", pattern: "POST /v1/endpoints/{id}/replay", tag: tagEndpoints, summary: "Send an endpoint events again",
		text: "All that is recorded by now, or what the body narrows it to, in the background and behind what is new. " +
			"The webhook-id is that of the first time, the signature and the clearance are those of now. One replay of an endpoint runs at a time.",
		status: http.StatusAccepted, located: true,
	}, d.replay)
	handle(d, call{
		id: "listReplays", pattern: "GET /v1/replays", tag: tagEndpoints, summary: "List replays",
		text: "The newest first.",
	}, d.listReplays)
	handle(d, call{
		id: "getReplay", pattern: "GET /v1/replays/{id}", tag: tagEndpoints, summary: "Show how far a replay is",
	}, d.getReplay)
	handle(d, call{
		id: "stopReplay", pattern: "POST /v1/replays/{id}/stop", tag: tagEndpoints, summary: "Stop a replay",
		text: "What it has not sent again yet is as it was before.",
	}, d.stopReplay)
}

// replayFilter is the body of replay.
type replayFilter struct {
	Since      *timestamp `json:"since,omitempty" doc:"Only events of this moment or later."`
	Until      *timestamp `json:"until,omitempty" doc:"Only events before this moment."`
	CaseID     string     `json:"caseId,omitempty" doc:"Only events of this case."`
	Events     []string   `json:"events,omitempty" maxItems:"19" doc:"Only events of these names." example:"ADD_CASE_DECISION"`
	OnlyFailed bool       `json:"onlyFailed,omitempty" doc:"Only deliveries that have failed."`
}

func (f replayFilter) filter() service.ReplayFilter {
	moment := func(t *timestamp) *time.Time {
		if t == nil {
			return nil
		}
		return &t.moment.Time
	}
	return service.ReplayFilter{Since: moment(f.Since), Until: moment(f.Until), CaseID: f.CaseID, Events: f.Events, OnlyFailed: f.OnlyFailed}
}

// shownReplay is a replay as it is shown.
type shownReplay struct {
	ID         string             `json:"id"`
	EndpointID string             `json:"endpointId"`
	State      store.ReplayState  `json:"state" enum:"running,done,stopped"`
	Progress   float64            `json:"progress" doc:"How much was looked through, from 0 to 1."`
	Queued     int64              `json:"queued" doc:"How many deliveries were put in line. Of a replay that was stopped: how many of them had been attempted again by then."`
	Waiting    int64              `json:"waiting" doc:"How many of those were not attempted again yet."`
	Since      *caseupdate.Time   `json:"since"`
	Until      *caseupdate.Time   `json:"until"`
	CaseID     *string            `json:"caseId"`
	Events     []caseupdate.Event `json:"events" doc:"None: all."`
	OnlyFailed bool               `json:"onlyFailed"`
	CreatedAt  caseupdate.Time    `json:"createdAt"`
	FinishedAt *caseupdate.Time   `json:"finishedAt" doc:"Null while it runs."`
}

func showReplay(r service.Replay) shownReplay {
	shown := shownReplay{
		ID:         r.ID,
		EndpointID: r.EndpointID,
		State:      r.State,
		Progress:   r.Progress,
		Queued:     r.Queued,
		Waiting:    r.Waiting,
		Since:      at(r.Since),
		Until:      at(r.Until),
		Events:     append([]caseupdate.Event{}, r.Events...),
		OnlyFailed: r.OnlyFailed,
		CreatedAt:  caseupdate.At(r.CreatedAt),
		FinishedAt: at(r.FinishedAt),
	}
	if r.CaseID != "" {
		shown.CaseID = &r.CaseID
	}
	return shown
}

func (d *door) replay(ctx context.Context, in *struct {
	EndpointPath
	Body *replayFilter
}) (*reply[shownReplay], error) {
	answer := func(r service.Replay) *reply[shownReplay] {
		return &reply[shownReplay]{Status: http.StatusAccepted, Location: "/v1/replays/" + r.ID, Body: showReplay(r)}
	}
	return perform(ctx, answer, func(request *service.Repeatable) (service.Replay, error) {
		return d.service.Replay(ctx, caller(ctx), in.EndpointID, orZero(in.Body).filter(), request)
	})
}

func (d *door) listReplays(ctx context.Context, in *Paging) (*found[list[shownReplay]], error) {
	replays, next, err := d.service.Replays(ctx, caller(ctx), "", in.page())
	if err != nil {
		return nil, err
	}
	return listed(replays, showReplay, next), nil
}

// ReplayPath names a replay.
type ReplayPath struct {
	ReplayID string `path:"id" doc:"The replay."`
}

func (d *door) getReplay(ctx context.Context, in *ReplayPath) (*found[shownReplay], error) {
	r, err := d.service.ReplayOf(ctx, caller(ctx), in.ReplayID)
	if err != nil {
		return nil, err
	}
	return &found[shownReplay]{showReplay(r)}, nil
}

func (d *door) stopReplay(ctx context.Context, in *ReplayPath) (*reply[shownReplay], error) {
	answer := func(r service.Replay) *reply[shownReplay] {
		return &reply[shownReplay]{Status: http.StatusOK, Body: showReplay(r)}
	}
	return perform(ctx, answer, func(request *service.Repeatable) (service.Replay, error) {
		return d.service.StopReplay(ctx, caller(ctx), in.ReplayID, request)
	})
}
