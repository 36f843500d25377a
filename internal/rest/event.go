package rest

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
)

func (d *door) registerEvents() {
	handle(d, call{
		id: "listEvents", pattern: "GET /v1/events", tag: tagEvents, summary: "Read the log",
		text: "The events of all cases, oldest first. At the end of the log, nextCursor is where to ask again later.",
	}, d.listEvents)
	handle(d, call{
		id: "listCaseEvents", pattern: "GET /v1/cases/{id}/events", tag: tagEvents, summary: "Read the log of a case",
		text: "The events of one case, oldest first. At the end of the log, nextCursor is where to ask again later.",
	}, d.listCaseEvents)
}

// feed is a part of the log.
type feed struct {
	Data       []update `json:"data"`
	NextCursor string   `json:"nextCursor" doc:"Where the log goes on, now or later: the value of after in the next call."`
	HasMore    bool     `json:"hasMore" doc:"Whether there is more now."`
}

// update is an event in the wire format.
type update struct{ json.RawMessage }

// Schema is asked by huma.
func (update) Schema(huma.Registry) *huma.Schema { return &huma.Schema{Ref: schemaPrefix + "Update"} }

func (d *door) listEvents(ctx context.Context, in *struct {
	After string `query:"after" doc:"The nextCursor of an earlier answer; without it, the beginning."`
	Limit int    `query:"limit" minimum:"1" maximum:"100" default:"50" doc:"How many to answer at most."`
}) (*found[feed], error) {
	events, next, more, err := d.service.Feed(ctx, caller(ctx), in.After, in.Limit)
	if err != nil {
		return nil, err
	}
	return &found[feed]{feed{updates(events), next, more}}, nil
}

func (d *door) listCaseEvents(ctx context.Context, in *struct {
	CasePath
	After int64 `query:"after" minimum:"0" maximum:"10000" doc:"The place of an event in its case, 1, 2, 3 …; without it, the beginning."`
	Limit int   `query:"limit" minimum:"1" maximum:"100" default:"50" doc:"How many to answer at most."`
}) (*found[feed], error) {
	events, next, more, err := d.service.CaseFeed(ctx, caller(ctx), in.CaseID, in.After, in.Limit)
	if err != nil {
		return nil, err
	}
	return &found[feed]{feed{updates(events), strconv.FormatInt(next, 10), more}}, nil
}

func updates(events []json.RawMessage) []update {
	updates := make([]update, len(events))
	for i, event := range events {
		updates[i] = update{event}
	}
	return updates
}
