// Bench measures casehook on this machine, and prints what it finds as ratios of
// what the machine can do at all: the raw rate at which a Go client posts the same
// bytes to the same sink, in the same run.
//
// The sink, which plays the receivers, and the server are processes of their own.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
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
	steady   time.Duration // how long a steady load goes on
	profile  string        // where the server writes its profile; empty: nowhere
}

func measure(ctx context.Context) error {
	var p plan
	flag.IntVar(&p.messages, "messages", 20_000, "messages of a burst")
	flag.DurationVar(&p.steady, "steady", 15*time.Second, "how long a steady load goes on")
	flag.StringVar(&p.profile, "profile", "", "write the server's processor profile to this file")
	flag.Parse()
	if flag.NArg() > 0 || p.messages < 1000 || p.steady < time.Second {
		flag.Usage()
		os.Exit(2)
	}

	sinkProcess, err := start(ctx, "sink")
	if err != nil {
		return err
	}
	defer sinkProcess.stop()
	results, err := run(ctx, p, &sinkClient{url: "http://" + sinkProcess.address})
	if err != nil {
		return err
	}
	results.print(os.Stdout)
	return nil
}
