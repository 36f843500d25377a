package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/casehook/casehook/internal/app"
	"github.com/casehook/casehook/internal/config"
	"github.com/casehook/casehook/internal/store"
)

func newVerify() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check what was recorded",
		Args:  none,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newVerifyChains("receipts", "receipt", "receipts", app.VerifyReceipts))
	cmd.AddCommand(newVerifyChains("audit", "entry of the audit", "entries", app.VerifyAudit))
	return cmd
}

// newVerifyChains is the command that checks chains of one kind. One and many are what is
// chained.
func newVerifyChains(name, one, many string, verify func(context.Context, config.Config, string) ([]store.Chain, error)) *cobra.Command {
	var head string
	wrong := errors.New("the " + many + " are not what they were") // said in more words before
	cmd := &cobra.Command{
		Use:   name,
		Short: "Check that no " + one + " was changed, taken out or put in",
		Long: fmt.Sprintf(`Check that no %s was changed, taken out or put in: that the hash of each block
covers its %[2]s and the block before. The server may be running.

What was taken from the end, together with its blocks, is missed only by who knows of
it: note the head that is printed somewhere else, and give it to the next check.`, one, many),
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := settings(cmd)
			if err != nil {
				return err
			}
			chains, err := verify(cmd.Context(), cfg, head)
			out := cmd.OutOrStdout()
			for _, c := range chains {
				if c.Fault != "" {
					fmt.Fprintf(out, "%s: WRONG after block %d: %s\n", c.Organization, c.Blocks, c.Fault)
					err = errors.Join(err, wrong)
					continue
				}
				fmt.Fprintf(out, "%s: %d %s in %d blocks are as they were", c.Organization, c.Chained, many, c.Blocks)
				if c.Unchained > 0 {
					fmt.Fprintf(out, ", %d wait for the next block", c.Unchained)
				}
				if c.Head != "" {
					fmt.Fprintf(out, "; head %s", c.Head)
				}
				fmt.Fprintln(out)
			}
			return err
		},
	}
	cmd.Flags().StringVar(&head, "head", "", "the `HASH` of a block that has to be there still")
	config.AddFlags(cmd.Flags(), "database", "data")
	return cmd
}
