package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/casehook/casehook/caseupdate"
	"github.com/casehook/casehook/internal/rest"
)

func newSchema() *cobra.Command {
	var open bool
	cmd := &cobra.Command{
		Use:   "schema EVENT",
		Short: "Print the JSON Schema of an event's body",
		Long: `Print the JSON Schema (2020-12) of the body of an event's webhook, whole in itself. It is as
strict as the format; a receiver that validates what comes should take it with --open, because
new fields may come.

EVENT is one of ` + eventNames() + `.`,
		Args: knownEvent,
		RunE: func(cmd *cobra.Command, arguments []string) error {
			schema, err := rest.EventSchema(caseupdate.Event(arguments[0]), open)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\n", schema)
			return err
		},
	}
	cmd.Flags().BoolVar(&open, "open", false, "allow fields that the format does not have")
	return cmd
}

// knownEvent refuses anything but the name of one event.
func knownEvent(cmd *cobra.Command, arguments []string) error {
	if err := exactly("EVENT")(cmd, arguments); err != nil {
		return err
	}
	if !caseupdate.Event(arguments[0]).Known() {
		return misuse{errors.New("EVENT must be one of " + eventNames())}
	}
	return nil
}
