package main

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func newReplayFiles() *cobra.Command {
	var to partnerFlags
	cmd := &cobra.Command{
		Use:   "files DIR|FILE... --url URL",
		Short: "Send a receiver what casehook listen --record has kept",
		Long: `Send a receiver what casehook listen --record has kept, in the order in which it came: the same
bytes and the same headers, webhook-id among them, but signed anew. Without a secret the
signatures are those that came, which a receiver refuses when they are older than five minutes.
The status is 1 where the receiver does not answer with 2xx.`,
		Args: func(cmd *cobra.Command, names []string) error {
			if len(names) == 0 {
				return misuse{fmt.Errorf("usage: %s", cmd.UseLine())}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, names []string) error {
			receiver, err := to.unsigned(cmd)
			if err != nil {
				return err
			}
			if receiver.secrets, err = to.secret.read(cmd); err != nil {
				return err
			}
			if err := receiver.secrets.signing(); err != nil {
				return err
			}
			files, err := recordings(names)
			if err != nil {
				return err
			}
			return resend(cmd, receiver, files)
		},
	}
	to.add(cmd)
	return cmd
}

// resend sends recorded webhooks one after the other, and prints a line of each.
func resend(cmd *cobra.Command, to *partner, files []string) error {
	screen := newScreen(cmd.OutOrStdout())
	signs := !to.secrets.none()
	if !signs {
		screen.line("There is no secret (--secret-file, or %s): the signatures are those that came, and a receiver refuses them after five minutes.", secretVariable)
	}
	refused := 0
	for _, file := range files {
		l, err := readRecording(cmd, file)
		if err == nil && signs {
			l, err = l.signAnew(to.secrets, time.Now())
		}
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		maps.Copy(l.header, to.header)
		got := to.post(cmd.Context(), l.header, l.body)
		if cmd.Context().Err() != nil {
			return errors.New("stopped")
		}
		screen.line("%s  %s: %s", file, l, got)
		if got.taken() {
			continue
		}
		refused++
		if said := cut(strings.TrimSpace(got.text), maxSaid); said != "" {
			screen.line("    %s", said)
		}
	}
	if refused > 0 {
		return fmt.Errorf("not answered with 2xx: %d of %d", refused, len(files))
	}
	return nil
}
