package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/casehook/casehook/internal/app"
	"github.com/casehook/casehook/internal/config"
)

func newVerify() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Check what was recorded",
		Args:  none,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newVerifyReceipts())
	return cmd
}

// errReceipts is said in more words before.
var errReceipts = errors.New("the receipts are not what they were")

func newVerifyReceipts() *cobra.Command {
	var head string
	cmd := &cobra.Command{
		Use:   "receipts",
		Short: "Check that no receipt was changed, taken out or put in",
		Long: `Check that no receipt was changed, taken out or put in: that the hash of each block
covers its receipts and the block before. The server may be running.

Receipts that were taken from the end, together with their blocks, are missed only by
who knows of them: note the head that is printed somewhere else, and give it to the
next check.`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := settings(cmd)
			if err != nil {
				return err
			}
			chains, err := app.VerifyReceipts(cmd.Context(), cfg, head)
			out := cmd.OutOrStdout()
			for _, c := range chains {
				if c.Fault != "" {
					fmt.Fprintf(out, "%s: WRONG after block %d: %s\n", c.Organization, c.Blocks, c.Fault)
					err = errors.Join(err, errReceipts)
					continue
				}
				fmt.Fprintf(out, "%s: %d receipts in %d blocks are as they were", c.Organization, c.Receipts, c.Blocks)
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
