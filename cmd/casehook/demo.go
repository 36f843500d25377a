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
		KeepDays: 1, // longer than anybody looks on
		Dev:      true,
		AdminKey: config.Secret("demo-" + rand.Text()),
	}
	receiver, err := newReceiver()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, receiver.Close()) }()
	server, err := open(ctx, screen, cfg, log)
	if err != nil {
		return err
	}
	// The server is stopped last but for the receiver, so that what is under way arrives.
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	served := make(chan struct{})
	var failure error // of the server, once served is closed
	go func() {
		defer close(served)
		failure = server.Run(serving)
	}()
	defer func() {
		stop()
		<-served
		err = errors.Join(err, failure)
	}()

	client := &client{url: "http://" + server.Addr(), key: string(cfg.AdminKey)}
	secret, err := subscribe(ctx, client, receiver)
	if err != nil {
		return err
	}
	if err := receiver.expect(secret); err != nil {
		return err
	}

	screen.opening(client.url, receiver.URL)
	tally, err := follow(ctx, screen, client, receiver)
	if err != nil {
		return err
	}
	screen.tally(tally)
	if once && !tally.complete() {
		return errors.New("the demo did not see everything that it should have")
	}
	if once {
		return nil
	}
	screen.invitation(client.url, client.key, receiver.URL)
	for {
		select {
		case receipt := <-receiver.receipts:
			screen.receipt(receipt, receipt.at.Sub(receipt.update.Activity().Timestamp.Time))
		case <-served:
			return nil // the server's failure is
		case <-ctx.Done():
			return nil
		}
	}
}

// open opens the server, on another port where the one that is asked for is in use.
func open(ctx context.Context, screen *screen, cfg config.Config, log *slog.Logger) (*app.App, error) {
	server, err := app.Open(ctx, cfg, log)
	if !errors.Is(err, syscall.EADDRINUSE) {
		return server, err
	}
	host, _, err := net.SplitHostPort(cfg.Listen)
	if err != nil {
		return nil, misuse{errors.New("--listen must be host:port")}
	}
	screen.taken(cfg.Listen)
	cfg.Listen = net.JoinHostPort(host, "0")
	return app.Open(ctx, cfg, log)
}

// errStopped means that somebody stopped the demo in the middle of the journey.
var errStopped = errors.New("stopped before the journey was over")

// follow tells the journey, prints each webhook that comes of it, and returns what
// came. A step waits for the webhooks of the one before; where one of them does not
// come, the journey is over.
func follow(ctx context.Context, screen *screen, client *client, receiver *receiver) (*tally, error) {
	tally := newTally()
	journey := &journey{client: client}
	for _, step := range journey.steps() {
		started := time.Now()
		events, err := step(ctx)
		if ctx.Err() != nil {
			return nil, errStopped
		}
		if err != nil {
			return nil, err
		}
		received := func(r receipt) {
			took := r.at.Sub(started)
			screen.receipt(r, took)
			tally.add(r, took)
		}
		if tally.missing, err = await(ctx, receiver, events, received); err != nil || tally.missing > 0 {
			return tally, err
		}
	}
	return tally, nil
}

// await hands over what is received until the webhooks of all the events have come,
// and returns how many of them have not when patience is over.
func await(ctx context.Context, receiver *receiver, events []string, received func(receipt)) (missing int, err error) {
	expected := make(map[string]bool, len(events))
	for _, id := range events {
		expected[id] = true
	}
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for len(expected) > 0 {
		select {
		case r := <-receiver.receipts:
			received(r)
			delete(expected, r.update.Activity().ID)
		case <-deadline.C:
			return len(expected), nil
		case <-ctx.Done():
			return 0, errStopped
		}
	}
	return 0, nil
}
