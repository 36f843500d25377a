package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/casehook/casehook/internal/rest"
)

func newSchema() *cobra.Command {
	var open bool
	var out string
	cmd := &cobra.Command{
		Use:   "schema [NAME]",
		Short: "Print the JSON Schema of an event's body or of a case",
		Long: `Print the JSON Schema (2020-12) of the body of an event's webhook, or of a case, whole in itself
and with an example. It is as strict as the format; a receiver that validates what comes should
take it with --open, because new fields may come.

Without a NAME the names are listed; with --out, all schemas are written. NAME is one of
` + strings.Join(rest.SchemaNames(), ", ") + `.`,
		Args: knownSchema,
		RunE: func(cmd *cobra.Command, arguments []string) error {
			if out != "" {
				names := arguments
				if len(names) == 0 {
					names = rest.SchemaNames()
				}
				return writeSchemas(out, names, open)
			}
			if len(arguments) == 0 {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), strings.Join(rest.SchemaNames(), "\n"))
				return err
			}
			schema, err := rest.Schema(arguments[0], open)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s\n", schema)
			return err
		},
	}
	cmd.Flags().BoolVar(&open, "open", false, "allow fields that the format does not have")
	cmd.Flags().StringVar(&out, "out", "", "write NAME.json into `DIR`, without a NAME all of them")
	return cmd
}

// knownSchema refuses anything but the name of one schema, or none.
func knownSchema(cmd *cobra.Command, arguments []string) error {
	if len(arguments) > 1 {
		return misuse{fmt.Errorf("usage: %s", cmd.UseLine())}
	}
	if len(arguments) == 1 && !slices.Contains(rest.SchemaNames(), arguments[0]) {
		return misuse{errors.New("NAME must be one of " + strings.Join(rest.SchemaNames(), ", "))}
	}
	return nil
}

// writeSchemas writes each schema into a file of its name, in place of one that is there.
func writeSchemas(dir string, names []string, open bool) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, name := range names {
		schema, err := rest.Schema(name, open)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name+".json"), append(schema, '\n'), 0o644); err != nil {
			return err
		}
	}
	return nil
}
