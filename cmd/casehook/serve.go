package main

import (
	"github.com/spf13/cobra"

	"github.com/casehook/casehook/internal/app"
	"github.com/casehook/casehook/internal/config"
	"github.com/casehook/casehook/internal/telemetry"
)

func newServe() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: `Run the server until SIGINT or SIGTERM, which it follows in good order: requests
and attempts that are under way are finished, everything else waits on disk.

Every flag can also be set in the environment, as --public-url by
CASEHOOK_PUBLIC_URL, or in the file that --config names, as public-url: ….
Only there can keys be set: CASEHOOK_ADMIN_KEY is an admin key of the organisation
default, and CASEHOOK_MASTER_KEY seals everything in place of DATA/master.key.`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := settings(cmd)
			if err != nil {
				return err
			}
			log, err := telemetry.NewLogger(cmd.ErrOrStderr(), cfg.LogLevel, cfg.LogFormat)
			if err != nil {
				return misuse{err}
			}
			telemetry.Hush(log)
			a, err := app.Open(cmd.Context(), cfg, log)
			if err != nil {
				return err
			}
			log.Info("serving", "address", "http://"+a.Addr(), "version", app.Version(), "settings", cfg)
			if !a.HasKeys() {
				log.Warn("there is no API key yet: stop the server and run casehook keys create, or set CASEHOOK_ADMIN_KEY")
			}
			return a.Run(cmd.Context())
		},
	}
	config.AddFlags(cmd.Flags())
	return cmd
}
