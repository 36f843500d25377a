// Bench measures casehook on this machine, and prints what it finds as ratios of
// what the machine can do at all: the raw rate at which a Go client posts the same
// bytes to the same sink, in the same run.
//
// It measures on SQLite, and on a PostgreSQL that it starts for itself. The sink,
// which plays the receivers, and the server are processes of their own.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"
)

// roleVariable says what a process is that the benchmark starts of itself.
const roleVariable = "CASEHOOK_BENCH_ROLE"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	var err error
	switch os.Getenv(roleVariable) {
	case "sink":
		err = sink(ctx)
	case "server":
		err = server(ctx)
	default:
		err = measure(ctx)
	}
	if err != nil && ctx.Err() == nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// plan is how much is measured.
type plan struct {
	messages int           // of a burst
	waiting  int           // messages that wait while another burst is measured
	replayed int           // messages that are replayed while others are new
	steady   time.Duration // how long a steady load goes on
	engines  string        // which databases: "sqlite", "postgres" or "both"
	profiles string        // the directory that profiles are written to; empty: nowhere
	only     []string      // what is measured
}

// measures are what can be measured, each by itself.
var measures = []string{"server", "engine", "neighbours", "replay", "told", "size", "document", "pages"}

func measure(ctx context.Context) error {
	var p plan
	flag.IntVar(&p.messages, "messages", 20_000, "messages of a burst")
	flag.IntVar(&p.waiting, "waiting", 1_000_000, "messages that wait while one of the bursts is measured")
	flag.DurationVar(&p.steady, "steady", 15*time.Second, "how long a steady load goes on")
	flag.StringVar(&p.engines, "database", "both", "sqlite, postgres or both")
	flag.IntVar(&p.replayed, "replayed", 100_000, "messages that are replayed while others are new")
	only := flag.String("measure", strings.Join(measures, ","), "what to measure")
	flag.StringVar(&p.profiles, "profiles", "", "write profiles of the processors' time to this directory")
	flag.Parse()
	p.only = strings.Split(*only, ",")
	unknown := slices.ContainsFunc(p.only, func(name string) bool { return !slices.Contains(measures, name) })
	if flag.NArg() > 0 || unknown || p.messages < 1000 || p.steady < time.Second || p.waiting < 0 || p.replayed < cases*eventsOfCase {
		flag.Usage()
		os.Exit(2)
	}

	sinkProcess, err := start(ctx, "sink")
	if err != nil {
		return err
	}
	defer sinkProcess.stop()
	found, err := run(ctx, p, &sinkClient{url: "http://" + sinkProcess.address})
	if err != nil {
		return err
	}
	print(os.Stdout, p, found)
	return nil
}
