package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/app"
	"github.com/casehook/casehook/internal/config"
	"github.com/casehook/casehook/internal/telemetry"
)

// patience is how long the demo waits for a webhook before it counts as missing.
const patience = 30 * time.Second

func newDemo() *cobra.Command {
	var listen string
	var once bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Watch a patient's journey through all 19 events",
		Long: `Start a server and a receiver on this machine, tell the journey of one patient over
REST, and print each webhook as the receiver gets it. Then both go on until Ctrl-C,
so that you can try for yourself. Nothing is kept.`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := telemetry.NewLogger(cmd.ErrOrStderr(), "warn", "text")
			if err != nil {
				return err
			}
			return demo(cmd.Context(), newScreen(cmd.OutOrStdout()), log, listen, once)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:8080", "address of the server; another port is taken where it is in use")
	cmd.Flags().BoolVar(&once, "once", false, "end after the journey, with status 1 if anything was missing")
	return cmd
}

// demo runs a server and a receiver for as long as ctx, or once.
func demo(ctx context.Context, screen *screen, log *slog.Logger, listen string, once bool) (err error) {
	data, err := os.MkdirTemp("", "casehook-demo-")
	if err != nil {
		return fmt.Errorf("make a directory for the demo: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(data)) }()
	cfg := config.Config{
		Listen:   listen,
		Data:     filepath.Join(data, "casehook"),
		Dev:      true,
		AdminKey: config.Secret("demo-" + rand.Text()),
	}
	server, err := open(ctx, cfg, log)
	if err != nil {
		return err
	}
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	served := make(chan error, 1)
	go func() { served <- server.Run(serving) }()
	defer func() {
		stop()
		err = errors.Join(err, <-served)
	}()

	receiver, err := newReceiver()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, receiver.Close()) }()
	client := &client{url: "http://" + server.Addr(), key: string(cfg.AdminKey)}
	secret, err := subscribe(ctx, client, receiver.URL)
	if err != nil {
		return err
	}
	if err := receiver.expect(secret); err != nil {
		return err
	}

	screen.opening(client.url, receiver.URL)
	complete, err := follow(ctx, screen, client, receiver)
	if err != nil || once {
		if err == nil && !complete {
			err = errors.New("the demo did not see everything it should have")
		}
		return err
	}
	screen.invitation(client.url, client.key)
	for {
		select {
		case receipt := <-receiver.receipts:
			screen.receipt(receipt, receipt.at.Sub(receipt.update.Activity().Timestamp.Time))
		case <-ctx.Done():
			return nil
		}
	}
}

// open opens the server, on another port where the one that is asked for is in use.
func open(ctx context.Context, cfg config.Config, log *slog.Logger) (*app.App, error) {
	server, err := app.Open(ctx, cfg, log)
	if !errors.Is(err, syscall.EADDRINUSE) {
		return server, err
	}
	host, _, err := net.SplitHostPort(cfg.Listen)
	if err != nil {
		return nil, misuse{errors.New("--listen must be host:port")}
	}
	cfg.Listen = net.JoinHostPort(host, "0")
	return app.Open(ctx, cfg, log)
}

// follow tells the journey, prints each webhook that comes of it, and then what
// there was of each event. Complete is whether nothing was missing or wrong.
func follow(ctx context.Context, screen *screen, client *client, receiver *receiver) (complete bool, err error) {
	tally := newTally()
	journey := &journey{client: client}
	for _, step := range journey.steps() {
		started := time.Now()
		events, err := step(ctx)
		if err != nil {
			return false, err
		}
		deadline := time.NewTimer(patience)
		for range events {
			select {
			case receipt := <-receiver.receipts:
				took := receipt.at.Sub(started)
				screen.receipt(receipt, took)
				tally.add(receipt, took)
			case <-deadline.C:
				screen.tally(tally)
				return false, nil
			case <-ctx.Done():
				return false, nil
			}
		}
		deadline.Stop()
	}
	screen.tally(tally)
	return tally.complete(), nil
}

// tally is what was received.
type tally struct {
	took   map[caseupdate.Event][]time.Duration
	faults map[caseupdate.Event]int // unverified, or out of order
}

func newTally() *tally {
	return &tally{took: make(map[caseupdate.Event][]time.Duration), faults: make(map[caseupdate.Event]int)}
}

func (t *tally) add(r receipt, took time.Duration) {
	event := r.update.Event
	t.took[event] = append(t.took[event], took)
	if r.fault != "" {
		t.faults[event]++
	}
}

// received counts the events of the 19 of which all that came was right.
func (t *tally) received() int {
	n := 0
	for _, event := range caseupdate.Events() {
		if len(t.took[event]) > 0 && t.faults[event] == 0 {
			n++
		}
	}
	return n
}

func (t *tally) complete() bool { return t.received() == len(caseupdate.Events()) }
