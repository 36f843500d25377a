package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/spf13/cobra"
)

func newReplay() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "replay",
		Short: "Send again what an endpoint was sent, or what was recorded",
		Long: `Have a server send an endpoint again what is in its log, or send a receiver yourself what
casehook listen --record has kept.`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newReplayEndpoint(), newReplayStop(), newReplayFiles())
	return cmd
}

// replayFilter narrows what an endpoint is sent again.
type replayFilter struct {
	since, until, caseID string
	events               []string
	onlyFailed           bool
}

func newReplayEndpoint() *cobra.Command {
	var server serverFlags
	var filter replayFilter
	var wait bool
	cmd := &cobra.Command{
		Use:   "endpoint ID",
		Short: "Have a server send an endpoint again what is in its log",
		Long: `Have a server send an endpoint again what is in its log by now, or what the flags narrow it to:
in the background, in the order of each case, and behind what is new. One replay of an endpoint
runs at a time.`,
		Args: exactly("ID"),
		RunE: func(cmd *cobra.Command, arguments []string) error {
			body, err := filter.body()
			if err != nil {
				return err
			}
			c, err := server.client(cmd)
			if err != nil {
				return err
			}
			var begun replay
			if _, err := c.ask(cmd.Context(), http.MethodPost, "/v1/endpoints/"+url.PathEscape(arguments[0])+"/replay", "", body, &begun); err != nil {
				return err
			}
			screen := newScreen(cmd.OutOrStdout())
			screen.line("Replay %s has begun.", begun.ID)
			if !wait {
				return nil
			}
			return begun.follow(cmd.Context(), screen, c)
		},
	}
	server.add(cmd)
	cmd.Flags().StringVar(&filter.since, "since", "", "only events of this `TIME` or later, such as 2026-11-23T14:05:06Z")
	cmd.Flags().StringVar(&filter.until, "until", "", "only events before this `TIME`")
	cmd.Flags().StringVar(&filter.caseID, "case", "", "only events of the case with this `ID`")
	cmd.Flags().StringArrayVar(&filter.events, "event", nil, "only events of this `NAME`; may be repeated")
	cmd.Flags().BoolVar(&filter.onlyFailed, "only-failed", false, "only deliveries that have failed")
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until it has ended, and print how far it is")
	return cmd
}

// body returns what is asked of a server.
func (f *replayFilter) body() (object, error) {
	body := object{"onlyFailed": f.onlyFailed}
	for _, moment := range []struct{ flag, field, text string }{{"--since", "since", f.since}, {"--until", "until", f.until}} {
		if moment.text == "" {
			continue
		}
		if _, err := time.Parse(time.RFC3339, moment.text); err != nil {
			return nil, misuse{errors.New(moment.flag + " must be a time such as 2026-11-23T14:05:06Z")}
		}
		body[moment.field] = moment.text
	}
	for _, event := range f.events {
		if err := isEvent("--event", event); err != nil {
			return nil, err
		}
	}
	if len(f.events) > 0 {
		body["events"] = f.events
	}
	if f.caseID != "" {
		body["caseId"] = f.caseID
	}
	return body, nil
}

func newReplayStop() *cobra.Command {
	var server serverFlags
	cmd := &cobra.Command{
		Use:   "stop ID",
		Short: "Stop a replay",
		Long:  "Stop a replay. What it has not sent again yet is as it was before.",
		Args:  exactly("ID"),
		RunE: func(cmd *cobra.Command, arguments []string) error {
			c, err := server.client(cmd)
			if err != nil {
				return err
			}
			var stopped replay
			if _, err := c.ask(cmd.Context(), http.MethodPost, "/v1/replays/"+url.PathEscape(arguments[0])+"/stop", "", nil, &stopped); err != nil {
				return err
			}
			newScreen(cmd.OutOrStdout()).line("Replay %s is stopped.", stopped.ID)
			return nil
		},
	}
	server.add(cmd)
	return cmd
}

// replay is how far a replay is, as a server shows it.
type replay struct {
	ID, EndpointID, State string
	Progress              float64
	Queued, Waiting       int64
}

const (
	// replayPace is how long it is between two looks at a replay.
	replayPace = time.Second / 2
	// replayPatience is how many looks in a row may fail: a server that restarts answers again.
	replayPatience = 120
)

// follow prints how far a replay is until it has ended. It goes on where ctx ends before it.
func (r replay) follow(ctx context.Context, screen *screen, c *client) error {
	said := ""
	tell := func(text string) {
		if text != said {
			screen.line("%s", text)
			said = text
		}
	}
	ticker := time.NewTicker(replayPace)
	defer ticker.Stop()
	before := r
	for failures := 0; ; {
		look := r
		_, err := c.ask(ctx, http.MethodGet, "/v1/replays/"+url.PathEscape(r.ID), "", nil, &look)
		switch {
		case ctx.Err() != nil:
			return fmt.Errorf("not waited for: the replay goes on, and casehook replay stop %s stops it", r.ID)
		case err != nil:
			if failures++; failures == replayPatience || !passes(err) {
				return err
			}
			tell("The server does not answer: it is asked again.")
		case look.State == "done" && look.Queued == 0:
			screen.line("Done: there was nothing to send beside what waits already.")
			return nil
		case look.State == "done":
			screen.line("Done: %d sent. What was not taken waits for its next attempt.", look.Queued)
			return nil
		case look.State == "stopped":
			return errors.New("the replay was stopped")
		default:
			failures = 0
			tell(fmt.Sprintf("%3.0f %% looked through: %d found so far, %d of them not sent yet%s",
				100*look.Progress, look.Queued, look.Waiting, look.held(ctx, c, look.Waiting > 0 && look == before)))
			before = look
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
}

// held says why the endpoint is sent nothing, where that is so. Still is whether the replay is where it was.
func (r replay) held(ctx context.Context, c *client, still bool) string {
	var endpoint struct {
		State  string
		Health struct{ State string }
	}
	_, err := c.ask(ctx, http.MethodGet, "/v1/endpoints/"+url.PathEscape(r.EndpointID), "", nil, &endpoint)
	switch {
	case err != nil:
		return ""
	case endpoint.State != "active":
		return "; it waits, as the endpoint is " + cut(endpoint.State, 20)
	case endpoint.Health.State != "open":
		return "; it waits, as the endpoint has failed ten times in a row" + r.failing(ctx, c)
	case still:
		if failing := r.failing(ctx, c); failing != "" {
			return "; it waits, as what comes first fails" + failing
		}
	}
	return ""
}

// failing says why the endpoint has not taken what it was sent, and when it is tried again, where that is known.
func (r replay) failing(ctx context.Context, c *client) string {
	var list struct {
		Data []struct {
			ID            string
			NextAttemptAt *time.Time
		}
	}
	query := url.Values{"endpointId": {r.EndpointID}, "state": {"pending"}, "tried": {"true"}, "limit": {"100"}}
	if _, err := c.ask(ctx, http.MethodGet, "/v1/deliveries?"+query.Encode(), "", nil, &list); err != nil {
		return ""
	}
	var id string
	var next time.Time
	for _, waits := range list.Data {
		if at := waits.NextAttemptAt; at != nil && (id == "" || at.Before(next)) {
			id, next = waits.ID, *at
		}
	}
	if id == "" {
		return ""
	}
	text := "; the next attempt is at " + next.Local().Format("15:04:05")
	var delivery struct {
		Attempts []struct {
			StatusCode *int
			Error      *string
		}
	}
	if _, err := c.ask(ctx, http.MethodGet, "/v1/deliveries/"+url.PathEscape(id), "", nil, &delivery); err != nil || len(delivery.Attempts) == 0 {
		return text
	}
	switch last := delivery.Attempts[len(delivery.Attempts)-1]; {
	case last.Error != nil:
		return ": " + cut(*last.Error, maxSaid) + text
	case last.StatusCode != nil:
		return fmt.Sprintf(": it answered %d%s", *last.StatusCode, text)
	}
	return text
}

// passes reports whether a call that failed may succeed by itself in a moment.
func passes(err error) bool {
	p, ok := errors.AsType[*problem](err)
	return !ok || p.status >= http.StatusInternalServerError
}
