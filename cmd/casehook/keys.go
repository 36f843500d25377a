package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/casehook/casehook/internal/app"
	"github.com/casehook/casehook/internal/config"
	"github.com/casehook/casehook/internal/store"
)

func newKeys() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "Make, list and revoke API keys while no server runs; rotate the master key",
		Long: `Make, list and revoke API keys. With SQLite that needs the database for itself:
while a server runs, ask it, under /v1/api-keys. The master key is rotated while servers
run, or while none does.`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var organization string
	config.AddFlags(cmd.PersistentFlags(), "database", "data", "shares")
	cmd.PersistentFlags().StringVar(&organization, "organization", "default", "whose keys")
	cmd.AddCommand(newKeysCreate(&organization), newKeysList(&organization), newKeysRevoke(&organization), newKeysRotate())
	return cmd
}

func newKeysCreate(organization *string) *cobra.Command {
	var name, role string
	var expires time.Duration
	cmd := &cobra.Command{
		Use:   "create --name NAME [--role admin|writer|reader] [--expires 720h]",
		Short: "Make an API key and print it, this once",
		Long:  "Make an API key and print it, this once. Where there is no database yet, one is made.",
		Args:  none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if expires < 0 {
				return misuse{errors.New("--expires must not be negative")}
			}
			var until time.Time
			if expires > 0 {
				until = time.Now().Add(expires)
			}
			return withKeys(cmd, app.MakeKeys, func(keys *app.Keys) error {
				id, key, err := keys.Create(cmd.Context(), *organization, name, role, until)
				if err != nil {
					return err
				}
				fmt.Fprintf(cmd.ErrOrStderr(), "API key %s, shown this once:\n", id)
				_, err = fmt.Fprintln(cmd.OutOrStdout(), key)
				return err
			})
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "what the key is for")
	cmd.Flags().StringVar(&role, "role", "writer", "reader, writer or admin")
	cmd.Flags().DurationVar(&expires, "expires", 0, "how long the key is good for (default: for ever)")
	return cmd
}

func newKeysList(organization *string) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the API keys",
		Args:  none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return withKeys(cmd, app.OpenKeys, func(keys *app.Keys) error {
				list, err := keys.List(cmd.Context(), *organization)
				if err != nil {
					return err
				}
				table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
				_, _ = fmt.Fprintln(table, "ID\tROLE\tCREATED\tENDS\tNAME") // Flush tells
				for _, key := range list {
					_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", key.ID, key.Role, key.CreatedAt.Format(time.DateOnly), ends(key), key.Name)
				}
				return table.Flush()
			})
		},
	}
}

// ends says when a key is no longer good.
func ends(key app.KeyInfo) string {
	switch {
	case key.RevokedAt != nil:
		return "revoked"
	case key.ExpiresAt != nil && key.ExpiresAt.Before(time.Now()):
		return "expired"
	case key.ExpiresAt != nil:
		return key.ExpiresAt.Format(time.DateOnly)
	}
	return "never"
}

func newKeysRevoke(organization *string) *cobra.Command {
	return &cobra.Command{
		Use:   "revoke ID",
		Short: "End an API key",
		Args:  exactly("ID"),
		RunE: func(cmd *cobra.Command, arguments []string) error {
			return withKeys(cmd, app.OpenKeys, func(keys *app.Keys) error {
				return keys.Revoke(cmd.Context(), *organization, arguments[0])
			})
		},
	}
}

func newKeysRotate() *cobra.Command {
	var patience time.Duration
	var uri string
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Make a new master key, and have every key wrapped by it",
		Long: `Put a new master key first in master.key, or with --to one that is kept in a KMS, and have the
key of every case and organisation wrapped by it. Servers may be running: they take it up, and with SQLite the one that has the
database does the work. Nothing that was sealed is touched, and the older master keys stay in
the file. If it is interrupted, run it again: it goes on.`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := settings(cmd)
			if err != nil {
				return err
			}
			return app.RotateMasterKey(cmd.Context(), cfg, uri, patience, cmd.OutOrStdout())
		},
	}
	cmd.Flags().StringVar(&uri, "to", "", "wrap by the key in AWS KMS with this `URI`, aws-kms://arn:aws:kms:REGION:ACCOUNT:key/ID (default a new key in the file)")
	cmd.Flags().DurationVar(&patience, "wait", 10*time.Minute, "how long it may take")
	return cmd
}

// withKeys has the database opened by open for f.
func withKeys(cmd *cobra.Command, open func(context.Context, config.Config) (*app.Keys, error), f func(*app.Keys) error) error {
	cfg, err := settings(cmd)
	if err != nil {
		return err
	}
	keys, err := open(cmd.Context(), cfg)
	if errors.Is(err, store.ErrInUse) {
		return fmt.Errorf("%w; a running server makes and lists keys at /v1/api-keys", err)
	}
	if err != nil {
		return err
	}
	return errors.Join(f(keys), keys.Close())
}
