package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"
)

const (
	neighbours    = 50 // endpoints that are well
	neighbourRate = 10 // changes a second at each server, each sent to all of them
)

// neighbourhoods are the servers that are measured beside each other: two at which all is
// well, which tell how much of a difference is noise, and one at which three more endpoints
// fail.
var neighbourhoods = []string{"alone", "again", "beside"}

// neighbourhood is a server with many endpoints that are well.
type neighbourhood struct {
	*restClient
	process *process
	cases   []string
	used    time.Duration // of the processors, by the server
}

// measureNeighbours measures how long messages take to many endpoints that are well, by
// themselves, and beside one that hangs, one that answers 500 and one that resets the
// connection.
//
// The servers take turns with each change, so that whatever else the machine does meets all
// of them alike.
func (r *results) measureNeighbours(ctx context.Context, sink *sinkClient, data string) error {
	servers := make([]*neighbourhood, len(neighbourhoods))
	for i, name := range neighbourhoods {
		process, rest, err := r.startServer(ctx, filepath.Join(data, "neighbours-"+name))
		if err != nil {
			return err
		}
		defer process.stop()
		if servers[i], err = settle(ctx, sink, process, rest, name); err != nil {
			return err
		}
	}
	for _, path := range []string{"/hang", "/error", "/reset"} {
		if _, err := servers[2].subscribe(ctx, sink.url+path); err != nil {
			return err
		}
	}
	r.progress("%d endpoints, by themselves and beside three that fail", neighbours)
	n := int(3*r.steady.Seconds()) * neighbourRate
	for _, s := range servers {
		used, err := s.process.processor()
		if err != nil {
			return err
		}
		s.used = -used
	}
	report, err := inTurn(ctx, sink, servers, n)
	if err != nil {
		return err
	}
	r.neighbours = make(map[string]neighbourly)
	for i, s := range servers {
		used, err := s.process.processor()
		if err != nil {
			return err
		}
		name := neighbourhoods[i]
		r.neighbours[name] = neighbourly{quantilesOf(report.Took[name]), (s.used + used) / time.Duration(n*neighbours)}
	}
	return nil
}

// neighbourly is what messages take to endpoints that are well.
type neighbourly struct {
	quantiles
	processor time.Duration // of the server, for each message
}

// settle opens cases and subscribes the endpoints that are well, and opens the connections
// to them.
func settle(ctx context.Context, sink *sinkClient, process *process, rest *restClient, name string) (*neighbourhood, error) {
	ids, err := rest.openCases(ctx, cases)
	if err != nil {
		return nil, err
	}
	for i := range neighbours {
		if _, err := rest.subscribe(ctx, fmt.Sprintf("%s/fast?group=%s&endpoint=%d", sink.url, name, i)); err != nil {
			return nil, err
		}
	}
	s := &neighbourhood{restClient: rest, process: process, cases: ids}
	_, err = inTurn(ctx, sink, []*neighbourhood{s}, 3*neighbourRate)
	return s, err
}

// inTurn asks for n changes at each server, at a steady rate, and returns what was received
// of them.
func inTurn(ctx context.Context, sink *sinkClient, servers []*neighbourhood, n int) (report, error) {
	if err := sink.reset(ctx); err != nil {
		return report{}, err
	}
	n *= len(servers)
	ticker := time.NewTicker(time.Second / time.Duration(neighbourRate*len(servers)))
	defer ticker.Stop()
	var asking sync.WaitGroup
	failures := make([]error, n)
	for i := range n {
		<-ticker.C
		s := servers[(i+i/len(servers))%len(servers)] // each once in turn, and not always after the same one
		asking.Go(func() { failures[i] = s.comment(ctx, s.cases[i/len(servers)%len(s.cases)]) })
	}
	asking.Wait()
	if err := errors.Join(failures...); err != nil {
		return report{}, err
	}
	return sink.wait(ctx, counted(n*neighbours))
}
