package main

import (
	"context"
	"fmt"
)

const (
	neighbours    = 50 // endpoints that are well
	neighbourRate = 20 // changes a second, each sent to all of them
)

// measureNeighbours measures how long messages take to many endpoints that are well, by
// themselves, and beside one that hangs, one that answers 500 and one that resets the
// connection.
func (r *results) measureNeighbours(ctx context.Context, sink *sinkClient, data string) error {
	process, rest, err := r.startServer(ctx, data)
	if err != nil {
		return err
	}
	defer process.stop()
	ids, err := rest.openCases(ctx, cases)
	if err != nil {
		return err
	}
	for i := range neighbours {
		if _, err := rest.subscribe(ctx, fmt.Sprintf("%s/fast?endpoint=%d", sink.url, i)); err != nil {
			return err
		}
	}
	r.progress("%d endpoints", neighbours)
	if _, err := r.steadilyTo(ctx, sink, rest, ids, neighbourRate, neighbours); err != nil { // opens the connections
		return err
	}
	alone, err := r.steadilyTo(ctx, sink, rest, ids, neighbourRate, neighbours)
	if err != nil {
		return err
	}
	r.healthy = quantilesOf(alone.Took)
	for _, path := range []string{"/hang", "/error", "/reset"} {
		if _, err := rest.subscribe(ctx, sink.url+path); err != nil {
			return err
		}
	}
	r.progress("the same beside three that fail")
	beside, err := r.steadilyTo(ctx, sink, rest, ids, neighbourRate, neighbours)
	r.troubled = quantilesOf(beside.Took)
	return err
}
