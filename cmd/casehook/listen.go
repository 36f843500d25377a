package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// listenFlags are what casehook listen was asked for.
type listenFlags struct {
	address, forward, record, fail string
	secret                         secretFlags
	delay                          time.Duration
	body                           bool
}

func newListen() *cobra.Command {
	var f listenFlags
	cmd := &cobra.Command{
		Use:   "listen",
		Short: "Receive webhooks, verify them and print a line of each",
		Long: `Receive webhooks on this machine until Ctrl-C, verify them and print a line of each, without
what is in the body. What verifies is answered with 204, or as the receiver answers that it is
forwarded to; what does not with 401. Without a secret nothing is verified.`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			l, err := f.listener(cmd)
			if err != nil {
				return err
			}
			return l.run(cmd.Context(), f.address)
		},
	}
	cmd.Flags().StringVar(&f.address, "listen", "127.0.0.1:9000", "the address, `HOST:PORT`")
	f.secret.add(cmd)
	cmd.Flags().BoolVar(&f.body, "body", false, "print the bodies too")
	cmd.Flags().StringVar(&f.forward, "forward", "", "forward what verifies to the receiver at `URL`: same bytes, same headers")
	cmd.Flags().StringVar(&f.record, "record", "", "keep what verifies in `DIR`, bodies and headers, for replay files, validate and verify; without a secret all that comes")
	cmd.Flags().StringVar(&f.fail, "fail", "0%", "answer this share of what verifies with 500, to see it come again")
	cmd.Flags().DurationVar(&f.delay, "delay", 0, "wait before each answer")
	return cmd
}

// listener reads the flags.
func (f *listenFlags) listener(cmd *cobra.Command) (*listener, error) {
	known, err := f.secret.read(cmd)
	if err != nil {
		return nil, err
	}
	l := &listener{
		secrets: known,
		screen:  newScreen(cmd.OutOrStdout()),
		body:    f.body,
		delay:   f.delay,
		chance:  rand.Float64,
		client: &http.Client{
			Transport: &http.Transport{
				// What passes through stays as it is.
				DisableCompression: true,
			},
			Timeout:       time.Minute,
			CheckRedirect: stay,
		},
		last: make(map[string]int64),
	}
	if l.fail, err = percentage(f.fail); err != nil {
		return nil, err
	}
	if f.delay < 0 {
		return nil, misuse{errors.New("--delay must not be negative")}
	}
	if f.forward != "" {
		target, err := url.Parse(f.forward)
		if err != nil || !isHTTP(target) {
			return nil, misuse{errors.New("--forward must be an http or https URL, such as http://127.0.0.1:3000/hooks")}
		}
		l.forward = f.forward
	}
	if f.record != "" {
		if l.recorder, err = newRecorder(f.record); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// percentage reads a percentage.
func percentage(text string) (float64, error) {
	number, percent := strings.CutSuffix(text, "%")
	value, err := strconv.ParseFloat(number, 64)
	if !percent || err != nil || !(value >= 0 && value <= 100) {
		return 0, misuse{errors.New("--fail must be a percentage, such as 30%")}
	}
	return value / 100, nil
}

// run listens until ctx is done.
func (l *listener) run(ctx context.Context, address string) error {
	var lc net.ListenConfig
	socket, err := lc.Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	server := &http.Server{Handler: l, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(socket) }()
	l.screen.line("Listening on http://%s until Ctrl-C.", socket.Addr())
	if l.secrets.none() {
		l.screen.line("There is no secret (--secret-file, or %s): nothing is verified.", secretVariable)
	}
	select {
	case err := <-served:
		return fmt.Errorf("listen: %w", err)
	case <-ctx.Done():
	}
	// What is being answered has a moment to be.
	patient, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if server.Shutdown(patient) != nil {
		server.Close()
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("listen: %w", err)
	}
	return nil
}
