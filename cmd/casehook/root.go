package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/casehook/casehook/internal/config"
)

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "casehook",
		Short: "casehook keeps telehealth cases and sends Case Updates webhooks of every change",
		Args: func(_ *cobra.Command, arguments []string) error {
			if len(arguments) > 0 {
				return misuse{fmt.Errorf("there is no command %q: see casehook help", arguments[0])}
			}
			return nil
		},
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return misuse{err} })
	root.AddCommand(newServe(), newDemo(), newDoctor(), newKeys(), newListen(), newMigrate(), newReplay(), newSchema(), newTrigger(), newValidate(), newVerify(), newVersion())
	return root
}

// settings returns the configuration for a command.
func settings(cmd *cobra.Command) (config.Config, error) {
	cfg, err := config.Load(cmd.Flags(), os.Environ())
	if err != nil {
		return config.Config{}, misuse{err}
	}
	return cfg, nil
}

// none refuses arguments.
func none(cmd *cobra.Command, arguments []string) error {
	if err := cobra.NoArgs(cmd, arguments); err != nil {
		return misuse{fmt.Errorf("%s takes no arguments", cmd.CommandPath())}
	}
	return nil
}

// exactly refuses another number of arguments than of names.
func exactly(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, arguments []string) error {
		if len(arguments) != len(names) {
			return misuse{fmt.Errorf("usage: %s", cmd.UseLine())}
		}
		return nil
	}
}
