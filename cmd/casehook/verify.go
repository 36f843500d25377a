package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/casehook/casehook/internal/app"
	"github.com/casehook/casehook/internal/config"
	"github.com/casehook/casehook/internal/store"
)

func newVerify() *cobra.Command {
	var secret secretFlags
	var headers []string
	var at string
	cmd := &cobra.Command{
		Use:   "verify [FILE]",
		Short: "Say why the signature of a webhook fails, or check what was recorded",
		Long: `Verify a webhook, and where its signature fails say why: a wrong secret, a changed body, a body
that was parsed and printed again, an old timestamp. FILE has the body exactly as it came, as
casehook listen --record keeps it; where its headers are beside it, in a file that ends in .headers,
they are taken from there, but for those that --header gives. The file - is standard input.

The commands receipts and audit check what a server has recorded.`,
		Args: func(cmd *cobra.Command, arguments []string) error {
			if len(arguments) > 1 {
				return misuse{fmt.Errorf("usage: %s", cmd.UseLine())}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, arguments []string) error {
			if len(arguments) == 0 {
				return cmd.Help()
			}
			when := time.Now()
			if at != "" {
				var err error
				if when, err = time.Parse(time.RFC3339, at); err != nil {
					return misuse{errors.New("--at must be a time such as 2026-11-23T14:05:06Z")}
				}
			}
			s, err := readSuspect(cmd, arguments[0], headers)
			if err != nil {
				return err
			}
			known, err := secret.require(cmd)
			if err != nil {
				return err
			}
			genuine, says := diagnose(s, known, when)
			if !genuine {
				fmt.Fprintf(cmd.OutOrStdout(), "%s: NOT VERIFIED: %s\n", arguments[0], says)
				return errors.New("the webhook is not genuine")
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", arguments[0], says)
			return nil
		},
	}
	secret.add(cmd)
	cmd.Flags().StringArrayVar(&headers, "header", nil, "a `HEADER` that came, \"name: value\"; may be repeated. @FILE reads them from a file, one a line")
	cmd.Flags().StringVar(&at, "at", "", "when it came, a `TIME` such as 2026-11-23T14:05:06Z (default now)")
	cmd.AddCommand(newVerifyChains("receipts", "receipt", "receipts", app.VerifyReceipts))
	cmd.AddCommand(newVerifyChains("audit", "entry of the audit", "entries", app.VerifyAudit))
	return cmd
}

// readSuspect reads a webhook as it came: its body, and the headers that are given or lie beside it.
func readSuspect(cmd *cobra.Command, file string, headers []string) (suspect, error) {
	body, err := readFile(cmd, file)
	if err != nil {
		return suspect{}, err
	}
	header, err := readHeaders(cmd, headers)
	if err != nil {
		return suspect{}, err
	}
	if beside := headersOf(file); file != "-" {
		if _, err := os.Stat(beside); err == nil {
			came, err := readHeaders(cmd, []string{"@" + beside})
			if err != nil {
				return suspect{}, err
			}
			maps.Copy(came, header)
			header = came
		}
	}
	if len(header) == 0 {
		return suspect{}, misuse{errors.New("the headers are needed: --header @FILE, or each by --header")}
	}
	return suspect{header, body}, nil
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
