package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"
)

const (
	batch   = 100 // events that are told at once
	perCase = 10  // of each case
)

// measureTold measures how many events a second can be told of cases that are kept
// elsewhere, each batch of cases that are not known yet.
func (r *results) measureTold(ctx context.Context, _ *sinkClient, data string) error {
	process, rest, err := r.startServer(ctx, data)
	if err != nil {
		return err
	}
	defer process.stop()
	r.progress("events told in batches of %d", batch)
	batches := 5 * r.messages / batch
	started := time.Now()
	err = together(ctx, batches, func(ctx context.Context, _ int) error {
		_, err := rest.call(ctx, http.MethodPost, "/v1/events", tellings())
		return err
	})
	r.told = float64(batches*batch) / time.Since(started).Seconds()
	return err
}

// tellings returns a batch: each case is commented on.
func tellings() []map[string]any {
	var all []map[string]any
	for range batch / perCase {
		caseID := uuid.NewString()
		for i := range perCase {
			all = append(all, map[string]any{"caseId": caseID, "event": "ADD_CASE_COMMENT", "payload": map[string]any{"comment": map[string]any{
				"id": fmt.Sprint(i), "text": "It itches, most of all in the evening.", "isRestricted": false,
				"createdAt": "2026-11-23T14:05:06.789Z", "author": map[string]string{"firstName": "Sam", "lastName": "Sample"}, "attachments": []any{},
			}}})
		}
	}
	return all
}
