package main

import (
	"context"
	"fmt"
	"net/http"
)

// eventsOfCase is how many events each case has that are replayed.
const eventsOfCase = 10

// measureReplay measures how long new messages take to an endpoint that many are replayed
// to, how fast these are, and whether all come in order.
func (r *results) measureReplay(ctx context.Context, sink *sinkClient, data string) error {
	process, rest, err := r.startServer(ctx, data)
	if err != nil {
		return err
	}
	defer process.stop()
	endpointID, err := rest.subscribe(ctx, sink.url+"/fast")
	if err != nil {
		return err
	}
	if err := sink.reset(ctx); err != nil {
		return err
	}
	r.progress("%d messages, to be replayed", r.replayed)
	ids := make([]string, r.replayed/eventsOfCase)
	err = together(ctx, len(ids), func(ctx context.Context, i int) error {
		opened, err := rest.openCases(ctx, 1)
		if err != nil {
			return err
		}
		ids[i] = opened[0]
		for range eventsOfCase - 1 {
			if err := rest.say(ctx, ids[i], "It itches, most of all in the evening."); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if _, err := sink.wait(ctx, counted(len(ids)*eventsOfCase)); err != nil {
		return err
	}
	ids = ids[:cases] // of which each is replayed too
	r.progress("latency at %d changes a second", rate)
	if r.undisturbed, err = r.steadily(ctx, sink, rest, ids); err != nil {
		return err
	}
	r.progress("the same beside the replay")
	if err := sink.reset(ctx); err != nil {
		return err
	}
	replayID, err := rest.call(ctx, http.MethodPost, "/v1/endpoints/"+endpointID+"/replay", struct{}{})
	if err != nil {
		return err
	}
	if r.live, err = r.steadily(ctx, sink, rest, ids); err != nil {
		return err
	}
	state, err := rest.get(ctx, "/v1/replays/"+replayID, "state")
	if err != nil {
		return err
	}
	if state != "running" {
		return fmt.Errorf("the replay was over before the load was: ask for more than %d messages", r.replayed)
	}
	all, err := sink.report(ctx)
	if err != nil {
		return err
	}
	r.disordered = all.Disordered
	r.again = float64(all.Count-len(all.Took[""])) / r.steady.Seconds()
	_, err = rest.call(ctx, http.MethodPost, "/v1/replays/"+replayID+"/stop", struct{}{})
	return err
}
