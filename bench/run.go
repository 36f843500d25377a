package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

const (
	clients = 64  // that ask for changes at once
	cases   = 256 // among which changes are spread
	rate    = 200 // changes a second of a steady load
)

// results are what was found with one database.
type results struct {
	plan
	database *database

	raw       float64       // messages a second that a client can post to the sink
	rest      float64       // from REST to received, of a burst
	engine    float64       // from a call of the service to received, of a burst
	crowded   float64       // the same while many messages wait
	processor time.Duration // of server and database, for each message of a burst over REST

	idle, burst float64 // memory of the server, MB

	alone, beside quantiles // of a steady load, from request to receipt; beside a hanging endpoint

	neighbours map[string]neighbourly // of 50 endpoints, by name of neighbourhoods

	undisturbed, live quantiles // of what is new, alone, and while a replay goes on
	again             float64   // messages a second that are replayed meanwhile
	disordered        int       // messages of the replay, or beside it, that were out of order
	told              float64   // events a second that are told in batches
	sizes             []float64 // of what is pruned, MB, at the end of each of several rounds
	document          float64   // memory that an endpoint costs that is sent a large document, MB

	pages   []*read   // what pages show
	rawPage quantiles // of a request over HTTP that shows nothing
}

// measured reports whether something is to be measured.
func (p plan) measured(what string) bool { return slices.Contains(p.only, what) }

// quantiles sum up how long messages took.
type quantiles struct {
	median, p99 time.Duration
}

func quantilesOf(sorted []time.Duration) quantiles {
	if len(sorted) == 0 {
		return quantiles{}
	}
	return quantiles{sorted[len(sorted)/2], sorted[len(sorted)*99/100]}
}

// run measures everything there is, with each database of the plan.
func run(ctx context.Context, p plan, sink *sinkClient) (found []*results, err error) {
	var databases []*database
	if p.engines != "postgres" {
		databases = append(databases, sqlite())
	}
	if p.engines != "sqlite" {
		d, err := postgres()
		if err != nil {
			return nil, err
		}
		databases = append(databases, d)
	}
	defer func() {
		for _, d := range databases {
			err = errors.Join(err, d.close())
		}
	}()
	for _, d := range databases {
		r, err := runOn(ctx, p, d, sink)
		if err != nil {
			return nil, fmt.Errorf("with %s: %w", d.name, err)
		}
		found = append(found, r)
	}
	return found, nil
}

func runOn(ctx context.Context, p plan, d *database, sink *sinkClient) (*results, error) {
	data, err := os.MkdirTemp("", "casehook-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(data)
	r := &results{plan: p, database: d}
	for _, part := range []struct {
		name    string
		measure func(ctx context.Context, sink *sinkClient, data string) error
	}{
		{"server", r.measureServer},
		{"engine", r.measureEngine},
		{"neighbours", r.measureNeighbours},
		{"replay", r.measureReplay},
		{"told", r.measureTold},
		{"size", r.measureSize},
		{"document", r.measureDocument},
		{"pages", r.measurePages},
	} {
		if !p.measured(part.name) {
			continue
		}
		if err := part.measure(ctx, sink, filepath.Join(data, part.name)); err != nil {
			return nil, fmt.Errorf("measure %s: %w", part.name, err)
		}
	}
	return r, nil
}

func (r *results) measureServer(ctx context.Context, sink *sinkClient, data string) error {
	process, rest, err := r.startServer(ctx, data)
	if err != nil {
		return err
	}
	defer process.stop()
	if _, err := rest.subscribe(ctx, sink.url+"/fast"); err != nil {
		return err
	}
	if r.idle, _, err = process.memory(); err != nil {
		return err
	}
	ids, err := rest.openCases(ctx, cases)
	if err != nil {
		return err
	}
	if _, err := sink.wait(ctx, counted(cases)); err != nil {
		return err
	}

	r.progress("latency at %d changes a second", rate)
	if r.alone, err = r.steadily(ctx, sink, rest, ids); err != nil {
		return err
	}
	r.progress("a burst over REST")
	used, err := r.used(process)
	if err != nil {
		return err
	}
	if r.rest, err = r.rush(ctx, sink, func(ctx context.Context, i int) error { return rest.comment(ctx, ids[i%cases]) }); err != nil {
		return err
	}
	after, err := r.used(process)
	if err != nil {
		return err
	}
	r.processor = (after - used) / time.Duration(r.messages)
	if _, r.burst, err = process.memory(); err != nil {
		return err
	}

	r.progress("the raw rate")
	report, err := sink.report(ctx)
	if err != nil {
		return err
	}
	if r.raw, err = r.rush(ctx, sink, func(ctx context.Context, _ int) error { return post(ctx, sink.url+"/fast", report.Example) }); err != nil {
		return err
	}

	r.progress("latency beside an endpoint that hangs")
	if _, err := rest.subscribe(ctx, sink.url+"/hang"); err != nil {
		return err
	}
	r.beside, err = r.steadily(ctx, sink, rest, ids)
	return err
}

// startServer starts a server with an empty database.
func (r *results) startServer(ctx context.Context, data string) (*process, *restClient, error) {
	url, err := r.database.create(ctx, data)
	if err != nil {
		return nil, nil, err
	}
	name := filepath.Base(data)
	process, err := start(ctx, "server", dataVariable+"="+data, databaseVariable+"="+url, profileVariable+"="+r.profile(name))
	if err != nil {
		return nil, nil, err
	}
	return process, &restClient{"http://" + process.address}, nil
}

// used returns how long the server and its database have used processors.
func (r *results) used(server *process) (time.Duration, error) {
	own, err := server.processor()
	if err != nil {
		return 0, err
	}
	database, err := r.database.processor()
	return own + database, err
}

// profile returns where a profile is written, empty for nowhere.
func (r *results) profile(what string) string {
	if r.profiles == "" {
		return ""
	}
	return filepath.Join(r.profiles, r.database.name+"-"+what+".prof")
}

// rush has many clients do something as fast as they can, and returns how many a
// second were received.
func (r *results) rush(ctx context.Context, sink *sinkClient, do func(context.Context, int) error) (float64, error) {
	if err := sink.reset(ctx); err != nil {
		return 0, err
	}
	started := time.Now()
	if err := together(ctx, r.messages, do); err != nil {
		return 0, err
	}
	report, err := sink.wait(ctx, counted(r.messages))
	return float64(r.messages) / report.Last.Sub(started).Seconds(), err
}

// together has many clients do something n times in all.
func together(ctx context.Context, n int, do func(context.Context, int) error) error {
	var next atomic.Int64
	var working sync.WaitGroup
	failures := make([]error, clients)
	for client := range clients {
		working.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && failures[client] == nil; i = int(next.Add(1)) - 1 {
				failures[client] = do(ctx, i)
			}
		})
	}
	working.Wait()
	return errors.Join(failures...)
}

// steadily asks for changes at a steady rate, whether or not those before are done,
// and returns how long they took until they were received.
func (r *results) steadily(ctx context.Context, sink *sinkClient, rest *restClient, ids []string) (quantiles, error) {
	if err := sink.reset(ctx); err != nil {
		return quantiles{}, err
	}
	n := int(r.steady.Seconds() * float64(rate))
	ticker := time.NewTicker(time.Second / time.Duration(rate))
	defer ticker.Stop()
	var asking sync.WaitGroup
	failures := make([]error, n)
	for i := range n {
		<-ticker.C
		asking.Go(func() { failures[i] = rest.comment(ctx, ids[i%len(ids)]) })
	}
	asking.Wait()
	if err := errors.Join(failures...); err != nil {
		return quantiles{}, err
	}
	report, err := sink.wait(ctx, timed(n))
	return quantilesOf(report.Took[""]), err
}

func (r *results) progress(format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, r.database.name+": "+format+" …\n", arguments...)
}

// machine says what was measured on.
func machine() string {
	return fmt.Sprintf("%s/%s, %d processors, %s", runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version())
}
