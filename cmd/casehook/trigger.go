package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/subscription"
)

// trigger is what casehook trigger sends.
type trigger struct {
	sets                              []string
	full, duplicate, tamper, reversed bool
	repeat                            int
}

func newTrigger() *cobra.Command {
	var to partnerFlags
	var what trigger
	var print bool
	cmd := &cobra.Command{
		Use:   "trigger EVENT --url URL",
		Short: "Send a signed sample of an event to a receiver",
		Long: `Send a signed sample of an event to a receiver, and say what it answered. The patient and the
case are made up. The status is 1 where the receiver does not answer as it should: with 2xx,
or with 4xx to what was tampered with.

EVENT is one of ` + eventNames() + `.`,
		Args: knownEvent,
		RunE: func(cmd *cobra.Command, arguments []string) error {
			messages, err := what.messages(caseupdate.Event(arguments[0]), time.Now())
			if err != nil {
				return err
			}
			if print {
				for _, m := range messages {
					fmt.Fprintf(cmd.OutOrStdout(), "%s\n", m.body)
				}
				return nil
			}
			receiver, err := to.partner(cmd)
			if err != nil {
				return err
			}
			return what.send(cmd.Context(), cmd.OutOrStdout(), receiver, messages)
		},
	}
	to.add(cmd)
	cmd.Flags().StringArrayVar(&what.sets, "set", nil, "put a value into the body, `PATH=VALUE`: JSON, or else text, at a path as validate shows it; may be repeated")
	cmd.Flags().BoolVar(&what.full, "full", false, "send the full case")
	cmd.Flags().IntVar(&what.repeat, "repeat", 1, "send `N` events of one case, numbered from 1")
	cmd.Flags().BoolVar(&what.reversed, "out-of-order", false, "send the last event first, and the others before it is answered; three events, where --repeat does not say otherwise")
	cmd.Flags().BoolVar(&what.duplicate, "duplicate", false, "send each event twice, as when an answer was lost")
	cmd.Flags().BoolVar(&what.tamper, "tamper", false, "change the body after it was signed: the receiver must refuse it")
	cmd.Flags().BoolVar(&print, "print", false, "print the body, and send nothing")
	return cmd
}

// knownEvent refuses anything but the name of one event.
func knownEvent(cmd *cobra.Command, arguments []string) error {
	if err := exactly("EVENT")(cmd, arguments); err != nil {
		return err
	}
	return isEvent("EVENT", arguments[0])
}

// messages returns what is to be sent, in the order in which it is.
func (t *trigger) messages(event caseupdate.Event, at time.Time) ([]message, error) {
	if t.repeat < 1 {
		return nil, misuse{errors.New("--repeat must be 1 or more")}
	}
	if t.reversed && t.repeat == 1 {
		t.repeat = 3
	}
	payload := subscription.PayloadEvent
	if t.full {
		payload = subscription.PayloadFull
	}
	m, err := newSample(event, payload, at)
	if err != nil {
		return nil, err
	}
	for _, text := range t.sets {
		path, value, ok := strings.Cut(text, "=")
		if !ok || path == "" {
			return nil, misuse{errors.New("--set must be PATH=VALUE, such as payload.case.title=Migraine")}
		}
		if m, err = m.with(path, valueOf(value)); err != nil {
			return nil, misuse{fmt.Errorf("--set %w", err)}
		}
	}
	if m, err = m.known(); err != nil {
		return nil, misuse{fmt.Errorf("--set %w", err)}
	}
	messages := []message{m}
	for len(messages) < t.repeat {
		if m, err = m.next(); err != nil {
			return nil, err
		}
		messages = append(messages, m)
	}
	if t.reversed {
		slices.Reverse(messages)
	}
	return messages, nil
}

// valueOf returns JSON as it is, without white space, and all else as a JSON string.
func valueOf(text string) any {
	var compact bytes.Buffer
	if json.Compact(&compact, []byte(text)) != nil {
		return text
	}
	return json.RawMessage(compact.Bytes())
}

// send sends the messages, and prints a line of each. Each waits for the answer to the one before, but where
// they are out of order: a receiver may hold what is early until what is missing has come.
func (t *trigger) send(ctx context.Context, out io.Writer, to *partner, messages []message) error {
	if t.duplicate {
		messages = twice(messages)
	}
	atOnce := 1
	if t.reversed {
		atOnce = len(messages)
	}
	wrong := 0
	for some := range slices.Chunk(messages, atOnce) {
		letters := make([]letter, len(some))
		for i, m := range some {
			var err error
			if letters[i], err = t.letter(m, to); err != nil {
				return err
			}
		}
		answers := to.postAll(ctx, letters)
		if ctx.Err() != nil {
			return errors.New("stopped")
		}
		for i, got := range answers {
			if !t.tell(out, some[i], got) {
				wrong++
			}
		}
	}
	switch {
	case wrong > 0 && t.tamper:
		return fmt.Errorf("not refused with 4xx, though the body was changed: %d of %d", wrong, len(messages))
	case wrong > 0:
		return fmt.Errorf("not answered with 2xx: %d of %d", wrong, len(messages))
	}
	return nil
}

// twice returns each message followed by itself, as it is sent again.
func twice(messages []message) []message {
	var all []message
	for _, m := range messages {
		all = append(all, m, m.again())
	}
	return all
}

// letter signs a message, and changes it then where that is asked for.
func (t *trigger) letter(m message, to *partner) (letter, error) {
	header, err := m.sign(to.secrets, time.Now())
	if err != nil {
		return letter{}, err
	}
	maps.Copy(header, to.header)
	body := m.body
	if t.tamper {
		body, err = tampered(m)
	}
	return letter{header, body}, err
}

// tell prints what a message was answered, and returns whether that is right.
func (t *trigger) tell(out io.Writer, m message, got answer) bool {
	right, praise := got.taken(), ""
	if t.tamper {
		right = got.refused()
	}
	if right && t.tamper {
		praise = ", as it must be"
	}
	fmt.Fprintf(out, "%s  sequence %d, attempt %d: %s%s\n", m.id, m.sequence, m.attempt, got, praise)
	if said := cut(strings.TrimSpace(got.text), maxSaid); !right && said != "" {
		fmt.Fprintf(out, "    %s\n", said)
	}
	return right
}

// tampered returns the body of a message as nobody signed it: JSON still, but of another case.
func tampered(m message) ([]byte, error) {
	changed, err := m.with("payload.case.shortId", "TST-CHANGED")
	return changed.body, err
}
